"""What the tests of tools/ share: running and loading a tool, and a temporary tree to do it in."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tool(name):
    return os.path.join(ROOT, "tools", name)


def run_tool(name, *arguments, **options):
    """The finished process, with its output as text; it never reads our standard input."""
    return subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, **options)


def load_tool(name):
    module_name = name.replace("-", "_")
    loader = SourceFileLoader(module_name, tool(name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(module_name, loader))
    sys.modules[module_name] = module
    loader.exec_module(module)
    return module


class TreeTestCase(unittest.TestCase):
    """A temporary folder for each test, and false programs in it that tell how they were called."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="sluice-test.")
        self.addCleanup(shutil.rmtree, self.root)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        """A file; one that begins with #! can be executed."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        if text.startswith("#!"):
            os.chmod(self.path(name), 0o755)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run_telling(self, program, *arguments, **environment):
        """The result of a program, and the lines that others appended to $CALLS meanwhile."""
        self.write("calls", "")
        environment = {"PATH": self.path("bin") + ":" + os.environ["PATH"],
                       "CALLS": self.path("calls"), **environment}
        result = run_tool(program, *arguments, env=environment)
        return result, self.read("calls").splitlines()
