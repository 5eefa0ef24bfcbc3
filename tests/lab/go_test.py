#!/usr/bin/python3
"""go_test.py SLUICE SOURCE: the faults as Go services, built here and judged by their pages."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

import tap

SLUICE, SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
BUILD_SECONDS = 300
WANTED = {"gateway": ("timer-pileup", "main.startTicker"),
          "slices": ("retained-array", "main.appendEvent"),
          "log-aggregator": ("task-leak", "main.startAggregator.func1"),
          "metrics": ("unbounded-keys", "main.observe"),
          "heartbeat": ("timer-pileup", "main.startTimeout")}


def built(folder):
    if shutil.which("go") is None:
        raise tap.Skip("go is not installed")
    program = os.path.join(folder, "labgo")
    subprocess.run(["go", "build", "-o", program, "."], cwd=SOURCE, check=True,
                   timeout=BUILD_SECONDS, env={**os.environ, "GOFLAGS": "-mod=mod",
                                               "GOCACHE": os.path.join(folder, "cache"),
                                               "GOPATH": os.path.join(folder, "path")})
    return program


def verdict(program, name, form):
    with subprocess.Popen([program, name, form], stdout=subprocess.PIPE, text=True) as service:
        try:
            address = service.stdout.readline().strip()
            done = subprocess.run([SLUICE, "heap", "diagnose", address, "--for", "20s", "--every",
                                   "1s", "--json"], capture_output=True, text=True, check=False)
        finally:
            service.kill()
    assert done.stdout, done
    return json.loads(done.stdout)["verdicts"][0]


def faulty_forms_are_known_and_fixed_ones_are_healthy():
    with tempfile.TemporaryDirectory(prefix="lab-go-") as folder:
        program = built(folder)
        orders = [(name, form) for name in WANTED for form in ("faulty", "fixed")]
        with concurrent.futures.ThreadPoolExecutor(len(orders)) as pool:
            found = pool.map(lambda order: verdict(program, *order), orders)
            for (name, form), first in zip(orders, found):
                if form == "fixed":
                    assert first["pattern"] == "healthy", (name, first)
                else:
                    assert (first["pattern"], first["site"]["function"]) == WANTED[name], (name,
                                                                                           first)


def what_is_no_case_is_refused():
    with tempfile.TemporaryDirectory(prefix="lab-go-") as folder:
        program = built(folder)
        for words in ([], ["gateway"], ["gateway", "mended"], ["gateway", "fixed", "0"]):
            done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
            assert done.returncode == 2 and done.stderr, (words, done)


if __name__ == "__main__":
    sys.exit(tap.run([faulty_forms_are_known_and_fixed_ones_are_healthy,
                      what_is_no_case_is_refused]))
