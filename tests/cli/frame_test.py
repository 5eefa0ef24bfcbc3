#!/usr/bin/python3
"""frame_test.py SLUICE SAMPLE: help, mistakes, exit statuses and output of the real program.

SAMPLE is the same frame with a table of its own (sample_program.c).
"""

import fcntl
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import tap  # noqa: E402
from terminal import Terminal, columns_of, without_colour  # noqa: E402

SLUICE, SAMPLE = sys.argv[1:3]
FINE, FINDINGS, WRONG_USE, COULD_NOT = range(4)


def run(program, *arguments, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([program, *arguments], stdout=options.pop("stdout", subprocess.PIPE),
                          stderr=subprocess.PIPE, timeout=60, check=False, **options)


def text(program, *arguments):
    done = run(program, *arguments)
    assert done.returncode == FINE and not done.stderr, done
    return done.stdout.decode()


def commands_of(program):
    """The subcommands that its help lists."""
    listed = text(program, "--help").split("\nCommands:\n")[1].split("\n\n")[0]
    return [re.split(r"  +", line.strip())[0].split() for line in listed.splitlines()
            if re.match(r"  \S", line)]


def every_command_has_help_with_examples():
    names = commands_of(SLUICE)
    assert ["demo"] in names and ["man"] not in names, names
    for name in names:
        shown = text(SLUICE, *name, "--help")
        assert shown.startswith(f"Usage: sluice {' '.join(name)} "), shown
        for part in ("\nOptions:\n", "\nExamples:\n  ", "-h, --help"):
            assert part in shown, (name, part)
        assert text(SLUICE, *name, "-h") == shown
        assert text(SLUICE, "help", *name) == shown
    assert text(SLUICE, "help") == text(SLUICE, "--help") == text(SLUICE, "-h")


def members_of_a_group_have_help_too():
    shown = text(SAMPLE, "heap", "--help")
    assert "heap top" in shown and "heap run" in shown
    assert text(SAMPLE, "help", "heap") == shown
    assert text(SAMPLE, "help", "heap", "top").startswith("Usage: sample heap top ")
    assert run(SAMPLE, "heap").returncode == WRONG_USE
    assert run(SAMPLE, "heap").stderr.decode() == shown


def help_is_no_wider_than_the_terminal():
    for columns in (40, 60, 80, 120, 200):
        for name in commands_of(SLUICE) + [[]]:
            terminal = Terminal([SLUICE, *name, "--help"], columns=columns)
            assert terminal.end() == FINE
            shown = without_colour(terminal.shown)
            for line in shown.split("\r\n"):
                is_example = line.startswith("  ") and "sluice" in line
                assert columns_of(line) <= min(columns, 100) or is_example, line


def mistakes_are_answered_with_what_was_probably_meant():
    for arguments, first_line in [
            (["dmeo"], "sluice: unknown command 'dmeo'; did you mean 'demo'?"),
            (["helo", "demo"], "sluice: unknown command 'helo'; did you mean 'help'?"),
            (["frobnicate"], "sluice: unknown command 'frobnicate'"),
            (["help", "vers"], "sluice: unknown command 'vers'; did you mean 'version'?"),
            (["help", "demo", "x"], "sluice demo: unknown command 'demo x'"),
            (["--nonsense"], "sluice: unknown option '--nonsense' before a command"),
            (["demo", "--rat", "5"], "sluice demo: unknown option '--rat'; did you mean '--rate'?"),
            (["demo", "--rate", "5x"],
             "sluice demo: --rate is '5x', but must be a whole number from 1 to 10000000"),
            (["demo", "--limit=1KiB"], "sluice demo: --limit is '1KiB', but must be a size such "
                                       "as 512KiB, from 4KiB to 1TiB"),
            (["demo", "-s"],
             "sluice demo: --seconds needs a value: a whole number from 1 to 3600"),
            (["demo", "10"], "sluice demo: unexpected argument '10'"),
            (["version", "--json=yes"],
             "sluice version: --json takes no value, but was given 'yes'"),
            (["completion"], "sluice completion: SHELL is missing"),
            (["completion", "bsh"],
             "sluice completion: SHELL is 'bsh', but must be bash, fish or zsh; did you mean "
             "'bash'?"),
            (["de\x1b[31mo"], "sluice: unknown command 'de\\x1b[31mo'"),
    ]:
        done = run(SLUICE, *arguments)
        assert done.returncode == WRONG_USE and not done.stdout, done
        lines = done.stderr.decode().splitlines()
        assert lines[0] == first_line, lines
        assert re.fullmatch(r"Try 'sluice( \w+)? --help'\.", lines[1]), lines


def a_second_word_alone_leads_to_its_command():
    for word in ("top", "topp"):
        done = run(SAMPLE, word)
        first_line = f"sample: unknown command '{word}'; did you mean 'heap top'?"
        assert done.stderr.decode().splitlines()[0] == first_line, done


def hostile_words_are_shown_harmlessly():
    for word in (b"\xff\xfe", b"--\x1b]0;title\x07", b"-\xff", b"x" * 100000, b"\xe2\x80\xae"):
        for arguments in ([word], [b"demo", word], [b"demo", b"--rate", word], [b"help", word]):
            done = run(SLUICE.encode(), *arguments)
            assert done.returncode == WRONG_USE, done
            assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae", done.stderr), done
            done.stderr.decode("utf-8")


def without_arguments_help_goes_to_the_error_output():
    done = run(SLUICE)
    assert done.returncode == WRONG_USE and not done.stdout
    assert done.stderr.decode() == text(SLUICE, "--help")


def options_and_operands_reach_the_command():
    done = run(SAMPLE, "heap", "top", "-vn", "7", "--size=1.5MiB", "a", "--every", "1m30s",
               "-fjson", "--site=x=y", "--", "-n")
    assert done.returncode == FINDINGS, done
    assert json.loads(done.stdout) == {
        "command": "heap top", "count": 7, "size": 1572864, "every": 90 * 10**9, "format": 1,
        "out": None, "site": "x=y", "verbose": True, "json": False, "operands": ["a", "-n"]}
    done = run(SAMPLE, "heap", "run", "--", "ls", "--help")
    assert json.loads(done.stdout)["operands"] == ["ls", "--help"]


def json_of_version_is_json():
    shown = json.loads(text(SLUICE, "version", "--json"))
    assert text(SLUICE, "version") == f"{shown['name']} {shown['version']}\n"
    assert text(SLUICE, "--version") == text(SLUICE, "version")
    assert set(shown) == {"name", "version", "target", "compiler"}


def output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "wb") as full:
        for arguments in (["--help"], ["version", "--json"], ["completion", "bash"],
                          ["demo", "--seconds", "1", "--rate", "10"]):
            done = run(SLUICE, *arguments, stdout=full)
            assert done.returncode == COULD_NOT, done
            assert b"No space left on device" in done.stderr, done


