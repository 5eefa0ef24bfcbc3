#!/usr/bin/python3
"""heap_read_test.py SLUICE: what reads profiles, on real ones, as a user calls it."""

import contextlib
import gzip
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.normpath(os.path.join(HERE, "..", "data", "profiles"))
SLUICE = os.path.abspath(sys.argv[1])
COULD_NOT = 3
WRONG_USE = 2


def path_of(name):
    return os.path.join(DATA, name)


HEAP, LATER = path_of("heap.pb.gz"), path_of("heap_later.pb.gz")


def run(*words, **options):
    return subprocess.run([SLUICE, "heap", *words], capture_output=True, timeout=60, check=False,
                          **options)


def text_of(*words, **options):
    done = run(*words, **options)
    assert done.returncode == 0, done
    return done.stdout.decode()


def json_of(*words, **options):
    return json.loads(text_of(words[0], "--json", *words[1:], **options))


def refused(*words, says, status=COULD_NOT, **options):
    done = run(*words, **options)
    message = done.stderr.decode()
    assert done.returncode == status and says in message, (words, done)
    assert done.stdout == b"" and message.count("\n") <= 2, done
    return message


def top_is_the_documented_document():
    document = json_of("top", HEAP)
    assert list(document) == ["sample_type", "unit", "total", "rows"]
    assert (document["sample_type"], document["unit"]) == ("inuse_space", "bytes")
    first = document["rows"][0]
    assert list(first) == ["function", "file", "line", "flat", "cum"], first
    assert first["function"] == "main.cache" and first["file"].endswith("profiles.go")
    assert document["total"] >= first["cum"] >= first["flat"] > 500000


def top_is_a_table_for_people():
    lines = text_of("top", "-n", "2", HEAP).splitlines()
    assert lines[0].startswith("inuse_space of ") and "heap.pb.gz" in lines[0], lines
    assert re.match(r"2 of \d+ rows: .* of .* \(\d+\.\d%\)$", lines[1]), lines
    assert lines[3].split() == ["flat", "flat%", "sum%", "cum", "cum%", "function"], lines
    assert lines[4].endswith("main.cache") and len(lines) == 6, lines


def units_and_types_are_the_users_choice():
    assert "KiB" in text_of("top", "-u", "KiB", HEAP).splitlines()[4]
    assert json_of("top", "-s", "alloc_objects", HEAP)["unit"] == "count"
    message = refused("top", "-s", "wrong", HEAP, says="no 'wrong' in the profile")
    assert "inuse_space" in message


def text_formats_say_the_same_as_pprofs():
    text = json_of("top", "-n", "0", path_of("heap.txt.gz"))
    cache, = [row for row in text["rows"] if row["function"] == "main.cache"]
    same, = [row for row in json_of("top", HEAP)["rows"] if row["function"] == "main.cache"]
    assert cache["flat"] == same["flat"] > 0 and cache["file"].endswith("profiles.go")
    for kind in ("goroutine.pb.gz", "goroutine.txt.gz"):
        waiting, = [row for row in json_of("top", path_of(kind))["rows"]
                    if row["function"] == "main.wait"]
        assert waiting["cum"] == 5, (kind, waiting)
    assert json_of("top", path_of("jemalloc.heap.gz"))["total"] > 90000


def a_recording_of_heaptrack_is_a_profile():
    packed = path_of("heaptrack.zst")
    document = json_of("top", packed)
    assert (document["sample_type"], document["total"]) == ("peak_space", 166700), document
    rows = {row["function"]: row for row in document["rows"]}
    assert rows["leaf"]["flat"] == 100 * 100 + 10000 - 100, rows["leaf"]
    assert rows["leaf"]["file"].endswith("ht.c") and rows["descend"]["cum"] == 10000
    churned = json_of("top", "-s", "alloc_objects", "--focus", "churn", packed)["rows"][0]
    assert churned["flat"] == 100, churned
    assert json_of("top", "--tag", "bytes=9kb:12kb", packed)["rows"][0]["flat"] == 10000
    plain = subprocess.run(["zstd", "-dc", packed], capture_output=True, check=True).stdout
    for source in (plain, gzip.compress(plain)):
        assert json_of("top", "-", input=source) == document
    with open(packed, "rb") as file:
        refused("top", "-", input=file.read()[:-9], says="does not unpack")
    assert "cut off within a line" in refused("top", "-", input=plain[:-2], says="-: byte 29")


