#!/usr/bin/python3
"""who_test.py DRIVE TRUTH BARE CPP STEADY [LIBRARY]: chains are those that programs know.

LIBRARY is our profiler's, to be in the program.
"""

import errno
import os
import re
import subprocess
import sys
import tempfile

import tap
from process import Told

DRIVE, TRUTH, BARE, CPP, STEADY = map(os.path.abspath, sys.argv[1:6])
LEAKED = "nothing points to it"
LIBRARY = os.path.abspath(sys.argv[6]) if len(sys.argv) > 6 else None


def looked_at(source, *options):
    """Blocks by address as (bytes, confidence, retained, chain), and the other lines."""
    done = subprocess.run([DRIVE, str(source), *options], check=True, capture_output=True,
                          timeout=100)
    blocks = {}
    others = []
    for line in done.stdout.decode(errors="replace").splitlines():
        words = line.split("\t")
        if len(words) == 5:
            blocks[int(words[0], 16)] = (int(words[1]), words[2], int(words[3]), words[4])
        else:
            others.append(line)
    return blocks, others


def in_a_folder(test):
    def claim():
        with tempfile.TemporaryDirectory(prefix="holders-") as folder:
            test(folder)
    claim.__name__ = test.__name__
    return claim


def chain_without_numbers(chain):
    chain = re.sub(r"thread \d+\)", "thread T)", chain)
    return re.sub(r"-> 10\d{5} bytes$", "-> * bytes", chain) if "aligned" in chain else chain


def assert_true_of(lines, blocks, column):
    """Each line of the program agrees with what was seen."""
    for line in lines:
        address, expected = int(line[0], 16), line[column]
        if expected == "free":
            assert address not in blocks, (line, blocks[address])
            continue
        assert address in blocks, line
        _, confidence, _, chain = blocks[address]
        if expected == "leaked":
            # A word that a function has left on a stack may still lead to it, and says so.
            assert confidence in ("leaked", "conservative"), (line, confidence, chain)
        else:
            assert chain_without_numbers(chain) == expected, (line, chain)
            assert (confidence == "conservative") == ("stack of" in chain), (line, confidence)


def leaked_count(lines, blocks):
    return sum(blocks[int(line[0], 16)][1] == "leaked" for line in lines if line[1] == "leaked")


@in_a_folder
def chains_in_a_core_are_those_the_program_knows(folder):
    with Told(folder, TRUTH) as told:
        blocks, others = looked_at(told.core())
    assert others == ["unseen 0"], others
    assert len(told.lines) > 30
    assert_true_of(told.lines, blocks, 1)
    assert leaked_count(told.lines, blocks) >= 2, blocks


@in_a_folder
def chains_in_a_core_of_gdb_are_the_same(folder):
    with Told(folder, TRUTH) as told:
        blocks, others = looked_at(told.gcore())
    assert others == ["unseen 0"], others
    assert_true_of(told.lines, blocks, 1)


@in_a_folder
def chains_in_a_live_process_are_the_same_and_it_goes_on(folder):
    with Told(folder, TRUTH) as told:
        blocks, others = looked_at(told.pid)
        with open(f"/proc/{told.pid}/status", encoding="utf-8") as file:
            status = file.read()
        assert "TracerPid:\t0" in status and re.search(r"State:\s+[SR]", status), status
        again, _ = looked_at(told.pid)
    assert others == ["unseen 0"], others
    assert_true_of(told.lines, blocks, 1)
    assert again.keys() == blocks.keys()


@in_a_folder
def without_a_fork_it_is_the_same(folder):
    with Told(folder, TRUTH) as told:
        blocks, others = looked_at(told.pid, "stop")
    assert others == ["unseen 0"], others
    assert_true_of(told.lines, blocks, 1)


@in_a_folder
def calls_that_a_process_waits_in_go_on_as_if_nothing_was(folder):
    for options in ([], ["stop"]):
        with Told(folder, STEADY, stdin=subprocess.PIPE) as told:
            for _ in range(4):
                assert looked_at(told.pid, *options)[0]
            told.child.stdin.write("tell\n")
            told.child.stdin.close()
            answer = told.child.stdout.read()
        assert answer == "wrong 0 signals 0 children 0\n", (options, answer)


@in_a_folder
def without_debug_information_places_are_numbers(folder):
    with Told(folder, BARE) as told:
        blocks, _ = looked_at(told.core())
    assert_true_of(told.lines, blocks, 2)


def without_sizes(chain):
    """What the program asked for is known of sampled blocks; malloc gives some more."""
    return re.sub(r"\d+ bytes|char\[\d+\]", "* bytes", chain_without_numbers(chain))


# Only pointers into it lead to a job: where it was allocated says what it is.
BY_SITE = {"jobs -> 40 bytes": "jobs -> job",
           "jobs -> 40 bytes+0x18 -> 40 bytes": "jobs -> job.link.next -> job"}


