#!/usr/bin/python3
"""symbol_test.py DRIVE: names and lines agree with LLVM's symbolizer, on real programs."""

import errno
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import tap  # noqa: E402

DRIVE = sys.argv[1]
SAMPLES = 150  # addresses of a program that are compared
FOLDER = tempfile.TemporaryDirectory(prefix="symbol-")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def place(name):
    return os.path.join(FOLDER.name, name)


def compiled(name, compiler, source, *flags):
    run(compiler, "-o", place(name), os.path.join(HERE, source), *flags)
    return place(name)


def build_id(path):
    return re.search(r"Build ID: ([0-9a-f]+)", run("readelf", "-n", path)).group(1)


def offsets_of(path, addresses):
    """File offsets of addresses in the module, by its program headers."""
    loads = [[int(word, 16) for word in words[1:4:1]] + [int(words[4], 16)]
             for words in (line.split() for line in run("readelf", "-lW", path).splitlines())
             if words and words[0] == "LOAD"]
    for address in addresses:
        for offset, start, _, size in loads:
            if start <= address < start + size:
                yield address - start + offset
                break
        else:
            raise AssertionError(f"{address:x} is in no segment of {path}")


def looked_up(path, offsets, identity=""):
    """The first line, and for each offset its frames as tuples."""
    shown = run(DRIVE, path, identity, *(f"{offset:x}" for offset in offsets)).splitlines()
    answers = []
    for line in shown[1:]:
        if line.startswith("\t"):
            answers[-1].append(tuple(line[1:].split("\t")))
        else:
            answers.append([])
    return shown[0], answers


def functions_of(path):
    """Start and size of each function with a size."""
    found = {}
    for line in run("nm", "-S", "--defined-only", path).splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tTwW":
            found[int(words[0], 16)] = int(words[1], 16)
    return sorted(found.items())


