#!/usr/bin/python3
"""lab_bench.py SLUICE LAB: what the laboratory's fixed forms hold and serve.

LAB is the folder of its programs. The gateway is driven by wrk, each on a core of its own.

Whether memory follows the rate is told from anonymous memory: what is resident beside it are pages
of files, of which the system maps as many as it happens to have in its cache.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness"))

import lines as report  # noqa: E402
from lines import Line  # noqa: E402

FIXED = ("gateway", "gateway-state", "slices", "log-aggregator", "metrics", "heartbeat", "coarse",
         "pseudo-window", "cache-penetration")
BASE_RATE = {"log-aggregator": 100}
BASE_RATE_OTHERS = 500
FACTORS = (1, 4, 16)
WRK_SCRIPT = """request = function()
  return wrk.format("GET", "/order/" .. math.random(1000) .. "?client=" .. math.random(1000))
end
done = function(summary, latency)
  io.write(string.format("p999_us %.0f\\n", latency:percentile(99.9)))
end
"""


class Failed(Exception):
    """A program did not do what it should."""


def run(options, name, form, *words):
    done = subprocess.run([options.sluice, "lab", "run", name, "--" + form, "--json", "--listen",
                           "none", *words], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise Failed(f"{name}, {form}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def after_warm_up(document, kind):
    """Bytes of memory, over the last quarter."""
    moments = document["memory"][-(len(document["memory"]) // 4):]
    return sum(moment[kind] for moment in moments) / len(moments)


def spread(documents, kind):
    held = [after_warm_up(document, kind) for document in documents]
    return max(held) / min(held)


def flat(options, name):
    """How much more memory there is at 16 times the rate, and what was not served."""
    base = BASE_RATE.get(name, BASE_RATE_OTHERS)
    documents, missed = [], 0
    for factor in FACTORS:
        document = run(options, name, "fixed", "--rate", str(base * factor), "--connections", "32",
                       "--seconds", str(options.seconds))
        documents.append(document)
        offered = document["sent"] + document["late"]
        missed = max(missed, 100 * (1 - (document["requests"] - document["refused"]) / offered))
    return [Line(f"{name}, fixed: memory at 16 times the rate beside once",
                 spread(documents, "anonymous"), "times", 1.05),
            Line(f"{name}, fixed: resident, pages of files too", spread(documents, "rss"), "times"),
            Line(f"{name}, fixed: offered and not served, at most", missed, "%", 1)]


def pinned(core, words):
    return ["taskset", "-c", str(core), *words]


def gateway(options):
    if shutil.which("wrk") is None:
        raise Failed("wrk is not there")
    cores = sorted(os.sched_getaffinity(0))
    program = os.path.join(options.lab, "lab-gateway-fixed")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK_SCRIPT)
        script.flush()
        with subprocess.Popen(pinned(cores[0], [program, "--connections", "256"]),
                              stdout=subprocess.PIPE, text=True) as service:
            port = service.stdout.readline().split()[1]
            said = subprocess.run(pinned(cores[-1], ["wrk", "-t1", "-c64", f"-d{options.seconds}",
                                                     "-s", script.name,
                                                     f"http://127.0.0.1:{port}"]),
                                  check=True, capture_output=True, text=True).stdout
            service.terminate()
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return [Line("gateway, fixed: time a request, one core", 1e6 / rate, "us", 1e6 / 60000,
                 more=f"{rate:.0f} requests/s"),
            Line("gateway, fixed: latency, 99.9 %", float(re.search(r"p999_us (\d+)", said)[1]),
                 "us")]


def heartbeat(options):
    count = 500 if options.quick else 10000
    few, many = (run(options, "heartbeat", "fixed", "--connections", str(connections), "--rate",
                     "2000", "--seconds", str(options.seconds)) for connections in (100, count))
    more = after_warm_up(many, "rss") - after_warm_up(few, "rss")
    return [Line("heartbeat, fixed: memory a connection, 10,000 WebSockets",
                 more / (count - 100) / 1024, "KiB", 6),
            Line("heartbeat, fixed: timers beside connections", many["figures"]["timers"] / count,
                 "times", 1)]


def coarse(options):
    """The figures of the case: bytes kept at a span of 100 ms, and of 60 s."""
    kept = {}
    for form in ("faulty", "fixed"):
        for span in ("0.1", "60"):
            program = os.path.join(options.lab, f"lab-coarse-{form}")
            with subprocess.Popen([program, "--span-seconds", span, "--speed", "20"],
                                  stdout=subprocess.PIPE, text=True) as service:
                port = service.stdout.readline().split()[1]
                subprocess.run([os.path.join(options.lab, "lab-load"), "--port", port, "--rate",
                                "2000", "--seconds", str(options.seconds), "--path", "/e"],
                               check=True, capture_output=True)
                service.terminate()
                kept[form, span] = json.loads(service.stdout.read())["figures"]["kept_bytes"]
    return [Line("coarse, fixed: bytes kept at 60 s beside 100 ms",
                 kept["fixed", "60"] / kept["fixed", "0.1"], "times", 1, "faulty",
                 kept["faulty", "60"] / kept["faulty", "0.1"])]


def measured(options):
    found = gateway(options) + heartbeat(options) + coarse(options)
    for name in FIXED[:1] if options.quick else FIXED:
        found += flat(options, name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sluice")
    parser.add_argument("lab")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--csv")
    options = parser.parse_args()
    options.seconds = 3 if options.quick else 10
    try:
        found = measured(options)
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 3
    if options.json:
        report.print_json(found)
    else:
        report.print_table("lab" + (" (--quick: figures mean nothing)" if options.quick else ""),
                           found)
    if options.csv and not options.quick:
        report.append_csv(options.csv, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
