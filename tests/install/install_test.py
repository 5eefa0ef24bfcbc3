"""What `make install` gives: programs in C and C++ built with pkg-config alone, shared and static.

install_test.py BUILD: the build directory that is installed, into a temporary place.
"""

import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import tap
from repository import ROOT, run_tool

BUILD = sys.argv.pop()
HERE = os.path.dirname(os.path.abspath(__file__))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
COMPILERS = {"consumer.c": ["cc", "-std=c11"], "consumer.cc": ["c++", "-std=c++17"]}
WAIT_SECONDS = 60
SAYS = "consumer: the byte budget is spent (42)\n"


def output_of(*command, **environment):
    result = subprocess.run(command, capture_output=True, text=True, check=False,
                            env={**os.environ, **environment})
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.returncode}\n{result.stderr}")
    return result.stdout


def page(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def programs_of(text):
    """The whole programs among a page's pieces of C."""
    return [code for code in re.findall(r"```c\n(.*?)```", text, re.DOTALL) if "int main" in code]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answer_of(port):
    """The first line that a server says, before it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as client:
        answer = b""
        while piece := client.recv(4096):
            answer += piece
        return answer.split(b"\r\n")[0]


def first_answer(port, server):
    """The same, as soon as the server listens."""
    while server.poll() is None:
        try:
            return answer_of(port)
        except ConnectionRefusedError:
            pass
    raise AssertionError(f"the server ended with {server.returncode}")


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="sluice-install.")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        output_of("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet",
                  "--destdir", os.path.join(cls.place, "dest"))

    def setUp(self):
        self.destination = os.path.join(self.place, "dest")

    def find(self, name):
        """The one installed file of this name."""
        found = glob.glob(f"{self.destination}/**/{name}", recursive=True)
        self.assertEqual(1, len(found), f"{name}: {found}")
        return found[0]

    def pkg_config(self, *arguments):
        folder = os.path.dirname(self.find("sluice.pc"))
        return output_of("pkg-config", *arguments, "sluice", PKG_CONFIG_LIBDIR=folder).split()

    def build(self, source, *linking, static=()):
        program = os.path.join(self.place, "consumer")
        flags = self.pkg_config(*static, "--cflags", "--libs")
        output_of(*COMPILERS[source], *WARNINGS, *linking, os.path.join(HERE, source),
                  "-o", program, *flags)
        return program

    def dynamic(self, path, kind):
        return re.findall(rf"\({kind}\).*\[(.*)\]", output_of("readelf", "-d", path))

    def test_a_program_is_built_with_the_shared_library(self):
        folder = os.path.dirname(self.find("libsluice.so"))
        for source in COMPILERS:
            with self.subTest(source):
                program = self.build(source)
                self.assertIn("libsluice.so.0", self.dynamic(program, "NEEDED"))
                self.assertEqual(SAYS, output_of(program, LD_LIBRARY_PATH=folder))

    def test_a_program_is_built_with_the_static_library(self):
        for source in COMPILERS:
            with self.subTest(source):
                program = self.build(source, "-static", static=["--static"])
                self.assertEqual([], self.dynamic(program, "NEEDED"))
                self.assertEqual(SAYS, output_of(program))

    def build_shown(self, code):
        """A program that a page shows, built as a reader would."""
        source = os.path.join(self.place, "shown.c")
        program = os.path.join(self.place, "shown")
        with open(source, "w", encoding="utf-8") as file:
            file.write(code)
        output_of("cc", *WARNINGS, source, "-o", program, *self.pkg_config("--cflags", "--libs"))
        return program

    def test_the_first_program_of_the_readme_prints_what_it_says(self):
        text = page("README.md")
        code, = programs_of(text)
        self.assertLessEqual(len(code.splitlines()), 22)
        says = re.search(r"^prints `(.*)`", text, re.MULTILINE).group(1)
        folder = os.path.dirname(self.find("libsluice.so"))
        self.assertEqual(says + "\n", output_of(self.build_shown(code), LD_LIBRARY_PATH=folder))

    def test_the_accept_loop_of_the_limiters_page_answers_ten_at_once(self):
        code, = programs_of(page("docs/limiters.md"))
        port = free_port()
        program = self.build_shown(code.replace("htons(8080)", f"htons({port})"))
        folder = os.path.dirname(self.find("libsluice.so"))
        with subprocess.Popen([program], env={**os.environ, "LD_LIBRARY_PATH": folder}) as server:
            try:
                answers = [first_answer(port, server)] + [answer_of(port) for _ in range(39)]
            finally:
                server.kill()
        self.assertEqual([b"HTTP/1.1 200 OK"] * 10, answers[:10])
        self.assertIn(b"HTTP/1.1 429 Too Many Requests", answers[10:])

    def test_an_installation_may_be_moved(self):
        moved = os.path.join(self.place, "moved")
        shutil.copytree(self.destination, moved, symlinks=True)
        self.destination = moved
        flags = " ".join(self.pkg_config("--cflags", "--libs"))
        self.assertIn(moved, flags)
        self.assertNotIn(os.path.join(self.place, "dest"), flags)
        folder = os.path.dirname(self.find("libsluice.so"))
        self.assertEqual(SAYS, output_of(self.build("consumer.c"), LD_LIBRARY_PATH=folder))

    def test_pkg_config_tells_the_version_and_no_path_of_the_build(self):
        with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
            version = re.search(r"version: '([^']*)'", file.read()).group(1)
        self.assertEqual([version], self.pkg_config("--modversion"))
        with open(self.find("sluice.pc"), encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn(os.path.abspath(BUILD), text)
        self.assertNotIn(ROOT, text)

    def test_the_soname_is_libsluice_0(self):
        self.assertEqual(["libsluice.so.0"], self.dynamic(self.find("libsluice.so.0"), "SONAME"))
        self.assertEqual("libsluice.so.0", os.readlink(self.find("libsluice.so")))

    def test_the_shared_library_needs_libc_alone(self):
        needed = self.dynamic(self.find("libsluice.so.0"), "NEEDED")
        self.assertLessEqual(set(needed), {"libc.so.6", "libm.so.6"})

    def test_the_shared_library_is_hardened(self):
        self.assertIn("GNU_RELRO", output_of("readelf", "-lW", self.find("libsluice.so.0")))
        self.assertIn("NOW", output_of("readelf", "-d", self.find("libsluice.so.0")))
        self.assertRegex(output_of("readelf", "-lW", self.find("libsluice.so.0")),
                         r"GNU_STACK.* RW +0x")

    def test_exactly_the_declared_symbols_are_exported(self):
        for library in ("libsluice.so.0", "libsluice.a"):
            with self.subTest(library):
                result = run_tool("symbols", "--check", self.find(library))
                self.assertEqual(("", "", 0), (result.stdout, result.stderr, result.returncode))

    def test_exactly_the_public_headers_are_installed(self):
        installed = {os.path.relpath(path, self.destination).split("/include/")[1]
                     for path in glob.glob(f"{self.destination}/**/*.h", recursive=True)}
        public = {"sluice/" + os.path.basename(path)
                  for path in glob.glob(f"{ROOT}/include/sluice/*.h")}
        self.assertEqual(public, installed)


if __name__ == "__main__":
    tap.main()
