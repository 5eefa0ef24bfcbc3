"""What has passed a check that takes long, so that it is not done again for the same content."""

import hashlib
import os
import shutil

FOLDER = "build/tidy"
DIGESTS_MAX = 20000  # older ones go; each is 65 bytes of the file


def closure(tree, path):
    """The file and all files of the tree that it includes, in order."""
    found, waiting = set(), [path]
    while waiting:
        current = waiting.pop()
        if current in found or current not in tree.files:
            continue
        found.add(current)
        folder = os.path.dirname(current)
        for include in tree.includes(current):
            waiting += [f"include/{include.name}", f"src/{include.name}",
                        os.path.normpath(f"{folder}/{include.name}"),
                        *(f"{top}/harness/{include.name}" for top in ("tests", "bench"))]
    return sorted(found)


def program_state(name):
    """Changes when the program on this machine does."""
    place = shutil.which(name)
    if place is None:
        return name
    status = os.stat(place)
    return f"{os.path.realpath(place)} {status.st_size} {status.st_mtime_ns}"


class Passed:
    """Digests of what has passed, kept below build/ of the tree, if it has one."""

    def __init__(self, tree, name):
        self.tree = tree
        self.place = tree.absolute(os.path.join(FOLDER, name))
        self.known = []
        if os.path.exists(self.place):
            with open(self.place, encoding="ascii") as file:
                self.known = file.read().split()
        self.old = set(self.known)
        self.content = {}

    def digest(self, path, command):
        """Of a command on a file: what it is made of, and the program that reads it."""
        if path not in self.content:
            whole = hashlib.sha256()
            for part in closure(self.tree, path):
                whole.update(part.encode() + b"\0" + self.tree.data(part) + b"\0")
            self.content[path] = whole.digest()
        state = " ".join([program_state(command[0]), *command])
        return hashlib.sha256(self.content[path] + state.encode()).hexdigest()

    def keep(self, digests):
        """Only in a tree that is built: a tree without build/ stays as it is."""
        new = [digest for digest in digests if digest not in self.old]
        if not new or not os.path.isdir(self.tree.absolute("build")):
            return
        os.makedirs(os.path.dirname(self.place), exist_ok=True)
        temporary = f"{self.place}.{os.getpid()}"
        with open(temporary, "w", encoding="ascii") as file:
            file.write("\n".join((self.known + new)[-DIGESTS_MAX:]) + "\n")
        os.replace(temporary, self.place)
