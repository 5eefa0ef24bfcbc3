"""A program on a pseudo-terminal of a given size."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

BOUND_SECONDS = 60


class Terminal:
    """Start a program with all three descriptors on a terminal; read what it shows."""

    def __init__(self, arguments, columns=80, rows=24, **environment):
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        variables = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}
        variables = {name: value for name, value in variables.items() if value is not None}
        self.process = subprocess.Popen(
            arguments, stdin=secondary, stdout=secondary, stderr=secondary, env=variables,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(secondary)
        self.shown = ""
        self.mark = 0  # what is before it has been waited for

    def type(self, text):
        os.write(self.primary, text.encode())

    def read_until(self, wanted):
        """Read until `wanted` is shown after what was waited for before; None: until the end."""
        end = time.monotonic() + BOUND_SECONDS
        while wanted is None or wanted not in self.shown[self.mark:]:
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.primary], [], [], left)[0]
            assert ready, f"{wanted!r} did not come: {self.shown[self.mark:][-2000:]!r}"
            try:
                data = os.read(self.primary, 65536)
            except OSError:  # Linux says EIO when the last writer has gone
                data = b""
            if not data:
                assert wanted is None, f"{wanted!r} never came: {self.shown[self.mark:][-2000:]!r}"
                break
            self.shown += self.decoder.decode(data)
        if wanted is not None:
            self.mark = self.shown.index(wanted, self.mark) + len(wanted)

    def end(self):
        """Read the rest and wait; returns the exit status."""
        self.read_until(None)
        status = self.process.wait(BOUND_SECONDS)
        os.close(self.primary)
        return status


def without_colour(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def columns_of(text):
    """How many columns a terminal needs for a line without control sequences."""
    return sum(0 if unicodedata.combining(character)
               else 2 if unicodedata.east_asian_width(character) in "WF" else 1
               for character in text)
