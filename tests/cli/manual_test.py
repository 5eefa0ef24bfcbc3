#!/usr/bin/python3
"""manual_test.py SLUICE SAMPLE PAGES: the manual pages, as man, groff and mandoc read them.

PAGES is the folder of the pages that the build made for installation. A reader that is not
installed is a skip with that reason.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import tap  # noqa: E402

SLUICE, SAMPLE, PAGES = map(os.path.abspath, sys.argv[1:4])


def written(program):
    """All pages of a program, by name."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "man", "--directory", folder], check=True, timeout=60)
        pages = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                pages[name] = file.read()
        return pages


def read_page(reader, page):
    path = shutil.which(reader[0])
    if path is None:
        raise tap.Skip(f"{reader[0]} is not installed")
    with tempfile.NamedTemporaryFile("w", suffix=".1") as file:
        file.write(page)
        file.flush()
        environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
        return subprocess.run([path, *reader[1:], file.name], stdout=subprocess.PIPE, timeout=60,
                              stderr=subprocess.PIPE, check=False, env=environment)


def every_page(reader, check):
    for program in (SLUICE, SAMPLE):
        for name, page in written(program).items():
            done = read_page(reader, page)
            complaints = done.stdout.decode() + done.stderr.decode()
            assert check(done, complaints), (name, complaints)


def the_build_installs_a_page_for_every_command():
    pages = written(SLUICE)
    installed = {name for name in os.listdir(PAGES) if re.fullmatch(r"sluice.*\.1", name)}
    assert set(pages) == installed, (set(pages), installed)
    for name, page in pages.items():
        with open(os.path.join(PAGES, name), encoding="utf-8") as file:
            assert file.read() == page
    assert "sluice-man.1" not in pages


def names_of_two_words_and_groups_have_pages():
    pages = written(SAMPLE)
    assert {"sample.1", "sample-heap.1", "sample-heap-top.1"} <= set(pages), set(pages)
    done = subprocess.run([SAMPLE, "man", "heap", "top"], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode() == pages["sample-heap-top.1"]


def man_has_no_warnings():
    every_page(["man", "--warnings", "-l"],
               lambda done, _: done.returncode == 0 and not done.stderr)


def groff_has_no_warnings():
    every_page(["groff", "-man", "-Tutf8", "-ww", "-z"], lambda _, complaints: not complaints)


def mandoc_finds_nothing_but_the_missing_date():
    """Pages carry no date, so that two builds of one version are equal."""
    def check(_, complaints):
        lines = [line for line in complaints.splitlines() if "missing date" not in line]
        return not [line for line in lines if "STYLE: input text line longer" not in line]

    every_page(["mandoc", "-T", "lint"], check)


def what_looks_like_roff_is_shown_as_text():
    page = written(SAMPLE)["sample-heap-top.1"]
    shown = re.sub(r".\x08", "", read_page(["man", "-l"], page).stdout.decode())
    shown = " ".join(shown.split())
    for expected in (r".PP 'and \fBthis\fR -- as text.", r"--site 'a\.b' -n 5 .",
                     "sample heap top [OPTIONS] SOURCE ...",
                     "-n, --count N How many rows (a whole number from 1 to 3600; default 10)."):
        assert expected in shown, (expected, shown)


def a_folder_that_is_not_there_is_an_error():
    done = subprocess.run([SLUICE, "man", "--directory", "/nonexistent/x"], stderr=subprocess.PIPE,
                          check=False, timeout=60)
    assert done.returncode == 3, done
    assert done.stderr.decode() == ("sluice man: cannot write '/nonexistent/x/sluice.1': "
                                    "No such file or directory\n"), done


if __name__ == "__main__":
    sys.exit(tap.run([
        the_build_installs_a_page_for_every_command,
        names_of_two_words_and_groups_have_pages,
        man_has_no_warnings,
        groff_has_no_warnings,
        mandoc_finds_nothing_but_the_missing_date,
        what_looks_like_roff_is_shown_as_text,
        a_folder_that_is_not_there_is_an_error,
    ]))
