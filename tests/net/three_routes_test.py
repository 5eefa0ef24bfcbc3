#!/usr/bin/python3
"""three_routes_test.py PROGRAM: the example does what it says."""

import re
import socket
import subprocess
import sys
import urllib.request

import tap

PROGRAM = sys.argv[1]
WAIT_SECONDS = 60


def three_routes_answer_and_work_ends_with_its_client():
    process = subprocess.Popen([PROGRAM, ":0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    url, port = re.fullmatch(r"(http://127\.0\.0\.1:(\d+)/)\n", process.stdout.readline()).groups()
    with urllib.request.urlopen(url, timeout=WAIT_SECONDS) as answer:
        assert answer.read() == b"hello\n"
    with urllib.request.urlopen(url + "count", timeout=WAIT_SECONDS) as answer:
        assert answer.read() == b"".join(b"line %d\n" % i for i in range(100000))
    client = socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT_SECONDS)
    client.sendall(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n")
    assert process.stdout.readline() == "working\n"
    client.close()
    assert process.stdout.readline() == "the work ended with -125\n"
    process.stdin.close()
    assert process.wait(WAIT_SECONDS) == 0


if __name__ == "__main__":
    sys.exit(tap.run([three_routes_answer_and_work_ends_with_its_client]))
