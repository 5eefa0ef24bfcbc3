#!/usr/bin/python3
"""recorded_test.py SLUICE: verdicts on recorded Go services, on their damaged capsules, and live.

data/FORM.capsule is what programs/service FORM left: 17 heap profiles, goroutine profiles where the
name says so, and the trace of the collector (Go 1.19, 20 seconds, sampled each 64 KiB).
"""

import json
import os
import signal
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import tap  # noqa: E402
import terminal  # noqa: E402

SLUICE = os.path.abspath(sys.argv[1])
DATA = os.path.join(HERE, "data")
FINE, FINDINGS, WRONG_USE, COULD_NOT = range(4)
WANTED = {
    "keys": ("unbounded-keys", "main.countByKey"),
    "timers": ("timer-pileup", "main.waitWithTimeout"),
    "tasks": ("task-leak", "main.startWorker.func1"),
    "arrays": ("retained-array", "main.keepHead"),
    "window": ("coarse-window", "main.recordEvent"),
    "cache": ("healthy", ""),
    "saw": ("healthy", ""),
    "churn": ("healthy", ""),
}
GO_BUILD_SECONDS = 300


def capsule(form):
    return os.path.join(DATA, form + ".capsule")


def run(*words, status=None, timeout=120):
    done = subprocess.run([SLUICE, "heap", *words], capture_output=True, text=True,
                          timeout=timeout, check=False)
    assert status is None or done.returncode == status, done
    return done


def verdicts(*sources):
    done = run("diagnose", "--json", *sources)
    assert done.returncode in (FINE, FINDINGS), done
    return json.loads(done.stdout)


def in_a_folder(test):
    def claim():
        with tempfile.TemporaryDirectory(prefix="recorded-") as folder:
            test(folder)
    claim.__name__ = test.__name__
    return claim


def recorded_services_get_their_verdicts():
    for form, (pattern, function) in WANTED.items():
        first = verdicts(capsule(form))["verdicts"][0]
        assert first["pattern"] == pattern, (form, first)
        assert first["site"]["function"] == function, (form, first)
        assert set(first) == {"pattern", "confidence", "site", "bytes_per_second", "evidence",
                              "rival", "fix"}, first
        assert len(first["fix"]) == 2 and first["rival"]["why_not"], first


def a_finding_is_status_1_and_health_0():
    assert run("diagnose", capsule("keys")).returncode == FINDINGS
    assert run("diagnose", capsule("churn")).returncode == FINE


@in_a_folder
def growth_without_a_name_is_a_finding_and_too_little_is_none(folder):
    path = os.path.join(folder, "rss.txt")
    for moments, status in ((20, FINDINGS), (3, FINE)):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{moment} rss {100 + 3 * moment} MiB\n" for moment in range(moments))
        done = run("diagnose", path, status=status)
        assert done.stdout.startswith("undetermined"), done


