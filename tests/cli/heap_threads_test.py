#!/usr/bin/python3
"""heap_threads_test.py SLUICE SUBJECT: the stacks of a program's threads, which do not notice."""

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "profile"))

import tap  # noqa: E402
from pprof_reader import Profile  # noqa: E402
from watched import WAIT_SECONDS, Watched  # noqa: E402

SLUICE, SUBJECT = (os.path.abspath(path) for path in sys.argv[1:3])
PLACES = {
    "condition": "wait_in_condition", "poll": "wait_in_poll", "select": "wait_in_select",
    "read": "wait_in_read", "sleep": "wait_in_sleep", "epoll": "wait_in_epoll",
    "semaphore": "wait_in_semaphore", "socket": "wait_in_timed_socket",
    "signal": "wait_for_signal", "loop": "work_in_loop", "deaf": "wait_deaf", "deep": "wait_deep",
}
FRAMES_MAX = 128
PTRACE_SEIZE = 0x4206


class Subject(Watched):
    """A thread for each of these kinds."""

    def __init__(self, *kinds):
        super().__init__(SLUICE, SUBJECT, *kinds, stdin=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def noticed(self):
        self.process.stdin.write("tell\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def profile(self):
        return Profile(self.get("threads")[0])


def threads_of(profile):
    """[(name, tid, state, frames)]."""
    found = []
    for frames, labels, values in profile.samples:
        assert values == (1,)
        by_key = {key: value for key, value, _ in labels}
        found.append((by_key["thread"], by_key["tid"], by_key["state"], frames))
    return found


def are_in_place(threads):
    """The main one, which has the program's name, among them."""
    return all(PLACES.get(name, "answer_lines") in frames for name, _, _, frames in threads)


def settled(subject):
    """The threads when each has come to where it stays."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        threads = threads_of(subject.profile())
        if are_in_place(threads):
            return threads
        assert time.monotonic() < deadline, threads


def each_thread_has_its_name_and_its_stack():
    with Subject(*PLACES) as subject:
        threads = settled(subject)
        profile = subject.profile()
        assert profile.sample_types == [("threads", "count")]
        assert profile.default_sample_type == "threads"
        by_name = {name: (state, frames) for name, _, state, frames in threads}
        assert set(PLACES) < set(by_name) and len(by_name) == len(PLACES) + 1, sorted(by_name)
        main, = set(by_name) - set(PLACES)
        assert "answer_lines" in by_name[main][1] and "main" in by_name[main][1]
        assert by_name["loop"][0] == "running", by_name["loop"]
        assert by_name["epoll"][0] == "sleeping in epoll_wait", by_name["epoll"]
        for name, (state, frames) in by_name.items():
            assert "missing" not in state, (name, state)
            assert name == main or len(frames) == FRAMES_MAX or "thread_main" in frames, name
        assert by_name["deep"][1].count("wait_deep") > 100 and len(by_name["deep"][1]) == FRAMES_MAX


def their_numbers_are_the_kernels():
    with Subject("read", "loop") as subject:
        numbers = {tid: name for name, tid, _, _ in settled(subject)}
        child = child_of(subject)
        listed = {int(tid) for tid in os.listdir(f"/proc/{child}/task")}
        assert set(numbers) < listed and len(listed - set(numbers)) == 1  # the one that serves
        for tid, name in numbers.items():
            with open(f"/proc/{child}/task/{tid}/comm", encoding="utf-8") as file:
                assert file.read().strip() == name


def child_of(subject):
    task = f"/proc/{subject.process.pid}/task/{subject.process.pid}/children"
    with open(task, encoding="utf-8") as file:
        return int(file.read().split()[0])


def no_call_ends_because_of_it():
    with Subject(*PLACES) as subject:
        settled(subject)
        for _ in range(100):
            subject.get("threads?debug=2")
        assert subject.noticed() == "noticed 0\n"


def calls_that_mind_are_ended_only_if_asked_for():
    with Subject("epoll", "read") as subject:
        settled(subject)
        assert subject.noticed() == "noticed 0\n"
        threads = threads_of(Profile(subject.get("threads?disturb=1")[0]))
        assert "wait_in_epoll" in {name: frames for name, _, _, frames in threads}["epoll"]
        deadline = time.monotonic() + WAIT_SECONDS
        while subject.noticed() != "noticed 1\n":
            assert time.monotonic() < deadline


def threads_may_end_meanwhile():
    with Subject("churn", "churn", "read") as subject:
        seen = 0
        for _ in range(100):
            text = subject.get("threads?debug=2")[0].decode()
            assert '"read"' in text
            seen += "end_at_once" in text or text.count("\nthread ") > 3
        assert subject.noticed() == "noticed 0\n"


def no_signal_is_lost_or_handled_twice():
    with Subject(*["signals"] * 3) as subject:
        seen = sum(subject.get("threads?debug=2")[0].count(b'"signals"') for _ in range(100))
        assert seen == 300, seen
        assert subject.noticed() == "noticed 0\n"


def texts_are_for_people():
    with Subject(*["condition"] * 20, "read") as subject:
        settled(subject)
        text, headers = subject.get("threads?debug=1")
        assert headers["Content-Type"].startswith("text/plain")
        text = text.decode()
        assert text.startswith("threads profile: total 22\n"), text[:200]
        assert len(re.findall(r"^20 @( 0x[0-9a-f]+)+$", text, re.M)) == 1, text
        assert text.count('"condition": sleeping in futex') == 20
        assert re.search(r"^#\t0x[0-9a-f]+\t/.*threads_subject\+0x[0-9a-f]+$", text, re.M)
        assert re.search(r"^--- Memory map: ---\n[0-9a-f]+-[0-9a-f]+ r-xp ", text, re.M), text
        text = subject.get("threads?debug=2")[0].decode()
        assert len(re.findall(r'^thread \d+ "condition" \[sleeping in futex\]:\n  0x', text,
                              re.M)) == 20, text
        index = subject.get("")[0].decode()
        assert re.search(r'<a href="threads\?debug=1">threads</a></td><td>23</td>', index), index


@contextlib.contextmanager
def traced(numbers):
    """These threads have a tracer, which does nothing, for as long as this lasts."""
    libc = ctypes.CDLL(None, use_errno=True)
    begun, stays = os.pipe(), os.pipe()
    tracer = os.fork()
    if tracer == 0:
        failed = any(libc.ptrace(PTRACE_SEIZE, tid, None, None) != 0 for tid in numbers)
        os.write(begun[1], b"n" if failed else b"y")
        os.close(stays[1])
        os.read(stays[0], 1)
        os._exit(0)  # which lets them go
    could = os.read(begun[0], 1) == b"y"
    try:
        yield could
    finally:
        os.close(stays[1])
        os.waitpid(tracer, 0)
        for file in (*begun, stays[0]):
            os.close(file)


def a_thread_that_is_traced_is_told_from_afar():
    with Subject("read", "loop") as subject:
        numbers = {name: tid for name, tid, _, _ in settled(subject)}
        with traced([numbers["read"], numbers["loop"]]) as could:
            if not could:
                raise tap.Skip("this machine lets nobody trace")
            found = {name: (state, frames)
                     for name, _, state, frames in threads_of(subject.profile())}
        assert found["read"][0] == "sleeping in read", found["read"]
        assert "wait_in_read" in found["read"][1]
        assert found["loop"][0].startswith("running; may not be stopped:"), found["loop"]
        assert found["loop"][1] == ("[no stack]",)


def go_reads_both_formats():
    if shutil.which("go") is None:
        raise tap.Skip("go is not installed")
    with Subject("poll", "read", "read") as subject:
        settled(subject)
        for page in ("threads", "threads?debug=1"):
            done = subprocess.run(["go", "tool", "pprof", "-symbolize=local", "-top", "-cum",
                                   subject.url + page],
                                  cwd=subject.folder.name, capture_output=True, text=True,
                                  check=False, timeout=WAIT_SECONDS,
                                  env={**os.environ, "HOME": subject.folder.name})
            assert done.returncode == 0, done.stderr
            assert "Type: threads" in done.stdout, done.stdout
            assert re.search(r"\b2 50\.00% +wait_in_read\n", done.stdout), done.stdout


if __name__ == "__main__":
    sys.exit(tap.run([
        each_thread_has_its_name_and_its_stack,
        their_numbers_are_the_kernels,
        no_call_ends_because_of_it,
        calls_that_mind_are_ended_only_if_asked_for,
        threads_may_end_meanwhile,
        no_signal_is_lost_or_handled_twice,
        texts_are_for_people,
        a_thread_that_is_traced_is_told_from_afar,
        go_reads_both_formats,
    ]))
