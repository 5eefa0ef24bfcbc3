"""Programs that no one here wrote, under libsluice-heap.so, with their own checks.

programs_test.py LIBRARY STRESS PLUGIN CONTAINERS: the preload library; the program that calls all
of the malloc family, and its module; a program in C++. Each program's answers are those that it
gives without a profiler, on its own allocator and above others, and `go tool pprof` reads its
profiles with the totals that our reader has.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import tap
from preloaded import library_path
from preloaded_case import OTHER_ALLOCATORS, Preloaded, needs
from pprof_reader import TYPES, profile_at
from repository import ROOT

LIBRARY, STRESS, PLUGIN, CONTAINERS = map(os.path.abspath, sys.argv[1:5])
del sys.argv[1:]
Preloaded.library = LIBRARY
PYTHON = "/usr/bin/python3"
SUPPRESSIONS = os.path.join(ROOT, "tests/preload/valgrind.supp")
SQL = """
create table t(id integer primary key, name text);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 50000)
  insert into t select x, x || ' name' from c;
create index t_name on t(name);
select count(*), sum(id), max(name) from (select id, name from t order by name desc);
delete from t where id % 3 = 0;
vacuum;
pragma integrity_check;
"""
NGINX = """
daemon off; master_process on; worker_processes 2; pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  access_log off; gzip on; gzip_types text/plain; gzip_min_length 100;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {folder}/www; default_type text/plain;
    location /proxied/ {{ proxy_pass http://127.0.0.1:{port}/; }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def above_each():
    """The libraries to preload: ours above libc's allocator, then above each other one."""
    return [LIBRARY] + [LIBRARY + ":" + library_path(name) for name in OTHER_ALLOCATORS.values()]


class Checked(Preloaded):
    def check_pprof(self, path):
        """Google's reader and ours find the same totals in a profile."""
        profile = profile_at(path)
        totals = profile.totals()
        self.assertGreater(totals["alloc_space"], 0)
        if shutil.which("go") is None:
            return
        for name in TYPES:
            if totals[name] == 0:
                continue
            unit = "B" if name.endswith("space") else "count"
            said = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-top",
                                   "-nodecount=1", f"-unit={unit}", f"-sample_index={name}", path],
                                  capture_output=True, text=True, check=True).stdout
            self.assertEqual(totals[name], int(re.search(r" of (\d+)B? total", said)[1]), said)

    def largest(self):
        return max(self.files(), key=os.path.getsize)


class Programs(Checked):
    def test_a_program_that_does_nothing_leaves_a_profile(self):
        self.run_program("/bin/true")
        self.assertEqual(TYPES, self.profile().type_names())

    def test_python_counts_right_and_its_memory_is_seen(self):
        output = self.run_program(PYTHON, "-c",
                                  "a = [bytearray(100000) for i in range(500)]; print(len(a))",
                                  settings={"RATE": "64K"})
        self.assertEqual("500\n", output)
        self.assertGreater(self.profile().totals()["alloc_space"], 40e6)

    def python_tests(self, *names, **options):
        if subprocess.run([PYTHON, "-c", "import test.test_json"], capture_output=True,
                          check=False).returncode != 0:
            raise tap.Skip("python's own tests are not installed (libpython3.11-testsuite)")
        said = self.run_program(PYTHON, "-m", "test", *names, settings={"RATE": "64K"}, says=None,
                                cwd=self.folder, **options)
        self.assertIn("Tests result: SUCCESS", said)

    def test_python_passes_its_own_tests_of_json_and_threads(self):
        self.python_tests("test_json", "test_threading")
        self.check_pprof(self.largest())

    def test_python_passes_its_own_tests_above_other_allocators(self):
        for name, library in OTHER_ALLOCATORS.items():
            with self.subTest(name):
                self.python_tests("test_json", "test_thread",
                                  preload=LIBRARY + ":" + library_path(library),
                                  PYTHONMALLOC="malloc")

    def git(self, repository, preload):
        """What a repository of src/ is after a few commits, collected and checked."""
        shutil.copytree(os.path.join(ROOT, "src"), os.path.join(repository, "src"))

        def run(*arguments):
            return self.run_program("git", "-C", repository, *arguments, says=None,
                                    preload=preload, settings={"RATE": "16K"},
                                    GIT_CONFIG_GLOBAL="/dev/null", GIT_AUTHOR_NAME="a",
                                    GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
                                    GIT_COMMITTER_EMAIL="a@b",
                                    GIT_AUTHOR_DATE="2026-01-01T00:00:00Z",
                                    GIT_COMMITTER_DATE="2026-01-01T00:00:00Z")

        run("init", "-q")
        for folder in ("base", "preload", ""):
            run("add", os.path.join("src", folder))
            run("commit", "-qm", "with src/" + folder)
        run("gc", "--aggressive", "--quiet")
        run("fsck", "--full", "--strict")
        return run("log", "--stat", "--format=%H %s")

    def test_git_makes_the_same_repository(self):
        needs("git")
        plain = self.git(os.path.join(self.folder, "plain"), "")
        self.assertEqual([], self.files())
        for number, preload in enumerate(above_each()):
            self.assertEqual(plain, self.git(os.path.join(self.folder, str(number)), preload))
            self.assertGreater(len(self.files()), 6)
        self.check_pprof(self.largest())

    def compiled(self, preload):
        path = os.path.join(self.folder, "profile.o")
        self.run_program("gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-Iinclude", "-Isrc",
                         "-c", "src/profile/profile.c", "-o", path, preload=preload, cwd=ROOT,
                         settings={"RATE": "16K"}, CCACHE_DISABLE="1")
        with open(path, "rb") as file:
            return file.read()

    def test_gcc_compiles_a_part_of_this_project_to_the_same_object(self):
        needs("gcc")
        plain = self.compiled("")
        for preload in above_each():
            self.assertEqual(plain, self.compiled(preload))
        self.assertGreater(profile_at(self.largest()).totals()["alloc_space"], 1e6)
        self.check_pprof(self.largest())

    def sqlite(self, preload):
        path = os.path.join(self.folder, "database")
        output = self.run_program("sqlite3", path, SQL, settings={"RATE": "4K"}, preload=preload)
        os.remove(path)
        return output

    def test_sqlite_answers_right_and_its_file_is_whole(self):
        needs("sqlite3")
        for preload in above_each():
            self.assertEqual("50000|1250025000|9999 name\nok\n", self.sqlite(preload))
        self.check_pprof(self.largest())

    def test_cxx_containers_and_exceptions_work(self):
        plain = self.run_program(CONTAINERS, preload="")
        for preload in above_each():
            for rate in ("1", "64K"):
                self.assertEqual(plain, self.run_program(CONTAINERS, preload=preload,
                                                         settings={"RATE": rate}))
        self.check_pprof(self.largest())


