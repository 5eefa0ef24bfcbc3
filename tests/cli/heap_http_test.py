#!/usr/bin/python3
"""heap_http_test.py SLUICE SUBJECT: the pages inside a profiled program, asked by real clients."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "profile"))

import tap  # noqa: E402
from pprof_reader import Profile  # noqa: E402
from watched import WAIT_SECONDS, Watched  # noqa: E402

SLUICE, SUBJECT = (os.path.abspath(path) for path in sys.argv[1:3])
KEPT_BYTES = 4096 * 16384


def waiting_subject(**environment):
    watched = Watched(SLUICE, SUBJECT, "wait", **environment)
    assert watched.process.stdout.readline() == "waiting\n"
    return watched


def in_use(profile, function):
    place = [name for name, _ in profile.sample_types].index("inuse_space")
    return sum(values[place] for frames, _, values in profile.samples if function in frames)


def a_profile_with_names_is_served():
    with waiting_subject() as watched:
        data, headers = watched.get("heap")
        assert headers["Content-Type"] == "application/octet-stream"
        profile = Profile(data)
        assert profile.default_sample_type == "inuse_space"
        assert 0.75 * KEPT_BYTES < in_use(profile, "keep_blocks") < 1.25 * KEPT_BYTES
        assert Profile(watched.get("allocs")[0]).default_sample_type == "alloc_space"
        assert Profile(watched.get("heap?gc=1&other=x")[0]).samples
        assert watched.end() == 40 + signal.SIGTERM


def ages_are_served_where_they_are_asked_for():
    with waiting_subject() as watched:
        plain = Profile(watched.get("heap")[0])
        assert plain.samples and not any(labels for _, labels, _ in plain.samples)
        aged = Profile(watched.get("heap?ages=1")[0])
        kept = [labels for frames, labels, _ in aged.samples if "keep_blocks" in frames and labels]
        assert kept and all(key == "age" and unit == "seconds"
                            for labels in kept for key, _, unit in labels), kept
        assert 0.75 * KEPT_BYTES < in_use(aged, "keep_blocks") < 1.25 * KEPT_BYTES


def text_and_index_are_for_people():
    with waiting_subject() as watched:
        text, headers = watched.get("heap?debug=1")
        assert headers["Content-Type"].startswith("text/plain")
        assert re.match(rb"heap profile: \d+: \d+ \[\d+: \d+\] @ heap/2\n", text), text[:100]
        index, headers = watched.get("")
        assert headers["Content-Type"].startswith("text/html")
        assert b'<a href="heap?debug=1">heap</a>' in index
        nothing, headers = watched.get("heap", method="HEAD")
        assert nothing == b"" and int(headers["Content-Length"]) > 100


def a_difference_has_only_what_changed():
    with waiting_subject() as watched:
        begun = time.monotonic()
        profile = Profile(watched.get("heap?seconds=1")[0])
        assert time.monotonic() - begun >= 1
        assert not profile.samples
        assert 10**9 <= profile.raw["duration_nanos"] < WAIT_SECONDS * 10**9


def one_difference_at_a_time_and_others_are_not_held_up():
    with waiting_subject() as watched, watched.connect() as client:
        client.sendall(b"GET /debug/pprof/heap?seconds=3600 HTTP/1.1\r\n\r\n")
        while not watched.ask(b"GET /debug/pprof/heap?seconds=3600 HTTP/1.1\r\n\r\n").startswith(
                b"HTTP/1.1 503 Service Unavailable\r\n"):
            pass  # until the first one has been read; each of these is closed by the server
        assert Profile(watched.get("heap")[0]).samples
        client.close()
        assert Profile(retried(lambda: watched.get("heap?seconds=1")[0])).sample_types


def retried(ask):
    """Until the server has seen that the client before is gone."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return ask()
        except urllib.error.HTTPError as error:
            assert error.code == 503 and time.monotonic() < deadline, error


