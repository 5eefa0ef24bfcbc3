"""What the tests of tools/ share: where the tools are, running one, loading one as a module."""

import importlib.util
import os
import subprocess
import sys
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
