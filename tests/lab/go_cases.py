"""The faults as Go services: what each is to be called, and how they are built."""

import os
import subprocess

BUILD_SECONDS = 300
WANTED = {"gateway": ("timer-pileup", "main.startTicker"),
          "gateway-state": ("unbounded-keys", "main.openState"),
          "slices": ("retained-array", "main.appendEvent"),
          "log-aggregator": ("task-leak", "main.startAggregator.func1"),
          "metrics": ("unbounded-keys", "main.observe"),
          "heartbeat": ("timer-pileup", "main.startTimeout"),
          "coarse": ("coarse-window", "main.keepPoint"),
          "pseudo-window": ("timer-pileup", "main.receiveOne")}

RECORDED = [(name, "faulty") for name in WANTED] + [
    (name, "fixed") for name in ("gateway", "metrics", "coarse")]


def built(source, folder):
    """The program's path; CalledProcessError if Go cannot build it."""
    program = os.path.join(folder, "labgo")
    subprocess.run(["go", "build", "-trimpath", "-o", program, "."], cwd=source, check=True,
                   timeout=BUILD_SECONDS, env={**os.environ, "GOFLAGS": "-mod=mod",
                                               "GOCACHE": os.path.join(folder, "cache"),
                                               "GOPATH": os.path.join(folder, "path")})
    return program


def is_right(name, form, verdict):
    if form == "fixed":
        return verdict["pattern"] == "healthy"
    return (verdict["pattern"], verdict["site"]["function"]) == WANTED[name]
