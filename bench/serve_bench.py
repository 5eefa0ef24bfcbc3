#!/usr/bin/python3
"""serve_bench.py SLUICE_SERVE: what the daemon takes on one core, and what it holds when its
receiver is dead.

The daemon is pinned to one core and wrk or h2load to another. What the OpenTelemetry Collector does
is recorded: 0.43 M log records/s (JSON), 1,293 MiB with a dead receiver and memory_limiter at
200 MiB, 26 MB idle.
"""

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "harness"), os.path.join(HERE, "..", "tests", "serve"), HERE]

import lines as report  # noqa: E402
import otlp_bodies  # noqa: E402
from daemon import Daemon, pipelines, until  # noqa: E402
from lines import Line  # noqa: E402

MEBIBYTE = 1 << 20
RECORDS = 2000  # of a request
CLIENTS = 32
LARGE_BYTES = 679_000
GOALS = {"logs": 1e9 / 1.2e6, "traces": 1e9 / 600e3, "metrics": 1e9 / 1e6}  # ns a record
NAMES = {"logs": "log record", "traces": "span", "metrics": "data point"}
SERVICES = {"logs": "logs.v1.LogsService", "traces": "trace.v1.TraceService",
            "metrics": "metrics.v1.MetricsService"}
PROCESSORS = {"memory_limiter": {"limit_mib": 200, "spike_limit_mib": 40},
              "resource": {"attributes": [{"key": "env", "value": "bench", "action": "upsert"}]},
              "batch": {"timeout": "1s", "send_batch_size": 1024}}

POST = """local file = io.open(os.getenv("BODY"), "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/x-protobuf"
file:close()
local threads = {}
function setup(thread)
  thread:set("taken", 0)
  thread:set("refused", 0)
  thread:set("wrong", 0)
  table.insert(threads, thread)
end
function response(status, headers)
  if status == 200 then
    taken = taken + 1
  elseif status == 503 and (headers["retry-after"] or headers["Retry-After"]) then
    refused = refused + 1
  else
    wrong = wrong + 1
  end
end
function done()
  local sums = {taken = 0, refused = 0, wrong = 0}
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
  end
  io.write(string.format("taken %d refused %d wrong %d\\n", sums.taken, sums.refused, sums.wrong))
end
"""


class Failed(Exception):
    """A program did not do what it should."""


