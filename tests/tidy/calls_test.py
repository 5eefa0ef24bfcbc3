"""tools/tidy on banned calls."""

import tap
from good_tree import TidyTestCase


class Calls(TidyTestCase):
    def call_from(self, path, call):
        """`call` as line 5 of the source at `path`."""
        own = '"base/slot.h"' if path.startswith("src/base/") else "<sluice/thing.h>"
        if path.startswith("src/base/budget"):
            own = "<sluice/thing.h>"
        self.add_source(path, f"#include {own}\n\nvoid probe(void)\n{{\n    {call};\n}}\n")

    def test_what_is_banned_everywhere_is_found_everywhere(self):
        for call in ("strcpy(a, b)", "strcat(a, b)", "sprintf(a, b)", "vsprintf(a, b, c)",
                     "gets(a)", "alloca(1)", "x = rand()", "srand(1)", "strtok(a, b)",
                     "x = atoi(a)", "system(a)"):
            for path in ("src/cli/probe.c", "tests/base/slot.c", "bench/slot.c", "examples/slot.c"):
                with self.subTest(call=call, path=path):
                    self.setUp()
                    self.call_from(path, call)
                    self.assert_finding(path + ":5", "is banned here")

    def test_longer_names_members_comments_and_strings_are_no_calls(self):
        self.call_from("src/base/slot.c",
                       'my_strcpy(a); a->free(b); a.free(b); f("malloc(1)"); /* gets(a) */')
        self.assert_clean()

    def test_library_memory_comes_from_the_budget(self):
        for call in ("malloc(1)", "calloc(1, 1)", "realloc(a, 1)", "free(a)", "mmap(a)",
                     "strdup(a)"):
            with self.subTest(call):
                self.setUp()
                self.call_from("src/base/slot.c", call)
                self.assert_finding("src/base/slot.c:5", "slu_budget_alloc")

    def test_the_budget_and_programs_may_allocate(self):
        self.call_from("src/base/budget.c", "free(malloc(1))")
        self.call_from("src/cli/probe.c", "free(malloc(1))")
        self.assert_clean()

    def test_sys_may_map_a_stack_and_no_other_library_folder(self):
        self.call_from("src/sys/stack.c", "munmap(mmap(a), 1)")
        self.assert_clean()
        self.call_from("src/sys/slot.c", "free(a)")
        self.assert_finding("src/sys/slot.c:5", "slu_budget_alloc")

    def test_only_sys_reads_clocks_and_randomness(self):
        for call in ("clock_gettime(a, b)", "x = time(0)", "gettimeofday(a, b)",
                     "getrandom(a, b, c)"):
            for path in ("src/base/slot.c", "src/cli/probe.c", "tests/base/slot.c", "fuzz/slot.c"):
                with self.subTest(call=call, path=path):
                    self.setUp()
                    self.call_from(path, call)
                    self.assert_finding(path + ":5", "only src/sys")

    def test_benchmarks_and_examples_have_a_clock(self):
        self.call_from("bench/slot.c", "clock_gettime(a, b)")
        self.call_from("examples/slot.c", "clock_gettime(a, b)")
        self.call_from("src/sys/slot.c", "clock_gettime(a, b)")
        self.assert_clean()

    def test_nothing_but_sys_and_benchmarks_waits_for_time(self):
        for call in ("sleep(1)", "usleep(1)", "nanosleep(a, b)", "clock_nanosleep(a, b, c, d)"):
            for path in ("src/cli/probe.c", "tests/base/slot.c", "tests/sys/slot.c"):
                with self.subTest(call=call, path=path):
                    self.setUp()
                    self.call_from(path, call)
                    self.assert_finding(path + ":5", "wait for the event")

    def test_libraries_do_not_print_exit_open_or_read_the_environment(self):
        for call in ("printf(a)", "exit(1)", "abort()", "fopen(a, b)", "socket(a, b, c)",
                     "getenv(a)"):
            with self.subTest(call):
                self.setUp()
                self.call_from("src/base/slot.c", call)
                self.assert_finding("src/base/slot.c:5", "is banned here")

    def test_a_script_that_sleeps_is_found(self):
        self.write("tests/base/wait_test.sh", "true\nsleep 1\n")
        self.assert_finding("tests/base/wait_test.sh:2", "a test that sleeps")
        self.setUp()
        self.add_source("tests/base/wait_test.py", "import time\n\ntime.sleep(1)\n")
        self.assert_finding("tests/base/wait_test.py:3", "a test that sleeps")


if __name__ == "__main__":
    tap.main()
