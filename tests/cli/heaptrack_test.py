#!/usr/bin/python3
"""heaptrack_test.py SLUICE SUBJECT: what heaptrack recorded is what heaptrack_print says of it."""

import collections
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tap

SLUICE, SUBJECT = (os.path.abspath(path) for path in sys.argv[1:3])
COSTS = {"allocations": "alloc_objects", "leaked": "inuse_space", "peak": "peak_space"}

folder = tempfile.TemporaryDirectory()
recorded = None


def record():
    """The file of one run, made once."""
    global recorded
    if recorded is None:
        if shutil.which("heaptrack") is None or shutil.which("heaptrack_print") is None:
            raise tap.Skip("heaptrack is not installed")
        done = subprocess.run(["heaptrack", "-o", os.path.join(folder.name, "run"), SUBJECT],
                              capture_output=True, text=True, check=False, timeout=120)
        found = glob.glob(os.path.join(folder.name, "run.*"))
        if not found or os.path.getsize(found[0]) == 0:
            raise tap.Skip(f"heaptrack records nothing here: {done.stderr[-200:]}")
        recorded = found[0]
    return recorded


def plain():
    """Its text."""
    path = record()
    if path.endswith(".gz"):
        with gzip.open(path) as file:
            return file.read()
    return subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout


def heap(command, *words):
    return subprocess.run([SLUICE, "heap", command, *words], capture_output=True, text=True,
                          check=False, timeout=60)


def json_of(command, *words):
    done = heap(command, "--json", *words)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def peer_stacks(cost):
    """{names of a stack, in no order: value}: heaptrack_print begins at main, and turns what is
    inlined around. What has no name, it shows by its address; sums of equal stacks."""
    out = os.path.join(folder.name, cost)
    subprocess.run(["heaptrack_print", "-f", record(), "-F", out, "--flamegraph-cost-type", cost,
                    "--disable-builtin-suppressions", "--disable-embedded-suppressions"],
                   capture_output=True, check=True, timeout=60)
    found = collections.Counter()
    with open(out, encoding="utf-8") as file:
        for line in file:
            stack, value = line.rstrip("\n").rsplit(" ", 1)
            frames = [re.sub(r" \([^()]*\)$", "", frame) for frame in stack.split(";") if frame]
            names = sorted("?" if frame.startswith("0x") else frame for frame in frames)
            found[tuple(names)] += int(value)
    return +found


def our_stacks(sample_type):
    done = heap("flame", "--folded", "-s", sample_type, record())
    assert done.returncode == 0, done
    found = collections.Counter()
    for line in done.stdout.splitlines():
        stack, value = line.rsplit(" ", 1)
        frames = stack.split(";")
        if "main" in frames:
            frames = frames[frames.index("main"):]
        names = sorted("?" if frame.startswith("[") else frame for frame in frames)
        found[tuple(names)] += int(value)
    return +found


def each_stack_has_the_value_that_heaptrack_gives_it():
    for cost, sample_type in COSTS.items():
        theirs, ours = peer_stacks(cost), our_stacks(sample_type)
        assert theirs and ours == theirs, (cost, ours - theirs, theirs - ours)


def what_the_program_did_is_there():
    document = json_of("top", "-n", "0", "-s", "alloc_objects", "--focus", "block_make", record())
    rows = {row["function"]: row for row in document["rows"]}
    assert rows["block_make"]["flat"] == 1000 + 1 + 50, rows["block_make"]
    assert rows["inlined_make"]["cum"] == 1000 and rows["churn"]["cum"] == 50, rows
    document = json_of("top", "-n", "0", "--lines", "-s", "inuse_space", "--focus", "hold",
                       record())
    sizes = [101 + i % 3 for i in range(500, 1000)]
    assert document["rows"][0]["flat"] == sum(sizes), document["rows"][0]
    assert document["rows"][0]["file"].endswith("heaptrack_subject.c"), document["rows"][0]


def the_peak_is_shown_first():
    document = json_of("top", record())
    assert document["sample_type"] == "peak_space", document
    assert document["total"] >= (1 << 20) + sum(101 + i % 3 for i in range(1000)), document


def sizes_are_labels():
    document = json_of("top", "-s", "alloc_objects", "--tag", "bytes=1mb", record())
    assert {row["function"] for row in document["rows"] if row["flat"]} == {"block_make"}
    assert document["rows"][0]["flat"] == 1, document


def plain_and_gzipped_files_are_the_same():
    wanted = json_of("top", "-n", "0", record())
    for name, body in (("plain", plain()), ("run.gz", gzip.compress(plain()))):
        path = os.path.join(folder.name, name)
        with open(path, "wb") as file:
            file.write(body)
        assert json_of("top", "-n", "0", path) == wanted


def a_file_that_is_cut_off_is_refused():
    with open(record(), "rb") as file:
        whole = file.read()
    path = os.path.join(folder.name, "cut.zst")
    for part in (0.3, 0.9):
        with open(path, "wb") as file:
            file.write(whole[:int(len(whole) * part)])
        done = heap("top", path)
        assert done.returncode == 3 and "byte" in done.stderr and "cut off" in done.stderr, done


def a_raw_file_is_refused_with_what_to_do():
    record()
    subprocess.run(["heaptrack", "--raw", "-o", os.path.join(folder.name, "raw"), SUBJECT],
                   capture_output=True, check=True, timeout=120)
    done = heap("top", glob.glob(os.path.join(folder.name, "raw*"))[0])
    assert done.returncode == 3 and "heaptrack_interpret" in done.stderr, done


if __name__ == "__main__":
    status = tap.run([
        each_stack_has_the_value_that_heaptrack_gives_it,
        what_the_program_did_is_there,
        the_peak_is_shown_first,
        sizes_are_labels,
        plain_and_gzipped_files_are_the_same,
        a_file_that_is_cut_off_is_refused,
        a_raw_file_is_refused_with_what_to_do,
    ])
    folder.cleanup()
    sys.exit(status)