def a_plain_file_a_pipe_and_a_packed_one_are_the_same():
    with open(HEAP, "rb") as file:
        packed = file.read()
    expected = json_of("top", HEAP)
    assert json_of("top", "-", input=packed) == expected
    assert json_of("top", "-", input=gzip.decompress(packed)) == expected


def several_profiles_add_up():
    one, other = json_of("top", HEAP), json_of("top", LATER)
    assert json_of("top", HEAP, LATER)["total"] == one["total"] + other["total"]


def of_a_folder_the_newest_is_read_and_by_timeline_all():
    with tempfile.TemporaryDirectory() as folder:
        for place, name in enumerate(("redis.2.pb.gz", "redis.1.pb.gz")):
            shutil.copy(path_of(name), folder)
            os.utime(os.path.join(folder, name), (1000 + place, 1000 + place))
        assert json_of("top", folder) == json_of("top", path_of("redis.1.pb.gz"))
        document = json_of("timeline", folder)
        assert [os.path.basename(each["name"]) for each in document["profiles"]] == \
            ["redis.1.pb.gz", "redis.2.pb.gz"]
        shutil.rmtree(folder)
        os.mkdir(folder)
        for name in ("notes.zst", ".heaptrack.app.1.zst", "app.log.gz"):
            shutil.copy(path_of("heaptrack.zst"), os.path.join(folder, name))
        refused("top", folder, says="no profiles in it")
        for name in ("heaptrack.app.1.zst", "jeprof.1.0.f.heap.gz"):
            shutil.copy(path_of("heaptrack.zst"), os.path.join(folder, name))
            assert json_of("top", folder)["sample_type"] == "peak_space", name
            os.remove(os.path.join(folder, name))


def a_timeline_has_values_rates_and_growth():
    document = json_of("timeline", path_of("redis.2.pb.gz"), path_of("redis.1.pb.gz"))
    times = [each["time_ns"] for each in document["profiles"]]
    assert times == sorted(times)
    seconds = (times[1] - times[0]) / 1e9
    assert document["rows"][0]["function"] is None
    for row in document["rows"]:
        first, last = row["values"]
        assert abs(row["growth_per_second"] - (last - first) / seconds) < 1
        assert row["allocated_per_second"][0] is None and len(row["allocated_per_second"]) == 2
    allocated = [json_of("top", "-n", "0", "-s", "alloc_space", path_of(f"redis.{place}.pb.gz"))
                 for place in (1, 2)]
    expected = sum(sum(row["flat"] for row in document["rows"]) * sign
                   for document, sign in zip(allocated, (-1, 1)))
    assert abs(document["rows"][0]["allocated_per_second"][1] - expected / seconds) < 1
    assert "zmalloc" in text_of("timeline", path_of("redis.1.pb.gz"), path_of("redis.2.pb.gz"))


def a_page_of_a_timeline_says_when_and_is_as_wide_as_the_window():
    page = text_of("timeline", "--html", path_of("redis.1.pb.gz"), path_of("redis.2.pb.gz"))
    times = re.search(r'<div class="times">(.*?)</div>', page)[1]
    assert re.fullmatch(r"<span>0 s</span><span>2(\.\d+)? s</span><span>4(\.\d+)? s</span>",
                        times), times
    assert page.count('<span>', page.index('class="values"'), page.index("<svg viewBox")) == 5
    picture = re.search(r"<svg viewBox[^>]*>", page)[0]
    assert 'preserveAspectRatio="none"' in picture and "width=" not in picture, picture
    assert re.search(r'</td><td class="code">all</td><td class="number">', page)