def pin(pid, core):
    subprocess.run(["taskset", "-apc", str(core), str(pid)], check=True, capture_output=True)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk(options, daemon, path, body, connections, seconds, core=None):
    """Requests taken, refused and wrong."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", options.script,
             f"http://127.0.0.1:{daemon.ports['HTTP']}{path}"]
    if core is not None:
        words = ["taskset", "-c", str(core), *words]
    said = subprocess.run(words, check=True, capture_output=True, text=True,
                          env={**os.environ, "BODY": body}).stdout
    return [int(number) for number in re.search(r"taken (\d+) refused (\d+) wrong (\d+)",
                                                said).groups()]


def h2load(options, daemon, signal, body, seconds, core):
    method = f"/opentelemetry.proto.collector.{SERVICES[signal]}/Export"
    said = subprocess.run(
        ["taskset", "-c", str(core), "h2load", "-t1", "-c8", "-m1", "-D", str(seconds), "-d", body,
         "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"http://127.0.0.1:{daemon.ports['gRPC']}{method}"],
        check=True, capture_output=True, text=True).stdout
    taken, failed = re.search(r"status codes: (\d+) 2xx, \d+ 3xx, (\d+) 4xx", said).groups()
    if int(failed) or not int(taken):
        raise Failed(f"gRPC: {said}")
    return int(taken)


def write(folder, name, content):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def received(options, folder):
    """Records through memory_limiter, resource and batch to nop, all of them counted."""
    first, *_, last = sorted(os.sched_getaffinity(0)) * 2
    found = []
    with Daemon(options.serve, pipelines({"nop": None}, PROCESSORS)) as daemon:
        pin(daemon.process.pid, first)
        for signal, make in otlp_bodies.MAKERS.items():
            message = make(RECORDS)
            body = write(folder, signal, message)
            framed = write(folder, signal + ".grpc",
                           b"\0" + struct.pack(">I", len(message)) + message)
            begun = time.monotonic()
            taken, refused, wrong = wrk(options, daemon, f"/v1/{signal}", body, 8, options.seconds,
                                        last)
            each = (time.monotonic() - begun) / max(1, taken * RECORDS) * 1e9
            if refused or wrong or not taken:
                raise Failed(f"{signal}: {taken} taken, {refused} refused, {wrong} wrong")
            begun = time.monotonic()
            over_grpc = h2load(options, daemon, signal, framed, options.seconds, last)
            grpc_each = (time.monotonic() - begun) / (over_grpc * RECORDS) * 1e9
            found += [
                Line(f"{NAMES[signal]} over HTTP, one core: time", each, "ns", GOALS[signal],
                     "collector, recorded" if signal == "logs" else None,
                     1e9 / 0.43e6 if signal == "logs" else None,
                     more=f"{1e3 / each:.2f} M/s, {len(message) // RECORDS} bytes each"),
                Line(f"{NAMES[signal]} over gRPC beside HTTP: time", grpc_each / each, "times",
                     1 / 0.8)]
        found.append(Line("peak of resident memory meanwhile", daemon.memory() / MEBIBYTE, "MiB"))
    return found


def plain_writes(folder, size):
    """Bytes a second of what a queue does at the least: 1 MiB written and synced, again."""
    path = os.path.join(folder, "plain")
    piece = os.urandom(MEBIBYTE)
    begun = time.monotonic()
    with open(path, "wb", buffering=0) as file:
        for _ in range(size // MEBIBYTE):
            file.write(piece)
            os.fdatasync(file.fileno())
    took = time.monotonic() - begun
    os.unlink(path)
    return size / took


def page_of(port):
    return subprocess.run(["curl", "-sS", f"http://127.0.0.1:{port}/metrics"], check=True,
                          capture_output=True, text=True).stdout


def metric(daemon, name):
    page = page_of(health_port(daemon))
    return sum(int(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\d+)$", page, re.MULTILINE))


def with_health(config):
    config["extensions"] = {"health_check": {"endpoint": "127.0.0.1:0"}}
    config["service"]["extensions"] = ["health_check"]
    return config


def dead_receiver(options, folder):
    """32 clients send large requests for 25 s while the receiver is dead; then it comes back."""
    queue_bytes = (256 if options.quick else 2048) * MEBIBYTE
    seconds = 4 if options.quick else 25
    record_bytes = len(otlp_bodies.logs(RECORDS)) // RECORDS
    count = LARGE_BYTES // record_bytes
    body = write(folder, "large", otlp_bodies.logs(count))
    sink_config = with_health(pipelines({"nop": None}))
    probe = Daemon(options.serve, sink_config)
    port = probe.ports["gRPC"]
    probe.stop()
    exporters = {"otlp": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True},
                          "compression": "none",
                          "sending_queue": {"size_bytes": queue_bytes, "num_consumers": 2},
                          "retry_on_failure": {"initial_interval": "100ms", "max_interval": "1s"}}}
    config = with_health(pipelines(exporters, PROCESSORS))
    plain = plain_writes(folder, min(queue_bytes, 512 * MEBIBYTE))
    with Daemon(options.serve, config) as daemon:
        filling = subprocess.Popen([sys.executable, __file__, "--watch", str(health_port(daemon)),
                                    str(queue_bytes)], stdout=subprocess.PIPE, text=True)
        taken, refused, wrong = wrk(options, daemon, "/v1/logs", body, CLIENTS, seconds)
        rate = float(filling.communicate()[0])
        peak = daemon.memory()
        sink_config["receivers"]["otlp"] = {"protocols": {
            "grpc": {"endpoint": f"127.0.0.1:{port}"}}}
        begun = time.monotonic()
        with Daemon(options.serve, sink_config) as sink:
            until(lambda: metric(daemon, "sluice_exporter_queue_messages") == 0)
            delivered = metric(sink, "sluice_receiver_accepted_records_total")
        drained = time.monotonic() - begun
        probe.folder.cleanup()
        return [
            Line("dead receiver, limit 200 MiB: peak of resident memory", peak / MEBIBYTE, "MiB",
                 200, "collector, recorded", 1293, more=f"{taken} taken, {refused} refused"),
            Line("dead receiver: plain synced writes beside what is taken", plain / rate, "times",
                 1 / 0.8, more=f"{rate / MEBIBYTE:.0f} MiB/s taken until the queue is full"),
            Line("dead receiver: refusals without Retry-After, and others", wrong, "", 0),
            Line("receiver back: acknowledged records that did not arrive",
                 max(0, taken * count - delivered), "", 0, more=f"{drained:.1f} s to drain"),
            Line("receiver back: records that arrived beside acknowledged ones",
                 delivered / max(1, taken * count), "times")]


def health_port(daemon):
    return next(int(line.rsplit(" ", 1)[1]) for line in daemon.lines
                if "health_check: HTTP" in line)


def watch(port, size):
    """Print how many bytes a second the queue grew by until it was nine tenths full."""
    begun = None
    held = 0
    while held < 0.9 * size:
        held = int(re.search(r"^sluice_exporter_queue_bytes{[^}]*} (\d+)$", page_of(port),
                             re.MULTILINE)[1])
        now = time.monotonic()
        if begun is None and held > 0:
            begun, first = now, held
        if begun is not None and now - begun > 60:
            break
    print((held - first) / (now - begun))


def idle(options):
    config = pipelines({"debug": None}, {"memory_limiter": {"limit_mib": 200}})
    config["receivers"]["selfmon"] = None
    config["service"]["pipelines"]["metrics"] = {"receivers": ["otlp", "selfmon"],
                                                 "exporters": ["debug"]}
    with Daemon(options.serve, config) as daemon:
        until(lambda: "data points" in daemon.output())
        return [Line("idle: resident memory", daemon.memory("VmRSS") / 1e6, "MB", 15,
                     "collector, recorded", 26),
                Line("idle: of it anonymous", daemon.memory("RssAnon") / 1e6, "MB", 8)]


def main():
    if sys.argv[1:2] == ["--watch"]:
        watch(int(sys.argv[2]), int(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("serve")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--csv")
    options = parser.parse_args()
    options.seconds = 1 if options.quick else 8
    if shutil.which("wrk") is None or shutil.which("h2load") is None:
        print("serve_bench.py: wrk and h2load are needed: tools/deps test", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        options.script = write(folder, "post.lua", POST.encode())
        try:
            found = idle(options) + received(options, folder) + dead_receiver(options, folder)
        except Failed as error:
            print(f"serve_bench.py: {error}", file=sys.stderr)
            return 1
    if options.csv:
        report.append_csv(options.csv, found)
    if options.json:
        report.print_json(found)
    else:
        report.print_table("serve", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
