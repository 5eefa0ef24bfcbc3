"""What a benchmark in Python reports, in the form of bench.c: a table, --json, rows of a CSV."""

import csv
import json
import os
import time
from dataclasses import dataclass

COLUMNS = "date,commit,machine,name,value,unit,goal,peer,peer_value".split(",")


@dataclass(frozen=True)
class Line:
    """`goal` is what the value may be at most; more is told to people and in --json."""
    name: str
    value: float
    unit: str
    goal: float = None
    peer: str = None
    peer_value: float = None
    more: str = ""

    def met(self):
        return self.goal is None or self.value <= self.goal


def print_table(title, lines):
    print(title)
    for line in lines:
        goal = ""
        if line.goal is not None:
            goal = f"<= {line.goal:<9.4g} {'met' if line.met() else 'MISSED'}"
        peer = f"{line.peer}: {line.peer_value:.4g}" if line.peer else ""
        print(f"  {line.name:<58} {line.value:12.4g} {line.unit:<10} {goal:<20} {peer} {line.more}"
              .rstrip())


def print_json(lines):
    rows = []
    for line in lines:
        row = {"name": line.name, "value": line.value, "unit": line.unit, "goal": line.goal}
        if line.goal is not None:
            row |= {"goal_is": "at most", "met": line.met()}
        if line.peer:
            row |= {"peer": line.peer, "peer_value": line.peer_value}
        rows.append(row | ({"more": line.more} if line.more else {}))
    print(json.dumps(rows, indent=1))


def append_csv(path, lines):
    """With the commit and the machine that tools/bench has put into the environment."""
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            writer.writerow(COLUMNS)
        for line in lines:
            writer.writerow([
                date, os.environ.get("SLUICE_COMMIT", ""), os.environ.get("SLUICE_MACHINE", ""),
                line.name, f"{line.value:.9g}", line.unit,
                "" if line.goal is None else f"<={line.goal:.9g}", line.peer or "",
                f"{line.peer_value:.9g}" if line.peer else ""])
