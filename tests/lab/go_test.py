#!/usr/bin/python3
"""go_test.py SLUICE SOURCE: the faults as Go services, built here and judged by their pages."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import go_cases  # noqa: E402
import tap  # noqa: E402

SLUICE, SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
TOGETHER = 8  # services at a time


def built(folder):
    if shutil.which("go") is None:
        raise tap.Skip("go is not installed")
    return go_cases.built(SOURCE, folder)


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
        orders = [(name, form) for name in go_cases.WANTED for form in ("faulty", "fixed")]
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
            found = pool.map(lambda order: verdict(program, *order), orders)
            for (name, form), first in zip(orders, found):
                assert go_cases.is_right(name, form, first), (name, form, first)


def backend_calls(program, form):
    """Of 1,000 requests for keys that do not exist."""
    with subprocess.Popen([program, "cache-penetration", form], stdout=subprocess.PIPE,
                          text=True) as service:
        try:
            address = service.stdout.readline().strip()
            with urllib.request.urlopen(address + "/backend-calls", timeout=60) as answer:
                return int(answer.read())
        finally:
            service.kill()


def keys_that_do_not_exist_reach_the_slow_store_once():
    with tempfile.TemporaryDirectory(prefix="lab-go-") as folder:
        program = built(folder)
        faulty, fixed = (backend_calls(program, form) for form in ("faulty", "fixed"))
        assert faulty >= 1000 and fixed == 100, (faulty, fixed)


def what_is_no_case_is_refused():
    with tempfile.TemporaryDirectory(prefix="lab-go-") as folder:
        program = built(folder)
        for words in ([], ["gateway"], ["gateway", "mended"], ["gateway", "fixed", "0"]):
            done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
            assert done.returncode == 2 and done.stderr, (words, done)


if __name__ == "__main__":
    sys.exit(tap.run([faulty_forms_are_known_and_fixed_ones_are_healthy,
                      keys_that_do_not_exist_reach_the_slow_store_once,
                      what_is_no_case_is_refused]))
