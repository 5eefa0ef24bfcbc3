#!/usr/bin/python3
"""profile_reader_test.py DRIVE: what profiles say is what happened.

Random programs go through DRIVE (profile_drive.c), which records their allocations and writes the
profile; it is read back by a reader that shares nothing with the writer, and by `go tool pprof`
where there is one, and compared with the truth. SLUICE_TEST_SEED=n repeats a run.
"""

import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
sys.path.insert(0, HERE)

import tap  # noqa: E402
from pprof_reader import Profile  # noqa: E402

DRIVE = sys.argv[1]
SEED = int(os.environ.get("SLUICE_TEST_SEED", "0x51755ce5eed"), 0)
GZIP, RAW, TEXT = range(3)
INUSE_SPACE, INUSE_OBJECTS, ALLOC_SPACE, ALLOC_OBJECTS = range(4)
SECOND = 10**9
AGES = (0, 1, 3, 10, 30, 120, 600, 3600, 21600, 86400)
TABLE_FULL = ("[stack table full]",)
UNKNOWN = ("[unknown stack]",)
MAPPINGS = (
    (0x400000, 0x500000, 0, "/usr/bin/program", "0123abcd"),
    (0x7f0000000000, 0x7f0000200000, 0x1000, "/lib/libone.so.1", "ffee"),
    (0x7f0000200000, 0x7f0000300000, 0, "/lib/libtwo.so", "-"),
    (0x7f0000800000, 0x7f0000900000, 0x2000, "-", "-"),
)


class Program:
    """What a program did, as steps for DRIVE and as what must be read back."""

    def __init__(self, seed=0, samples=100000, stacks=30000, pcs=1000000, rate=1):
        self.source = random.Random(SEED + seed)
        self.rate = rate
        self.steps = [f"o {rate} {samples} {stacks} {pcs}"]
        self.steps += ["m %d %d %d %s %s" % mapping for mapping in MAPPINGS]
        self.live = {}
        self.allocated = {}  # frames to [count, bytes]
        self.count = 0

    def stack(self, depth=None):
        places = [(start, limit) for start, limit, *_ in MAPPINGS] + [(0x10000, 0x20000)]
        depth = self.source.randrange(1, 30) if depth is None else depth
        return tuple(self.source.randrange(*self.source.choice(places)) + 1
                     for _ in range(depth))

    def allocate(self, pcs, size, now=0):
        handle, self.count = self.count, self.count + 1
        address = 16 * handle + 4096
        text = " ".join(map(str, pcs))
        self.steps.append(f"r {handle} {address} {size} {self.rate} {now} {text}")
        frames = tuple(pc - 1 for pc in pcs[:128]) or UNKNOWN
        total = self.allocated.setdefault(frames, [0, 0])
        total[0] += 1
        total[1] += size
        self.live[handle] = (frames, size, now)
        return handle

    def free(self, handle):
        self.steps.append(f"f {handle} {16 * handle + 4096}")
        del self.live[handle]

    def in_use(self):
        totals = {}
        for frames, size, _ in self.live.values():
            total = totals.setdefault(frames, [0, 0])
            total[0] += 1
            total[1] += size
        return totals

    def truth(self):
        in_use = self.in_use()
        return {frames: (*allocated, *in_use.get(frames, (0, 0)))
                for frames, allocated in self.allocated.items()}

    def written(self, form=GZIP, kind=INUSE_SPACE, ages=0, now=0):
        with tempfile.NamedTemporaryFile() as file:
            last = f"w {form} {kind} {ages} 1700000000000000000 5000000000 {now} {file.name}"
            subprocess.run([DRIVE], input="\n".join(self.steps + [last, ""]), text=True, check=True)
            return file.read()


def busy_program(seed, **options):
    program = Program(seed, **options)
    stacks = [program.stack() for _ in range(200)] + [(), program.stack(128)]
    for _ in range(3000):
        program.allocate(program.source.choice(stacks), program.source.randrange(1, 100000))
        if program.source.random() < 0.6:
            program.free(program.source.choice(list(program.live)))
    return program


def by_frames(profile):
    found = {}
    for frames, labels, values in profile.samples:
        assert not labels
        assert frames not in found, "a stack in two samples"
        found[frames] = values
    return found


def profiles_say_what_happened():
    for seed in range(3):
        program = busy_program(seed)
        for form in (GZIP, RAW):
            assert by_frames(Profile(program.written(form))) == program.truth()


