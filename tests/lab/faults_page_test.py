#!/usr/bin/python3
"""faults_page_test.py SLUICE PAGE HEADERS: docs/faults.md is as the programs are: a page for each
case, with code in both languages, the verdict that it gets, and a picture of what a run draws now.
"""

import json
import os
import re
import subprocess
import sys

import tap

SLUICE, PAGE, HEADERS = (os.path.abspath(path) for path in sys.argv[1:4])
HEADS = ["form", "served", "late", "failed", "p99", "resident", "in use", "verdict"]
CURVES = ("faulty resident", "fixed resident", "faulty in use", "fixed in use")


def listed():
    done = subprocess.run([SLUICE, "lab", "list", "--json"], capture_output=True, text=True,
                          check=True, timeout=60)
    return {case["name"]: case["pattern"] for case in json.loads(done.stdout)}


def pages():
    """{name of a case: its page}."""
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    found = re.split(r"^## `([a-z-]+)`: ", text, flags=re.MULTILINE)
    return found[0], dict(zip(found[1::2], found[2::2]))


def table_of(page):
    """{form: cells} of the figures below a picture; the columns begin where the heads do."""
    rows = re.search(r"^form .*\n(?:.+\n)+?(?=```)", page, re.MULTILINE).group(0).splitlines()
    cells = [re.split(r"  +", re.sub(r"(\d) +([KMG]?i?B\b)", r"\1 \2", row)) for row in rows]
    return [head.strip() for head in cells[0]], {row[0]: row for row in cells[1:]}


def each_fault_has_a_page_and_each_page_a_fault():
    first, found = pages()
    cases = listed()
    assert list(found) == [name for name, pattern in cases.items() if pattern != "healthy"], found
    for name, pattern in cases.items():
        assert pattern != "healthy" or f"`{name}`" in first, name


def a_page_has_code_signature_fix_and_verdict():
    _, found = pages()
    for name, pattern in listed().items():
        page = found.get(name)
        if page is None:
            continue
        parts = [page.find(part) for part in ("Verdict: ", "```go\n", "```c\n", "**Signature.** ",
                                              "**Fix.** ", "\nform")]
        assert -1 not in parts and parts == sorted(parts), (name, parts)
        assert f"Verdict: `{pattern or 'healthy'}`" in page, (name, pattern)


def a_fix_names_what_the_library_has():
    headers = ""
    for name in os.listdir(HEADERS):
        with open(os.path.join(HEADERS, name), encoding="utf-8") as file:
            headers += file.read()
    for name, page in pages()[1].items():
        used = re.findall(r"`((?:slu|SLU)_\w+)`", page)
        assert used, name
        for word in used:
            assert re.search(rf"\b{word}", headers), (name, word)


def a_picture_is_of_a_run_that_was_known():
    cases = listed()
    for name, page in pages()[1].items():
        assert all(curve in page for curve in CURVES), name
        heads, rows = table_of(page)
        assert heads == HEADS, (name, heads)
        assert rows["faulty"][-1] == (cases[name] or "healthy"), (name, rows)
        assert rows["fixed"][-1] == "healthy", (name, rows)
        assert rows["faulty"][HEADS.index("failed")] == "0", (name, rows)


def a_run_draws_what_the_pages_show():
    done = subprocess.run([SLUICE, "lab", "run", "gateway", "--both", "--rate", "500", "--seconds",
                           "3", "--listen", "none"], capture_output=True, text=True, check=False,
                          timeout=120)
    assert done.returncode in (0, 1), done
    assert all(curve in done.stdout for curve in CURVES), done.stdout
    heads, rows = table_of(done.stdout.replace("\n\n", "\n```\n"))
    assert heads == HEADS and set(rows) == {"faulty", "fixed"}, (heads, rows)


if __name__ == "__main__":
    sys.exit(tap.run([
        each_fault_has_a_page_and_each_page_a_fault,
        a_page_has_code_signature_fix_and_verdict,
        a_fix_names_what_the_library_has,
        a_picture_is_of_a_run_that_was_known,
        a_run_draws_what_the_pages_show,
    ]))
