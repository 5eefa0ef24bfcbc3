"""tools/bench in a copy of itself, with a false build whose benchmarks are shell scripts."""

import json
import shutil
import subprocess

import tap
from repository import TreeTestCase, tool

PROGRAM = """#!/bin/sh
echo "$(basename "$0") $* $SLUICE_COMMIT/$SLUICE_MACHINE" >>"$CALLS"
case "$*" in
*--json*) echo '[{"name": "add", "value": 2}]' ;;
*) echo "a table" ;;
esac
exit ${STATUS:-0}
"""


class Bench(TreeTestCase):
    def setUp(self):
        super().setUp()
        self.write("tools/build", "#!/bin/sh\n")
        shutil.copy(tool("bench"), self.path("tools/bench"))
        names = ("window", "ring")
        benchmarks = [{"name": name, "cmd": [self.path("bin/" + name)]} for name in names]
        self.write("bin/meson", f"#!/bin/sh\necho '{json.dumps(benchmarks)}'\n")
        for name in names:
            self.write("bin/" + name, PROGRAM)

    def bench(self, *arguments, **environment):
        return self.run_telling(self.path("tools/bench"), *arguments, **environment)

    def git(self, *arguments):
        subprocess.run(["git", "-C", self.root, "-c", "user.name=x", "-c", "user.email=x",
                        *arguments], check=True, capture_output=True)

    def test_each_program_runs_in_turn_into_a_file_of_its_own(self):
        result, calls = self.bench()
        self.assertEqual((0, "a table\na table\n"), (result.returncode, result.stdout))
        self.assertTrue(calls[0].startswith(f"window --csv {self.root}/bench/results/window.csv "))
        self.assertTrue(calls[1].startswith(f"ring --csv {self.root}/bench/results/ring.csv "))

    def test_a_name_chooses_one(self):
        _, calls = self.bench("ring")
        self.assertEqual(["ring"], [call.split()[0] for call in calls])

    def test_json_is_one_array_of_all_lines(self):
        result, _ = self.bench("--json")
        self.assertEqual([{"bench": "window", "name": "add", "value": 2},
                          {"bench": "ring", "name": "add", "value": 2}], json.loads(result.stdout))

    def test_quick_figures_are_not_recorded(self):
        _, calls = self.bench("--quick")
        self.assertNotIn("--csv", calls[0])

    def test_the_commit_is_told_and_whether_it_was_changed(self):
        self.assertRegex(self.bench()[1][0], r" unknown/.*\b\d+ cores?$")
        self.git("init", "-q")
        self.git("add", "tools")
        self.git("commit", "-qm", "x")
        self.git("config", "core.excludesFile", self.path("excludes"))
        self.write("excludes", "/calls\n/bin\n/excludes\n")
        self.assertRegex(self.bench()[1][0], r" [0-9a-f]{7}/")
        self.write("bench/results/window.csv", "")
        self.assertRegex(self.bench()[1][0], r" [0-9a-f]{7}/")
        self.write("tools/build", "#!/bin/sh\ntrue\n")
        self.assertRegex(self.bench()[1][0], r" [0-9a-f]{7}-dirty/")

    def test_a_failed_program_fails_the_run_and_the_others_are_run(self):
        result, calls = self.bench(STATUS="1")
        self.assertEqual((1, 2), (result.returncode, len(calls)))
        self.assertIn("window ended with status 1", result.stderr)

    def test_a_failed_build_is_told(self):
        self.write("tools/build", "#!/bin/sh\nexit 1\n")
        self.assertEqual(3, self.bench()[0].returncode)

    def test_wrong_use_is_told(self):
        result, calls = self.bench("rings")
        self.assertEqual((2, []), (result.returncode, calls))
        self.assertIn("there are: window ring", result.stderr)
        self.assertEqual(2, self.bench("--fast")[0].returncode)


if __name__ == "__main__":
    tap.main()
