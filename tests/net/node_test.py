#!/usr/bin/python3
"""node_test.py SUBJECT FOLDER: what the npm packages `ws` and `@grpc/grpc-js` see of the subject.

The packages are those of package-lock.json, installed into FOLDER once.
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import npm_packages  # noqa: E402
from net_subject import Subject  # noqa: E402

SUBJECT, FOLDER = (os.path.abspath(path) for path in sys.argv[1:3])
CLIENTS = (("websocket_client.mjs", "ws://127.0.0.1:{}/ws"), ("grpc_client.mjs", "127.0.0.1:{}"))


def main():
    npm_packages.install(HERE, FOLDER)
    lines = []
    with Subject(SUBJECT, workers=4) as subject:
        for client, target in CLIENTS:
            words = ["node", os.path.join(HERE, client), target.format(subject.port), FOLDER]
            result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200)
            told = result.stdout.splitlines()
            lines += told[1:] if told else [f"not ok - {client} said nothing"]
            lines += ["# " + line for line in result.stderr.splitlines()]
        subject.until(lambda stats: stats["active"] == 0)
        ended = [line for line in subject.lines if line.startswith("work ended: -1")]
        assert len(ended) == 2, subject.lines  # by its deadline, and by its client
    tests = [line for line in lines if not line.startswith("#")]
    print(f"1..{len(tests)}")
    print("\n".join(renumbered(lines)))
    return 1 if any(line.startswith("not ok") for line in tests) else 0


def renumbered(lines):
    """The results of several clients, which each count from 1, as one list."""
    number = 0
    for line in lines:
        result = re.match(r"(ok|not ok)( \d+)?", line)
        number += 1 if result else 0
        yield f"{result.group(1)} {number}{line[result.end():]}" if result else line


if __name__ == "__main__":
    sys.exit(main())
