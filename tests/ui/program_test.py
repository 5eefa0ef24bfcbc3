#!/usr/bin/python3
"""program_test.py SLUICE: what `sluice heap web` answers, beside a reader of our own."""

import collections
import contextlib
import gzip
import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

import deep_profile
import tap
from documents import HERE, load_source

SLUICE = os.path.abspath(sys.argv[1])
DATA = os.path.join(HERE, "data")
WAIT_SECONDS = 60  # for what has to happen, on however slow a machine


class Web:
    """The program, serving some sources."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            [SLUICE, "heap", "web", "--no-browser", "--source", DATA, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.stderr.read()
        self.port = urllib.parse.urlsplit(self.url).port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=WAIT_SECONDS)

    def ask(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        connection.request(method, path, headers={
            key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def document(self, page, **parameters):
        answer, body = self.ask(f"/api/{page}?{urllib.parse.urlencode(parameters)}")
        assert answer.status == 200, body
        return json.loads(body)


def paths(stem):
    return sorted(os.path.join(DATA, name) for name in os.listdir(DATA)
                  if name.startswith(stem + ".") and name.endswith(".pb.gz"))


def stacks(document):
    """{stack of function names: values}, and whether siblings come with the largest first."""
    names = [document["strings"][at] for at in document["functions"]["name"]]
    nodes = document["nodes"]
    found, path = {}, []
    for node, (depth, function) in enumerate(zip(nodes["depth"], nodes["function"])):
        path[depth:] = [names[function]]
        values = tuple(column[node] for column in nodes["self"])
        if any(values):
            found[tuple(path)] = values
    return found


def totals(document, column):
    nodes = document["nodes"]
    sums = list(nodes["self"][column])
    open_nodes, parents = [], []
    for node, depth in enumerate(nodes["depth"]):
        del open_nodes[depth:]
        parents.append(open_nodes[-1] if open_nodes else None)
        open_nodes.append(node)
    for node in range(len(sums) - 1, -1, -1):
        if parents[node] is not None:
            sums[parents[node]] += sums[node]
    return sums, parents


def functions(document):
    table = document["functions"]
    strings = document["strings"]
    return {tuple(strings[table[key][at]] for key in ("name", "file", "module")) +
            (table["line"][at],) for at in range(len(table["line"]))}


def sums_by_function(document, column):
    """By name: what a function holds itself, and with all it calls, once for each stack."""
    own, total = collections.Counter(), collections.Counter()
    for stack, values in stacks(document).items():
        own[stack[-1]] += values[column]
        for name in set(stack):
            total[name] += values[column]
    return own, total


def some_paths(document):
    """Every tenth node: the program's numbers of its functions, and their names."""
    table, strings = document["functions"], document["strings"]
    open_nodes = []
    for node, (depth, of) in enumerate(zip(*(document["nodes"][key]
                                             for key in ("depth", "function")))):
        open_nodes[depth:] = [of]
        if node % 10 == 0:
            yield ([table["entry"][at] for at in open_nodes],
                   tuple(strings[table["name"][at]] for at in open_nodes))


