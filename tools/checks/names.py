"""Names of files, folders and identifiers, as far as a script can judge them."""

import re

from checks.tree import Finding, line_of, words_of

EMPTY_WORDS = {"util", "utils", "common", "misc", "helper", "helpers"}

# Beyond fd, err, ctx, buf, len and id nothing is abbreviated; these are the usual temptations.
ABBREVIATIONS = {
    "arr": "array", "cb": "callback", "cfg": "config", "cnt": "count", "cur": "current",
    "dst": "destination", "elem": "element", "hdr": "header", "idx": "index", "mgr": "its noun",
    "msg": "message", "num": "count", "obj": "its noun", "prev": "previous", "ptr": "its noun",
    "res": "result", "src": "source", "str": "text", "sz": "size", "tbl": "table",
    "tmp": "its noun", "val": "value",
}
JUDGED_KINDS = ("function", "prototype", "struct", "union", "enum", "enumerator", "typedef",
                "member")

BOUND_FIRST = re.compile(r"(SLU_)?(MAX|MIN)_")
TYPEDEF_OF_TAG = re.compile(r"\btypedef\s+(?:const\s+)?(struct|union|enum)\b[^(;]*[;{]")


def check_paths(tree):
    told = set()
    for path in tree.files:
        if path.startswith("fuzz/corpus/"):
            continue
        parts = path.split("/")
        for depth, part in enumerate(parts):
            place = "/".join(parts[:depth + 1])
            empty = EMPTY_WORDS.intersection(words_of(part))
            if empty and place not in told:
                told.add(place)
                yield Finding(path, 1, f"'{empty.pop()}' in {place} names no idea: a function "
                                       "without a noun moves to its caller")


def check_typedefs(tree):
    for path in tree.c_files():
        code = tree.code(path)
        for match in TYPEDEF_OF_TAG.finditer(code):
            yield Finding(path, line_of(code, match.start()),
                          f"no typedef of a {match.group(1)}: write {match.group(1)} NAME")
    for tag in tree.tags:
        if tag.kind in ("typedef", "struct", "union", "enum") and tag.name.endswith("_t"):
            yield Finding(tag.path, tag.line, f"{tag.name}: names in _t belong to POSIX")


def check_public_prefix(tree):
    for tag in tree.tags:
        if not tag.path.startswith("include/sluice/") or tag.kind == "member":
            continue
        if tag.name.startswith("__anon"):
            continue
        guard = guard_stem(tag.path) + "_H"
        prefix = "SLU_" if tag.kind in ("macro", "enumerator") else "slu_"
        generated = tag.name.startswith("SLU_")  # by a macro of a template header
        if not tag.name.startswith(prefix) and not generated and tag.name != guard:
            yield Finding(tag.path, tag.line,
                          f"the public {tag.kind} {tag.name} does not begin with {prefix}")


def guard_stem(path):
    """SLUICE_BUDGET of include/sluice/budget.h, BASE_DIAG of src/base/diag.h."""
    for prefix in ("include/", "src/"):
        path = path.removeprefix(prefix)
    return re.sub(r"[^A-Z0-9]+", "_", path.removesuffix(".h").upper())


def check_abbreviations(tree):
    for tag in tree.tags:
        if tag.kind not in JUDGED_KINDS or not tag.path.startswith(("src/", "include/")):
            continue
        for word in words_of(tag.name.replace("_", " ")):
            if word in ABBREVIATIONS:
                yield Finding(tag.path, tag.line,
                              f"{tag.name}: '{word}' is an abbreviation; write "
                              f"{ABBREVIATIONS[word]}")


def check_bounds(tree):
    """A bound ends in _MAX or _MIN: SLOT_COUNT_MAX, not MAX_SLOTS."""
    for tag in tree.tags:
        if tag.kind in ("macro", "enumerator") and BOUND_FIRST.match(tag.name):
            yield Finding(tag.path, tag.line, f"{tag.name}: a bound ends in _MAX or _MIN")


CHECKS = (check_paths, check_typedefs, check_public_prefix, check_abbreviations, check_bounds)
