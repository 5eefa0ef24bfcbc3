"""What tests of the preload library share: how a program is started under it."""

import os
import subprocess

import tap

LISTENING = r"sluice-heap: profiles at (http://127\.0\.0\.1:\d+/debug/pprof/)\n"


def library_path(name):
    """Where the loader finds a library of the system's."""
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        if line.split()[0] == name:
            return line.split()[-1]
    raise tap.Skip(f"{name} is not installed")


def environment_of(preload, settings):
    return {**os.environ, "LD_PRELOAD": preload,
            **{"SLUICE_HEAP_" + name: str(value) for name, value in settings.items()}}
