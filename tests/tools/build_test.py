"""tools/build with a false meson and ninja, which tell what they were asked for."""

import os
import shutil
import tempfile
import unittest

import tap
from repository import run_tool

MESON = """#!/bin/sh
echo "meson $*" >>"$CALLS"
mkdir -p "$2/meson-private"
if [ "${MESON_STATUS:-0}" != 0 ]; then
    echo "meson.build:1: no such thing"
    exit "$MESON_STATUS"
fi
touch "$2/build.ninja"
"""
NINJA = '#!/bin/sh\necho "ninja $*" >>"$CALLS"\nexit ${NINJA_STATUS:-0}\n'


class Build(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="sluice-build.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.out = os.path.join(self.directory, "out")
        self.calls = os.path.join(self.directory, "calls")
        for name, text in (("meson", MESON), ("ninja", NINJA)):
            path = os.path.join(self.directory, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o755)

    def build(self, *arguments, **environment):
        """The result of tools/build, and the programs that it called."""
        open(self.calls, "w", encoding="utf-8").close()
        environment = {"PATH": self.directory + ":" + os.environ["PATH"], "CALLS": self.calls,
                       **environment}
        result = run_tool("build", *arguments, env=environment)
        with open(self.calls, encoding="utf-8") as file:
            return result, [line.split()[0] for line in file]

    def test_configures_once_and_is_silent(self):
        result, calls = self.build(self.out, "-Da=1")
        self.assertEqual((0, "", ""), (result.returncode, result.stdout, result.stderr))
        self.assertEqual(["meson", "ninja"], calls)
        self.assertEqual(["ninja"], self.build(self.out, "-Da=1")[1])

    def test_other_options_or_another_compiler_configure_anew(self):
        self.build(self.out, "-Da=1")
        self.assertEqual(["meson", "ninja"], self.build(self.out, "-Da=2")[1])
        self.assertEqual(["meson", "ninja"], self.build(self.out, "-Da=2", CC="clang")[1])
        self.assertEqual(["ninja"], self.build(self.out, "-Da=2", CC="clang")[1])

    def test_configure_stops_before_building(self):
        self.assertEqual(["meson"], self.build("--configure", self.out)[1])
        self.assertEqual(["ninja"], self.build(self.out)[1])

    def test_a_failed_configuration_is_shown_and_tried_again(self):
        result, calls = self.build(self.out, MESON_STATUS="1")
        self.assertEqual((1, ["meson"]), (result.returncode, calls))
        self.assertIn("no such thing", result.stderr)
        self.assertFalse(os.path.exists(self.out))
        self.assertEqual(["meson", "ninja"], self.build(self.out)[1])

    def test_a_failed_build_is_no_success(self):
        self.assertNotEqual(0, self.build(self.out, NINJA_STATUS="1")[0].returncode)

    def test_a_directory_of_something_else_is_left_alone(self):
        os.mkdir(self.out)
        precious = os.path.join(self.out, "precious")
        open(precious, "w", encoding="utf-8").close()
        result, calls = self.build(self.out)
        self.assertEqual((2, []), (result.returncode, calls))
        self.assertTrue(os.path.exists(precious))

    def test_no_directory_is_wrong_use(self):
        result, calls = self.build()
        self.assertEqual((2, []), (result.returncode, calls))
        self.assertIn("tools/build", result.stderr)


if __name__ == "__main__":
    tap.main()
