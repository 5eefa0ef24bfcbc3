#!/usr/bin/python3
"""table_test.py: the tables in docs/verdicts.md are those of the code."""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import tap  # noqa: E402


def text(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def as_words(name):
    return name.lower().replace("_", "-")


def the_documentation_has_every_rule_and_no_other():
    rules = re.findall(r"\{PATTERN_(\w+), FACT_(\w+), (-?\d+), (-?\d+), (true|false)\}",
                       text("src", "diagnose", "verdict_table.c"))
    wanted = [(as_words(pattern), as_words(fact), if_so, if_not, "yes" if needed == "true" else "")
              for pattern, fact, if_so, if_not, needed in rules]
    told = re.findall(r"^\| ([\w-]+) \| ([\w-]+) \| (-?\d+) \| (-?\d+) \| ?(\w*) ?\|$",
                      text("docs", "verdicts.md"), re.MULTILINE)
    assert len(wanted) > 30 and told == wanted, set(told) ^ set(wanted)


def the_documentation_has_every_row_of_the_crosscheck():
    rows = re.findall(r"CROSSCHECK_\w+,\s*((?:\"[^\"]*\"\s*)+)\}",
                      text("src", "diagnose", "crosscheck.c"))
    wanted = ["".join(re.findall(r"\"([^\"]*)\"", row)) for row in rows]
    told = re.findall(r"\| ([^|]*) \|$", text("docs", "verdicts.md"), re.MULTILINE)
    assert len(wanted) > 10 and [each for each in told if each in wanted] == wanted, wanted


def every_pattern_is_explained():
    ids = re.findall(r"\{\"([a-z-]+)\",", text("src", "diagnose", "verdict_table.c"))
    assert len(ids) == 8, ids
    for each in ids:
        assert f"| `{each}` |" in text("docs", "verdicts.md"), each


sys.exit(tap.run([
    the_documentation_has_every_rule_and_no_other,
    the_documentation_has_every_row_of_the_crosscheck,
    every_pattern_is_explained,
]))
