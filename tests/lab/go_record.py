#!/usr/bin/python3
"""go_record.py SLUICE SOURCE FOLDER [NAME ...]: record capsules of the faults as Go services.

Faulty and some of the fixed ones, as the tests have them where there is no Go. FOLDER is
tests/lab/data."""

import concurrent.futures
import os
import subprocess
import sys
import tempfile

import go_cases

# What a window keeps is told from what it held at a dozen moments and more.
EVERY = {"coarse": "1500ms"}
SLUICE, SOURCE, FOLDER = (os.path.abspath(path) for path in sys.argv[1:4])


def record(program, name, form):
    with subprocess.Popen([program, name, form], stdout=subprocess.PIPE, text=True) as service:
        try:
            address = service.stdout.readline().strip()
            out = os.path.join(FOLDER, f"{name}.{form}.capsule")
            subprocess.run([SLUICE, "heap", "capsule", "--every", EVERY.get(name, "2500ms"),
                            "--for", "25s", "--out", out, address], check=True,
                           stderr=subprocess.DEVNULL)
        finally:
            service.kill()
    return f"{name} {form}: {os.path.getsize(out)} bytes"


def main():
    os.makedirs(FOLDER, exist_ok=True)
    orders = [order for order in go_cases.RECORDED if order[0] in (sys.argv[4:] or go_cases.WANTED)]
    with tempfile.TemporaryDirectory(prefix="lab-go-") as folder, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        program = go_cases.built(SOURCE, folder)
        for line in pool.map(lambda order: record(program, *order), orders):
            print(line, flush=True)


if __name__ == "__main__":
    main()
