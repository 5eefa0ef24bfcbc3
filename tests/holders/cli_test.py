#!/usr/bin/python3
"""cli_test.py SLUICE TRUTH [LIBRARY]: `sluice heap who` and `layout` as people call them."""

import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tap
from process import Told

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "profile"))
from pprof_reader import Profile  # noqa: E402

SLUICE, TRUTH = (os.path.abspath(path) for path in sys.argv[1:3])
LIBRARY = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
WRONG_USE, COULD_NOT = 2, 3
RECORDED_GO = os.path.join(HERE, "..", "data", "layouts", "go.debug.xz")
FOLDER = tempfile.TemporaryDirectory(prefix="who cli-")


def run(*words):
    return subprocess.run([SLUICE, "heap", *words], capture_output=True, timeout=100, check=False,
                          text=True)


def answer(*words):
    done = run(*words)
    assert done.returncode == 0, done
    return done.stdout


class Once:
    """The core that all tests look at, made once."""

    core = None
    lines = None


def core():
    if Once.core is None:
        with Told(FOLDER.name, TRUTH) as told:
            Once.core = told.core()
            Once.lines = told.lines
    return Once.core


def address_of(chain):
    core()
    return next(line[0] for line in Once.lines if line[1] == chain)


def the_report_has_chains_roots_types_and_leaks():
    text = answer("who", core())
    for words in ("Chains:", "Roots:", "Types:", "Leaked:", "leaked ", "(2 arenas)"):
        assert words in text, text
    assert re.search(r"exact +registry\.windows\[\*\] -> window\.buckets -> int64_t$", text,
                     re.MULTILINE), text


def json_says_the_same_as_the_program():
    report = json.loads(answer("who", core(), "--json", "--top", "100"))
    heap = report["heap"]
    assert (report["live"], heap["arenas"], heap["damage_count"]) == (False, 2, 0), report
    assert report["asked"] == {"blocks": heap["blocks"], "bytes": heap["bytes"]}, report
    chains = {row["chain"]: row for row in report["chains"]}
    node = chains["head -> node (repeated)"]
    assert (node["blocks"], node["bytes"], node["repeats"]) == (3, 72, True), node
    assert node["example"]["chain"] == "head -> node", node
    buckets = chains["registry.windows[*] -> window.buckets -> int64_t"]
    assert buckets["bytes"] == 4808 and buckets["confidence"] == "exact", buckets
    root, = (row for row in report["roots"] if row["name"] == "registry")
    assert (root["kind"], root["retained_bytes"]) == ("variable", 24 + 4808), root
    total = sum(row["bytes"] for row in report["chains"]) + report["leaked"]["bytes"]
    assert total == heap["bytes"], (total, heap)


def a_variable_across_two_regions_is_one_root():
    found = json.loads(answer("who", core(), "--json", "--top", "1000"))
    wide = [root["retained_bytes"] for root in found["roots"] if root["name"] == "wide"]
    assert wide == [2 * 56], found["roots"]
    assert [chain["blocks"] for chain in found["chains"]
            if chain["chain"].startswith("wide[*] -> ")] == [2], found["chains"]


def types_sizes_and_addresses_choose_blocks():
    report = json.loads(answer("who", core(), "--json", "--type", "^window$"))
    assert {row["type"] for row in report["types"]} == {"window"}, report["types"]
    report = json.loads(answer("who", core(), "--json", "--size", "4800"))
    assert report["asked"] == {"blocks": 1, "bytes": 4808}, report["asked"]
    report = json.loads(answer("who", core(), "--json", "--size", "1MiB-2MiB"))
    assert report["asked"]["blocks"] == 2, report["asked"]
    address = address_of("registry.windows[17] -> window.buckets -> int64_t[600]")
    inside = hex(int(address, 16) + 40)
    report = json.loads(answer("who", core(), "--json", "--address", inside))
    assert report["block"]["address"] == address, report["block"]
    assert report["block"]["chain"] == "registry.windows[17] -> window.buckets -> int64_t[600]"
    assert "retains 4.7 KiB" in answer("who", core(), "--address", inside)


