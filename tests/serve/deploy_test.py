#!/usr/bin/python3
"""deploy_test.py SLUICE_SERVE SLUICE DEPLOY: what lies in deploy/ is as the daemon needs it."""

import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from daemon import until  # noqa: E402
from reading import Keeper, gauge, keeping, log_lines, spans  # noqa: E402

SERVE, SLUICE, DEPLOY = (os.path.abspath(path) for path in sys.argv[1:4])
EXPOSURE_MAX = 2.0
NUMBERS = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, TRAP = 0x7FFF0000, 0x00030000  # SECCOMP_RET_*: SIGSYS tells which call it was


def text_of(name):
    with open(os.path.join(DEPLOY, name), encoding="utf-8") as file:
        return file.read()


def systemd(*words):
    if shutil.which("systemd-analyze") is None:
        raise tap.Skip("systemd-analyze is not there")
    return subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=60)


def unit_here(folder):
    """The unit, of the program that was built."""
    path = os.path.join(folder, "sluice.service")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text_of("sluice.service").replace("/usr/local/bin/sluice-serve", SERVE))
    return path


def configurations_have_no_mistakes():
    for name in sorted(os.listdir(DEPLOY)):
        if name.endswith(".yaml"):
            done = subprocess.run([SLUICE, "check", "config", os.path.join(DEPLOY, name)],
                                  capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, (name, done)


def the_unit_is_right_and_hardened():
    with tempfile.TemporaryDirectory() as folder:
        path = unit_here(folder)
        done = systemd("verify", path)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), done
        done = systemd("security", "--offline=yes", path)
        exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        assert float(exposure.group(1)) <= EXPOSURE_MAX, exposure.group(0)


def calls_of(name):
    """Names of a set of system calls, and of the sets in it."""
    if not name.startswith("@"):
        return {name}
    lines = systemd("syscall-filter", name).stdout.splitlines()[1:]
    words = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return set().union(*(calls_of(word) for word in words))


def calls_allowed():
    """As systemd reads the lines: sets are added, and with a tilde taken away."""
    allowed = calls_of("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", text_of("sluice.service"), re.MULTILINE):
        calls = set().union(*(calls_of(word) for word in line.lstrip("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def filter_of(allowed):
    """A program for the kernel that lets these calls pass."""
    with open(NUMBERS, encoding="ascii") as file:
        numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", file.read()))
    known = sorted(int(numbers[name]) for name in allowed if name in numbers)
    code = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # the call's number
    for at, number in enumerate(known):
        code.append(struct.pack("HBBI", 0x15, 0, 1, number))  # if it is not that, pass over
        code.append(struct.pack("HBBI", 0x06, 0, 0, ALLOW))
    code.append(struct.pack("HBBI", 0x06, 0, 0, TRAP))
    return b"".join(code), len(code)


def the_unit_lets_the_daemon_do_all_it_does():
    if not os.path.exists(NUMBERS):
        raise tap.Skip("the numbers of system calls are not there")
    code, count = filter_of(calls_allowed() | {"execve"})
    room = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", count, ctypes.addressof(room)))
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
                libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
            os._exit(77)

    config = keeping(flush_interval="1s")
    config["receivers"]["selfmon"] = {"interval": "100ms"}
    config["service"]["pipelines"]["profiles"] = {"receivers": ["selfmon"],
                                                  "exporters": ["store"]}
    # A sanitizer looks for leaks by calls that the unit forbids; other tests of the daemon have it.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    with Keeper(SERVE, config, enter=enter) as daemon:
        daemon.send("logs", log_lines(["one", "two"]))
        daemon.send("metrics", gauge("depth", [1, 2]))
        daemon.send("traces", spans("1" * 32, ["GET /"]))
        if daemon.ask("/debug/pprof/heap")[0] == 200:
            until(lambda: len(daemon.get("/api/profiles")["profiles"]) >= 2)
        until(lambda: all(one["flushes"] > 0 for one in daemon.get("/api/status")["store_signals"]
                          if one["records"] > 0))
        assert len(daemon.lines_kept()) == 2
        assert daemon.ask("/")[0] == 200
        assert daemon.stop() == 0
        daemon.start()
        assert len(daemon.lines_kept()) == 2


def the_container_has_what_it_copies():
    text = text_of("Containerfile")
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    root = os.path.dirname(DEPLOY)
    assert copied and all(os.path.exists(os.path.join(root, name)) for name in copied), copied
    assert "USER sluice" in text and "VOLUME /var/lib/sluice" in text


if __name__ == "__main__":
    sys.exit(tap.run((configurations_have_no_mistakes,
                      the_unit_is_right_and_hardened,
                      the_unit_lets_the_daemon_do_all_it_does,
                      the_container_has_what_it_copies)))
