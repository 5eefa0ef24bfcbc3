"""Packages from npm for a test, as its package-lock.json has them."""

import os
import shutil
import subprocess
import sys


def _skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def install(source, folder):
    """Install what `source` locks into `folder`, once; a test that cannot is skipped, and ends."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _skip("node and npm are not there")
    os.makedirs(folder, exist_ok=True)
    stamp = os.path.join(folder, "installed-lock.json")
    with open(os.path.join(source, "package-lock.json"), "rb") as lock:
        wanted = lock.read()
    if os.path.exists(stamp):
        with open(stamp, "rb") as installed:
            if installed.read() == wanted:
                return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(source, name), folder)
    result = subprocess.run(["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit",
                             "--no-fund"], cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        _skip("npm ci: " + (result.stderr.strip().splitlines() or ["failed"])[-1])
    with open(stamp, "wb") as installed:
        installed.write(wanted)
