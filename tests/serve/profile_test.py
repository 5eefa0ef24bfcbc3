#!/usr/bin/python3
"""profile_test.py SLUICE_SERVE: profiles that the daemon has fetched are read back: one, the sum of
several, two compared."""

import gzip
import http.server
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "profile")]

import tap  # noqa: E402
from daemon import until  # noqa: E402
from pprof_fields import field, varint  # noqa: E402
from pprof_reader import Profile  # noqa: E402
from reading import Keeper, keeping  # noqa: E402

SERVE = os.path.abspath(sys.argv[1])
SERVED = 4  # profiles of each target; the answers after them are 404
OBJECT = 64


def heap_profile(sites, time_ns):
    """Bytes of a profile with one function a site, and so many objects each."""
    strings = ["", "inuse_objects", "count", "inuse_space", "bytes", *sites]
    body = field(1, field(1, 1) + field(2, 2)) + field(1, field(1, 3) + field(2, 4))
    for place, count in enumerate(sites.values()):
        number = place + 1
        body += field(2, field(1, varint(number)) + field(2, varint(count) +
                                                           varint(count * OBJECT)))
        body += field(4, field(1, number) + field(3, 0x1000 + number) +
                      field(4, field(1, number) + field(2, 10 + number)))
        body += field(5, field(1, number) + field(2, 5 + place))
    for text in strings:
        body += field(6, text.encode())
    body += field(9, time_ns) + field(11, field(1, 3) + field(2, 4)) + field(12, 512)
    return gzip.compress(body)


class Target:
    """A program whose heap grows at one place, by HTTP."""

    def __init__(self, kept, count=SERVED):
        self.kept = kept
        self.count = count
        self.served = []
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the library's name)
                body = target.next_body()
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def next_body(self):
        if len(self.served) == self.count:
            return b""
        sites = {"warm_up": 7, "remember": self.kept * (len(self.served) + 1)}
        self.served.append((sites, heap_profile(sites, 10**18 + len(self.served))))
        return self.served[-1][1]

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def with_targets(targets, **store):
    config = keeping(**store)
    config["receivers"]["pprof"] = {
        "interval": "100ms", "profiles": ["heap"],
        "targets": [{"endpoint": target.endpoint, "service": name}
                    for name, target in targets.items()]}
    config["service"]["pipelines"]["profiles"] = {"receivers": ["pprof"], "exporters": ["store"]}
    return config


class Fetched:
    """A daemon that has fetched all profiles of two targets."""

    def __enter__(self):
        self.targets = {"shop": Target(100), "cart": Target(3)}
        self.daemon = Keeper(SERVE, with_targets(self.targets))
        until(lambda: len(self.listed(query="{}")) == SERVED * len(self.targets))
        return self

    def __exit__(self, *details):
        for target in self.targets.values():
            target.close()
        self.daemon.__exit__(*details)

    def listed(self, **parameters):
        return self.daemon.get("/api/profiles", **parameters)["profiles"]

    def pprof(self, **parameters):
        status, _, body = self.daemon.ask("/api/profiles/pprof", **parameters)
        assert status == 200, (status, body)
        return body

    def sums(self, **parameters):
        profile = Profile(self.pprof(**parameters))
        assert profile.sample_types == [("inuse_objects", "count"), ("inuse_space", "bytes")]
        return {frames[0]: values for frames, _, values in profile.samples}


def the_newest_comes_as_it_was_fetched():
    with Fetched() as fetched:
        for name, target in fetched.targets.items():
            body = fetched.pprof(query=f'{{service_name="{name}"}}')
            assert body == target.served[-1][1], name
        times = [one["time"] for one in fetched.listed(query='{service_name="shop"}')]
        assert times == sorted(times, reverse=True) and len(times) == SERVED


def all_of_a_range_add_up():
    with Fetched() as fetched:
        shop = sum(sites["remember"] for sites, _ in fetched.targets["shop"].served)
        cart = sum(sites["remember"] for sites, _ in fetched.targets["cart"].served)
        assert shop == 100 * (1 + 2 + 3 + 4)
        found = fetched.sums(query='{service_name="shop"}', op="merge")
        assert found == {"remember": (shop, shop * OBJECT),
                         "warm_up": (7 * SERVED, 7 * SERVED * OBJECT)}, found
        found = fetched.sums(query="{}", op="merge")
        assert found["remember"] == (shop + cart, (shop + cart) * OBJECT), found
        newest = fetched.listed(query='{service_name="shop"}')[0]["time"]
        found = fetched.sums(query='{service_name="shop"}', op="merge",
                             start=f"{newest - 0.001:.3f}")
        assert found["remember"] == (400, 400 * OBJECT), found