def stacks_of_the_profile_are_chains():
    path = os.path.join(FOLDER.name, "owners.pb.gz")
    answer("who", core(), "--pprof", path)
    with open(path, "rb") as file:
        profile = Profile(file.read())
    assert [name for name, _ in profile.sample_types] == ["inuse_objects", "inuse_space"]
    wanted = (".buckets -> int64_t", ".windows[*] -> window", "registry")
    found = [values for frames, _, values in profile.samples if tuple(frames) == wanted]
    assert [list(values) for values in found] == [[1, 4808]], profile.samples
    heap = json.loads(answer("who", core(), "--json"))["heap"]
    assert sum(values[1] for _, _, values in profile.samples) == heap["bytes"]


def a_live_process_says_how_long_it_stood():
    with Told(FOLDER.name, TRUTH) as told:
        report = json.loads(answer("who", str(told.pid), "--json"))
        text = answer("who", str(told.pid))
    assert report["live"] and report["process_id"] == told.pid, report
    assert 0 < report["stopped_ns"] < 60e9, report
    assert re.match(rf"{told.pid}: process {told.pid}, 2 threads, stopped for ", text), text


def what_cannot_be_done_is_said():
    for status, words, told in (
            (COULD_NOT, ("who", TRUTH), "it is an ELF file, and no core"),
            (COULD_NOT, ("who", "2147483646"), "there is no process 2147483646"),
            (COULD_NOT, ("who", core(), "--address", "0x10"), "no block that is in use is at 0x10"),
            (COULD_NOT, ("who", core(), "--memory", "1MiB"), "no memory"),
            (WRONG_USE, ("who", core(), "--type", "("), "--type (: "),
            (WRONG_USE, ("who", core(), "--size", "many"), "--size many: say 4800"),
            (WRONG_USE, ("who", core(), "--address", "here"), "--address here: no address"),
            (WRONG_USE, ("layout", TRUTH, "--type", "["), "--type [: "),
            (COULD_NOT, ("layout", TRUTH, "--type", "^nothing$"), "no type of"),
            (COULD_NOT, ("layout", "/dev/null"), "is no ELF file")):
        done = run(*words)
        assert done.returncode == status and told in done.stderr, (words, done)


def watched(allocator=""):
    """The program with our profiler inside, which samples each block."""
    if LIBRARY is None:
        raise tap.Skip("a sanitizer's malloc stands before the profiler's")
    return Told(FOLDER.name, TRUTH, LD_PRELOAD=f"{LIBRARY} {allocator}", SLUICE_HEAP_RATE="1",
                SLUICE_HEAP_EXIT="0", SLUICE_HEAP_SAMPLES_PER_SECOND_MAX="0")


def page_stands_alone_and_says_the_same():
    path = os.path.join(FOLDER.name, "owners.html")
    text = answer("who", core(), "--html", path)
    with open(path, encoding="utf-8") as file:
        page = file.read()
    assert "http" not in page and "<script" not in page, page
    for title in ("Chains:", "Roots:", "Types:", "Leaked:"):
        rows = text.split(title)[1].split("\n\n")[0].split("\n")[2:]
        table = page.split("<caption>" + title)[1].split("</table>")[0]
        assert table.count("<tr>") == 1 + len([row for row in rows if row]), (title, rows, table)
    assert "registry.windows[*] -&gt; window.buckets -&gt; int64_t</td>" in page, page
    done = run("who", core(), "--html", "/no/such/folder/owners.html")
    assert done.returncode == COULD_NOT and "cannot write" in done.stderr, done


def a_site_chooses_what_was_allocated_there():
    with watched() as told:
        text = answer("who", str(told.pid), "--site", "^own_odd_ones$")
        assert re.search(r"text -> text\.lines\[\*\] -> char, allocated at block_of truth\.c:\d+$",
                         text, re.MULTILINE), text
        assert "registry" not in text.split("Roots:")[0], text
        asked = json.loads(answer("who", str(told.pid), "--site", "^own_odd_ones$", "--json"))
        assert asked["asked"]["blocks"] == 10, asked["asked"]
        assert all(re.fullmatch(r"\w+ truth\.c:\d+", chain["allocated_at"])
                   for chain in asked["chains"]), asked["chains"]
        done = run("who", str(told.pid), "--site", "nothing_like_it")
        assert done.returncode == 0 and "asked   0 B in 0 blocks" in done.stdout, done
        done = run("who", str(told.pid), "--site", "(")
        assert done.returncode == WRONG_USE and "--site (" in done.stderr, done
    done = run("who", core(), "--site", "main")
    assert done.returncode == COULD_NOT and "no sampled block is known" in done.stderr, done


