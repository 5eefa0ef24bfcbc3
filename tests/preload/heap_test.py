"""Programs under libsluice-heap.so: that their own answers are right, and their profiles true.

heap_test.py LIBRARY HEAVY: the preload library, and the program that counts its own allocations.
"""

import glob
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import tap
from pprof_file import Profile, TYPES

LIBRARY, HEAVY = sys.argv[1:3]
del sys.argv[1:]
EXPORTED = """__libc_start_main aligned_alloc calloc cfree dlclose free free_aligned_sized
free_sized malloc malloc_usable_size memalign posix_memalign pvalloc realloc reallocarray
slu_heap_set_rate slu_heap_start slu_heap_stop slu_heap_write valloc""".split()


class Preloaded(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-heap.")
        self.addCleanup(shutil.rmtree, self.folder)

    def environment(self, library=LIBRARY, **variables):
        settings = {"SLUICE_HEAP_" + name: str(value) for name, value in variables.items()
                    if name.isupper() and not name.startswith("HEAVY")}
        others = {name: str(value) for name, value in variables.items()
                  if not name.isupper() or name.startswith("HEAVY")}
        return {**os.environ, "LD_PRELOAD": library,
                "SLUICE_HEAP_OUT": os.path.join(self.folder, "out"), **settings, **others}

    def run_program(self, *command, status=0, says="", preexec=None, text=None, **variables):
        result = subprocess.run(command, env=self.environment(**variables), text=True,
                                capture_output=True, check=False, preexec_fn=preexec, input=text)
        self.assertEqual(status, result.returncode, result.stderr)
        if says is not None:
            self.assertEqual(says, result.stderr)
        return result.stdout

    def files(self, pattern="out.*.pb.gz"):
        return sorted(glob.glob(os.path.join(self.folder, pattern)))

    def profile(self):
        found = self.files()
        self.assertEqual(1, len(found), found)
        return Profile(found[0])


class Truth(Preloaded):
    def check_heavy(self, rate, *arguments, **variables):
        """The profile's totals beside what the program counted, within six deviations."""
        variances = os.path.join(self.folder, "variances")
        output = self.run_program(HEAVY, *arguments, HEAVY_RATE=rate, HEAVY_VARIANCES=variances,
                                  RATE=rate, SAMPLES_PER_SECOND_MAX=0, **variables)
        truth = [float(word) for word in output.split()[:4]]
        with open(variances, encoding="utf-8") as file:
            spread = [math.sqrt(float(word)) for word in file.read().split()]
        profile = self.profile()
        self.assertEqual(TYPES, profile.type_names())
        for name, right, deviation in zip(TYPES, truth, spread):
            # libc and the program's start allocate some tens of KiB that it does not count.
            slack = 200 if name.endswith("objects") else 160 << 10
            self.assertLessEqual(abs(profile.totals()[name] - right), 6 * deviation + slack, name)
        return profile

    def test_every_allocation_counted_is_the_truth(self):
        self.check_heavy(1, "--pairs", "20000", "--retain", "200000")

    def test_samples_estimate_the_truth(self):
        self.check_heavy(65536, "--pairs", "200000", "--retain", "100000")

    def test_many_threads_are_one_profile(self):
        self.check_heavy(65536, "--threads", "16", "--pairs", "160000", "--retain", "100000")


class Programs(Preloaded):
    def test_a_program_that_does_nothing_leaves_a_profile(self):
        self.run_program("/bin/true")
        self.assertEqual(TYPES, self.profile().type_names())

    def test_python_counts_right_and_its_memory_is_seen(self):
        output = self.run_program("/usr/bin/python3", "-c",
                                  "a = [bytearray(100000) for i in range(500)]; print(len(a))",
                                  RATE="64K")
        self.assertEqual("500\n", output)
        totals = self.profile().totals()
        self.assertGreater(totals["alloc_space"], 40e6)

    def test_git_works(self):
        self.run_program("git", "init", "-q", self.folder + "/repository")
        self.assertNotEqual([], self.files())

    def test_exactly_the_family_and_four_functions_are_exported(self):
        listing = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True,
                                 text=True, check=True).stdout
        self.assertEqual(EXPORTED, sorted(line.split()[-1] for line in listing.splitlines()))

    def test_the_library_needs_libc_alone(self):
        listing = subprocess.run(["readelf", "-d", LIBRARY], capture_output=True, text=True,
                                 check=True).stdout
        needed = [line.split("[")[1].rstrip("]") for line in listing.splitlines()
                  if "(NEEDED)" in line]
        self.assertLessEqual(set(needed), {"libc.so.6", "ld-linux-x86-64.so.2"})


if __name__ == "__main__":
    tap.main()
