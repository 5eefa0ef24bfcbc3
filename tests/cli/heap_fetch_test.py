#!/usr/bin/python3
"""heap_fetch_test.py SLUICE SUBJECT: profiles taken from running processes by their numbers."""

import contextlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "profile"))

import tap  # noqa: E402
from pprof_reader import Profile  # noqa: E402
from watched import WAIT_SECONDS, Watched  # noqa: E402

SLUICE, SUBJECT = (os.path.abspath(path) for path in sys.argv[1:3])
NOBODY = "nobody"


class Subject:
    """The subject under `sluice heap run`, or plain; without HTTP."""

    def __init__(self, *words, command=(SLUICE, "heap", "run", "--"), **environment):
        self.folder = tempfile.TemporaryDirectory(prefix="fetch-")
        self.process = subprocess.Popen(
            [*command, SUBJECT, *words], cwd=self.folder.name, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "SLUICE_HEAP_RATE": "512K", **environment})
        self.pid = self.said("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=WAIT_SECONDS)
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()

    def said(self, what):
        line = self.process.stdout.readline()
        match = re.fullmatch(what + r" (\d+)\n", line)
        assert match, line
        return int(match.group(1))

    def keep(self, line=""):
        """One more MiB is kept."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.said("kept")

    def fetch(self, *words, source=None, prefix=()):
        return subprocess.run([*prefix, SLUICE, "heap", "fetch", str(source or self.pid), *words],
                              cwd=self.folder.name, capture_output=True, check=False,
                              timeout=WAIT_SECONDS)

    def file(self, name):
        with open(os.path.join(self.folder.name, name), "rb") as file:
            return file.read()

    @contextlib.contextmanager
    def allocating(self):
        """It keeps blocks all the while: a single thread serves as it does so."""
        stop = threading.Event()

        def run():
            while not stop.is_set():
                self.keep()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def in_use(profile, function):
    place = [name for name, _ in profile.sample_types].index("inuse_space")
    return sum(values[place] for frames, _, values in profile.samples if function in frames)


def refused(done, status, *texts):
    message = done.stderr.decode()
    assert done.returncode == status and done.stdout == b"", (done.returncode, message)
    for text in texts:
        assert text in message, message


def a_program_with_threads_answers_at_once():
    with Subject("thread") as subject:
        for _ in range(20):
            subject.keep()
        done = subject.fetch()
        assert done.returncode == 0, done
        assert done.stderr.decode() == f"sluice heap fetch: wrote heap.{subject.pid}.pb.gz\n"
        profile = Profile(subject.file(f"heap.{subject.pid}.pb.gz"))
        assert profile.default_sample_type == "inuse_space"
        assert 10 << 20 < in_use(profile, "keep_block") < 30 << 20
        done = subject.fetch("threads", "--out", "-")
        frames = [frames for frames, _, _ in Profile(done.stdout).samples]
        assert len(frames) == 2 and any("wait_for_ever" in each for each in frames), frames
        done = subject.fetch("allocs", "--out", "here.pb.gz", "--seconds", "1")
        assert done.returncode == 0 and not Profile(subject.file("here.pb.gz")).samples
        done = subject.fetch("--ages", "--out", "-")
        assert any(labels for _, labels, _ in Profile(done.stdout).samples), done
        refused(subject.fetch("--ages", "--seconds", "1"), 3, "400")


def a_capsule_of_a_process_says_who_holds_its_memory():
    with Subject("thread") as subject:
        for _ in range(20):
            subject.keep()

        def sluice(*words):
            return subprocess.run([SLUICE, "heap", *words], cwd=subject.folder.name, text=True,
                                  capture_output=True, check=False, timeout=WAIT_SECONDS)
        with_chains = ("capsule", "--for", "200ms", "--every", "100ms", str(subject.pid), "--out")
        done = sluice(*with_chains, "with.capsule")
        if "no chains in it" in done.stderr:
            raise tap.Skip(done.stderr.strip())  # no rights of a debugger here
        assert done.returncode == 0, done
        told = json.loads(sluice("who", "with.capsule").stdout)
        assert told["process_id"] == subject.pid and told["heap"]["blocks"] > 0, told
        assert sluice("diagnose", "with.capsule").returncode in (0, 1)
        assert sluice(*with_chains, "without.capsule", "--no-chains").returncode == 0
        done = sluice("who", "without.capsule")
        assert done.returncode == 3 and "no chains in the capsule" in done.stderr, done


def a_capsule_names_who_holds_what_grows():
    with Subject("thread", SLUICE_HEAP_RATE="64K") as subject, subject.allocating():
        done = subprocess.run([SLUICE, "heap", "capsule", "--for", "3s", "--every", "250ms",
                               str(subject.pid), "--out", "growing.capsule"],
                              cwd=subject.folder.name, text=True, capture_output=True, check=False,
                              timeout=WAIT_SECONDS)
        if "no chains in it" in done.stderr:
            raise tap.Skip(done.stderr.strip())  # no rights of a debugger here
        assert done.returncode == 0, done
        done = subprocess.run([SLUICE, "heap", "diagnose", "growing.capsule", "--json"],
                              cwd=subject.folder.name, text=True, capture_output=True, check=False,
                              timeout=WAIT_SECONDS)
        assert done.returncode == 1, done
        first = json.loads(done.stdout)["verdicts"][0]
        assert first["site"]["function"] == "keep_block", first
        held = [line for line in first["evidence"] if "of its sampled blocks are held by" in line]
        assert held and re.match(r"\d+ % .* held by kept\W", held[0]), first


def a_single_thread_stays_alone_and_serves_as_it_allocates():
    with Subject() as subject:
        with subject.allocating():
            done = subject.fetch("--out", "-")
            assert done.returncode == 0, done.stderr
            assert in_use(Profile(done.stdout), "keep_block") > 0
            done = subject.fetch("threads", "--out", "-")
            (frames, labels, _), = Profile(done.stdout).samples
            assert "keep_block" in frames and "main" in frames, frames
            assert ("state", "running; serves this page while it allocates", "") in labels
            done = subject.fetch("heap", "--seconds", "1", "--out", "-")
            assert in_use(Profile(done.stdout), "keep_block") > 0
        assert len(os.listdir(f"/proc/{subject.pid}/task")) == 1


def a_single_thread_that_waits_is_waited_for():
    with Subject() as subject:
        refused(subject.fetch("--wait", "1ms"), 3,
                f"process {subject.pid} has not answered in time", "single thread", "--wait")
        with subject.allocating():
            assert subject.fetch("--out", "-").returncode == 0


def a_child_of_fork_is_found_by_its_own_number():
    with Subject() as subject:
        subject.keep()
        child = subject.keep("fork")
        assert child != subject.pid
        subject.pid = child
        time_end = time.monotonic() + WAIT_SECONDS
        with subject.allocating():
            while (done := subject.fetch("--out", "-")).returncode != 0:
                assert b"child of fork has not allocated" in done.stderr, done.stderr
                assert time.monotonic() < time_end
        assert in_use(Profile(done.stdout), "keep_block") > 0


def who_cannot_be_asked_is_told_why():
    with Subject("thread", command=()) as plain, \
            Subject("thread", SLUICE_HEAP_CONTROL="0") as silent:
        refused(plain.fetch(), 3, f"no profiler in process {plain.pid}", "sluice heap run --")
        refused(silent.fetch(), 3, "does not listen: SLUICE_HEAP_CONTROL is 0")
        refused(plain.fetch(source=2**22 + 1), 3, "there is no process 4194305")
        refused(plain.fetch(source="nonsense"), 3, "neither the number of a process nor an http://")
        refused(plain.fetch("cpu"), 2, "cpu: there are heap, allocs, threads and memory")
        refused(plain.fetch("--seconds", "0"), 2)


def other_users_are_refused():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        raise tap.Skip("only root can be somebody else")
    user = pwd.getpwnam(NOBODY)
    as_nobody = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    with Subject("thread") as subject:
        refused(subject.fetch("--out", "-", prefix=as_nobody), 3, "refuses: it belongs to another")
        with raw_connection(subject.pid, user.pw_uid) as client:
            client.sendall(b"GET /debug/pprof/heap HTTP/1.1\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    with Subject("thread", command=(*as_nobody, "env", f"LD_PRELOAD={library()}",
                                    "SLUICE_HEAP_EXIT=0")) as theirs:
        assert theirs.fetch("--out", "-").returncode == 0  # root may
        assert theirs.fetch("--out", "-", prefix=as_nobody).returncode == 0


def library():
    return os.path.join(os.path.dirname(SLUICE), "..", "preload", "libsluice-heap.so")


def control_name(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        start = file.read().rsplit(")", 1)[1].split()[19]
    return f"\0sluice-heap.{pid}.{start}"


@contextlib.contextmanager
def raw_connection(pid, uid):
    with socket.socket(socket.AF_UNIX) as client:
        os.seteuid(uid)
        try:
            client.connect(control_name(pid))
        finally:
            os.seteuid(0)
        yield client


def nobody_answers_in_its_place():
    with Subject("thread", command=()) as plain, socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(control_name(plain.pid))
        impostor.listen(1)
        refused(plain.fetch(), 3, f"somebody else answers in place of process {plain.pid}")


def another_network_is_entered():
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise tap.Skip("only root can make a network namespace")
    command = ("unshare", "--net", "--", SLUICE, "heap", "run", "--")
    with Subject("thread", command=command) as subject:
        done = subject.fetch("--out", "-")
        assert done.returncode == 0 and Profile(done.stdout).sample_types, done.stderr


def outer_number(inner):
    """Of the subject with this number in a namespace of its own."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = file.read()
            numbers = re.search(r"^NSpid:\t(.*)$", status, re.M).group(1).split()
            if len(numbers) > 1 and int(numbers[-1]) == inner and "heap_fetch_subj" in status:
                return int(pid)
    raise AssertionError(f"no process is {inner} elsewhere")


def a_container_is_looked_into():
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise tap.Skip("only root can make namespaces")
    command = ("unshare", "--net", "--pid", "--fork", "--mount-proc", "--", SLUICE, "heap", "run",
               "--")
    with Subject("thread", command=command) as subject:
        for _ in range(20):
            subject.keep()
        done = subject.fetch("--out", "-", source=outer_number(subject.pid))
        assert done.returncode == 0, done.stderr
        assert in_use(Profile(done.stdout), "keep_block") > 0


def a_program_that_closes_everything_is_found_again():
    program = ("import os, sys, threading\n"
               "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
               "os.closerange(3, 10000)\n"
               "print('ready', os.getpid(), flush=True)\n"
               "sys.stdin.read()\n")
    with Subject(command=(SLUICE, "heap", "run", "--", sys.executable, "-c", program)) as subject:
        deadline = time.monotonic() + WAIT_SECONDS
        while (done := subject.fetch("--out", "-")).returncode != 0:
            assert time.monotonic() < deadline, done.stderr


def urls_are_fetched_as_well():
    with Watched(SLUICE, SUBJECT, stdin=subprocess.PIPE) as watched:
        watched.process.stdout.readline()
        for url in (watched.url, watched.url.removesuffix("/debug/pprof/"), watched.url + "allocs"):
            done = subprocess.run([SLUICE, "heap", "fetch", url, "--out", "-"], check=False,
                                  capture_output=True, timeout=WAIT_SECONDS)
            assert done.returncode == 0 and Profile(done.stdout).sample_types, done.stderr
        for url, text in ((watched.url + "nothing", b"has no page /debug/pprof/nothing"),
                          ("http://", b"not a URL"), ("http://[::1", b"not a URL"),
                          ("http://127.0.0.1:1", b"cannot connect to 127.0.0.1 port 1: ")):
            done = subprocess.run([SLUICE, "heap", "fetch", url], check=False, capture_output=True,
                                  timeout=WAIT_SECONDS)
            assert done.returncode == 3 and text in done.stderr, done.stderr


def strange_answers_are_refused():
    for answer, text in ((b"", b"has ended, or closed"), (b"HTTP/1.1 200 OK\r\n", b"has ended"),
                         (b"SSH-2.0-OpenSSH\r\n\r\n", b"is not HTTP/1"),
                         (b"x" * 10000, b"is not HTTP/1"),
                         (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"not HTTP/1"),
                         (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"has ended"),
                         (b"HTTP/1.1 500 Oh\r\n\r\n", b"answers with status 500"),
                         (b"HTTP/1.1 200 OK\r\n\r\nno profile", b"sluice heap fetch: ")):
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=answer_once, args=(server, answer))
            thread.start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            done = subprocess.run([SLUICE, "heap", "fetch", url, "--out", "-"], check=False,
                                  capture_output=True, timeout=WAIT_SECONDS)
            thread.join()
            assert done.returncode == 3 and text in done.stderr and not done.stdout, (answer, done)


def answer_once(server, answer):
    client, _ = server.accept()
    with client:
        client.recv(4096)
        with contextlib.suppress(OSError):
            client.sendall(answer)


if __name__ == "__main__":
    sys.exit(tap.run([
        a_program_with_threads_answers_at_once,
        a_capsule_of_a_process_says_who_holds_its_memory,
        a_capsule_names_who_holds_what_grows,
    a_single_thread_stays_alone_and_serves_as_it_allocates,
        a_single_thread_that_waits_is_waited_for,
        a_child_of_fork_is_found_by_its_own_number,
        who_cannot_be_asked_is_told_why,
        other_users_are_refused,
        nobody_answers_in_its_place,
        another_network_is_entered,
        a_container_is_looked_into,
        a_program_that_closes_everything_is_found_again,
        urls_are_fetched_as_well,
        strange_answers_are_refused,
    ]))
