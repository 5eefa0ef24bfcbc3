#!/usr/bin/python3
"""programs_test.py SLUICE SERVICE STRIP: verdicts on programs of known fault, named and stripped.

The service leaves a profile after each turn of the same work; their times are set to a second a
turn, so that a busy machine changes nothing.
"""

import glob
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import tap  # noqa: E402

SLUICE, SERVICE = (os.path.abspath(path) for path in sys.argv[1:3])
BEGIN_SECONDS = 1_700_000_000
TIME_FIELD = 9  # of profile.proto: time_nanos
VARINT, BYTES = 0, 2


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at


def write_varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def retime(path, seconds):
    """Give a profile another time."""
    with gzip.open(path) as file:
        data = file.read()
    out, at = bytearray(), 0
    while at < len(data):
        begin = at
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == BYTES:
            at += value
        if tag >> 3 != TIME_FIELD:
            out += data[begin:at]
    out += write_varint(TIME_FIELD << 3 | VARINT) + write_varint(seconds * 10**9)
    with gzip.open(path, "wb") as file:
        file.write(out)


def record(program, form, folder):
    done = subprocess.run(
        [SLUICE, "heap", "run", "--rate", "2KiB", "--out", os.path.join(folder, "at-exit"), "--",
         program, form, folder], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "SLUICE_HEAP_SAMPLES_PER_SECOND_MAX": "0", "SLUICE_HEAP_SEED": "7"})
    assert done.returncode == 0, done
    paths = glob.glob(os.path.join(folder, "turn.*.pb.gz"))
    assert len(paths) == 30, paths
    for path in paths:
        retime(path, BEGIN_SECONDS + int(path.split(".")[-3]))


def diagnose(*sources):
    done = subprocess.run([SLUICE, "heap", "diagnose", "--json", *sources], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done
    report = json.loads(done.stdout)
    assert (done.returncode == 0) == (report["verdicts"][0]["pattern"] == "healthy"), report
    return report


def stripped(folder):
    """The program without names, and under another one."""
    path = os.path.join(folder, "stripped")
    subprocess.run(["strip", "-s", "-o", path, SERVICE], check=True)
    return path


def verdict(program, form):
    with tempfile.TemporaryDirectory(prefix="diagnose-") as folder:
        record(program, form, folder)
        return diagnose(folder)["verdicts"]


def check(form, pattern, function):
    first = verdict(SERVICE, form)[0]
    assert first["pattern"] == pattern, first
    if function is not None:
        assert first["site"]["function"] == function, first
        assert first["site"]["file"].endswith("service.c"), first
        assert first["bytes_per_second"]["low"] > 0, first
        assert first["confidence"] > 0.5, first
    if shutil.which("strip") is None:
        raise tap.Skip("no strip here, for the same without names")
    with tempfile.TemporaryDirectory(prefix="diagnose-") as folder:
        nameless = verdict(stripped(folder), form)[0]
    assert nameless["pattern"] == pattern, nameless


def keys_without_bound_are_named_with_and_without_symbols():
    check("keys", "unbounded-keys", "count_by_key")


def arrays_that_stay_are_named_with_and_without_symbols():
    check("arrays", "retained-array", "keep_head")


def threads_that_do_not_end_are_named_with_and_without_symbols():
    check("tasks", "task-leak", "start_task")


def a_bounded_cache_is_healthy():
    check("cache", "healthy", None)


def what_is_gathered_and_sent_is_healthy():
    check("gather", "healthy", None)


def churn_is_healthy():
    check("churn", "healthy", None)


def two_profiles_are_no_finding():
    """Of a healthy program, and of one that leaks: two moments are too few to say."""
    for form in ("gather", "keys"):
        with tempfile.TemporaryDirectory(prefix="diagnose-") as folder:
            record(SERVICE, form, folder)
            pair = [os.path.join(folder, f"turn.{turn}.pb.gz") for turn in (10, 20)]
            done = subprocess.run([SLUICE, "heap", "diagnose", *pair], capture_output=True,
                                  text=True, timeout=60, check=False)
            assert done.returncode == 0, done
            assert done.stdout.startswith("undetermined"), done.stdout


sys.exit(tap.run([
    keys_without_bound_are_named_with_and_without_symbols,
    arrays_that_stay_are_named_with_and_without_symbols,
    threads_that_do_not_end_are_named_with_and_without_symbols,
    a_bounded_cache_is_healthy,
    what_is_gathered_and_sent_is_healthy,
    churn_is_healthy,
    two_profiles_are_no_finding,
]))
