#!/usr/bin/python3
"""diagnosis_bench.py SLUICE: how often the verdict on the laboratory's cases is the right one.

Each case runs for real at three rates with three seeds, faulty, and its fixed form or look-alike
with so many seeds that there are 300 of those runs; each run gives 12 s of evidence. Besides, each
faulty case runs once for a minute, and at three rates with its own functions renamed and with all
names stripped, where the same place has to be found by its address. The confusion matrix is
printed; figures come with Wilson's 95 % bounds (Wilson 1927), of which the lower one is what has to
be believed.
"""

import argparse
import collections
import concurrent.futures
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import typing

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness"))

import lines as report  # noqa: E402
from lines import Line  # noqa: E402

RATES = {"coarse": (4000, 5000, 6000)}  # below, its window is too small to be anybody's trouble
RATES_OTHERS = (500, 1000, 2000)
SITES = {"gateway": "ticker_start", "gateway-state": "record_add", "slices": "window_expand",
         "log-aggregator": "aggregate", "metrics": "series_add", "heartbeat": "beat",
         "coarse": "point_add", "pseudo-window": "wait_for_next"}
HEALTHY_RUNS = 300


class Order(typing.NamedTuple):
    """A run that is wanted."""
    name: str
    form: str
    rate: int
    seed: int
    seconds: int = 0  # 0: as the options have it
    names: str = "named"


def wilson(right, runs, z=1.96):
    """The bounds of a share."""
    share = right / runs
    middle = share + z * z / (2 * runs)
    half = z * math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    return ((middle - half) / (1 + z * z / runs), (middle + half) / (1 + z * z / runs))