def the_head_says_what_the_figures_are():
    program = busy_program(7)
    program.steps.append("c a-comment")
    profile = Profile(program.written(kind=ALLOC_SPACE))
    assert profile.sample_types == [("alloc_objects", "count"), ("alloc_space", "bytes"),
                                    ("inuse_objects", "count"), ("inuse_space", "bytes")]
    assert profile.default_sample_type == "alloc_space"
    assert profile.period_type == ("space", "bytes")
    assert profile.raw["period"] == 1
    assert profile.raw["time_nanos"] == 1700000000000000000
    assert profile.raw["duration_nanos"] == 5000000000
    assert profile.comments == ["a-comment"]
    for kind, name in enumerate(("inuse_space", "inuse_objects", "alloc_space", "alloc_objects")):
        assert Profile(program.written(kind=kind)).default_sample_type == name


def locations_know_their_mappings():
    profile = Profile(busy_program(8).written())
    told = [(each["memory_start"], each["memory_limit"], each["file_offset"],
             profile.strings[each["filename"]] or "-", profile.strings[each["build_id"]] or "-")
            for each in profile.mappings.values()]
    assert told == list(MAPPINGS)
    unmapped = 0
    for location in profile.locations.values():
        if location["mapping_id"] != 0:
            mapping = profile.mappings[location["mapping_id"]]
            assert mapping["memory_start"] <= location["address"] < mapping["memory_limit"]
        elif not location["line"]:
            unmapped += 1
            assert not any(start <= location["address"] < limit for start, limit, *_ in MAPPINGS)
    assert unmapped > 0


def an_empty_profile_is_a_profile():
    profile = Profile(Program().written())
    assert profile.samples == [] and len(profile.mappings) == len(MAPPINGS)


def stacks_without_room_are_told():
    program = Program(stacks=5)
    program.steps += [f"r {i} {i} 10 1 0 {i + 1} {i + 2}" for i in range(8)]
    profile = Profile(program.written())
    assert by_frames(profile)[TABLE_FULL] == (3, 30, 3, 30)
    assert profile.comments == ["3 samples are in [stack table full]: the table of stacks was full"]


def live_samples_without_room_are_told():
    program = Program(samples=5)
    program.steps += [f"r {i} {i} 10 1 0 9" for i in range(8)]
    profile = Profile(program.written())
    assert by_frames(profile) == {(8,): (8, 80, 5, 50)}
    assert profile.comments == ["3 samples are not in use here: the table of live samples was full"]


