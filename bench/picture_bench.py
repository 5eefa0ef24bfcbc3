#!/usr/bin/python3
"""picture_bench.py SLUICE MAKE_PROFILE SCRATCH: opening profiles of 20,000 and 1,000,000 samples.

The time from the start of `sluice heap web` until a browser that runs already has drawn the flame
graph, and the most memory of the program. Beside it `go tool pprof -http` until it has answered
the page of its flame graph, for the smaller one: for a million samples (58 MB) that of Go 1.19
takes more than the 23 GB of the machine, and is killed. SCRATCH keeps the browser's driver.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "harness"), os.path.join(HERE, "..", "tests", "ui")]

import lines as report  # noqa: E402
import ui_test  # noqa: E402
from lines import Line  # noqa: E402

SAMPLES_FEW = 20_000
SAMPLES_MANY = 1_000_000
ROUNDS = 3
PEER = "go tool pprof -http"
PEER_SECONDS_MAX = 300


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(status.read().split("VmHWM:")[1].split()[0]) / 1024


def picture(options, profile):
    environment = {**os.environ, "UI_MODULES": ui_test.packages(options.scratch),
                   "UI_CHROMIUM": ui_test.chromium()}
    done = subprocess.run([ui_test.node(), os.path.join(HERE, "picture.mjs"), options.sluice,
                           profile], env=environment, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["canvases"] > 0, found
    return found["seconds"], found["mib"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def peer(profile):
    """(seconds, MiB); None: it is not there, or did not come to an end."""
    if shutil.which("go") is None:
        return None
    port = free_port()
    begun = time.monotonic()
    with subprocess.Popen(["go", "tool", "pprof", "-symbolize=none", "-no_browser",
                           f"-http=127.0.0.1:{port}", profile], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            while time.monotonic() - begun < PEER_SECONDS_MAX:
                try:
                    url = f"http://127.0.0.1:{port}/ui/flamegraph"
                    with urllib.request.urlopen(url, timeout=PEER_SECONDS_MAX) as answer:
                        answer.read()
                    return time.monotonic() - begun, tree_peak_mib(program.pid)
                except urllib.error.URLError:
                    time.sleep(0.1)
        finally:
            subprocess.run(["pkill", "-P", str(program.pid)], check=False)
            program.kill()
    return None


def tree_peak_mib(pid):
    """`go tool` starts the program itself."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True,
                              check=False).stdout.split()
    return max(peak_mib(each) for each in [str(pid), *children])


def measured_of(options, samples, name, goal, with_peer):
    with tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
        subprocess.run([options.make_profile, str(samples), file.name], check=True)
        seconds, mib = min(picture(options, file.name)
                           for _ in range(1 if options.quick else ROUNDS))
        theirs = peer(file.name) if with_peer else None
        print(f"picture_bench: {samples} samples, {os.path.getsize(file.name) / 1e6:.0f} MB",
              file=sys.stderr)
    peers = [(PEER, value) for value in theirs] if theirs else [(None, None)] * 2
    return [Line(f"{name} samples: first picture", seconds, "s", goal, *peers[0]),
            Line(f"{name} samples: most memory", mib, "MiB", None, *peers[1])]


def measured(options):
    found = measured_of(options, SAMPLES_FEW, "20 k", None, not options.quick)
    return found if options.quick else found + measured_of(options, SAMPLES_MANY, "1 M", 2, False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sluice")
    parser.add_argument("make_profile")
    parser.add_argument("scratch")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--csv")
    options = parser.parse_args()
    os.makedirs(options.scratch, exist_ok=True)
    try:
        found = measured(options)
    except ui_test.CannotRun as error:
        print(f"picture_bench: left out: {error}", file=sys.stderr)
        return 0
    if options.json:
        report.print_json(found)
    else:
        report.print_table("picture" + (" (--quick)" if options.quick else ""), found)
    if options.csv and not options.quick:
        report.append_csv(options.csv, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
