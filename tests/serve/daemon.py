"""sluice-serve as tests use it: started on free ports, spoken to, stopped, killed."""

import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

WAIT_SECONDS = 60  # for what has to happen, on however slow a machine
PLACE = re.compile(r"OTLP over (gRPC|HTTP) on 127\.0\.0\.1:(\d+)")


def protocols():
    return {"protocols": {name: {"endpoint": "127.0.0.1:0"} for name in ("grpc", "http")}}


def pipelines(exporters, processors=(), **options):
    """A configuration of one receiver, in JSON, which is YAML too."""
    processors = dict(processors)
    pipeline = {"receivers": ["otlp"], "processors": list(processors), "exporters": list(exporters)}
    signals = options.pop("signals", ("traces", "metrics", "logs"))
    return {"receivers": {"otlp": protocols()}, "processors": processors, "exporters": exporters,
            "service": {"pipelines": {signal: pipeline for signal in signals}}, **options}


def quarantined_little():
    """A sanitizer keeps what is freed, 256 MiB by itself, which the daemon's limit has to hold."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {**os.environ, "ASAN_OPTIONS": options + ":quarantine_size_mb=16"}


class Daemon:
    def __init__(self, program, config, *, data=None, enter=None):
        self.folder = tempfile.TemporaryDirectory()
        self.program = program
        self.enter = enter  # called in the daemon's process before it begins
        self.data = data or os.path.join(self.folder.name, "data")
        self.config_path = os.path.join(self.folder.name, "config.yaml")
        self.output_path = os.path.join(self.folder.name, "output")
        self.write(config)
        self.start()

    def write(self, config):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(config if isinstance(config, str) else json.dumps(config, indent=1))

    def start(self):
        self.lines = []
        self.ports = {}
        self.arrived = threading.Condition()
        with open(self.output_path, "ab") as output:
            self.process = subprocess.Popen(
                [self.program, "--config", self.config_path, "--data", self.data],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True,
                env=quarantined_little(), preexec_fn=self.enter)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.heard("sluice-serve: ready")

    def _read(self):
        for line in self.process.stderr:
            with self.arrived:
                place = PLACE.search(line)
                if place:
                    self.ports[place.group(1)] = int(place.group(2))
                self.lines.append(line.rstrip("\n"))
                self.arrived.notify_all()
        with self.arrived:
            self.lines.append("(ended)")
            self.arrived.notify_all()

    def heard(self, part, times=1):
        """Wait until it has told so."""
        def there():
            return sum(part in line for line in self.lines) >= times or "(ended)" in self.lines
        with self.arrived:
            assert self.arrived.wait_for(there, WAIT_SECONDS), (part, self.lines)
            assert sum(part in line for line in self.lines) >= times, (part, self.lines)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            status = self.stop()
            if kind is None:
                assert status == 0, (status, self.lines)
        finally:
            self.folder.cleanup()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.reader.join(WAIT_SECONDS)
        return status

    def kill(self):
        self.process.kill()
        self.process.wait(WAIT_SECONDS)
        self.reader.join(WAIT_SECONDS)

    def post(self, path, body, content_type="application/x-protobuf", **headers):
        """Returns status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["HTTP"],
                                                timeout=WAIT_SECONDS)
        try:
            connection.request("POST", path, body, {"Content-Type": content_type, **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def memory(self, name="VmHWM"):
        """In bytes, from /proc."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        return 0

    def output(self):
        with open(self.output_path, encoding="utf-8") as output:
            return output.read()


def until(what, reason=None):
    """Wait until `what()` is true, and return that."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        threading.Event().wait(0.02)
    raise AssertionError(reason() if reason else what)


def lines_of(path):
    """The documents of a file of JSON lines that are whole."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]
