"""OTLP/JSON documents: the shapes of the specification's examples, and all that a field can be."""

ATTRIBUTES = [
    {"key": "string.attribute", "value": {"stringValue": "some string \u00e9\u4e2d\U0001f600"}},
    {"key": "boolean.attribute", "value": {"boolValue": True}},
    {"key": "int.attribute", "value": {"intValue": "-9223372036854775808"}},
    {"key": "double.attribute", "value": {"doubleValue": 637.704}},
    {"key": "bytes.attribute", "value": {"bytesValue": "AAEC/w=="}},
    {"key": "array.attribute", "value": {"arrayValue": {"values": [
        {"stringValue": "many"}, {"intValue": "7"}]}}},
    {"key": "map.attribute", "value": {"kvlistValue": {"values": [
        {"key": "some.map.key", "value": {"stringValue": "some value"}}]}}},
]

RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}],
            "droppedAttributesCount": 3}
SCOPE = {"name": "my.library", "version": "1.0.0", "attributes": ATTRIBUTES[:1]}

LOGS = {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{
    "scope": SCOPE,
    "logRecords": [{
        "timeUnixNano": "1544712660300000000", "severityNumber": 10, "severityText": "Information",
        "body": {"stringValue": "Example log record\n\twith \"quotes\""}, "attributes": ATTRIBUTES,
        "droppedAttributesCount": 1, "flags": 1, "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174", "observedTimeUnixNano": "1544712660300000001",
        "eventName": "an.event"}],
    "schemaUrl": "https://opentelemetry.io/schemas/1.27.0"}]}]}

TRACES = {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{
    "scope": SCOPE,
    "spans": [{
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
        "traceState": "a=b", "parentSpanId": "eee19b7ec3c1b173", "name": "I'm a server span",
        "kind": 2, "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000", "attributes": ATTRIBUTES,
        "droppedAttributesCount": 4,
        "events": [{"timeUnixNano": "1544712660500000000", "name": "an event",
                    "attributes": ATTRIBUTES[:2], "droppedAttributesCount": 1}],
        "droppedEventsCount": 5,
        "links": [{"traceId": "5b8efff798038103d269b633813fc60d", "spanId": "eee19b7ec3c1b175",
                   "traceState": "c=d", "attributes": ATTRIBUTES[:1], "flags": 257}],
        "droppedLinksCount": 6, "status": {"message": "it failed", "code": 2}, "flags": 257}]}]}]}

EXEMPLAR = {"timeUnixNano": "1544712660300000000", "asDouble": 10.5, "spanId": "eee19b7ec3c1b174",
            "traceId": "5b8efff798038103d269b633813fc60c", "filteredAttributes": ATTRIBUTES[:1]}
TIMES = {"startTimeUnixNano": "1544712660300000000", "timeUnixNano": "1544712660400000000"}

METRICS = {"resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"scope": SCOPE, "metrics": [
    {"name": "my.counter", "description": "I am a Counter", "unit": "1", "sum": {
        "dataPoints": [{**TIMES, "asDouble": 5, "exemplars": [EXEMPLAR], "attributes": ATTRIBUTES}],
        "aggregationTemporality": 1, "isMonotonic": True}},
    {"name": "my.cumulative", "sum": {"dataPoints": [{**TIMES, "asInt": "-5"}],
                                      "aggregationTemporality": 2}},
    {"name": "my.gauge", "unit": "1", "gauge": {"dataPoints": [
        {**TIMES, "asDouble": "NaN", "flags": 1}, {**TIMES, "asDouble": "-Infinity"}]}},
    {"name": "my.histogram", "histogram": {"dataPoints": [{
        **TIMES, "count": "2", "sum": 2, "bucketCounts": ["1", "1"], "explicitBounds": [1],
        "exemplars": [EXEMPLAR], "attributes": ATTRIBUTES[:1], "min": 0, "max": 2}],
        "aggregationTemporality": 1}},
    {"name": "my.exponential", "exponentialHistogram": {"dataPoints": [{
        "attributes": ATTRIBUTES[:1], **TIMES, "count": "3", "sum": 10, "scale": -3,
        "zeroCount": "1", "positive": {"offset": 1, "bucketCounts": ["0", "2"]},
        "negative": {"offset": -7, "bucketCounts": ["18446744073709551615"]}, "flags": 1,
        "exemplars": [EXEMPLAR], "min": 0, "max": 5, "zeroThreshold": 0.25}],
        "aggregationTemporality": 2}},
    {"name": "my.summary", "summary": {"dataPoints": [{
        **TIMES, "count": "2", "sum": 2.5, "quantileValues": [{"quantile": 0.99, "value": 2}],
        "attributes": ATTRIBUTES[:1]}]}, "metadata": ATTRIBUTES[:1]}]}]}]}

ALL = {"traces": TRACES, "metrics": METRICS, "logs": LOGS}
