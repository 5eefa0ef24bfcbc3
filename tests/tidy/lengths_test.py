"""tools/tidy on lengths of files, functions and lines."""

import tap
from good_tree import TidyTestCase

BEGIN = '#include "base/slot.h"\n\n'


class Lengths(TidyTestCase):
    def test_a_file_has_at_most_1000_lines(self):
        self.add_source("src/base/slot.c", BEGIN + "\n" * 998)
        self.assert_clean()
        self.write("src/base/slot.c", BEGIN + "\n" * 999)
        self.assert_finding("src/base/slot.c:1001", "1001 lines")

    def test_a_function_has_at_most_70_lines(self):
        def source(lines):
            return BEGIN + "static void slot_fill(void)\n{\n" + "\n" * (lines - 3) + "}\n"
        self.add_source("src/base/slot.c", source(70))
        self.assert_clean()
        self.write("src/base/slot.c", source(71))
        self.assert_finding("src/base/slot.c:3", "slot_fill has 71 lines")

    def test_a_function_in_a_header_counts_too(self):
        self.replace("src/base/slot.h", "};\n", "};\n\nstatic inline void slot_fill(void)\n{\n"
                     + "\n" * 68 + "}\n")
        self.assert_finding("src/base/slot.h:8", "slot_fill has 71 lines")

    def test_a_line_has_at_most_100_columns(self):
        self.add_source("src/base/slot.c", BEGIN + "/*" + "m" * 96 + "*/\n")
        self.assert_clean()
        self.write("src/base/slot.c", BEGIN + "/*" + "m" * 97 + "*/\n")
        self.assert_finding("src/base/slot.c:3", "101 columns")

    def test_columns_are_characters_and_prose_is_free(self):
        self.add_source("src/base/slot.c", BEGIN + "/*" + "\u00fc" * 96 + "*/\n")
        self.write("README.md", "m" * 200 + "\n")
        self.assert_clean()


if __name__ == "__main__":
    tap.main()
