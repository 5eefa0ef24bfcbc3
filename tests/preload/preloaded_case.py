"""The test case of programs under libsluice-heap.so: running them, and finding their profiles.

A test program sets Preloaded.library to the library's path first.
"""

import glob
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "profile"))

import tap  # noqa: E402
from pprof_reader import profile_at  # noqa: E402
from preloaded import environment_of  # noqa: E402

OTHER_ALLOCATORS = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4"}


def needs(*programs):
    for name in programs:
        if shutil.which(name) is None:
            raise tap.Skip(f"{name} is not installed")


def limit(kind, most):
    return lambda: resource.setrlimit(kind, (most, most))


class Preloaded(unittest.TestCase):
    library = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-heap.")
        self.addCleanup(shutil.rmtree, self.folder)

    def environment(self, settings, variables, preload):
        settings = {"OUT": os.path.join(self.folder, "out"), "SAMPLES_PER_SECOND_MAX": 0,
                    **(settings or {})}
        preload = self.library if preload is None else preload
        return {**environment_of(preload, settings), **variables}

    def run_program(self, *command, settings=None, status=0, says="", preload=None,
                    before=None, cwd=None, **variables):
        """What it prints; `says` is what must be on standard error, None for anything."""
        result = subprocess.run(command, env=self.environment(settings, variables, preload),
                                text=True, capture_output=True, check=False, preexec_fn=before,
                                stdin=subprocess.DEVNULL, cwd=cwd)
        self.assertEqual(status, result.returncode, result.stdout[-2000:] + result.stderr)
        if says is not None:
            self.assertEqual(says, result.stderr)
        return result.stdout

    def files(self, pattern="out.*.pb.gz"):
        return sorted(glob.glob(os.path.join(self.folder, pattern)))

    def profile(self):
        found = self.files()
        self.assertEqual(1, len(found), found)
        return profile_at(found[0])
