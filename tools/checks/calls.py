"""Calls that are banned, everywhere or outside the one place that may make them."""

import re
from typing import Callable, NamedTuple

from checks.arrows import LIBSLUICE, folder_of
from checks.tree import Finding, line_of


def _everywhere(path):
    return True


def _in_library(path):
    return folder_of(path) in LIBSLUICE or path.startswith("include/")


def _in_library_but_budget(path):
    return _in_library(path) and path != "src/base/budget.c"


def _in_library_but_budget_and_sys(path):
    """A thread's stack is mapped in sys, and charged there."""
    return _in_library_but_budget(path) and folder_of(path) != "sys"


def _in_library_but_sys(path):
    return _in_library(path) and folder_of(path) != "sys"


def _in_library_but_assert(path):
    return _in_library(path) and path != "src/base/assert.c"


def _takes_time_as_argument(path):
    """Examples and benchmarks are programs with a clock of their own; sys is where ours is read."""
    return folder_of(path) != "sys" and not path.startswith(("bench/", "examples/", "tests/sys/"))


def _must_not_wait(path):
    return folder_of(path) != "sys" and not path.startswith("bench/")


class Ban(NamedTuple):
    names: str
    applies: Callable
    instead: str


BANS = (
    Ban("strcpy strcat stpcpy sprintf vsprintf gets", _everywhere,
        "it does not know its room: use snprintf or memcpy with a length"),
    Ban("alloca", _everywhere, "the stack has no error to return: use a fixed array or the budget"),
    Ban("rand srand random srandom drand48 lrand48", _everywhere,
        "randomness comes from sys, and in tests from test_random_start"),
    Ban("strtok", _everywhere, "it keeps state between calls: use strcspn and strspn"),
    Ban("atoi atol atoll atof", _everywhere, "it hides errors: use strtol, strtoull or strtod"),
    Ban("system popen", _everywhere, "no shell: use posix_spawn"),
    Ban("tmpnam tempnam mktemp", _everywhere, "the name can be taken: use mkstemp or mkdtemp"),
    Ban("malloc calloc realloc reallocarray aligned_alloc posix_memalign memalign valloc free "
        "strdup strndup asprintf vasprintf", _in_library_but_budget,
        "memory comes from slu_budget_alloc, in src/base/budget.c"),
    Ban("mmap mremap munmap", _in_library_but_budget_and_sys,
        "memory comes from slu_budget_alloc, in src/base/budget.c"),
    Ban("clock_gettime gettimeofday time timespec_get clock", _takes_time_as_argument,
        "time is an argument; only src/sys reads clocks"),
    Ban("getrandom getentropy arc4random", _takes_time_as_argument,
        "only src/sys reads randomness"),
    Ban("sleep usleep nanosleep clock_nanosleep thrd_sleep", _must_not_wait,
        "wait for the event, not for time"),
    Ban("open openat creat fopen fdopen socket connect accept bind listen", _in_library_but_sys,
        "only src/sys opens files and sockets"),
    Ban("printf fprintf vprintf vfprintf puts fputs putchar perror exit _exit abort",
        _in_library_but_assert, "libraries return; only programs print or exit"),
    Ban("getenv setenv putenv", _in_library, "options come as arguments"),
)

SLEEP_IN_SCRIPT = {
    ".py": re.compile(r"\btime\.sleep\s*\("),
    ".sh": re.compile(r"(^|[;&|]\s*|\bdo\s+)sleep\s+[\d.$]"),
}


def _pattern(ban):
    # Not a member (a->free(b), a.free(b)) and not the end of a longer name.
    return re.compile(r"(?<![\w.>])(" + "|".join(ban.names.split()) + r")\s*\(")


COMPILED = tuple((ban, _pattern(ban)) for ban in BANS)


def check_calls(tree):
    for path in tree.c_files():
        code = tree.code(path)
        for ban, pattern in COMPILED:
            if ban.applies(path):
                for match in pattern.finditer(code):
                    yield Finding(path, line_of(code, match.start()),
                                  f"{match.group(1)}() is banned here: {ban.instead}")


def check_script_sleeps(tree):
    for suffix, pattern in SLEEP_IN_SCRIPT.items():
        for path in tree.select(suffix, under=("tests/",)):
            for number, line in enumerate(tree.lines(path), 1):
                if pattern.search(line):
                    yield Finding(path, number, "a test that sleeps: wait for the event instead")


CHECKS = (check_calls, check_script_sleeps)