def two_ranges_are_compared():
    with Fetched() as fetched:
        times = [one["time"] for one in fetched.listed(query='{service_name="shop"}')][::-1]
        document = fetched.daemon.get(
            "/api/profiles/flame", query='{service_name="shop"}', start=f"{times[-1] - 0.001:.3f}",
            base_start="0", base_end=f"{times[0] + 0.001:.3f}")
        assert {"remember", "warm_up"} <= set(document["strings"]), document["strings"]
        merged = fetched.daemon.get("/api/profiles/flame", query='{service_name="shop"}',
                                    op="merge")
        assert {"remember", "warm_up"} <= set(merged["strings"])
        assert (100 * (1 + 2 + 3 + 4) * OBJECT) in numbers_of(merged), merged
        assert 400 * OBJECT in numbers_of(document) and 100 * OBJECT in numbers_of(document)


def numbers_of(value):
    """All numbers of a document, at any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return {number for one in value for number in numbers_of(one)}
    return {value} if isinstance(value, (int, float)) else set()


def a_timeline_has_what_sites_hold_at_each_moment():
    with Fetched() as fetched:
        document = fetched.daemon.get("/api/profiles/timeline", query='{service_name="shop"}')
        times = [one["time"] for one in fetched.listed(query='{service_name="shop"}')][::-1]
        assert [round(time) for time in document["moments"]["time_ms"]] == [
            round(1000 * time) for time in times], document["moments"]
        assert document["sites"]["name"][0] == "remember" and document["unit"] == "bytes"
        assert document["live"][0] == [100 * OBJECT * at for at in (1, 2, 3, 4)], document
        assert document["total"] == [(100 * at + 7) * OBJECT for at in (1, 2, 3, 4)], document
        newest = fetched.daemon.get("/api/profiles/timeline", query='{service_name="shop"}',
                                    limit="2")
        assert newest["live"][0] == [300 * OBJECT, 400 * OBJECT], newest


def what_is_not_there_or_not_known_is_told():
    with Fetched() as fetched:
        for path in ("/api/profiles/pprof", "/api/profiles/flame", "/api/profiles/timeline"):
            for more in ({}, {"op": "merge"}):
                status, error = fetched.daemon.refusal(path, query='{service_name="none"}', **more)
                assert (status, error) == (
                    404, "there is no profile of that kind in the range"), (status, error)
            status, error = fetched.daemon.refusal(path, query="{}", op="sum")
            assert (status, error) == (400, "op: newest or merge is expected"), (status, error)
        status, error = fetched.daemon.refusal("/api/profiles/flame", query='{service_name="shop"}',
                                               base_end="1")
        assert (status, error) == (
            404, "there is no profile of that kind in the base's range"), (status, error)


def a_growing_target_has_a_verdict_of_its_own():
    with Fetched() as fetched:
        targets = fetched.daemon.get("/api/verdicts")["targets"]
        assert sorted(one["labels"]["service_name"] for one in targets) == ["cart", "shop"], targets
        for one in targets:
            assert one["diagnosis"]["verdicts"], one


def a_verdict_is_said_when_it_begins_and_kept_as_a_log_record():
    target = Target(40_000, 10_000)
    config = with_targets({"shop": target}, verdict_interval="100ms")
    config["receivers"]["selfmon"] = {"interval": "1h"}
    config["service"]["pipelines"]["logs"]["receivers"] += ["selfmon"]
    try:
        with Keeper(SERVE, config) as daemon:
            daemon.heard("verdict: shop")
            line = until(lambda: daemon.lines_kept(contains="verdict: "))[-1]
            said = [text for text in daemon.lines if "verdict: " in text]
            assert said[0] == "sluice-serve: " + line, (said, line)
            assert " at remember, " in line and "% sure" in line, line
            verdict = daemon.get("/api/verdicts")["targets"][0]["diagnosis"]["verdicts"][0]
            assert verdict["site"]["function"] == "remember", verdict
    finally:
        target.close()


TESTS = (the_newest_comes_as_it_was_fetched,
         all_of_a_range_add_up,
         two_ranges_are_compared,
         a_timeline_has_what_sites_hold_at_each_moment,
         what_is_not_there_or_not_known_is_told,
         a_growing_target_has_a_verdict_of_its_own,
         a_verdict_is_said_when_it_begins_and_kept_as_a_log_record)

if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