def a_difference_says_what_is_sure():
    document = json_of("diff", path_of("redis.1.pb.gz"), path_of("redis.2.pb.gz"))
    assert document["level"] == 0.95 and document["sampled"] is True
    delta = document["now_total"] - document["base_total"]
    assert sum(row["delta"] for row in document["rows"]) == delta
    for row in document["rows"]:
        assert row["now"] - row["base"] == row["delta"]
        certain = row["delta"] != 0 and abs(row["delta"]) > 4 * row["error"]
        assert row["significant"] or not certain, row
    text = text_of("diff", path_of("redis.1.pb.gz"), path_of("redis.2.pb.gz"))
    assert "sure" in text and "noise" in text
    same = json_of("diff", HEAP, HEAP)
    assert same["rows"] == [] and same["now_total"] == same["base_total"]


def flame_writes_what_other_programs_read():
    picture = xml.etree.ElementTree.fromstring(text_of("flame", "--svg", HEAP))
    titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("main.cache\n") for title in titles), titles
    document = json.loads(text_of("flame", "--speedscope", HEAP))
    profile, = document["profiles"]
    assert len(profile["samples"]) == len(profile["weights"])
    assert sum(profile["weights"]) == profile["endValue"] == json_of("top", HEAP)["total"]
    names = [frame["name"] for frame in document["shared"]["frames"]]
    assert all(names[stack[0]].startswith("runtime.") for stack in profile["samples"])
    nodes = json_of("flame", HEAP)["nodes"]
    assert nodes[0][2] == profile["endValue"]
    assert sum(node[3] for node in nodes) == profile["endValue"]


def page_data(page):
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(match.group(1))


def pages_stand_alone_and_nothing_breaks_out_of_them():
    evil = "</script><img\u00a0src=x\u00a0onerror=alert(1)>&\"'"
    text = ("heap profile: 1: {0} [1: {0}] @ heap/2\n"
            f"1: {{0}} [1: {{0}}] @ 0x5\n#\t0x4\t{evil}+0x0\t/a.c:1\n")
    with tempfile.TemporaryDirectory() as folder:
        sources = [os.path.join(folder, f"{size}.heap") for size in (2, 3)]
        for size, source in zip((2, 3), sources):
            with open(source, "w", encoding="utf-8") as file:
                file.write(text.format(size))
        for words in (("flame", sources[0]), ("flame", "--svg", sources[0]),
                      ("list", "--html", "script", sources[0]), ("timeline", "--html", *sources)):
            page = text_of(*words)
            assert "<img" not in page, page
            assert not re.search(r"(src|href)=[\"']?(http|//)", page), page
            if words[-2:] != ("flame", sources[0]):
                assert "&lt;/script&gt;" in page, page
        assert page_data(text_of("flame", sources[0]))["labels"] == [evil]


def results_go_into_a_file_at_once():
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "page.html")
        assert text_of("flame", "-o", target, HEAP) == ""
        with open(target, encoding="utf-8") as file:
            assert file.read().startswith("<!DOCTYPE html>")
        assert os.listdir(folder) == ["page.html"]
        refused("flame", "-o", os.path.join(folder, "no", "page"), HEAP, says="cannot write")


def source_is_shown_with_its_values():
    words = ("--source", DATA, r"^main\.descend$", HEAP)
    line, = [line for line in text_of("list", "-u", "B", *words).splitlines()
             if "descend(depth-1, size)" in line]
    flat, cum, _, number = line.split()[:4]
    value, = [each for each in json_of("list", *words)["functions"][0]["lines"]
              if each["line"] == int(number)]
    assert flat == "." and float(cum) == value["cum"] > 0, (line, value)
    page = text_of("list", "--html", *words)
    assert "descend(depth-1, size)" in page and '<tr class="hot">' in page
    assert "without its source" in text_of("list", "--source", "/none", *words[2:])
    refused("list", "no such function", HEAP, says="no function in the profile")