@in_a_folder
def blocks_that_the_profiler_has_sampled_are_in_their_chains(folder):
    if LIBRARY is None:
        raise tap.Skip("a sanitizer's malloc stands before the profiler's")
    with Told(folder, TRUTH, LD_PRELOAD=LIBRARY, SLUICE_HEAP_RATE="1", SLUICE_HEAP_EXIT="0",
              SLUICE_HEAP_SAMPLES_PER_SECOND_MAX="0") as told:
        for options in ([], ["stop"]):
            blocks, others = looked_at(told.pid, *options)
            assert others == ["unseen 0"], others
            checked = 0
            for address, expected, _ in told.lines:
                found = blocks.get(int(address, 16))
                if expected in ("free", "leaked"):
                    assert found is None if expected == "free" else found[1] in (
                        "leaked", "conservative"), (address, found)
                elif "_IO_2_1_stdout_" not in found[3]:  # the end of its buffer is there
                    expected = BY_SITE.get(expected, expected)
                    assert without_sizes(found[3]) == without_sizes(expected), (expected, found)
                    checked += 1
            assert checked > 10, checked


@in_a_folder
def types_flow_through_containers_of_cpp(folder):
    with Told(folder, CPP) as told:
        blocks, others = looked_at(told.core())
    assert others == ["unseen 0"], others
    for address, expected in told.lines:
        assert re.fullmatch(expected, blocks[int(address, 16)][3]), (expected,
                                                                     blocks[int(address, 16)])


@in_a_folder
def a_stripped_program_has_the_same_blocks(folder):
    bare = os.path.join(folder, "stripped")
    subprocess.run(["strip", "-s", "-o", bare, BARE], check=True)
    with Told(folder, bare) as told:
        blocks, _ = looked_at(told.core())
    for line in told.lines:
        if line[1] not in ("free", "leaked"):
            chain = blocks[int(line[0], 16)][3]
            steps = chain.count(" -> ")
            assert steps == line[2].count(" -> "), (line, chain)
            assert chain.startswith(("stripped+0x", "thread-local memory", "stack of")), chain


@in_a_folder
def roots_retain_what_only_they_keep(folder):
    with Told(folder, TRUTH) as told:
        blocks, _ = looked_at(told.core())
    window = next(line for line in told.lines if line[1] == "registry.windows[17] -> window")
    size, _, retained, _ = blocks[int(window[0], 16)]
    assert (size, retained) == (24, 24 + 4808), (size, retained)


@in_a_folder
def a_damaged_heap_is_told_with_its_address_and_the_rest_is_seen(folder):
    with Told(folder, TRUTH, "damage") as told:
        blocks, others = looked_at(told.core())
    damaged = next(line for line in told.lines if line[1] == "damaged")
    assert any(line.startswith(f"damage {damaged[0]} a chunk of 0x4141414141414141 bytes")
               for line in others), others
    assert not any(line == "unseen 0" for line in others), others
    assert_true_of([line for line in told.lines if line[1] != "damaged"], blocks, 1)


@in_a_folder
def cores_that_were_cut_off_are_errors_or_are_told(folder):
    with Told(folder, TRUTH) as told:
        path = told.core()
    with open(path, "rb") as file:
        whole = file.read()
    cut = os.path.join(folder, "cut")
    answers = set()
    for size in [0, 10, 63, 64, 100, 1000, 5000, *range(10000, len(whole), len(whole) // 12)]:
        with open(cut, "wb") as file:
            file.write(whole[:size])
        _, others = looked_at(cut)
        assert others, size
        answers.add(re.sub(r"\d+", "N", others[0].replace(cut, "CUT"))[:60])
    assert any("is no ELF file" in answer for answer in answers), answers
    assert any("cut off in its" in answer for answer in answers), answers


@in_a_folder
def what_is_no_core_is_refused(folder):
    for source, code, words in ((TRUTH, errno.EBADMSG, "no core"),
                                (os.path.join(folder, "absent"), errno.ENOENT, "No such file"),
                                (folder, errno.EISDIR, "it is a folder"),
                                (2**31 - 1, errno.ESRCH, "there is no process")):
        blocks, others = looked_at(source)
        assert not blocks and len(others) == 1, others
        assert others[0].startswith(f"error -{code} ") and words in others[0], others


sys.exit(tap.run([
    chains_in_a_core_are_those_the_program_knows,
    chains_in_a_core_of_gdb_are_the_same,
    chains_in_a_live_process_are_the_same_and_it_goes_on,
    without_a_fork_it_is_the_same,
    calls_that_a_process_waits_in_go_on_as_if_nothing_was,
    without_debug_information_places_are_numbers,
    blocks_that_the_profiler_has_sampled_are_in_their_chains,
    types_flow_through_containers_of_cpp,
    a_stripped_program_has_the_same_blocks,
    roots_retain_what_only_they_keep,
    a_damaged_heap_is_told_with_its_address_and_the_rest_is_seen,
    cores_that_were_cut_off_are_errors_or_are_told,
    what_is_no_core_is_refused,
]))
