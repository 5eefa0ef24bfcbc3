#!/usr/bin/python3
"""json_writer_reader_test.py DRIVE: what the JSON writer writes, Python's json module reads back.

Random documents and hostile strings go through DRIVE (json_writer_drive.c), which writes them with
the writer; strings and keys are arbitrary bytes, so what must come back is their decoding with
replacement characters. SLUICE_TEST_SEED=n repeats a run.
"""

import decimal
import json
import math
import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import tap  # noqa: E402

DRIVE = sys.argv[1]
SEED = int(os.environ.get("SLUICE_TEST_SEED", "0x51755ce5eed"), 0)
DOCUMENT_COUNT = 3000
HOSTILE = [
    b"", b"\x00", b'"', b"\\", b'\\"', b"</script>", b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80",
    b"\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x80\xa8\xe2\x80\xa9",
    b"\xef\xbf\xbd", b"\xef\xbb\xbf", b"\x1b[31m", b"\xc2\x9b31m", b"\x7f", b"\x80\x80\x80",
    b"\xf0\x9f\x98\x80", b"\xf0\x9f\x98", b"a\xe2\x82", b"\xe2\x82\xac" * 200, b"\\u0000",
    b"\r\n\t\b\f", b"x" * 5000,
]
DOUBLES = [
    0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
    math.inf, -math.inf, math.nan, 9007199254740993.0, 123456789.125, 1 / 3,
]


class Members(list):
    """An object's members in their order, equal keys too."""


class Maker:
    """Random documents, as what must be read back and as steps for DRIVE."""

    def __init__(self, source):
        self.source = source
        self.steps = []

    def text(self):
        if self.source.random() < 0.3:
            data = self.source.choice(HOSTILE)
        else:
            data = self.source.randbytes(self.source.randrange(12))
        return data, data.decode("utf-8", "replace")

    def double(self):
        if self.source.random() < 0.3:
            value = self.source.choice(DOUBLES)
        elif self.source.random() < 0.5:
            value = struct.unpack("<d", self.source.randbytes(8))[0]
        else:
            value = self.source.uniform(-1000, 1000)
        self.steps.append("d " + struct.pack(">d", value).hex())
        return value if math.isfinite(value) else None

    def scalar(self):
        kind = self.source.randrange(5)
        if kind == 0:
            data, expected = self.text()
            self.steps.append("s " + data.hex())
            return expected
        if kind == 1:
            value = self.source.choice([0, -1, 2**63 - 1, -(2**63), self.source.randrange(10**6)])
            self.steps.append(f"i {value}")
            return value
        if kind == 2:
            value = self.source.choice([2**64 - 1, 2**53 + 1, self.source.randrange(2**64)])
            self.steps.append(f"u {value}")
            return value
        if kind == 3:
            return self.double()
        value = self.source.choice([True, False, None])
        self.steps.append("n" if value is None else "t" if value else "f")
        return value

    def value(self, depth):
        kind = self.source.random()
        if depth == 0 or kind < 0.4:
            return self.scalar()
        if kind < 0.7:
            self.steps.append("[")
            expected = [self.value(depth - 1) for _ in range(self.source.randrange(5))]
            self.steps.append("]")
            return expected
        expected = Members()
        self.steps.append("{")
        for _ in range(self.source.randrange(5)):
            data, key = self.text()
            self.steps.append("k " + data.hex())
            expected.append((key, self.value(depth - 1)))
        self.steps.append("}")
        return expected


def same(read, expected):
    if isinstance(expected, list):
        return (type(read) is type(expected) and len(read) == len(expected)
                and all(map(same, read, expected)))
    if isinstance(expected, tuple):
        return read[0] == expected[0] and same(read[1], expected[1])
    if isinstance(expected, float):
        # "1" is read as an integer; the sign of a zero must survive.
        return struct.pack("<d", float(read)) == struct.pack("<d", expected)
    return type(read) is type(expected) and read == expected


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def write_documents(steps):
    text = "".join(step + "\n" for step in steps)
    done = subprocess.run([DRIVE], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return done.stdout.split(b"\x1e")[:-1]


def documents_and_hostile_strings_read_back():
    maker = Maker(random.Random(SEED))
    expected = []
    for _ in range(DOCUMENT_COUNT):
        expected.append(maker.value(depth=maker.source.randrange(8)))
        maker.steps.append(".")
    for data in HOSTILE:
        maker.steps += ["{", "k " + data.hex(), "s " + data.hex(), "}", "."]
        text = data.decode("utf-8", "replace")
        expected.append(Members([(text, text)]))
    documents = write_documents(maker.steps)
    assert len(documents) == len(expected)
    for number, (document, value) in enumerate(zip(documents, expected)):
        controls = [byte for byte in document if byte < 0x20 and byte != 0x0A or byte == 0x7F]
        assert not controls, f"document {number}: {document!r}"
        read = json.loads(document.decode("utf-8"), object_pairs_hook=Members,
                          parse_constant=refuse_constant)
        assert same(read, value), f"document {number}: {document!r} is not {value!r}"


def doubles_have_the_digits_of_pythons_repr():
    """repr is the shortest number too, and the nearest of the shortest."""
    source = random.Random(SEED + 1)
    values = [struct.unpack("<d", source.randbytes(8))[0] for _ in range(50000)]
    values = [value for value in values if math.isfinite(value)]
    steps = [f"d {struct.pack('>d', value).hex()}\n." for value in values]
    for written, value in zip(write_documents(steps), values, strict=True):
        written = written.decode().strip()
        assert decimal.Decimal(written) == decimal.Decimal(repr(value)), f"{written} {value!r}"


if __name__ == "__main__":
    print(f"# seed {SEED:#x}")
    sys.exit(tap.run([
        documents_and_hostile_strings_read_back,
        doubles_have_the_digits_of_pythons_repr,
    ]))