def what_is_wrong_is_told_with_its_place():
    with open(HEAP, "rb") as file:
        packed = file.read()
    plain = gzip.decompress(packed)
    cut = refused("top", "-", input=packed[:len(packed) // 2], says="does not unpack")
    assert re.search(r"-: byte \d+: ", cut), cut
    assert re.search(r"-: byte \d+: ", refused("top", "-", input=plain[:-3], says="cut off"))
    refused("top", "-", input=b"", says="byte 0: empty")
    refused("top", "-", input=b"<html>no</html>", says="not a profile of a known format")
    refused("top", "-", input=b"heap profile: nonsense\n", says="byte 0: a first line unlike")
    refused("top", "-", input=b"heap profile: 1: 2 [3: 4] @ heap/1\n1: 2 [3: 4] @ zz\n",
            says="byte 35: an address that is no hexadecimal number")
    refused("top", "/no/such/file", says="/no/such/file: No such file")
    refused("top", HEAP, path_of("goroutine.pb.gz"), says="cannot be put together")
    refused("top", "--focus", "(", HEAP, says="--focus: no regular expression")
    refused("top", says="SOURCE", status=WRONG_USE)
    refused("diff", HEAP, says="NOW", status=WRONG_USE)


def a_profile_that_names_a_pipe_is_not_waited_for():
    with tempfile.TemporaryDirectory() as folder:
        pipe, source = os.path.join(folder, "pipe"), os.path.join(folder, "named.heap")
        os.mkfifo(pipe)
        with open(source, "w", encoding="utf-8") as file:
            file.write("heap profile: 1: 2 [1: 2] @ heapprofile\n1: 2 [1: 2] @ 0x1011\n"
                       f"MAPPED_LIBRARIES:\n1000-2000 r-xp 0 08:01 1 {pipe}\n")
        assert json_of("top", source)["rows"][0]["function"] == "[pipe]"
        with open(source, "w", encoding="utf-8") as file:
            file.write("heap profile: 1: 2 [1: 2] @ heapprofile\n1: 2 [1: 2] @ 0x1011\n"
                       f"#\t0x1010\tmain.f+0x1\t{pipe}:1\n")
        assert "is no file" in text_of("list", "main", source)


def a_bomb_ends_at_the_bound_of_memory():
    bomb = gzip.compress(b"\x32\x00" * 40000000, 1)
    refused("top", "--memory", "32MiB", "-", input=bomb, says="needs more memory than the 32 MiB")


@contextlib.contextmanager
def server(status, body):
    class Handler(http.server.BaseHTTPRequestHandler):
        asked = []

        def do_GET(self):  # noqa: N802
            self.asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}", Handler.asked
        finally:
            serving.shutdown()
            thread.join()


def a_url_is_read_over_http():
    with open(HEAP, "rb") as file:
        body = file.read()
    with server(200, body) as (url, asked):
        assert json_of("top", url)["rows"] == json_of("top", HEAP)["rows"]
        assert json_of("top", url + "/my/heap?seconds=1")["rows"]
        assert asked == ["/debug/pprof/heap", "/my/heap?seconds=1"]
    refused("top", url, says="cannot connect")
    with server(404, b"") as (url, _):
        refused("top", url, says="has no page")
    refused("top", "https://localhost:1/x", says="nobody listens there")
    refused("top", "ftp://localhost/x", says="No such file")
    refused("top", "http://", says="not a URL")


def a_process_is_asked_by_its_number():
    refused("top", str(os.getpid()), says="process")


def every_page_of_help_has_examples():
    for command in ("top", "tree", "peek", "list", "flame", "diff", "timeline"):
        text = text_of(command, "--help")
        assert "sluice heap " + command in text and "--focus" in text and "--memory" in text


if __name__ == "__main__":
    sys.exit(tap.run([
        top_is_the_documented_document,
        top_is_a_table_for_people,
        units_and_types_are_the_users_choice,
        text_formats_say_the_same_as_pprofs,
        a_recording_of_heaptrack_is_a_profile,
        a_plain_file_a_pipe_and_a_packed_one_are_the_same,
        several_profiles_add_up,
        of_a_folder_the_newest_is_read_and_by_timeline_all,
        a_timeline_has_values_rates_and_growth,
        a_page_of_a_timeline_says_when_and_is_as_wide_as_the_window,
        a_difference_says_what_is_sure,
        flame_writes_what_other_programs_read,
        pages_stand_alone_and_nothing_breaks_out_of_them,
        results_go_into_a_file_at_once,
        source_is_shown_with_its_values,
        what_is_wrong_is_told_with_its_place,
        a_profile_that_names_a_pipe_is_not_waited_for,
        a_bomb_ends_at_the_bound_of_memory,
        a_url_is_read_over_http,
        a_process_is_asked_by_its_number,
        every_page_of_help_has_examples,
    ]))
