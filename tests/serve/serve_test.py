#!/usr/bin/python3
"""serve_test.py SLUICE_SERVE SLUICE: the daemon as senders, receivers and people meet it."""

import base64
import concurrent.futures
import gzip
import http.client
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import otlp_bodies  # noqa: E402
import tap  # noqa: E402
from daemon import WAIT_SECONDS, Daemon, lines_of, pipelines, until  # noqa: E402
from documents import ALL, LOGS  # noqa: E402
from memory_group import Group  # noqa: E402
from reading import Keeper, log_lines  # noqa: E402
from sink import Sink  # noqa: E402

SERVE, SLUICE = (os.path.abspath(path) for path in sys.argv[1:3])
JSON = "application/json"
MEBIBYTE = 1 << 20
STOP_SECONDS_MAX = 10
RETRY_SOON = {"initial_interval": "10ms", "max_interval": "50ms"}


def file_to(folder):
    return {"file": {"path": os.path.join(folder, "out.jsonl")}}, os.path.join(folder, "out.jsonl")


def to_sink(sink, **options):
    return {"otlphttp": {"endpoint": sink.url, "retry_on_failure": RETRY_SOON, **options}}


def counted_logs(count, service="checkout"):
    return otlp_bodies.logs(count, service)


def json_that_curl_sends_arrives_as_it_was_sent():
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        with Daemon(SERVE, pipelines(exporters)) as daemon:
            for name, document in ALL.items():
                answer = subprocess.run(
                    ["curl", "-sS", "-i", "--max-time", "60", "-H", f"Content-Type: {JSON}",
                     "--data-binary", "@-", f"http://127.0.0.1:{daemon.ports['HTTP']}/v1/{name}"],
                    input=json.dumps(document), capture_output=True, text=True, check=True).stdout
                head, body = answer.split("\n\n", 1)
                assert head.startswith("HTTP/1.1 200 ") and f"Content-Type: {JSON}" in head, head
                assert json.loads(body) == {}, body
                assert lines_of(path)[-1] == document, name


# As a configuration of the collector has it.
FRAGMENT = """processors:
  batch:
    timeout: 1s
    send_batch_size: 1024
  memory_limiter:
    limit_mib: 512
    spike_limit_mib: 256
exporters:
  otlp:
    endpoint: "otel-collector.prod.svc.cluster.local:4317"
    tls:
      insecure: true
"""

COPIED = FRAGMENT + """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:0
      http:
        endpoint: ${env:SLUICE_TEST_UNSET:-127.0.0.1:0}
extensions:
  health_check:
    endpoint: 127.0.0.1:0
  pprof:
  zpages:
service:
  extensions: [health_check, pprof, zpages]
  telemetry:
    logs: {level: info}
  pipelines:
    traces: &all
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [otlp]
    metrics: *all
    logs: *all
"""


def a_copied_configuration_of_the_collector_runs_unchanged():
    with Daemon(SERVE, COPIED) as daemon:
        page = curl(f"http://127.0.0.1:{health_port(daemon)}/metrics")
        assert f"sluice_memory_limit_bytes {512 * MEBIBYTE}\n" in page, page
        assert daemon.post("/v1/traces", otlp_bodies.traces(5))[0] == 200
        daemon.heard("trying again")  # there is no such host here


def what_passes_through_two_daemons_is_what_was_sent():
    for kind, scheme in (("otlp", ""), ("otlphttp", "http://")):
        for compression in ("gzip", "none"):
            with tempfile.TemporaryDirectory() as folder:
                exporters, path = file_to(folder)
                with Daemon(SERVE, pipelines(exporters)) as second:
                    port = second.ports["gRPC" if kind == "otlp" else "HTTP"]
                    options = {"endpoint": f"{scheme}127.0.0.1:{port}", "compression": compression,
                               "tls": {"insecure": True}, "retry_on_failure": RETRY_SOON}
                    with Daemon(SERVE, pipelines({kind: options})) as first:
                        for name, document in ALL.items():
                            assert first.post(f"/v1/{name}", json.dumps(document), JSON)[0] == 200
                        until(lambda: len(lines_of(path)) == 3, lambda: (first.lines, second.lines))
                    assert sorted(map(str, lines_of(path))) == sorted(map(str, ALL.values()))


