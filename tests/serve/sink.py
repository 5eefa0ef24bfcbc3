"""An OTLP/HTTP receiver that does what a test wants: takes, refuses, resets, answers garbage."""

import gzip
import http.server
import socket
import struct
import threading


class Sink:
    """`behave(number)` says what is done with the number-th request:

    a status; (status, headers, body); "reset", "hang up", "silence".
    """

    def __init__(self, behave=lambda number: 200, port=0):
        self.requests = []  # (path, body) of those that were taken
        self.seen = 0
        self.behave = behave
        self.lock = threading.Lock()
        self.released = threading.Event()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802 (the library's name)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                sink.answer(self, body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, handler, body):
        with self.lock:
            number = self.seen
            self.seen += 1
        what = self.behave(number)
        if what == "silence":
            self.released.wait(60)
        if what == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
        if what in ("reset", "hang up", "silence"):
            handler.close_connection = True
            return
        status, headers, text = what if isinstance(what, tuple) else (what, {}, b"")
        if status == 200:
            with self.lock:
                self.requests.append((handler.path, body))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def bodies(self):
        with self.lock:
            return [body for _, body in self.requests]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
