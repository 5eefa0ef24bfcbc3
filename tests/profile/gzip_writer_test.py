#!/usr/bin/python3
"""gzip_writer_test.py DRIVE: what the gzip writer writes, zlib reads back.

DRIVE (gzip_writer_drive.c) compresses its standard input. SLUICE_TEST_SEED=n repeats a run.
"""

import gzip
import os
import random
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import tap  # noqa: E402

DRIVE = sys.argv[1]
SEED = int(os.environ.get("SLUICE_TEST_SEED", "0x51755ce5eed"), 0)
BLOCK = 32768


def compressed(data, piece=65536):
    return subprocess.run([DRIVE, str(piece)], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def assert_reads_back(data, piece=65536):
    written = compressed(data, piece)
    assert gzip.decompress(written) == data, f"{len(data)} bytes in pieces of {piece}"
    return len(written)


def random_document(source):
    """Pieces of few letters, pieces of noise, and repetitions of pieces from near and far."""
    letters = source.randbytes(source.choice([1, 2, 3, 20, 256]))
    pieces = [b"begin"]
    wanted = source.randrange(1, 150000)
    while sum(map(len, pieces)) < wanted:
        kind = source.randrange(3)
        if kind == 0:
            pieces.append(source.randbytes(source.randrange(300)))
        elif kind == 1:
            pieces.append(source.choice(pieces))
        else:
            pieces.append(bytes(source.choices(letters, k=source.randrange(2000))))
    return b"".join(pieces)


def empty_input_is_a_file():
    assert assert_reads_back(b"") <= 25


def lengths_at_the_edges_of_blocks_and_windows_read_back():
    source = random.Random(SEED)
    edges = (1, 2, 3, 4, 5, 6, 257, 258, 259, 262)
    for length in edges + tuple(k * BLOCK + d for k in (1, 2, 3) for d in (-1, 0, 1)):
        assert_reads_back(bytes(length))
        assert_reads_back(source.randbytes(length))
        assert_reads_back(bytes(source.choices(b"ab", k=length)))


def random_documents_read_back_in_any_pieces():
    source = random.Random(SEED)
    for _ in range(25):
        assert_reads_back(random_document(source), source.choice([777, 4096, 33333, 65536]))
    assert_reads_back(random_document(source)[:5000], 1)


def matches_reach_as_far_as_the_window_and_no_farther():
    source = random.Random(SEED)
    phrase = source.randbytes(100)
    for distance in (BLOCK - 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK):
        assert_reads_back(phrase + source.randbytes(distance - len(phrase)) + phrase)


def matches_reach_over_the_ends_of_blocks():
    phrase = random.Random(SEED).randbytes(20000)
    assert assert_reads_back(phrase * 20) < 1.25 * len(phrase)


def incompressible_input_grows_by_what_is_stated():
    source = random.Random(SEED)
    for blocks in (1, 3, 10):
        data = source.randbytes(blocks * BLOCK)
        assert assert_reads_back(data) <= len(data) + 5 * blocks + 23


def skewed_symbols_need_codes_of_limited_length():
    """Frequencies like Fibonacci's numbers make a Huffman tree as deep as it can be."""
    counts = [1, 1]
    while sum(counts) + counts[-1] + counts[-2] < BLOCK:
        counts.append(counts[-1] + counts[-2])
    data = bytearray(b"".join(bytes([i]) * count for i, count in enumerate(counts)))
    random.Random(SEED).shuffle(data)
    assert_reads_back(bytes(data))


def large_input_reads_back():
    line = b"".join(b"%d: %d [%d: %d] @ 0x%x\n" % (i, i * i, i, i * 7, i * 4096)
                    for i in range(100000))
    data = line * 6
    assert assert_reads_back(data, 1 << 17) < len(data) // 3


def it_compresses_about_as_zlib_does():
    data = b"".join(b"%d: %d [%d: %d] @ 0x%x\n" % (i % 97, i * i % 1001, i, i % 7, i % 500)
                    for i in range(20000))
    fast = len(zlib.compress(data, 1))
    assert assert_reads_back(data) < 1.05 * fast


def the_same_input_gives_the_same_file():
    data = random_document(random.Random(SEED))
    assert compressed(data, 1000) == compressed(data, 65536)


sys.exit(tap.run([
    empty_input_is_a_file,
    lengths_at_the_edges_of_blocks_and_windows_read_back,
    random_documents_read_back_in_any_pieces,
    matches_reach_as_far_as_the_window_and_no_farther,
    matches_reach_over_the_ends_of_blocks,
    incompressible_input_grows_by_what_is_stated,
    skewed_symbols_need_codes_of_limited_length,
    large_input_reads_back,
    it_compresses_about_as_zlib_does,
    the_same_input_gives_the_same_file,
]))