def more_locations_than_are_remembered_are_written_again():
    program = Program(9)
    for base in range(0, 40000, 20):
        program.allocate([0x400001 + base + i for i in range(20)], 1)
        program.allocate([0x400001 + base // 2 + i for i in range(20)] + [0x400001 + base], 1)
    profile = Profile(program.written())
    assert by_frames(profile) == program.truth()
    assert len(profile.locations) > 40000


def ages_divide_what_is_in_use():
    program = Program(10)
    now = 10**15
    stacks = [program.stack(3) for _ in range(20)]
    for _ in range(2000):
        age = program.source.choice([program.source.randrange(SECOND * age + 2 * SECOND)
                                     for age in AGES] + [SECOND * age for age in AGES] + [-5])
        program.allocate(program.source.choice(stacks), program.source.randrange(1, 1000),
                         now - age)
        if program.source.random() < 0.3:
            program.free(program.source.choice(list(program.live)))
    expected = {}
    for frames, (objects, size) in program.allocated.items():
        expected[frames, ()] = (objects, size, 0, 0)
    for frames, size, birth in program.live.values():
        age = max(bound for bound in AGES if bound * SECOND <= max(now - birth, 0))
        key = frames, (("age", age, "seconds"),)
        old = expected.get(key, (0, 0, 0, 0))
        expected[key] = (0, 0, old[2] + 1, old[3] + size)
    profile = Profile(program.written(ages=1, now=now))
    found = {(frames, labels): values for frames, labels, values in profile.samples}
    assert len(found) == len(profile.samples)
    assert found == expected


def a_difference_has_only_what_changed():
    program = busy_program(11)
    before = program.truth()
    program.steps.append("s")
    for handle in list(program.live)[:50]:
        program.free(handle)
    for _ in range(50):
        program.allocate(program.stack(4), 77)
    expected = {}
    for frames, values in program.truth().items():
        change = tuple(new - old for new, old in zip(values, before.get(frames, (0, 0, 0, 0))))
        if any(change):
            expected[frames] = change
    assert any(values[3] < 0 for values in expected.values())
    assert by_frames(Profile(program.written())) == expected


def weights_are_kept_for_each_allocation():
    program = Program(12, rate=524288)
    stacks = [program.stack(5) for _ in range(10)]
    expected = {frames: [0.0] * 4 for frames in (tuple(pc - 1 for pc in each) for each in stacks)}
    for _ in range(500):
        pcs = program.source.choice(stacks)
        size = int(16 * 2**(18 * program.source.random()))
        weight = 1 / -math.expm1(-size / 524288)
        handle = program.allocate(pcs, size)
        values = expected[tuple(pc - 1 for pc in pcs)]
        is_kept = program.source.random() < 0.5
        for index, value in enumerate((weight, weight * size) * 2):
            values[index] += value if index < 2 or is_kept else 0
        if not is_kept:
            program.free(handle)
    for frames, values in by_frames(Profile(program.written())).items():
        for found, true in zip(values, expected[frames]):
            assert math.isclose(found, true, rel_tol=1e-4, abs_tol=0.6), (found, true)


SAMPLE_LINE = re.compile(r"(-?\d+): (-?\d+) \[(\d+): (\d+)\] @((?: 0x[0-9a-f]+)*)")


def text_samples(text):
    """As readers of the older format do: one off each address but the first."""
    found = {}
    for line in text.splitlines():
        match = SAMPLE_LINE.fullmatch(line)
        if match:
            inuse_objects, inuse_bytes, alloc_objects, alloc_bytes = map(int, match.groups()[:4])
            addresses = [int(each, 16) for each in match[5].split()]
            frames = tuple(address - (i > 0) for i, address in enumerate(addresses))
            frames = UNKNOWN if frames == (0,) else frames
            found[frames] = (alloc_objects, alloc_bytes, inuse_objects, inuse_bytes)
    return found


def the_text_says_the_same():
    program = busy_program(13)
    text = program.written(TEXT).decode()
    truth = program.truth()
    assert text_samples(text) == truth
    totals = [sum(values[i] for values in truth.values()) for i in range(4)]
    assert text.startswith("heap profile: %d: %d [%d: %d] @ heap/2\n"
                           % (totals[2], totals[3], totals[0], totals[1]))
    assert "7f0000000000-7f0000200000 r-xp 1000 00:00 0 /lib/libone.so.1\n" in text


def go_pprof(*arguments):
    if shutil.which("go") is None:
        raise tap.Skip("no go here")
    with tempfile.TemporaryDirectory() as home:
        result = subprocess.run(["go", "tool", "pprof", "-symbolize=none", *arguments],
                                capture_output=True, text=True, check=False,
                                env={**os.environ, "HOME": home, "PPROF_TMPDIR": home})
    assert result.returncode == 0, result.stderr
    return result.stdout


def go_samples(data):
    """The sums of `go tool pprof -raw`, with its sample types."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        output = go_pprof("-raw", file.name)
    lines = output.split("Samples:\n")[1].split("Locations\n")[0].splitlines()
    rows = [re.match(r"\s*(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+):", line) for line in lines[1:]]
    return lines[0].split(), [sum(int(row[i]) for row in rows if row) for i in range(1, 5)]


def go_tool_pprof_agrees():
    program = busy_program(14)
    truth = list(program.truth().values())
    totals = [sum(values[i] for values in truth) for i in range(4)]
    types = ["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"]
    for data in (program.written(), program.written(ages=1), program.written(RAW),
                 program.written(TEXT)):
        found_types, found = go_samples(data)
        assert [each.removesuffix("[dflt]") for each in found_types] == types, found_types
        assert found == totals, (data[:10], found, totals)


def go_tool_pprof_shows_the_default_and_ages():
    program = busy_program(15)
    with tempfile.NamedTemporaryFile() as file:
        file.write(program.written(ages=1, now=90 * SECOND))
        file.flush()
        assert "Type: inuse_space" in go_pprof("-top", file.name)
        tags = go_pprof("-tags", file.name)
        assert re.search(r"age: Total .*\n.*100%\): 30s\n", tags), tags


sys.exit(tap.run([
    profiles_say_what_happened,
    the_head_says_what_the_figures_are,
    locations_know_their_mappings,
    an_empty_profile_is_a_profile,
    stacks_without_room_are_told,
    live_samples_without_room_are_told,
    more_locations_than_are_remembered_are_written_again,
    ages_divide_what_is_in_use,
    a_difference_has_only_what_changed,
    weights_are_kept_for_each_allocation,
    the_text_says_the_same,
    go_tool_pprof_agrees,
    go_tool_pprof_shows_the_default_and_ages,
]))
