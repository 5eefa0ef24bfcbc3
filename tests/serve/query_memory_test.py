#!/usr/bin/python3
"""query_memory_test.py SLUICE_SERVE: what queries may have of the memory, and what is told then."""

import concurrent.futures
import http.client
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from memory_group import Group  # noqa: E402
from daemon import WAIT_SECONDS, until  # noqa: E402
from reading import JSON, Keeper, events_of, gauge, keeping, log_lines, now_ns  # noqa: E402

SERVE = os.path.abspath(sys.argv[1])
LIMIT_MIB = 128
QUERIES_MIB = LIMIT_MIB // 8
LINE_BYTES = 8_000
LINES_A_MESSAGE = 25
MS_NS = 1_000_000


def small(limit_mib=LIMIT_MIB, **store):
    """A store in a daemon of so much memory."""
    limiter = {"limit_mib": limit_mib, "spike_limit_mib": limit_mib // 5}
    config = keeping(**store)
    config["processors"] = {"memory_limiter": limiter}
    for pipeline in config["service"]["pipelines"].values():
        pipeline["processors"] = ["memory_limiter"]
    return config


def field(number, content):
    """A field of Protocol Buffers with a length."""
    head, size = bytearray([number << 3 | 2]), len(content)
    while size >= 0x80:
        head.append(size & 0x7f | 0x80)
        size >>= 7
    return bytes([*head, size]) + content


def points(name, first_ms, count):
    """A gauge with a point each millisecond, in Protocol Buffers."""
    point = struct.Struct("<BBBQBd").pack  # 1: {3: a fixed 64-bit time, 4: a double}
    metric = field(1, name.encode()) + field(5, b"".join(
        point(0x0a, 18, 0x19, (first_ms + at) * MS_NS, 0x21, at % 1000) for at in range(count)))
    return field(1, field(2, field(2, metric)))


def taken(daemon, path, body, content_type="application/x-protobuf"):
    """Send it, again where the memory is not there."""
    until(lambda: daemon.post(path, body, content_type)[0] == 200)


def signal_of(daemon, signal):
    return {one["signal"]: one for one in daemon.get("/api/status")["store_signals"]}[signal]


def long_lines(daemon, count):
    for first in range(0, count, LINES_A_MESSAGE):
        lines = [f"line {first + at} " + "x" * LINE_BYTES for at in range(LINES_A_MESSAGE)]
        taken(daemon, "/v1/logs", json.dumps(log_lines(lines)), JSON)


def a_query_beyond_its_memory_is_refused_and_told_what_to_do():
    with Keeper(SERVE, small()) as daemon:
        long_lines(daemon, 2300)
        status, headers, body = daemon.ask("/api/logs", limit="5000")
        told = json.loads(body)
        assert (status, told["errorType"]) == (422, "execution"), (status, told)
        assert f"{QUERIES_MIB} MiB" in told["error"] and "smaller limit" in told["error"], told
        assert "Retry-After" not in headers
        assert len(daemon.events("/api/logs", limit="100")) == 101


def a_query_for_which_others_leave_no_room_is_told_to_try_again():
    with Keeper(SERVE, small()) as daemon:
        long_lines(daemon, 1600)
        slow = http.client.HTTPConnection("127.0.0.1", daemon.pages(), timeout=WAIT_SECONDS)
        slow.request("GET", "/api/logs?limit=5000")
        answer = slow.getresponse()
        assert answer.read(7) == b"event: "
        status, headers, body = daemon.ask("/api/logs", limit="5000")
        told = json.loads(body)
        assert (status, told["errorType"]) == (503, "unavailable"), (status, told)
        assert "try again" in told["error"] and headers["Retry-After"] == "1", (told, headers)
        daemon.send("logs", log_lines(["senders are heard"]))
        assert len(events_of("event: " + answer.read().decode())) == 1601
        slow.close()
        until(lambda: daemon.ask("/api/logs", limit="1600")[0] == 200)


def an_answer_that_fails_on_its_way_is_broken_off():
    with Keeper(SERVE, small(flush_interval="1s")) as daemon:
        first_ms = now_ns() // MS_NS - 1_100_000
        taken(daemon, "/v1/metrics", points("a", first_ms, 5_000))
        for at in range(0, 1_100_000, 50_000):
            taken(daemon, "/v1/metrics", points("b", first_ms + at, 50_000))
        until(lambda: signal_of(daemon, "metrics")["parts"] > 0)  # else the head refuses at once
        one = daemon.found("/api/v1/samples", match="a", start="0")["result"]
        assert len(one[0]["values"]) == 5_000
        status, error = daemon.refusal("/api/v1/samples", match="b", start="0")
        assert status == 422 and "shorter range" in error, (status, error)
        try:
            status, _, body = daemon.ask("/api/v1/samples", match='{__name__=~"a|b"}', start="0")
        except http.client.IncompleteRead as cut:
            assert cut.partial.startswith(b'{"status":"success"'), cut.partial[:80]
        else:
            raise AssertionError((status, body[:200], len(body)))


def in_a_memory_group_of_its_limit_senders_and_readers_do_not_kill_the_daemon():
    limit = 64 << 20
    lines = json.dumps(log_lines([f"line {at} " + "y" * 200 for at in range(400)]))
    first_ms = now_ns() // MS_NS - 400_000

    def flood(number):
        statuses = []
        for at in range(40):
            metric = points(f"m{number}_{at}", first_ms, 10_000)
            statuses += [daemon.post("/v1/logs", lines, JSON)[0],
                         daemon.post("/v1/metrics", metric)[0],
                         daemon.ask("/api/logs", limit="5000", contains="line 7")[0],
                         daemon.ask("/api/v1/series")[0]]
        return statuses

    with Group(limit, name="sluice-serve-test") as group:
        with Keeper(SERVE, small(64, flush_interval="1s"), enter=group.enter) as daemon:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                statuses = [status for many in pool.map(flood, range(8)) for status in many]
            assert set(statuses) <= {200, 422, 503} and 200 in statuses, set(statuses)
            assert daemon.memory() <= limit, daemon.memory()
            until(lambda: daemon.ask("/api/logs", limit="10")[0] == 200)


def a_smaller_limit_loses_nothing_that_the_log_has():
    first_ms = now_ns() // MS_NS - 100_000
    with Keeper(SERVE, small(512)) as daemon:
        for at in range(12):  # 12,000 series, of which the smaller limit takes 8,388 at a time
            labels = [gauge(f"m{at}_{name}", [at], labels={"n": str(name)})["resourceMetrics"][0]
                      for name in range(1000)]
            daemon.send("metrics", {"resourceMetrics": labels})
        taken(daemon, "/v1/metrics", points("large", first_ms, 40_000))  # more than its head takes
        daemon.kill()
        daemon.write(small(64))
        daemon.start()
        names = daemon.found("/api/v1/label/__name__/values", start="0")
        assert len(names) == 12_001, len(names)
        samples = daemon.found("/api/v1/samples", match="large", start="0")["result"][0]["values"]
        assert len(samples) == 40_000, len(samples)
        status, _, body = daemon.ask("/api/v1/metadata")
        assert status == 200, body
        until(lambda: daemon.post("/v1/logs", json.dumps(log_lines(["heard"])), JSON)[0] == 200)


def a_limit_that_a_store_cannot_live_with_is_refused():
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(small(48), file)
        file.flush()
        done = subprocess.run([SERVE, "--config", file.name], capture_output=True, text=True,
                              check=False, timeout=WAIT_SECONDS)
    assert done.returncode == 1 and "64 MiB at least with a store" in done.stderr, done


TESTS = [
    a_smaller_limit_loses_nothing_that_the_log_has,
    a_limit_that_a_store_cannot_live_with_is_refused,
    in_a_memory_group_of_its_limit_senders_and_readers_do_not_kill_the_daemon,
    a_query_beyond_its_memory_is_refused_and_told_what_to_do,
    a_query_for_which_others_leave_no_room_is_told_to_try_again,
    an_answer_that_fails_on_its_way_is_broken_off,
]

if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
