#!/usr/bin/python3
"""http2_test.py SUBJECT: HTTP/2 as real clients speak it, and as nobody should."""

import os
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from net_subject import WAIT_SECONDS, Subject, read_all  # noqa: E402

SUBJECT = os.path.abspath(sys.argv[1])
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8


def frame(kind, flags, stream, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A field that is not indexed, without Huffman; both are short."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def head(path=b"/", method=b"GET", *more):
    return literal(b":method", method) + literal(b":scheme", b"http") + literal(b":path", path) + \
        literal(b":authority", b"x") + b"".join(literal(*field) for field in more)


START = PREFACE + frame(SETTINGS, 0, 0)


def frames_of(answer):
    """(kind, flags, stream, payload) of all whole frames."""
    found = []
    while len(answer) >= 9:
        size = int.from_bytes(answer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", answer[3:9])
        if len(answer) < 9 + size:
            break
        found.append((kind, flags, stream, answer[9:9 + size]))
        answer = answer[9 + size:]
    return found


def errors_of(answer):
    """Error codes by GOAWAY ("goaway") and by stream."""
    codes = {}
    for kind, _, stream, payload in frames_of(answer):
        if kind == GOAWAY:
            codes["goaway"] = int.from_bytes(payload[4:8], "big")
        elif kind == RST:
            codes[stream] = int.from_bytes(payload, "big")
    return codes


def curl(*words, data=None):
    result = subprocess.run(["curl", "-sS", "--max-time", "60", "--http2-prior-knowledge", *words],
                            input=data, capture_output=True, check=False)
    assert result.returncode == 0, result
    return result.stdout


def curl_gets_and_posts():
    lines = b"".join(b"line %d\n" % i for i in range(100000))
    with Subject(SUBJECT) as subject:
        assert curl(subject.url + "/") == b"hello\n"
        assert curl(subject.url + "/count") == lines
        assert curl(subject.url + "/stream") == lines
        assert len(curl(subject.url + "/large")) == 3 << 20
        assert curl("-w", "%{http_code}", subject.url + "/none") == b"204"
        assert curl("-I", "-o", "/dev/null", "-w", "%{http_code}", subject.url + "/one") == b"200"
        assert curl("-o", "/dev/null", "-w", "%{http_code}", subject.url + "/no") == b"404"
        for size in (0, 1, 16384, 100000, 3000000):
            body = os.urandom(size)
            for path in ("/echo", "/worker-echo"):
                assert curl("--data-binary", "@-", subject.url + path, data=body) == body
        assert subject.stats()["active"] == 0


def a_call_whose_time_is_over_is_told_so_as_grpc_does():
    with Subject(SUBJECT, workers=1) as subject:
        answer = curl("-i", "--data-binary", "@-", "-H", "content-type: application/grpc",
                      "-H", "te: trailers", "-H", "grpc-timeout: 50m",
                      subject.url + "/test.Echo/Wait", data=b"\0\0\0\0\1x")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/2 200") and b"\r\ngrpc-status: 4" in head, answer
        assert body == b"", answer
        subject.heard("work ended: -110")


def both_versions_share_a_port():
    with Subject(SUBJECT) as subject:
        assert curl(subject.url + "/") == b"hello\n"
        answer = subject.ask(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.endswith(b"hello\n")
        with subject.connect() as client:  # the preface byte by byte
            for byte in START:
                client.sendall(bytes([byte]))
            client.sendall(frame(HEADERS, END_STREAM | END_HEADERS, 1, head()))
            answer = b""
            while b"hello\n" not in answer:
                answer += client.recv(4096)


def a_load_of_streams_is_answered():
    with Subject(SUBJECT) as subject:
        result = subprocess.run(
            ["h2load", "-n", "2000", "-c", "4", "-m", "32", subject.url + "/one"],
            capture_output=True, text=True, check=True)
        assert "2000 succeeded, 0 failed" in result.stdout, result.stdout


def a_refused_body_is_not_waited_for():
    with Subject(SUBJECT) as subject, subject.connect() as client:
        client.sendall(START + frame(HEADERS, END_HEADERS, 1, head(b"/small", b"POST")) +
                       frame(DATA, 0, 1, bytes(2000)) + frame(PING, 0, 0, b"12345678"))
        answer = b""
        while not any(kind == PING for kind, _, _, _ in frames_of(answer)):
            answer += client.recv(4096)
        kinds = [(kind, stream) for kind, _, stream, _ in frames_of(answer) if stream == 1]
        while (RST, 1) not in kinds:
            answer += client.recv(4096)
            kinds = [(kind, stream) for kind, _, stream, _ in frames_of(answer) if stream == 1]
        assert kinds == [(HEADERS, 1), (DATA, 1), (RST, 1)], kinds
        assert errors_of(answer) == {1: 0}


def answers_until_reset(client):
    answer = b""
    while 1 not in errors_of(answer):
        piece = client.recv(4096)
        assert piece, frames_of(answer)
        answer += piece
    return answer


def a_body_is_refused_before_it_is_read_or_where_memory_ends():
    refuse = (b"x-refuse", b"yes")
    with Subject(SUBJECT, store=20 << 10) as subject:
        for more, told in (((refuse,), -1), ((refuse, (b"content-length", b"4000")), 4000)):
            with subject.connect() as client:
                client.sendall(START + frame(HEADERS, END_HEADERS, 1,
                                             head(b"/store", b"POST", *more)))
                answer = answers_until_reset(client)
            assert b"429" in answer and errors_of(answer) == {1: 0}, frames_of(answer)
            subject.heard(f"length: {told}")
        for path, code in ((b"/store", b"503"), (b"/plain-store", b"503")):
            with subject.connect() as client:
                client.sendall(START + frame(HEADERS, END_HEADERS, 1, head(path, b"POST")) +
                               frame(DATA, 0, 1, bytes(16384)) * 2)
                answer = answers_until_reset(client)
            assert code in answer and errors_of(answer) == {1: 0}, frames_of(answer)
        assert curl("-d", "small", subject.url + "/store") == b"small"
        assert subject.stats()["shed"] == 2


def a_call_takes_as_much_memory_as_its_message():
    call = head(b"/test.Echo/Store", b"POST", (b"content-type", b"application/grpc"))
    with Subject(SUBJECT) as subject, subject.connect() as client:
        client.sendall(START + frame(HEADERS, END_HEADERS, 1, call) +
                       frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", 100) + bytes(100)))
        answer = b""
        while not any(stream == 1 and flags & END_STREAM
                      for _, flags, stream, _ in frames_of(answer)):
            answer += client.recv(65536)
        subject.tell("drop")
        subject.heard("stored: 128 bytes, 1 bodies")  # 105, as budgets count them


def frames_that_must_not_be_end_the_connection():
    ask = frame(HEADERS, END_STREAM | END_HEADERS, 1, head())
    table = (
        ("settings first", PREFACE + frame(PING, 0, 0, bytes(8))),
        ("settings length", START + frame(SETTINGS, 0, 0, bytes(5))),
        ("settings ack with payload", START + frame(SETTINGS, ACK, 0, bytes(6))),
        ("settings on a stream", START + frame(SETTINGS, 0, 1)),
        ("settings window", START + frame(SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff")),
        ("settings frame size", START + frame(SETTINGS, 0, 0, b"\0\5\0\0\0\1")),
        ("ping length", START + frame(PING, 0, 0, bytes(7))),
        ("ping on a stream", START + frame(PING, 0, 1, bytes(8))),
        ("window of nothing", START + frame(WINDOW, 0, 0, bytes(4))),
        ("window length", START + frame(WINDOW, 0, 0, bytes(3))),
        ("window overflow", START + frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff")),
        ("data on stream 0", START + frame(DATA, 0, 0, b"x")),
        ("data of no stream", START + frame(DATA, 0, 1, b"x")),
        ("headers on stream 0", START + frame(HEADERS, 5, 0, head())),
        ("even stream", START + frame(HEADERS, 5, 2, head())),
        ("reset of no stream", START + frame(RST, 0, 1, bytes(4))),
        ("reset length", START + ask + frame(RST, 0, 1, bytes(3))),
        ("push", START + frame(PUSH, END_HEADERS, 1, bytes(4) + head())),
        ("continuation alone", START + frame(CONTINUATION, END_HEADERS, 1, head())),
        ("something within headers",
         START + frame(HEADERS, 1, 1, head()[:10]) + frame(PING, 0, 0, bytes(8))),
        ("continuation of another",
         START + frame(HEADERS, 1, 1, head()[:10]) + frame(CONTINUATION, 4, 3, head()[10:])),
        ("frame too long", START + frame(DATA, 0, 1, length=16385) + bytes(16385)),
        ("padding too long", START + frame(HEADERS, 5 | PADDED, 1, b"\xff" + head())),
        ("priority on stream 0", START + frame(PRIORITY, 0, 0, bytes(5))),
        ("table index", START + frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\x0f")),
        ("table size", START + frame(HEADERS, 5, 1, b"\x3f\xff\xff\xff\x0f" + head())),
        ("broken Huffman", START + frame(HEADERS, 5, 1, b"\x00\x81\xff\x81\xff")),
    )
    with Subject(SUBJECT) as subject:
        for name, data in table:
            with subject.connect() as client:
                client.sendall(data)
                answer = read_all(client)  # until the server closes
            assert "goaway" in errors_of(answer) or answer == b"", (name, frames_of(answer))
        subject.until(lambda stats: stats["connections"] == 0 and stats["active"] == 0)


def bad_requests_end_their_stream_alone():
    upper = literal(b":method", b"GET") + literal(b":scheme", b"http") + literal(b":path", b"/") + \
        literal(b"Upper", b"case")
    table = (
        ("upper case", upper),
        ("no path", literal(b":method", b"GET") + literal(b":scheme", b"http")),
        ("path twice", head() + literal(b":path", b"/")),
        ("pseudo after others", literal(b"a", b"b") + head()),
        ("unknown pseudo", head() + literal(b":what", b"x")),
        ("connection field", head(b"/", b"GET", (b"connection", b"close"))),
        ("te", head(b"/", b"GET", (b"te", b"gzip"))),
        ("control in a value", head(b"/", b"GET", (b"a", b"b\r\nc: d"))),
        ("empty path", literal(b":method", b"GET") + literal(b":scheme", b"http") +
         literal(b":path", b"") + literal(b":authority", b"x")),
    )
    with Subject(SUBJECT) as subject:
        for name, fields in table:
            with subject.connect() as client:
                client.sendall(START + frame(HEADERS, 5, 1, fields) +
                               frame(HEADERS, 5, 3, head(b"/users/me")))
                answer = b""
                while b"hello\n" not in answer:
                    piece = client.recv(4096)
                    assert piece, (name, frames_of(answer))
                    answer += piece
            statuses = [kind for kind, _, stream, _ in frames_of(answer) if stream == 1]
            assert statuses in ([RST], [HEADERS, DATA]), (name, frames_of(answer))
        answer = subject.ask(START + frame(HEADERS, END_HEADERS, 1, head(
            b"/echo", b"POST", (b"content-length", b"5"))) + frame(DATA, 1, 1, b"toolong"),
            half_close=True)
        assert errors_of(answer).get(1) == 1, frames_of(answer)


def a_bomb_of_headers_costs_what_it_may():
    """One field of 4 KiB into the table, then named 4,000 times in each of many requests."""
    value = b"v" * 4000
    large = b"\x40\x01a\x7f" + bytes([(4000 - 127) & 127 | 128, (4000 - 127) >> 7]) + value
    with Subject(SUBJECT) as subject:
        before = subject.stats()["used"]
        with subject.connect() as client:
            client.sendall(START + frame(HEADERS, 5, 1, head() + large))
            for stream in range(3, 41, 2):
                client.sendall(frame(HEADERS, 5, stream, head() + b"\xbe" * 4000))
            client.sendall(frame(PING, 0, 0, bytes(8)))
            answer = b""
            while not any(kind == PING for kind, _, _, _ in frames_of(answer)):
                piece = client.recv(65536)
                if not piece:
                    break
                answer += piece
        assert b"hello\n" not in b"".join(payload for kind, _, stream, payload in frames_of(answer)
                                          if stream > 1)
        assert subject.stats()["high"] - before < 8 << 20


def a_flood_ends(name, data, times):
    with Subject(SUBJECT) as subject:
        before = subject.stats()["used"]
        with subject.connect() as client:
            client.setblocking(False)
            end = time.monotonic() + WAIT_SECONDS
            sent = 0
            pending = data(0)
            while sent < times:
                _, writable, _ = select.select([], [client], [], 1)
                if not writable:
                    break
                try:
                    count = client.send(pending)
                except (BrokenPipeError, ConnectionResetError):
                    break
                pending = pending[count:]
                if not pending:
                    sent += 1
                    pending = data(sent)
                assert time.monotonic() < end, name
            assert sent < times, (name, sent)
        stats = subject.until(lambda stats: stats["connections"] == 0 and stats["active"] == 0)
        assert stats["high"] - before < 8 << 20, (name, stats)


def resets_are_put_up_with_for_a_while():
    """Fewer than nghttp2 itself would end the connection for."""
    asked = b"".join(frame(HEADERS, 5, 2 * i + 1, head(b"/silence")) +
                     frame(RST, 0, 2 * i + 1, bytes(4)) for i in range(700))
    with Subject(SUBJECT) as subject:
        with subject.connect() as client:
            client.sendall(START + asked[:len(asked) // 7])
            client.sendall(frame(PING, 0, 0, bytes(8)))
            answer = b""
            while not any(kind == PING for kind, _, _, _ in frames_of(answer)):
                answer += client.recv(65536)
            assert "goaway" not in errors_of(answer)
        answer = subject.ask(START + asked)
        assert errors_of(answer)["goaway"] == 11, errors_of(answer)  # ENHANCE_YOUR_CALM


def floods_end():
    def resets(number):
        stream = 2 * number + 1
        return (START if number == 0 else b"") + \
            frame(HEADERS, 5, stream, head(b"/silence")) + frame(RST, 0, stream, bytes(4))

    def continuations(number):
        if number == 0:
            return START + frame(HEADERS, 0, 1, head())
        return frame(CONTINUATION, 0, 1, literal(b"a", b"b") * 2000)

    def pings(number):
        return (START if number == 0 else b"") + frame(PING, 0, 0, bytes(8)) * 1000

    def settings(number):
        return (START if number == 0 else b"") + frame(SETTINGS, 0, 0, b"\0\3\0\0\0\1") * 1000

    a_flood_ends("resets", resets, 20000)
    a_flood_ends("continuations", continuations, 10000)
    a_flood_ends("pings that nobody reads", pings, 10000)
    a_flood_ends("settings that nobody reads", settings, 10000)


def no_more_streams_than_allowed():
    with Subject(SUBJECT, streams=10, requests=100) as subject, subject.connect() as client:
        client.sendall(START + frame(SETTINGS, ACK, 0))
        client.sendall(b"".join(frame(HEADERS, 5, 2 * i + 1, head(b"/silence"))
                                for i in range(30)))
        client.sendall(frame(PING, 0, 0, bytes(8)))
        answer = b""
        while not any(kind == PING for kind, _, _, _ in frames_of(answer)):
            try:
                piece = client.recv(65536)
            except ConnectionResetError:  # it has gone, with what it did not read any more
                break
            if not piece:
                break
            answer += piece
        assert subject.stats()["active"] <= 10
        assert errors_of(answer), frames_of(answer)


def a_handler_hears_that_its_stream_was_reset():
    with Subject(SUBJECT) as subject, subject.connect() as client:
        client.sendall(START)
        for number, (path, heard) in enumerate(((b"/silence", "gone"),
                                                (b"/work", "work ended: -125"))):
            client.sendall(frame(HEADERS, 5, 2 * number + 1, head(path)))
            subject.until(lambda stats: stats["active"] == 1)
            if path == b"/work":
                subject.heard("working")
            client.sendall(frame(RST, 0, 2 * number + 1, bytes([0, 0, 0, 8])))
            subject.heard(heard)
            subject.until(lambda stats: stats["active"] == 0)
        client.sendall(frame(HEADERS, 5, 5, head(b"/silence")) +
                       frame(HEADERS, 5, 7, head(b"/work")))
        subject.until(lambda stats: stats["active"] == 2)
        subject.heard("working", 2)
        client.close()
        subject.heard("gone", 2)
        subject.heard("work ended: -125", 2)
        subject.until(lambda stats: stats["active"] == 0 and stats["connections"] == 0)


def an_answer_that_its_handler_breaks_off_resets_its_stream():
    with Subject(SUBJECT) as subject, subject.connect() as client:
        client.sendall(START + frame(HEADERS, 5, 1, head(b"/count?q=3&broken=1")) +
                       frame(HEADERS, 5, 3, head(b"/count?q=3")))
        subject.until(lambda stats: stats["requests"] == 2 and stats["active"] == 0)
        client.shutdown(socket.SHUT_WR)
        errors = errors_of(read_all(client))
        assert 1 in errors and 3 not in errors, errors


def idle_and_slow_ones_are_closed():
    with Subject(SUBJECT, idle_ms=200, write_ms=300, request_ms=400) as subject:
        assert errors_of(subject.ask(START)) == {"goaway": 0}
        with subject.connect() as client:  # a body that does not come
            client.sendall(START + frame(HEADERS, END_HEADERS, 1, head(b"/echo", b"POST")))
            answer = read_all(client)
            assert b"504" in answer, frames_of(answer)
        with subject.connect() as client:  # reads nothing of much
            grant = struct.pack(">I", 0x7fffffff - 65535)
            client.sendall(PREFACE + frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff") +
                           frame(WINDOW, 0, 0, grant))
            client.sendall(b"".join(frame(HEADERS, 5, 2 * i + 1, head(b"/large"))
                                    for i in range(20)))
            subject.until(lambda stats: stats["connections"] == 0)


def a_stop_says_goodbye_and_finishes():
    with Subject(SUBJECT, grace_ms=20000) as subject, subject.connect() as client:
        client.sendall(START + frame(WINDOW, 0, 0, b"\x0f\0\0\0"))
        client.sendall(frame(HEADERS, 5, 1, head(b"/count?q=1000")))
        subject.until(lambda stats: stats["requests"] == 1)
        subject.process.stdin.close()
        answer = read_all(client)
        assert errors_of(answer)["goaway"] == 0
        assert b"line 999\n" in b"".join(payload for kind, _, _, payload in frames_of(answer)
                                         if kind == DATA)


if __name__ == "__main__":
    sys.exit(tap.run([
        curl_gets_and_posts,
        a_call_whose_time_is_over_is_told_so_as_grpc_does,
        both_versions_share_a_port,
        a_load_of_streams_is_answered,
        a_refused_body_is_not_waited_for,
        a_body_is_refused_before_it_is_read_or_where_memory_ends,
        a_call_takes_as_much_memory_as_its_message,
        frames_that_must_not_be_end_the_connection,
        bad_requests_end_their_stream_alone,
        a_bomb_of_headers_costs_what_it_may,
        resets_are_put_up_with_for_a_while,
        floods_end,
        no_more_streams_than_allowed,
        a_handler_hears_that_its_stream_was_reset,
        an_answer_that_its_handler_breaks_off_resets_its_stream,
        idle_and_slow_ones_are_closed,
        a_stop_says_goodbye_and_finishes,
    ]))