def addresses_of(path):
    every = [start + step for start, size in functions_of(path) for step in range(0, size, 3)]
    return every[::max(1, len(every) // SAMPLES)]


def peer_frames(path, addresses):
    """What llvm-symbolizer says: for each address its frames as (function, file, line, start)."""
    shown = run("llvm-symbolizer", "--output-style=JSON", "-e", path,
                *(f"0x{address:x}" for address in addresses))
    return [[(frame["FunctionName"], frame["FileName"], frame["Line"], frame["StartLine"])
             for frame in answer["Symbol"]] for answer in json.loads(shown)]


def assert_as_the_peer_says(path):
    """Returns how many addresses were in inlined code."""
    addresses = addresses_of(path)
    assert len(addresses) > 20, addresses
    _, answers = looked_up(path, offsets_of(path, addresses))
    for address, frames, expected in zip(addresses, answers, peer_frames(path, addresses)):
        assert len(frames) == len(expected), (hex(address), frames, expected)
        for frame, (name, file, line, start) in zip(frames, expected):
            function = frame[0] if not name.startswith("_Z") else frame[1]  # it cannot read all
            # Of what the linker does not know, ours also says the namespace and class; and parts
            # that the compiler split off are the function.
            name = re.sub(r"( \(\.[\w.]+\)|\.cold)$", "", name)
            name = name.replace("'lambda'(int)", "{lambda(int)#1}")
            assert function == name or function.endswith("::" + name), (function, name)
            if file:
                assert frame[2:] == (file, str(line), str(start)), (hex(address), frame, expected)
    return sum(len(frames) > 1 for frames in answers)


def functions_lines_and_inlining_agree_with_llvm_symbolizer():
    for level in ("-O0", "-O2"):
        path = compiled("c" + level, "gcc", "subject.c", "-g", level)
        inlined = assert_as_the_peer_says(path)
        assert inlined > 3, inlined


def cpp_names_agree_with_llvm_symbolizer():
    path = compiled("cpp", "c++", "subject_cpp.cc", "-g", "-O2")
    assert assert_as_the_peer_says(path) > 10
    starts = [start for start, _ in functions_of(path)]
    _, answers = looked_up(path, offsets_of(path, starts))
    names = [frames[-1][0] for frames in answers if frames]
    assert any(name.startswith("outer::Thing<outer::(anonymous namespace)::Hidden>::method(")
               for name in names), names


def what_clang_writes_is_found_without_a_table_of_addresses():
    for level in ("-O0", "-O2"):
        path = compiled("clang" + level, "clang", "subject.c", "-g", level)
        assert ".debug_aranges" not in run("readelf", "-SW", path), "there is one"
        assert_as_the_peer_says(path)


def what_clang_writes_is_found_beside_what_gcc_does():
    with open(place("other.c"), "w", encoding="utf-8") as file:
        file.write("int other_count;\nint other_step(int by)\n{\n    other_count += by;\n"
                   "    return other_count;\n}\n")
    run("gcc", "-c", "-g", "-o", place("other.o"), place("other.c"))
    path = compiled("mixed", "clang", "subject.c", "-g", place("other.o"))
    assert ".debug_aranges" in run("readelf", "-SW", path), "there is none"
    assert "other_step" in run("nm", path)
    assert_as_the_peer_says(path)


def start_lines_are_those_of_the_functions():
    path = compiled("start", "gcc", "subject.c", "-g", "-O2")
    lines = open(os.path.join(HERE, "subject.c"), encoding="utf-8").read().splitlines()
    addresses = addresses_of(path)
    _, answers = looked_up(path, offsets_of(path, addresses))
    seen = set()
    for frames in answers:
        for function, _, file, _, start in frames:
            if file.endswith("subject.c"):
                assert f" {function}(" in lines[int(start) - 1], (function, start)
                seen.add(function)
    assert {"innermost", "middle", "hidden_from_outside", "seen_from_outside", "main"} <= seen, seen


def stripped_modules_still_name_what_they_export():
    path = compiled("exported", "gcc", "subject.c", "-O2", "-rdynamic", "-g")
    address = dict((line.split()[2], int(line.split()[0], 16))
                   for line in run("nm", "--defined-only", path).splitlines())["seen_from_outside"]
    run("strip", path)
    first, answers = looked_up(path, offsets_of(path, [address + 1]))
    assert first == "symbols 1 lines 0", first
    assert answers == [[("seen_from_outside", "seen_from_outside", "", "0", "0")]], answers


def debug_links_are_followed():
    path = compiled("linked", "gcc", "subject.c", "-O2", "-g")
    addresses = addresses_of(path)
    before = looked_up(path, offsets_of(path, addresses))
    run("objcopy", "--only-keep-debug", path, path + ".debug")
    run("strip", path)
    run("objcopy", "--add-gnu-debuglink=" + path + ".debug", path)
    assert looked_up(path, offsets_of(path, addresses)) == before
    assert before[0] == "symbols 1 lines 1", before[0]


def another_build_is_not_taken_for_the_one_that_ran():
    path = compiled("one", "gcc", "subject.c", "-O2", "-g")
    other = compiled("other", "gcc", "subject.c", "-O1", "-g")
    assert build_id(path) != build_id(other)
    assert looked_up(path, [], build_id(path))[0] == "symbols 1 lines 1"
    assert looked_up(other, [], build_id(path))[0].startswith(
        f"error {-errno.ESTALE} {other} is of another build"), looked_up(other, [], build_id(path))
    assert looked_up(path, [], build_id(path)[:-1])[0].startswith(f"error {-errno.ESTALE} ")


def what_is_no_module_is_refused():
    with open(place("text"), "w", encoding="utf-8") as file:
        file.write("no module")
    whole = open(compiled("whole", "gcc", "subject.c", "-g"), "rb").read()
    assert looked_up(place("text"), [])[0].startswith(f"error {-errno.EBADMSG} ")
    assert looked_up(place("absent"), [])[0] == (
        f"error {-errno.ENOENT} cannot read {place('absent')}: No such file or directory")
    assert looked_up(place("absent"), [], "../../../../etc/passwd")[0].startswith(
        f"error {-errno.ENOENT} ")
    for size in range(0, len(whole), 3989):
        with open(place("cut"), "wb") as file:
            file.write(whole[:size])
        looked_up(place("cut"), range(0, 0x4000, 0x100))  # run() fails if it does


def offsets_outside_are_unknown():
    path = compiled("bounds", "gcc", "subject.c", "-g")
    assert looked_up(path, [1 << 40, (1 << 64) - 1, 0])[1] == [[], [], []]


if __name__ == "__main__":
    sys.exit(tap.run([
        functions_lines_and_inlining_agree_with_llvm_symbolizer,
        cpp_names_agree_with_llvm_symbolizer,
        what_clang_writes_is_found_without_a_table_of_addresses,
        what_clang_writes_is_found_beside_what_gcc_does,
    start_lines_are_those_of_the_functions,
        stripped_modules_still_name_what_they_export,
        debug_links_are_followed,
        another_build_is_not_taken_for_the_one_that_ran,
        what_is_no_module_is_refused,
        offsets_outside_are_unknown,
    ]))
