#!/usr/bin/python3
"""diagnosis_bench.py SLUICE: how often the verdict on the laboratory's cases is the right one.

Each case runs for real at three rates with three seeds, faulty, and its fixed form or look-alike
with so many seeds that there are 300 of those runs. The confusion matrix is printed; figures come
with Wilson's 95 % bounds (Wilson 1927), of which the lower one is what has to be believed.
"""

import argparse
import collections
import concurrent.futures
import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness"))

import lines as report  # noqa: E402
from lines import Line  # noqa: E402

RATES = {"coarse": (4000, 5000, 6000)}  # below, its window is too small to be anybody's trouble
RATES_OTHERS = (500, 1000, 2000)
SITES = {"gateway": "ticker_start", "gateway-state": "record_add", "slices": "window_expand",
         "log-aggregator": "aggregate", "metrics": "series_add", "heartbeat": "beat",
         "coarse": "point_add", "pseudo-window": "wait_for_next"}
HEALTHY_RUNS = 300


def wilson(right, runs, z=1.96):
    """The bounds of a share."""
    share = right / runs
    middle = share + z * z / (2 * runs)
    half = z * math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    return ((middle - half) / (1 + z * z / runs), (middle + half) / (1 + z * z / runs))


class Matrix:
    def __init__(self, options):
        self.options = options
        listed = subprocess.run([options.sluice, "lab", "list", "--json"], check=True,
                                capture_output=True, text=True).stdout
        self.patterns = {case["name"]: case["pattern"] for case in json.loads(listed)
                         if case["pattern"] is not None}
        self.failed = []

    def orders(self):
        """(name, form, rate, seed)"""
        seeds, healthy = (range(1, 2), 1) if self.options.quick else (range(1, 4), HEALTHY_RUNS)
        faulty = [(name, "faulty", rate, seed) for seed in seeds for name in SITES
                  for rate in RATES.get(name, RATES_OTHERS)]
        fixed = [(name, "fixed", RATES.get(name, RATES_OTHERS)[seed % 3], seed)
                 for seed in range(1, 1 + -(-healthy // len(self.patterns)))
                 for name in self.patterns]
        return (faulty[:2], fixed[:2]) if self.options.quick else (faulty, fixed)

    def run(self, order):
        """The first verdict's pattern and site."""
        name, form, rate, seed = order
        done = subprocess.run([self.options.sluice, "lab", "run", name, "--" + form, "--json",
                               "--rate", str(rate), "--seed", str(seed), "--seconds",
                               str(self.options.seconds)], capture_output=True, text=True,
                              check=False)
        if not done.stdout:
            self.failed.append((order, done.stderr))
            return "failed", ""
        verdict = json.loads(done.stdout)["verdicts"][0]
        return verdict["pattern"], verdict["site"]["function"]

    def judge(self, orders):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for order, found in zip(orders, pool.map(self.run, orders)):
                if self.options.verbose:
                    print(*order, *found, file=sys.stderr, flush=True)
                yield order, found


def share_line(name, right, runs, goal):
    """What is wrong, so that less is better."""
    low, high = wilson(right, runs)
    return Line(name, 100 * (1 - right / runs), "%", goal,
                more=f"{right} of {runs} right, {100 * low:.1f} % to {100 * high:.1f} %")


def print_matrix(confusion):
    found = sorted({pattern for row in confusion.values() for pattern in row})
    print("expected \\ found".ljust(20), *(name.rjust(15) for name in found), file=sys.stderr)
    for expected, row in sorted(confusion.items()):
        print(expected.ljust(20), *(str(row[name]).rjust(15) for name in found), file=sys.stderr)


def measured(matrix):
    confusion = collections.defaultdict(collections.Counter)
    faulty, fixed = matrix.orders()
    right = sites = healthy = 0
    for (name, *_), (pattern, function) in matrix.judge(faulty):
        confusion[matrix.patterns[name]][pattern] += 1
        right += pattern == matrix.patterns[name]
        sites += function == SITES[name]
    for _, (pattern, _) in matrix.judge(fixed):
        confusion["healthy"][pattern] += 1
        healthy += pattern == "healthy"
    print_matrix(confusion)
    return [share_line("verdicts: faulty runs with another pattern", right, len(faulty), 5),
            share_line("verdicts: faulty runs with another site first", sites, len(faulty), 5),
            share_line("verdicts: fixed and look-alike runs not healthy", healthy, len(fixed), 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sluice")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--csv")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("SECONDS_EACH", "12")))
    parser.add_argument("--jobs", type=int, default=4)
    options = parser.parse_args()
    if options.quick:
        options.seconds = 6
    matrix = Matrix(options)
    found = measured(matrix)
    for order, said in matrix.failed:
        print(f"diagnosis: {order}: {said.strip()}", file=sys.stderr)
    if options.json:
        report.print_json(found)
    else:
        report.print_table("diagnosis" + (" (--quick)" if options.quick else ""), found)
    if options.csv and not options.quick:
        report.append_csv(options.csv, found)
    return 3 if matrix.failed else 0


if __name__ == "__main__":
    sys.exit(main())
