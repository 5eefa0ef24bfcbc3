"""The heap profilers that are compared: how a command is run under each, and beside what."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field

RATE_BYTES = 512 << 10


class Absent(Exception):
    """A program or library is not installed; the text says which package has it."""


@dataclass(frozen=True)
class Profiler:
    """`environment` and `prefix` make a command run under it."""
    name: str
    environment: dict = field(default_factory=dict, hash=False)
    prefix: tuple = ()

    def run_in(self, folder, **more):
        """The environment of a program whose profiles go to `folder`."""
        own = {name: value.replace("FOLDER", folder) for name, value in self.environment.items()}
        return {**os.environ, **own, **more}

    def command(self, folder, *words):
        return [word.replace("FOLDER", folder) for word in self.prefix] + list(words)


NONE = Profiler("none")


def library(name, package):
    """Where the loader finds a library."""
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        words = line.split()
        if words and words[0] == name:
            return words[-1]
    raise Absent(f"{name} is not installed (package {package})")


def program(name, package):
    if shutil.which(name) is None:
        raise Absent(f"{name} is not installed (package {package})")
    return name


def sluice(preload, **settings):
    named = {"SLUICE_HEAP_" + name: str(value) for name, value in settings.items()}
    return Profiler("sluice", {"LD_PRELOAD": preload, "SLUICE_HEAP_OUT": "FOLDER/heap", **named})


def jemalloc(rate_bytes=RATE_BYTES):
    """Its profiler, and the allocator without."""
    path = library("libjemalloc.so.2", "libjemalloc2")
    said = subprocess.run(["/bin/true"], capture_output=True, text=True, check=True,
                          env={"LD_PRELOAD": path, "MALLOC_CONF": "prof:true"}).stderr
    if "prof" in said:
        raise Absent("this jemalloc was built without its profiler")
    shift = rate_bytes.bit_length() - 1
    wanted = f"prof:true,lg_prof_sample:{shift},prof_final:true,prof_prefix:FOLDER/je"
    return (Profiler("jemalloc", {"LD_PRELOAD": path}),
            Profiler("jemalloc's profiler", {"LD_PRELOAD": path, "MALLOC_CONF": wanted}))


def tcmalloc():
    """Its sampling, and the allocator without."""
    path = library("libtcmalloc.so.4", "libgoogle-perftools4")
    return (Profiler("tcmalloc", {"LD_PRELOAD": path}),
            Profiler("tcmalloc's sampling", {"LD_PRELOAD": path,
                                             "TCMALLOC_SAMPLE_PARAMETER": str(RATE_BYTES)}))


def gperftools():
    """The profiler of HEAPPROFILE, which sees every allocation, and tcmalloc without."""
    path = library("libtcmalloc.so.4", "libgoogle-perftools4")
    return (Profiler("tcmalloc", {"LD_PRELOAD": path}),
            Profiler("gperftools' HEAPPROFILE", {"LD_PRELOAD": path,
                                                 "HEAPPROFILE": "FOLDER/gperftools"}))


def heaptrack():
    program("heaptrack", "heaptrack")
    return NONE, Profiler("heaptrack", prefix=("heaptrack", "-o", "FOLDER/heaptrack"))
