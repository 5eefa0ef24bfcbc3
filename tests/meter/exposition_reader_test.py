#!/usr/bin/python3
"""exposition_reader_test.py DRIVE: what the meter exposes, Prometheus' own client reads back.

Random samples for labels of hostile bytes go through DRIVE (exposition_drive.c). Both formats are
read by the parsers of prometheus_client, and checked for what `promtool check metrics` asks for.
SLUICE_TEST_SEED=n repeats a run.
"""

import collections
import math
import os
import random
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import tap  # noqa: E402

try:
    from prometheus_client import parser as prometheus_parser
    from prometheus_client.openmetrics import parser as openmetrics_parser
except ImportError:
    prometheus_parser = None

DRIVE = sys.argv[1]
SEED = int(os.environ.get("SLUICE_TEST_SEED", "0x51755ce5eed"), 0)
SAMPLE_COUNT = 4000
SERIES_MAX = 1000  # of the counter
VALUE_BYTES_MAX = 128
OVERFLOW = "otel_metric_overflow"
HELP = 'Counted, with "quotes", \\ and\na second line'
HOSTILE = [
    b"", b"\n", b'"', b"\\", b"\\n", b'\\"', b"\\\\n", b"}", b'{a="b"}', b" 1\nother 2", b"# EOF",
    b"\xff", b"\xc3", b"\x00", b"\r", b"\t", b"\x1b[31m", b"\xe2\x80\xa8", b"x" * 300,
    b"\xc3\xa9" * 100, b",", b'",b="', b"\xf0\x9f\x98\x80", b"\x7f", b"\x85", b"\xc2\x85",
]
DOUBLES = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-9, 5e-324, 1.7976931348623157e308, 0.1]


def label_of(data):
    """Decoded, and cut after the last whole character that fits."""
    kept = ""
    room = VALUE_BYTES_MAX
    for character in data.decode("utf-8", "replace").replace("\x00", "\ufffd"):
        room -= len(character.encode())
        if room < 0:
            break
        kept += character
    return kept


def make_samples(source):
    """The lines for DRIVE, and what each metric's series must show."""
    lines = []
    counted = collections.OrderedDict()
    shifted = collections.Counter()
    gauges = {}
    observed = {}
    for _ in range(SAMPLE_COUNT):
        data = (source.choice(HOSTILE) if source.random() < 0.3
                else source.randbytes(source.randrange(1, 4)))
        label = label_of(data)
        text = data.hex() or "-"
        kind = source.choice("csgq")
        if kind == "c":
            number = source.randrange(1000)
            place = label
            if label not in counted and len(counted) - (OVERFLOW in counted) == SERIES_MAX:
                place = OVERFLOW
            counted[place] = counted.get(place, 0) + number
        elif kind == "s":
            number = source.randrange(-1000, 1000)
            shifted[label] += number
        elif kind == "q":
            label = label_of(bytes([ord("a") + source.randrange(20)]) + b'"\n')
            text = label.encode().hex()
            value = source.uniform(1, 1000)
            number = struct.pack(">d", value).hex()
            observed.setdefault(label, []).append(value)
        else:
            value = source.choice(DOUBLES) if source.random() < 0.3 else source.uniform(-1e6, 1e6)
            number = struct.pack(">d", value).hex()
            gauges[label] = value
        lines.append(f"{kind} {text} {number}\n")
    return "".join(lines), {"drive_counted": counted, "drive_shifted": shifted,
                            "drive_set": gauges, "drive_observed": observed}


def expose(lines, text_format):
    done = subprocess.run([DRIVE, text_format], input=lines.encode(), stdout=subprocess.PIPE,
                          check=True)
    return done.stdout.decode("utf-8")


def same(read, wanted):
    return read == wanted or (math.isnan(read) and math.isnan(wanted))


def series_of(family):
    found = {}
    for sample in family.samples:
        label = OVERFLOW if OVERFLOW in sample.labels else sample.labels.get("key", "")
        assert label not in found, f"{sample} twice"
        found[label] = sample.value
    return found


def check_summary(family, wanted):
    assert family.type == "summary"
    read = collections.defaultdict(dict)
    for sample in family.samples:
        part = sample.labels.get("quantile", sample.name.removeprefix("drive_observed"))
        assert part not in read[sample.labels["key"]], f"{sample} twice"
        read[sample.labels["key"]][part] = sample.value
    assert set(read) == set(wanted)
    for label, values in wanted.items():
        values.sort()
        assert read[label]["_count"] == len(values)
        assert math.isclose(read[label]["_sum"], sum(values), rel_tol=1e-9)
        for quantile in ("0.5", "0.9", "0.99"):
            exact = values[max(0, math.ceil(float(quantile) * len(values)) - 1)]
            assert math.isclose(read[label][quantile], exact, rel_tol=0.0101), (label, quantile)


def check_families(families, wanted):
    families = {re.sub("_total$", "", family.name): family for family in families}
    assert set(families) == set(wanted)
    check_summary(families["drive_observed"], wanted["drive_observed"])
    for name in ("drive_counted", "drive_shifted", "drive_set"):
        series = wanted[name]
        read = series_of(families[name])
        assert set(read) == set(series), set(read) ^ set(series)
        for label, value in series.items():
            assert same(read[label], float(value)), (name, label, read[label], value)
    assert families["drive_counted"].type == "counter"
    assert families["drive_shifted"].type == families["drive_set"].type == "gauge"
    assert families["drive_counted"].documentation == HELP


def prometheus_text_reads_back():
    if prometheus_parser is None:
        raise tap.Skip("no prometheus_client")
    lines, wanted = make_samples(random.Random(SEED))
    text = expose(lines, "prometheus")
    check_families(list(prometheus_parser.text_string_to_metric_families(text)), wanted)


def openmetrics_text_reads_back():
    if prometheus_parser is None:
        raise tap.Skip("no prometheus_client")
    lines, wanted = make_samples(random.Random(SEED + 1))
    text = expose(lines, "openmetrics")
    assert text.endswith("\n# EOF\n")
    check_families(list(openmetrics_parser.text_string_to_metric_families(text)), wanted)


def lines_are_as_promtool_wants_them():
    """One type before the samples of each metric, samples together, counters in _total."""
    lines, _ = make_samples(random.Random(SEED + 2))
    sample = re.compile(r'([a-zA-Z_:][\w:]*)(\{(\w+="(\\[\\"n]|[^\\"\n])*",?)+\})? '
                        r'(NaN|[+-]Inf|-?[\d.]+(e[+-]?\d+)?)')
    kinds = {}
    order = []
    for line in expose(lines, "prometheus")[:-1].split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
            assert (kind == "counter") == name.endswith("_total")
        elif line.startswith("# HELP "):
            assert line.split(" ")[2] not in kinds
        else:
            match = sample.fullmatch(line)
            assert match, line
            assert re.sub("_(sum|count)$", "", match[1]) in kinds
            if not order or order[-1] != match[1]:
                order.append(match[1])
    assert len(set(order)) == 6
    assert sum(name.startswith("drive_observed") for name in order[3:]) == len(order) - 3


if __name__ == "__main__":
    print(f"# seed {SEED:#x}")
    sys.exit(tap.run([
        prometheus_text_reads_back,
        openmetrics_text_reads_back,
        lines_are_as_promtool_wants_them,
    ]))
