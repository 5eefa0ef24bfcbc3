#!/usr/bin/python3
"""read_test.py SLUICE_SERVE: what came can be read back, by every route of docs/http-api.md."""

import base64
import concurrent.futures
import contextlib
import glob
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from daemon import WAIT_SECONDS, until  # noqa: E402
from documents import ALL, ATTRIBUTES, TRACES  # noqa: E402
from reading import (Keeper, attributes, events_of, gauge, keeping, log_lines, now_ns,  # noqa: E402
                     spans)

SERVE = os.path.abspath(sys.argv[1])
TRACE = "5b8efff798038103d269b633813fc60c"


def labels_values_and_series_are_as_prometheus_has_them():
    with Keeper(SERVE) as daemon:
        daemon.send("metrics", gauge("queue.depth", [1, 2, 3], labels={"queue.name": "mail"}))
        daemon.send("metrics", gauge("queue.depth", [9], service="cart"))
        assert daemon.found("/api/v1/labels") == ["__name__", "job", "queue_name"]
        assert daemon.found("/api/v1/label/job/values") == ["cart", "shop"]
        assert daemon.found("/api/v1/label/job/values", match='{queue_name="mail"}') == ["shop"]
        series = daemon.found("/api/v1/series", match='queue_depth{job!="cart"}')
        assert series == [{"__name__": "queue_depth", "job": "shop", "queue_name": "mail"}], series
        assert daemon.found("/api/v1/series", match='{job=~"c.*"}')[0]["job"] == "cart"


def several_selectors_find_what_any_of_them_finds():
    with Keeper(SERVE) as daemon:
        for service in ("a", "b", "c"):
            daemon.send("metrics", gauge("depth", [1], service=service))
        asked = "match[]={job%3D%22a%22}&match[]={job%3D~%22a|c%22}"
        jobs = [{"__name__": "depth", "job": job} for job in ("a", "c")]
        assert daemon.get("/api/v1/series?" + asked)["data"] == jobs
        assert daemon.get("/api/v1/label/job/values?" + asked)["data"] == ["a", "c"]
        for path in ("/api/v1/series", "/api/v1/series?match[]={job%3D%22a%22}"):
            body = asked if "?" not in path else "match[]={job%3D%22c%22}"
            status, _, answer = daemon.submit(path, body)
            assert status == 200 and json.loads(answer)["data"] == jobs, (path, answer)
        assert json.loads(daemon.submit("/api/v1/labels", asked)[2])["data"] == ["__name__", "job"]
        status, error = daemon.refusal("/api/v1/samples?" + asked)
        assert (status, error) == (400, "match[]: samples are read with one selector at a time")
        status, _, answer = daemon.submit("/api/v1/series", "match[]={job%3D%22a%22}&match[]={")
        assert status == 400 and "column" in json.loads(answer)["error"], answer


def every_kind_of_data_point_becomes_the_samples_that_prometheus_would_have():
    with Keeper(SERVE) as daemon:
        daemon.send("metrics", ALL["metrics"])
        found = daemon.found("/api/v1/samples", match="{}", start="0")["result"]
        samples = {(one["metric"]["__name__"], one["metric"].get("le"),
                    one["metric"].get("quantile")): one.get("values") for one in found}
        moment = 1544712660.4
        assert samples["my_counter", None, None] == [[moment, "5"]], samples
        assert samples["my_cumulative", None, None] == [[moment, "-5"]]
        assert samples["my_histogram_bucket", "1", None] == [[moment, "1"]]
        assert samples["my_histogram_bucket", "+Inf", None] == [[moment, "2"]]
        assert samples["my_histogram_sum", None, None] == [[moment, "2"]]
        assert samples["my_histogram_count", None, None] == [[moment, "2"]]
        assert samples["my_summary", None, "0.99"] == [[moment, "2"]]
        assert samples["my_summary_count", None, None] == [[moment, "2"]]
        assert samples["my_gauge_ratio", None, None] == [[moment, "-Inf"]], samples
        facts = daemon.found("/api/v1/metadata", metric="my_counter")
        assert facts == {"my_counter": [{"type": "unknown", "unit": "1",
                                         "help": "I am a Counter"}]}, facts


