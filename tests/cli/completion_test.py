#!/usr/bin/python3
"""completion_test.py SLUICE SAMPLE: the completion scripts, in the shells themselves.

SAMPLE is the same frame with a table of its own (sample_program.c). Each shell that is not
installed is a skip with that reason.
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))

import tap  # noqa: E402
from terminal import Terminal  # noqa: E402

SLUICE, SAMPLE = map(os.path.abspath, sys.argv[1:3])
COMMAND_LINES = [
    ("sample ", {"completion", "heap", "help"}),
    ("sample h", {"heap", "help"}),
    ("sample heap ", {"diff", "run", "top"}),
    ("sample heap t", {"top"}),
    ("sample theap ", set()),
    ("sample heap top --f", {"--format"}),
    ("sample heap top -n 5 --ver", {"--verbose"}),
    ("sample heap top --format ", {"json", "pprof", "text"}),
    ("sample heap top -f p", {"pprof"}),
    ("sample heap top --count ", set()),
    ("sample heap top app", {"app.heap", "app two.heap"}),
    ("sample heap top --out app.", {"app.heap"}),
    ("sample heap top -v app.", {"app.heap"}),
    ("sample heap top -- app.", {"app.heap"}),
    ("sample heap diff app.heap app.", {"app.heap"}),
    ("sample help heap d", {"diff"}),
    ("sample help c", {"completion"}),
    ("sample completion z", {"zsh"}),
]


def shell(name):
    path = shutil.which(name)
    if path is None:
        raise tap.Skip(f"{name} is not installed")
    return path


def script(program, name):
    return subprocess.run([program, "completion", name], stdout=subprocess.PIPE, check=True,
                          timeout=60).stdout.decode()


class Folder(tempfile.TemporaryDirectory):
    """A folder with a script of each program for one shell, and files to complete."""

    def __init__(self, name):
        super().__init__()
        self.script = os.path.join(self.name, "sample." + name)
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(script(SAMPLE, name))
        for file_name in ("app.heap", "app two.heap"):
            with open(os.path.join(self.name, file_name), "w", encoding="utf-8"):
                pass

    def __enter__(self):
        return self

    def run(self, arguments):
        path = os.path.dirname(SAMPLE) + ":" + os.environ["PATH"]
        return subprocess.run(arguments, cwd=self.name, stdout=subprocess.PIPE, timeout=60,
                              stderr=subprocess.PIPE, check=False,
                              env={**os.environ, "PATH": path, "HOME": self.name})


def check_syntax(name, *options):
    path = shell(name)
    for program in (SLUICE, SAMPLE):
        with tempfile.NamedTemporaryFile("w", suffix="." + name) as file:
            file.write(script(program, name))
            file.flush()
            done = subprocess.run([path, *options, file.name], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False, timeout=60)
            assert done.returncode == 0 and not done.stdout, done


def bash_accepts_the_script():
    check_syntax("bash", "-n")


def zsh_accepts_the_script():
    check_syntax("zsh", "-f", "-n")


def fish_accepts_the_script():
    check_syntax("fish", "--no-config", "-n")


# COMP_WORDS as readline makes it: = is a word of its own.
BASH_DRIVER = r"""
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
$(complete -p sample | sed 's/.*-F \([^ ]*\) .*/\1/')
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash_words(line):
    words = line.replace("=", " = ").split(" ")
    return [word for word in words[:-1] if word] + words[-1:]


def bash_completes_every_position():
    path = shell("bash")
    cases = COMMAND_LINES + [
        ("sample heap top --format=", {"json", "pprof", "text"}),
        ("sample heap top --format=js", {"json"}),
        ("sample heap run -- grep app.", {"app.heap"}),
        ("sample --ver", {"--version"}),
    ]
    with Folder("bash") as folder:
        for line, expected in cases:
            done = folder.run([path, "--norc", "-c", BASH_DRIVER, "driver", folder.script,
                               *bash_words(line)])
            offered = set(done.stdout.decode().split("\n")) - {""}
            assert offered == expected and not done.stderr, (line, offered, done.stderr)


def fish_completes_every_position():
    path = shell("fish")
    cases = COMMAND_LINES + [
        ("sample heap top --format=", {"--format=json", "--format=pprof", "--format=text"}),
    ]
    with Folder("fish") as folder:
        for line, expected in cases:
            done = folder.run([path, "--no-config", "-c",
                               f"set fish_complete_path /usr/share/fish/completions; "
                               f"source {folder.script}; complete -C '{line}'"])
            offered = {row.split("\t")[0] for row in done.stdout.decode().splitlines()}
            offered = {word.replace("\\ ", " ") for word in offered}
            assert offered == expected, (line, offered, done.stderr)


def drive_in_terminal(name, arguments, setup):
    """Type into an interactive shell, with tabs, and see what the program was given."""
    path = os.path.dirname(SAMPLE) + ":" + os.environ["PATH"]
    with Folder(name) as folder:
        terminal = Terminal(arguments, columns=120, PATH=path, HOME=folder.name)
        terminal.type(f"cd {folder.name}; {setup.format(script=folder.script)}\n")
        terminal.read_until("READY> ")
        terminal.type("sample hea\tto\t--form\tjs\tapp.\t\n")
        for printed in ('"command": "heap top"', '"format": 1', '"operands"', '"app.heap"', "}"):
            terminal.read_until(printed)
        terminal.type("exit\n")
        terminal.end()


def bash_completes_what_is_typed_at_a_terminal():
    drive_in_terminal("bash", [shell("bash"), "--norc", "--noprofile", "-i"],
                      "bind 'set enable-bracketed-paste off'; source {script}; PS1='READY''> '")


def zsh_completes_what_is_typed_at_a_terminal():
    drive_in_terminal("zsh", [shell("zsh"), "-f", "-i"],
                      "autoload -U compinit; compinit -u -D; source {script}; PROMPT='READY''> '")


def zsh_loads_the_installed_file_when_it_is_needed():
    drive_in_terminal("zsh", [shell("zsh"), "-f", "-i"],
                      "cp {script} _sample; fpath=($PWD $fpath); autoload -U compinit; "
                      "compinit -u -D; PROMPT='READY''> '")


if __name__ == "__main__":
    sys.exit(tap.run([
        bash_accepts_the_script,
        zsh_accepts_the_script,
        fish_accepts_the_script,
        bash_completes_every_position,
        fish_completes_every_position,
        bash_completes_what_is_typed_at_a_terminal,
        zsh_completes_what_is_typed_at_a_terminal,
        zsh_loads_the_installed_file_when_it_is_needed,
    ]))
