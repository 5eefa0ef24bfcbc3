"""What a profiler adds to the anonymous memory of a program that holds blocks."""

import re
import shutil
import subprocess
import tempfile

MIB = 1 << 20


def anonymous_bytes(pid):
    """Resident, exactly: the counters of /proc/PID/status lag behind."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return int(re.search(r"^Anonymous: +(\d+) kB$", file.read(), re.MULTILINE)[1]) << 10


def held_bytes(profiler, holder, count, size):
    """Of bench/heap/holder.c when all its blocks are there."""
    folder = tempfile.mkdtemp(prefix="sluice-bench.")
    try:
        process = subprocess.Popen(profiler.command(folder, holder, str(count), str(size)),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.DEVNULL, env=profiler.run_in(folder))
        ready = process.stdout.readline()
        held = anonymous_bytes(process.pid) if ready == "ready\n" else None
        process.communicate()
    finally:
        shutil.rmtree(folder)
    if held is None:
        raise RuntimeError(f"holder under {profiler.name} ended with {process.returncode}")
    return held


def added_mib(lacking, having, holder, count, size):
    return (held_bytes(having, holder, count, size) -
            held_bytes(lacking, holder, count, size)) / MIB
