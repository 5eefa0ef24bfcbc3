#!/usr/bin/python3
"""keep_bench.py SLUICE_SERVE STORE_LOAD_DRIVE: what the daemon takes to disk, and the memory that
it has for that, beside VictoriaMetrics where that is installed.

VictoriaMetrics gets the same series and values by Prometheus' remote write, the daemon by OTLP.
Recorded: Prometheus 3.5 holds 200 MB and VictoriaMetrics 100 MB with 100,000 series (scraped);
Prometheus takes 3.15 bytes a sample, VictoriaMetrics 0.49 bytes and 5.0 CPU seconds. Loki,
Prometheus, Tempo, Grafana and a collector hold 480 to 630 MB together while nothing comes.
"""

import argparse
import http.client
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "harness"), os.path.join(HERE, "..", "tests", "serve"), HERE]

import lines as report  # noqa: E402
from daemon import until  # noqa: E402
from lines import Line  # noqa: E402
from reading import Keeper, keeping  # noqa: E402

VICTORIA = "victoria-metrics"
OPEN_SERIES = 100_000
OPEN_STEP = 5  # seconds
OPEN_SECONDS = 70
SAMPLE_SERIES = 5_000
SAMPLE_STEP_MS = 15_000
SAMPLES = 10_000_000
SERIES_EACH = 5_000  # of a body


class Failed(Exception):
    """A program did not do what it should."""


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(rf"^{name}:\s+(\d+) kB$", status.read(), re.MULTILINE)[1]) * 1024


def disk_bytes(folder):
    return sum(os.path.getsize(os.path.join(place, name))
               for place, _, names in os.walk(folder) for name in names)


class Subject:
    """A program that takes bodies at one place, over one connection."""
    path = ""
    headers = {}
    format = ""

    def __init__(self, pid, port):
        self.pid = pid
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, body):
        self.connection.request("POST", self.path, body, self.headers)
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 204) or said:  # a body tells of a part that was refused
            raise Failed(f"{self.path}: {answer.status} {said[:200]}")


class Sluice(Subject):
    path = "/v1/metrics"
    headers = {"Content-Type": "application/x-protobuf"}
    format = "otlp"
    name = "sluice"

    def __init__(self, options):
        self.daemon = Keeper(options.serve, keeping())
        super().__init__(self.daemon.process.pid, self.daemon.ports["HTTP"])

    def close(self):
        self.connection.close()
        if self.daemon.stop() != 0:
            raise Failed("the daemon did not end as it should")
        self.daemon.folder.cleanup()


class Victoria(Subject):
    path = "/api/v1/write"
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
               "X-Prometheus-Remote-Write-Version": "0.1.0"}
    format = "remote-write"
    name = "VictoriaMetrics"

    def __init__(self, _):
        self.folder = tempfile.TemporaryDirectory()
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [VICTORIA, "-httpListenAddr=127.0.0.1:0", f"-storageDataPath={self.folder.name}/data",
             "-loggerLevel=INFO"], stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=self.output)
        super().__init__(self.process.pid, until(self.port))

    def port(self):
        """The one that it listens on, as the system tells."""
        found = subprocess.run(["ss", "-Hltnp"], check=True, capture_output=True, text=True).stdout
        match = re.search(rf"127\.0\.0\.1:(\d+) .*pid={self.process.pid},", found)
        return int(match[1]) if match else None

    def get(self, path):
        self.connection.request("GET", path)
        return self.connection.getresponse().read().decode()

    def settle(self):
        """Let it write and merge what it has."""
        self.get("/internal/force_flush")
        self.get("/internal/force_merge")
        until(lambda: "vm_active_force_merges 0" in self.get("/metrics"))

    def close(self):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.output.close()
        self.folder.cleanup()