def exponential_histograms_come_back_with_their_buckets():
    moment = now_ns() // 10**6 * 10**6
    point = {"timeUnixNano": str(moment), "count": "10", "sum": 21.5, "scale": 1, "zeroCount": "2",
             "positive": {"offset": -1, "bucketCounts": ["1", "0", "3"]},
             "negative": {"offset": 2, "bucketCounts": ["4", "18446744073709551615"]},
             "min": -8, "max": 2, "zeroThreshold": 0.25}
    document = gauge("took", [0])
    document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"] = [{
        "name": "took", "exponentialHistogram": {"dataPoints": [point],
                                                 "aggregationTemporality": 2}}]
    with Keeper(SERVE) as daemon:
        daemon.send("metrics", document)
        daemon.send("metrics", gauge("took", [7], service="cart"))
        for _ in range(2):  # from memory, and after a start
            plain, found = daemon.found("/api/v1/samples", match="took")["result"]
            assert plain["metric"]["job"] == "cart" and plain["values"][0][1] == "7", plain
            assert found["metric"] == {"__name__": "took", "job": "shop"}, found
            ((time_s, histogram),) = found["histograms"]
            assert round(time_s * 1000) == moment // 10**6, (time_s, moment)
            buckets = [[rule, float(low), float(high), int(count)]
                       for rule, low, high, count in histogram.pop("buckets")]
            assert histogram == {"count": "10", "sum": "21.5", "min": "-8", "max": "2"}, histogram
            root = 2 ** 0.5
            wanted = [[1, -4, -2 * root, 18446744073709551615], [1, -2 * root, -2, 4],
                      [3, -0.25, 0.25, 2], [0, 1 / root, 1, 1], [0, root, 2, 3]]
            for got, want in zip(buckets, wanted, strict=True):
                assert got[0] == want[0] and got[3] == want[3], (got, want)
                assert all(abs(a - b) < 1e-9 for a, b in zip(got[1:3], want[1:3])), (got, want)
            assert daemon.stop() == 0
            daemon.start()


def buckets_beyond_what_a_number_can_be_are_told_as_infinite():
    point = {"timeUnixNano": str(now_ns()), "count": "1", "scale": -2147483648,
             "positive": {"offset": 2147483647, "bucketCounts": ["1"]}}
    document = gauge("took", [0])
    document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"] = [{
        "name": "took", "exponentialHistogram": {"dataPoints": [point],
                                                 "aggregationTemporality": 2}}]
    with Keeper(SERVE) as daemon:
        daemon.send("metrics", document)
        (found,) = daemon.found("/api/v1/samples", match="took")["result"]
        assert found["histograms"][0][1] == {"count": "1", "buckets": [
            [0, "+Inf", "+Inf", "1"]]}, found


def exemplars_come_back_with_the_trace_that_they_name():
    with Keeper(SERVE) as daemon:
        daemon.send("metrics", ALL["metrics"])
        found = daemon.found("/api/v1/query_exemplars", query='{job="my.service"}', start="0")
        names = sorted(one["seriesLabels"]["__name__"] for one in found)
        assert names == ["my_counter", "my_exponential", "my_histogram"], names
        for one in found:
            assert one["exemplars"] == [{
                "labels": {"span_id": "eee19b7ec3c1b174", "trace_id": TRACE,
                           "string.attribute": ATTRIBUTES[0]["value"]["stringValue"]},
                "value": "10.5", "timestamp": 1544712660.3}], one
        status, _, body = daemon.submit("/api/v1/query_exemplars", "query=my_counter&start=0")
        assert status == 200 and len(json.loads(body)["data"]) == 1, body
        assert daemon.found("/api/v1/query_exemplars", query="my_counter") == []  # of an hour
        answer = daemon.get("/api/v1/query_exemplars", query="{}", start="0", limit="1")
        assert len(answer["data"]) == 1 and "limit" in answer["warnings"][0], answer
        assert daemon.refusal("/api/v1/query_exemplars", query="{")[0] == 400


