"""Headers: guards, the order of includes, and each one compiled alone."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from checks.names import guard_stem
from checks.tree import CannotCheck, Finding, line_of

# What the text before a template header has to say, so that it compiles alone.
TEMPLATE_PRELUDES = {}

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Werror", "-fsyntax-only")
C_COMPILERS = (("gcc", "-x", "c", "-std=gnu17"), ("clang", "-x", "c", "-std=gnu17"))
CXX_COMPILERS = (("g++", "-x", "c++", "-std=c++17"), ("clang++", "-x", "c++", "-std=c++17"))

GUARD = re.compile(r"\A\s*#ifndef (\w+)\n#define (\w+)\n(?:.*\n)?#endif\s*\Z", re.DOTALL)


def guards_of(path):
    """FOLDER_NAME_H; a header named as its folder may say the name once."""
    stem = guard_stem(path)
    words = path.removesuffix(".h").split("/")
    if len(words) > 1 and words[-1] == words[-2]:
        return (guard_stem("/".join(words[:-1]) + ".h") + "_H", stem + "_H")
    return (stem + "_H",)


def check_guards(tree):
    for path in tree.select(".h"):
        if path in TEMPLATE_PRELUDES and "#ifndef" not in tree.code(path):
            continue
        match = GUARD.match(tree.code(path))
        names = guards_of(path)
        if not match or match.group(1) != match.group(2):
            yield Finding(path, 1, f"is not enclosed in a guard {names[0]}")
        elif match.group(1) not in names:
            yield Finding(path, line_of(tree.code(path), match.start(1)),
                          f"the guard {match.group(1)} should be {names[0]}")


def own_headers(tree, path):
    """The headers that a .c file may begin with: its namesakes, else any of its folder."""
    folder, stem = os.path.dirname(path).removeprefix("src/"), os.path.basename(path)[:-2]
    namesakes = {f"{folder}/{stem}.h": f"src/{folder}/{stem}.h",
                 f"sluice/{stem}.h": f"include/sluice/{stem}.h"}
    there = {name for name, file in namesakes.items() if file in tree.files}
    if there:
        return there
    public = {include.name for include in tree.includes(path) if include.name.startswith("sluice/")}
    return public | {header.removeprefix("src/")
                     for header in tree.select(".h", under=(f"src/{folder}/",))}


def check_own_header_first(tree):
    """So that each header is known to need nothing before it."""
    for path in tree.select(".c", under=("src/",)):
        own = own_headers(tree, path)
        includes = tree.includes(path)
        if not own or os.path.basename(path) == "main.c":
            continue
        if not includes or includes[0].name not in own:
            line = includes[0].line if includes else 1
            named = " or ".join(sorted(own)) if len(own) <= 2 else "a header of its folder"
            yield Finding(path, line, f"its own header comes first: {named}")


def is_ours(include):
    return not include.is_system or include.name.startswith("sluice/")


def check_include_order(tree):
    """Own header, system headers, ours."""
    for path in tree.c_files():
        includes = tree.includes(path)
        ours_seen = False
        for include in includes:
            if is_ours(include):
                ours_seen |= include is not includes[0] or path.endswith(".h")
            elif ours_seen:
                yield Finding(path, include.line, f"<{include.name}> comes after our headers; the "
                                                  "order is: own header, system headers, ours")


def compile_alone(tree, path, compiler):
    """The first error, or None."""
    text = TEMPLATE_PRELUDES.get(path, "")
    text += f'#include "{os.path.abspath(tree.absolute(path))}"\ntypedef int after_header;\n'
    folders = ("include", "src", os.path.dirname(path))
    command = [*compiler, *WARNINGS, "-D_GNU_SOURCE",
               *(f"-I{tree.absolute(folder)}" for folder in folders), "-"]
    try:
        result = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CannotCheck(f"{compiler[0]} is needed: run tools/deps build test") from error
    if result.returncode == 0:
        return None
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    return (errors or ["it fails"])[0].split("error:")[-1].strip()


def check_alone(tree):
    """Each header compiles alone: in C, and the public ones in C++ too."""
    jobs = []
    for path in tree.select(".h"):
        compilers = C_COMPILERS
        if path.startswith("include/"):
            compilers += CXX_COMPILERS
        jobs += [(path, compiler) for compiler in compilers]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = pool.map(lambda job: compile_alone(tree, *job), jobs)
    for (path, compiler), error in zip(jobs, errors):
        if error is not None:
            yield Finding(path, 1, f"does not compile alone with {compiler[0]}: {error}")


CHECKS = (check_guards, check_own_header_first, check_include_order, check_alone)
