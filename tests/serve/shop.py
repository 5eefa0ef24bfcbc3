"""What a shop of three services sends in twenty minutes: lines, series, traces, and a fault.

All of it follows from the moment that it ends at; there is no chance in it.
"""

from reading import attributes

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
SPAN_MINUTES = 20
SERVICES = ("cart", "payment", "shop")
FAILED_TRACE = "5b8efff798038103d269b633813fc60c"
FAILED_LINE = "card 4 of customer 17 declined by the bank"

# Of the trace that fails: service, name, parent, begin and end in milliseconds, whether it failed.
FAILED_SPANS = (
    ("shop", "POST /checkout", None, 0, 120, True),
    ("cart", "reserve", 0, 4, 40, False),
    ("cart", "SELECT stock", 1, 8, 36, False),
    ("shop", "write audit", 0, 10, 30, False),
    ("payment", "charge", 0, 44, 116, True),
    ("payment", "ask the bank", 4, 50, 110, True),
)
# What it waits for: the audit was over before the cart had answered.
CRITICAL = ("POST /checkout", "reserve", "SELECT stock", "charge", "ask the bank")
LONG_TRACE = "77777777" + 24 * "0"
LONG_SPANS = 150


def resource(service):
    return {"attributes": attributes(service__name=service, service__version="1.4.2")}


def logs(end_ns):
    """A line each two seconds of each service; the fault's line ten minutes before the end."""
    found = []
    for service in SERVICES:
        records = [line(end_ns - at * 2 * SECOND_NS, service, at)
                   for at in range(SPAN_MINUTES * 30, 0, -1)]
        if service == "payment":
            at = len(records) // 2
            records.insert(at, {
                **line(int(records[at]["timeUnixNano"]) - 1, service, 0), "severityText": "ERROR",
                "severityNumber": 17, "body": {"stringValue": FAILED_LINE},
                "traceId": FAILED_TRACE, "spanId": span_id(FAILED_TRACE, 5),
                "attributes": attributes(card=4, customer=17)})
        found.append({"resource": resource(service), "scopeLogs": [
            {"scope": {"name": f"{service}.requests"}, "logRecords": records}]})
    return {"resourceLogs": found}


def line(time_ns, service, at):
    is_slow = at % 29 == 0
    return {"timeUnixNano": str(time_ns), "severityText": "WARN" if is_slow else "INFO",
            "severityNumber": 13 if is_slow else 9,
            "attributes": attributes(customer=at % 40),
            "body": {"stringValue": f"{service} answered request {at} of customer {at % 40} in "
                                    f"{at * 7 % 90 + (900 if is_slow else 3)} ms"}}


def point(time_ns, **values):
    return {"startTimeUnixNano": "1000000000", "timeUnixNano": str(time_ns), **values}


def metrics(end_ns):
    """Queues that swing and requests that are counted, each fifteen seconds."""
    found = []
    for number, service in enumerate(SERVICES):
        times = [(at, end_ns - (SPAN_MINUTES * 4 - 1 - at) * 15 * SECOND_NS)
                 for at in range(SPAN_MINUTES * 4)]
        depth = [point(time_ns, asInt=str(number * 10 + at * (number + 2) % 17),
                       attributes=attributes(queue=queue))
                 for at, time_ns in times for queue in ("mail", "orders")]
        requests = [point(time_ns, asInt=str((at + 1) * 45 * (number + 1)),
                          attributes=attributes(method="GET")) for at, time_ns in times]
        took = [point(time_ns, count=str(20 * (at + 1)), sum=130.0 * (at + 1), scale=2,
                      positive={"offset": 8, "bucketCounts": [str(10 * (at + 1)), "0", "0", "0",
                                                              str(10 * (at + 1))]})
                for at, time_ns in times]
        found.append({"resource": resource(service), "scopeMetrics": [
            {"scope": {"name": "meter"}, "metrics": [
                {"name": "took", "description": "From request to answer", "unit": "s",
                 "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": took}},
                {"name": "queue.depth", "description": "Messages that wait", "unit": "{message}",
                 "gauge": {"dataPoints": depth}},
                {"name": "requests", "description": "Requests that were answered",
                 "sum": {"aggregationTemporality": 2, "isMonotonic": True,
                         "dataPoints": requests}}]}]})
    return {"resourceMetrics": found}


def span_id(trace, at):
    return f"{int(trace[:8], 16) + at:016x}"


def trace_spans(trace, begin_ns, rows):
    """{service: spans} of rows as FAILED_SPANS has them."""
    found = {}
    for at, (service, name, parent, begin_ms, end_ms, is_error) in enumerate(rows):
        found.setdefault(service, []).append({
            "traceId": trace, "spanId": span_id(trace, at), "name": name, "kind": 2,
            "parentSpanId": "" if parent is None else span_id(trace, parent),
            "startTimeUnixNano": str(begin_ns + begin_ms * 1_000_000),
            "endTimeUnixNano": str(begin_ns + end_ms * 1_000_000),
            "attributes": attributes(customer=17),
            "events": [{"timeUnixNano": str(begin_ns + begin_ms * 1_000_000 + 1000),
                        "name": "begun"}],
            "status": {"code": 2, "message": "declined by the bank"} if is_error else {}})
    return found


def traces(end_ns):
    """A trace each half minute, and the one that fails, ten minutes before the end."""
    spans = {}
    for at in range(SPAN_MINUTES * 2):
        rows = [(service, name, parent, begin, end + at * 3 % 50 if parent is None else end, False)
                for service, name, parent, begin, end, _ in FAILED_SPANS[:3]]
        rows[0] = (*rows[0][:1], "GET /basket", *rows[0][2:])
        more = trace_spans(f"{at + 1:08x}{at + 1:024x}",
                           end_ns - (SPAN_MINUTES * 2 - at) * 30 * SECOND_NS, rows)
        for service, these in more.items():
            spans.setdefault(service, []).extend(these)
    failed = trace_spans(FAILED_TRACE, end_ns - 10 * MINUTE_NS, FAILED_SPANS)
    long_rows = [("cart", "empty", None, 0, 10 * LONG_SPANS, False)] + [
        ("cart", f"DELETE {at}", 0, 10 * at, 10 * at + 8, False) for at in range(1, LONG_SPANS)]
    for these_spans in (failed, trace_spans(LONG_TRACE, end_ns - 15 * MINUTE_NS, long_rows)):
        for service, these in these_spans.items():
            spans.setdefault(service, []).extend(these)
    return {"resourceSpans": [
        {"resource": resource(service), "scopeSpans": [{
            "scope": {"name": "tracer"},
            "spans": sorted(these, key=lambda span: int(span["startTimeUnixNano"]))}]}
        for service, these in sorted(spans.items())]}