def bodies(options, form, series, steps, start_ms, step_ms):
    words = [options.drive, form, str(series), str(steps), str(start_ms), str(step_ms)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as drive:
        while head := drive.stdout.read(4):
            yield drive.stdout.read(struct.unpack("<I", head)[0])
    if drive.returncode != 0:
        raise Failed("store_load_drive")


def idle(options):
    """As it starts by itself: it keeps its own metrics, logs, traces and heap, and shows pages."""
    config = keeping()
    config["receivers"]["selfmon"] = None
    for pipeline in config["service"]["pipelines"].values():
        pipeline["receivers"] = ["otlp", "selfmon"]
    config["service"]["pipelines"]["profiles"] = {"receivers": ["selfmon"],
                                                  "exporters": ["store"]}
    with Keeper(options.serve, config) as daemon:
        until(lambda: daemon.found("/api/v1/labels"))
        until(lambda: daemon.get("/api/profiles", query="{}")["profiles"])
        return Line("idle, with store and pages: resident memory",
                    memory(daemon.process.pid, "VmRSS") / 1e6, "MB", 15,
                    "Loki, Prometheus, Tempo, Grafana and a collector, recorded", 480)


def open_series(options, subject):
    """A point each 5 s of every series, at that pace."""
    series = OPEN_SERIES // (20 if options.quick else 1)
    rounds = 1 if options.quick else OPEN_SECONDS // OPEN_STEP
    begun = time.time()
    sent = bodies(options, subject.format, series, rounds, int(begun * 1000), OPEN_STEP * 1000)
    for number in range(rounds):
        time.sleep(max(0, begun + number * OPEN_STEP - time.time()))
        for _ in range(series // SERIES_EACH):
            subject.send(next(sent))
        print(f"keep_bench: {subject.name}: {(number + 1) * OPEN_STEP} s of {series} series, "
              f"{memory(subject.pid, 'VmRSS') / 1e6:.0f} MB", file=sys.stderr)
    sent.close()
    return memory(subject.pid, "VmRSS"), memory(subject.pid, "VmHWM")


def many_samples(options, subject):
    """As fast as they are taken. Returns the CPU seconds for 10 M."""
    steps = SAMPLES // SAMPLE_SERIES // (100 if options.quick else 1)
    start_ms = int(time.time() * 1000) - steps * SAMPLE_STEP_MS
    before = cpu_seconds(subject.pid)
    for body in bodies(options, subject.format, SAMPLE_SERIES, steps, start_ms, SAMPLE_STEP_MS):
        subject.send(body)
    return (cpu_seconds(subject.pid) - before) * (SAMPLES / (steps * SAMPLE_SERIES)), \
        steps * SAMPLE_SERIES


def subjects():
    yield Sluice
    if shutil.which(VICTORIA):
        yield Victoria
    else:
        print(f"keep_bench: {VICTORIA} is not installed: its figures are left out",
              file=sys.stderr)


def measure(options):
    held, took, kept = {}, {}, {}
    for kind in subjects():
        subject = kind(options)
        held[kind] = open_series(options, subject)
        subject.close()
        subject = kind(options)
        took[kind], samples = many_samples(options, subject)
        if kind is Victoria:
            subject.settle()
            kept[kind] = disk_bytes(subject.folder.name) / samples
        subject.close()
    peers = {}
    if Victoria in held:
        peers = {"peer": Victoria.name}
    found = [
        idle(options),
        Line("100,000 open series, 70 s: resident memory", held[Sluice][0] / 1e6, "MB", 80,
             **peers, **({"peer_value": held[Victoria][0] / 1e6} if peers else {})),
        Line("100,000 open series, 70 s: its peak", held[Sluice][1] / 1e6, "MB", None,
             **peers, **({"peer_value": held[Victoria][1] / 1e6} if peers else {})),
        Line("10 M samples through the daemon: CPU", took[Sluice], "s", 4,
             **peers, **({"peer_value": took[Victoria]} if peers else {}))]
    if peers:
        found.append(Line("VictoriaMetrics: a sample on disk, with its index", kept[Victoria],
                          "bytes", more="sluice's: make bench NAME=store"))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("serve")
    parser.add_argument("drive")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--csv")
    options = parser.parse_args()
    try:
        found = measure(options)
    except Failed as error:
        print(f"keep_bench.py: {error}", file=sys.stderr)
        return 1
    if options.csv:
        report.append_csv(options.csv, found)
    if options.json:
        report.print_json(found)
    else:
        report.print_table("keep", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
