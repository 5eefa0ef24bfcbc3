"""Profiles of which a picture of all cannot show much: a tree whose small parts branch again."""

import gzip
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "profile"))

from pprof_fields import field, varint  # noqa: E402

LARGE = 1 << 40
OBJECT = 1000
GROUPS = 3
LEAVES = 40
DEEP_LEAVES = 10
STEPS = 60


def samples(moment):
    """(stack, the outermost first; bytes)."""
    yield ("main", "large", *(f"step_{step}" for step in range(STEPS)), "tip"), LARGE
    for group in range(GROUPS):
        for leaf in range(LEAVES):
            yield (("main", "small", f"group_{group}", f"leaf_{group}_{leaf}"),
                   1000000 + 1000 * leaf + moment)
    for leaf in range(DEEP_LEAVES):
        yield ("main", "small", "tiny", "below", f"speck_{leaf}"), 3 + leaf


def write(path, moment=0):
    strings = ["", "inuse_objects", "count", "inuse_space", "bytes"]
    names = []
    body = field(1, field(1, 1) + field(2, 2)) + field(1, field(1, 3) + field(2, 4))
    for stack, size in samples(moment):
        for name in stack:
            if name not in names:
                names.append(name)
        ids = b"".join(varint(names.index(name) + 1) for name in reversed(stack))
        objects = size // OBJECT
        body += field(2, field(1, ids) + field(2, varint(objects) + varint(size)))
    for place, name in enumerate(names):
        number = place + 1
        body += field(4, field(1, number) + field(3, 0x1000 + number) +
                      field(4, field(1, number) + field(2, 10 + number)))
        body += field(5, field(1, number) + field(2, len(strings)))
        strings.append(name)
    for text in strings:
        body += field(6, text.encode())
    body += field(9, 1764139000000000000 + moment * 60000000000)
    body += field(11, field(1, 3) + field(2, 4)) + field(12, 1)
    with gzip.open(path, "wb") as file:
        file.write(body)