def logs_are_found_by_selector_text_word_and_pattern():
    with Keeper(SERVE) as daemon:
        lines = [f"request {at} took {at % 7}ms of user{at}" for at in range(200)]
        daemon.send("logs", log_lines(lines))
        daemon.send("logs", log_lines(["request 5 of another"], service="cart"))
        assert len(daemon.lines_kept()) == 201
        assert daemon.lines_kept(query='{service_name="cart"}') == ["request 5 of another"]
        assert daemon.lines_kept(contains="took 3ms", query='{service_name!="cart"}',
                                 direction="forward") == [line for line in lines
                                                          if "took 3ms" in line]
        assert daemon.lines_kept(word="user17") == [lines[17]]
        assert daemon.lines_kept(word="user1") == [lines[1]]
        assert daemon.lines_kept(word="user") == []
        assert daemon.lines_kept(regex="^request 19[0-9] ") == lines[199:189:-1]
        assert daemon.lines_kept(contains="nowhere") == []


def lines_of_a_trace_are_found_by_its_id():
    with Keeper(SERVE) as daemon:
        ids = [f"{number:032x}" for number in (7, 0xabcdef << 100)]
        daemon.send("logs", log_lines(["of none", "of none either"]))
        for one in ids:
            daemon.send("logs", log_lines([f"of {one}"], traceId=one))
            daemon.send("logs", log_lines([f"elsewhere of {one}"], service="cart", traceId=one))
        for one in ids:
            assert daemon.lines_kept(trace_id=one, direction="forward") == [
                f"of {one}", f"elsewhere of {one}"]
            assert daemon.lines_kept(trace_id=one, query='{service_name="cart"}') == [
                f"elsewhere of {one}"]
            assert daemon.found("/api/logs/histogram", trace_id=one)["total"] == 2
        assert daemon.lines_kept(trace_id="7", direction="forward")[0] == f"of {ids[0]}"
        assert daemon.lines_kept(trace_id="1234") == []
        status, error = daemon.refusal("/api/logs", trace_id="xyz")
        assert status == 400 and "trace_id" in error, error


def the_newest_lines_come_first_and_a_limit_is_told():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", log_lines([f"line {at}" for at in range(50)]))
        events = daemon.events("/api/logs", limit="7")
        assert [row["line"] for _, row in events[:-1]] == [f"line {at}" for at in
                                                           range(49, 42, -1)], events
        assert events[-1][0] == "end" and events[-1][1]["truncated"] is True
        events = daemon.events("/api/logs", limit="7", direction="forward")
        assert [row["line"] for _, row in events[:-1]] == [f"line {at}" for at in range(7)]
        assert events[-1][1]["truncated"] is True
        events = daemon.events("/api/logs", limit="50", direction="forward")
        assert len(events) == 51 and events[-1][1]["truncated"] is False, events[-1]


def a_row_tells_its_severity_ids_and_attributes():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", ALL["logs"])
        _, row = daemon.events("/api/logs", start="0")[0]
        assert row["time_ns"] == "1544712660300000000"
        assert row["severity"] == "Information" and row["scope"] == "my.library"
        assert row["trace_id"] == TRACE and row["span_id"] == "eee19b7ec3c1b174"
        assert row["attributes"]["int.attribute"] == "-9223372036854775808"
        assert json.loads(row["attributes"]["map.attribute"]) == {"some.map.key": "some value"}
        assert row["stream"] == {"service_name": "my.service"}


