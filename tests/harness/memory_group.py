"""Memory groups of version 1, in which a process that passes their limit is killed."""

import os
import tempfile

import tap


def own_group():
    """The folder of this process's memory group of version 1."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            folder = "/sys/fs/cgroup/memory" + path
            if "memory" in controllers.split(","):
                return folder
    raise tap.Skip("this system has no memory groups of version 1")


class Group:
    """A group of version 1 below our own, with a limit; removed at the end."""

    def __init__(self, limit, name="sluice-test", above=None):
        place = above or own_group()
        try:
            self.folder = tempfile.mkdtemp(prefix=f"{name}.", dir=place)
        except OSError as error:
            raise tap.Skip(f"{place}/{name} cannot be made: {error.strerror}") from error
        if limit is not None:
            self.put("memory.limit_in_bytes", limit)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.rmdir(self.folder)

    def put(self, name, value):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def enter(self):
        self.put("cgroup.procs", 0)
