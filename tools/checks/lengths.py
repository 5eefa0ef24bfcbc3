"""How long files, functions and lines may be."""

from checks.tree import Finding

FILE_LINES_MAX = 1000
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 100

CODE_SUFFIXES = (".c", ".h", ".py", ".sh", ".ts", ".css", "meson.build", "Makefile")


def is_code(tree, path):
    return path.endswith(CODE_SUFFIXES) or (tree.is_text(path) and tree.text(path).startswith("#!"))


def check_files(tree):
    for path in tree.files:
        if is_code(tree, path):
            lines = len(tree.lines(path))
            if lines > FILE_LINES_MAX:
                yield Finding(path, lines, f"{lines} lines; a file has at most {FILE_LINES_MAX}")


def check_functions(tree):
    for tag in tree.tags:
        lines = tag.end - tag.line + 1
        if tag.kind == "function" and lines > FUNCTION_LINES_MAX:
            yield Finding(tag.path, tag.line, f"{tag.name} has {lines} lines; a function has at "
                                              f"most {FUNCTION_LINES_MAX}")


def check_lines(tree):
    for path in tree.files:
        if is_code(tree, path):
            for number, line in enumerate(tree.lines(path), 1):
                if len(line) > LINE_COLUMNS_MAX:
                    yield Finding(path, number, f"{len(line)} columns; a line has at most "
                                                f"{LINE_COLUMNS_MAX}")


CHECKS = (check_files, check_functions, check_lines)
