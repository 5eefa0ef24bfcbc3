#!/usr/bin/python3
"""http1_test.py SUBJECT: HTTP/1 as real clients speak it, and as nobody should."""

import gzip
import json
import os
import re
import select
import socket
import subprocess
import sys
import zlib

from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from net_subject import WAIT_SECONDS, Subject, read_all  # noqa: E402

SUBJECT = os.path.abspath(sys.argv[1])
LINES = b"".join(b"line %d\n" % i for i in range(100000))
LARGE = bytes(i % 251 for i in range(251)) * (3 * 1024 * 1024 // 251 + 1)
LARGE = LARGE[:3 * 1024 * 1024]


def curl(*words, data=None):
    result = subprocess.run(["curl", "-sS", "--max-time", "60", *words], input=data,
                            capture_output=True, check=False)
    assert result.returncode == 0, result
    return result.stdout


def status_of(answer):
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(match.group(1)) if match else None


def get(path, *headers, version=b"1.1"):
    return b"\r\n".join([b"GET " + path + b" HTTP/" + version, b"Host: x", *headers, b"", b""])


def curl_gets_whole_streamed_and_large_answers():
    with Subject(SUBJECT) as subject:
        assert curl(subject.url + "/") == b"hello\n"
        assert curl(subject.url + "/count") == LINES
        assert curl(subject.url + "/stream") == LINES
        assert curl(subject.url + "/large") == LARGE
        assert curl("--http1.0", subject.url + "/count") == LINES
        head = curl("-I", subject.url + "/one")
        assert b"Content-Length: 1024\r\n" in head and head.endswith(b"\r\n\r\n")
        assert curl("-w", "%{http_code}", subject.url + "/none") == b"204"


def bodies_of_all_sizes_come_back():
    with Subject(SUBJECT) as subject:
        for size in (0, 1, 1000, 16000, 16384, 20000, 131072, 131073, 1048576, 4 << 20):
            body = os.urandom(size)
            for path in ("/echo", "/worker-echo"):
                for header in ("Expect:", "Expect: 100-continue", "Transfer-Encoding: chunked"):
                    answer = curl("-H", header, "--data-binary", "@-", subject.url + path,
                                  data=body)
                    assert answer == body, (size, path, header)


def another_thread_answers_later():
    with Subject(SUBJECT, requests=3) as subject:
        with subject.connect() as client, subject.connect() as vanished:
            for at in (vanished, client):
                at.sendall(get(b"/held"))
            subject.heard("held", 2)
            vanished.close()
            subject.heard("gone")
            assert subject.stats()["active"] == 2  # the one that is kept lives on
            client.sendall(get(b"/one", b"Connection: close"))  # waits behind the first
            subject.tell("release")
            answer = read_all(client)
            assert answer.count(b"HTTP/1.1 200 ") == 2 and b"hello\n" in answer, answer
        subject.until(lambda stats: stats["active"] == 0)
        load = ["wrk", "-t1", "-c3", "-d1", subject.url + "/posted"]
        result = subprocess.run(load, capture_output=True, text=True, check=True)
        assert "Non-2xx" not in result.stdout and "Socket errors" not in result.stdout, result


def a_time_out_does_not_wait_for_the_other_thread():
    with Subject(SUBJECT, request_ms=50) as subject:
        assert status_of(subject.ask(get(b"/held"))) == 504
        assert subject.stats()["active"] == 1
        subject.tell("release")
        subject.until(lambda stats: stats["active"] == 0)


def a_server_stops_when_what_is_kept_was_posted():
    subject = Subject(SUBJECT, grace_ms=0)
    with subject, subject.connect() as client:
        client.sendall(get(b"/held"))
        subject.heard("held")


def a_compressed_body_is_decoded_within_limits():
    text = b"".join(b"line %d of a text\n" % (i * i) for i in range(20000))
    bomb = gzip.compress(bytes(64 << 20))
    with Subject(SUBJECT) as subject:
        bare = zlib.compressobj(wbits=-15)
        for coding, body in (("gzip", gzip.compress(text)), ("deflate", zlib.compress(text)),
                             ("deflate", bare.compress(text) + bare.flush()),
                             ("zstd", subprocess.run(["zstd", "-c"], input=text, check=True,
                                                     capture_output=True).stdout)):
            answer = curl("-H", "Content-Encoding: " + coding, "--data-binary", "@-",
                          subject.url + "/echo", data=body)
            assert answer == text, coding
        for coding, body, status in (("gzip", bomb, b"413"), ("gzip", b"no gzip", b"400"),
                                     ("br", b"what", b"415"),
                                     ("gzip", gzip.compress(text)[:-5], b"400")):
            answer = curl("-o", "/dev/null", "-w", "%{http_code}", "-H",
                          "Content-Encoding: " + coding, "--data-binary", "@-",
                          subject.url + "/echo", data=body)
            assert answer == status, (coding, answer)


def a_body_outlives_its_request_in_a_budget_of_its_own():
    text = b"".join(b"line %d of a text\n" % (i * i) for i in range(2000))
    ways = ((text, []), (text, ["-H", "Transfer-Encoding: chunked"]), (b"short", []),
            (gzip.compress(text), ["-H", "Content-Encoding: gzip"]),
            (subprocess.run(["zstd", "-c"], input=text, check=True, capture_output=True).stdout,
             ["-H", "Content-Encoding: zstd"]), (b"", []))
    with Subject(SUBJECT) as subject:
        for path in ("/store", "/worker-store"):
            for protocol in ("--http1.1", "--http2-prior-knowledge"):
                for body, words in ways:
                    answer = curl(protocol, *words, "--data-binary", "@-", subject.url + path,
                                  data=body)
                    assert answer == (text if len(body) > 5 else body), (path, protocol, words)
        subject.until(lambda stats: stats["active"] == 0)
        subject.tell("drop")
        subject.tell("drop")
        subject.heard("stored: 0 bytes, 0 bodies")
        kept = [line for line in subject.lines if line.endswith(" 24 bodies")]
        assert len(kept) == 1 and int(kept[0].split()[1]) >= 16 * len(text), subject.lines


def a_body_is_refused_before_it_is_read():
    refuse = b"X-Refuse: yes"
    post = b"POST /store HTTP/1.1\r\nHost: x\r\n" + refuse
    with Subject(SUBJECT) as subject:
        for more, told in ((b"Content-Length: 4000000", 4000000), (b"Content-Length: 0", 0),
                           (b"Content-Length: 4000000\r\nExpect: 100-continue", 4000000),
                           (b"Transfer-Encoding: chunked", -1)):
            with subject.connect() as client:
                client.sendall(post + b"\r\n" + more + b"\r\n\r\n")
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += client.recv(4096)  # though nothing of the body was sent
            assert status_of(answer) == 429 and b"retry-after: 7" in answer.lower(), answer
            subject.heard(f"length: {told}")
        hidden = get(b"/one")  # in the body that is not read
        answer = subject.ask(post + b"\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
        assert answer.count(b"HTTP/1.1") == 1 and status_of(answer) == 429, answer
        subject.tell("drop")
        subject.heard("stored: 0 bytes, 0 bodies")
        small = curl("-H", "X-Refuse: no", "-d", "small", subject.url + "/store")
        assert small == b"small"
        subject.heard("length: 5")


def a_body_beyond_its_budget_is_answered_by_its_route():
    # Eight times the budget, and less than a server reads of what it has refused: who sends more
    # before it reads is reset.
    large, bomb = bytes(512 << 10), gzip.compress(os.urandom(1000) * 100)
    with Subject(SUBJECT, store=64 << 10) as subject:
        for path, retry in (("/store", b"3"), ("/worker-store", b"3"), ("/plain-store", b"1")):
            for body, words in ((large, ["Expect:"]), (large, ["Transfer-Encoding: chunked"]),
                                (bomb, ["Content-Encoding: gzip"])):
                answer = curl("-i", "-H", words[0], "--data-binary", "@-", subject.url + path,
                              data=body)
                assert b"\r\nHTTP/1.1 503" in b"\r\n" + answer, (path, words, answer)
                assert b"\r\nretry-after: " + retry + b"\r\n" in answer.lower(), answer
        assert curl("-d", "small", subject.url + "/store") == b"small"
        assert curl("-d", "small", subject.url + "/echo") == b"small"
        subject.until(lambda stats: stats["active"] == 0)


def what_is_served_is_on_the_meter():
    with Subject(SUBJECT, meter=1, loops=2, header_ms=200) as subject:
        for _ in range(7):
            assert curl(subject.url + "/one") != b""
        curl(subject.url + "/nowhere", "-o", "/dev/null")
        curl(subject.url + "/small", "--data-binary", "x" * 2000, "-o", "/dev/null")
        with subject.connect() as slow:
            slow.sendall(b"GET / HT")
            subject.until(lambda stats: stats["timeouts"] == 1)
        subject.until(lambda stats: stats["connections"] == 0)
        before = len(subject.lines)
        subject.tell("metrics")
        subject.heard("measured")
        page = [line for line in subject.lines[before:] if line != "measured"]
        found = {}
        for family in text_string_to_metric_families("\n".join(page) + "\n"):
            for sample in family.samples:
                found[sample.name, *sorted(sample.labels.values())] = sample.value
        assert found["sluice_net_requests_total", "/one", "2xx"] == 7, found
        assert sum(value for name, value in found.items()
                   if name[0] == "sluice_net_requests_total" and "4xx" in name) == 2, found
        assert found["sluice_net_request_seconds_total", "/one"] > 0, found
        assert found["sluice_net_timeouts",] == 1, found
        assert found["sluice_net_accepted",] == 10, found
        assert found["sluice_net_connections",] == 0, found


def routes_have_parameters_and_constants_win():
    with Subject(SUBJECT) as subject:
        assert curl(subject.url + "/users/7%20?q=a%2Bb+c") == b"7%20||a+b c|0\n"
        assert curl(subject.url + "/users/me") == b"hello\n"
        assert curl(subject.url + "/files/a/b?q=%zz") == b"|a/b|-|-74\n"
        for path, status in (("/users", 404), ("/users/", 404), ("/files", 404), ("//", 404)):
            assert status_of(subject.ask(get(path.encode(), b"Connection: close"))) == status, path
        answer = subject.ask(b"DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status_of(answer) == 405 and b"\r\nallow: GET, HEAD\r\n" in answer


def pipelined_requests_are_answered_in_order():
    with Subject(SUBJECT) as subject:
        asked = b"".join(get(b"/users/%d" % i) for i in range(500))
        answer = subject.ask(asked + get(b"/", b"Connection: close"))
        assert re.findall(rb"\r\n\r\n(\d+)\|", answer) == [b"%d" % i for i in range(500)]
        mixed = get(b"/work-not") + get(b"/count?q=2") + get(b"/stream?q=1") + \
            b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + \
            get(b"/", b"Connection: close")
        answer = subject.ask(mixed)
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"404", b"200", b"200", b"200", b"200"]
        assert answer.endswith(b"hello\n")


def an_answer_that_its_handler_breaks_off_is_not_taken_for_whole():
    with Subject(SUBJECT) as subject:
        whole = subject.ask(get(b"/count?q=3", b"Connection: close"))
        assert status_of(whole) == 200 and whole.endswith(b"0\r\n\r\n"), whole
        for lines in (0, 3, 100000):
            answer = subject.ask(get(b"/count?q=%d&broken=1" % lines))
            assert status_of(answer) in (200, 500), answer[:200]
            assert not answer.endswith(b"0\r\n\r\n"), (lines, answer[-100:])
        assert status_of(answer) == 200 and b"line 100\n" in answer
        with subject.connect() as client:  # without chunks, a reset
            client.sendall(get(b"/count?q=100000&broken=1", version=b"1.0"))
            try:
                while client.recv(65536):
                    pass
            except ConnectionResetError:
                return
            raise AssertionError("the answer ended as if it were whole")


def what_two_servers_could_read_differently_is_refused():
    post = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
    coding = b"Transfer-Encoding: chunked\r\n"
    table = (
        (b"both lengths", post + b"Content-Length: 3\r\n" + coding + b"\r\n0\r\n\r\n", 400),
        (b"length twice", post + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"length list", post + b"Content-Length: 3, 3\r\n\r\nabc", 400),
        (b"length sign", post + b"Content-Length: +3\r\n\r\nabc", 400),
        (b"length hex", post + b"Content-Length: 0x3\r\n\r\nabc", 400),
        (b"length huge", post + b"Content-Length: 18446744073709551616\r\n\r\n", 400),
        (b"length empty", post + b"Content-Length: \r\n\r\n", 400),
        (b"coding unknown", post + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"coding list", post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"coding twice", post + coding + coding + b"\r\n", 400),
        (b"coding vtab", post + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
        (b"coding in 1.0", post.replace(b"1.1", b"1.0") + coding + b"\r\n", 400),
        (b"space before colon", post + b"Content-Length : 3\r\n\r\nabc", 400),
        (b"bare LF", b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"bare LF in fields", b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
        (b"bare CR in a value", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400),
        (b"NUL in a value", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400),
        (b"folded", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
        (b"no colon", b"GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n", 400),
        (b"no name", b"GET / HTTP/1.1\r\nHost: x\r\n: abc\r\n\r\n", 400),
        (b"no host", b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"host twice", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"target space", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"target control", b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"target without slash", b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"no version", b"GET /\r\nHost: x\r\n\r\n", 400),
        (b"version 2", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"version junk", b"GET / HTTP/1.1x\r\nHost: x\r\n\r\n", 400),
        (b"method junk", b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"method unknown", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"expect other", post + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417),
        (b"head too large", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 17000, 431),
        (b"too many fields", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"target too long", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"body too large", post.replace(b"echo", b"small") + b"Content-Length: 1001\r\n\r\n", 413),
        (b"body not wanted", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
        (b"TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    )
    smuggled = b"GET /users/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    with Subject(SUBJECT) as subject:
        for name, data, status in table:
            answer = subject.ask(data + (b"" if name == b"head too large" else smuggled))
            assert status_of(answer) == status, (name, answer)
            assert answer.count(b"HTTP/1.1 ") == 1, (name, answer)


def broken_chunks_are_refused():
    head = b"POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    good = (b"5\r\nhello\r\n0\r\n\r\n", b"05;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
            b"2\r\nhe\r\n3\r\nllo\r\n000\r\n\r\n")
    bad = ((b"g\r\n", 400), (b"\r\n", 400), (b"-1\r\n", 400), (b"5\nhello\r\n0\r\n\r\n", 400),
           (b"5\r\nhello0\r\n\r\n", 400), (b"5\r\nhello\n0\r\n\r\n", 400), (b"0x5\r\nhello", 400),
           (b"5 \r\nhello\r\n0\r\n\r\n", 400), (b"ffffffffffffffffff\r\n", 400),
           (b"5;" + b"x" * 300, 400), (b"3e9\r\n" + b"x" * 1001, 413),
           (b"0\r\n" + b"A: b\r\n" * 1000, 400), (b"0\r\n folded\r\n\r\n", 400))
    with Subject(SUBJECT) as subject:
        for body in good:
            answer = subject.ask(head.replace(b"Host", b"Connection: close\r\nHost") + body)
            assert answer.endswith(b"\r\n\r\nhello"), answer
            for piece in range(1, len(body)):  # wherever the network cuts it
                with subject.connect() as client:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    client.sendall(head.replace(b"Host", b"Connection: close\r\nHost"))
                    client.sendall(body[:piece])
                    client.sendall(body[piece:])
                    assert read_all(client).endswith(b"\r\n\r\nhello")
        for body, status in bad:
            answer = subject.ask(head + body)
            assert status_of(answer) == status, (body[:40], answer)
            assert answer.count(b"HTTP/1.1 ") == 1, (body[:40], answer)


def a_head_may_come_byte_by_byte():
    with Subject(SUBJECT) as subject, subject.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get(b"/users/5", b"Connection: close"):
            client.sendall(bytes([byte]))
        assert read_all(client).endswith(b"5||-|-2\n")


def old_clients_are_answered_as_they_expect():
    with Subject(SUBJECT) as subject:
        answer = subject.ask(b"GET / HTTP/1.0\r\n\r\n")
        assert answer.endswith(b"hello\n") and b"Connection: close" in answer
        answer = subject.ask(b"GET /count?q=3 HTTP/1.0\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nline 0\nline 1\nline 2\n") and b"chunked" not in answer
        answer = subject.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                             b"GET / HTTP/1.0\r\n\r\n")
        assert answer.count(b"hello\n") == 2
        answer = subject.ask(b"\r\nGET http://other/users/3 HTTP/1.1\r\nHost: x\r\n"
                             b"Connection: close\r\n\r\n")
        assert answer.endswith(b"3||-|-2\n")


def a_client_that_has_sent_all_may_say_so():
    with Subject(SUBJECT) as subject:
        answer = subject.ask(get(b"/") + get(b"/large"), half_close=True)
        assert answer.endswith(LARGE)


def a_handler_hears_that_its_client_has_gone():
    with Subject(SUBJECT) as subject:
        before = subject.stats()
        descriptors = subject.descriptors()
        for _ in range(20):
            for path, heard in ((b"/work", "work ended: -125"), (b"/silence", "gone")):
                times = subject.lines.count(heard)
                begun = subject.lines.count("working")
                with subject.connect() as client:
                    client.sendall(get(path))
                    subject.until(lambda stats: stats["active"] == 1)
                    if path == b"/work":
                        subject.heard("working", begun + 1)
                subject.heard(heard, times + 1)
        after = subject.until(lambda stats: stats["active"] == 0 and stats["connections"] == 0)
        assert after["gone"] - before["gone"] == 40
        assert after["used"] - before["used"] <= 64 * 16384 + 16 * 131072  # slabs that are kept
        assert subject.descriptors() == descriptors


def a_full_pool_of_workers_sheds():
    with Subject(SUBJECT, workers=1, queue=1) as subject:
        clients = [subject.connect() for _ in range(6)]
        for client in clients:
            client.sendall(get(b"/work", b"Connection: close"))
        subject.until(lambda stats: stats["shed"] == 4 and stats["active"] == 2)
        answered = set()
        while len(answered) < 4:
            ready, _, _ = select.select(set(clients) - answered, [], [], WAIT_SECONDS)
            for client in ready:
                answer = client.recv(4096)
                assert status_of(answer) == 503 and b"retry-after: 1\r\n" in answer
                answered.add(client)
        for client in clients:
            client.close()
        subject.until(lambda stats: stats["active"] == 0)


def slow_senders_are_closed_in_time():
    with Subject(SUBJECT, header_ms=200, body_ms=200, idle_ms=200) as subject:
        assert subject.ask(b"") == b""
        assert status_of(subject.ask(b"GET / HT")) == 408
        answer = subject.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert status_of(answer) == 408
        answer = subject.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
        assert status_of(answer) == 408
        assert subject.stats()["timeouts"] == 4


def a_handler_that_takes_too_long_is_left():
    with Subject(SUBJECT, request_ms=200) as subject:
        assert status_of(subject.ask(get(b"/silence"))) == 504
        assert status_of(subject.ask(get(b"/work", b"Connection: close"))) == 504
        subject.heard("gone")
        subject.until(lambda stats: stats["active"] == 0)


def a_slow_reader_is_closed_and_holds_no_more_than_its_share():
    with Subject(SUBJECT, write_ms=300, response_max=65536) as subject:
        before = subject.stats()["used"]
        clients = []
        for path in (b"/stream?q=100000000", b"/count?q=100000000"):
            client = subject.connect()
            client.sendall(get(path))
            clients.append(client)
        stats = subject.until(lambda stats: stats["timeouts"] >= 2 and stats["active"] == 0)
        assert stats["high"] - before < 2 << 20, stats  # 64 kept slabs among them
        assert stats["timeouts"] >= 2
        for client in clients:
            client.close()


def a_handler_that_forgets_to_answer_is_answered_for():
    with Subject(SUBJECT) as subject:
        assert status_of(subject.ask(get(b"/forgetful", b"Connection: close"))) == 500


def connections_beyond_the_limits_are_closed():
    with Subject(SUBJECT, connections=3) as subject:
        clients = [subject.connect() for _ in range(3)]
        subject.until(lambda stats: stats["connections"] == 3)
        assert subject.ask(get(b"/")) == b""
        clients.pop().close()
        subject.until(lambda stats: stats["connections"] == 2)
        assert subject.ask(get(b"/", b"Connection: close")).endswith(b"hello\n")
        assert subject.stats()["refused"] == 1
        for client in clients:
            client.close()
    with Subject(SUBJECT, rate=5) as subject:
        answers = [subject.ask(get(b"/", b"Connection: close")) for _ in range(50)]
        refused = subject.stats()["refused"]
        assert 0 < refused < 50 and answers.count(b"") == refused


def memory_that_is_not_there_refuses_bodies_not_the_server():
    with Subject(SUBJECT, budget=3 << 20, connections=50, requests=20) as subject:
        body = os.urandom(4 << 20)
        code = curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:", "--data-binary",
                    "@-", subject.url + "/echo", data=body)
        assert code == b"503", code
        assert curl(subject.url + "/") == b"hello\n"


def secrets_are_asked_for():
    with Subject(SUBJECT, auth=1) as subject:
        def code(*words):
            return curl("-o", "/dev/null", "-w", "%{http_code}", *words)
        assert code(subject.url + "/") == b"401"
        assert code(subject.url + "/open") == b"200"
        for token, status in (("sesame", b"200"), ("second", b"200"), ("sesam", b"401"),
                              ("sesame2", b"401"), ("sesamf", b"401"), ("", b"401")):
            assert code("-H", "Authorization: Bearer " + token, subject.url + "/") == status, token
        assert code("-u", "ann:secret", subject.url + "/") == b"200"
        assert code("-u", "ann:secre", subject.url + "/") == b"401"
        assert code("-H", "Authorization: Basic !!!", subject.url + "/") == b"401"
        answer = subject.ask(get(b"/", b"Connection: close"))
        assert b'www-authenticate: Basic realm="sluice"' in answer


def assets_come_in_parts_compressed_or_not_at_all():
    table = (
        ((), 200, b"hello world"),
        (("If-None-Match: \"v1\"",), 304, b""),
        (("If-None-Match: \"v0\", \"v1\"",), 304, b""),
        (("If-None-Match: \"v0\"",), 200, b"hello world"),
        (("Range: bytes=0-4",), 206, b"hello"),
        (("Range: bytes=6-",), 206, b"world"),
        (("Range: bytes=6-99",), 206, b"world"),
        (("Range: bytes=-5",), 206, b"world"),
        (("Range: bytes=-99",), 206, b"hello world"),
        (("Range: bytes=11-",), 416, b"416 Range Not Satisfiable\n"),
        (("Range: bytes=-0",), 416, b"416 Range Not Satisfiable\n"),
        (("Range: bytes=5-4",), 200, b"hello world"),
        (("Range: bytes=0-1,3-4",), 200, b"hello world"),
        (("Range: bytes=99999999999999999999-",), 200, b"hello world"),
        (("Range: bytes=0-4", "If-Range: \"v1\""), 206, b"hello"),
        (("Range: bytes=0-4", "If-Range: \"v0\""), 200, b"hello world"),
        (("Accept-Encoding: gzip;q=0",), 200, b"hello world"),
        (("Accept-Encoding: br",), 200, b"hello world"),
    )
    with Subject(SUBJECT) as subject:
        for headers, status, body in table:
            words = [word for header in headers for word in ("-H", header)]
            answer = curl(*words, "-w", "|%{http_code}", subject.url + "/asset")
            assert answer == body + b"|%d" % status, (headers, answer)
        packed = curl("-H", "Accept-Encoding: br, gzip", "-i", subject.url + "/asset")
        assert b"content-encoding: gzip" in packed and b"hello" not in packed
        assert curl("--compressed", subject.url + "/asset") == b"hello world"
        part = curl("-i", "-H", "Range: bytes=2-3", subject.url + "/asset")
        assert b"content-range: bytes 2-3/11\r\n" in part


def events_reach_their_reader():
    with Subject(SUBJECT) as subject:
        text = curl("-N", subject.url + "/events")
        event = b"data: first\ndata: second\n\n"
        assert text == event + 2 * (b"event: tick\n" + event), text


def a_stop_finishes_what_is_under_way():
    with Subject(SUBJECT, grace_ms=20000) as subject:
        idle = subject.connect()
        slow = subject.connect()
        slow.sendall(get(b"/count?q=100000"))
        subject.until(lambda stats: stats["active"] == 1)
        subject.process.stdin.close()
        assert read_all(idle) == b""
        answer = read_all(slow)
        assert answer.endswith(b"\r\n0\r\n\r\n") and b"line 99999\n" in answer
    with Subject(SUBJECT, grace_ms=100) as subject:
        client = subject.connect()
        client.sendall(get(b"/work"))
        subject.heard("working")
        subject.process.stdin.close()
        assert read_all(client) == b""
        subject.heard("work ended: -125")


def a_socket_can_be_handed_over():
    listener = socket.create_server(("127.0.0.1", 0))
    with Subject(SUBJECT, fd=listener.fileno(), pass_fds=(listener.fileno(),)) as subject:
        assert subject.port == listener.getsockname()[1]
        assert curl(subject.url + "/") == b"hello\n"
    listener.close()


def clients_that_vanish_leave_nothing():
    with Subject(SUBJECT, loops=2, connections=2000) as subject:
        curl(subject.url + "/")
        paths = (b"/", b"/work", b"/silence", b"/stream?q=1000000", b"/count?q=1000000", b"/large",
                 b"/events")
        before = subject.until(lambda stats: stats["connections"] == 0)
        descriptors = subject.descriptors()
        asked = [get(path) for path in paths]
        asked += [b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + bytes(cut)
                  for cut in (0, 10, 20000, 150000)]
        for number in range(2000):
            client = subject.connect()
            data = asked[number % len(asked)]
            client.sendall(data[:max(1, (number * 7919) % (len(data) + 1))])
            if number % 3 == 0:  # a reset in place of an end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        after = subject.until(lambda stats: stats["active"] == 0 and stats["connections"] == 0)
        assert after["used"] - before["used"] <= 2 * (64 * 16384 + 16 * 131072 + 2 * 1048576)
        assert subject.descriptors() == descriptors


def each_request_has_its_line_in_the_log():
    for combined in (0, 1):
        reader, writer = os.pipe()
        with Subject(SUBJECT, log=writer, combined=combined, pass_fds=(writer,)) as subject:
            curl(subject.url + "/echo", "--data-binary", "@-", "-A", 'a "quoted" one',
                 data=b"12345")
            curl(subject.url + "/no%22\\where")
            curl("--http2-prior-knowledge", subject.url + "/one")
            with subject.connect() as client:
                client.sendall(get(b"/work"))
                subject.heard("working")
            subject.until(lambda stats: stats["active"] == 0)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as log:
            lines = log.read().splitlines()
        assert len(lines) == 4, lines
        if combined:
            assert re.fullmatch(r'127\.0\.0\.1 - - \[../.../....:..:..:.. \+0000\] '
                                r'"POST /echo HTTP/1\.1" 200 5 "-" '
                                r'"a \\x22quoted\\x22 one"', lines[0])
            assert "HTTP/2.0" in lines[2] and '" 499 ' in lines[3]
        else:
            rows = [json.loads(line) for line in lines]
            assert [row["status"] for row in rows] == [200, 404, 200, 499], rows
            assert rows[0]["received_bytes"] == rows[0]["sent_bytes"] == 5
            assert rows[0]["agent"] == 'a "quoted" one' and rows[0]["client"] == "127.0.0.1"
            assert rows[2]["version"] == 2 and rows[2]["sent_bytes"] == 1024


if __name__ == "__main__":
    sys.exit(tap.run([
        curl_gets_whole_streamed_and_large_answers,
        bodies_of_all_sizes_come_back,
        another_thread_answers_later,
        a_time_out_does_not_wait_for_the_other_thread,
        a_server_stops_when_what_is_kept_was_posted,
        a_compressed_body_is_decoded_within_limits,
        a_body_outlives_its_request_in_a_budget_of_its_own,
        a_body_is_refused_before_it_is_read,
        a_body_beyond_its_budget_is_answered_by_its_route,
        routes_have_parameters_and_constants_win,
        what_is_served_is_on_the_meter,
        pipelined_requests_are_answered_in_order,
        an_answer_that_its_handler_breaks_off_is_not_taken_for_whole,
        what_two_servers_could_read_differently_is_refused,
        broken_chunks_are_refused,
        a_head_may_come_byte_by_byte,
        old_clients_are_answered_as_they_expect,
        a_client_that_has_sent_all_may_say_so,
        a_handler_hears_that_its_client_has_gone,
        a_full_pool_of_workers_sheds,
        slow_senders_are_closed_in_time,
        a_handler_that_takes_too_long_is_left,
        a_slow_reader_is_closed_and_holds_no_more_than_its_share,
        a_handler_that_forgets_to_answer_is_answered_for,
        connections_beyond_the_limits_are_closed,
        memory_that_is_not_there_refuses_bodies_not_the_server,
        secrets_are_asked_for,
        assets_come_in_parts_compressed_or_not_at_all,
        events_reach_their_reader,
        a_stop_finishes_what_is_under_way,
        a_socket_can_be_handed_over,
        each_request_has_its_line_in_the_log,
        clients_that_vanish_leave_nothing,
    ]))