def what_is_not_there_or_not_meant_is_refused():
    with waiting_subject() as watched:
        for request, status in (
                (b"GET /debug/pprof/nothing HTTP/1.1\r\n\r\n", b"404"),
                (b"GET /debug/pprof/../../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
                (b"POST /debug/pprof/heap HTTP/1.1\r\n\r\n", b"405"),
                (b"POST /debug/pprof/heap HTTP/1.1\r\nContent-Length: 3\r\n\r\nx=1", b"405"),
                (b"POST /debug/pprof/heap HTTP/1.1\r\nContent-Length: 5000\r\n\r\n", b"413"),
                (b"POST /debug/pprof/heap HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                 b"411"),
                (b"GET /debug/pprof/?seconds=1 HTTP/1.1\r\n\r\n", b"400"),
                (b"GET /debug/pprof/heap?seconds=3601 HTTP/1.1\r\n\r\n", b"400"),
                (b"GET /debug/pprof/heap?debug=x HTTP/1.1\r\n\r\n", b"400"),
                (b"GET /debug/pprof/heap?ages=1&seconds=1 HTTP/1.1\r\n\r\n", b"400"),
                (b"\x16\x03\x01\x02\x00\x01\n\r\n\r\n", b"400"),
                (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 5000, b"431")):
            answer = watched.ask(request)
            assert answer.startswith(b"HTTP/1.1 " + status + b" "), (request[:60], answer[:100])
            assert b"\r\nConnection: close\r\n" in answer
        assert watched.ask(b"POST /debug/pprof/ HTTP/1.1\r\n\r\n").count(b"Allow: GET, HEAD\r\n")


def silent_clients_are_sent_away():
    with waiting_subject() as watched, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(watched.connect()) for _ in range(40)]
        clients[0].sendall(b"GET /debug")
        profile = Profile(watched.get("heap")[0])  # when the first ones have lost their places
        assert in_use(profile, "keep_blocks") > 0
        assert clients[0].recv(1) == b"", "a slow request was closed without an answer"


def the_program_is_served_as_before_when_nobody_can_listen():
    with waiting_subject() as watched:
        for value, said in ((f"127.0.0.1:{watched.port}", "cannot listen at 127.0.0.1:"),
                            ("nonsense", "SLUICE_HEAP_LISTEN=nonsense: not an address"),
                            ("0.0.0.0:0", "set SLUICE_HEAP_ANYWHERE=1")):
            done = subprocess.run([SLUICE, "heap", "run", "--listen", value, "--", SUBJECT, "exit",
                                   "3"], cwd=watched.folder.name, capture_output=True, text=True,
                                  check=False, timeout=WAIT_SECONDS)
            assert done.returncode == 3, done
            assert said in done.stderr and "wrote " in done.stderr, done.stderr


def a_child_of_fork_leaves_the_socket_to_its_parent():
    program = ("import os, sys, time\n"
               "child = os.fork()\n"
               "if child == 0:\n"
               "    os.read(0, 1)\n"
               "    os._exit(0)\n"
               "print(child, flush=True)\n"
               "os.close(1)\n"
               "os.waitpid(child, 0)\n")
    with Watched(SLUICE, sys.executable, "-c", program) as watched:
        watched.process.stdout.readline()
        retry_until_closed(watched)


def retry_until_closed(watched):
    """The child ends at once, as standard input is empty, and then its parent does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            watched.connect().close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it was closed in that moment
            continue
    raise AssertionError("somebody still listens")


def a_program_that_closes_everything_goes_on():
    program = ("import os, sys\n"
               "os.closerange(3, 10000)\n"
               "print('closed', flush=True)\n"
               "sys.exit(6)\n")
    watched = Watched(SLUICE, sys.executable, "-c", program)
    with watched:
        assert watched.process.stdout.readline() == "closed\n"
        assert watched.process.wait(timeout=WAIT_SECONDS) == 6


def the_helper_is_not_the_programs_child():
    program = ("import os\n"
               "print('ready', flush=True)\n"
               "try:\n"
               "    os.wait()\n"
               "except ChildProcessError:\n"
               "    print('childless', flush=True)\n"
               "import signal\n"
               "signal.signal(signal.SIGCHLD, lambda *_: print('SIGCHLD', flush=True))\n"
               "signal.pause()\n")
    with Watched(SLUICE, sys.executable, "-c", program) as watched:
        assert watched.process.stdout.readline() == "ready\n"
        assert watched.process.stdout.readline() == "childless\n"
        profile = Profile(watched.get("allocs")[0])
        assert any(isinstance(frame, str) for frames, _, _ in profile.samples for frame in frames)
        assert Profile(watched.get("threads")[0]).samples
        watched.process.send_signal(signal.SIGTERM)
        out, _ = watched.process.communicate(timeout=WAIT_SECONDS)
        assert out == "", out


def redis(port, *words, **options):
    return subprocess.run(["redis-cli", "-p", port, *words], text=True, check=False,
                          capture_output=True, timeout=WAIT_SECONDS, **options)


def redis_under_load_shows_who_holds_its_memory():
    for name in ("redis-server", "redis-cli"):
        if shutil.which(name) is None:
            raise tap.Skip(f"{name} is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    options = ("--rate", "16KiB")
    with Watched(SLUICE, "redis-server", "--port", port, "--save", "", options=options) as watched:
        while not redis(port, "PING").stdout.startswith("PONG"):
            pass  # until it listens
        keys = "".join(f"SET key:{n} {'v' * 1000}\n" for n in range(20000))
        assert "errors: 0, replies: 20000" in redis(port, "--pipe", input=keys).stdout
        profile = Profile(watched.get("heap")[0])
        place = [name for name, _ in profile.sample_types].index("inuse_space")
        held = sum(values[place] for _, _, values in profile.samples)
        used = int(re.search(r"used_memory:(\d+)", redis(port, "INFO", "memory").stdout).group(1))
        assert 0.85 * used < held < 1.15 * used, (held, used)
        assert in_use(profile, "main") > held / 2, held
        redis(port, "SHUTDOWN", "NOSAVE")
        assert watched.process.wait(timeout=WAIT_SECONDS) == 0


if __name__ == "__main__":
    sys.exit(tap.run([
        a_profile_with_names_is_served,
        ages_are_served_where_they_are_asked_for,
    text_and_index_are_for_people,
        a_difference_has_only_what_changed,
        one_difference_at_a_time_and_others_are_not_held_up,
        what_is_not_there_or_not_meant_is_refused,
        silent_clients_are_sent_away,
        the_program_is_served_as_before_when_nobody_can_listen,
        a_child_of_fork_leaves_the_socket_to_its_parent,
        a_program_that_closes_everything_goes_on,
        the_helper_is_not_the_programs_child,
        redis_under_load_shows_who_holds_its_memory,
    ]))
