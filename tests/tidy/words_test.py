"""tools/tidy on leftovers, workplace paths, blanks and executable bits, and on its own use."""

import os

import tap
from good_tree import TidyTestCase
from repository import run_tool

BEGIN = '#include "base/slot.h"\n\n'


class Words(TidyTestCase):
    def test_leftovers_are_found_in_any_text(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X"):
            with self.subTest(word):
                self.setUp()
                self.write("docs/plan.md", f"# Plan\n{word}: all of it\n")
                self.assert_finding("docs/plan.md:2", word)

    def test_a_template_of_a_temporary_name_is_no_leftover(self):
        self.add_source("tests/base/slot.c", 'static char name[] = "/tmp/a.XXXXXX";\n')
        self.assert_clean()

    def test_unfinished_work_is_found_in_code(self):
        self.add_source("src/base/slot.c", BEGIN + "/* Not implemented yet. */\n")
        self.assert_finding("src/base/slot.c:3", "Not implemented")

    def test_a_path_of_one_machine_is_found(self):
        self.write("docs/plan.md", "See /wo" "rk/main/README.md\n")
        self.assert_finding("docs/plan.md:1", "machine")

    def test_blanks_at_the_end_of_a_line_are_found(self):
        self.add_source("src/base/slot.c", BEGIN + "int at; \n")
        self.assert_finding("src/base/slot.c:3", "blanks at the end")

    def test_a_tab_is_found(self):
        self.add_source("src/base/slot.c", BEGIN + "\tint at;\n")
        self.assert_finding("src/base/slot.c:3", "a tab")

    def test_a_file_ends_with_a_newline(self):
        self.add_source("src/base/slot.c", BEGIN + "int at;")
        self.assert_finding("src/base/slot.c:3", "no newline")

    def test_a_script_is_executable(self):
        self.write("tools/run", "#!/bin/sh\n")
        self.assert_clean()
        os.chmod(self.path("tools/run"), 0o644)
        self.assert_finding("tools/run:1", "not executable")

    def test_files_that_are_no_text_are_left_alone(self):
        with open(self.path("docs.bin"), "wb") as file:
            file.write(b"\0 TO" b"DO \n\t")
        self.assert_clean()


class Program(TidyTestCase):
    def test_findings_are_sorted_by_place(self):
        self.write("src/store/store.c", '#include "store/store.h"\n\nint at; \nint to; \n')
        self.write("README.md", "XX" "X\n")
        result = run_tool("tidy", self.root)
        places = [line.split(": ")[0] for line in result.stdout.splitlines()]
        self.assertEqual(["README.md:1", "src/store/store.c:3", "src/store/store.c:4"], places)
        self.assertEqual((1, ""), (result.returncode, result.stderr))

    def test_what_git_ignores_is_not_judged_and_what_is_new_is(self):
        self.git("init", "-q")
        self.write(".gitignore", "/ignored/\n")
        self.write("ignored/util.c", "\t")
        self.assert_clean()
        self.write("tests/util.txt", "\n")
        self.assert_finding("tests/util.txt:1", "names no idea")

    def test_wrong_use_is_told(self):
        for arguments in (("--fix",), (self.root, self.root), (self.root + "/nowhere",)):
            with self.subTest(arguments):
                result = run_tool("tidy", *arguments)
                self.assertEqual((2, ""), (result.returncode, result.stdout))
                self.assertIn("tools/tidy", result.stderr)

    def test_a_missing_compiler_is_told_and_is_no_success(self):
        os.mkdir(self.path("bin"))
        for program in ("python3", "ctags", "gcc"):
            os.symlink(f"/usr/bin/{program}", self.path("bin/" + program))
        result = run_tool("tidy", self.root, env={"PATH": self.path("bin")})
        self.assertEqual(3, result.returncode)
        self.assertIn("clang is needed", result.stderr)


if __name__ == "__main__":
    tap.main()
