"""tools/tidy on headers: guards, order, each alone."""

import os

import tap
from good_tree import TidyTestCase, header


class Headers(TidyTestCase):
    def test_a_header_without_a_guard_is_found(self):
        self.write("src/base/slot.h", "struct slot;\n")
        self.assert_finding("src/base/slot.h:1", "guard BASE_SLOT_H")

    def test_a_guard_that_does_not_enclose_everything_is_found(self):
        self.write("src/base/slot.h", header("BASE_SLOT_H") + "struct slot;\n")
        self.assert_finding("src/base/slot.h:1", "guard BASE_SLOT_H")

    def test_a_guard_is_named_by_folder_and_file(self):
        self.write("src/base/slot.h", "/* Slots. */\n" + header("SLOT_H"))
        self.assert_finding("src/base/slot.h:2", "guard SLOT_H should be BASE_SLOT_H")

    def test_a_public_guard_begins_with_sluice(self):
        self.replace("include/sluice/thing.h", "SLUICE_THING_H", "SLU_THING_H")
        self.assert_finding("include/sluice/thing.h:2", "SLU_THING_H should be SLUICE_THING_H")

    def test_a_header_named_as_its_folder_may_say_so_once(self):
        self.write("src/store/store.h", header("STORE_H"))
        self.assert_clean()

    def test_a_guard_in_tests_may_name_the_upper_folder_alone(self):
        for guard in ("TESTS_CLOCK_H", "TESTS_HARNESS_CLOCK_H"):
            self.write("tests/harness/clock.h", header(guard))
            self.assert_clean()
        self.write("tests/harness/clock.h", header("CLOCK_H"))
        self.assert_finding("tests/harness/clock.h:1", "should be TESTS_HARNESS_CLOCK_H")
        self.write("tests/harness/clock.h", header("TESTS_CLOCK_H"))
        self.write("tests/harness/harness.h", header("TESTS_HARNESS_H"))
        self.write("bench/harness/bench.h", header("BENCH_H"))
        self.assert_clean()

    def add_template(self):
        """fold.h of the table in tools/checks/headers.py, with a part, and its source."""
        self.add_source("include/sluice/fold.h", header(
            "SLUICE_FOLD_H", "#include <stddef.h>\n")
            + "static inline SLU_FOLD_VALUE SLU_FOLD_NAME(void)\n{\n    return 0;\n}\n"
              "#include <sluice/fold_turn.h>\n")
        self.add_source("include/sluice/fold_turn.h", '#ifndef SLU_FOLD_NAME\n'
                        '#error "include fold.h"\n#endif\nSLU_FOLD_VALUE slu_turn(void);\n')
        self.add_source("include/sluice/fold_block.h", header("SLUICE_FOLD_BLOCK_H"))
        self.write("src/window/meson.build", "")
        self.add_source("src/window/fold.c", "#include <sluice/fold_block.h>\n")

    def test_a_template_header_compiles_with_the_definitions_of_the_table(self):
        self.add_template()
        self.assert_clean()
        self.write("include/sluice/fold.h",
                   self.read("include/sluice/fold.h").replace("return 0", "return SLU_FOLD_LATE"))
        self.assert_findings(*[("include/sluice/fold.h:1", f"alone with {compiler}: ")
                               for compiler in ("clang++", "clang", "g++", "gcc")])

    def test_a_part_is_one_of_a_template_only(self):
        self.add_template()
        self.write("include/sluice/fold.h", self.read("include/sluice/fold.h").replace(
            "#include <sluice/fold_turn.h>\n", ""))
        self.assert_findings(*[("include/sluice/fold_turn.h:1", f"alone with {compiler}: ")
                               for compiler in ("clang++", "clang", "g++", "gcc")],
                             ("include/sluice/fold_turn.h:1", "not enclosed in a guard"))

    def test_a_template_of_one_test_is_compiled_in_it(self):
        self.write("tests/base/subject.h", "int SUBJECT(void);\n")
        self.write("tests/base/thing_test.c", '#define SUBJECT one\n#include "subject.h"\n'
                   '#undef SUBJECT\n#define SUBJECT two\n#include "subject.h"\n')
        self.assert_clean()
        self.write("tests/base/thing_test.c", '#define SUBJECT one\n#include "subject.h"\n')
        self.assert_finding("tests/base/subject.h:1", "guard")

    def test_a_source_includes_its_own_header_first(self):
        self.write("src/store/store.c", '#include <stdio.h>\n\n#include "store/store.h"\n')
        self.assert_finding("src/store/store.c:1", "own header comes first: store/store.h")

    def test_a_source_without_a_header_of_its_name_begins_with_system_headers(self):
        self.add_source("src/store/seal.c", '#include <stdio.h>\n\n#include "store/store.h"\n')
        self.assert_clean()

    def test_system_headers_come_before_ours(self):
        self.write("src/store/store.c", '#include "store/store.h"\n\n#include "base/slot.h"\n'
                                        "#include <stdio.h>\n")
        self.assert_finding("src/store/store.c:4", "<stdio.h> comes after our headers")

    def test_system_headers_come_before_ours_in_headers_too(self):
        self.write("src/store/store.h",
                   header("STORE_STORE_H", '#include "base/slot.h"\n#include <stdio.h>\n'))
        self.assert_finding("src/store/store.h:4", "<stdio.h> comes after our headers")

    def test_a_private_header_compiles_alone_in_c(self):
        self.write("src/store/store.h", header("STORE_STORE_H", "size_t store_size(void);\n"))
        self.assert_findings(("src/store/store.h:1", "alone with clang"),
                             ("src/store/store.h:1", "alone with gcc"))

    def test_what_has_passed_is_looked_at_again_when_what_it_includes_changes(self):
        os.makedirs(self.path("build"))
        self.write("src/store/store.h", header(
            "STORE_STORE_H", '#include "base/slot.h"\nint store_open(struct slot *slot);\n'))
        self.assert_clean()
        self.assert_clean()
        self.write("src/base/slot.h", header("BASE_SLOT_H", "enum slot { SLOT_FREE };\n"))
        self.assert_findings(("src/store/store.h:1", "alone with clang"),
                             ("src/store/store.h:1", "alone with gcc"))
        self.assert_findings(("src/store/store.h:1", "alone with clang"),
                             ("src/store/store.h:1", "alone with gcc"))

    def test_a_private_header_may_be_no_cxx(self):
        self.write("src/store/store.h", header("STORE_STORE_H", "int store_open(int new);\n"))
        self.assert_clean()

    def test_a_public_header_compiles_alone_in_cxx(self):
        self.replace("include/sluice/thing.h", "*thing);", "*new);")
        self.assert_findings(("include/sluice/thing.h:1", "alone with clang++"),
                             ("include/sluice/thing.h:1", "alone with g++"))


if __name__ == "__main__":
    tap.main()
