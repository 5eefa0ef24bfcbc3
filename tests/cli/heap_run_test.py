#!/usr/bin/python3
"""heap_run_test.py SLUICE SUBJECT: `sluice heap run` and `heap symbolize` on real programs."""

import glob
import gzip
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
sys.path.insert(0, os.path.join(HERE, "..", "profile"))

import tap  # noqa: E402
from pprof_reader import Profile  # noqa: E402

SLUICE, SUBJECT = (os.path.abspath(path) for path in sys.argv[1:3])
KEPT_BYTES = 4096 * 16384
# 1,600 samples of what is kept on any machine: 0.75 to 1.25 is 12 times the deviation.
SAMPLED = {"SLUICE_HEAP_RATE": "32K", "SLUICE_HEAP_SAMPLES_PER_SECOND_MAX": "0"}
COULD_NOT = 3


def run(folder, *words, options=(), **environment):
    return subprocess.run([SLUICE, "heap", "run", *options, "--", *words], cwd=folder,
                          capture_output=True, timeout=60, check=False, text=True,
                          env={**os.environ, **SAMPLED, **environment})


def profiles(folder):
    return sorted(glob.glob(os.path.join(folder, "*.pb.gz")))


def read(path):
    with open(path, "rb") as file:
        return Profile(file.read())


def in_use_of(profile, function):
    place = [name for name, _ in profile.sample_types].index("inuse_space")
    return sum(values[place] for frames, _, values in profile.samples if function in frames)


def in_a_folder(test):
    def claim():
        with tempfile.TemporaryDirectory(prefix="heap run-") as folder:
            test(folder)
    claim.__name__ = test.__name__
    return claim


@in_a_folder
def the_profile_names_who_holds_the_memory(folder):
    done = run(folder, SUBJECT)
    path, = profiles(folder)
    assert done.returncode == 0, done
    assert done.stderr == f"sluice heap run: wrote {os.path.basename(path)}\n", done.stderr
    held = in_use_of(read(path), "keep_blocks")
    assert 0.75 * KEPT_BYTES < held < 1.25 * KEPT_BYTES, held
    function, = [each for each in read(path).functions.values()
                 if read(path).strings[each["name"]] == "keep_blocks"]
    assert read(path).strings[function["filename"]].endswith("/heap_run_subject.c")


@in_a_folder
def the_program_is_as_it_would_be_alone(folder):
    for words, status in ((["exit", "7"], 7), (["kill", "9"], 128 + 9), (["kill", "11"], 128 + 11)):
        assert run(folder, SUBJECT, *words).returncode == status
    done = run(folder, "sh", "-c", "cat; echo out; echo err >&2; exit 5")
    assert (done.returncode, done.stdout) == (5, "out\n"), done
    assert done.stderr.startswith("err\n"), done
    done = run(folder, "sh", "-c", 'echo "$LD_PRELOAD"', LD_PRELOAD="libc.so.6")
    assert done.stdout.endswith("/libsluice-heap.so:libc.so.6\n"), done


@in_a_folder
def options_reach_the_profiler(folder):
    os.mkdir(os.path.join(folder, "out"))
    done = run(folder, SUBJECT, "fork", options=["--rate", "64KiB", "-o", "out/[a]*"])
    assert done.returncode == 0, done
    paths = profiles(os.path.join(folder, "out"))
    assert len(paths) == 2 and not profiles(folder), paths
    for path in paths:
        assert os.path.basename(path).startswith("[a]*.")
        assert read(path).raw["period"] == 65536
    held = sorted(in_use_of(read(path), "keep_blocks") / KEPT_BYTES for path in paths)
    assert 0.8 < held[0] < 1.2 and 1.7 < held[1] < 2.3, held
    assert done.stderr.startswith("sluice heap run: wrote 2 profiles, from out/[a]*."), done.stderr