def functions(program):
    """(first address, the one behind the last, name) of the program's own functions."""
    listing = subprocess.run(["nm", "--defined-only", "-S", program], check=True, text=True,
                             capture_output=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [(int(row[0], 16), int(row[0], 16) + int(row[1], 16), row[3])
            for row in rows if len(row) == 4 and row[2] in "tT"]


def addresses_of(program, function):
    """Where its instructions are, wherever it was inlined."""
    places = [place for low, high, _ in functions(program) for place in range(low, high)]
    told = subprocess.run(["addr2line", "-a", "-f", "-i", "-s", "-e", program], check=True,
                          input="".join(f"{place:#x}\n" for place in places), text=True,
                          capture_output=True).stdout
    found, place = set(), None
    for line in told.splitlines():
        if line.startswith("0x"):
            place = int(line, 16)
        elif line.split(".")[0] == function:
            found.add(place)
    return found


class Programs:
    """The faulty programs with names as they are ("named"), others ("renamed") or none."""

    def __init__(self, source, folder):
        self.folders = {"named": source}
        self.addresses = {}  # of a case's site
        self.holders = {}  # the functions, by their other names, that it is part of
        for names in ("renamed", "stripped"):
            self.folders[names] = os.path.join(folder, names)
            os.mkdir(self.folders[names])
            shutil.copy(os.path.join(source, "lab-load"), self.folders[names])
        for name in SITES:
            self.change(source, f"lab-{name}-faulty", name)

    def change(self, source, program, name):
        path = os.path.join(source, program)
        found = functions(path)
        self.addresses[name] = addresses_of(path, SITES[name])
        self.holders[name] = {self.other(function) for low, high, function in found
                              if not self.addresses[name].isdisjoint(range(low, high))}
        others = os.path.join(self.folders["renamed"], "names")
        with open(others, "w", encoding="utf-8") as file:
            file.writelines(f"{function} {self.other(function)}\n"
                            for function in sorted({function for _, _, function in found})
                            if function != "main" and not function.startswith("_"))
        subprocess.run(["objcopy", "--strip-debug", "--redefine-syms", others, path,
                        os.path.join(self.folders["renamed"], program)], check=True)
        subprocess.run(["strip", "-s", path, "-o",
                        os.path.join(self.folders["stripped"], program)], check=True)

    @staticmethod
    def other(function):
        """A name without a word of the old one in it."""
        return "n" + function.encode().hex()

    def is_site(self, order, function):
        if order.names == "named":
            return function == SITES[order.name]
        if order.names == "renamed":
            return function in self.holders[order.name]
        return function.startswith("0x") and \
            int(function.split()[0], 16) in self.addresses[order.name]


class Matrix:
    """All runs, judged; what was found in place of what, and the runs that failed."""

    def __init__(self, options, programs):
        self.options = options
        self.programs = programs
        listed = subprocess.run([options.sluice, "lab", "list", "--json"], check=True,
                                capture_output=True, text=True).stdout
        self.patterns = {case["name"]: case["pattern"] for case in json.loads(listed)
                         if case["pattern"] is not None}
        self.failed = []
        self.unexpected = []
        self.confusion = collections.defaultdict(collections.Counter)

    def orders(self):
        seeds, healthy = (range(1, 2), 1) if self.options.quick else (range(1, 4), HEALTHY_RUNS)
        faulty = [Order(name, "faulty", rate, seed) for seed in seeds for name in SITES
                  for rate in RATES.get(name, RATES_OTHERS)]
        fixed = [Order(name, "fixed", RATES.get(name, RATES_OTHERS)[seed % 3], seed)
                 for seed in range(1, 1 + -(-healthy // len(self.patterns)))
                 for name in self.patterns]
        return (faulty[:2], fixed[:2]) if self.options.quick else (faulty, fixed)

    def long_orders(self):
        found = [Order(name, "faulty", RATES.get(name, RATES_OTHERS)[1], 1, seconds=60)
                 for name in SITES]
        return found[:0] if self.options.quick else found

    def nameless_orders(self):
        found = [Order(name, "faulty", rate, 1, names=names) for name in SITES
                 for names in ("renamed", "stripped") for rate in RATES.get(name, RATES_OTHERS)]
        return found[:4] if self.options.quick else found

    def run(self, order):
        """The first verdict's pattern and site."""
        done = subprocess.run([self.options.sluice, "lab", "run", order.name, "--" + order.form,
                               "--json", "--listen", "none", "--rate", str(order.rate),
                               "--seed", str(order.seed), "--seconds",
                               str(order.seconds or self.options.seconds)],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, "SLUICE_LAB": self.programs.folders[order.names]})
        if not done.stdout:
            self.failed.append((order, done.stderr))
            return "failed", ""
        verdict = json.loads(done.stdout)["verdicts"][0]
        expected = self.patterns[order.name] if order.form == "faulty" else "healthy"
        if verdict["pattern"] != expected:
            self.unexpected.append((order, verdict))
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


def faulty_lines(matrix, what, orders):
    right = sites = 0
    for order, (pattern, function) in matrix.judge(orders):
        matrix.confusion[matrix.patterns[order.name]][pattern] += 1
        right += pattern == matrix.patterns[order.name]
        sites += matrix.programs.is_site(order, function)
    return [share_line(f"verdicts: {what} with another pattern", right, len(orders), 5),
            share_line(f"verdicts: {what} with another site first", sites, len(orders), 5)]


def healthy_lines(matrix, orders):
    healthy = 0
    for _, (pattern, _) in matrix.judge(orders):
        matrix.confusion["healthy"][pattern] += 1
        healthy += pattern == "healthy"
    return [share_line("verdicts: fixed and look-alike runs not healthy", healthy, len(orders), 1)]


def measured(matrix):
    faulty, fixed = matrix.orders()
    found = faulty_lines(matrix, "faulty runs", faulty)
    if matrix.long_orders():
        found += faulty_lines(matrix, "faulty runs of 60 s", matrix.long_orders())
    found += faulty_lines(matrix, "renamed and stripped runs", matrix.nameless_orders())
    found += healthy_lines(matrix, fixed)
    print_matrix(matrix.confusion)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sluice")
    parser.add_argument("programs", help="the folder of the laboratory's programs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--csv")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("SECONDS_EACH", "12")))
    parser.add_argument("--jobs", type=int, default=4)
    options = parser.parse_args()
    if options.quick:
        options.seconds = 6
    with tempfile.TemporaryDirectory(prefix="sluice-diagnosis-") as folder:
        matrix = Matrix(options, Programs(options.programs, folder))
        found = measured(matrix)
    for order, verdict in matrix.unexpected:
        print(f"diagnosis: {order}: {verdict['pattern']}:", *verdict["evidence"], sep="\n  ",
              file=sys.stderr)
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