def sites_sum_up_what_they_keep():
    with watched() as told:
        whole = json.loads(answer("who", str(told.pid), "--json", "--top", "1000"))
        sites = {each["site"].split(" ")[0]: each for each in whole["sites"]}
        assert set(sites) >= {"block_of", "own_odd_ones", "main"}, sites
        assert sites["block_of"]["leaked_bytes"] == whole["leaked"]["bytes"] > 0, whole["leaked"]
        alone = sites["own_odd_ones"]
        assert alone["blocks"] == 1 and alone["retained_bytes"] == alone["bytes"] >= 1 << 20, alone
        asked = json.loads(answer("who", str(told.pid), "--site", "^own_odd_ones$", "--json"))
        assert sum(each["blocks"] for each in asked["sites"]) == asked["asked"]["blocks"], asked
        held = sites["block_of"]["retained_bytes"]
        assert sites["block_of"]["bytes"] - sites["block_of"]["leaked_bytes"] <= held, sites
        assert held <= whole["heap"]["bytes"], (held, whole["heap"])
        text = answer("who", str(told.pid))
        assert re.search(r" 864 B +block_of truth\.c:\d+$", text, re.MULTILINE), text
    assert "Sites:" not in answer("who", core())
    assert json.loads(answer("who", core(), "--json"))["sites"] == []


def sampled_above(allocator):
    library = f"/usr/lib/x86_64-linux-gnu/{allocator}"
    if not os.path.exists(library):
        raise tap.Skip(f"{allocator} is not installed")
    with watched(library) as told:
        text = answer("who", str(told.pid))
        assert re.search(r"exact +text -> text\.lines\[\*\] -> char, allocated at block_of "
                         r"truth\.c:\d+$", text, re.MULTILINE), text


def of_jemalloc_what_was_sampled_is_known():
    sampled_above("libjemalloc.so.2")


def of_tcmalloc_what_was_sampled_is_known():
    sampled_above("libtcmalloc_minimal.so.4")


def layouts_have_holes_and_cache_lines():
    text = answer("layout", TRUTH, "--type", "^registry$")
    assert text.splitlines()[0] == "registry: 168 bytes in 3 cache lines, 4 in holes", text
    assert [line.split()[:3] for line in text.splitlines()[2:]] == [
        ["0", "4", "count"], ["4", "4", "(hole)"], ["8", "160", "windows"]], text
    window, = json.loads(answer("layout", TRUTH, "--type", "^window$", "--json"))["types"]
    assert (window["size_bytes"], window["hole_bytes"], window["cache_lines"]) == (16, 4, 1)
    assert window["members"][0] == {"name": "buckets", "type": "int64_t *", "offset_bytes": 0,
                                    "size_bytes": 8, "crosses_cache_line": False}, window


def compiled(name, *command):
    path = os.path.join(FOLDER.name, name)
    subprocess.run([*command, "-o", path], check=True, capture_output=True, timeout=200)
    return path


def layouts_of_bit_fields_unions_and_bases_are_those_of_the_compiler():
    source = os.path.join(FOLDER.name, "shapes.cc")
    with open(source, "w", encoding="utf-8") as file:
        file.write("""
            #include <cstddef>
            struct Bits { unsigned first : 3; unsigned second : 11; char third; };
            union Either { long number; char text[20]; };
            struct Base { virtual ~Base() {} int held; };
            struct Derived : Base { char more; Either either; char line[40]; };
            static_assert(offsetof(Derived, either) == 16, "");
            Bits bits; Either either; Derived derived; int main() { return 0; }""")
    path = compiled("shapes", "c++", "-g", "-Wno-invalid-offsetof", source)
    types = {row["name"]: row for row in json.loads(answer("layout", path, "--json"))["types"]}
    members = {row.get("name"): row for row in types["Derived"]["members"]}
    assert (types["Derived"]["size_bytes"], members["either"]["offset_bytes"]) == (80, 16), types
    assert members["(base)"]["type"] == "Base" and members["line"]["crosses_cache_line"], members
    bits = {row.get("name"): row for row in types["Bits"]["members"]}
    assert (bits["first"]["bits"], bits["second"]["bits"]) == (3, 11), bits
    assert (bits["second"]["bit_offset"], bits["third"]["offset_bytes"]) == (3, 2), bits
    assert {row["offset_bytes"] for row in types["Either"]["members"]} == {0}, types["Either"]
    assert types["Either"]["hole_bytes"] == 0


