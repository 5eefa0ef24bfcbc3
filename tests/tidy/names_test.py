"""tools/tidy on names."""

import tap
from good_tree import TidyTestCase, header


class Names(TidyTestCase):
    def declare(self, text):
        """`text` as line 4 of a private header."""
        self.write("src/base/slot.h", header("BASE_SLOT_H", "\n" + text + "\n"))

    def declare_public(self, text):
        self.replace("include/sluice/thing.h", "struct slu_thing;\n",
                     f"struct slu_thing;\n{text}\n")

    def test_a_file_or_folder_without_an_idea_in_its_name_is_found(self):
        for path in ("src/base/util.c", "src/base/string_utils.c", "src/base/common.c",
                     "src/base/misc.c"):
            with self.subTest(path):
                self.setUp()
                self.add_source(path, '#include "base/slot.h"\n')
                self.assert_finding(path + ":1", "names no idea")
        self.setUp()
        self.write("tests/helpers/a.txt", "\n")
        self.write("tests/helpers/b.txt", "\n")
        self.assert_finding("tests/helpers/a.txt:1", "tests/helpers names no idea")

    def test_a_typedef_of_a_struct_is_found(self):
        for text in ("typedef struct slot slot;", "typedef struct {\n    int at;\n} slot;",
                     "typedef enum { SLOT_FREE } slot;", "typedef union slot slot;"):
            with self.subTest(text):
                self.declare(text)
                self.assert_finding("src/base/slot.h:4", "no typedef of a")

    def test_a_typedef_of_a_handle_or_a_callback_is_allowed(self):
        self.declare("typedef int slot_handle;\nstruct slot;\n"
                     "typedef struct slot *(*slot_visit)(int at);")
        self.assert_clean()

    def test_a_name_in_t_is_found(self):
        self.declare("typedef int slot_t;")
        self.assert_finding("src/base/slot.h:4", "slot_t: names in _t belong to POSIX")
        self.declare("struct slot_t;\n\nstruct slot_t {\n    int at;\n};")
        self.assert_finding("src/base/slot.h:6", "slot_t")

    def test_public_names_begin_with_slu(self):
        for text in ("struct other {\n    int at;\n};", "int count_things(void);",
                     "typedef int thing_handle;", "enum slu_kind { KIND_ONE };",
                     "#define THING_SPAN 1", "enum kind { SLU_KIND_ONE };"):
            with self.subTest(text):
                self.declare_public(text)
                self.assert_finding("include/sluice/thing.h:10", "does not begin with")

    def test_abbreviations_are_found_in_what_others_read(self):
        for line, text in ((4, "int slot_cnt(void);"), (5, "struct slot {\n    int next_idx;\n};"),
                           (4, "enum mgr { SLOT_FREE };"), (4, "enum slot { SLOT_TMP };")):
            with self.subTest(text):
                self.declare(text)
                self.assert_finding(f"src/base/slot.h:{line}", "abbreviation")

    def test_a_bound_ends_in_max_or_min(self):
        self.declare("#define MAX_SLOTS 4")
        self.assert_finding("src/base/slot.h:4", "ends in _MAX")
        self.declare("#define SLOTS_MAX 4")
        self.assert_clean()


if __name__ == "__main__":
    tap.main()
