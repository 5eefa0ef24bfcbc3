#!/usr/bin/python3
"""heap_peer_test.py SLUICE: the same figures as `go tool pprof`, to the unit and in its order."""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "profile"))

from pprof_fields import field, varint  # noqa: E402

DATA = os.path.normpath(os.path.join(HERE, "..", "data", "profiles"))
SLUICE = os.path.abspath(sys.argv[1])
PROFILES = ("heap", "allocs", "goroutine", "mutex", "block", "redis.1", "redis.2")
UNITS = {"bytes": "B", "nanoseconds": "ns", "count": ""}
VALUE = r"(-?[\d.]+)(B|ns|)"


def path_of(name):
    return os.path.join(DATA, name + ".pb.gz")


def ours(command, *words):
    """A subcommand's JSON document."""
    done = subprocess.run([SLUICE, "heap", command, "--json", *words], capture_output=True,
                          timeout=60, check=False, text=True)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def peer(*words):
    """What go tool pprof prints, in exact units; run where no folder's name occurs in paths."""
    if shutil.which("go") is None:
        raise tap.Skip("go is not installed")
    done = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-nodefraction=0",
                           "-edgefraction=0", *words], capture_output=True, timeout=120,
                          check=False, text=True, cwd="/", env={**os.environ, "HOME": "/tmp"})
    assert done.returncode == 0, done
    return done.stdout


def types_of(name):
    """Sample types with their units."""
    head = peer("-raw", path_of(name)).split("Samples:\n")[1].split("\n")[0]
    return re.findall(r"(\w+)/(\w+)", head)


def without_remark(label):
    return re.sub(r" \((partial-)?inline\)$", "", label)


def peer_rows(text):
    """(flat, cum, label) of each line of -top."""
    rows = re.findall(rf"^ *{VALUE} +[\d.]+% +[\d.]+% +{VALUE} +[\d.]+%  (.*)$", text,
                      re.MULTILINE)
    return [(int(flat), int(cum), without_remark(label)) for flat, _, cum, _, label in rows]


def label_of(row, level):
    label = row["function"]
    if level == "--lines" and row["line"]:
        label += f" {row['file']}:{row['line']}"
    return label


def our_rows(document, level=None):
    return [(row["flat"], row["cum"], label_of(row, level)) for row in document["rows"]]


def each_type():
    for name in PROFILES:
        for sample_type, unit in types_of(name):
            yield name, sample_type, f"-unit={unit}"


def compare_top(name, sample_type, unit, *options, ours_too=(), level=None):
    theirs = peer("-top", f"-sample_index={sample_type}", unit, *options, path_of(name))
    document = ours("top", "-s", sample_type, "-n", "0", *ours_too, path_of(name))
    assert our_rows(document, level) == peer_rows(theirs), (name, sample_type, options)
    return document, theirs


def top_has_the_same_rows_in_the_same_order():
    for name, sample_type, unit in each_type():
        document, theirs = compare_top(name, sample_type, unit)
        total = re.search(rf"of {VALUE} total", theirs)
        assert document["total"] == int(total.group(1)), (name, theirs)
        assert len(document["rows"]) > 1 or sample_type.startswith("inuse")


def top_by_cumulative_value_has_the_same_order():
    for name, sample_type, unit in each_type():
        compare_top(name, sample_type, unit, "-cum", ours_too=["--cum"])


def top_by_line_has_the_same_rows():
    for name, sample_type, unit in each_type():
        compare_top(name, sample_type, unit, "-lines", ours_too=["--lines"], level="--lines")


def top_by_address_has_the_same_values():
    for name, sample_type, unit in each_type():
        theirs = peer("-top", "-addresses", f"-sample_index={sample_type}", unit, path_of(name))
        document = ours("top", "-s", sample_type, "-n", "0", "--addresses", path_of(name))
        assert [row[:2] for row in our_rows(document)] == [row[:2] for row in peer_rows(theirs)]


def top_by_file_has_the_same_sums():
    """pprof tells functions of one file apart by where they begin: their flat values add up."""
    for name, sample_type, unit in each_type():
        sums = collections.Counter()
        for flat, _, label in peer_rows(peer("-top", "-files", f"-sample_index={sample_type}", unit,
                                             path_of(name))):
            sums[label] += flat
        document = ours("top", "-s", sample_type, "-n", "0", "--files", path_of(name))
        assert {row["function"]: row["flat"] for row in document["rows"]} == dict(sums), name


