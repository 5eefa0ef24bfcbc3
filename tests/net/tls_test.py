#!/usr/bin/python3
"""tls_test.py SUBJECT: TLS with both versions of HTTP, and a certificate that changes."""

import os
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from net_subject import Subject, read_all  # noqa: E402

SUBJECT = os.path.abspath(sys.argv[1])


def certify(folder, name):
    """A certificate for `name`, signed by itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out",
                    "certificate.pem"], cwd=folder, check=True, capture_output=True)


def curl(folder, subject, path, *words, data=None):
    url = f"https://localhost:{subject.port}{path}"
    result = subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", "certificate.pem",
                             *words, url], cwd=folder, input=data, capture_output=True, check=False)
    assert result.returncode == 0, result
    return result.stdout


def started(folder, **settings):
    certify(folder, "first")
    return Subject(SUBJECT, folder=folder, tls=1, **settings)


def both_versions_are_spoken():
    with tempfile.TemporaryDirectory() as folder, started(folder) as subject:
        for version, shown in (("--http1.1", b"1.1"), ("--http2", b"2")):
            answer = curl(folder, subject, "/", version, "-w", "%{http_version}")
            assert answer == b"hello\n" + shown
            assert len(curl(folder, subject, "/large", version)) == 3 << 20
            assert curl(folder, subject, "/count", version).count(b"\n") == 100000
            body = os.urandom(1000000)
            assert curl(folder, subject, "/echo", version, "--data-binary", "@-",
                        data=body) == body
        for version in ("--tlsv1.2", "--tlsv1.3"):
            assert curl(folder, subject, "/", version, "--tls-max", version[-3:]) == b"hello\n"


def old_versions_and_plain_text_are_refused():
    with tempfile.TemporaryDirectory() as folder, started(folder, header_ms=300) as subject:
        result = subprocess.run(["openssl", "s_client", "-tls1_1", "-cipher",
                                 "DEFAULT:@SECLEVEL=0", "-connect", f"localhost:{subject.port}"],
                                input=b"", capture_output=True, check=False)
        assert result.returncode != 0
        assert b"HTTP/1.1" not in subject.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_all(subject.connect()) == b""  # a client that says nothing is not waited for
        subject.until(lambda stats: stats["connections"] == 0)


def common_name(subject):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with subject.connect() as client, context.wrap_socket(client) as wrapped:
        text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"],
                              input=wrapped.getpeercert(True), capture_output=True, check=True)
        return text.stdout.decode().strip().rsplit("= ", 1)[-1].removeprefix("subject=CN=")


def a_certificate_is_changed_while_connections_go_on():
    with tempfile.TemporaryDirectory() as folder, started(folder) as subject:
        context = ssl.create_default_context(cafile=os.path.join(folder, "certificate.pem"))
        with context.wrap_socket(subject.connect(), server_hostname="localhost") as kept:
            assert common_name(subject) == "first"
            certify(folder, "second")
            assert common_name(subject) == "first"
            subject.tell("reload")
            subject.heard("reloaded: 0")
            assert common_name(subject) == "second"
            with open(os.path.join(folder, "key.pem"), "w", encoding="utf-8") as key:
                key.write("no key")
            subject.tell("reload")
            subject.heard("reloaded: -22")
            assert common_name(subject) == "second"
            kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert read_all(kept).endswith(b"hello\n")


def clients_that_vanish_leave_nothing():
    with tempfile.TemporaryDirectory() as folder, started(folder) as subject:
        curl(folder, subject, "/")
        before = subject.until(lambda stats: stats["connections"] == 0)["used"]
        descriptors = subject.descriptors()
        context = ssl.create_default_context(cafile=os.path.join(folder, "certificate.pem"))
        for number in range(60):
            client = subject.connect()
            if number % 3 == 0:
                client.sendall(b"\x16\x03\x01\x02\x00\x01")
            else:
                client = context.wrap_socket(client, server_hostname="localhost")
                client.sendall(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n"[:number])
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        after = subject.until(lambda stats: stats["connections"] == 0 and stats["active"] == 0)
        assert after["used"] - before <= 64 * 16384
        assert subject.descriptors() == descriptors


if __name__ == "__main__":
    sys.exit(tap.run([
        both_versions_are_spoken,
        old_versions_and_plain_text_are_refused,
        a_certificate_is_changed_while_connections_go_on,
        clients_that_vanish_leave_nothing,
    ]))
