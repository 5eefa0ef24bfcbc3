"""Runs the tests of one Python file with TAP output: tap.main() in place of unittest.main(), or
tap.run() for plain functions. A test that cannot run here raises tap.Skip with the reason.
"""

import sys
import traceback
import unittest


Skip = unittest.SkipTest


class TapResult(unittest.TestResult):
    _failed = None

    def _line(self, test, verdict, remark=""):
        number = self.testsRun
        name = test.id().rsplit(".", 1)[-1].removeprefix("test_")
        print(f"{verdict} {number} - {name}{remark}", flush=True)

    def _failure(self, test, error):
        self._line(test, "not ok")
        self._trace(error)

    @staticmethod
    def _trace(error):
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"# {line}", flush=True)

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


def _report(suite):
    print(f"1..{suite.countTestCases()}", flush=True)
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


def run(tests):
    """Run functions as tests, each named by its claim; the result is the program's exit status."""
    return _report(unittest.TestSuite(unittest.FunctionTestCase(test) for test in tests))


def main():
    sys.exit(_report(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