@contextlib.contextmanager
def growing_source():
    """An HTTP server that has one profile more at each request, and an account of memory."""
    shown = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.path.endswith("/memory"):
                body = json.dumps({"resident": {"bytes": 1000 + len(shown)}, "anonymous": {}})
                body = body.encode()
            else:
                shown.append(self.path)
                path = paths("sessions")[min(len(shown), 6) - 1]
                with open(path, "rb") as file:
                    body = file.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/debug/pprof/heap"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Documents(unittest.TestCase):
    maxDiff = 2000

    def test_profiles_are_what_another_reader_says(self):
        for stem in ("sessions", "redis"):
            with Web(*paths(stem)) as web:
                model = load_source(stem)
                for at in range(len(model.moments)):
                    found, wanted = web.document("profile", at=at), model.profile(at)
                    self.assertEqual(stacks(found), stacks(wanted))
                    self.assertEqual(functions(found), functions(wanted))
                    for key in ("types", "default_type", "time_ms", "duration_ms", "period",
                                "program", "at", "cut"):
                        self.assertEqual(found[key], wanted[key], key)

    def test_below_a_stack_is_all_that_it_holds(self):
        with Web(*paths("redis")) as web:
            for page, query in (("profile", {"at": 5}), ("diff", {"a": 0, "b": 5})):
                whole = web.document(page, **query)
                for path, names in some_paths(whole):
                    part = web.document(page, below=".".join(map(str, path)), **query)
                    wanted = {stack: values for stack, values in stacks(whole).items()
                              if stack[:len(names)] == names}
                    self.assertEqual(stacks(part), wanted)
                    self.assertTrue(functions(part) <= functions(whole))

    def test_functions_have_what_another_reader_says(self):
        for stem in ("sessions", "redis"):
            with Web(*paths(stem)) as web:
                model = load_source(stem)
                for query, whole in (({"at": 5}, model.profile(5)),
                                     ({"a": 0, "b": 5}, model.diff(0, 5))):
                    found = web.document("functions", **query)
                    names = [found["strings"][at] for at in found["functions"]["name"]]
                    for column in range(len(whole["nodes"]["self"])):
                        own, total = sums_by_function(whole, column)
                        for at, name in enumerate(names):
                            self.assertEqual(found["self"][column][at], own[name], name)
                            self.assertEqual(found["total"][column][at], total[name], name)
                        self.assertTrue(set(total) <= set(names))

    def test_what_is_left_out_of_all_is_there_below(self):
        with tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
            deep_profile.write(file.name)
            with Web(file.name) as web:
                whole = web.document("profile")
                self.assertEqual(whole["cut"], 130)
                names = [whole["strings"][at] for at in whole["functions"]["name"]]
                self.assertNotIn("leaf_0_0", names)
                path = [whole["functions"]["entry"][names.index(name)]
                        for name in ("main", "small")]
                part = web.document("profile", below=".".join(map(str, path)))
                wanted = {stack: size for stack, size in deep_profile.samples(0)
                          if stack[1] == "small" and stack[2] != "tiny"}
                found = {stack: values[1] for stack, values in stacks(part).items()}
                specks = found.pop(("main", "small", "tiny"))
                self.assertEqual(found, wanted)
                self.assertEqual(specks, sum(3 + leaf for leaf in range(10)))
                self.assertEqual(part["cut"], 10)

    def test_siblings_come_with_the_largest_first(self):
        with Web(*paths("redis")) as web:
            document = web.document("profile")
            sums, parents = totals(document, document["default_type"])
            last = {}
            for node, parent in enumerate(parents):
                self.assertLessEqual(sums[node], last.get(parent, float("inf")))
                last[parent] = sums[node]

    def test_two_moments_are_in_one_tree_with_their_variance(self):
        for stem in ("sessions", "redis"):
            with Web(*paths(stem)) as web:
                found, wanted = web.document("diff", a=0, b=5), load_source(stem).diff(0, 5)
                self.assertEqual(stacks(found), stacks(wanted))
                self.assertEqual((found["a"], found["b"]), (0, 5))
                sums = [sum(one["nodes"]["variance"]) for one in (found, wanted)]
                self.assertAlmostEqual(sums[0] / sums[1], 1, places=2)

    def test_a_timeline_has_each_sites_bytes_and_rates(self):
        with Web(*paths("sessions")) as web:
            found, wanted = web.document("timeline"), load_source("sessions").timeline()
            self.assertEqual(found["total"], wanted["total"])
            rows = [{name: (live, rate) for name, live, rate in zip(
                one["sites"]["name"], one["live"], one["rate"])} for one in (found, wanted)]
            for name, (live, rate) in rows[1].items():
                self.assertEqual(rows[0][name][0], live)
                self.assertIsNone(rows[0][name][1][0])
                for first, second in zip(rows[0][name][1][1:], rate[1:]):
                    self.assertAlmostEqual(first / second, 1, places=2)

    def test_source_has_each_lines_figures(self):
        with Web(*paths("sessions")) as web:
            model = load_source("sessions")
            for name in ("session_open", "handle_request", "main"):
                found = web.document("source", name=name, file="././sessions.c")
                wanted = model.source(name, "././sessions.c")
                self.assertIsNone(found["problem"])
                self.assertEqual(found["lines"], wanted["lines"])
                with open(os.path.join(DATA, "sessions.c"), encoding="utf-8") as file:
                    text = file.read().splitlines()
                first = found["first"]
                self.assertEqual(found["text"], text[first - 1:first - 1 + len(found["text"])])

    def test_source_that_is_not_there_is_a_problem_and_figures(self):
        with Web(*paths("redis")) as web:
            found = web.document("source", name="__libc_start_call_main",
                                 file="./csu/../sysdeps/nptl/libc_start_call_main.h")
            self.assertIn("No such file", found["problem"])
            self.assertEqual(found["text"], [])
            self.assertTrue(found["lines"]["line"])

    def test_only_files_that_the_profile_names_are_opened(self):
        with Web(*paths("sessions")) as web:
            answer, body = web.ask("/api/source?name=main&file=%2Fetc%2Fpasswd")
            self.assertEqual(answer.status, 400)
            self.assertNotIn(b"root:", body)

    def test_a_live_source_grows_while_the_page_asks(self):
        with growing_source() as url, Web("--every", "1s", url) as web:
            first = web.document("profile")
            self.assertTrue(first["live"] and first["has"]["memory"])
            while web.document("state")["generation"] < first["generation"] + 2:
                pass
            self.assertGreaterEqual(len(web.document("profile")["moments"]["id"]), 3)
            resident = web.document("timeline")["resident"]
            self.assertEqual(resident[:3], [1001, 1002, 1003])
            self.assertIn("resident", web.document("memory")["account"])