def filters_choose_the_same_samples_and_frames():
    for name, options in (("redis.2", ("focus", "zmalloc")), ("redis.2", ("ignore", "lookup|Set")),
                          ("redis.2", ("hide", "^z|je_")), ("redis.2", ("show", "Command|redis")),
                          ("heap", ("focus", "descend")), ("heap", ("ignore", "cache")),
                          ("heap", ("hide", r"^main\.keep$")), ("heap", ("show", r"profiles\.go")),
                          ("goroutine", ("focus", "wait"))):
        key, pattern = options
        sample_type, unit = types_of(name)[-1]
        document, _ = compare_top(name, sample_type, f"-unit={unit}", f"-{key}={pattern}",
                                  ours_too=["--" + key, pattern])
        assert document["rows"], (name, options)


def tags_choose_the_same_samples():
    theirs = peer("-top", "-unit=count", "-tagfocus=worker:1", path_of("goroutine"))
    document = ours("top", "-n", "0", "--tag", "worker=^1$", path_of("goroutine"))
    assert our_rows(document) == peer_rows(theirs) and document["rows"]
    assert our_rows(ours("top", "-n", "0", "--tag", "worker:1", path_of("goroutine"))) == \
        our_rows(document)


# Key, value and unit; each sample of the profile has one of these lists, and its own function. No
# key has two units: pprof takes the first one for all.
LABELS = (
    [],
    [("bytes", 0, "bytes")],
    [("bytes", 64, "")],
    [("bytes", 1000, "bytes")],
    [("bytes", 1024, "bytes")],
    [("bytes", 65536, "")],
    [("bytes", 1048576, "bytes"), ("worker", "1", "")],
    [("bytes", 1 << 40, "bytes")],
    [("bytes", -64, "bytes")],
    [("request", 4096, "")],
    [("alignment", 16, "")],
    [("size", 4, "kilobytes")],
    [("size", 4096, "kilobytes")],
    [("wait", 1500, "microseconds")],
    [("delay", 2, "seconds")],
    [("pause", 1, "Hours")],
    [("depth", 64, "")],
    [("depth", 65, "frames")],
    [("worker", "1", ""), ("path", "/api/list", "")],
    [("worker", "12", ""), ("path", "/static", "")],
    [("worker", "64kb", "")],
)
RANGES = (
    "bytes=64b", "bytes=64B:1kb", "bytes=64b:1mb", "bytes=1kb:", "bytes=:1kb", "bytes=1kb:1mb",
    "bytes=1kilobyte:1024", "bytes=1kb:1s", "64b:1mb", "4kb", "4kb:", ":4mb", "-64b:64b",
    "size=4mb", "size=4096b:", "request=4kb", "alignment=1b:16bytes", "wait=1ms:2s", "wait=:1500us",
    "delay=2000ms", "delay=:1999ms", "wait=1kb:", "pause=3600s", "pause=1hr", "1ms:", "depth=64",
    "depth=64kb", "depth=64things:", "depth=64:65", "depth=:64count", "none=1:", "1tb", "+1kb",
)
EXPRESSIONS = (
    "worker=^1", "worker=^1$,2$", "worker:1", "worker:1,path:/api", "path:/api,path:/static",
    "path=/api,/static", "path=list", "worker=1kb:1s", "64kb:x", "worker:64kb", "nothing", "path=",
    "worker=:",
)


def profile_of_labels(file):
    """One sample a list of labels, so that a function's name tells which sample is there."""
    strings = ["", "space", "bytes"]

    def string(text):
        if text not in strings:
            strings.append(text)
        return strings.index(text)

    body = field(1, field(1, 1) + field(2, 2))
    for place, labels in enumerate(LABELS):
        number = place + 1
        sample = field(1, varint(number)) + field(2, varint(1000 + place))
        for key, value, unit in labels:
            text = field(2, string(value)) if isinstance(value, str) else field(3, value)
            sample += field(3, field(1, string(key)) + text + field(4, string(unit)))
        body += field(2, sample)
        body += field(4, field(1, number) + field(3, number) + field(4, field(1, number)))
        body += field(5, field(1, number) + field(2, string(f"f{place}")))
    file.write(body + b"".join(field(6, text.encode()) for text in strings))
    file.flush()


