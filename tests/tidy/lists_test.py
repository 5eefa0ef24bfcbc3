"""tools/tidy on sources that no build names and fuzz targets without corpus or property."""

import os

import tap
from good_tree import FUZZ_C, TidyTestCase, header


class Lists(TidyTestCase):
    def test_a_source_that_is_not_built_is_found(self):
        for path, text in (("src/base/slot.c", '#include "base/slot.h"\n'),
                           ("examples/other.c", ""), ("tests/base/slot_test.c", ""),
                           ("tests/base/slot_test.py", ""), ("bench/slot_bench.c", "")):
            with self.subTest(path):
                self.setUp()
                self.write(path, text)
                self.assert_finding(path + ":1", "is in no meson.build")

    def test_a_public_header_that_is_not_installed_is_found(self):
        self.write("include/sluice/other.h", header("SLUICE_OTHER_H"))
        self.add_source("src/base/other.c", "#include <sluice/other.h>\n")
        self.assert_finding("include/sluice/other.h:1", "is in no meson.build")

    def test_a_build_file_above_may_name_a_source(self):
        self.write("tests/meson.build", "static_library('harness', 'harness/clock_test.c')\n")
        self.write("tests/harness/clock_test.c", "#include <stdio.h>\n")
        self.assert_clean()

    def test_a_fuzz_target_has_a_corpus(self):
        os.remove(self.path("fuzz/corpus/thing/one"))
        self.assert_finding("fuzz/thing_fuzz.c:1", "fuzz/corpus/thing/ is empty")

    def test_a_fuzz_target_states_its_property(self):
        self.write("fuzz/thing_fuzz.c", FUZZ_C.replace("Property: a count", "A count"))
        self.assert_finding("fuzz/thing_fuzz.c:1", "states no property")

    def test_a_test_with_threads_is_in_the_suite_threads(self):
        self.write("tests/base/thing_test.c", "#include <sluice/thing.h>\n\n#include <pthread.h>\n")
        self.assert_finding("tests/base/thing_test.c:3", "suite 'threads'")
        self.write("tests/base/meson.build",
                   "foreach name : ['thing_test']\n"
                   "  test(name, suite: ['base', 'threads'])\nendforeach\n")
        self.assert_clean()
        self.write("tests/base/meson.build",
                   "foreach name : ['thing_test']\n"
                   "  test(name, suite: 'base')\nendforeach\n"
                   "test('other', suite: ['base', 'threads'])\n")
        self.assert_finding("tests/base/thing_test.c:3", "suite 'threads'")

    def test_a_link_of_a_page_leads_somewhere(self):
        self.write("docs/page.md", "[a](../src/base/), [b](other.md#part), [c](#part),\n"
                                   "[d](https://example.org/x), [e](../Makefile)\n")
        self.write("docs/other.md", "# Part\n")
        self.assert_clean()
        self.write("docs/page.md", "\n[a](elsewhere.md)\n")
        self.assert_finding("docs/page.md:2", "elsewhere.md leads nowhere")


if __name__ == "__main__":
    tap.main()