class Server(unittest.TestCase):
    def test_a_page_that_is_known_is_not_sent_again(self):
        with Web(paths("redis")[0]) as web:
            answer, body = web.ask("/page.js", Accept_Encoding="gzip")
            self.assertEqual(answer.getheader("Content-Security-Policy").split(";")[0],
                             "default-src 'self'")
            self.assertIn(b"flame", gzip.decompress(body))
            again, none = web.ask("/page.js", Accept_Encoding="gzip",
                                  If_None_Match=answer.getheader("ETag"))
            self.assertEqual((again.status, none), (304, b""))
            head, none = web.ask("/page.js", method="HEAD", Accept_Encoding="gzip")
            self.assertEqual(int(head.getheader("Content-Length")), len(body))
            self.assertEqual(none, b"")

    def test_names_that_lead_here_from_elsewhere_are_refused(self):
        with Web(paths("redis")[0]) as web:
            for host, status in (("evil.example", 403), ("127.evil.example", 403), ("", 403),
                                 ("localhost:80", 200), ("127.0.0.1", 200), ("[::1]:9", 200)):
                self.assertEqual(web.ask("/api/state", Host=host)[0].status, status, host)

    def test_what_is_wrong_is_said(self):
        with Web(paths("redis")[0]) as web:
            for path, status in (("/api/profile?at=1", 400), ("/api/profile?at=x", 400),
                                 ("/api/profile?at=%zz", 400), ("/api/diff?a=0&b=0&type=none", 400),
                                 ("/api/profile?tag=(", 400), ("/api/profile?below=x", 400),
                                 ("/api/profile?below=1.", 400), ("/api/profile?below=1,2", 400),
                                 ("/api/profile?below=99999999999", 400),
                                 ("/api/profile?below=-1", 400),
                                 ("/api/functions?at=9", 400), ("/api/functions?a=9&b=0", 400),
                                 ("/api/source", 400),
                                 ("/api/source?name=none", 400), ("/api/memory", 404),
                                 ("/api/none", 404), ("/none", 404)):
                answer, body = web.ask(path)
                self.assertEqual(answer.status, status, path)
                self.assertTrue(json.loads(body)["error"], path)
            self.assertEqual(web.ask("/api/state", method="POST")[0].status, 405)

    def test_connections_that_say_nothing_hold_nobody_up(self):
        with Web(paths("redis")[0]) as web, contextlib.ExitStack() as stack:
            for _ in range(100):
                silent = stack.enter_context(socket.create_connection(("127.0.0.1", web.port)))
                silent.sendall(b"GET /")
            self.assertEqual(web.document("state")["version"], 1)

    def test_what_is_no_request_is_refused(self):
        with Web(paths("redis")[0]) as web:
            for text in (b"nonsense\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n",
                         b"GET http://x/ HTTP/1.1\r\n\r\n", b"GET /\0 HTTP/1.1\r\n\r\n",
                         b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                         b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2000):
                with socket.create_connection(("127.0.0.1", web.port)) as client:
                    client.sendall(text)
                    self.assertRegex(client.recv(100), rb"^HTTP/1.1 4\d\d ", text[:40])

    def test_addresses_that_others_reach_are_refused(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:80", "localhost:x", "127.0.0.1:70000"):
            done = subprocess.run([SLUICE, "heap", "web", "--no-browser", "--listen", address,
                                   paths("redis")[0]], capture_output=True, text=True, check=False,
                                  timeout=WAIT_SECONDS)
            self.assertEqual(done.returncode, 3)
            self.assertIn("a loopback address and a port", done.stderr)


if __name__ == "__main__":
    tap.main()
