#!/usr/bin/python3
"""kill_test.py SLUICE_SERVE: kill -9 at random moments under load, SLUICE_KILLS times (10).

What was acknowledged is there after the next start, exactly once: lines of logs, samples, spans.
The seed is printed; SLUICE_TEST_SEED repeats it.
"""

import collections
import json
import os
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import tap  # noqa: E402
from reading import JSON, Keeper, gauge, keeping, log_lines, spans  # noqa: E402

SERVE = os.path.abspath(sys.argv[1])
KILLS = int(os.environ.get("SLUICE_KILLS", "10"))
SEED = int(os.environ.get("SLUICE_TEST_SEED", str(int(time.time()))))
SENDERS = 3
LINES_EACH = 20
START_SECONDS_MAX = 30


class Load:
    """Senders of one round: what they sent, and what was acknowledged."""

    def __init__(self, daemon, number):
        self.daemon = daemon
        self.service = f"round-{number}"
        self.acknowledged = collections.Counter()
        self.sent = set()
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(at,)) for at in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def run(self, sender):
        batch = 0
        while not self.is_over.is_set() and batch < 80:
            for signal, names, document in self.documents(sender, batch):
                with self.lock:
                    self.sent.update(names)
                try:
                    status, _, _ = self.daemon.post(f"/v1/{signal}", json.dumps(document), JSON)
                except OSError:
                    return
                if status == 200:
                    with self.lock:
                        self.acknowledged.update(names)
            batch += 1

    def documents(self, sender, batch):
        lines = [f"line-{sender}-{batch}-{at}" for at in range(LINES_EACH)]
        yield "logs", lines, log_lines(lines, service=self.service)
        sample = f"sample-{sender}-{batch}"
        yield "metrics", [sample], gauge("killed", [batch], service=self.service, labels={
            "sender": sender, "batch": batch})
        trace = f"{sender:08x}{batch:08x}{int(self.service.split('-')[1]):016x}"
        yield "traces", [f"span-{sender}-{batch}"], spans(trace, [f"span-{sender}-{batch}"],
                                                           service=self.service)

    def end(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def found(self):
        """All that can be read back of this round, as often as it is there."""
        selector = f'{{service_name="{self.service}"}}'
        found = collections.Counter(self.daemon.lines_kept(query=selector))
        samples = self.daemon.found("/api/v1/samples", match=f'killed{{job="{self.service}"}}',
                                    start="0")["result"]
        for series in samples:
            name = f"sample-{series['metric']['sender']}-{series['metric']['batch']}"
            found[name] += len(series["values"])
        traces = self.daemon.get("/api/search", query=selector, start="0", limit="500")["traces"]
        for trace in traces:
            found[trace["rootTraceName"]] += trace["spanCount"]
        return found


def check(load):
    found = load.found()
    lost = [name for name in load.acknowledged if found[name] == 0]
    twice = [name for name, count in found.items() if count > 1]
    strange = [name for name in found if name not in load.sent]
    assert not lost and not twice and not strange, (load.service, lost[:5], twice[:5], strange[:5])


def what_was_acknowledged_is_there_exactly_once_after_every_kill():
    chance = random.Random(SEED)
    print(f"# seed {SEED}, {KILLS} kills", flush=True)
    config = keeping(flush_interval="1s", log_size="16MiB")
    with tempfile.TemporaryDirectory() as folder:
        with Keeper(SERVE, config, data=os.path.join(folder, "data")) as daemon:
            loads = []
            acknowledged = 0
            for number in range(KILLS):
                load = Load(daemon, number)
                load.is_over.wait(chance.uniform(0.05, 0.6))
                daemon.kill()
                load.end()
                began = time.monotonic()
                daemon.start()
                took = time.monotonic() - began
                assert took < START_SECONDS_MAX, took
                loads.append(load)
                acknowledged += sum(load.acknowledged.values())
                check(load)
                check(chance.choice(loads))
            for load in loads:
                check(load)
            assert acknowledged > 0
            print(f"# {acknowledged} records were acknowledged", flush=True)


TESTS = [what_was_acknowledged_is_there_exactly_once_after_every_kill]

if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
