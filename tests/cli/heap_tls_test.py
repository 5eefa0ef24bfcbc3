#!/usr/bin/python3
"""heap_tls_test.py SLUICE CAPSULE: profiles behind https, with certificates that are good or not.

The capsule is of a program that leaks.
"""

import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading

import tap

SLUICE, CAPSULE = (os.path.abspath(path) for path in sys.argv[1:3])
PAGE = "/debug/pprof/heap"

with tarfile.open(CAPSULE) as parts:
    PROFILES = [parts.extractfile(part).read() for part in parts if "heap" in part.name]


def certificate(folder, name):
    """A certificate that is its own authority, for a name or an address."""
    paths = [os.path.join(folder, f"{name}.{kind}") for kind in ("pem", "key")]
    kind = "IP" if name[0].isdigit() else "DNS"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName={kind}:{name}", "-keyout", paths[1], "-out",
                    paths[0]], check=True, capture_output=True)
    return paths


class Server:
    """Serves profiles, one after another, and takes what is posted, over TLS."""

    def __init__(self, name):
        self.folder = tempfile.TemporaryDirectory()
        self.authority, key = certificate(self.folder.name, name)
        self.posted = []
        self.is_posted = threading.Event()
        self.served = 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the library's name)
                self.answer(server.next_profile() if self.path.split("?")[0] == PAGE else None)

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.posted.append((self.headers["Content-Type"], body))
                server.is_posted.set()
                self.answer(b"ok" if self.path == "/hook" else None)

            def answer(self, body):
                body, status = (body, 200) if body is not None else (b"nothing", 404)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client that does not trust it hangs up
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"

    def next_profile(self):
        self.served += 1
        return PROFILES[min(self.served, len(PROFILES)) - 1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.folder.cleanup()


def sluice(*words, authority=None):
    environment = {key: value for key, value in os.environ.items() if key != "SSL_CERT_FILE"}
    if authority is not None:
        environment["SSL_CERT_FILE"] = authority
    return subprocess.run([SLUICE, "heap", *words], capture_output=True, text=True, check=False,
                          timeout=60, env=environment)


def profile_behind_a_good_certificate_is_read():
    with Server("127.0.0.1") as server, tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
        for number, url in enumerate((server.url, server.url + "/", server.url + PAGE)):
            file.seek(0)
            file.write(PROFILES[number])
            file.truncate()
            file.flush()
            wanted = sluice("top", "--json", file.name)
            found = sluice("top", "--json", url, authority=server.authority)
            assert found.returncode == 0, found
            rows = json.loads(found.stdout)["rows"]
            assert rows and rows == json.loads(wanted.stdout)["rows"]


def certificate_of_nobody_or_of_another_name_is_refused():
    with Server("127.0.0.1") as server, Server("example.org") as other:
        for url, authority in ((server.url, None), (server.url, other.authority),
                               (other.url, other.authority), (server.url, "/no/such/file")):
            found = sluice("top", url, authority=authority)
            assert found.returncode == 3 and found.stdout == "", found
            assert "not trusted" in found.stderr and "SSL_CERT_FILE" in found.stderr, found


def what_is_not_there_is_told():
    with Server("127.0.0.1") as server:
        found = sluice("top", server.url + "/debug/pprof/nothing", authority=server.authority)
        assert found.returncode == 3 and "has no page" in found.stderr, found
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = sluice("top", f"https://127.0.0.1:{port}")
    assert found.returncode == 3 and "nobody listens" in found.stderr, found


def verdicts_are_posted_behind_tls():
    with Server("127.0.0.1") as server:
        with subprocess.Popen([SLUICE, "heap", "watch", "--every", "200ms", "--json", "--no-gc",
                               "--webhook", server.url + "/hook", server.url],
                              stdout=subprocess.DEVNULL,
                              env={**os.environ, "SSL_CERT_FILE": server.authority}) as watch:
            assert server.is_posted.wait(60)
            watch.terminate()
        kind, body = server.posted[0]
        assert kind == "application/json", kind
        assert json.loads(body)["verdicts"][0]["pattern"] not in ("healthy", "undetermined"), body


if __name__ == "__main__":
    sys.exit(tap.run([
        profile_behind_a_good_certificate_is_read,
        certificate_of_nobody_or_of_another_name_is_refused,
        what_is_not_there_is_told,
        verdicts_are_posted_behind_tls,
    ]))
