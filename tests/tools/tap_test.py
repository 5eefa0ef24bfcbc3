"""tests/harness/tap.py: what it prints for every way in which a test can end."""

import contextlib
import io
import unittest

import tap
from repository import load_tool

run_tests = load_tool("run-tests")


def passes():
    pass


def fails():
    assert 1 == 2, "m" * 1000


def errs():
    raise KeyError("nothing")


def skips():
    raise tap.Skip("no reader here")


class Tap(unittest.TestCase):
    def run_functions(self, *functions):
        """The exit status, and the counts that tools/run-tests reads from what is printed."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status = tap.run(functions)
        self.printed = printed.getvalue()
        count = run_tests.count_tap({"name": "tap", "stdout": self.printed, "returncode": status,
                                     "result": "OK"})
        return status, count.passed, count.failed, count.skipped

    def test_each_function_is_a_test(self):
        self.assertEqual((0, 2, 0, 0), self.run_functions(passes, passes))
        self.assertEqual("1..2\nok 1 - passes\nok 2 - passes\n", self.printed)

    def test_a_failure_and_an_error_fail_the_program(self):
        self.assertEqual((1, 1, 2, 0), self.run_functions(fails, passes, errs))
        self.assertIn("not ok 3 - errs\n", self.printed)
        self.assertLess(max(map(len, self.printed.splitlines())), 510)

    def test_a_skip_tells_its_reason(self):
        self.assertEqual((0, 1, 0, 1), self.run_functions(skips, passes))
        self.assertIn("ok 1 - skips # SKIP no reader here\n", self.printed)

    def test_a_test_with_many_failing_parts_has_one_line(self):
        class Parts(unittest.TestCase):
            def test_parts(self):
                for number in (1, 2, 3):
                    with self.subTest(number):
                        self.assertEqual(2, number)

        with contextlib.redirect_stdout(io.StringIO()) as printed:
            Parts("test_parts").run(tap.TapResult())
        self.assertEqual(1, printed.getvalue().count("not ok 1 - parts\n"))
        self.assertEqual(2, printed.getvalue().count("# in "))


if __name__ == "__main__":
    tap.main()
