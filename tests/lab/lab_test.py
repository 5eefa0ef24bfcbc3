#!/usr/bin/python3
"""lab_test.py SLUICE LAB: the laboratory, each fault as a real service under real load.

Runs are small, with fixed seeds, and some at a time: they mostly wait.
"""

import concurrent.futures
import json
import math
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import tap

SLUICE, LAB = (os.path.abspath(path) for path in sys.argv[1:3])
WAIT_SECONDS = 30
RUNS_AT_A_TIME = 5
RATE, SECONDS = "1000", "8"
# What a case needs beside that: a window is found when the load has gone up and down over it.
NEEDS = {"coarse": ("--rate", "4000", "--seconds", "12"), "log-aggregator": ("--rate", "500")}
SITES = {"gateway": "ticker_start", "gateway-state": "record_add", "slices": "window_expand",
         "log-aggregator": "aggregate", "metrics": "series_add", "heartbeat": "beat",
         "coarse": "point_add", "pseudo-window": "wait_for_next"}


def sluice(*words, **environment):
    return subprocess.run([SLUICE, *words], capture_output=True, text=True, check=False,
                          timeout=120, env={**os.environ, **environment})


def cases():
    return json.loads(sluice("lab", "list", "--json").stdout)


def run(name, form, *options, **environment):
    """One run's document, whatever the verdict."""
    done = sluice("lab", "run", name, "--" + form, "--json", "--rate", RATE, "--seconds", SECONDS,
                  "--listen", "none", *NEEDS.get(name, ()), *options, **environment)
    assert done.returncode in (0, 1), (name, form, done)
    document = json.loads(done.stdout)
    assert (document["name"], document["form"]) == (name, form), document
    return {**document, "status": done.returncode}


def needs_redis(name):
    if name == "cache-penetration" and not os.access("/usr/bin/redis-server", os.X_OK):
        raise tap.Skip("redis-server is not installed")


def run_all(wanted, *options, **environment):
    """Documents of (name, form), by both."""
    with concurrent.futures.ThreadPoolExecutor(RUNS_AT_A_TIME) as pool:
        return dict(zip(wanted, pool.map(
            lambda order: run(*order, *options, **environment), wanted)))


def first_pattern(document):
    return document["verdicts"][0]["pattern"]


def check_counts(document):
    """What the clients sent is what the service served, and all of it came back."""
    counts = {name: document[name] for name in ("requests", "sent", "answered", "refused",
                                                "abandoned", "failed")}
    assert counts["sent"] > 0, document
    assert counts["failed"] == 0, counts
    assert counts["requests"] == counts["sent"], counts
    if document["name"] != "heartbeat":  # beats are not answered
        back = counts["answered"] + counts["refused"] + counts["abandoned"]
        assert back == counts["sent"], counts
        assert 0 < document["latency"]["p50_ms"] <= document["latency"]["p99_ms"], document


def check_memory(document):
    memory = document["memory"]
    assert len(memory) > 10, document
    assert all(later["t"] > earlier["t"] for earlier, later in zip(memory, memory[1:])), memory
    assert all(moment["rss"] > moment["live"] > 0 for moment in memory), memory
    assert all(moment["rss"] > moment["anonymous"] > 0 for moment in memory), memory


def cases_are_listed():
    listed = cases()
    assert all(set(case) == {"name", "pattern", "title"} for case in listed), listed
    faults = {case["name"] for case in listed if case["pattern"] not in ("healthy", None)}
    assert faults == set(SITES), faults
    assert sum(case["pattern"] == "healthy" for case in listed) == 5, listed
    text = sluice("lab", "list").stdout
    assert all(case["name"] in text for case in listed), text


def faulty_forms_are_known_by_their_pattern_and_site():
    patterns = {case["name"]: case["pattern"] for case in cases()}
    documents = run_all([(name, "faulty") for name in SITES])
    for (name, _), document in documents.items():
        verdict = document["verdicts"][0]
        assert verdict["pattern"] == patterns[name], (name, verdict)
        assert verdict["site"]["function"] == SITES[name], (name, verdict)
        assert verdict["evidence"] and verdict["fix"], verdict
        assert document["status"] == 0, document
        check_counts(document)
        check_memory(document)