class Servers(Checked):
    def server(self, *command, settings, preload=None):
        process = subprocess.Popen(command, env=self.environment(settings, {}, preload),
                                   text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, cwd=self.folder)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_redis_answers_right(self):
        """On jemalloc, which it is linked with."""
        needs("redis-server", "redis-benchmark")
        port = free_port()
        server = self.server("redis-server", "--port", port, "--save", "", "--dir", self.folder,
                             "--bind", "127.0.0.1", settings={"RATE": "16K"})
        said = ""
        while "eady to accept connections" not in said:
            line = server.stdout.readline()
            self.assertNotEqual("", line, said)
            said += line
        subprocess.run(["redis-benchmark", "-p", port, "-t", "set,lpush,hset,get", "-n", "5000",
                        "-r", "1000", "-d", "100", "-P", "16", "-q"], check=True,
                       capture_output=True)
        self.assertGreaterEqual(self.redis(port, "LLEN", "mylist"), 5000)
        self.assertGreater(self.redis(port, "DBSIZE"), 900)
        subprocess.run(["redis-cli", "-p", port, "shutdown", "nosave"], check=False,
                       capture_output=True)
        server.communicate(timeout=60)
        self.assertEqual(0, server.returncode)
        path = os.path.join(self.folder, f"out.{server.pid}.pb.gz")
        self.assertGreater(profile_at(path).totals()["inuse_space"], 400e3)
        self.check_pprof(path)

    @staticmethod
    def redis(port, *command):
        return int(subprocess.run(["redis-cli", "-p", port, *command], check=True, text=True,
                                  capture_output=True).stdout)

    def nginx(self, port):
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(NGINX.format(folder=self.folder, port=port))
        return self.server("nginx", "-p", self.folder, "-c", path, "-e",
                           os.path.join(self.folder, "error.log"), settings={"RATE": "16K"})

    @staticmethod
    def fetched(server, url):
        """Once it listens."""
        while True:
            try:
                with urllib.request.urlopen(url) as answer:
                    return answer.read()
            except ConnectionError:
                pass
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionError) or server.poll() is not None:
                    raise

    def test_nginx_serves_what_it_was_asked_for(self):
        needs("nginx", "wrk")
        content = b"".join(b"line %d of a page\n" % line for line in range(3000))
        os.mkdir(os.path.join(self.folder, "www"))
        with open(os.path.join(self.folder, "www", "page"), "wb") as file:
            file.write(content)
        os.chmod(self.folder, 0o755)
        port = free_port()
        server = self.nginx(port)
        url = f"http://127.0.0.1:{port}/proxied/page"
        self.assertEqual(content, self.fetched(server, url))
        load = subprocess.run(["wrk", "-t1", "-c8", "-d1", "-H", "Accept-Encoding: gzip", url],
                              check=True, capture_output=True, text=True).stdout
        self.assertGreater(int(re.search(r"(\d+) requests in", load)[1]), 0, load)
        self.assertNotRegex(load, "Non-2xx|Socket errors")
        self.assertEqual(content, self.fetched(server, url))
        server.send_signal(signal.SIGQUIT)
        said, _ = server.communicate(timeout=60)
        self.assertEqual(0, server.returncode, said)
        self.check_pprof(self.largest())


class Valgrind(Checked):
    def test_the_stress_program_is_clean_under_memcheck(self):
        """Also in what the profiler does: valgrind's malloc stands below it, not in its place."""
        needs("valgrind")
        for rate in ("1", "64K"):
            with self.subTest(rate):
                output = self.run_program(
                    "valgrind", "--quiet", "--error-exitcode=9", "--suppressions=" + SUPPRESSIONS,
                    "--soname-synonyms=somalloc=nouserintercepts", STRESS, PLUGIN, "--rounds", "20",
                    settings={"RATE": rate}, says=None, STRESS_NO_PVALLOC="1")
                self.assertIn("done\n", output)
                self.assertGreater(profile_at(self.largest()).totals()["alloc_space"], 1e6)


if __name__ == "__main__":
    tap.main()
