"""heap_bench.py LIBRARY HEAVY HOLDER [--json] [--quick] [--csv FILE]: what the heap profiler costs.

CPU seconds of real programs with the profiler by those without, measured in pairs, and its memory;
other profilers beside it, each by its own allocator without it. --quick runs each measurement once
and small: its figures mean nothing.
Exit status: 0 fine, 2 wrong use, 3 it could not be measured.
"""

import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "heap"), os.path.join(HERE, "harness")]

import lines as report  # noqa: E402
import memory  # noqa: E402
import profilers  # noqa: E402
import ratios  # noqa: E402
import works  # noqa: E402
from lines import Line  # noqa: E402

PAIRS = 20
PEER_PAIRS = 6
SLOW_PAIRS = 3   # of a peer that costs many times the work,
SLOW_PART = 0.03 # which gets this part of it
LIVE = 100000
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def say(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def skip(what, reason):
    say("")
    print(f"heap: without {what}: {reason}", file=sys.stderr)


def busy_seconds():
    """CPU seconds that the machine has worked for anybody."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _, _, interrupts, softirq, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + interrupts + softirq) / TICKS_PER_SECOND


class Bench:
    def __init__(self, options):
        self.options = options
        self.ours = profilers.sluice(options.library)
        self.lines = []
        self.failed = False
        self.part = 0.01 if options.quick else 1.0

    def pairs(self, full):
        return 1 if self.options.quick else full

    def comparison(self, work, lacking, having, pairs, part):
        part *= self.part
        return ratios.Comparison(having.name, lambda: work.cpu(lacking, part),
                                 lambda: work.cpu(having, part), self.pairs(pairs))

    def comparisons(self, work, peers):
        found = [self.comparison(work, profilers.NONE, self.ours, PAIRS, 1)]
        for peer, pairs, part in peers:
            try:
                found.append(self.comparison(work, *peer(), pairs, part))
            except profilers.Absent as reason:
                skip(peer.__name__, reason)
        return found

    def cpu(self, name, goal, work, peers):
        """The lines of one work, the first with its goal and the first peer."""
        measured = ratios.measure(self.comparisons(work, peers),
                                  lambda peer, number: say(f"{name}, {peer}: pair {number + 1}"))
        found = [(comparison.name, ratio) for comparison, ratio in measured.items()]
        ratio = found[0][1]
        more = f"[{ratio.low:.4f}, {ratio.high:.4f}], least {ratio.least:.4f}"
        for peer, theirs in found[1:] or [(None, None)]:
            self.lines.append(Line(f"heap: {name}, CPU by that without", ratio.value, "times",
                                   goal, peer, theirs.value if theirs else None, more))
        for what, value in (("95 % interval from", ratio.low), ("95 % interval to", ratio.high),
                            ("least of all runs", ratio.least)):
            self.lines.append(Line(f"heap: {name}, {what}", value, "times"))

    def works(self):
        """A work that cannot be measured leaves the others their lines."""
        allocators = [(profilers.jemalloc, PEER_PAIRS, 1), (profilers.tcmalloc, PEER_PAIRS, 1)]
        heaptrack = (profilers.heaptrack, SLOW_PAIRS, SLOW_PART)
        gperftools = (profilers.gperftools, SLOW_PAIRS, SLOW_PART / 10)
        for name, goal, make, peers in (
                ("malloc-heavy program", 1.03, lambda: works.Heavy(self.options.heavy, 3000000),
                 [*allocators, heaptrack, gperftools]),
                ("redis-server", 1.01, lambda: works.Redis(300000), allocators),
                ("sqlite3, 1 M rows", 1.02, lambda: works.Sqlite(1000000),
                 [*allocators, heaptrack])):
            try:
                self.cpu(name, goal, make(), peers)
            except profilers.Absent as reason:
                skip(name, reason)
            except works.Failed as reason:
                self.failed = True
                skip(name, reason)

    def memory(self):
        holder = self.options.holder
        say("memory")
        self.lines.append(Line("heap: memory of the profiler, nothing sampled",
                               memory.added_mib(profilers.NONE, self.ours, holder, 0, 8),
                               "MiB", 2))
        every = profilers.sluice(self.options.library, RATE=1, SAMPLES_PER_SECOND_MAX=0)
        try:
            peer = profilers.jemalloc(1)
        except profilers.Absent as reason:
            skip("jemalloc", reason)
            peer = None
        count = round(LIVE * self.part)
        for size in (100, 1000, 3000):
            theirs = memory.added_mib(*peer, holder, count, size) if peer else None
            self.lines.append(Line(f"heap: memory at 100,000 live samples of {size} bytes",
                                   memory.added_mib(profilers.NONE, every, holder, count, size),
                                   "MiB", 16, peer[1].name if peer else None, theirs))

    def run(self):
        begun, busy, own = time.monotonic(), busy_seconds(), sum(os.times()[:4])
        self.works()
        self.memory()
        others = busy_seconds() - busy - (sum(os.times()[:4]) - own)
        self.lines.append(Line("heap: CPUs that others used meanwhile",
                               max(0.0, others / (time.monotonic() - begun)), "CPUs"))
        say("")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("library", "heavy", "holder"):
        parser.add_argument(name)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--csv")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        bench.run()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"heap: {error}", file=sys.stderr)
        return 3
    if options.json:
        report.print_json(bench.lines)
    else:
        title = "heap" + (" (--quick: figures mean nothing)" if options.quick else "")
        report.print_table(title, bench.lines)
    if options.csv and not options.quick:
        report.append_csv(options.csv, bench.lines)
    return 3 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
