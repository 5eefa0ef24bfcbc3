"""tools/build with a false meson and ninja, which tell what they were asked for."""

import os

import tap
from repository import TreeTestCase

MESON = """#!/bin/sh
echo "meson $*" >>"$CALLS"
mkdir -p "$2/meson-private"
if [ "${MESON_STATUS:-0}" != 0 ]; then
    echo "meson.build:1: no such thing"
    exit "$MESON_STATUS"
fi
touch "$2/build.ninja"
"""
NINJA = """#!/bin/sh
if [ "$1" = -n ]; then
    [ -z "$UP_TO_DATE" ] || echo "ninja: no work to do."
    exit 0
fi
echo "ninja $*" >>"$CALLS"
exit ${NINJA_STATUS:-0}
"""


class Build(TreeTestCase):
    def setUp(self):
        super().setUp()
        self.out = self.path("out")
        self.write("bin/meson", MESON)
        self.write("bin/ninja", NINJA)

    def build(self, *arguments, **environment):
        """The result of tools/build, and the programs that it called."""
        result, calls = self.run_telling("build", *arguments, **environment)
        return result, [call.split()[0] for call in calls]

    def test_configures_once_and_is_silent(self):
        result, calls = self.build(self.out, "-Da=1")
        self.assertEqual((0, "", ""), (result.returncode, result.stdout, result.stderr))
        self.assertEqual(["meson", "ninja"], calls)
        self.assertEqual(["ninja"], self.build(self.out, "-Da=1")[1])

    def test_nothing_to_do_is_silent(self):
        self.build(self.out)
        result, calls = self.build(self.out, UP_TO_DATE="1")
        self.assertEqual((0, "", "", []), (result.returncode, result.stdout, result.stderr, calls))

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
        self.write("out/precious", "")
        result, calls = self.build(self.out)
        self.assertEqual((2, []), (result.returncode, calls))
        self.assertTrue(os.path.exists(self.path("out/precious")))

    def test_no_directory_is_wrong_use(self):
        result, calls = self.build()
        self.assertEqual((2, []), (result.returncode, calls))
        self.assertIn("tools/build", result.stderr)


if __name__ == "__main__":
    tap.main()