def output_waits_for_a_slow_reader():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    arguments = ["heap", "diff", "x" * 4000, "y" * 4000]
    with subprocess.Popen([SAMPLE, *arguments], stdout=writer) as process:
        os.close(writer)
        with open(reader, "rb") as file:
            shown = file.read().decode()
    assert process.returncode == FINE
    assert len(shown) > 8000 and shown == text(SAMPLE, *arguments)


def colour_is_for_terminals_that_want_it():
    for environment, coloured in (({"NO_COLOR": None}, True), ({"NO_COLOR": ""}, True),
                                  ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        terminal = Terminal([SAMPLE, "heap", "diff", "a", "b"], **environment)
        assert terminal.end() == FINE
        assert ("\x1b[1m" in terminal.shown) == coloured, environment
        assert ("\x1b" in terminal.shown) == coloured, environment
    assert "\x1b" not in text(SAMPLE, "heap", "diff", "a", "b")


def names_from_outside_are_escaped_and_cut():
    terminal = Terminal([SAMPLE, "heap", "diff", "evil\x1b[31m\n", "p/" * 60 + "end"], columns=40)
    assert terminal.end() == FINE
    lines = without_colour(terminal.shown).split("\r\n")
    assert lines[1:] == ["1  evil\\x1b[31m\\n", "2  \u2026" + ("p/" * 60 + "end")[-36:], ""], lines
    terminal = Terminal([SAMPLE, "heap", "diff", "\u7a97", "p/" * 60], columns=40, LC_ALL="C")
    assert terminal.end() == FINE
    lines = without_colour(terminal.shown).split("\r\n")
    assert lines[1:] == ["1  \\u7a97", "2  ~" + ("p/" * 60)[-36:], ""], lines


if __name__ == "__main__":
    sys.exit(tap.run([
        every_command_has_help_with_examples,
        members_of_a_group_have_help_too,
        help_is_no_wider_than_the_terminal,
        mistakes_are_answered_with_what_was_probably_meant,
        a_second_word_alone_leads_to_its_command,
        hostile_words_are_shown_harmlessly,
        without_arguments_help_goes_to_the_error_output,
        options_and_operands_reach_the_command,
        json_of_version_is_json,
        output_that_cannot_be_written_is_an_error,
        output_waits_for_a_slow_reader,
        colour_is_for_terminals_that_want_it,
        names_from_outside_are_escaped_and_cut,
    ]))
