"""Headers: guards, the order of includes, and each one compiled alone."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from checks.names import guard_stem
from checks.passed import Passed
from checks.tree import CannotCheck, Finding, line_of

# Template headers are meant to be included more than once: the definitions that each one wants.
TEMPLATES = {
    "include/sluice/fold.h": """
        #define SLU_FOLD_NAME alone_fold
        #define SLU_FOLD_VALUE long
        #define SLU_FOLD_COMBINE(older, newer) ((older) + (newer))
        #define SLU_FOLD_IDENTITY 0
        """,
    "include/sluice/fold_late.h": """
        #define SLU_LATE_NAME alone_late
        #define SLU_LATE_VALUE long
        #define SLU_LATE_COMBINE(older, newer) ((older) + (newer))
        #define SLU_LATE_IDENTITY 0
        #define SLU_LATE_EQUAL(left, right) ((left) == (right))
        """,
}

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Werror", "-fsyntax-only")
C_COMPILERS = (("gcc", "-x", "c", "-std=gnu17"), ("clang", "-x", "c", "-std=gnu17"))
CXX_COMPILERS = (("g++", "-x", "c++", "-std=c++17"), ("clang++", "-x", "c++", "-std=c++17"))

GUARD = re.compile(r"\A\s*#ifndef (\w+)\n#define (\w+)\n(?:.*\n)?#endif\s*\Z", re.DOTALL)
TEMPLATE_GUARD = re.compile(r"\A\s*#ifndef (\w+)\n#define (\w+)\n(?:.*\n)?#endif\n", re.DOTALL)
PART_GUARD = re.compile(r"\A\s*#ifndef \w+\n#error\b")


def is_part(tree, path):
    """A part of a template header, which refuses to be included by anything else; or a template of
    one test's own, which that test includes more than once."""
    name = path.removeprefix("include/")
    if PART_GUARD.match(tree.code(path)):
        return any(include.name == name for template in TEMPLATES if template in tree.files
                   for include in tree.includes(template))
    folder, name = os.path.split(path)
    return path.startswith("tests/") and any(
        [include.name for include in tree.includes(user)].count(name) > 1
        for user in tree.select(".c", under=(folder + "/",)))


def guards_of(path):
    """FOLDER_NAME_H; a header named as its folder may say the name once. In tests/ and bench/
    the folder may be the upper one alone: TESTS_NAME_H of tests/harness/name.h."""
    *folders, name = path.removesuffix(".h").split("/")
    names = [guard_stem(path)]
    if folders and folders[0] in ("tests", "bench"):
        names.append(guard_stem(f"{folders[0]}/{name}"))
    for stem in list(names):
        names.append(re.sub(r"(^|_)(\w+)_\2$", r"\1\2", stem))
    return [stem + "_H" for stem in names]


def check_guards(tree):
    for path in tree.select(".h"):
        if is_part(tree, path):
            continue
        match = (TEMPLATE_GUARD if path in TEMPLATES else GUARD).match(tree.code(path))
        names = guards_of(path)
        if not match or match.group(1) != match.group(2):
            yield Finding(path, 1, f"is not enclosed in a guard {names[0]}")
        elif match.group(1) not in names:
            yield Finding(path, line_of(tree.code(path), match.start(1)),
                          f"the guard {match.group(1)} should be {names[0]}")


def own_headers(tree, path):
    """The headers named as a .c file is, private and public."""
    folder, stem = os.path.dirname(path).removeprefix("src/"), os.path.basename(path)[:-2]
    own = {f"{folder}/{stem}.h": f"src/{folder}/{stem}.h",
           f"sluice/{stem}.h": f"include/sluice/{stem}.h"}
    names = {name for name, file in own.items() if file in tree.files}
    if own[f"sluice/{stem}.h"] in TEMPLATES:
        # What is not generic of a template is declared beside it, in NAME_block.h or the like.
        names |= {header.removeprefix("include/")
                  for header in tree.select(".h", under=(f"include/sluice/{stem}_",))}
    return names


def check_own_header_first(tree):
    """So that a header that needs something before it is noticed while it is written."""
    for path in tree.select(".c", under=("src/",)):
        own = own_headers(tree, path)
        first = next(iter(tree.includes(path)), None)
        if own and (first is None or first.name not in own):
            yield Finding(path, first.line if first else 1,
                          f"its own header comes first: {' or '.join(sorted(own))}")


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
    text = TEMPLATES.get(path, "")
    text += f'#include "{os.path.abspath(tree.absolute(path))}"\ntypedef int after_header;\n'
    folders = ["include", "src", os.path.dirname(path)]
    if path.startswith(("tests/", "bench/")):
        folders.append(path.split("/")[0] + "/harness")
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
        if is_part(tree, path):
            continue
        compilers = C_COMPILERS
        if path.startswith("include/"):
            compilers += CXX_COMPILERS
        jobs += [(path, compiler) for compiler in compilers]
    passed = Passed(tree, "headers")
    digests = {job: passed.digest(job[0], (*job[1], *WARNINGS, TEMPLATES.get(job[0], "")))
               for job in jobs}
    jobs = [job for job in jobs if digests[job] not in passed.old]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = list(pool.map(lambda job: compile_alone(tree, *job), jobs))
    passed.keep(digests[job] for job, error in zip(jobs, errors) if error is None)
    for (path, compiler), error in zip(jobs, errors):
        if error is not None:
            yield Finding(path, 1, f"does not compile alone with {compiler[0]}: {error}")


CHECKS = (check_guards, check_own_header_first, check_include_order, check_alone)
