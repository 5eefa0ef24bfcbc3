#!/usr/bin/python3
"""editors_test.py SLUICE_SERVE: processors that keep, change, drop or refuse records."""

import copy
import hashlib
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import otlp_bodies  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, lines_of, pipelines, until  # noqa: E402
from documents import ALL, LOGS, METRICS, TRACES  # noqa: E402
from sink import Sink  # noqa: E402

SERVE = os.path.abspath(sys.argv[1])
JSON = "application/json"


def through(processors, *documents, signal="logs"):
    """What arrives of each document, and what its sender was told."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out")
        with Daemon(SERVE, pipelines({"file": {"path": path}}, processors)) as daemon:
            told = []
            for document in documents:
                status, _, body = daemon.post(f"/v1/{signal}", json.dumps(document), JSON)
                assert status == 200, body
                told.append(json.loads(body))
            return lines_of(path), told


def mistakes(processors):
    try:
        with Daemon(SERVE, pipelines({"nop": None}, processors)):
            return []
    except AssertionError as error:
        return error.args[0][1]


def record_of(document):
    return document["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]


def attributes_of(holder):
    return {one["key"]: one["value"] for one in holder.get("attributes", [])}


def log(**fields):
    return {"resourceLogs": [{"resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeLogs": [{"logRecords": [fields]}]}]}


def a_processor_that_changes_nothing_passes_the_bytes_on():
    unknown = otlp_bodies.field(99, "unknown")
    message = otlp_bodies.logs(20) + unknown
    processors = {
        "attributes": {"actions": [{"key": "nope", "action": "delete"}]},
        "resource": {"attributes": [{"key": "nope", "value": 1, "action": "update"}]},
        "filter": {"logs": {"log_record": ['body == "nope"']}},
        "transform": {"log_statements": [{"context": "log", "statements": [
            'set(attributes["x"], 1) where severity_text == "nope"']}]}}
    with Sink() as sink, Daemon(SERVE, pipelines({"otlphttp": {"endpoint": sink.url}},
                                                 processors)) as daemon:
        assert daemon.post("/v1/logs", message)[0] == 200
        assert until(sink.bodies) == [message]


def attributes_are_put_taken_hashed_and_converted():
    document = log(attributes=[{"key": "user", "value": {"stringValue": "Ada"}},
                               {"key": "path", "value": {"stringValue": "/users/7?x=1"}},
                               {"key": "count", "value": {"stringValue": "12"}},
                               {"key": "secret.one", "value": {"intValue": "1"}},
                               {"key": "keep", "value": {"boolValue": True}}])
    actions = [{"key": "user", "action": "hash"},
               {"key": "keep", "action": "insert", "value": "not put"},
               {"key": "nope", "action": "update", "value": "not put"},
               {"key": "new", "action": "insert", "value": 1.5},
               {"key": "copy", "action": "upsert", "from_attribute": "keep"},
               {"pattern": "^secret", "action": "delete"},
               {"key": "path", "action": "extract", "pattern": r"^/(?P<area>\w+)/(?P<id>\d+)"},
               {"key": "count", "action": "convert", "converted_type": "int"}]
    (arrived,), _ = through({"attributes": {"actions": actions}}, document)
    assert attributes_of(record_of(arrived)) == {
        "user": {"stringValue": hashlib.sha256(b"Ada").hexdigest()},
        "path": {"stringValue": "/users/7?x=1"}, "count": {"intValue": "12"},
        "keep": {"boolValue": True}, "new": {"doubleValue": 1.5}, "copy": {"boolValue": True},
        "area": {"stringValue": "users"}, "id": {"stringValue": "7"}}, arrived


def resources_get_attributes_also_where_there_was_none():
    bare = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]}
    actions = [{"key": "env", "value": "prod", "action": "upsert"}]
    arrived, _ = through({"resource": {"attributes": actions}}, bare, LOGS)
    assert all(attributes_of(one["resourceLogs"][0]["resource"])["env"] == {"stringValue": "prod"}
               for one in arrived), arrived
    assert record_of(arrived[1]) == record_of(LOGS)


def statements_change_records_in_their_order():
    statements = ['set(attributes["was"], body) where severity_number >= 10',
                  r'replace_pattern(body, "log (\\w+)", "<$1>")',
                  'set(severity_text, "WARN") where IsMatch(body, "^Ex") and '
                  'not (attributes["nope"] != nil)',
                  'keep_keys(attributes, ["was", "int.attribute"])',
                  'set(attributes["id"], trace_id.string)',
                  'set(attributes["service"], resource.attributes["service.name"])',
                  'set(severity_number, SEVERITY_NUMBER_ERROR) where severity_text == "WARN"']
    (arrived,), _ = through({"transform": {"log_statements": [
        {"context": "log", "statements": statements}]}}, LOGS)
    record = record_of(arrived)
    assert record["body"]["stringValue"].startswith("Example <record>"), record
    assert (record["severityText"], record["severityNumber"]) == ("WARN", 17), record
    assert attributes_of(record) == {
        "was": record_of(LOGS)["body"], "id": {"stringValue": record_of(LOGS)["traceId"]},
        "int.attribute": {"intValue": "-9223372036854775808"},
        "service": {"stringValue": "my.service"}}, record


def every_context_has_its_statements():
    spans = [{"context": "resource", "statements": ['set(attributes["r"], 1)']},
             {"context": "scope", "statements": ['set(name, "other")']},
             {"context": "span", "conditions": ["kind == SPAN_KIND_SERVER"], "statements": [
                 'set(status.code, STATUS_CODE_OK)', 'set(status.message, "fine")',
                 'delete_key(attributes, "bytes.attribute")']}]
    (arrived,), _ = through({"transform": {"trace_statements": spans}}, TRACES, signal="traces")
    one = arrived["resourceSpans"][0]
    assert attributes_of(one["resource"])["r"] == {"intValue": "1"}
    assert one["scopeSpans"][0]["scope"]["name"] == "other"
    span = one["scopeSpans"][0]["spans"][0]
    assert span["status"] == {"message": "fine", "code": 1}, span
    assert "bytes.attribute" not in attributes_of(span)
    points = [{"context": "metric", "statements": ['set(unit, "ms") where name == "my.gauge"']},
              {"context": "datapoint", "statements": [
                  'set(attributes["of"], metric.name)', 'set(value_double, 7.5) where '
                  'metric.name == "my.counter"']}]
    (arrived,), _ = through({"transform": {"metric_statements": points}}, METRICS, signal="metrics")
    found = {m["name"]: m for m in arrived["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    assert found["my.gauge"]["unit"] == "ms"
    assert found["my.counter"]["sum"]["dataPoints"][0]["asDouble"] == 7.5
    for name, kind in (("my.histogram", "histogram"), ("my.summary", "summary"),
                       ("my.exponential", "exponentialHistogram")):
        point = found[name][kind]["dataPoints"][0]
        assert attributes_of(point)["of"] == {"stringValue": name}, point


def what_a_filter_finds_is_left_out_and_empty_containers_with_it():
    conditions = {"error_mode": "ignore",
                  "traces": {"span": ['name == "health"', 'attributes["drop"] == true']},
                  "metrics": {"metric": ['name == "my.gauge"'],
                              "datapoint": ['metric.name == "my.summary"']},
                  "logs": {"log_record": ['severity_number < SEVERITY_NUMBER_INFO',
                                          'resource.attributes["service.name"] == "noise"']}}
    arrived, told = through({"filter": conditions}, log(severityNumber=5), log(severityNumber=9))
    assert arrived == [log(severityNumber=9)] and told == [{}, {}]
    (arrived,), _ = through({"filter": conditions}, METRICS, signal="metrics")
    expected = copy.deepcopy(METRICS)
    metrics = expected["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    metrics[:] = [m for m in metrics if m["name"] not in ("my.gauge", "my.summary")]
    assert arrived == expected
    (arrived,), _ = through({"filter": conditions}, TRACES, signal="traces")
    assert arrived == TRACES


def a_share_of_traces_is_kept_and_all_of_each():
    processors = {"probabilistic_sampler": {"sampling_percentage": 25, "hash_seed": 22}}
    ids = [f"{i:032x}" for i in range(1, 801)]
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": one, "spanId": f"{k + 1:016x}"} for one in ids for k in range(2)]}]}]}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": one} for one in ids]}]}]}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out")
        with Daemon(SERVE, pipelines({"file": {"path": path}}, processors)) as daemon:
            assert daemon.post("/v1/traces", json.dumps(spans), JSON)[0] == 200
            assert daemon.post("/v1/logs", json.dumps(logs), JSON)[0] == 200
        first, second = lines_of(path)
    kept = [span["traceId"] for span in first["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    assert 120 <= len(set(kept)) <= 280, len(set(kept))
    assert all(kept.count(one) == 2 for one in set(kept))
    records = second["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert {record["traceId"] for record in records} == set(kept)


def more_than_a_rate_is_refused_to_its_sender_alone():
    other = json.loads(json.dumps(LOGS).replace("my.service", "quiet"))
    arrived, told = through({"ratelimit": {"rate": 1, "burst": 3}}, *[LOGS] * 6, other)
    assert len(arrived) >= 4 and arrived[-1] == other
    refused = [one["partialSuccess"] for one in told if one]
    assert refused and told[-1] == {}
    assert all(one["rejectedLogRecords"] == "1" and "my.service" in one["errorMessage"]
               for one in refused), refused


def points(paths):
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "requests", "gauge": {
        "dataPoints": [{"timeUnixNano": "1", "asDouble": 1, "attributes": [
            {"key": "path", "value": {"stringValue": path}},
            {"key": "method", "value": {"stringValue": "GET"}}]} for path in paths]}}]}]}]}


def points_of(document):
    return document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"]


def series_beyond_a_bound_are_refused_and_the_label_is_named():
    paths = [f"/users/{i}" for i in range(8)]
    bound = {"series_per_metric_max": 5, "series_max": 100}
    (arrived,), (told,) = through({"cardinality": bound}, points(paths), signal="metrics")
    assert len(points_of(arrived)) == 5
    partial = told["partialSuccess"]
    assert partial["rejectedDataPoints"] == "3", partial
    assert '"requests"' in partial["errorMessage"] and '"path"' in partial["errorMessage"], partial

    folded = {**bound, "overflow": "fold"}
    (arrived,), (told,) = through({"cardinality": folded}, points(paths), signal="metrics")
    overflow = [{"key": "otel.metric.overflow", "value": {"boolValue": True}}]
    assert [one["attributes"] == overflow for one in points_of(arrived)] == [False] * 5 + [True] * 3
    assert told["partialSuccess"]["rejectedDataPoints"] == "0", told

    normal = {**bound, "labels": {"path": "path"}}
    (arrived,), (told,) = through({"cardinality": normal}, points(paths), signal="metrics")
    assert told == {} and len(points_of(arrived)) == 8
    assert all(attributes_of(one)["path"] == {"stringValue": "/users/:id"}
               for one in points_of(arrived))


def mistakes_in_statements_have_their_column_and_the_nearest_word():
    statements = ['sett(body, 1)', 'set(bdy, "x")', 'set(attributes, 1)',
                  'set(body, "x") where IsMatch(body, "(")', 'set(resource.attributes["x"], 1)',
                  'delete_key(attributes, "a"', 'set(body, "x") where (' + "(" * 100]
    told = mistakes({"transform": {"log_statements": [
        {"context": "log", "statements": statements}]}})
    expected = [('column 1', '"set"?'), ('column 8', '"body"?'), ('column 15', 'a key is expected'),
                ('column 36', 'missing )'), ('column 29', 'context: resource'),
                ('column 27', '")" is expected'), ('column', 'nested too deeply')]
    for line, parts in zip(told, expected, strict=False):
        assert all(part in line for part in parts), (line, parts)
    assert len(told) == len(expected) + 1, told  # and that it has ended


def all_signals_pass_processors_of_others():
    processors = {"cardinality": None, "probabilistic_sampler": {"sampling_percentage": 100},
                  "filter": {"logs": {"log_record": ["false"]}}}
    for name, document in ALL.items():
        arrived, told = through(processors, document, signal=name)
        assert (arrived, told) == ([document], [{}]), name


TESTS = [
    a_processor_that_changes_nothing_passes_the_bytes_on,
    attributes_are_put_taken_hashed_and_converted,
    resources_get_attributes_also_where_there_was_none,
    statements_change_records_in_their_order,
    every_context_has_its_statements,
    what_a_filter_finds_is_left_out_and_empty_containers_with_it,
    a_share_of_traces_is_kept_and_all_of_each,
    more_than_a_rate_is_refused_to_its_sender_alone,
    series_beyond_a_bound_are_refused_and_the_label_is_named,
    mistakes_in_statements_have_their_column_and_the_nearest_word,
    all_signals_pass_processors_of_others,
]

if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