def tags_are_the_same_ranges_and_expressions():
    with tempfile.NamedTemporaryFile(suffix=".pb") as file:
        profile_of_labels(file)
        for tag in RANGES + EXPRESSIONS:
            theirs = peer("-top", "-unit=B", f"-tagfocus={tag}", file.name)
            document = ours("top", "-n", "0", "--tag", tag, file.name)
            assert our_rows(document) == peer_rows(theirs), tag


def parse_tree(text):
    """Entry to (flat, cum, callers, callees), each a list in order."""
    found = {}
    block = None
    for line in text.split("\n"):
        edge = re.match(rf"^ +{VALUE} +[\d.]+% \|   (.*)$", line)
        entry = re.match(rf"^ *{VALUE} +[\d.]+% +[\d.]+% +{VALUE} +[\d.]+% +\| (.*)$", line)
        if line.startswith("-----"):
            block = {"before": [], "after": []}
            place = "before"
        elif edge and block is not None:
            block[place].append((int(edge.group(1)), edge.group(3)))
        elif entry:
            place = "after"
            found[without_remark(entry.group(5))] = (
                int(entry.group(1)), int(entry.group(3)), block["before"], block["after"])
    return found


def our_tree(document):
    def edges(row, key):
        return [(edge["value"], edge["function"] + (" (inline)" if edge["inlined"] else ""))
                for edge in row[key]]
    return {row["function"]: (row["flat"], row["cum"], edges(row, "callers"),
                              edges(row, "callees")) for row in document["rows"]}


def tree_has_the_same_edges():
    for name, sample_type, unit in each_type():
        theirs = parse_tree(peer("-tree", "-nodecount=100000", f"-sample_index={sample_type}", unit,
                                 path_of(name)))
        mine = our_tree(ours("tree", "-n", "0", "-s", sample_type, path_of(name)))
        assert mine == theirs, (name, sample_type)


def peek_has_the_same_edges():
    for name, pattern in (("heap", "main"), ("redis.2", "zmalloc|Command$")):
        theirs = parse_tree(peer(f"-peek={pattern}", "-unit=bytes", path_of(name)))
        mine = our_tree(ours("peek", pattern, path_of(name)))
        assert mine == theirs and mine, name


def peer_stacks(name, sample_type, unit):
    """The sums of -traces by stack, the outermost function first."""
    sums = collections.Counter()
    text = peer("-traces", f"-sample_index={sample_type}", unit, path_of(name))
    for block in re.split(r"^-+\+-+$", text, flags=re.MULTILINE)[1:]:
        lines = [line for line in block.split("\n") if line.strip() and
                 not re.match(r"^ *\w+:  ", line)]
        first = re.match(rf"^ *{VALUE}   (.*)$", lines[0]) if lines else None
        if first:
            stack = [first.group(3)] + [line.strip() for line in lines[1:]]
            stack = [without_remark(each) for each in stack]
            sums[";".join(reversed(stack))] += int(first.group(1))
    return {stack: value for stack, value in sums.items() if value}


def folded_stacks_are_those_of_traces():
    for name, sample_type, unit in each_type():
        done = subprocess.run([SLUICE, "heap", "flame", "--folded", "-s", sample_type,
                               path_of(name)], capture_output=True, check=True, text=True)
        mine = collections.Counter()
        for line in done.stdout.splitlines():
            stack, value = line.rsplit(" ", 1)
            mine[stack] += int(value)
        assert dict(mine) == peer_stacks(name, sample_type, unit), (name, sample_type)


def list_has_the_same_values_by_line():
    text = peer("-list=main", "-unit=bytes", f"-source_path={DATA}", path_of("heap"))
    theirs = {}
    for block in text.split("ROUTINE ======================== ")[1:]:
        function = block.split(" in ")[0]
        for flat, _, cum, _, line in re.findall(
                rf"^ *(?:\.|{VALUE}) +(?:\.|{VALUE}) +(\d+):", block, re.MULTILINE):
            if flat or cum:
                theirs[function, int(line)] = (int(flat or 0), int(cum or 0))
    mine = {(function["function"], line["line"]): (line["flat"], line["cum"])
            for function in ours("list", "main", path_of("heap"))["functions"]
            for line in function["lines"] if function["file"].endswith("profiles.go")}
    assert {key: value for key, value in mine.items() if key in theirs} == theirs and theirs