def layouts_of_a_go_program_are_those_of_its_compiler():
    if shutil.which("go") is None:
        raise tap.Skip("no Go compiler")
    source = os.path.join(FOLDER.name, "shapes.go")
    with open(source, "w", encoding="utf-8") as file:
        file.write("""package main

import (
    "crypto/sha256"
    "fmt"
    "os"
    "sync"
    "time"
    "unsafe"
)

type Limiter struct {
    mu        sync.Mutex
    limit     float64
    burst     int
    tokens    float64
    last      time.Time
    lastEvent time.Time
}

func main() {
    var l Limiter
    fmt.Fprintln(os.Stderr, &l)
    fmt.Println(unsafe.Sizeof(l), unsafe.Offsetof(l.tokens), unsafe.Offsetof(l.lastEvent))
    fmt.Println(sha256.New().Size())
}
""".replace("\t", "\t"))
    path = os.path.join(FOLDER.name, "shapes-go")
    subprocess.run(["go", "build", "-o", path, source], check=True, capture_output=True,
                   timeout=200, env={**os.environ, "GO111MODULE": "off",
                                     "GOCACHE": os.path.join(FOLDER.name, "cache")})
    told = subprocess.run([path], check=True, capture_output=True, text=True).stdout.split()
    limiter, = json.loads(answer("layout", path, "--type", r"^main\.Limiter$", "--json"))["types"]
    members = {row["name"]: row for row in limiter["members"]}
    assert [limiter["size_bytes"], members["tokens"]["offset_bytes"],
            members["lastEvent"]["offset_bytes"]] == [int(word) for word in told[:3]], limiter
    assert members["lastEvent"]["crosses_cache_line"] and limiter["cache_lines"] == 2, limiter
    digest, = json.loads(answer("layout", path, "--type", r"sha256\.digest$", "--json"))["types"]
    assert digest["members"][1]["type"] == "uint8[64]", digest
    assert digest["hole_bytes"] == 7, digest


def layouts_of_a_recorded_go_program_need_no_go():
    path = os.path.join(FOLDER.name, "recorded.debug")
    with lzma.open(RECORDED_GO) as packed, open(path, "wb") as file:
        shutil.copyfileobj(packed, file)
    types = r"/rate\.Limiter$|sha256\.digest$"
    found = json.loads(answer("layout", path, "--type", types, "--json"))
    limiter, digest = sorted(found["types"], key=lambda row: row["name"], reverse=True)
    assert limiter["name"] == "golang.org/x/time/rate.Limiter", limiter
    assert (limiter["size_bytes"], limiter["cache_lines"], limiter["hole_bytes"]) == (80, 2, 0)
    assert [(row["name"], row["offset_bytes"], row["type"]) for row in limiter["members"]] == [
        ("mu", 0, "sync.Mutex"), ("limit", 8, "golang.org/x/time/rate.Limit"), ("burst", 16, "int"),
        ("tokens", 24, "float64"), ("last", 32, "time.Time"), ("lastEvent", 56, "time.Time")]
    assert [row["name"] for row in limiter["members"]
            if row["crosses_cache_line"]] == ["lastEvent"], limiter
    assert (digest["size_bytes"], digest["cache_lines"], digest["hole_bytes"]) == (120, 2, 7)
    assert [(row["name"], row["offset_bytes"]) for row in digest["members"] if "name" in row] == [
        ("h", 0), ("x", 32), ("nx", 96), ("len", 104), ("is224", 112)], digest


sys.exit(tap.run([
    the_report_has_chains_roots_types_and_leaks,
    json_says_the_same_as_the_program,
    a_variable_across_two_regions_is_one_root,
    types_sizes_and_addresses_choose_blocks,
    stacks_of_the_profile_are_chains,
    a_live_process_says_how_long_it_stood,
    what_cannot_be_done_is_said,
    page_stands_alone_and_says_the_same,
    a_site_chooses_what_was_allocated_there,
    sites_sum_up_what_they_keep,
    of_jemalloc_what_was_sampled_is_known,
    of_tcmalloc_what_was_sampled_is_known,
    layouts_have_holes_and_cache_lines,
    layouts_of_bit_fields_unions_and_bases_are_those_of_the_compiler,
    layouts_of_a_go_program_are_those_of_its_compiler,
    layouts_of_a_recorded_go_program_need_no_go,
]))
