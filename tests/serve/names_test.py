#!/usr/bin/python3
"""names_test.py SLUICE_SERVE SLUICE: profiles of native programs, which come without names, get
them where they are received."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "profile")]

import tap  # noqa: E402
from daemon import until  # noqa: E402
from pprof_reader import Profile  # noqa: E402
from reading import Keeper, keeping  # noqa: E402

SERVE, SLUICE = (os.path.abspath(path) for path in sys.argv[1:3])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Faulty:
    """A service of the laboratory with the profiler inside."""

    def __enter__(self):
        self.endpoint = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [SLUICE, "lab", "run", "metrics", "--faulty", "--seconds", "600", "--listen",
             self.endpoint.removeprefix("http://")], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def with_receivers(endpoint, **receivers):
    config = keeping()
    for name, options in receivers.items():
        config["receivers"][f"pprof/{name}"] = {
            "interval": "200ms", **options,
            "targets": [{"endpoint": endpoint, "service": name, "optional": True}]}
    config["service"]["pipelines"]["profiles"] = {
        "receivers": [f"pprof/{name}" for name in receivers], "exporters": ["store"]}
    return config


def functions(daemon, service):
    """Those of the newest profile; None: there is none."""
    status, _, body = daemon.ask("/api/profiles/pprof", query=f'{{service_name="{service}"}}')
    return {name for frames, _, _ in Profile(body).samples for name in frames} \
        if status == 200 else None


def profiles_of_native_programs_get_names():
    with Faulty() as faulty, \
            Keeper(SERVE, with_receivers(faulty.endpoint, named={}, raw={"symbolize": False})) \
            as daemon:
        until(lambda: "series_add" in (functions(daemon, "named") or ()))
        raw = until(lambda: functions(daemon, "raw"))
        assert "series_add" not in raw, raw


def daemon_alone_keeps_them_as_they_come_and_says_so():
    with Faulty() as faulty, tempfile.TemporaryDirectory() as folder:
        alone = os.path.join(folder, "sluice-serve")
        shutil.copy(SERVE, alone)
        library = os.path.join(os.path.dirname(SERVE), "..", "preload")
        os.environ["LD_LIBRARY_PATH"] = library
        with Keeper(alone, with_receivers(faulty.endpoint, raw={})) as daemon:
            daemon.heard("no program sluice beside this one")
            raw = until(lambda: functions(daemon, "raw"))
            assert raw and "series_add" not in raw, raw


if __name__ == "__main__":
    sys.exit(tap.run([
        profiles_of_native_programs_get_names,
        daemon_alone_keeps_them_as_they_come_and_says_so,
    ]))