def differences_are_those_of_base():
    for base, now in (("heap", "heap_later"), ("redis.1", "redis.2")):
        theirs = peer("-top", "-unit=bytes", f"-base={path_of(base)}", path_of(now))
        expected = {label: flat for flat, _, label in peer_rows(theirs) if flat}
        document = ours("diff", "-n", "0", path_of(base), path_of(now))
        mine = {row["function"]: row["delta"] for row in document["rows"]}
        assert mine == expected and mine, (base, now)
        cumulative = ours("diff", "-n", "0", "--cum", path_of(base), path_of(now))
        expected = {label: cum for _, cum, label in peer_rows(theirs) if cum}
        assert {row["function"]: row["delta"] for row in cumulative["rows"]} == expected


def merged_profiles_have_the_same_rows():
    paths = [path_of("redis.1"), path_of("redis.2")]
    theirs = peer("-top", "-unit=bytes", *paths)
    assert our_rows(ours("top", "-n", "0", *paths)) == peer_rows(theirs)


def text_is_scaled_as_the_peer_scales_it():
    theirs = peer("-raw", os.path.join(DATA, "heap.txt.gz"))
    samples = re.findall(r"^ +(\d+) +(\d+) +(\d+) +(\d+): ", theirs, re.MULTILINE)
    assert len(samples) > 20
    for place, sample_type in enumerate(("alloc_objects", "alloc_space", "inuse_objects",
                                         "inuse_space")):
        document = ours("top", "-s", sample_type, os.path.join(DATA, "heap.txt.gz"))
        assert document["total"] == sum(int(sample[place]) for sample in samples), sample_type


def bytes_printed(text):
    """The number of bytes of heaptrack_print's "166.70K", and how exact it is."""
    number, unit = re.match(r"([\d.]+)([BKMG])", text).groups()
    factor = 1000 ** "BKMG".index(unit)
    return float(number) * factor, factor / 100


def recordings(folder):
    """One that is kept, and one that heaptrack makes now."""
    yield path_of_recording()
    fresh = os.path.join(folder, "fresh")
    subprocess.run(["heaptrack", "-o", fresh, "/bin/ls", "-l", "/"], capture_output=True,
                   timeout=120, check=True)
    yield from (os.path.join(folder, name) for name in os.listdir(folder))


def path_of_recording():
    return os.path.join(DATA, "heaptrack.zst")


def a_recording_of_heaptrack_has_the_totals_that_it_prints_itself():
    if shutil.which("heaptrack_print") is None:
        raise tap.Skip("heaptrack is not installed")
    with tempfile.TemporaryDirectory() as folder:
        for path in recordings(folder):
            text = subprocess.run(
                ["heaptrack_print", "--disable-embedded-suppressions",
                 "--disable-builtin-suppressions", path],
                capture_output=True, timeout=120, check=True, text=True).stdout
            calls = int(re.search(r"^calls to allocation functions: (\d+)", text, re.M)[1])
            assert ours("top", "-s", "alloc_objects", path)["total"] == calls > 50, path
            for label, sample_type in (("peak heap memory consumption", "peak_space"),
                                       ("total memory leaked", "inuse_space")):
                wanted, exact = bytes_printed(re.search(rf"^{label}: (\S+)", text, re.M)[1])
                total = ours("top", "-s", sample_type, path)["total"]
                assert abs(total - wanted) <= exact, (path, sample_type, total, wanted)


if __name__ == "__main__":
    sys.exit(tap.run([
        top_has_the_same_rows_in_the_same_order,
        top_by_cumulative_value_has_the_same_order,
        top_by_line_has_the_same_rows,
        top_by_address_has_the_same_values,
        top_by_file_has_the_same_sums,
        filters_choose_the_same_samples_and_frames,
        tags_choose_the_same_samples,
        tags_are_the_same_ranges_and_expressions,
        tree_has_the_same_edges,
        peek_has_the_same_edges,
        folded_stacks_are_those_of_traces,
        list_has_the_same_values_by_line,
        differences_are_those_of_base,
        merged_profiles_have_the_same_rows,
        text_is_scaled_as_the_peer_scales_it,
        a_recording_of_heaptrack_has_the_totals_that_it_prints_itself,
    ]))
