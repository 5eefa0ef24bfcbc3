"""The programs that are profiled. Each work says how many CPU seconds a run of it took."""

import os
import shutil
import socket
import subprocess
import tempfile

from profilers import program

SQL = """
create table t(id integer primary key, name text, value real);
with recursive c(x) as (select 1 union all select x + 1 from c where x < {rows})
  insert into t select x, 'name ' || x, x * 0.5 from c;
create index t_name on t(name);
select count(*), sum(value) from t where name like '%99%';
select substr(name, 1, 7) k, count(*) n from t group by k order by n desc limit 2;
select count(*) from t a join t b on b.name = 'name ' || (a.id / 2) where a.id % 4 = 0;
"""


class Failed(Exception):
    """A run did not do what it was for, so its cost says nothing."""


def finished_cpu(process, what):
    """The CPU seconds of a process that is ending, and of those that it waited for."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{what}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


class Work:
    """In a new folder for each run, which is removed again."""

    def cpu(self, profiler, part=1.0):
        folder = tempfile.mkdtemp(prefix="sluice-bench.")
        try:
            return self.run(profiler, folder, part)
        finally:
            shutil.rmtree(folder)

    def run(self, profiler, folder, part):
        raise NotImplementedError


def run_program(profiler, folder, *words):
    """(CPU seconds, what it printed)."""
    path = os.path.join(folder, "printed")
    with open(path, "w", encoding="utf-8") as printed:
        process = subprocess.Popen(profiler.command(folder, *words), stdin=subprocess.DEVNULL,
                                   stdout=printed, stderr=subprocess.DEVNULL,
                                   env=profiler.run_in(folder))
        seconds = finished_cpu(process, f"{words[0]} under {profiler.name}")
    with open(path, encoding="utf-8") as printed:
        return seconds, printed.read()


class Heavy(Work):
    """Two threads that do little but allocate: bench/heap/heavy.c."""

    def __init__(self, path, pairs):
        self.path = path
        self.pairs = pairs

    def run(self, profiler, folder, part):
        pairs = max(100, round(self.pairs * part))
        return run_program(profiler, folder, self.path, "--pairs", str(pairs))[0]


class Sqlite(Work):
    """A table of that many rows in memory: inserted, indexed, queried."""

    def __init__(self, rows):
        self.rows = rows
        self.path = program("sqlite3", "sqlite3")

    def run(self, profiler, folder, part):
        rows = max(1000, round(self.rows * part))
        seconds, printed = run_program(profiler, folder, self.path, ":memory:",
                                       SQL.format(rows=rows))
        if f"{rows // 4}\n" not in printed:
            raise Failed(f"sqlite3 under {profiler.name} answered {printed!r}")
        return seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Redis(Work):
    """What the server spends while redis-benchmark asks it."""

    def __init__(self, requests):
        self.requests = requests
        self.path = program("redis-server", "redis-server")
        program("redis-benchmark", "redis-tools")

    def run(self, profiler, folder, part):
        port = free_port()
        server = subprocess.Popen(
            profiler.command(folder, self.path, "--port", port, "--bind", "127.0.0.1", "--save",
                             "", "--dir", folder),
            env=profiler.run_in(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        with server.stdout:
            try:
                self.load(server, port, max(1000, round(self.requests * part)))
            except BaseException:
                server.kill()
                server.wait()
                raise
            return finished_cpu(server, f"redis-server under {profiler.name}")

    @staticmethod
    def load(server, port, requests):
        for line in server.stdout:
            if "eady to accept connections" in line:
                break
        else:
            raise Failed("redis-server did not begin")
        subprocess.run(["redis-benchmark", "-p", port, "-t", "set,lpush,hset,get", "-n",
                        str(requests), "-r", "100000", "-d", "100", "-P", "16", "-q"],
                       stdout=subprocess.DEVNULL, check=True)
        subprocess.run(["redis-cli", "-p", port, "shutdown", "nosave"], check=True,
                       stdout=subprocess.DEVNULL)
        server.stdout.read()
