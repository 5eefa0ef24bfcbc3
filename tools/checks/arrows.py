"""Which folder may include which: the arrows of ARCHITECTURE.md, as a table."""

import re

from checks.tree import Finding

# An arrow implies those below it, and every folder may include base.
ARROWS = {
    "base": "",
    "sys": "base",
    "scope": "sys",
    "codec": "base",
    "match": "base",
    "window": "base",
    "meter": "window sys",
    "limit": "window scope",
    "guard": "scope",
    "timer": "scope",
    "profile": "codec",
    "preload": "profile sys",
    "readers": "profile codec",
    "symbol": "sys",
    "holders": "symbol profile",
    "diagnose": "readers window draw",
    "draw": "profile symbol",
    "view": "draw profile codec",
    "net": "scope timer codec limit meter",
    "wire": "codec",
    "store": "scope codec match",
    "query": "store window",
    "pipeline": "wire net store limit meter match",
    "alert": "query net",
    "check": "pipeline alert",
    "serve": "pipeline query alert diagnose view draw preload",
    "cli": "readers holders diagnose view draw check",
}

# What a program that links libsluice gets, and what a watched process loads: libc and nothing else.
LIBSLUICE = ("base", "sys", "scope", "window", "meter", "limit", "guard", "timer", "profile")
LIBC_ONLY = LIBSLUICE + ("preload",)

# Public headers that no source is named after: their folder.
PUBLIC_HOMES = {
    "api.h": "base",
    "fold.h": "window",
    "span.h": "window",
}

TOP_FOLDERS = {
    ".ci", "bench", "deploy", "docs", "examples", "fuzz", "include", "lab", "src", "tests", "tools",
    "ui",
}

LIBC_HEADER = re.compile(
    r"(sys|bits|linux|asm|asm-generic|net|netinet|arpa)/\w+\.h|"
    r"(assert|complex|ctype|dirent|dlfcn|elf|endian|err|errno|execinfo|fcntl|features|fenv|float|"
    r"fnmatch|ftw|getopt|glob|grp|inttypes|iso646|langinfo|libgen|limits|link|locale|malloc|math|"
    r"mntent|netdb|poll|pthread|pty|pwd|regex|sched|search|semaphore|setjmp|signal|spawn|stdalign|"
    r"stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|"
    r"termios|tgmath|threads|time|uchar|ucontext|unistd|utime|wchar|wctype|"
    r"cpuid|emmintrin|immintrin|unwind|x86intrin|xxhash)\.h")

# Libraries whose headers stay in one place: (header, folders, what to use elsewhere).
EXTERNAL_HOMES = (
    (re.compile(r"(sys/(socket|un|epoll)|netdb)\.h|(net|netinet|arpa)/"),
     tuple(folder for folder in ARROWS if folder != "store"), "the store knows no network"),
    (re.compile(r"(nghttp2|wslay|curl|gnutls)/|microhttpd\.h"), ("net",),
     "HTTP, WebSocket and TLS are net's"),
    (re.compile(r"elfutils/|(libelf|gelf|dwarf)\.h"), ("symbol", "holders"),
     "ELF and DWARF are symbol's"),
    (re.compile(r"re2/"), ("match",), "regular expressions are match's"),
    (re.compile(r"sqlite3\.h"), ("store",), "SQLite is store's"),
)


def reachable(folder):
    """`folder` and all folders that its arrows imply."""
    found = {folder, "base"}
    for below in ARROWS[folder].split():
        found |= reachable(below)
    return found


def folder_of(path):
    """The folder below src/ that a source belongs to, or None."""
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def public_homes(tree):
    """Public header to folder: where the source named as it or after it is, or that includes it
    first; then the table above; and NAME_PART.h lives with NAME.h."""
    ranked = {}
    for path in tree.c_files(under=("src/",)):
        stem = path.rsplit("/", 1)[1][:-2]
        for place, include in enumerate(tree.includes(path)):
            if not include.name.startswith("sluice/"):
                continue
            name = include.name.removeprefix("sluice/")
            named = stem == name[:-2] or stem.startswith(name[:-2] + "_")
            if named or (place == 0 and path.endswith(".c")):
                rank = (not named, path)
                ranked[name] = min(ranked.get(name, rank), rank)
    homes = PUBLIC_HOMES | {name: folder_of(path) for name, (_, path) in ranked.items()}
    for path in tree.select(".h", under=("include/sluice/",)):
        name = path.rsplit("/", 1)[1]
        stem = name[:-2]
        while name not in homes and "_" in stem:
            stem = stem.rsplit("_", 1)[0]
            if stem + ".h" in homes:
                homes[name] = homes[stem + ".h"]
    return homes


