#!/usr/bin/python3
"""demo_test.py SLUICE: `sluice demo` on a pipe, on terminals of several sizes, and interrupted.

Nothing here depends on how fast the machine is, only on what is counted.
"""

import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import tap  # noqa: E402
from terminal import Terminal, columns_of, without_colour  # noqa: E402

SLUICE = sys.argv[1]
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
END_OF_PICTURE = "\x1b[J"
EVENT_BYTES = 16
RING_BYTES_MAX = 4096


def demo(*arguments):
    return [SLUICE, "demo", *arguments]


def run(*arguments):
    done = subprocess.run(demo(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False, timeout=120)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.decode()


def frames_of(shown):
    """The pictures between entering and leaving the other screen, each as its lines."""
    inside = shown.split(ENTER)[1].split(LEAVE)[0]
    pictures = inside.split("\x1b[H")[1:]
    return [[without_colour(line).replace("\x1b[K", "").replace("\x1b[J", "")
             for line in picture.split("\r\n")] for picture in pictures]


def after_the_screen(shown):
    return shown.split(LEAVE)[1].replace("\r\n", "\n")


def words_of(shown):
    return " ".join(shown.split())


def first_picture(**options):
    """A demo on a terminal that ctrl-C has ended after its first picture."""
    terminal = Terminal(demo("--seconds", "3600", "--rate", "1000"), **options)
    terminal.read_until(END_OF_PICTURE)
    terminal.type("\x03")
    assert terminal.end() == 0
    return terminal


def on_a_pipe_there_are_lines_and_a_summary():
    shown = run("--seconds", "2", "--rate", "20000")
    assert "\x1b" not in shown and "\r" not in shown, shown
    lines = [line for line in shown.splitlines() if "growing array: " in line]
    assert lines, shown
    for line in lines:
        assert re.fullmatch(r" *\d+\.\d s  growing array: .*; ring: .*; process: .*", line), line
    for part in ("memory held", "over the last second", "allocations", "time to answer",
                 "The growing array holds ", "The ring holds "):
        assert part in words_of(shown), (part, shown)


def json_samples_add_up():
    shown = run("--seconds", "2", "--rate", "50000", "--json")
    lines = [json.loads(line) for line in shown.splitlines()]
    assert [line["kind"] for line in lines[:-1]] == ["sample"] * (len(lines) - 1)
    summary = lines[-1]
    assert summary["kind"] == "summary" and "The growing array holds" in summary["verdict"]
    assert summary["elapsed_ns"] >= 2 * 10**9
    for before, after in zip(lines, lines[1:]):
        assert before["elapsed_ns"] < after["elapsed_ns"]
        assert before["growing_array"]["held_bytes"] <= after["growing_array"]["held_bytes"]
        assert before["ring"]["held_bytes"] == after["ring"]["held_bytes"] <= RING_BYTES_MAX
        assert before["ring"]["allocation_count"] == after["ring"]["allocation_count"] == 1
    growing, ring = summary["growing_array"], summary["ring"]
    assert growing["event_count"] == ring["event_count"] == 100000
    held = EVENT_BYTES * growing["event_count"]
    assert held <= growing["held_bytes"] < 2 * held
    assert growing["held_bytes"] == EVENT_BYTES * 2 ** (3 + growing["allocation_count"])
    assert 0 < summary["stale_bytes"] <= held
    assert summary["resident_bytes"] > growing["event_count"] * EVENT_BYTES
    assert abs(growing["events_per_second"] - ring["events_per_second"]) < 0.05 * 50000
    assert abs(growing["mean"] - ring["mean"]) < 50


def the_growing_array_stops_at_its_limit():
    summary = json.loads(run("--seconds", "1", "--rate", "100000", "--limit", "64KiB",
                             "--json").splitlines()[-1])
    assert summary["growing_array_is_full"]
    assert summary["growing_array"]["held_bytes"] == 65536
    assert summary["growing_array"]["event_count"] == 4096
    assert summary["ring"]["event_count"] == 100000
    assert "reached its limit" in summary["verdict"]


def a_small_load_is_told_as_it_is():
    summary = json.loads(run("--seconds", "1", "--rate", "3", "--json").splitlines()[-1])
    assert summary["growing_array"]["held_bytes"] < summary["ring"]["held_bytes"]
    assert "less room than its slots" in summary["verdict"]
    assert summary["ring"]["add_ns"] is None


def on_a_terminal_the_picture_is_live_and_goes_away():
    terminal = Terminal(demo("--seconds", "1", "--rate", "20000"))
    assert terminal.end() == 0
    frames = frames_of(terminal.shown)
    assert frames and terminal.shown.startswith(ENTER)
    for frame in frames:
        assert len(frame) <= 24
        assert all(columns_of(line) <= 80 for line in frame), frame
        assert frame[0] == "Two sliding windows under the same load: 20 k/s"
        assert any("\u2514" in line for line in frame), frame
    summary = after_the_screen(terminal.shown)
    assert "The ring holds" in words_of(summary) and "\x1b[H" not in summary


def any_size_of_terminal_is_kept_to():
    for columns, rows in ((20, 5), (40, 12), (120, 40), (250, 100), (1, 1)):
        terminal = first_picture(columns=columns, rows=rows)
        for frame in frames_of(terminal.shown):
            assert len(frame) <= rows, (columns, rows, frame)
        for line in without_colour(after_the_screen(terminal.shown)).splitlines():
            assert columns_of(line) <= max(columns, 20), (columns, line)


def without_colour_nothing_is_coloured():
    terminal = first_picture(NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*m", terminal.shown)
    assert ENTER in terminal.shown


def where_the_locale_is_not_utf8_all_is_ascii():
    terminal = first_picture(LC_ALL="C")
    assert terminal.shown.isascii()


def an_interrupt_ends_it_with_the_summary():
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(demo("--seconds", "3600", "--rate", "1000"), stdout=subprocess.PIPE,
                              start_new_session=True) as process:
            first = process.stdout.readline()
            process.send_signal(number)
            rest = process.stdout.read().decode()
        assert process.returncode == 0, process.returncode
        assert b"growing array: " in first
        assert "The ring holds" in words_of(rest), rest


def ctrl_c_at_a_terminal_restores_it_and_shows_the_summary():
    terminal = first_picture()
    assert terminal.shown.count(ENTER) == terminal.shown.count(LEAVE) == 1
    assert "The ring holds" in words_of(after_the_screen(terminal.shown))


def an_interrupt_leaves_whole_lines_of_json():
    with subprocess.Popen(demo("--seconds", "3600", "--rate", "1000", "--json"),
                          stdout=subprocess.PIPE, start_new_session=True) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        lines = [first, *process.stdout.readlines()]
    assert process.returncode == 0
    assert [json.loads(line)["kind"] for line in lines][-1] == "summary"


def a_reader_that_goes_away_ends_it():
    with subprocess.Popen(demo("--seconds", "3600", "--rate", "1000"), stdout=subprocess.PIPE,
                          start_new_session=True) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == -signal.SIGPIPE


if __name__ == "__main__":
    sys.exit(tap.run([
        on_a_pipe_there_are_lines_and_a_summary,
        json_samples_add_up,
        the_growing_array_stops_at_its_limit,
        a_small_load_is_told_as_it_is,
        on_a_terminal_the_picture_is_live_and_goes_away,
        any_size_of_terminal_is_kept_to,
        without_colour_nothing_is_coloured,
        where_the_locale_is_not_utf8_all_is_ascii,
        an_interrupt_ends_it_with_the_summary,
        ctrl_c_at_a_terminal_restores_it_and_shows_the_summary,
        an_interrupt_leaves_whole_lines_of_json,
        a_reader_that_goes_away_ends_it,
    ]))
