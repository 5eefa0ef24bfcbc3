"""The subject (subject.c) as tests use it: started, spoken to, asked what it counts, ended."""

import json
import os
import socket
import subprocess
import threading
import time

WAIT_SECONDS = 60  # for what has to happen, on however slow a machine


class Subject:
    def __init__(self, program, *, pass_fds=(), folder=None, **settings):
        words = [f"{name}={value}" for name, value in settings.items()]
        self.process = subprocess.Popen([program, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, pass_fds=pass_fds,
                                        cwd=folder)
        self.lines = []
        self.arrived = threading.Condition()
        first = self.process.stdout.readline()
        assert first.strip().isdigit(), first
        self.port = int(first)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.arrived:
                self.lines.append(line.strip())
                self.arrived.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.end()
        if kind is None:
            assert status == 0, (status, self.lines)

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(WAIT_SECONDS)
        self.reader.join(WAIT_SECONDS)
        return self.process.returncode

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def heard(self, line, times=1):
        """Wait until the subject has printed this line so often."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.lines.count(line) >= times, WAIT_SECONDS), \
                (line, self.lines)

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def stats(self):
        with self.arrived:
            seen = len(self.lines)
            self.tell("stats")
            found = []
            assert self.arrived.wait_for(
                lambda: bool(found.append([line for line in self.lines[seen:]
                                           if line.startswith("{")]) or found[-1]), WAIT_SECONDS)
            return json.loads(found[-1][0])

    def until(self, condition):
        """Ask until the numbers fulfil the condition; returns them."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            stats = self.stats()
            if condition(stats):
                return stats
            assert time.monotonic() < end, stats

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS)

    def ask(self, data, *, half_close=False):
        """All that comes back for these bytes, until the server closes."""
        with self.connect() as client:
            client.sendall(data)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            return read_all(client)


def read_all(client):
    answer = b""
    try:
        while piece := client.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer
