#!/usr/bin/python3
"""page_server.py ASSETS: serves the built page, and documents of recorded profiles.

Prints its port. Each folder of the URL is a source: /sessions/ and /redis/; /single/ has one moment
and no account, /large/ a million calls, /hostile/ names that are markup; /broken/ fails, /wrong-*/
break the contract. POST /sessions/newer makes the source grow.
"""

import gzip
import http.server
import json
import mimetypes
import os
import sys
import urllib.parse

from documents import load_source, Source

ASSETS = sys.argv[1] if len(sys.argv) > 1 else "."
POLICY = "default-src 'self'"
MARKUP = "<img src=x onerror=alert(1)>"
FILES = ("page.js", "page.css", "icon.svg")


def large_document(nodes_wanted=1_000_000, seed=7):
    """A tree of about a million nodes with many narrow ones, as a large service has."""
    state = seed
    depth, function, own = [], [], []
    waiting = [(0, 1_000_000)]
    while waiting and len(depth) < nodes_wanted:
        level, left = waiting.pop()
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        depth.append(level)
        function.append((state >> 33) % 20000)
        own.append(((state >> 20) % 4096) * 16)
        children = min((state >> 45) % 5 if level > 3 else 30, left)
        if level < 60:
            waiting.extend([(level + 1, left)] * children)
    names = [f"service::module_{i % 97}::function_{i}" for i in range(20000)]
    modules = [f"/usr/lib/libpart{i}.so" for i in range(12)]
    strings = ["", *names, *modules]
    document = load_source("sessions").profile()
    document.update({
        "types": [{"name": "inuse_space", "unit": "bytes"}], "default_type": 0,
        "has": {"source": False, "memory": False, "timeline": False}, "strings": strings,
        "functions": {"name": list(range(1, 20001)), "file": [0] * 20000,
                      "module": [20001 + i % 12 for i in range(20000)], "line": [0] * 20000},
        "nodes": {"depth": depth, "function": function, "self": [own]}})
    return document


class Sources:
    def __init__(self):
        self.known = {"sessions": load_source("sessions"), "redis": load_source("redis")}
        only = load_source("sessions")
        self.known["single"] = Source([only.moments[-1].path])
        self.known["hostile"] = hostile_source()
        self.large = None

    def document(self, name, page, query):
        if name == "large":
            self.large = self.large or json.dumps(large_document()).encode()
            return self.large
        source = self.known["sessions" if name.startswith("wrong-") else name]
        document = getattr(source, page)(**{key: value for key, value in query.items()
                                            if key != "tag"})
        return json.dumps(wronged(document, name)).encode()


def hostile_source():
    source = load_source("sessions")
    for moment in source.moments:
        moment.stacks = [([((MARKUP, MARKUP, MARKUP, 1), 1)] + stack, values, {"age": 90})
                         for stack, values, _ in moment.stacks]
    return source


def wronged(document, name):
    if "nodes" not in document:
        return document
    if name == "wrong-columns":
        document["nodes"]["depth"].append(0)
    elif name == "wrong-depth":
        document["nodes"]["depth"][-1] = 500
    elif name == "wrong-function":
        document["nodes"]["function"][-1] = 99999
    elif name == "wrong-version":
        document["version"] = 2
    return document


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sources = Sources()

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body):
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 1000:
            body = gzip.compress(body, 1)
            encoded = True
        else:
            encoded = False
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        if encoded:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, error, next_step):
        self.answer(status, "application/json",
                    json.dumps({"error": error, "next": next_step}).encode())

    def do_POST(self):
        source = self.sources.known[self.path.split("/")[1]]
        source.live = True
        source.generation += 1
        self.answer(200, "text/plain", b"")

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if parts[-1] in FILES:
            return self.send_asset(parts[-1])
        if url.path.startswith("/api/"):
            return self.send_document(parts[1], dict(urllib.parse.parse_qsl(url.query)))
        return self.send_asset("index.html")

    def send_asset(self, name):
        with open(os.path.join(ASSETS, name), "rb") as file:
            self.answer(200, mimetypes.guess_type(name)[0] or "text/plain", file.read())

    def send_document(self, page, query):
        """Which source it is, the page that asks says: its address begins with it."""
        referrer = urllib.parse.urlsplit(self.headers.get("Referer", ""))
        name = referrer.path.strip("/") or "sessions"
        if name == "broken":
            return self.refuse(503, "profiles/heap.3.pb.gz: 1024: the file ends in a sample",
                               "Record it again, or leave it out.")
        try:
            return self.answer(200, "application/json",
                               self.sources.document(name, page, query))
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            return self.refuse(400, f"{page}: {error!r}", "Look at the parameters.")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
