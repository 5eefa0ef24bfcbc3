#!/usr/bin/python3
"""page_test.py SLUICE_SERVE SCRATCH: the daemon's pages in Chromium, over data of a shop.

Two daemons run, one that a shop has sent to and one that nobody knows. The packages of node are
those of tests/ui, in SCRATCH; screenshots go to SCRATCH/serve-screenshots.
"""

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
sys.path.append(os.path.join(HERE, "..", "ui"))

import shop  # noqa: E402
import ui_test  # noqa: E402
from daemon import until  # noqa: E402
from reading import Keeper, keeping, now_ns  # noqa: E402

PROFILES = os.path.join(HERE, "..", "ui", "data")
PROFILES_MIN = 3


@contextlib.contextmanager
def profiled_program():
    """The place of a program that has a heap profile, one that grows."""
    names = sorted(name for name in os.listdir(PROFILES)
                   if name.startswith("sessions.") and name.endswith(".pb.gz"))
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):  # noqa: N802 (the library's name)
            asked.append(self.path)
            with open(os.path.join(PROFILES, names[min(len(asked), len(names)) - 1]), "rb") as file:
                body = file.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def profiling(endpoint):
    config = keeping()
    config["receivers"]["pprof"] = {
        "interval": "1s", "targets": [{"endpoint": endpoint, "service": "shop"}]}
    config["service"]["pipelines"]["profiles"] = {"receivers": ["pprof"], "exporters": ["store"]}
    return config


def fill_shop(daemon):
    end_ns = now_ns()
    for signal in ("logs", "metrics", "traces"):
        answer = daemon.send(signal, getattr(shop, signal)(end_ns))
        assert not answer.get("partialSuccess"), answer
    until(lambda: len(daemon.get("/api/profiles")["profiles"]) >= PROFILES_MIN)


def run_pages(serve, scratch):
    environment = {
        **os.environ, "UI_MODULES": ui_test.packages(scratch), "UI_CHROMIUM": ui_test.chromium(),
        "UI_SCREENSHOTS": os.path.join(scratch, "serve-screenshots")}
    os.makedirs(environment["UI_SCREENSHOTS"], exist_ok=True)
    with profiled_program() as endpoint, Keeper(serve, profiling(endpoint)) as daemon, \
            Keeper(serve) as empty:
        fill_shop(daemon)
        facts = {name: getattr(shop, name)
                 for name in ("SERVICES", "FAILED_TRACE", "FAILED_LINE", "FAILED_SPANS",
                              "CRITICAL", "LONG_TRACE")}
        return subprocess.call(
            [ui_test.node(), os.path.join(HERE, "page_test.mjs")],
            env={**environment, "UI_PORT": str(daemon.pages()),
                 "SERVE_EMPTY_PORT": str(empty.pages()),
                 "SERVE_OTLP_PORT": str(daemon.ports["HTTP"]), "SERVE_SHOP": json.dumps(facts)})


def main():
    serve, scratch = (os.path.abspath(path) for path in sys.argv[1:])
    os.makedirs(scratch, exist_ok=True)
    try:
        return run_pages(serve, scratch)
    except ui_test.CannotRun as reason:
        print(f"1..0 # skip {reason}")
        return 0


if __name__ == "__main__":
    sys.exit(main())
