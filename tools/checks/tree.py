"""The tree that is checked: its files, their text, their includes, their definitions."""

import functools
import json
import os
import re
import subprocess
from typing import NamedTuple

SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__"}
C_SUFFIXES = (".c", ".h")

COMMENT_OR_STRING = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")', re.MULTILINE)


class Finding(NamedTuple):
    path: str
    line: int
    message: str


class Include(NamedTuple):
    line: int
    name: str
    is_system: bool  # written with angle brackets


class Tag(NamedTuple):
    """A definition or declaration that ctags found."""
    path: str
    line: int
    end: int
    name: str
    kind: str  # function, prototype, struct, union, enum, enumerator, typedef, member, macro


class CannotCheck(Exception):
    """A tool that a check needs is not there."""


def _blank(match, keep_strings):
    text = match.group()
    if text[0] == "/":
        return re.sub(r"[^\n]", " ", text)
    return text if keep_strings else text[0] + " " * (len(text) - 2) + text[0]


def _listed_by_git(root):
    """Tracked and new files, or None where git does not know the tree."""
    if not os.path.exists(os.path.join(root, ".git")):
        return None
    listing = subprocess.run(["git", "-C", root, "ls-files", "-coz", "--exclude-standard"],
                             capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        return None
    names = set(listing.stdout.split("\0")) - {""}
    return [name for name in names if os.path.isfile(os.path.join(root, name))]


def _found_by_walking(root):
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return found


class Tree:
    def __init__(self, root):
        self.root = root
        listed = _listed_by_git(root)
        self.files = sorted(_found_by_walking(root) if listed is None else listed)

    def absolute(self, path):
        return os.path.join(self.root, path)

    def select(self, *suffixes, under=("",)):
        """Paths that end with one of the suffixes and begin with one of the folders."""
        return [path for path in self.files if path.endswith(suffixes) and path.startswith(under)]

    def c_files(self, under=("",)):
        return self.select(*C_SUFFIXES, under=under)

    @functools.cache
    def data(self, path):
        with open(self.absolute(path), "rb") as file:
            return file.read()

    def is_text(self, path):
        return b"\0" not in self.data(path)[:8192]

    @functools.cache
    def text(self, path):
        return self.data(path).decode("utf-8", errors="replace")

    def lines(self, path):
        return self.text(path).splitlines()

    @functools.cache
    def code(self, path):
        """The C text with comments and the insides of strings blanked, line by line."""
        return COMMENT_OR_STRING.sub(lambda match: _blank(match, False), self.text(path))

    @functools.cache
    def includes(self, path):
        text = COMMENT_OR_STRING.sub(lambda match: _blank(match, True), self.text(path))
        return [Include(line_of(text, match.start(1)), match.group(1)[1:-1],
                        match.group(1)[0] == "<")
                for match in INCLUDE.finditer(text)]

    @functools.cached_property
    def tags(self):
        files = self.c_files()
        if not files:
            return []
        command = ["ctags", "--output-format=json", "--fields=+ne", "--langmap=C:.c.h",
                   "--languages=C", "--kinds-C=fpsugtemd", "-L", "-", "-o", "-",
                   "-I", "SLU_API,SLU_MUST_USE,SLU_BEGIN_DECLS,SLU_END_DECLS,SLU_PRINTF+"]
        try:
            output = subprocess.run(command, cwd=self.root, input="\n".join(files), text=True,
                                    capture_output=True, check=True).stdout
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise CannotCheck("universal-ctags is needed: run tools/deps test") from error
        tags = [json.loads(line) for line in output.splitlines()]
        return [Tag(tag["path"], tag["line"], tag.get("end", tag["line"]), tag["name"],
                    tag["kind"])
                for tag in tags if tag["_type"] == "tag"]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def words_of(name):
    """The words of an identifier or a file name."""
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
