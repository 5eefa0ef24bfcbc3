"""tools/steps.bash, which .ci/run and tools/test-long are made of."""

import subprocess

import tap
from repository import TreeTestCase, tool


class Steps(TreeTestCase):
    def run_steps(self, *steps):
        script = "\n".join(["set -u", f". {tool('steps.bash')}", f"steps_begin {self.root}/logs",
                            *steps, "steps_end"])
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)

    def test_steps_that_succeed_are_told_with_their_time(self):
        result = self.run_steps("step one true", "step two echo much")
        self.assertRegex(result.stdout, r"^one +ok +\d+ s\ntwo +ok +\d+ s\n2 passed, 0 failed, "
                                        r"0 skipped\n$")
        self.assertEqual((0, ""), (result.returncode, result.stderr))

    def test_a_failure_is_named_with_the_end_of_its_log_and_the_run_goes_on(self):
        result = self.run_steps("step bad bash -c 'seq 200; echo why >&2; exit 5'",
                                "step good true")
        self.assertRegex(result.stdout, r"(?m)^bad +FAILED +\d+ s +\(status 5; .*logs/bad.log\)$")
        self.assertIn("\n    200\n    why\ngood", result.stdout)
        self.assertNotIn("    100\n", result.stdout)
        self.assertTrue(result.stdout.endswith("failed: bad\n1 passed, 1 failed, 0 skipped\n"))
        self.assertEqual(1, result.returncode)

    def test_tests_inside_a_step_are_counted(self):
        result = self.run_steps("step one echo '5 passed, 0 failed, 2 skipped'", "step two true",
                                "step three bash -c 'echo 3 passed, 4 failed, 1 skipped; exit 1'")
        self.assertTrue(result.stdout.endswith("failed: three\n9 passed, 4 failed, 3 skipped\n"))

    def test_a_step_that_fails_after_its_tests_passed_is_a_failure(self):
        result = self.run_steps("step one bash -c 'echo 5 passed, 0 failed, 0 skipped; exit 2'")
        self.assertTrue(result.stdout.endswith("failed: one\n5 passed, 1 failed, 0 skipped\n"))
        self.assertEqual(1, result.returncode)

    def test_a_step_cannot_read_the_standard_input(self):
        self.assertEqual(1, self.run_steps("step one read -r line").returncode)


if __name__ == "__main__":
    tap.main()