@in_a_folder
def a_folder_is_read_by_content_and_not_by_name(folder):
    with tarfile.open(capsule("tasks")) as archive:
        for number, member in enumerate(archive.getmembers()):
            path = os.path.join(folder, f"file{number:03}")
            with open(path, "wb") as file:
                file.write(archive.extractfile(member).read())
    for name, content in (("notes.txt", b"nothing of interest\n"), ("binary", bytes(range(256))),
                          ("empty", b"")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    assert verdicts(folder) == verdicts(capsule("tasks"))


@in_a_folder
def without_heap_profiles_the_trace_still_shows_growth(folder):
    with tarfile.open(capsule("keys")) as archive:
        archive.extract("trace.log", folder)
    report = verdicts(folder)
    assert report["verdicts"][0]["pattern"] == "undetermined", report
    assert report["growth_bytes_per_second"]["low"] > 0, report


@in_a_folder
def resident_memory_beside_a_flat_heap_is_fragmentation(folder):
    path = os.path.join(folder, "rss")
    with open(path, "w", encoding="utf-8") as file:
        file.write("# seconds, resident bytes\n")
        for second in range(30):
            file.write(f"{second} {100 + 5 * second + second % 3} MiB\n")
        file.write("30 limit 512 MiB\n")
    done = run("diagnose", "--json", capsule("churn"), path, status=FINDINGS)
    report = json.loads(done.stdout)
    assert report["verdicts"][0]["pattern"] == "fragmentation", report
    assert 40 < report["seconds_to_limit"] < 60, report
    assert any("limit" in line for line in report["warnings"]), report


@in_a_folder
def a_damaged_capsule_is_told_with_its_place(folder):
    with open(capsule("keys"), "rb") as file:
        whole = file.read()
    path = os.path.join(folder, "damaged")
    for length in (513, 5000, len(whole) - 10240):
        with open(path, "wb") as file:
            file.write(whole[:length])
        done = run("diagnose", path, status=COULD_NOT)
        assert path in done.stderr and "byte" in done.stderr, done


@in_a_folder
def a_capsule_is_opened_by_what_shows_profiles(folder):
    with tarfile.open(capsule("keys")) as archive:
        newest = sorted(name for name in archive.getnames() if name.startswith("heap"))[-1]
        archive.extract(newest, folder)
        archive.extract("trace.log", folder)
    from_capsule = run("top", "--json", capsule("keys"), status=FINE).stdout
    from_file = run("top", "--json", os.path.join(folder, newest), status=FINE).stdout
    assert json.loads(from_capsule) == json.loads(from_file)
    path = os.path.join(folder, "without")
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(os.path.join(folder, "trace.log"), "trace.log")
    assert "no heap profile in the capsule" in run("top", path, status=COULD_NOT).stderr


@in_a_folder
def nothing_to_read_is_said(folder):
    done = run("diagnose", folder, status=COULD_NOT)
    assert "no profile" in done.stderr, done
    done = run("diagnose", os.path.join(folder, "missing"), status=COULD_NOT)
    assert "missing" in done.stderr, done
    run("diagnose", status=WRONG_USE)


class Pages(BaseHTTPRequestHandler):
    """Serves the recorded profiles one after another, and takes what is posted."""

    def do_GET(self):
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        parts = self.server.parts.get(name, [])
        self.server.asked.append(self.path)
        if not parts:
            self.send_error(404)
            return
        body = parts.pop(0) if len(parts) > 1 else parts[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.server.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Served:
    """A server of a recorded service's pages on a free port."""

    def __init__(self, form):
        self.server = HTTPServer(("127.0.0.1", 0), Pages)
        self.server.asked, self.server.posted, self.server.parts = [], [], {}
        with tarfile.open(capsule(form)) as archive:
            for member in archive.getmembers():
                kind = member.name.split(".")[0]
                self.server.parts.setdefault(kind, []).append(archive.extractfile(member).read())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@in_a_folder
def a_watch_streams_and_ends_with_the_report(folder):
    told = os.path.join(folder, "told")
    heard = []

    def hear():
        with open(told, encoding="utf-8") as file:
            heard.append(file.read())

    os.mkfifo(told)  # the command is not waited for: its writing is
    listener = threading.Thread(target=hear, daemon=True)
    listener.start()
    with Served("keys") as served:
        done = run("watch", "--json", "--every", "20ms", "--looks", "17",
                   "--on-verdict", f"echo $SLUICE_PATTERN $SLUICE_FUNCTION > {told}",
                   "--webhook", served.url + "/hook", served.url, status=FINDINGS)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["kind"] for line in lines] == ["look"] * 17 + ["report"], done.stdout
        first = lines[-1]["report"]["verdicts"][0]
        assert first["pattern"] == "unbounded-keys", first
        posted = json.loads(served.server.posted[-1])
        assert posted["verdicts"][0]["pattern"] == "unbounded-keys", posted
        assert "/debug/pprof/heap" in served.server.asked[0]
    listener.join()
    assert heard == ["unbounded-keys main.countByKey\n"], heard


def stale_profiles_make_a_watch_ask_for_a_collection():
    with Served("keys") as served:
        del served.server.parts["heap"][1:]
        run("watch", "--every", "10ms", "--looks", "6", served.url, status=FINE)
        assert any("gc=1" in path for path in served.server.asked), served.server.asked
        served.server.asked.clear()
        run("watch", "--every", "10ms", "--looks", "6", "--no-gc", served.url, status=FINE)
        assert not any("gc=1" in path for path in served.server.asked), served.server.asked


def a_watch_on_a_terminal_ends_cleanly_on_a_signal():
    with Served("timers") as served:
        shown = terminal.Terminal([SLUICE, "heap", "watch", "--every", "20ms", served.url],
                                  columns=100, rows=50)
        shown.read_until("timer-pileup")
        shown.process.send_signal(signal.SIGTERM)
        assert shown.end() == FINDINGS
        assert "\x1b[?1049l" in shown.shown, "the screen is left"
        report = terminal.without_colour(shown.shown.rsplit("\x1b[?1049l", 1)[1])
        assert report.startswith("timer-pileup (confidence"), report


@in_a_folder
def a_capsule_of_a_url_gets_the_same_verdict(folder):
    path = os.path.join(folder, "made.capsule")
    with Served("arrays") as served:
        run("capsule", "--every", "20ms", "--for", "320ms", "--out", path, served.url, status=FINE)
    with tarfile.open(path) as archive:
        names = [name.split(".", 1)[1] for name in archive.getnames()]
        manifest = json.load(archive.extractfile(archive.getnames()[-1]))
    assert "heap.pb.gz" in names and "verdict.json" in names, names
    assert manifest["format"] == "sluice-capsule" and manifest["format_version"] == 1, manifest
    if names.count("heap.pb.gz") == 17:  # all were asked for, unless the machine was too slow
        assert verdicts(path)["verdicts"] == verdicts(capsule("arrays"))["verdicts"][:1]


def what_cannot_be_watched_is_said():
    done = run("watch", "no-such-thing", status=COULD_NOT)
    assert "neither a URL" in done.stderr, done
    done = run("watch", "999999999", status=COULD_NOT)
    assert "no such process" in done.stderr, done
    done = run("watch", "http://127.0.0.1:1/", status=COULD_NOT)
    assert "cannot connect" in done.stderr, done


@in_a_folder
def a_live_go_service_that_leaks_keys_is_named(folder):
    if shutil.which("go") is None:
        raise tap.Skip("no Go here")
    program = os.path.join(folder, "server")
    subprocess.run(["go", "build", "-o", program, "main.go"], check=True,
                   cwd=os.path.join(HERE, "programs", "server"), timeout=GO_BUILD_SECONDS,
                   env={**os.environ, "GOCACHE": os.path.join(folder, "cache"),
                        "GO111MODULE": "off", "GOFLAGS": ""})
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as service:
        try:
            url = service.stdout.readline().strip()
            done = run("watch", "--json", "--every", "200ms", "--looks", "20", "--pid",
                       str(service.pid), url)
        finally:
            service.kill()
    report = json.loads(done.stdout.splitlines()[-1])["report"]
    first = report["verdicts"][0]
    assert first["pattern"] == "unbounded-keys" and first["site"]["function"] == "main.count", first


sys.exit(tap.run([
    recorded_services_get_their_verdicts,
    a_finding_is_status_1_and_health_0,
    growth_without_a_name_is_a_finding_and_too_little_is_none,
    a_folder_is_read_by_content_and_not_by_name,
    without_heap_profiles_the_trace_still_shows_growth,
    resident_memory_beside_a_flat_heap_is_fragmentation,
    a_damaged_capsule_is_told_with_its_place,
    a_capsule_is_opened_by_what_shows_profiles,
    nothing_to_read_is_said,
    a_watch_streams_and_ends_with_the_report,
    stale_profiles_make_a_watch_ask_for_a_collection,
    a_watch_on_a_terminal_ends_cleanly_on_a_signal,
    a_capsule_of_a_url_gets_the_same_verdict,
    what_cannot_be_watched_is_said,
    a_live_go_service_that_leaks_keys_is_named,
]))
