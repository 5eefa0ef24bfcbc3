"""Programs that tell what they own and wait; and their cores, left by the kernel or by gdb."""

import glob
import os
import resource
import shutil
import signal
import subprocess

import tap

PATTERN = "/proc/sys/kernel/core_pattern"


def _allow_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Told:
    """A program that runs until it has said "ready", as a context."""

    def __init__(self, folder, *words, stdin=None, **environment):
        self.folder = folder
        self.child = subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE,
                                      text=True, cwd=folder, env={**os.environ, **environment},
                                      preexec_fn=_allow_core)
        self.lines = []
        for line in self.child.stdout:
            if line == "ready\n":
                break
            self.lines.append(line.rstrip("\n").split("\t"))
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()

    def core(self):
        """The path of its core; the kernel's ends the program."""
        with open(PATTERN, encoding="utf-8") as file:
            pattern = file.read().strip()
        if "/" not in pattern and not pattern.startswith("|"):
            self.child.send_signal(signal.SIGABRT)
            self.child.wait()
            found = glob.glob(os.path.join(self.folder, "core*"))
            if found:
                return found[0]
        return self.gcore()

    def gcore(self):
        """The same by gdb, which lets it go on."""
        if shutil.which("gcore") is None:
            raise tap.Skip("cores go elsewhere here, and gdb is not installed")
        path = os.path.join(self.folder, "by-gdb")
        subprocess.run(["gcore", "-o", path, str(self.pid)], check=True, capture_output=True,
                       timeout=60)
        return f"{path}.{self.pid}"
