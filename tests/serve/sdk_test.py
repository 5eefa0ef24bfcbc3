#!/usr/bin/python3
"""sdk_test.py SLUICE_SERVE FOLDER: programs with OpenTelemetry's own SDK send to the daemon.

The packages are those of package-lock.json, installed into FOLDER once.
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import npm_packages  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, lines_of, pipelines, until  # noqa: E402
from reading import Keeper  # noqa: E402

SERVE, FOLDER = (os.path.abspath(path) for path in sys.argv[1:3])


def send(daemon, protocol):
    port = daemon.ports["gRPC" if protocol == "grpc" else "HTTP"]
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    result = subprocess.run(["node", os.path.join(HERE, "sdk.mjs"), FOLDER, protocol],
                            env=environment, capture_output=True, text=True, check=False,
                            timeout=120)
    assert (result.returncode, result.stdout) == (0, "sent\n"), result


def check_arrived(path, protocol):
    documents = until(lambda: lines_of(path) if len(lines_of(path)) >= 3 else None,
                      lambda: lines_of(path))
    found = {}
    for document in documents:
        for name, resources in document.items():
            for one in resources:
                attributes = {a["key"]: a["value"] for a in one["resource"]["attributes"]}
                assert attributes["service.name"] == {"stringValue": f"shop-{protocol}"}, attributes
                found.setdefault(name, []).append(one)
    (span,) = found["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["name"] == "place order" and len(span["traceId"]) == 32, span
    assert span["attributes"] == [{"key": "items", "value": {"intValue": "3"}}], span
    assert span["events"][0]["name"] == "paid", span
    metrics = {metric["name"]: metric
               for metric in found["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    (point,) = metrics["orders.placed"]["sum"]["dataPoints"]
    assert float(point.get("asDouble", point.get("asInt"))) == 7, point
    assert metrics["orders.seconds"]["histogram"]["dataPoints"][0]["count"] == "1", metrics
    (record,) = found["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert record["body"] == {"stringValue": "order placed"}, record


def sdk_arrives_by(protocol):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.jsonl")
        config = pipelines({"file": {"path": path}}, {"batch": {"timeout": "50ms"}})
        with Daemon(SERVE, config) as daemon:
            send(daemon, protocol)
            check_arrived(path, protocol)


def what_the_sdk_sent_is_found_in_the_store():
    with Keeper(SERVE) as daemon:
        for protocol in ("grpc", "proto", "http"):
            send(daemon, protocol)
            service = f"shop-{protocol}"
            selector = f'{{service_name="{service}"}}'
            assert daemon.lines_kept(query=selector) == ["order placed"]
            (row,) = daemon.get("/api/search", query=selector)["traces"]
            assert (row["rootServiceName"], row["rootTraceName"]) == (service, "place order"), row
            trace = daemon.get("/api/traces/" + row["traceID"])
            (span,) = trace["resourceSpans"][0]["scopeSpans"][0]["spans"]
            assert span["attributes"] == [{"key": "items", "value": {"intValue": "3"}}], span
            assert span["events"][0]["attributes"][0]["value"] == {"stringValue": "CNY"}, span
            samples = {one["metric"]["__name__"]: one["values"][-1][1] for one in daemon.found(
                "/api/v1/samples", match=f'{{job="{service}"}}')["result"]}
            assert samples["orders_placed_total"] == "7", samples
            assert samples["orders_seconds_count"] == "1", samples
            assert samples["orders_seconds_sum"] == "0.25", samples


def all_signals_of_the_sdk_arrive_by_grpc():
    sdk_arrives_by("grpc")


def all_signals_of_the_sdk_arrive_by_http_and_protobuf():
    sdk_arrives_by("proto")


def all_signals_of_the_sdk_arrive_by_http_and_json():
    sdk_arrives_by("http")


if __name__ == "__main__":
    npm_packages.install(HERE, FOLDER)
    sys.exit(tap.run([all_signals_of_the_sdk_arrive_by_grpc,
                      all_signals_of_the_sdk_arrive_by_http_and_protobuf,
                      all_signals_of_the_sdk_arrive_by_http_and_json,
                      what_the_sdk_sent_is_found_in_the_store]))
