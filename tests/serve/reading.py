"""What the daemon keeps, asked for over HTTP as docs/http-api.md has it."""

import http.client
import json
import re
import time
import urllib.parse

from daemon import WAIT_SECONDS, Daemon, pipelines

JSON = "application/json"
PAGES = re.compile(r"pages on http://127\.0\.0\.1:(\d+)/")


def keeping(**store):
    """A configuration that keeps all that comes."""
    return pipelines({"store": {"retention": "0s", **store}},
                     extensions={"web": {"endpoint": "127.0.0.1:0"}})


class Keeper(Daemon):
    """A daemon with a store and pages."""

    def __init__(self, program, config=None, **options):
        super().__init__(program, config or keeping(), **options)

    def write(self, config):
        super().write({**config, "service": {**config["service"], "extensions": ["web"]}})

    def pages(self):
        found = [PAGES.search(line) for line in self.lines]
        return int([one for one in found if one][-1].group(1))

    def ask(self, path, headers=None, **parameters):
        """Returns status, headers and body."""
        parameters = {name.replace("match", "match[]"): value
                      for name, value in parameters.items()}
        query = urllib.parse.urlencode(parameters)
        connection = http.client.HTTPConnection("127.0.0.1", self.pages(), timeout=WAIT_SECONDS)
        try:
            connection.request("GET", path + ("?" + query if query else ""), headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def submit(self, path, form):
        """Ask by a form in the body. Returns status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.pages(), timeout=WAIT_SECONDS)
        try:
            connection.request("POST", path, form,
                               {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **parameters):
        status, _, body = self.ask(path, **parameters)
        assert status == 200, (path, parameters, status, body)
        return json.loads(body)

    def found(self, path, **parameters):
        return self.get(path, **parameters)["data"]

    def refusal(self, path, **parameters):
        status, _, body = self.ask(path, **parameters)
        return status, json.loads(body)["error"]

    def events(self, path, **parameters):
        status, _, body = self.ask(path, **parameters)
        assert status == 200, (status, body)
        return events_of(body.decode())

    def lines_kept(self, **parameters):
        """The lines of logs, in the order that they are answered."""
        return [row["line"] for kind, row in self.events("/api/logs", start="0", limit="5000",
                                                         **parameters) if kind == "row"]

    def every_line(self, **parameters):
        """All lines of logs, however many: one page after another, each from the last time on."""
        lines, start = set(), 0
        while True:
            *rows, (kind, end) = self.events("/api/logs", direction="forward", limit="5000",
                                             start=rfc3339(start), **parameters)
            assert kind == "end", (kind, end)
            lines.update(row["line"] for _, row in rows)
            last = int(rows[-1][1]["time_ns"]) if rows else start
            if not end["truncated"]:
                return lines
            assert last > start, "more lines of one time than a page has"
            start = last

    def send(self, signal, document):
        """Returns the answer, of a request that was taken."""
        status, _, body = self.post(f"/v1/{signal}", json.dumps(document), JSON)
        assert status == 200, (status, body)
        return json.loads(body)


def events_of(text):
    """[(type, document)] of server-sent events."""
    found = []
    for event in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
        if "data" in fields:
            found.append((fields.get("event"), json.loads(fields["data"])))
    return found


def attributes(**values):
    return [{"key": key.replace("__", "."), "value": {"stringValue": str(value)}}
            for key, value in values.items()]


def rfc3339(time_ns):
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09}Z"


def now_ns():
    return time.time_ns()


def log_lines(lines, service="shop", times=None, **record):
    """A request with a record for each line."""
    times = times or [now_ns() + at for at in range(len(lines))]
    return {"resourceLogs": [{
        "resource": {"attributes": attributes(service__name=service)},
        "scopeLogs": [{"scope": {"name": "logger"}, "logRecords": [
            {"timeUnixNano": str(moment), "body": {"stringValue": line}, **record}
            for line, moment in zip(lines, times)]}]}]}


def spans(trace, names, service="shop", start=None, duration_ns=5_000_000, **span):
    start = start or now_ns()
    return {"resourceSpans": [{
        "resource": {"attributes": attributes(service__name=service)},
        "scopeSpans": [{"scope": {"name": "tracer"}, "spans": [
            {"traceId": trace, "spanId": f"{at + 1:016x}",
             "parentSpanId": "" if at == 0 else f"{1:016x}", "name": name, "kind": 2,
             "startTimeUnixNano": str(start + at * 1000),
             "endTimeUnixNano": str(start + at * 1000 + duration_ns), **span}
            for at, name in enumerate(names)]}]}]}


def gauge(name, values, service="shop", labels=None, start=None, step_ns=1_000_000_000):
    """A point for each value, the last one now."""
    start = start or now_ns() - (len(values) - 1) * step_ns
    return {"resourceMetrics": [{
        "resource": {"attributes": attributes(service__name=service)},
        "scopeMetrics": [{"scope": {"name": "meter"}, "metrics": [{"name": name, "gauge": {
            "dataPoints": [{"timeUnixNano": str(start + at * step_ns), "asDouble": value,
                            "attributes": attributes(**(labels or {}))}
                           for at, value in enumerate(values)]}}]}]}]}