def certify(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=sink",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out",
                    "certificate.pem"], cwd=folder, check=True, capture_output=True)


def exporters_speak_tls_and_trust_whom_they_are_told_to():
    with tempfile.TemporaryDirectory() as folder:
        certify(folder)
        certificate = os.path.join(folder, "certificate.pem")
        exporters, path = file_to(folder)
        config = pipelines(exporters)
        for protocol in config["receivers"]["otlp"]["protocols"].values():
            protocol["tls"] = {"cert_file": certificate,
                               "key_file": os.path.join(folder, "key.pem")}
        with Daemon(SERVE, config) as second:
            for kind, endpoint in (("otlp", f"localhost:{second.ports['gRPC']}"),
                                   ("otlphttp", f"https://localhost:{second.ports['HTTP']}")):
                options = {"endpoint": endpoint, "retry_on_failure": RETRY_SOON}
                with Daemon(SERVE, pipelines({kind: options})) as stranger:
                    assert stranger.post("/v1/logs", json.dumps(LOGS), JSON)[0] == 200
                    stranger.heard("trying again")  # it does not know who signed that
                before = len(lines_of(path))
                options["tls"] = {"ca_file": certificate}
                with Daemon(SERVE, pipelines({kind: options})) as first:
                    assert first.post("/v1/logs", json.dumps(LOGS), JSON)[0] == 200
                    until(lambda: len(lines_of(path)) > before, lambda: first.lines)
                assert lines_of(path)[-1] == LOGS


def fields_that_are_not_known_are_passed_on():
    unknown = otlp_bodies.field(99, "what is this") + otlp_bodies.integer(77, 5)
    record = otlp_bodies.field(5, otlp_bodies.field(1, "body")) + unknown
    message = log_request(record, unknown) + unknown
    with Sink() as sink, Daemon(SERVE, pipelines(to_sink(sink))) as daemon:
        assert daemon.post("/v1/logs", message)[0] == 200
        assert until(sink.bodies) == [message]


def log_request(record, scope_fields=b""):
    return otlp_bodies.field(1, otlp_bodies.field(2, otlp_bodies.field(2, record) + scope_fields))


def post_packed(daemon, body, encoding):
    return daemon.post("/v1/logs", body, **{"Content-Encoding": encoding})


def compressed_bodies_are_read():
    with Sink() as sink, Daemon(SERVE, pipelines(to_sink(sink))) as daemon:
        message = counted_logs(50)
        assert post_packed(daemon, gzip.compress(message), "gzip")[0] == 200
        until(lambda: len(sink.bodies()) == 1)
        assert post_packed(daemon, zstd(message), "zstd")[0] == 200
        until(lambda: len(sink.bodies()) == 2)
        assert all(body == message for body in sink.bodies())


def zstd(message):
    return subprocess.run(["zstd", "-q", "-c"], input=message, capture_output=True,
                          check=True).stdout


def what_cannot_be_read_is_refused_for_good_and_says_where():
    deep = b"\x0a\x00"
    for _ in range(5000):
        deep = otlp_bodies.field(5, otlp_bodies.field(1, deep)) if len(deep) < 30000 else deep
    value = otlp_bodies.field(1, "x")
    for _ in range(2000):
        value = otlp_bodies.field(5, otlp_bodies.field(1, value))
    nested = log_request(otlp_bodies.field(5, value))
    bad_text = log_request(otlp_bodies.field(3, b"\xff"))
    with Daemon(SERVE, pipelines({"nop": None})) as daemon:
        cases = [
            (b"\xff\xff", "application/x-protobuf", 400, "byte 0 is cut off"),
            (b"\x0a\x05ab", "application/x-protobuf", 400, "longer than"),
            (nested, "application/x-protobuf", 400, "nested too deeply"),
            (bad_text, "application/x-protobuf", 400, "severityText is not UTF-8"),
            (deep[:1000], "application/x-protobuf", 400, ""),
            (b"{", JSON, 400, "ends too early"),
            (b'{"resourceLogs": 3}', JSON, 400, "an array is expected"),
            (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"spanId":"zz"}]}]}]}', JSON, 400,
             "span id"),
            (b"[" * 5000, JSON, 400, "object is expected"),
            (b'{"a":' * 5000, JSON, 400, "nested too deeply"),
            (b"x", "text/plain", 415, "Content-Type"),
        ]
        for body, kind, status, part in cases:
            answer = daemon.post("/v1/logs", body, kind)
            assert answer[0] == status, (body[:60], answer)
            assert part.encode() in answer[2], (body[:60], answer)
            assert "Retry-After" not in answer[1], answer
        assert daemon.post("/v1/nothing", b"")[0] == 404
        assert daemon.post("/v1/logs", counted_logs(3))[0] == 200


