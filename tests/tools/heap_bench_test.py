"""What bench/heap_bench.py makes of what it measures, and bench/harness/lines.py of a report."""

import csv
import os
import random
import sys

import tap
from repository import ROOT, TreeTestCase, run_tool

sys.path[:0] = [os.path.join(ROOT, "bench", "heap"), os.path.join(ROOT, "bench", "harness")]

import lines as report  # noqa: E402
import ratios  # noqa: E402
from lines import Line  # noqa: E402


def noisy_pairs(ratio, seed, count=24):
    """A machine whose speed wanders, and that is disturbed for long in one run of eight."""
    chance = random.Random(seed)
    pairs = []
    for _ in range(count):
        speed = chance.uniform(0.7, 1.5)
        lacking, having = (speed * chance.gauss(1, 0.01) for _ in range(2))
        disturbance = chance.uniform(1.5, 3) if chance.random() < 0.125 else 1
        if chance.random() < 0.5:
            lacking *= disturbance
        else:
            having *= disturbance
        pairs.append((lacking, having * ratio))
    return pairs


class Ratios(TreeTestCase):
    def test_the_ratio_of_steady_costs_is_exact(self):
        found = ratios.ratio_of([(2.0, 3.0)] * 20)
        for value in (found.value, found.low, found.high, found.least):
            self.assertAlmostEqual(1.5, value)

    def test_a_busy_machine_hides_no_ratio(self):
        """The interval holds the truth as often as it says, within what chance allows."""
        covered = 0
        for seed in range(100):
            found = ratios.ratio_of(noisy_pairs(1.05, seed))
            self.assertLess(abs(found.value / 1.05 - 1), 0.03)
            covered += found.low <= 1.05 <= found.high
        self.assertGreaterEqual(covered, 90)

    def test_a_difference_of_a_twentieth_is_told_from_none(self):
        told = sum(ratios.ratio_of(noisy_pairs(1.05, seed)).low > 1 for seed in range(50))
        self.assertGreater(told, 46)

    def test_comparisons_share_the_machine_and_their_order_is_drawn(self):
        calls = []

        def cost(name):
            return lambda: calls.append(name) or 1.0

        often = ratios.Comparison("often", cost("a"), cost("b"), 40)
        seldom = ratios.Comparison("seldom", cost("c"), cost("d"), 3)
        found = ratios.measure([often, seldom])
        self.assertEqual((40, 3), (found[often].pairs, found[seldom].pairs))
        self.assertEqual({"a": 40, "b": 40, "c": 3, "d": 3},
                         {name: calls.count(name) for name in "abcd"})
        self.assertEqual(set("cd"), set(calls[2:4]))
        first = [pair[0] for pair in zip(*[iter(one for one in calls if one in "ab")] * 2)]
        self.assertGreater(first.count("a"), 8)
        self.assertGreater(first.count("b"), 8)


class Lines(TreeTestCase):
    LINES = [Line("work", 1.25, "times", 1.03, "peer", 2.5, "[1, 2]"), Line("held", 3, "MiB")]

    def test_rows_are_those_that_the_figures_are_made_from(self):
        path = self.path("results.csv")
        for _ in range(2):
            report.append_csv(path, self.LINES)
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(4, len(rows))
        self.assertEqual(["work", "1.25", "times", "<=1.03", "peer", "2.5"],
                         [rows[2][name] for name in report.COLUMNS[3:]])
        self.assertEqual(["held", "3", "MiB", "", "", ""],
                         [rows[3][name] for name in report.COLUMNS[3:]])
        with open(os.path.join(ROOT, "bench/results/ring.csv"), encoding="utf-8") as file:
            self.assertEqual(",".join(report.COLUMNS), file.readline().strip())

    def test_a_goal_is_met_or_missed(self):
        self.assertEqual([False, True, True],
                         [line.met() for line in (*self.LINES, Line("x", 1.03, "times", 1.03))])


class Instructions(TreeTestCase):
    VALGRIND = """#!/bin/sh
echo "1000 $BYTES 0 0 0"
case $*/$LD_PRELOAD in
*/) echo "==1== Collected : ${PLAIN}" >&2 ;;
*) echo "==1== Collected : ${WITH}" >&2 ;;
esac
exit ${STATUS:-0}
"""

    def count(self, *arguments, **environment):
        self.write("bin/valgrind", self.VALGRIND)
        values = {"PATH": self.path("bin") + ":" + os.environ["PATH"], "BYTES": "65536000",
                  "PLAIN": "1000000", "WITH": "1010000", **environment}
        return run_tool("heap-instructions", *arguments, env=values)

    def test_few_more_instructions_are_fine(self):
        result = self.count("library", "heavy")
        self.assertEqual(0, result.returncode, result.stdout + result.stderr)
        self.assertNotIn("ABOVE", result.stdout)

    def test_more_than_a_bound_is_told(self):
        result = self.count("library", "heavy", WITH="9000000")
        self.assertEqual(1, result.returncode)
        self.assertRegex(result.stdout, r"start, exit and an empty profile .* ABOVE\n")

    def test_what_cannot_be_counted_is_told(self):
        self.assertEqual(3, self.count("library", "heavy", STATUS="9").returncode)
        self.assertEqual(2, self.count("library").returncode)


if __name__ == "__main__":
    tap.main()