def fixed_forms_and_look_alikes_are_healthy():
    names = [case["name"] for case in cases() if case["pattern"] is not None]
    for (name, _), document in run_all([(name, "fixed") for name in names]).items():
        assert first_pattern(document) == "healthy", (name, document["verdicts"])
        check_counts(document)


def figures_tell_the_difference():
    documents = run_all([(name, form) for name in ("heartbeat", "slices")
                         for form in ("faulty", "fixed")], "--connections", "50", "--seconds", "3")
    faulty, fixed = documents["heartbeat", "faulty"], documents["heartbeat", "fixed"]
    assert faulty["figures"]["timers"] == faulty["requests"] + 50, faulty["figures"]
    assert fixed["figures"]["timers"] == 50, fixed["figures"]
    faulty, fixed = documents["slices", "faulty"], documents["slices", "fixed"]
    assert faulty["figures"]["kept_bytes"] > 10 * fixed["figures"]["kept_bytes"], faulty["figures"]
    assert faulty["figures"]["expansions"] > 0 == fixed["figures"]["expansions"]


def keys_that_do_not_exist_reach_the_store_once():
    needs_redis("cache-penetration")
    documents = run_all([("cache-penetration", "faulty"), ("cache-penetration", "fixed")],
                        "--rate", "400", "--seconds", "4")
    faulty, fixed = documents.values()
    for document in (faulty, fixed):
        check_counts(document)
    # 200 items are asked for, half of them missing: with the guard each is asked for once.
    assert fixed["figures"]["store_calls"] <= 200, fixed["figures"]
    assert faulty["figures"]["store_calls"] > 0.3 * faulty["requests"], faulty["figures"]


def names_make_no_difference():
    if shutil.which("strip") is None:
        raise tap.Skip("strip is not installed")
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        for program in os.listdir(LAB):
            if program.startswith("lab-") and os.path.isfile(os.path.join(LAB, program)):
                subprocess.run(["strip", "-s", "-o", os.path.join(folder, program),
                                os.path.join(LAB, program)], check=True)
        patterns = {"metrics": "unbounded-keys", "slices": "retained-array",
                    "log-aggregator": "task-leak", "gateway": "timer-pileup"}
        for (name, _), document in run_all([(name, "faulty") for name in patterns],
                                           SLUICE_LAB=folder).items():
            pattern = patterns[name]
            assert first_pattern(document) == pattern, document["verdicts"]
            assert document["verdicts"][0]["site"]["function"].startswith("0x"), document


def both_forms_are_shown_side_by_side():
    done = sluice("lab", "run", "metrics", "--both", "--rate", RATE, "--seconds", "6",
                  "--listen", "none")
    assert done.returncode == 0, done
    for words in ("faulty resident", "fixed resident", "unbounded-keys", "healthy", "served",
                  "figures: {\"series\":1}"):
        assert words in done.stdout, (words, done.stdout)


def processes_of(session):
    """Processes of a session that have not ended."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except (OSError, NotADirectoryError):
            continue
        if name.isdigit() and int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(name))
    return found


def until(condition):
    end = time.monotonic() + WAIT_SECONDS
    while not (answer := condition()):
        assert time.monotonic() < end, condition
        os.sched_yield()
    return answer


def started(name, folder, *options, forms="--faulty", seconds="600"):
    return subprocess.Popen([SLUICE, "lab", "run", name, forms, "--seconds", seconds, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True, env={**os.environ, "TMPDIR": folder})


def program_of(session, name):
    for pid in processes_of(session):
        try:
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == name:
                return pid
        except OSError:
            pass
    return 0


def check_interrupted(name, number, ready):
    """Nothing is left, at whatever moment it is told to end."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        process = started(name, folder, "--listen", "none")
        until(lambda: ready is None or program_of(process.pid, ready))
        process.send_signal(number)
        _, said = process.communicate(timeout=WAIT_SECONDS)
        until(lambda: not processes_of(process.pid))
        if number != signal.SIGKILL:
            assert process.returncode == 3 and "interrupted" in said, (process.returncode, said)
            assert os.listdir(folder) == [], os.listdir(folder)


def an_interrupt_leaves_nothing_behind():
    for number in (signal.SIGINT, signal.SIGTERM):
        check_interrupted("gateway", number, "lab-gateway-faulty")
        check_interrupted("gateway", number, "lab-load")


