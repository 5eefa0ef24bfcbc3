#!/usr/bin/python3
"""go_recorded_test.py SLUICE: recorded Go services get their verdicts, without Go. The capsules are
made by go_record.py."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import go_cases  # noqa: E402
import tap  # noqa: E402

SLUICE = os.path.abspath(sys.argv[1])


def verdict(name, form):
    path = os.path.join(HERE, "data", f"{name}.{form}.capsule")
    done = subprocess.run([SLUICE, "heap", "diagnose", "--json", path], capture_output=True,
                          text=True, check=False)
    assert done.returncode == (1 if form == "faulty" else 0), (name, form, done)
    return json.loads(done.stdout)["verdicts"][0]


def all_are_right(form):
    names = [name for name, recorded in go_cases.RECORDED if recorded == form]
    assert len(names) >= 3, names
    for name in names:
        found = verdict(name, form)
        assert go_cases.is_right(name, form, found), (name, form, found)


def faulty_services_are_called_by_their_names():
    all_are_right("faulty")


def fixed_services_are_healthy():
    all_are_right("fixed")


def capsule_is_a_timeline_of_its_profiles():
    path = os.path.join(HERE, "data", "gateway.faulty.capsule")
    done = subprocess.run([SLUICE, "heap", "timeline", "--json", path], capture_output=True,
                          text=True, check=True)
    document = json.loads(done.stdout)
    times = [profile["time_ns"] for profile in document["profiles"]]
    assert len(times) >= 10 and times == sorted(times), times
    ticker = [row for row in document["rows"] if row.get("function") == "time.NewTicker"][0]
    assert len(ticker["values"]) == len(times), ticker
    assert ticker["values"][-1] > 10 * ticker["values"][0] > 0, ticker


if __name__ == "__main__":
    sys.exit(tap.run([faulty_services_are_called_by_their_names, fixed_services_are_healthy,
                      capsule_is_a_timeline_of_its_profiles]))