def a_histogram_counts_the_lines_of_each_step():
    with Keeper(SERVE) as daemon:
        base = (now_ns() // 10**9 - 100) * 10**9
        daemon.send("logs", log_lines(["a"] * 30, times=[base + at * 10**9 for at in range(30)]))
        found = daemon.found("/api/logs/histogram", start=str(base // 10**9),
                            end=str(base // 10**9 + 29.5), buckets="3", contains="a")
        assert found["counts"] == [10, 10, 10] and found["total"] == 30, found


def a_tail_shows_what_comes_and_nothing_else():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", log_lines(["before"]))
        connection = http.client.HTTPConnection("127.0.0.1", daemon.pages(), timeout=WAIT_SECONDS)
        connection.request("GET", "/api/logs/tail?query=%7Bservice_name%3D%22shop%22%7D")
        answer = connection.getresponse()
        daemon.send("logs", log_lines(["other"], service="cart"))
        daemon.send("logs", log_lines(["after"]))
        text = b""
        while b"after" not in text or not text.endswith(b"\n\n"):
            text += answer.read1()
        connection.close()
        assert [row["line"] for _, row in events_of(text.decode())] == ["after"]


def four_tails_may_run_and_those_that_went_away_count_no_more():
    with Keeper(SERVE) as daemon:
        def tail():
            connection = http.client.HTTPConnection("127.0.0.1", daemon.pages(),
                                                    timeout=WAIT_SECONDS)
            connection.request("GET", "/api/logs/tail")
            return connection, connection.getresponse()
        open_ones = [tail() for _ in range(4)]
        assert all(answer.status == 200 for _, answer in open_ones)
        fifth, answer = tail()
        assert answer.status == 429, answer.status
        fifth.close()
        for connection, answer in open_ones:
            answer.close()
            connection.close()

        def is_free():
            connection, answer = tail()
            status = answer.status
            answer.close()
            connection.close()
            return status == 200
        until(is_free)


def a_trace_comes_back_as_it_was_sent():
    with Keeper(SERVE) as daemon:
        daemon.send("traces", TRACES)
        assert daemon.get(f"/api/traces/{TRACE}") == TRACES
        status, headers, body = daemon.ask(f"/api/traces/{TRACE}",
                                           {"Accept": "application/protobuf"})
        assert status == 200 and headers["Content-Type"] == "application/protobuf"
        assert bytes.fromhex(TRACE) in body
        status, error = daemon.refusal("/api/traces/00000000000000000000000000000001")
        assert status == 404 and "no trace" in error, (status, error)
        assert daemon.refusal("/api/traces/xyz")[0] == 400


def traces_are_found_by_service_name_and_duration():
    with Keeper(SERVE) as daemon:
        daemon.send("traces", spans("0" * 31 + "1", ["GET /", "SELECT"]))
        daemon.send("traces", spans("0" * 31 + "2", ["POST /"], service="cart",
                                    duration_ns=2_000_000_000, status={"code": 2}))
        found = daemon.get("/api/search")["traces"]
        assert [one["traceID"][-1] for one in found] == ["2", "1"], found
        newest = daemon.get("/api/search", limit="1")
        assert newest["traces"] == found[:1] and newest["truncated"] is True, newest
        assert daemon.get("/api/search", limit="2")["truncated"] is False
        assert found[1]["rootTraceName"] == "GET /" and found[1]["spanCount"] == 2
        assert found[0]["errorCount"] == 1 and found[0]["durationMs"] == 2000
        slow = daemon.get("/api/search", minDuration="1s")["traces"]
        assert [one["rootServiceName"] for one in slow] == ["cart"]
        assert [one["traceID"][-1] for one in daemon.get("/api/search", name="SELECT")["traces"]
                ] == ["1"]
        assert daemon.get("/api/search", query='{service_name="nobody"}')["traces"] == []
        assert daemon.found("/api/traces/label/service_name/values") == ["cart", "shop"]


def what_was_kept_is_there_after_a_restart():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", log_lines(["kept"]))
        daemon.send("metrics", gauge("depth", [7]))
        daemon.send("traces", TRACES)
        for _ in range(2):
            assert daemon.stop() == 0
            daemon.start()
            assert daemon.lines_kept() == ["kept"]
            samples = daemon.found("/api/v1/samples", match="depth")["result"]
            assert samples[0]["values"][0][1] == "7", samples
            assert daemon.get(f"/api/traces/{TRACE}") == TRACES


def damage_on_disk_is_told_and_the_rest_answered():
    with Keeper(SERVE, keeping(flush_interval="1s")) as daemon:
        for service in ("one", "two"):
            daemon.send("logs", log_lines([f"line {at} of {service}" for at in range(200)],
                                          service=service))
            daemon.send("metrics", gauge("depth", range(100), service=service))
        folder = os.path.join(daemon.data, "store")
        parts = until(lambda: (found := [glob.glob(f"{folder}/{signal}/*.part")
                                         for signal in ("logs", "metrics")]) and all(found) and
                      found)
        assert daemon.stop() == 0
        for path in (names[0] for names in parts):
            with open(path, "r+b") as file:
                file.seek(100)
                bits = file.read(1)[0] ^ 4
                file.seek(100)
                file.write(bytes([bits]))
        daemon.start()
        *rows, (kind, end) = daemon.events("/api/logs", start="0", limit="5000")
        assert kind == "end" and end["damaged"] == 1, end
        assert 200 <= len(rows) < 400, len(rows)
        answer = daemon.get("/api/v1/samples", match="depth")
        assert "damaged" in answer["warnings"][0], answer
        daemon.heard(os.path.basename(parts[0][0]) + " is damaged")


def what_is_wrong_with_a_parameter_is_told():
    wrong = [("/api/v1/series", {"match": "{job=api}"}, "column 6"),
             ("/api/v1/series", {"match": '{job=~"("}'}, "regular expression"),
             ("/api/v1/samples", {"match": "up", "start": "yesterday"}, "RFC 3339"),
             ("/api/logs", {"limit": "many"}, "number"),
             ("/api/logs", {"regex": "("}, "regex"),
             ("/api/search", {"minDuration": "long"}, "duration")]
    with Keeper(SERVE) as daemon:
        for path, parameters, part in wrong:
            status, error = daemon.refusal(path, **parameters)
            assert status == 400 and part in error, (path, status, error)
        assert daemon.refusal("/no/such/page")[0] == 404


def what_is_late_or_early_is_refused_as_partial_success():
    with Keeper(SERVE) as daemon:
        minute = 60 * 10**9
        daemon.send("logs", log_lines(["now"]))
        answer = daemon.send("logs", log_lines(["late", "also now"],
                                               times=[now_ns() - 11 * minute, now_ns()]))
        success = answer["partialSuccess"]
        assert success["rejectedLogRecords"] == "1" and "too old" in success["errorMessage"], answer
        answer = daemon.send("logs", log_lines(["early"], times=[now_ns() + 11 * minute]))
        assert "clock" in answer["partialSuccess"]["errorMessage"], answer
        assert sorted(daemon.lines_kept()) == ["also now", "now"]


def one_series_too_many_names_the_label():
    with Keeper(SERVE, keeping(max_series=50)) as daemon:
        for at in range(50):
            daemon.send("metrics", gauge("depth", [1], labels={"user": f"u{at}"}))
        answer = daemon.send("metrics", gauge("depth", [1], labels={"user": "one more"}))
        success = answer["partialSuccess"]
        assert success["rejectedDataPoints"] == "1", answer
        assert '"user"' in success["errorMessage"], answer
        status = daemon.get("/api/status")
        assert status["store_signals"][0]["refused"] == 1, status


def what_has_no_name_or_too_many_labels_is_refused_and_told():
    with Keeper(SERVE) as daemon:
        answer = daemon.send("metrics", gauge("", [1, 2, 3]))
        success = answer["partialSuccess"]
        assert success["rejectedDataPoints"] == "3" and "name is empty" in success["errorMessage"]
        many = {f"label{at}": "a" for at in range(130)}
        answer = daemon.send("metrics", gauge("wide", [1], labels=many))
        success = answer["partialSuccess"]
        assert success["rejectedDataPoints"] == "1", success
        assert "more labels than" in success["errorMessage"], success
        assert daemon.found("/api/v1/series") == []
        assert daemon.get("/api/status")["store_signals"][0]["invalid"] == 4


def a_client_that_goes_away_ends_its_query():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", log_lines([f"line {at} " + "x" * 900 for at in range(3000)]))
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", daemon.pages())) as connection:
                connection.sendall(b"GET /api/logs?limit=5000 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert len(daemon.lines_kept()) == 3000


def many_queries_at_once_are_answered_or_told_to_wait():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", log_lines([f"line {at}" for at in range(2000)]))
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            found = list(pool.map(lambda _: daemon.ask("/api/logs", limit="1000")[0], range(200)))
        assert set(found) <= {200, 503} and found.count(200) > 0, found


def status_metrics_and_health_are_there():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", log_lines(["one", "two"]))
        status = daemon.get("/api/status")
        assert status["memory"]["resident_bytes"] < status["memory"]["limit_bytes"]
        logs = {one["signal"]: one for one in status["store_signals"]}["logs"]
        assert logs["records"] == 2 and logs["streams"] == 1, logs
        assert daemon.ask("/healthz")[2] == daemon.ask("/readyz")[2] == b"ok\n"
        assert b'href="/debug/pprof/heap"' in daemon.ask("/debug/pprof/")[2]
        assert b"sluice_memory_limit_bytes" in daemon.ask("/metrics")[2]


def status_tells_the_ways_of_data_and_why_senders_were_refused():
    with Keeper(SERVE) as daemon:
        status = daemon.get("/api/status")
        assert {"name": "logs", "receivers": ["otlp"], "processors": [],
                "exporters": ["store"]} in status["pipelines"], status
        assert status["refusals"] == []
        for _ in range(3):
            times = [now_ns(), now_ns() - 86400 * 10**9]
            daemon.send("logs", log_lines(["new", "old"], times=times))
        assert daemon.post("/v1/traces", b"\x0a\x05", "application/x-protobuf")[0] == 400
        assert daemon.post("/v1/metrics", b"hello", "text/plain")[0] == 415
        found = [(one["signal"], one["kind"], one["count"])
                 for one in daemon.get("/api/status")["refusals"]]
        assert found == [("metrics", "invalid", 1), ("traces", "invalid", 1),
                         ("logs", "partial", 3)], found
        reasons = [one["reason"] for one in daemon.get("/api/status")["refusals"]]
        assert "Content-Type" in reasons[0] and "too old" in reasons[2], reasons
        assert daemon.get("/api/status")["refusals"][0]["last"] > time.time() - 60


def the_daemon_is_its_own_first_user():
    config = keeping()
    config["receivers"]["selfmon"] = {"interval": "100ms"}
    for pipeline in config["service"]["pipelines"].values():
        pipeline["receivers"] = ["otlp", "selfmon"]
    config["service"]["pipelines"]["profiles"] = {"receivers": ["selfmon"],
                                                  "exporters": ["store"]}
    mine = '{service_name="sluice-serve"}'
    with Keeper(SERVE, config) as daemon:
        until(lambda: daemon.found("/api/v1/series", match='{job="sluice-serve"}'))
        spans_kept = until(lambda: daemon.get("/api/search", query=mine)["traces"])
        assert spans_kept[0]["rootTraceName"] == "export", spans_kept
        trace = daemon.get("/api/traces/" + spans_kept[0]["traceID"])
        (span,) = trace["resourceSpans"][0]["scopeSpans"][0]["spans"]
        assert {"key": "exporter", "value": {"stringValue": "store"}} in span["attributes"], span
        if daemon.ask("/debug/pprof/heap")[0] == 200:  # a sanitizer has the heap to itself
            until(lambda: daemon.get("/api/profiles", query=mine)["profiles"])
        sent = daemon.get("/api/status")["exporters"][0]
        assert sent["sent"] > 0 and sent["lost"] == sent["refused"] == 0, sent


def a_record_that_is_left_out_is_not_counted_as_sent():
    with Keeper(SERVE) as daemon:
        daemon.send("logs", log_lines(["new", "old"], times=[now_ns(), now_ns() - 10**15]))
        daemon.send("metrics", ALL["metrics"])  # of any age, but some have more than one sample
        daemon.send("metrics", gauge("depth", [1]))
        daemon.send("metrics", gauge("depth", [1], start=now_ns() - 10**15))
        exporter = daemon.get("/api/status")["exporters"][0]
        assert (exporter["sent"], exporter["lost"]) == (1 + 7 + 1, 2), exporter


@contextlib.contextmanager
def small_disk():
    """A folder with six megabytes, and what makes it larger."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder],
                           stderr=subprocess.DEVNULL) != 0:
            raise tap.Skip("nothing may be mounted here")
        try:
            yield folder, lambda: subprocess.check_call(
                ["mount", "-o", "remount,size=40m", folder])
        finally:
            subprocess.check_call(["umount", "-l", folder])


def a_full_disk_refuses_until_there_is_room():
    with small_disk() as (folder, grow), Keeper(SERVE, keeping(), data=folder) as daemon:
        chance = random.Random(1)
        status = 200
        taken = -1
        while status == 200:
            taken += 1
            lines = [f"n{taken} {chance.getrandbits(1600):x}" for _ in range(100)]
            status, headers, body = daemon.post("/v1/logs", json.dumps(log_lines(lines)),
                                                "application/json")
        assert status == 503 and int(headers["Retry-After"]) > 0, (status, headers)
        assert b"No space left" in body and taken > 10, (body, taken)
        daemon.heard("the store's disk: No space left")
        exporter = daemon.get("/api/status")["exporters"][0]
        assert (exporter["sent"], exporter["refused"]) == (taken * 100, 100), exporter
        grow()
        until(lambda: daemon.post("/v1/logs", json.dumps(log_lines(["after"])),
                                  "application/json")[0] == 200)
        daemon.kill()
        daemon.start()
        assert daemon.lines_kept(contains="after") == ["after"]
        for one in (0, taken - 1):
            assert len(daemon.lines_kept(word=f"n{one}")) == 100, one
        assert daemon.lines_kept(word=f"n{taken}") == []


def what_is_older_than_the_retention_is_refused_and_dropped():
    with Keeper(SERVE, keeping(retention="6s", flush_interval="1s")) as daemon:
        answer = daemon.send("logs", log_lines(["gone"], times=[now_ns() - 10 * 10**9]))
        assert "too old" in answer["partialSuccess"]["errorMessage"], answer
        daemon.send("logs", log_lines(["here for a while"]))
        assert daemon.lines_kept() == ["here for a while"]

        def logs():
            return daemon.get("/api/status")["store_signals"][1]
        until(lambda: logs()["flushes"] == 1)
        until(lambda: logs()["dropped_parts"] == 1)
        assert daemon.lines_kept() == [] and logs()["parts"] == 0, logs()
        assert glob.glob(os.path.join(daemon.data, "store", "logs", "*.part")) == []


def beyond_the_size_the_oldest_parts_go():
    size = 64 << 20
    with Keeper(SERVE, keeping(size="64MiB", log_size="16MiB", flush_interval="1s")) as daemon:

        def logs():
            return daemon.get("/api/status")["store_signals"][1]

        sent = 0
        while logs()["dropped_parts"] == 0:
            assert sent < 400, logs()
            noise = base64.b64encode(random.Random(sent).randbytes(750_000)).decode()
            lines = [f"n{sent} {noise[at:at + 10_000]}" for at in range(0, len(noise), 10_000)]
            body = json.dumps(log_lines(lines))
            until(lambda body=body: daemon.post("/v1/logs", body, "application/json")[0] == 200)
            sent += 1
        until(lambda: logs()["disk_bytes"] + logs()["log_bytes"] <= size)
        assert daemon.lines_kept(contains="n0 ") == []
        assert len(daemon.lines_kept(contains=f"n{sent - 1} ")) == 100


def parts_of_days_are_merged_apart():
    with Keeper(SERVE, keeping(retention="48h", flush_interval="1s")) as daemon:
        old = now_ns() - 47 * 3600 * 10**9
        daemon.send("logs", log_lines(["old"], times=[old], service="old"))
        daemon.send("logs", log_lines(["new"]))
        assert sorted(daemon.lines_kept()) == ["new", "old"]

        def parts():
            return daemon.get("/api/status")["store_signals"][1]["parts"]
        until(lambda: parts() == 2)
        assert sorted(daemon.lines_kept()) == ["new", "old"]


def a_relaxed_store_answers_at_once_and_keeps_what_a_kill_leaves():
    with Keeper(SERVE, keeping(durability="relaxed")) as daemon:
        for at in range(50):
            daemon.send("logs", log_lines([f"line {at}"]))
        daemon.kill()
        daemon.start()
        assert daemon.lines_kept(direction="forward") == [f"line {at}" for at in range(50)]
    config = keeping(durability="perhaps")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(config, file)
        file.flush()
        done = subprocess.run([SERVE, "--config", file.name], capture_output=True, text=True,
                              check=False, timeout=60)
    assert done.returncode == 1 and 'durability is "sync" or "relaxed"' in done.stderr, done


TESTS = (labels_values_and_series_are_as_prometheus_has_them,
         several_selectors_find_what_any_of_them_finds,
         every_kind_of_data_point_becomes_the_samples_that_prometheus_would_have,
         exponential_histograms_come_back_with_their_buckets,
         buckets_beyond_what_a_number_can_be_are_told_as_infinite,
         exemplars_come_back_with_the_trace_that_they_name,
         logs_are_found_by_selector_text_word_and_pattern,
         lines_of_a_trace_are_found_by_its_id,
         the_newest_lines_come_first_and_a_limit_is_told,
         a_row_tells_its_severity_ids_and_attributes,
         a_histogram_counts_the_lines_of_each_step,
         a_tail_shows_what_comes_and_nothing_else,
         four_tails_may_run_and_those_that_went_away_count_no_more,
         a_trace_comes_back_as_it_was_sent,
         traces_are_found_by_service_name_and_duration,
         what_was_kept_is_there_after_a_restart,
         damage_on_disk_is_told_and_the_rest_answered,
         what_is_wrong_with_a_parameter_is_told,
         what_is_late_or_early_is_refused_as_partial_success,
         one_series_too_many_names_the_label,
         what_has_no_name_or_too_many_labels_is_refused_and_told,
         a_client_that_goes_away_ends_its_query,
         many_queries_at_once_are_answered_or_told_to_wait,
         status_metrics_and_health_are_there,
         status_tells_the_ways_of_data_and_why_senders_were_refused,
         the_daemon_is_its_own_first_user,
         a_record_that_is_left_out_is_not_counted_as_sent,
         a_full_disk_refuses_until_there_is_room,
         what_is_older_than_the_retention_is_refused_and_dropped,
         beyond_the_size_the_oldest_parts_go,
         parts_of_days_are_merged_apart,
         a_relaxed_store_answers_at_once_and_keeps_what_a_kill_leaves)

if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
