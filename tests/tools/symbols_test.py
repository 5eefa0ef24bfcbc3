"""tools/symbols on a copy of itself beside a few headers, and on small libraries."""

import os
import shutil
import subprocess

import tap
from repository import TreeTestCase, run_tool, tool

HEADER = """
#define SLU_API __attribute__((visibility("default")))
struct slu_thing;
/* SLU_API int slu_said(void); */
SLU_API int slu_count(const struct slu_thing *thing);
SLU_API void (*slu_hook(int at))(void);
SLU_API extern const int
    slu_limits[4];
SLU_API
int slu_open(struct slu_thing **out,
             int (*slu_callback)(void *context));
static inline int slu_inline(void)
{
    return 1;
}
"""
NAMES = ["slu_count", "slu_hook", "slu_limits", "slu_open"]
SOURCE = """
int slu_count(void) { return hidden(); }
void slu_hook(void) {}
const int slu_limits[4] = {0};
int slu_open(void) { return 0; }
"""
HIDDEN = '__attribute__((visibility("hidden"))) int hidden(void) { return 0; }\n'


class Symbols(TreeTestCase):
    def setUp(self):
        super().setUp()
        shutil.copytree(os.path.dirname(tool("symbols")), self.path("tools"))
        self.write("tests/install/symbols.txt", "")
        self.write("include/sluice/thing.h", HEADER)

    def symbols(self, *arguments):
        return run_tool(self.path("tools/symbols"), *arguments)

    def library(self, text):
        self.write("thing.c", text)
        path = self.path("libthing.so")
        subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", path, self.path("thing.c")],
                       check=True)
        return path

    def assert_difference(self, result, *said):
        self.assertEqual((1, 1), (result.returncode, len(result.stdout.splitlines())), result)
        for words in said:
            self.assertIn(words, result.stdout)

    def test_names_are_what_the_headers_declare(self):
        self.assertEqual(NAMES, self.symbols().stdout.split())

    def test_a_new_declaration_is_a_difference_until_it_is_written(self):
        self.assertEqual(0, self.symbols("--write").returncode)
        self.assertEqual(0, self.symbols("--check").returncode)
        self.write("include/sluice/more.h", "SLU_API int slu_more(void);\n")
        self.assert_difference(self.symbols("--check"), "slu_more", "tools/symbols --write")
        self.symbols("--write")
        self.assertEqual(0, self.symbols("--check").returncode)

    def test_a_lost_declaration_is_a_difference(self):
        self.symbols("--write")
        self.write("include/sluice/thing.h", HEADER.replace("SLU_API void", "void"))
        self.assert_difference(self.symbols("--check"), "slu_hook", "breaks programs")

    def test_a_library_defines_exactly_what_is_declared(self):
        self.symbols("--write")
        self.assertEqual("", self.symbols("--check", self.library(HIDDEN + SOURCE)).stdout)
        visible = HIDDEN.replace("hidden\"", "default\"")
        self.assert_difference(self.symbols("--check", self.library(visible + SOURCE)),
                               "hidden is exported")
        self.assert_difference(self.symbols("--check", self.library(
            HIDDEN + SOURCE.replace("slu_open", "static close"))), "does not define")

    def test_a_static_library_hides_what_a_shared_one_hides(self):
        self.symbols("--write")
        shared = self.library(HIDDEN + SOURCE)
        parts, static = self.path("parts.a"), self.path("libthing.a")
        subprocess.run(["cc", "-w", "-c", "-fPIC", "-o", parts + ".o",
                        self.path("thing.c")], check=True)
        subprocess.run(["ar", "rcs", parts, parts + ".o"], check=True)
        self.assert_difference(self.symbols("--check", parts), "hidden is exported")
        self.assertEqual(0, run_tool("static-library", static, parts).returncode)
        self.assertEqual("", self.symbols("--check", static).stdout)
        self.assertEqual("", self.symbols("--check", shared).stdout)

    def test_a_library_that_is_not_there_is_told(self):
        self.symbols("--write")
        result = self.symbols("--check", self.path("libnothing.so"))
        self.assertEqual((3, ""), (result.returncode, result.stdout))

    def test_wrong_use_is_told(self):
        for arguments in (("--renew",), ("library",), ("--write", "library")):
            self.assertEqual(2, self.symbols(*arguments).returncode)


if __name__ == "__main__":
    tap.main()
