"""tools/run-tests against a small project whose programs fail in every way that a program can."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import tap
from repository import load_tool, run_tool

# name: (protocol, shell script, expected passed, failed, skipped)
PROGRAMS = {
    "tap-good": ("tap", "echo 1..2; echo ok 1 - a; echo ok 2 - b", (2, 0, 0)),
    "tap-one-fails": ("tap", "echo 1..2; echo ok 1 - a; echo not ok 2 - b; exit 1", (1, 1, 0)),
    "tap-skips": ("tap", "echo 1..2; echo ok 1 - a; echo 'ok 2 - b # SKIP no b here'", (1, 0, 1)),
    "tap-skips-as-cmocka-does": ("tap", "echo 1..2; echo ok 1 - a; echo 'not ok 2 # SKIP b'",
                                 (1, 0, 1)),
    "tap-skips-all": ("tap", "echo '1..0 # SKIP nothing to test'", (0, 0, 1)),
    "tap-dies-half-way": ("tap", "echo 1..4; echo ok 1 - a; kill -9 $$", (1, 3, 0)),
    "tap-stops-half-way": ("tap", "echo 1..3; echo ok 1 - a; exit 0", (1, 2, 0)),
    "tap-dies-at-its-end": ("tap", "echo 1..1; echo ok 1 - a; kill -9 $$", (1, 1, 0)),
    "tap-runs-too-many": ("tap", "echo 1..1; echo ok 1 - a; echo ok 2 - b", (2, 1, 0)),
    "tap-says-nothing": ("tap", "exit 0", (0, 1, 0)),
    "tap-has-no-plan": ("tap", "echo ok 1 - a", (1, 1, 0)),
    "tap-fails-before-its-plan": ("tap", "echo no library >&2; exit 127", (0, 1, 0)),
    "tap-hangs": ("tap", "echo 1..2; echo ok 1 - a; read -r never <fifo", (1, 1, 0)),
    "exit-good": ("exitcode", "echo not ok 1 - only text", (1, 0, 0)),
    "exit-fails": ("exitcode", "exit 1", (0, 1, 0)),
    "exit-skips": ("exitcode", "echo no valgrind; exit 77", (0, 0, 1)),
    "exit-errs": ("exitcode", "exit 99", (0, 1, 0)),
    "exit-hangs": ("exitcode", "read -r never <fifo", (0, 1, 0)),
}


def meson_tests(directory, names):
    """A Meson project of shell scripts, configured in directory/build."""
    lines = ["project('fake')"]
    for name in names:
        protocol, script, _ = PROGRAMS[name]
        path = os.path.join(directory, name + ".sh")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncd '{directory}'\n{script}\n")
        os.chmod(path, 0o755)
        suite = "one" if protocol == "tap" else "two"
        lines.append(f"test('{name}', find_program('{path}'), protocol: '{protocol}', "
                     f"suite: '{suite}', timeout: {1 if 'hangs' in name else 30})")
    with open(os.path.join(directory, "meson.build"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    build = os.path.join(directory, "build")
    subprocess.run(["meson", "setup", build, directory], check=True, capture_output=True)
    return build


class RunTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="sluice-run-tests.")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        os.mkfifo(os.path.join(cls.directory, "fifo"))
        cls.build = meson_tests(cls.directory, PROGRAMS)

    def run_programs(self, *arguments):
        return run_tool("run-tests", self.build, *arguments)

    def last_line(self, result):
        return result.stdout.splitlines()[-1]

    def test_every_way_to_end_is_counted_and_the_counts_are_added_up(self):
        result = self.run_programs()
        sums = [sum(expected[i] for _, _, expected in PROGRAMS.values()) for i in range(3)]
        self.assertEqual("%d passed, %d failed, %d skipped" % tuple(sums), self.last_line(result))
        self.assertEqual(1, result.returncode)
        run_tests = load_tool("run-tests")
        with open(os.path.join(self.build, "meson-logs", "testlog.json"), encoding="utf-8") as log:
            entries = {json.loads(line)["name"].split(" / ")[-1]: json.loads(line) for line in log}
        self.assertEqual(set(PROGRAMS), set(entries))
        for name, (_, _, expected) in PROGRAMS.items():
            with self.subTest(name):
                count = run_tests.count_log(self.build, [entries[name]])
                self.assertEqual(expected, (count.passed, count.failed, count.skipped))

    def test_each_skip_and_each_failure_says_why(self):
        result = self.run_programs("exit-skips", "tap-skips", "tap-stops-half-way")
        self.assertRegex(result.stdout, r"(?m)^skipped: .*exit-skips: no valgrind$")
        self.assertRegex(result.stdout, r"(?m)^skipped: .*tap-skips: b no b here$")
        self.assertRegex(result.stdout, r"(?m)^failed: .*tap-stops-half-way: only 1 of 3 tests ran")

    def test_a_run_without_failures_succeeds(self):
        result = self.run_programs("tap-good", "tap-skips-as-cmocka-does", "exit-skips")
        self.assertEqual("3 passed, 0 failed, 2 skipped", self.last_line(result))
        self.assertEqual(0, result.returncode)

    def test_arguments_choose_tests(self):
        result = self.run_programs("--no-suite", "one", "exit-good")
        self.assertEqual("1 passed, 0 failed, 0 skipped", self.last_line(result))

    def test_a_wrapper_may_run_the_programs(self):
        result = self.run_programs("--wrapper", "env", "exit-good")
        self.assertEqual("1 passed, 0 failed, 0 skipped", self.last_line(result))

    def test_no_test_is_no_success(self):
        result = self.run_programs("--suite", "unheard-of")
        self.assertEqual(3, result.returncode)
        self.assertNotRegex(result.stdout, re.compile(r"^\d+ passed", re.MULTILINE))

    def test_wrong_use_is_told(self):
        for arguments in ([], ["--suite", "x"]):
            self.assertEqual(2, run_tool("run-tests", *arguments).returncode)


if __name__ == "__main__":
    tap.main()
