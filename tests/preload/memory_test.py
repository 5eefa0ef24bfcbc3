"""The account of memory of real programs: that it adds up, and names who holds what.

memory_test.py LIBRARY HOLDER: the preload library, and a program that holds memory of each kind.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import tap
from preloaded import LISTENING, environment_of, library_path

LIBRARY, HOLDER = (os.path.realpath(path) for path in sys.argv[1:3])
del sys.argv[1:]
WAIT_SECONDS = 60
UNEXPLAINED_PART = 0.02
MIB = 1 << 20
NGINX = """worker_processes 1;
daemon off;
master_process off;
error_log {folder}/errors;
pid {folder}/pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def tool(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        raise tap.Skip(f"{name} is not installed")
    return path


class Watched:
    """A program with its pages; its standard error is read by a thread, so that it never waits."""

    def __init__(self, folder, *command, preload=LIBRARY, stdin=subprocess.DEVNULL, **settings):
        settings = {"OUT": os.path.join(folder, "out"), "LISTEN": "127.0.0.1:0", "EXIT": 0,
                    **settings}
        self.process = subprocess.Popen(command, env=environment_of(preload, settings),
                                        stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.url = None
        for line in self.process.stderr:
            match = re.match(LISTENING, line)
            if match:
                self.url = match.group(1)
                break
        self.reader = threading.Thread(target=self.process.stderr.read)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_SECONDS)
        self.reader.join()
        for stream in (self.process.stdout, self.process.stderr, self.process.stdin):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def ask(self, query="", method="GET", **headers):
        request = urllib.request.Request(self.url + "memory" + query, method=method,
                                         headers=headers)
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
            return answer.read().decode(), answer.headers["Content-Type"]

    def account(self):
        text, kind = self.ask()
        assert kind == "application/json", kind
        return json.loads(text)

    def status(self, name):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"^{name}:\s+(\d+) kB$", file.read(), re.MULTILINE)[1]) << 10