@in_a_folder
def signals_are_handed_on(folder):
    with subprocess.Popen([SLUICE, "heap", "run", SUBJECT, "wait"], cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"waiting\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 40 + signal.SIGTERM, process.returncode
    assert len(profiles(folder)) == 1


@in_a_folder
def what_cannot_be_done_is_said(folder):
    done = run(folder, "/nowhere/program")
    assert done.returncode == COULD_NOT, done
    assert done.stderr == ("sluice heap run: cannot start /nowhere/program: "
                           "No such file or directory\n"), done.stderr
    done = run(folder, SUBJECT, SLUICE_HEAP_LIBRARY="/nowhere/library.so")
    assert done.returncode == COULD_NOT and "SLUICE_HEAP_LIBRARY" in done.stderr, done
    done = run(folder, SUBJECT, "kill", "9")
    assert "left no profile: it was ended by a signal; --every" in done.stderr, done.stderr


@in_a_folder
def static_programs_are_told_from_others(folder):
    with open(os.path.join(folder, "static.c"), "w", encoding="utf-8") as file:
        file.write("int main(void) { return 0; }\n")
    subprocess.run(["cc", "-static", "-o", "static", "static.c"], cwd=folder, check=True)
    done = run(folder, "./static")
    assert done.returncode == 0, done
    assert "./static left no profile: it may be linked statically" in done.stderr, done.stderr


@in_a_folder
def a_profile_without_names_gets_them_later(folder):
    done = run(folder, SUBJECT, "exit", "0", options=["--every", "1ms", "--files", "3"])
    assert done.returncode == 0, done
    named = profiles(folder)[0]
    subprocess.run([SUBJECT], check=True, cwd=folder, env={
        **os.environ, **SAMPLED, "LD_PRELOAD": library_of(folder), "SLUICE_HEAP_OUT": "plain"})
    plain, = glob.glob(os.path.join(folder, "plain.*.pb.gz"))
    assert "keep_blocks" not in read(plain).strings
    with open(plain, "rb") as file:
        piped = subprocess.run([SLUICE, "heap", "symbolize", "-", "--out", "-"], stdin=file,
                               capture_output=True, check=True)
    assert in_use_of(Profile(piped.stdout), "keep_blocks") > 0.75 * KEPT_BYTES
    assert b"locations" in piped.stderr and b" got names" in piped.stderr
    subprocess.run([SLUICE, "heap", "symbolize", plain], check=True, capture_output=True)
    assert in_use_of(read(plain), "keep_blocks") > 0.75 * KEPT_BYTES
    before = gzip.open(named).read()
    subprocess.run([SLUICE, "heap", "symbolize", named], check=True, capture_output=True)
    assert sorted(before) == sorted(gzip.open(named).read()), "a second time changes nothing"


def library_of(folder):
    """As the program itself finds it."""
    return run(folder, "sh", "-c", 'echo "$LD_PRELOAD"').stdout.strip()


@in_a_folder
def damaged_profiles_are_refused_and_left_alone(folder):
    path = os.path.join(folder, "profile.pb.gz")
    for content, said in ((b"no profile", "byte 0: no field of a profile"),
                          (gzip.compress(b"no profile"), "byte 0: no field of a profile"),
                          (gzip.compress(b"\x32\x00" * 1000)[:-9], "damaged or cut off")):
        with open(path, "wb") as file:
            file.write(content)
        done = subprocess.run([SLUICE, "heap", "symbolize", path], capture_output=True, text=True,
                              check=False)
        assert done.returncode == COULD_NOT and said in done.stderr, done
        with open(path, "rb") as file:
            assert file.read() == content
        assert os.listdir(folder) == ["profile.pb.gz"]


if __name__ == "__main__":
    sys.exit(tap.run([
        the_profile_names_who_holds_the_memory,
        the_program_is_as_it_would_be_alone,
        options_reach_the_profiler,
        signals_are_handed_on,
        what_cannot_be_done_is_said,
        static_programs_are_told_from_others,
        a_profile_without_names_gets_them_later,
        damaged_profiles_are_refused_and_left_alone,
    ]))
