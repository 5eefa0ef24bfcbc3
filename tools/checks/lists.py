"""Nothing is left out: builds name all sources, fuzz targets have a corpus, links an end."""

import os
import re

from checks.tree import COMMENT_OR_STRING, Finding

LISTED = (
    # folder, names that count, what stands in the list beside the file's own name
    ("include/sluice/", re.compile(r"\.h$"), None),
    ("src/", re.compile(r"\.c$"), None),
    ("examples/", re.compile(r"\.c$"), None),
    ("tests/", re.compile(r"_test\.(c|py)$"), re.compile(r"_test\.(c|py)$")),
    ("bench/", re.compile(r"_bench\.c$"), re.compile(r"_bench\.c$")),
    ("fuzz/", re.compile(r"_fuzz\.c$"), re.compile(r"_fuzz\.c$")),
)


# [text](target#section), where the target is neither a section of the page nor elsewhere.
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(?:#[^)]*)?\)")


def check_lists(tree):
    """A source that no meson.build names is never compiled, and nobody notices."""
    for folder, counts, tail in LISTED:
        for path in tree.files:
            if not path.startswith(folder) or not counts.search(path):
                continue
            name = os.path.basename(path)
            names = {name, os.path.splitext(name)[0]}
            if tail:
                names.add(tail.sub("", name))
            builds = meson_builds(tree, os.path.dirname(path))
            if not any(f"'{form}'" in tree.text(build) or f"/{form}'" in tree.text(build)
                       for build in builds for form in names):
                yield Finding(path, 1, f"is in no meson.build of {os.path.dirname(path)}/ or above")


def meson_builds(tree, folder):
    """meson.build of the folder and of those above it."""
    found = []
    while True:
        path = os.path.join(folder, "meson.build")
        if path in tree.files:
            found.append(path)
        if not folder:
            return found
        folder = os.path.dirname(folder)


def check_fuzz_targets(tree):
    for path in tree.select("_fuzz.c", under=("fuzz/",)):
        name = os.path.basename(path).removesuffix("_fuzz.c")
        if not any(file.startswith(f"fuzz/corpus/{name}/") for file in tree.files):
            yield Finding(path, 1, f"has no corpus: fuzz/corpus/{name}/ is empty")
        opening = COMMENT_OR_STRING.search(tree.text(path))
        if not opening or not re.search(r"\bpropert(y|ies)\b", opening.group(), re.IGNORECASE):
            yield Finding(path, 1, "states no property: its opening comment says what must hold, "
                                   "beginning with 'Property:'")


def check_thread_suites(tree):
    """A test with threads is in the suite that runs under ThreadSanitizer."""
    for path in tree.select("_test.c", under=("tests/",)):
        threads = [include for include in tree.includes(path)
                   if include.name in ("pthread.h", "threads.h")]
        build = os.path.join(os.path.dirname(path), "meson.build")
        if not threads or build not in tree.files:
            continue
        name = os.path.basename(path).removesuffix(".c")
        blocks = re.split(r"(?m)^(?=foreach\b|test\()", tree.text(build))
        if not any(f"'{name}'" in block and "'threads'" in block for block in blocks):
            yield Finding(path, threads[0].line, f"starts threads; {build} must put it into the "
                                                 "suite 'threads', for ThreadSanitizer")


def check_links(tree):
    """A page's link into the tree leads somewhere."""
    for path in tree.select(".md"):
        for number, line in enumerate(tree.lines(path), 1):
            for target in LINK.findall(line):
                place = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if not any(file == place or file.startswith(place + "/") for file in tree.files):
                    yield Finding(path, number, f"the link to {target} leads nowhere")


CHECKS = (check_lists, check_fuzz_targets, check_thread_suites, check_links)