def check_folders(tree):
    """Folders are those that ARCHITECTURE.md draws."""
    told = set()
    for path in tree.files:
        parts = path.split("/")
        if len(parts) > 1 and parts[0] not in TOP_FOLDERS and parts[0] not in told:
            told.add(parts[0])
            yield Finding(path, 1, f"unknown folder {parts[0]}/")
        folder = folder_of(path)
        if folder is not None and folder not in ARROWS and folder not in told:
            told.add(folder)
            yield Finding(path, 1, f"unknown folder src/{folder}/: add it to the arrows in "
                                   "tools/checks/arrows.py and ARCHITECTURE.md")
    for path in tree.c_files(under=("src/",)):
        if folder_of(path) is None:
            yield Finding(path, 1, "a source belongs in a folder of src/")


def check_architecture(tree):
    """ARCHITECTURE.md has a row for each folder of src/."""
    if "ARCHITECTURE.md" not in tree.files:
        return
    told = set(re.findall(r"^\| `src/(\w+)/` \|", tree.text("ARCHITECTURE.md"), re.MULTILINE))
    there = {folder_of(path) for path in tree.c_files(under=("src/",))} - {None}
    for folder in sorted(there - told):
        yield Finding("ARCHITECTURE.md", 1, f"its table has no row for src/{folder}/")


def check_public_homes(tree):
    """Each public header belongs to a folder, or its includes could not be judged."""
    homes = public_homes(tree)
    for path in tree.select(".h", under=("include/sluice/",)):
        if path.rsplit("/", 1)[1] not in homes:
            yield Finding(path, 1, "belongs to no folder: no source in src/ is named after it, and "
                                   "PUBLIC_HOMES in tools/checks/arrows.py does not name it")


def is_there(tree, name):
    """A header below src/, or one that the folder's build makes."""
    path = "src/" + name
    build = path.rsplit("/", 1)[0] + "/meson.build"
    return path in tree.files or (
        build in tree.files and f"'{name.rsplit('/', 1)[1]}'" in tree.text(build))


def target_folder(tree, homes, include):
    """The folder that an include leads to; None for what is outside; "" for what is not there."""
    if include.is_system:
        if not include.name.startswith("sluice/"):
            return None
        return homes.get(include.name.removeprefix("sluice/"), "")
    return folder_of("src/" + include.name) if is_there(tree, include.name) else ""


def check_arrows(tree):
    """Includes between folders follow the arrows."""
    homes = public_homes(tree)
    for path in tree.c_files(under=("src/", "include/sluice/")):
        public = path.startswith("include/")
        folder = homes.get(path.rsplit("/", 1)[1]) if public else folder_of(path)
        if folder not in ARROWS:
            continue
        for include in tree.includes(path):
            if public and not include.is_system:
                yield Finding(path, include.line,
                              f'a public header cannot include the private "{include.name}"')
                continue
            target = target_folder(tree, homes, include)
            if target == "":
                yield Finding(path, include.line, f"no such header: {include.name} (written from "
                                                  'src/: "folder/name.h"; public: <sluice/name.h>)')
            elif target in ARROWS and target not in reachable(folder):
                yield Finding(path, include.line, f"{folder} must not include {target}: "
                                                  f"{include.name} (arrows of {folder}: "
                                                  f"{' '.join(sorted(reachable(folder)))})")


def check_examples(tree):
    """Examples are what a user would write: public headers and libc."""
    for path in tree.c_files(under=("examples/",)):
        for include in tree.includes(path):
            is_local = not include.is_system and "examples/" + include.name in tree.files
            is_public = include.is_system and include.name.startswith("sluice/")
            if not is_local and not is_public and not LIBC_HEADER.fullmatch(include.name):
                yield Finding(path, include.line,
                              f"an example includes only <sluice/...> and libc: {include.name}")


def check_external_headers(tree):
    """libsluice and the preload library know libc alone; other libraries stay in their folder."""
    homes = public_homes(tree)
    for path in tree.c_files(under=("src/", "include/sluice/")):
        public = path.startswith("include/")
        folder = homes.get(path.rsplit("/", 1)[1]) if public else folder_of(path)
        for include in tree.includes(path):
            if not include.is_system or include.name.startswith("sluice/"):
                continue
            if (public or folder in LIBC_ONLY) and not LIBC_HEADER.fullmatch(include.name):
                yield Finding(path, include.line,
                              f"{folder} includes libc's headers and xxhash.h only: {include.name}")
            for pattern, folders, instead in EXTERNAL_HOMES:
                if pattern.match(include.name) and folder not in folders:
                    yield Finding(path, include.line,
                                  f"{folder} must not include {include.name}: {instead}")


CHECKS = (check_folders, check_architecture, check_public_homes, check_arrows, check_examples,
          check_external_headers)
