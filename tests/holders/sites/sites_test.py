#!/usr/bin/python3
"""sites_test.py DRIVE SLUICE LIBRARY PROGRAM ...: how often types from allocation sites are right.

Each program tells what its blocks are and holds them as void *, so that no type flows to them. An
answer is right, none, or wrong; of blocks that have no one type (?) any answer is wrong.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

import tap  # noqa: E402
from process import Told  # noqa: E402

DRIVE = os.path.abspath(sys.argv[1])
SLUICE, LIBRARY = (os.path.abspath(path) for path in sys.argv[2:4])
PROGRAMS = [os.path.abspath(path) for path in sys.argv[4:]]
FOLDER = tempfile.TemporaryDirectory(prefix="sites-")
SCORES = {}

# Of the blocks that have a type, the least share in percent that gets it.
LEAST = {"c_plain": 90, "c_wrappers": 80, "c_members": 95, "c_tricky": 65, "cpp_new": 90,
         "cpp_containers": 85}


def answers(pid):
    """The last type in the chain of each block, by its address."""
    done = subprocess.run([DRIVE, str(pid)], capture_output=True, text=True, timeout=100,
                          check=True)
    found = {}
    for line in done.stdout.splitlines():
        words = line.split("\t")
        if len(words) == 5:
            found[words[0]] = re.sub(r"(\[\d+\])+$", "", words[4].split(" -> ")[-1])
    return found


def is_none(answer):
    return answer is None or re.fullmatch(r"\d+ bytes|leaked", answer) is not None


def judge(truth, answer):
    if is_none(answer):
        return "none"
    return "right" if answer in truth.split("|") else "wrong"


def watched(program):
    """The program with our profiler inside, which samples each block."""
    return Told(FOLDER.name, program, LD_PRELOAD=LIBRARY, SLUICE_HEAP_RATE="1",
                SLUICE_HEAP_EXIT="0", SLUICE_HEAP_SAMPLES_PER_SECOND_MAX="0")


def score(program):
    """What was right, none and wrong, with the lines of those that were not right."""
    if program not in SCORES:
        with watched(program) as told:
            found = answers(told.pid)
            lines = [line for line in told.lines if len(line) == 2]
        counts = collections.Counter()
        rest = []
        for address, truth in lines:
            verdict = judge(truth, found.get(address))
            if truth == "?" or truth.endswith("+"):
                verdict = "ok" if verdict == "none" else "wrong"
            counts[verdict] += 1
            if verdict in ("none", "wrong"):
                rest.append(f"{verdict}: {truth}: {found.get(address)}")
        SCORES[program] = counts, rest
    return SCORES[program]


def name_of(program):
    return os.path.basename(program).removeprefix("sites_")


def share(counts):
    return 100 * counts["right"] / (counts["right"] + counts["none"] + counts["wrong"])


def table():
    yield f"{'program':24} {'right':>6} {'none':>6} {'wrong':>6} {'right %':>8}"
    whole = collections.Counter()
    for program in PROGRAMS:
        counts, _ = score(program)
        whole.update(counts)
        yield (f"{name_of(program):24} {counts['right']:6} {counts['none']:6} "
               f"{counts['wrong']:6} {share(counts):8.0f}")
    yield (f"{'all':24} {whole['right']:6} {whole['none']:6} {whole['wrong']:6} "
           f"{share(whole):8.0f}")


def no_type_is_wrong():
    for line in table():
        print("#", line)
    for program in PROGRAMS:
        counts, rest = score(program)
        for line in rest:
            print("#", name_of(program), line)
        assert counts["right"] > 0, (program, counts)
    wrong = {name_of(program): score(program)[1] for program in PROGRAMS
             if score(program)[0]["wrong"] > 0}
    assert not wrong, wrong


def most_blocks_get_their_type():
    for program in PROGRAMS:
        name = name_of(program)
        least = LEAST[re.sub(r"^clang_|_O\d$", "", name)]
        assert share(score(program)[0]) >= least, (name, least, score(program))


def compiled(name):
    """A copy of c_plain that was made of a source of its own."""
    source = os.path.join(FOLDER.name, name + ".c")
    program = os.path.join(FOLDER.name, name)
    shutil.copy(os.path.join(HERE, "c_plain.c"), source)
    subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-I", HERE, source, "-o", program],
                   check=True, capture_output=True, timeout=100)
    return source, program


def typed_count(told):
    found = answers(told.pid)
    return sum(1 for line in told.lines if len(line) == 2 and not is_none(found.get(line[0])))


def a_source_that_is_not_what_was_compiled_says_nothing():
    source, program = compiled("changed")
    built_ns = os.stat(program).st_mtime_ns
    with watched(program) as told:
        os.utime(source, ns=(built_ns, built_ns - 10**9))
        whole = typed_count(told)
        os.utime(source, ns=(built_ns, built_ns + 10**9))
        of_newer = typed_count(told)
        os.unlink(source)
        of_none = typed_count(told)
        os.mkfifo(source)
        os.utime(source, ns=(built_ns, built_ns - 10**9))
        of_pipe = typed_count(told)
        os.unlink(source)
        with open(source, "wb") as file:
            file.write(os.urandom(1 << 20))
        os.utime(source, ns=(built_ns, built_ns - 10**9))
        of_noise = typed_count(told)
        os.truncate(source, 1 << 40)
        os.utime(source, ns=(built_ns, built_ns - 10**9))
        of_giant = typed_count(told)
    assert whole > 30, whole
    # Text that libc copies needs no source.
    assert 0 < of_newer == of_none == of_pipe == of_noise == of_giant < 5, (
        of_newer, of_none, of_pipe, of_noise, of_giant)


def json_says_where_a_type_comes_from():
    program = next(path for path in PROGRAMS if name_of(path) == "c_members_O0")
    with watched(program) as told:
        address = next(line[0] for line in told.lines if line[1] == "tree")
        done = subprocess.run([SLUICE, "heap", "who", str(told.pid), "--json", "--address",
                               address], capture_output=True, text=True, timeout=100, check=True)
        text = subprocess.run([SLUICE, "heap", "who", str(told.pid)], capture_output=True,
                              text=True, timeout=100, check=True).stdout
    report = json.loads(done.stdout)
    assert report["block"]["type_from"] == "site", report["block"]
    trees, = (row for row in report["types"] if row["type"] == "tree")
    assert trees["type_from"] == "site" and trees["blocks"] == 2, trees
    assert re.search(r"kept_blocks\[\*\] -> tree, allocated at of_struct c_members\.c:\d+$", text,
                     re.MULTILINE), text


sys.exit(tap.run([
    no_type_is_wrong,
    most_blocks_get_their_type,
    a_source_that_is_not_what_was_compiled_says_nothing,
    json_says_where_a_type_comes_from,
]))