def an_empty_request_is_fine():
    with Daemon(SERVE, pipelines({"nop": None})) as daemon:
        assert daemon.post("/v1/logs", b"")[0] == 200
        assert daemon.post("/v1/logs", b"{}", JSON)[0] == 200
        assert daemon.post("/v1/logs", b'{"resourceLogs":null,"x":{"y":[1]}}', JSON)[0] == 200


def unread_keys_and_either_form_of_numbers_are_taken():
    document = {"resource_logs": [{"scopeLogs": [{"log_records": [{
        "time_unix_nano": 12, "severityNumber": "SEVERITY_NUMBER_WARN", "nobody": {"knows": [{}]},
        "body": {"intValue": 3}, "traceId": "5B8EFFF798038103D269B633813FC60C",
        "attributes": None}]}]}]}
    expected = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{
        "timeUnixNano": "12", "severityNumber": 13, "body": {"intValue": "3"},
        "traceId": "5b8efff798038103d269b633813fc60c"}]}]}]}
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        with Daemon(SERVE, pipelines(exporters)) as daemon:
            assert daemon.post("/v1/logs", json.dumps(document), JSON)[0] == 200
            assert lines_of(path) == [expected], lines_of(path)


def a_dead_receiver_costs_disk_and_nothing_is_lost_by_kill_9():
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        dead = Sink()
        dead.__exit__()
        config = pipelines(to_sink(dead))
        daemon = Daemon(SERVE, config, data=data)
        sent = [counted_logs(3, f"service-{i}") for i in range(60)]
        for message in sent[:40]:
            assert daemon.post("/v1/logs", message)[0] == 200
        daemon.heard("trying again")
        daemon.kill()
        daemon.start()
        for message in sent[40:]:
            assert daemon.post("/v1/logs", message)[0] == 200
        with Sink(port=dead.port) as sink:
            until(lambda: len(set(sink.bodies())) == len(sent), lambda: len(sink.bodies()))
            assert set(sink.bodies()) == set(sent)
            daemon.heard("works again")
        with daemon:
            pass


def a_full_queue_is_refused_to_the_sender_and_takes_again():
    dead = Sink()
    dead.__exit__()
    message = counted_logs(500)
    exporters = to_sink(dead, sending_queue={"size_bytes": "2MiB"})
    with Daemon(SERVE, pipelines(exporters)) as daemon:
        taken = 0
        status, headers, body = daemon.post("/v1/logs", message)
        while status == 200:
            taken += 1
            assert taken < 100
            status, headers, body = daemon.post("/v1/logs", message)
        assert (status, "Retry-After" in headers) == (503, True), (status, headers, body)
        assert b"queue on disk is full" in body, body
        with Sink(port=dead.port) as sink:
            until(lambda: len(sink.bodies()) == taken, lambda: (taken, len(sink.bodies())))
            until(lambda: daemon.post("/v1/logs", message)[0] == 200)


def what_a_receiver_answers_decides_what_is_sent_again():
    partial = otlp_bodies.field(1, otlp_bodies.integer(1, 2) + otlp_bodies.field(2, "two were bad"))
    answers = [503, "reset", (429, {"Retry-After": "0"}, b""), "hang up", (502, {}, b"\xff"),
               504, 200, 400, (200, {"Content-Type": "application/x-protobuf"}, partial), 200]
    with Sink(lambda number: answers[number]) as sink:
        with Daemon(SERVE, pipelines(to_sink(sink, sending_queue={"num_consumers": 1}))) as daemon:
            sent = [counted_logs(1, f"service-{i}") for i in range(4)]
            for message in sent:
                assert daemon.post("/v1/logs", message)[0] == 200
            until(lambda: sink.seen == len(answers), lambda: sink.seen)
            until(lambda: len(sink.bodies()) == 3)
            assert sink.bodies() == [sent[0], sent[2], sent[3]]  # the second was refused for good
            daemon.heard("given up")