class Accounts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-memory.")
        self.addCleanup(shutil.rmtree, self.folder)

    def check(self, watched):
        """The account adds up, and beside what the kernel says no more is missing than allowed."""
        watched.account() # makes what it needs itself resident
        account = watched.account()
        anonymous = account["anonymous"]
        resident = account["resident"]
        self.assertFalse(account["tables_full"])
        self.assertTrue(account["pages_known"])
        explained = sum(value for name, value in anonymous.items() if name != "unexplained")
        kernel = watched.status("RssAnon")
        print(f"# {watched.process.args[0]}: {anonymous['unexplained']} of "
              f"{resident['anonymous']} bytes unexplained; the kernel says {kernel}, the account "
              f"took {account['took_ns'] // 1000} us")
        self.assertLessEqual(anonymous["unexplained"], UNEXPLAINED_PART * resident["anonymous"])
        self.assertLessEqual(abs(explained - kernel), UNEXPLAINED_PART * kernel)
        self.assertEqual(resident["bytes"], resident["anonymous"] + resident["file"] +
                         resident["shared_memory"])
        return account

    def test_redis_adds_up(self):
        port = str(free_port())
        command = [tool("redis-server"), "--port", port, "--save", "", "--dir", self.folder,
                   "--bind", "127.0.0.1"]
        with Watched(self.folder, *command) as watched:
            while "eady to accept connections" not in watched.process.stdout.readline():
                self.assertIsNone(watched.process.poll())
            load = [tool("redis-benchmark"), "-p", port, "-t", "set,lpush", "-n", "100000", "-r",
                    "100000", "-d", "100", "-P", "16", "-q"]
            subprocess.run(load, check=True, capture_output=True)
            account = self.check(watched)
            self.assertIn(account["allocator"]["name"], ("jemalloc", "glibc"))
            self.assertGreater(account["anonymous"]["heap_in_use"], 5 * MIB)
            names = [stack["name"] for stack in account["stacks"]]
            self.assertIn("redis-server", names)
            self.assertIn("bio_close_file", names)

    def connect(self, watched, port):
        """It listens soon, or ends."""
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                return socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
            self.assertIsNone(watched.process.poll())

    def test_nginx_adds_up(self):
        port = free_port()
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(NGINX.format(folder=self.folder, port=port))
        with (Watched(self.folder, tool("nginx"), "-c", path) as watched,
              contextlib.ExitStack() as open_ones):
            for _ in range(200):
                connection = open_ones.enter_context(self.connect(watched, port))
                connection.sendall(b"GET /nginx.conf HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200"))
            account = self.check(watched)
            self.assertEqual("glibc", account["allocator"]["name"])
            self.assertEqual(0, account["allocator"]["walk"]["heaps_lost"])

    def test_python_adds_up_and_its_arenas_are_named(self):
        code = ("import sys\na = [{'k': i, 'v': str(i) * 5} for i in range(200000)]\n"
                "print('ready', flush=True)\nsys.stdin.read()")
        with Watched(self.folder, "/usr/bin/python3", "-c", code,
                     stdin=subprocess.PIPE) as watched:
            self.assertEqual("ready\n", watched.process.stdout.readline())
            account = self.check(watched)
            self.assertGreater(account["anonymous"]["mapped"], 30 * MIB)
            self.assertRegex(account["mapped_by"][0]["path"], "python")

    def test_chunks_that_were_walked_are_what_libc_counts(self):
        with self.waiting("arenas", RATE="1G") as watched:
            account = self.check(watched)
            stats, walk = account["allocator"], account["allocator"]["walk"]
            self.assertEqual(0, walk["heaps_lost"])
            self.assertGreater(walk["heaps"], 2)
            self.assertGreater(walk["mapped_blocks"], 0)
            self.assertEqual(stats["mapped_in_use"], walk["mapped_blocks"])
            # Blocks in libc's fast lists look as if they were in use; to libc, arenas are in use.
            self.assertEqual(stats["in_use"] + stats["fast_lists"],
                             walk["in_use"] + walk["mapped_blocks"] + walk["metadata"])
            self.assertEqual(stats["free"] - stats["fast_lists"], walk["free"])
            self.assertGreater(walk["thread_caches"], 0)

    def waiting(self, what, **settings):
        watched = Watched(self.folder, HOLDER, what, stdin=subprocess.PIPE, **settings)
        self.assertEqual("ready\n", watched.process.stdout.readline())
        return watched

    def test_a_post_gives_back_what_is_free_and_a_get_does_not(self):
        """Every second of 40,000 blocks of 1 KiB is freed, all but one in 64 of 16,000 of 4 KiB."""
        with self.waiting("fragment") as watched:
            before = watched.account()
            self.assertGreater(before["anonymous"]["heap_free"], 50 * MIB)
            self.assertAlmostEqual(before["anonymous"]["heap_free"],
                                   watched.account()["anonymous"]["heap_free"], delta=MIB)
            with self.assertRaises(urllib.error.HTTPError) as refused:  # a page's in a browser
                watched.ask("?trim=1", "POST", Origin="http://elsewhere")
            self.assertEqual(403, refused.exception.code)
            text, _ = watched.ask("?trim=1", "POST")
            trim = json.loads(text)
            self.assertAlmostEqual(before["anonymous"]["heap_free"],
                                   trim["before"]["anonymous"]["heap_free"], delta=MIB)
            self.assertLess(trim["after"]["anonymous"]["heap_free"], 30 * MIB)
            self.assertGreater(trim["returned"]["anonymous"], 40 * MIB)
            self.assertEqual(trim["before"]["allocator"]["in_use"],
                             trim["after"]["allocator"]["in_use"])
            self.assertGreater(trim["after"]["allocator"]["walk"]["free_returned"], 40 * MIB)
            self.assertLess(self.check(watched)["anonymous"]["heap_free"], 30 * MIB)

    def test_sampled_blocks_are_an_own_term_and_are_given_back(self):
        with self.waiting("fragment", RATE=1, SAMPLES_PER_SECOND_MAX=0) as watched:
            account = self.check(watched)
            self.assertGreater(account["anonymous"]["sampled_in_use"], 20 * MIB)
            free = account["anonymous"]["sampled_free"]
            self.assertGreater(free, 3 * MIB)
            trim = json.loads(watched.ask("?trim=1", "POST")[0])
            self.assertLess(trim["after"]["anonymous"]["sampled_free"], free // 4)

    def test_other_allocators_are_asked_and_give_back(self):
        for name, library in (("jemalloc", "libjemalloc.so.2"),
                              ("tcmalloc", "libtcmalloc_minimal.so.4")):
            with self.subTest(name):
                preload = LIBRARY + ":" + library_path(library)
                with Watched(self.folder, HOLDER, "fragment", preload=preload,
                             stdin=subprocess.PIPE) as watched:
                    self.assertEqual("ready\n", watched.process.stdout.readline())
                    account = self.check(watched)
                    self.assertEqual(name, account["allocator"]["name"])
                    self.assertGreater(account["anonymous"]["heap_in_use"], 15 * MIB)
                    trim = json.loads(watched.ask("?trim=1", "POST")[0])
                    self.assertGreater(trim["returned"]["bytes"], 10 * MIB)

    def test_each_kind_of_mapping_is_somebodys(self):
        with self.waiting("mappings") as watched:
            account = self.check(watched)
            owner = {part["path"]: part for part in account["mapped_by"]}
            self.assertGreaterEqual(owner[HOLDER]["private"], 8 * MIB)
            shared = {part["name"]: part["data"] for part in account["shared_memory"]}
            self.assertEqual([4 * MIB], [size for name, size in shared.items()
                                         if name.startswith("/memfd:subject")])
            stacks = {stack["name"]: stack for stack in account["stacks"]}
            self.assertGreaterEqual(stacks["deep"]["resident"], 2 * MIB)
            self.assertLess(stacks["deep"]["resident"], 3 * MIB)

    def test_text_is_for_people(self):
        with self.waiting("arenas") as watched:
            text, kind = watched.ask("?debug=1")
            self.assertEqual("text/plain; charset=utf-8", kind)
            self.assertRegex(text, r"(?m)^ +\d+ KiB +\d+\.\d%  allocator: blocks in use$")
            self.assertRegex(text, r"(?m)^ +\d+ KiB +100\.0%  all$")
            text, _ = watched.ask("?debug=1&trim=1", "POST")
            self.assertRegex(text, r"(?m)^returned -?\d+ KiB$")

    def test_what_makes_no_sense_is_refused(self):
        with self.waiting("arenas") as watched:
            for query, method, status in (("?trim=1", "GET", 400), ("", "POST", 400),
                                          ("?trim=2", "POST", 400), ("?trim=0", "POST", 400),
                                          ("?trim=x", "POST", 400), ("", "DELETE", 405)):
                with self.subTest(query, method=method):
                    with self.assertRaises(urllib.error.HTTPError) as refused:
                        watched.ask(query, method)
                    self.assertEqual(status, refused.exception.code)
                    refused.exception.close()


if __name__ == "__main__":
    tap.main()
