"""tools/fuzz in a copy of itself, with false targets that are shell scripts."""

import os
import shutil

import tap
from repository import TreeTestCase, tool

# As libFuzzer: the last arguments are corpora, and -merge=1 adds to the first from the second.
TARGET = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
for last in "$@"; do
    case $last in
    -*) ;;
    *) before=$first first=$last ;;
    esac
done
case "$*" in
*-merge=1*) cp "$first"/* "$before" ;;
*-max_total_time=*) echo new >"$before/new" ;;
esac
case "$0" in
*broken*) exit 77 ;;
esac
"""


class Fuzz(TreeTestCase):
    def setUp(self):
        super().setUp()
        for name in ("broken", "sound"):
            self.write(f"built/fuzz/{name}_fuzz", TARGET)
            self.write(f"fuzz/corpus/{name}/old", "old")
        os.mkdir(self.path("tools"))
        shutil.copy(tool("fuzz"), self.path("tools/fuzz"))

    def fuzz(self, *arguments):
        """The result of tools/fuzz, and how the targets were called."""
        return self.run_telling(self.path("tools/fuzz"), "--build", self.path("built"), *arguments)

    def test_what_reaches_new_code_is_added_to_the_corpus(self):
        result, calls = self.fuzz("--seconds", "3", "sound")
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertIn("1 inputs added", result.stdout)
        self.assertEqual(["new", "old"], sorted(os.listdir(self.path("fuzz/corpus/sound"))))
        self.assertIn(" -max_total_time=3 ", calls[0])
        self.assertNotIn("-dict", calls[0])

    def test_a_dictionary_is_used_where_it_is_there(self):
        self.write("fuzz/sound.dict", "")
        self.assertIn(f" -dict={self.root}/fuzz/sound.dict ", self.fuzz("sound")[1][0])

    def test_what_breaks_a_target_is_kept_and_no_corpus_is_changed(self):
        result, calls = self.fuzz("broken")
        self.assertEqual((1, 1), (result.returncode, len(calls)))
        self.assertIn("broken: broken", result.stdout)
        self.assertIn(f" -artifact_prefix={self.root}/build/fuzz/found/broken-", calls[0])
        self.assertEqual(["old"], os.listdir(self.path("fuzz/corpus/broken")))

    def test_a_replay_runs_every_corpus_once_and_fails_if_one_does(self):
        result, calls = self.fuzz("--replay")
        self.assertEqual((1, 2), (result.returncode, len(calls)))
        for call, name in zip(calls, ("broken", "sound")):
            self.assertTrue(call.endswith(f" -runs=0 {self.root}/fuzz/corpus/{name}"), call)
        self.assertIn("broken: 1 inputs FAILED\nsound: 1 inputs replayed\n", result.stdout)
        self.assertEqual(0, self.fuzz("--replay", "sound")[0].returncode)

    def test_wrong_use_is_told(self):
        result, calls = self.fuzz("unheard-of")
        self.assertEqual((2, []), (result.returncode, calls))
        self.assertIn("there are: broken sound", result.stderr)
        self.assertEqual(2, self.fuzz("--seconds", "0")[0].returncode)


if __name__ == "__main__":
    tap.main()
