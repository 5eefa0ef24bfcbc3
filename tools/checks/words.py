"""What must not stand in any file, and how text files are written."""

import os
import re

from checks.tree import Finding

# In pieces, so that this file is not its own finding.
LEFTOVERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
UNFINISHED = re.compile(r"\b(not implemented|unimplemented|placeholder|for now)\b", re.IGNORECASE)
WORKPLACE = re.compile(r"(?<![\w.])/wo" r"rk/(main|wt|shared|\.library)\b")

TABS_ALLOWED = ("Makefile", ".go", ".tsv")
SPACES_ALLOWED = (".md", ".csv", ".tsv", ".patch")


def judged(tree):
    """Text files that people wrote here: not a fuzzer's inputs, recorded results, or a library."""
    others = ("fuzz/corpus/", "bench/results/", "ui/vendor/")
    return [path for path in tree.files
            if not path.startswith(others) and tree.is_text(path)]


def check_leftovers(tree):
    for path in judged(tree):
        for number, line in enumerate(tree.lines(path), 1):
            for match in LEFTOVERS.finditer(line):
                yield Finding(path, number, f"{match.group(1)}: do it or file it")
            if path.endswith((".c", ".h")):
                for match in UNFINISHED.finditer(line):
                    yield Finding(path, number, f"'{match.group(1)}': finish it or file it")


def check_workplace(tree):
    for path in judged(tree):
        for number, line in enumerate(tree.lines(path), 1):
            if WORKPLACE.search(line):
                yield Finding(path, number, "a path of one person's machine")


def check_whitespace(tree):
    for path in judged(tree):
        text = tree.text(path)
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip() and not path.endswith(SPACES_ALLOWED):
                yield Finding(path, number, "blanks at the end of the line")
            if "\t" in line and not path.endswith(TABS_ALLOWED):
                yield Finding(path, number, "a tab; indent with blanks")
        if text and not text.endswith("\n"):
            yield Finding(path, len(tree.lines(path)), "no newline at the end of the file")


def check_executable(tree):
    for path in judged(tree):
        if tree.text(path).startswith("#!") and not os.access(tree.absolute(path), os.X_OK):
            yield Finding(path, 1, "begins with #! and is not executable")


CHECKS = (check_leftovers, check_workplace, check_whitespace, check_executable)