def a_run_that_is_killed_takes_its_processes_with_it():
    check_interrupted("gateway", signal.SIGKILL, "lab-load")
    if os.access("/usr/bin/redis-server", os.X_OK):
        check_interrupted("cache-penetration", signal.SIGKILL, "lab-load")


def a_store_behind_the_service_goes_with_it():
    needs_redis("cache-penetration")
    check_interrupted("cache-penetration", signal.SIGINT, "lab-load")


def an_interrupt_at_any_moment_leaves_nothing_behind():
    seed = int(os.environ.get("SLUICE_TEST_SEED", "8"))
    chance = random.Random(seed)
    print(f"# seed {seed}", flush=True)
    names = ["gateway", "metrics"]
    if os.access("/usr/bin/redis-server", os.X_OK):
        names.append("cache-penetration")

    def interrupted(order):
        name, number, delay = order
        with tempfile.TemporaryDirectory(prefix="lab-") as folder:
            process = started(name, folder, "--listen", "none", forms="--both", seconds="2")
            try:
                process.communicate(timeout=delay)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                process.communicate(timeout=WAIT_SECONDS)
            until(lambda: not processes_of(process.pid))
            is_killed = process.returncode < 0 and number == signal.SIGKILL
            assert is_killed or os.listdir(folder) == [], (order, os.listdir(folder))
            # Before it has begun to listen to them, signals end it as they end any program.
            assert process.returncode in (0, 1, 3, -number), (order, process.returncode)

    orders = [(chance.choice(names),
               chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL]),
               chance.uniform(0, 7)) for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(RUNS_AT_A_TIME) as pool:
        list(pool.map(interrupted, orders))


def a_service_that_dies_is_told():
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        process = started("gateway", folder)
        until(lambda: program_of(process.pid, "lab-load"))
        os.kill(program_of(process.pid, "lab-gateway-faulty"), signal.SIGKILL)
        _, said = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == 3 and "sluice lab run: " in said, (process.returncode, said)
        until(lambda: not processes_of(process.pid))


def pages_are_where_the_daemon_asks():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 6070))
        except OSError as error:
            raise tap.Skip("port 6070 is taken by somebody") from error
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        process = started("metrics", folder)
        until(lambda: program_of(process.pid, "lab-load"))
        with urllib.request.urlopen("http://127.0.0.1:6070/debug/pprof/heap",
                                    timeout=WAIT_SECONDS) as answer:
            assert answer.status == 200 and answer.read(2) == b"\x1f\x8b", answer.headers
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT_SECONDS)


def wrong_use_is_told():
    done = sluice("lab", "run", "gatewy")
    assert done.returncode == 2 and "no case 'gatewy'" in done.stderr, done
    done = sluice("lab", "run")
    assert done.returncode == 2 and "sluice lab list" in done.stderr, done
    done = sluice("lab", "run", "gateway", SLUICE_LAB="/nowhere")
    assert done.returncode == 3 and "SLUICE_LAB" in done.stderr, done
    for words in (["--port"], ["--port", "x"], ["--nothing", "1"], ["--port", "0"],
                  ["--port", "80", "--connections", "0"], ["--rate", "-1"]):
        done = subprocess.run([os.path.join(LAB, "lab-load"), *words], capture_output=True,
                              text=True, check=False, timeout=WAIT_SECONDS)
        assert done.returncode == 2 and done.stderr, (words, done)


def numbers_of_memory_are_finite():
    document = run("churn", "fixed", "--seconds", "2")
    assert all(math.isfinite(value) for moment in document["memory"] for value in moment.values())


if __name__ == "__main__":
    sys.exit(tap.run([
        cases_are_listed,
        faulty_forms_are_known_by_their_pattern_and_site,
        fixed_forms_and_look_alikes_are_healthy,
        figures_tell_the_difference,
        keys_that_do_not_exist_reach_the_store_once,
        names_make_no_difference,
        both_forms_are_shown_side_by_side,
        an_interrupt_leaves_nothing_behind,
        a_run_that_is_killed_takes_its_processes_with_it,
        a_store_behind_the_service_goes_with_it,
        an_interrupt_at_any_moment_leaves_nothing_behind,
        a_service_that_dies_is_told,
        pages_are_where_the_daemon_asks,
        wrong_use_is_told,
        numbers_of_memory_are_finite,
    ]))
