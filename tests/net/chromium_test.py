#!/usr/bin/python3
"""chromium_test.py SUBJECT: server-sent events and WebSocket as a real browser sees them."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from net_subject import WAIT_SECONDS, Subject  # noqa: E402

SUBJECT = os.path.abspath(sys.argv[1])

# What the page saw is posted to who served it.
PAGE = """<!doctype html><script>
const tell = (what) => fetch("/told", {method: "POST", body: JSON.stringify(what)});
const events = new Promise((done) => {
  const seen = [];
  const source = new EventSource("http://127.0.0.1:PORT/events");
  source.onmessage = (event) => seen.push(["message", event.data]);
  source.addEventListener("tick", (event) => seen.push(["tick", event.data]));
  source.onerror = () => { source.close(); done(seen); };
});
const messages = new Promise((done) => {
  const seen = [];
  const socket = new WebSocket("ws://127.0.0.1:PORT/ws");
  socket.binaryType = "arraybuffer";
  const long = "\u00e9".repeat(70000);
  socket.onopen = () => [["hello"], [long], [new Uint8Array([0, 255])]]
    .forEach(([message]) => socket.send(message));
  socket.onmessage = (event) => {
    seen.push(typeof event.data === "string" ? event.data === long ? "long" : event.data
                                             : Array.from(new Uint8Array(event.data)));
    if (seen.length === 3) socket.close(1000, "enough");
  };
  socket.onclose = (event) => done([seen, event.code, event.wasClean]);
});
Promise.all([events, messages]).then(([e, m]) => tell({events: e, messages: m}));
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 (the library's name)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if self.path == "/":
            self.wfile.write(self.server.page.encode())

    def do_POST(self):  # noqa: N802
        self.server.told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.arrived.set()

    def log_message(self, *_):
        pass


def seen_by_chromium(port):
    """What a page in the browser saw of the subject."""
    program = shutil.which("chromium")
    if program is None:
        raise tap.Skip("chromium is not installed")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.page = PAGE.replace("PORT", str(port))
    server.arrived = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        browser = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-web-security",
             "--remote-debugging-port=0",  # it stays until it is told to go
             f"--user-data-dir={folder}", f"http://127.0.0.1:{server.server_address[1]}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert server.arrived.wait(WAIT_SECONDS), "the page has told nothing"
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()
            server.server_close()
    return server.told


def a_browser_gets_events_and_talks_over_a_websocket():
    with Subject(SUBJECT) as subject:
        told = seen_by_chromium(subject.port)
        assert told["events"] == [["message", "first\nsecond"], ["tick", "first\nsecond"],
                                  ["tick", "first\nsecond"]], told
        assert told["messages"] == [["hello", "long", [0, 255]], 1000, True], told
        subject.until(lambda stats: stats["connections"] == 0)


if __name__ == "__main__":
    sys.exit(tap.run([a_browser_gets_events_and_talks_over_a_websocket]))
