"""Runs tests written in Python, with TAP output.

tap.main() runs the unittest classes of a program, tap.run([...]) a list of functions whose names
are claims; a test that cannot run here raises tap.Skip with the reason.
"""

import sys
import traceback
import unittest

COLUMNS_MAX = 500  # of a traceback's line: a difference may be a whole page

Skip = unittest.SkipTest


class TapResult(unittest.TestResult):
    _failed = None

    def _line(self, test, verdict, remark=""):
        name = test.id().rsplit(".", 1)[-1].removeprefix("test_")
        print(f"{verdict} {self.testsRun} - {name}{remark}", flush=True)

    def _failure(self, test, error):
        self._line(test, "not ok")
        self._trace(error)

    @staticmethod
    def _trace(error):
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"# {line[:COLUMNS_MAX]}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(test, "ok")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._failure(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self._failure(test, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(test, "ok", f" # SKIP {reason}")

    def addSubTest(self, test, subtest, error):
        """A test has one line however many of its parts fail; each part is told in a comment."""
        super().addSubTest(test, subtest, error)
        if error is None:
            return
        if test is not self._failed:
            self._failed = test
            self._line(test, "not ok")
        print(f"# in {subtest.id()}")
        self._trace(error)


def _run_suite(suite):
    print(f"1..{suite.countTestCases()}", flush=True)
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


def run(tests):
    """The exit status of a program whose tests are these functions."""
    return _run_suite(unittest.TestSuite(unittest.FunctionTestCase(test) for test in tests))


def main():
    """Run the unittest classes of this program and exit."""
    sys.exit(_run_suite(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
