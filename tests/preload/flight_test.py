"""A program that grows until the kernel kills it leaves a record of what held its memory.

flight_test.py LIBRARY GROWER SLUICE: the preload library, the program that grows, and `sluice`.
"""

import contextlib
import glob
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

import tap
from memory_group import Group
from preloaded import environment_of

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "profile"))
from pprof_reader import Profile  # noqa: E402

LIBRARY, GROWER, SLUICE = (os.path.abspath(path) for path in sys.argv[1:4])
del sys.argv[1:]
WAIT_SECONDS = 60
MIB = 1 << 20
SAID = re.compile(r"sluice-heap: memory at (\d+) % of (\d+) bytes \((.*)\): wrote (.*)\n")


class Grown(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-flight.")
        self.addCleanup(shutil.rmtree, self.folder)

    def begin(self, step_kib, enter=None, command=(), **settings):
        settings = {"OUT": os.path.join(self.folder, "out"), "RATE": "128K", **settings}
        environment = environment_of(LIBRARY, settings) if not command else dict(os.environ)
        with open(os.path.join(self.folder, "said"), "w", encoding="utf-8") as said:
            return subprocess.Popen([*command, GROWER, str(step_kib)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=said, env=environment, bufsize=0,
                                    preexec_fn=enter, cwd=self.folder)

    def said(self):
        with open(os.path.join(self.folder, "said"), encoding="utf-8") as file:
            return file.read()

    def records(self):
        return sorted(glob.glob(os.path.join(self.folder, "out.*.flight.*.capsule")))

    def parts(self, path, ending):
        """Of the capsule, as tar sees it, in the order of their times."""
        with tarfile.open(path) as archive:
            members = sorted((each for each in archive if each.name.endswith(ending)),
                             key=lambda each: each.name)
            return [archive.extractfile(each).read() for each in members]

    def is_told(self):
        """The first record is whole: its account comes last."""
        return self.records() and self.parts(self.records()[0], "memory.json")

    def feed(self, process, steps, step_seconds=0):
        """Step by step, no faster than asked; False when the program has ended."""
        begun = time.monotonic()
        for step in range(steps):
            left = begun + step * step_seconds - time.monotonic()
            if left > 0 and select.select([process.stdout], [], [], left)[0]:
                return False
            try:
                process.stdin.write(b"x")
            except BrokenPipeError:
                return False
            if process.stdout.read(1) != b".":
                return False
        return True

    def end(self, process):
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.read()
        process.stdout.close()
        return process.wait(WAIT_SECONDS)

    def check_record(self, path, limit_bytes):
        accounts = [json.loads(part) for part in self.parts(path, "memory.json")]
        self.assertTrue(accounts)
        for record in accounts:
            self.assertEqual(limit_bytes, record["limit"]["bytes"])
            self.assertGreaterEqual(record["limit"]["used"], limit_bytes * 0.89)
            account = record["account"]
            self.assertLessEqual(account["anonymous"]["unexplained"],
                                 0.02 * account["resident"]["anonymous"])
        profiles = [Profile(part) for part in self.parts(path, ".heap.pb.gz")]
        grown = [profile.totals()["inuse_space"] for profile in profiles]
        self.assertGreater(grown[-1], 0.5 * limit_bytes)
        self.assertEqual(grown, sorted(grown))
        times = [profile.raw["time_nanos"] for profile in profiles]
        self.assertEqual(times, sorted(set(times)))
        self.assertEqual(self.parts(path, "status")[0][:5], b"Name:")
        manifest = json.loads(self.parts(path, "manifest.json")[0])
        self.assertEqual("sluice-capsule", manifest["format"])
        return grown

    def diagnosed(self, path):
        done = subprocess.run([SLUICE, "heap", "diagnose", "--json", path], capture_output=True,
                              text=True, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)["verdicts"][0]

    def names(self, path):
        subprocess.run([SLUICE, "heap", "symbolize", path], check=True, capture_output=True)
        return Profile(self.parts(path, ".heap.pb.gz")[-1]).strings

    def feed_until_killed(self, process, limit_mib, step_kib, step_seconds, by_thread):
        """A thread may not run for a while: at nine tenths it is waited for."""
        if by_thread:
            self.assertTrue(self.feed(process, limit_mib * 922 // step_kib, step_seconds))
            deadline = time.monotonic() + WAIT_SECONDS
            while not self.is_told():
                self.assertIsNone(process.poll())
                self.assertLess(time.monotonic(), deadline)
        self.feed(process, 1 << 30, step_seconds)

    def check_killed(self, limit_mib, step_kib, step_seconds=0, **settings):
        with Group(limit_mib * MIB) as group:
            process = self.begin(step_kib, group.enter, **settings)
            self.feed_until_killed(process, limit_mib, step_kib, step_seconds,
                                   "FLIGHT" in settings)
            self.assertEqual(-signal.SIGKILL, self.end(process), self.said())
            self.assertIn(" memory at ", self.said())
            lines = [SAID.fullmatch(line) for line in self.said().splitlines(keepends=True)]
            self.assertNotIn(None, lines, self.said())
            self.assertEqual([group.folder] * len(lines), [line[3] for line in lines])
        path, = self.records()
        self.assertEqual({path}, {line[4].split(",")[0] for line in lines})
        grown = self.check_record(path, limit_mib * MIB)
        if "FLIGHT" not in settings:  # a thread may have had no turn so early
            self.assertLess(grown[0], 0.75 * limit_mib * MIB)
        self.assertIn("grow_for_ever", self.names(path))
        return path

    def test_a_program_that_is_killed_has_left_who_grew_and_why(self):
        path = self.check_killed(64, 100, 0.002, RATE="16K")
        verdict = self.diagnosed(path)
        self.assertEqual("retained-array", verdict["pattern"], verdict)
        self.assertEqual("grow_for_ever", verdict["site"]["function"], verdict)

    def test_so_it_is_at_100_mib_a_second(self):
        self.check_killed(256, 1024, 0.01)

    def test_a_thread_watches_as_well(self):
        self.check_killed(256, 1024, 0.01, FLIGHT=2)

    def test_a_group_above_is_watched_too(self):
        with Group(256 * MIB) as above:
            with Group(None, "within", above.folder) as group:
                process = self.begin(1024, group.enter, FLIGHT=2)
                self.feed_until_killed(process, 256, 1024, 0, by_thread=True)
                self.assertEqual(-signal.SIGKILL, self.end(process))
            self.assertIn(f"({above.folder})", self.said())

    def test_an_own_limit_is_told_and_ends_nobody(self):
        process = self.begin(1024, MEMORY_LIMIT="64M")
        while not self.is_told():
            self.assertTrue(self.feed(process, 1))
            self.assertIsNone(process.poll())
        self.assertEqual(0, self.end(process))
        self.assertRegex(self.said(), SAID)
        self.check_record(self.records()[0], 64 * MIB)

    def test_it_says_nothing_far_from_a_limit_or_when_it_is_off(self):
        for settings in ({"MEMORY_LIMIT": "4G"}, {"MEMORY_LIMIT": "64M", "FLIGHT": 0}):
            process = self.begin(1024, **settings)
            self.assertTrue(self.feed(process, 100))
            self.assertEqual(0, self.end(process))
            self.assertEqual("", self.said())
            self.assertEqual([], self.records())

    def test_what_the_program_closes_is_closed(self):
        """The thread that watches holds nothing of the program's open."""
        process = self.begin(64, MEMORY_LIMIT="64M")
        self.assertTrue(self.feed(process, 10))
        process.stdin.write(b"c")
        self.assertEqual(b"", process.stdout.read())
        self.assertIsNone(process.poll())
        self.assertEqual(0, self.end(process))

    def test_sluice_heap_run_takes_the_limit(self):
        out = os.path.join(self.folder, "out")
        process = self.begin(1024, command=[SLUICE, "heap", "run", "--memory-limit", "64MiB",
                                            "--out", out, "--"])
        while not self.is_told():
            self.assertTrue(self.feed(process, 1))
            self.assertIsNone(process.poll())
        self.assertEqual(0, self.end(process))
        record = self.records()[0]
        profile = Profile(self.parts(record, ".heap.pb.gz")[-1])
        self.assertIn("grow_for_ever", profile.strings)  # the run has given it names

    def test_version_2_is_skipped_where_it_has_no_memory(self):
        with contextlib.suppress(OSError):
            with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as file:
                if "memory" in file.read().split():
                    return
        raise tap.Skip("the memory controller belongs to version 1 here, so that none of version 2 "
                       "can be had; memory_limit_test has its files")


if __name__ == "__main__":
    tap.main()