def without_a_queue_the_sender_waits_for_the_receiver():
    with Sink(lambda number: 503 if number < 2 else 200) as sink:
        exporters = to_sink(sink, sending_queue={"enabled": False})
        with Daemon(SERVE, pipelines(exporters)) as daemon:
            message = counted_logs(2)
            assert daemon.post("/v1/logs", message)[0] == 200
            assert sink.bodies() == [message]


def batches_are_joined_and_cut_to_their_size():
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        batch = {"batch": {"timeout": "60s", "send_batch_size": 100, "send_batch_max_size": 100}}
        with Daemon(SERVE, pipelines(exporters, batch)) as daemon:
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                asked = [pool.submit(daemon.post, "/v1/logs", counted_logs(25, f"s{i}"))
                         for i in range(12)]
                assert [one.result()[0] for one in asked] == [200] * 12
            sizes = [records_in(document) for document in lines_of(path)]
            assert sizes == [100, 100, 100], sizes
            assert daemon_services(path) == {f"s{i}": 25 for i in range(12)}


def records_in(document):
    return sum(len(scope["logRecords"]) for one in document["resourceLogs"]
               for scope in one["scopeLogs"])


def daemon_services(path):
    counts = {}
    for document in lines_of(path):
        for one in document["resourceLogs"]:
            name = one["resource"]["attributes"][0]["value"]["stringValue"]
            counts[name] = counts.get(name, 0) + sum(len(scope["logRecords"])
                                                     for scope in one["scopeLogs"])
    return counts


def what_waits_in_a_batch_is_handed_on_when_the_daemon_stops():
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        with Daemon(SERVE, pipelines(exporters, {"batch": {"timeout": "1h"}})) as daemon:
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                asked = pool.submit(daemon.post, "/v1/logs", json.dumps(LOGS), JSON)
                until(lambda: connections_to(daemon.ports["HTTP"]) > 0)
                assert daemon.stop() == 0
                assert asked.result()[0] == 200
            assert lines_of(path) == [LOGS]


