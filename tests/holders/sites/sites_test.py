#!/usr/bin/python3
"""sites_test.py WHO_DRIVE LIBRARY PROGRAM ...: how often types from allocation sites are right.

Each program tells what its blocks are and holds them as void *, so that no type flows to them. An
answer is right, none, or wrong; of blocks that have no one type (?) any answer is wrong.
"""

import collections
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

import tap  # noqa: E402
from process import Told  # noqa: E402

DRIVE = os.path.abspath(sys.argv[1])
LIBRARY = os.path.abspath(sys.argv[2])
PROGRAMS = [os.path.abspath(path) for path in sys.argv[3:]]
FOLDER = tempfile.TemporaryDirectory(prefix="sites-")
SCORES = {}

# Of the blocks that have a type, the least share in percent that gets it.
LEAST = {"c_plain": 80, "c_wrappers": 80, "c_members": 80, "cpp_new": 80, "cpp_containers": 80}


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


def score(program):
    """What was right, none and wrong, with the lines of those that were not right."""
    if program not in SCORES:
        with Told(FOLDER.name, program, LD_PRELOAD=LIBRARY, SLUICE_HEAP_RATE="1",
                  SLUICE_HEAP_EXIT="0", SLUICE_HEAP_SAMPLES_PER_SECOND_MAX="0") as told:
            found = answers(told.pid)
            lines = [line for line in told.lines if len(line) == 2]
        counts = collections.Counter()
        rest = []
        for address, truth in lines:
            verdict = judge(truth, found.get(address))
            if truth == "?" or truth.endswith("+"):
                counts["untyped"] += 1
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
        least = LEAST[name.rsplit("_", 1)[0]]
        assert share(score(program)[0]) >= least, (name, least, score(program))


sys.exit(tap.run([no_type_is_wrong, most_blocks_get_their_type]))
