"""A program under the profiler, and its pages."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import urllib.request

# 1,600 samples of 64 MiB on any machine: 0.75 to 1.25 is 12 times the deviation.
SAMPLED = {"SLUICE_HEAP_RATE": "32K", "SLUICE_HEAP_SAMPLES_PER_SECOND_MAX": "0"}
WAIT_SECONDS = 60  # for what has to happen, on however slow a machine


class Watched:
    """A program under `SLUICE heap run --listen`."""

    def __init__(self, sluice, *words, options=(), stdin=subprocess.DEVNULL, **environment):
        self.folder = tempfile.TemporaryDirectory(prefix="http-")
        self.process = subprocess.Popen(
            [sluice, "heap", "run", "--listen", "127.0.0.1:0", *options, "--", *words],
            cwd=self.folder.name, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **SAMPLED, **environment})
        line = self.process.stderr.readline()
        match = re.fullmatch(r"sluice-heap: profiles at (http://127\.0\.0\.1:(\d+)/debug/pprof/)\n",
                             line)
        assert match, line + self.process.stderr.read()
        self.url, self.port = match.group(1), int(match.group(2))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=WAIT_SECONDS)
        self.folder.cleanup()
        return self.process.returncode

    def get(self, page, method="GET"):
        request = urllib.request.Request(self.url + page, method=method)
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
            return answer.read(), answer.headers

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS)

    def ask(self, data):
        """What comes back for these bytes, until the server closes."""
        with self.connect() as client:
            client.sendall(data)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    answer += piece
            return answer