def connections_to(port):
    """How many are established, as the system counts."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return sum(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01"
                   for line in table)


def a_stop_under_load_ends_in_time_and_keeps_what_was_acknowledged():
    with Keeper(SERVE) as daemon:
        acknowledged = []
        is_over = threading.Event()

        def send(sender):
            number = 0
            while not is_over.is_set():
                lines = [f"line-{sender}-{number}-{at}" for at in range(50)]
                try:
                    status, _, body = daemon.post("/v1/logs", json.dumps(log_lines(lines)), JSON)
                    if status == 200:
                        assert json.loads(body) in ({}, {"partialSuccess": {}}), body
                        acknowledged.extend(lines)
                except OSError:
                    return
                number += 1
        tail = http.client.HTTPConnection("127.0.0.1", daemon.pages(), timeout=60)
        tail.request("GET", "/api/logs/tail")
        assert tail.getresponse().status == 200
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            senders = [pool.submit(send, sender) for sender in range(4)]
            until(lambda: len(acknowledged) > 1000)
            began = time.monotonic()
            assert daemon.stop() == 0
            took = time.monotonic() - began
            is_over.set()
            for sender in senders:
                sender.result()
        tail.close()
        assert took < STOP_SECONDS_MAX, took
        daemon.start()
        lost = set(acknowledged) - daemon.every_line()
        assert not lost, (len(lost), len(acknowledged), min(lost), daemon.get("/api/status"))


def a_stop_answers_those_who_wait_for_a_receiver_that_says_nothing():
    with Sink(lambda number: "silence") as sink:
        exporters = to_sink(sink, timeout="60s", sending_queue={"enabled": False})
        with Daemon(SERVE, pipelines(exporters)) as daemon:
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                asked = pool.submit(daemon.post, "/v1/logs", counted_logs(3))
                until(lambda: sink.seen == 1)
                began = time.monotonic()
                assert daemon.stop() == 0
                took = time.monotonic() - began
                assert took < STOP_SECONDS_MAX, took
                status, headers, body = asked.result()
                assert (status, "Retry-After" in headers) == (503, True), (status, body)


def the_memory_limit_holds_whatever_is_sent():
    limit = 64 * MEBIBYTE
    dead = Sink()
    dead.__exit__()
    processors = {"memory_limiter": {"limit_mib": 64, "spike_limit_mib": 16},
                  "batch": {"timeout": "1s"}}
    with Daemon(SERVE, pipelines(to_sink(dead), processors)) as daemon:
        message = counted_logs(2700)

        def flood(_):
            return [daemon.post("/v1/logs", message)[0] for _ in range(8)]

        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            statuses = [status for many in pool.map(flood, range(32)) for status in many]
        assert set(statuses) <= {200, 503}, set(statuses)
        assert 200 in statuses
        assert daemon.memory() <= limit, daemon.memory()


def in_a_memory_group_of_its_limit_the_daemon_is_not_killed():
    dead = Sink()
    dead.__exit__()
    processors = {"memory_limiter": {"limit_mib": 64, "spike_limit_mib": 16},
                  "batch": {"timeout": "1s"}}
    with Group(64 * MEBIBYTE, name="sluice-serve-test") as group:
        config = pipelines(to_sink(dead), processors)
        with Daemon(SERVE, config, enter=group.enter) as daemon:
            message = counted_logs(2700)
            packed = gzip.compress(message)

            def flood(number):
                if number % 2:
                    return [daemon.post("/v1/logs", message)[0] for _ in range(8)]
                return [post_packed(daemon, packed, "gzip")[0] for _ in range(8)]

            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                statuses = [status for many in pool.map(flood, range(32)) for status in many]
            assert set(statuses) <= {200, 503} and 200 in statuses, set(statuses)


def a_slow_receiver_is_waited_for_and_holds_no_memory():
    with Sink(lambda number: "silence" if number < 2 else 200) as sink:
        with Daemon(SERVE, pipelines(to_sink(sink, timeout="500ms"))) as daemon:
            sent = [counted_logs(200, f"service-{i}") for i in range(30)]
            for message in sent:
                assert daemon.post("/v1/logs", message)[0] == 200
            until(lambda: len(set(sink.bodies())) == len(sent), lambda: len(sink.bodies()))
            assert set(sink.bodies()) == set(sent)


def senders_are_batched_apart_by_their_metadata():
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        batch = {"batch": {"timeout": "60s", "send_batch_size": 20, "metadata_keys": ["X-Tenant"],
                           "metadata_cardinality_limit": 2}}
        with Daemon(SERVE, pipelines(exporters, batch)) as daemon:
            def send(tenant):
                return daemon.post("/v1/logs", counted_logs(10, tenant), **{"x-tenant": tenant})

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                asked = [pool.submit(send, tenant) for tenant in ("a", "b", "a", "b")]
                assert [one.result()[0] for one in asked] == [200] * 4
            services = [{one["resource"]["attributes"][0]["value"]["stringValue"]
                         for one in document["resourceLogs"]} for document in lines_of(path)]
            assert sorted(services, key=str) == [{"a"}, {"b"}], services
            status, headers, body = send("c")
            assert (status, "Retry-After" in headers) == (503, True), (status, body)
            assert b"combinations of metadata" in body, body


class Target(http.server.BaseHTTPRequestHandler):
    """A program with a heap profile and no other."""
    PROFILE = gzip.compress(b"a profile")

    def do_GET(self):  # noqa: N802 (the library's name)
        found = self.path == "/debug/pprof/heap"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.PROFILE) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(self.PROFILE)

    def log_message(self, *_):
        pass


def profiles_of_targets_and_of_the_daemon_go_through_their_pipeline():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        config = {"receivers": {
            "selfmon": {"interval": "100ms"},
            "pprof": {"interval": "100ms", "profiles": ["heap", "goroutine"], "targets": [
                {"endpoint": endpoint, "service": "shop", "labels": {"env": "prod"}}]}},
            "exporters": exporters, "service": {"pipelines": {"profiles": {
                "receivers": ["pprof", "selfmon"], "exporters": list(exporters)}}}}
        with Daemon(SERVE, config) as daemon:
            daemon.heard("it answers 404 to goroutine")

            def found():
                return {attributes["service.name"]: (attributes, profile)
                        for attributes, profile in map(profile_of, lines_of(path))}

            until(lambda: "shop" in found())
            attributes, profile = found()["shop"]
            assert attributes == {"service.name": "shop", "service.instance.id": endpoint,
                                  "env": "prod"}, attributes
            assert (profile["name"], base64.b64decode(profile["pprof"])) == (
                "heap", Target.PROFILE), profile
            if not any("the profiler is not loaded" in line for line in daemon.lines):
                until(lambda: "sluice-serve" in found())
                own = gzip.decompress(base64.b64decode(found()["sluice-serve"][1]["pprof"]))
                assert b"inuse_space" in own
        server.shutdown()
        server.server_close()


def profile_of(document):
    (one,) = document["resourceProfiles"]
    (profile,) = one["profiles"]
    return ({attribute["key"]: attribute["value"]["stringValue"]
             for attribute in one["resource"]["attributes"]}, profile)


def profiles_are_not_sent_where_nobody_takes_them():
    config = {"receivers": {"selfmon": None}, "exporters": {"otlp": {"endpoint": "x:1"}},
              "service": {"pipelines": {"profiles": {"receivers": ["selfmon"],
                                                     "exporters": ["otlp"]}}}}
    try:
        with Daemon(SERVE, config):
            raise RuntimeError("it has started")
    except AssertionError as error:
        assert "takes no profiles" in str(error), error


def hostile_bodies_are_refused_in_bounded_memory():
    limit = 64 * MEBIBYTE
    bomb = gzip.compress(bytes(2000 * MEBIBYTE // 8), 9)
    long_value = log_request(otlp_bodies.field(5, otlp_bodies.field(1, "x" * 10_000_000)))
    keys = b"".join(otlp_bodies.attribute(6, f"k{i}", i) for i in range(1_000_000))
    many_keys = log_request(keys)
    with Daemon(SERVE, pipelines({"nop": None}, {"memory_limiter": {"limit_mib": 64}})) as daemon:
        for encoding, packed in (("gzip", bomb), ("zstd", zstd(bytes(250 * MEBIBYTE)))):
            status = post_packed(daemon, packed, encoding)[0]
            assert status in (400, 413), (encoding, status)
        assert daemon.post("/v1/logs", long_value)[0] == 200
        assert daemon.post("/v1/logs", many_keys)[0] == 200
        assert too_large(daemon, bytes(25 * MEBIBYTE)) in (413, "hung up")
        assert post_packed(daemon, b"\x1f\x8b garbage", "gzip")[0] == 400
        assert daemon.post("/v1/logs", counted_logs(10))[0] == 200
        assert daemon.memory() <= limit, daemon.memory()


def too_large(daemon, body):
    try:
        return daemon.post("/v1/logs", body)[0]
    except ConnectionError:  # it does not read what it has refused
        return "hung up"


def every_mistake_of_a_configuration_is_told_at_once():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bad.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("receivers:\n  otlp:\n    protocols:\n      grpcc:\n"
                       "processors:\n  batch:\n    timeout: 5\n    send_batch_sizee: 10\n"
                       "exporters:\n  debugg:\n"
                       "service:\n  pipelines:\n    logs:\n      receivers: [otpl]\n"
                       "      exporters: [debugg]\n")
        result = subprocess.run([SLUICE, "check", "config", path], capture_output=True, text=True,
                                check=False)
        assert result.returncode == 1, result
        told = [line.removeprefix(path + ":") for line in result.stderr.splitlines()]
        places = [line.split(": ")[0] for line in told]
        assert places == ["4:7", "7:14", "8:5", "10:3", "14:19"], told
        for line, part in zip(told, ('"grpc"?', "5s", '"send_batch_size"?', '"debug"?', '"otlp"?')):
            assert part in line, (part, line)
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(pipelines({"debug": None})))
        result = subprocess.run([SLUICE, "check", "config", path], capture_output=True, text=True,
                                check=False)
        assert (result.returncode, result.stderr) == (0, ""), result


def hup_takes_a_valid_configuration_and_keeps_the_old_one_otherwise():
    with tempfile.TemporaryDirectory() as folder:
        first, first_path = file_to(folder)
        second = {"file": {"path": os.path.join(folder, "second.jsonl")}}
        with Daemon(SERVE, pipelines(first)) as daemon:
            daemon.write("exporters: [")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.heard("the old configuration stays")
            assert daemon.post("/v1/logs", json.dumps(LOGS), JSON)[0] == 200
            assert lines_of(first_path) == [LOGS]
            daemon.write(pipelines(second))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.heard("the new configuration runs")
            assert daemon.post("/v1/logs", json.dumps(LOGS), JSON)[0] == 200
            assert lines_of(second["file"]["path"]) == [LOGS]
            assert lines_of(first_path) == [LOGS]


def a_taken_port_is_told_and_ends_the_start():
    with Daemon(SERVE, pipelines({"nop": None})) as daemon:
        config = pipelines({"nop": None})
        config["receivers"]["otlp"] = {"protocols": {
            "http": {"endpoint": f"127.0.0.1:{daemon.ports['HTTP']}"}}}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "config.yaml")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(config, file)
            result = subprocess.run([SLUICE, "serve", "--config", path, "--data", folder],
                                    capture_output=True, text=True, check=False,
                                    timeout=WAIT_SECONDS)
            assert result.returncode == 3, result
            assert str(daemon.ports["HTTP"]) in result.stderr, result


def debug_shows_what_arrives():
    with Daemon(SERVE, pipelines({"debug": {"verbosity": "detailed"}})) as daemon:
        assert daemon.post("/v1/logs", json.dumps(LOGS), JSON)[0] == 200
        lines = daemon.output().splitlines()
        assert lines[0].startswith("debug: 1 log record"), lines
        assert json.loads(lines[1]) == LOGS


def files_are_rotated_by_size():
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        exporters["file"]["rotation"] = {"max_megabytes": 1, "max_backups": 2}
        with Daemon(SERVE, pipelines(exporters)) as daemon:
            for _ in range(20):
                assert daemon.post("/v1/logs", counted_logs(800))[0] == 200
        assert sorted(os.listdir(folder)) == ["out.jsonl", "out.jsonl.1", "out.jsonl.2"]
        assert all(os.path.getsize(os.path.join(folder, name)) < 2_000_000
                   for name in os.listdir(folder))
        assert all(records_in(document) == 800 for document in lines_of(path + ".1"))


def messages_larger_than_a_queue_takes_go_in_halves():
    dead = Sink()
    dead.__exit__()
    message = counted_logs(2000)
    exporters = to_sink(dead, sending_queue={"size_bytes": "1MiB"})
    with Daemon(SERVE, pipelines(exporters)) as daemon:
        assert len(message) > (1 << 20) // 4  # of which a segment has a quarter
        assert daemon.post("/v1/logs", message)[0] == 200
        large = log_request(otlp_bodies.field(5, otlp_bodies.field(1, "x" * 300_000)))
        status, _, body = daemon.post("/v1/logs", large)
        assert (status, b"too large" in body) == (400, True), (status, body)
        with Sink(port=dead.port) as sink:
            until(lambda: sum(body.count(b"http.route") for body in sink.bodies()) == 2000)
            assert len(sink.bodies()) >= 2


def a_queue_lies_where_its_storage_says():
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        exporters = to_sink(sink, sending_queue={"storage": "file_storage/here"})
        config = pipelines(exporters, extensions={"file_storage/here": {"directory": folder}})
        config["service"]["extensions"] = ["file_storage/here"]
        with Daemon(SERVE, config) as daemon:
            assert daemon.post("/v1/logs", counted_logs(1))[0] == 200
            assert os.listdir(folder) == ["otlphttp"]


def the_daemon_watches_itself_and_does_not_feed_on_it():
    with tempfile.TemporaryDirectory() as folder:
        exporters, path = file_to(folder)
        dead = Sink()
        dead.__exit__()
        config = pipelines({**exporters, **to_sink(dead)}, signals=("logs", "metrics"))
        config["receivers"]["selfmon"] = {"interval": "100ms"}
        config["extensions"] = {"health_check": {"endpoint": "127.0.0.1:0"}, "zpages": None}
        config["service"]["extensions"] = ["health_check", "zpages"]
        for pipeline in config["service"]["pipelines"].values():
            pipeline["receivers"] = ["otlp", "selfmon"]
        with Daemon(SERVE, config) as daemon:
            daemon.heard("the extension zpages does nothing here")
            daemon.heard("trying again")
            documents = until(lambda: lines_of(path) if len(lines_of(path)) > 20 else None)
            points = [sum(len(m.get("sum", m.get("gauge"))["dataPoints"])
                          for m in one["resourceMetrics"][0]["scopeMetrics"][0]["metrics"])
                      for one in documents if "resourceMetrics" in one]
            assert len(set(points)) == 1, points  # what it sends does not grow
            logs = [one for one in documents if "resourceLogs" in one]
            assert len(logs) == 1, logs
            assert "trying again" in str(logs[0]), logs
            page = curl(f"http://127.0.0.1:{health_port(daemon)}/metrics")
            assert 'sluice_receiver_accepted_records_total{receiver="selfmon"}' in page, page
            limit = re.search(r"^sluice_memory_limit_bytes (\d+)$", page, re.MULTILINE)
            assert int(limit.group(1)) >= 64 * MEBIBYTE, page
            assert "Server available" in curl(f"http://127.0.0.1:{health_port(daemon)}/healthz")


def health_port(daemon):
    (line,) = [line for line in daemon.lines if "health_check: HTTP on port" in line]
    return int(line.rsplit(" ", 1)[1])


def curl(url):
    return subprocess.run(["curl", "-sS", "--max-time", "60", url], capture_output=True, text=True,
                          check=True).stdout


TESTS = [
    json_that_curl_sends_arrives_as_it_was_sent,
    a_copied_configuration_of_the_collector_runs_unchanged,
    what_passes_through_two_daemons_is_what_was_sent,
    exporters_speak_tls_and_trust_whom_they_are_told_to,
    fields_that_are_not_known_are_passed_on,
    compressed_bodies_are_read,
    what_cannot_be_read_is_refused_for_good_and_says_where,
    an_empty_request_is_fine,
    unread_keys_and_either_form_of_numbers_are_taken,
    a_dead_receiver_costs_disk_and_nothing_is_lost_by_kill_9,
    a_full_queue_is_refused_to_the_sender_and_takes_again,
    what_a_receiver_answers_decides_what_is_sent_again,
    without_a_queue_the_sender_waits_for_the_receiver,
    batches_are_joined_and_cut_to_their_size,
    what_waits_in_a_batch_is_handed_on_when_the_daemon_stops,
    a_stop_under_load_ends_in_time_and_keeps_what_was_acknowledged,
    a_stop_answers_those_who_wait_for_a_receiver_that_says_nothing,
    the_memory_limit_holds_whatever_is_sent,
    in_a_memory_group_of_its_limit_the_daemon_is_not_killed,
    a_slow_receiver_is_waited_for_and_holds_no_memory,
    senders_are_batched_apart_by_their_metadata,
    profiles_of_targets_and_of_the_daemon_go_through_their_pipeline,
    profiles_are_not_sent_where_nobody_takes_them,
    hostile_bodies_are_refused_in_bounded_memory,
    every_mistake_of_a_configuration_is_told_at_once,
    hup_takes_a_valid_configuration_and_keeps_the_old_one_otherwise,
    a_taken_port_is_told_and_ends_the_start,
    debug_shows_what_arrives,
    files_are_rotated_by_size,
    messages_larger_than_a_queue_takes_go_in_halves,
    a_queue_lies_where_its_storage_says,
    the_daemon_watches_itself_and_does_not_feed_on_it,
]

if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
