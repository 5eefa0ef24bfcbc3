#!/usr/bin/python3
"""ui_test.py KIND ASSETS SCRATCH: the tests of the pages that need node.

KIND is tree or trace (parts of the pages in node, needs esbuild), types (the compiler's judgement),
vendor (uPlot is as published), page (the page in Chromium; screenshots go to SCRATCH/screenshots)
or deep (the same with the real program, which is ASSETS then).
"""

import contextlib
import fcntl
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

import deep_profile

HERE = os.path.dirname(os.path.abspath(__file__))
UI = os.path.join(HERE, "..", "..", "ui")
NODE_MAJOR_MIN = 18


class CannotRun(Exception):
    pass


def node():
    found = shutil.which("node")
    if found is None:
        raise CannotRun("node is not there")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.strip().lstrip("v").split(".")[0]) < NODE_MAJOR_MIN:
        raise CannotRun(f"node {version.stdout.strip()} is older than {NODE_MAJOR_MIN}")
    return found


def packages(scratch):
    """The folder with the packages of ui/package-lock.json, fetched once for each lock."""
    if shutil.which("npm") is None:
        raise CannotRun("npm is not there")
    with open(os.path.join(scratch, "npm.lock"), "w", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # tests of other kinds fetch them, too
        return packages_fetched(scratch)


def packages_fetched(scratch):
    place = os.path.join(scratch, "npm")
    lock = os.path.join(UI, "package-lock.json")
    kept = os.path.join(place, "fetched-lock.json")
    if not (os.path.exists(kept) and filecmp.cmp(lock, kept, shallow=False)):
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(UI, name), place)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                              cwd=place, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CannotRun("npm ci: " + " ".join(done.stderr.split())[:200])
        shutil.copy(lock, kept)
    return os.path.join(place, "node_modules")


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return os.path.realpath(shutil.which(name)) if name != "chromium" \
                else shutil.which(name)
    raise CannotRun("chromium is not there")


def run_bundled(scratch, name):
    if shutil.which("esbuild") is None:
        raise CannotRun("esbuild is not there")
    bundle = os.path.join(scratch, name)
    subprocess.run(["esbuild", os.path.join(HERE, name), "--bundle", "--format=esm",
                    "--platform=node", "--log-level=warning", f"--outfile={bundle}"], check=True)
    return subprocess.call([node(), bundle])


def run_tree(_, scratch):
    return run_bundled(scratch, "tree_test.mjs")


def run_trace(_, scratch):
    return run_bundled(scratch, "trace_test.mjs")


def tell(passed, claim, output=""):
    for line in output.splitlines()[:40]:
        print(f"# {line}")
    print(f"{'ok' if passed else 'not ok'} 1 - {claim}", flush=True)
    return 0 if passed else 1


def run_types(_, scratch):
    compiler = os.path.join(packages(scratch), "typescript", "bin", "tsc")
    copy = os.path.join(scratch, "npm", "ui")  # beside node_modules, where types are looked for
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(UI, copy, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run([node(), compiler, "--project", copy], capture_output=True, text=True,
                          check=False)
    print("1..1")
    return tell(done.returncode == 0, "the compiler has nothing to say", done.stdout)


def run_vendor(_, scratch):
    published = os.path.join(packages(scratch), "uplot", "dist", "uPlot.esm.js")
    kept = os.path.join(UI, "vendor", "uplot", "uPlot.esm.js")
    print("1..1")
    return tell(filecmp.cmp(published, kept, shallow=False), "uPlot is as it was published")


@contextlib.contextmanager
def page_server(assets):
    server = subprocess.Popen([os.path.join(HERE, "page_server.py"), assets],
                              stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def steered(assets, scratch, name, port):
    """Run a test in Chromium."""
    environment = {**os.environ, "UI_MODULES": packages(scratch), "UI_CHROMIUM": chromium(),
                   "UI_ASSETS": assets, "UI_SCREENSHOTS": os.path.join(scratch, "screenshots"),
                   "UI_PORT": port}
    os.makedirs(environment["UI_SCREENSHOTS"], exist_ok=True)
    return subprocess.call([node(), os.path.join(HERE, name)], env=environment)


def run_page(assets, scratch):
    with page_server(assets) as port:
        return steered(assets, scratch, "page_test.mjs", port)


def run_deep(program, scratch):
    packages(scratch)
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f"deep.{moment}.pb.gz") for moment in range(2)]
        for moment, path in enumerate(paths):
            deep_profile.write(path, moment)
        with subprocess.Popen([program, "heap", "web", "--no-browser", *paths],
                              stdout=subprocess.PIPE, text=True) as web:
            try:
                port = urllib.parse.urlsplit(web.stdout.readline().strip()).port
                return steered(program, scratch, "deep_test.mjs", str(port))
            finally:
                web.terminate()


def main():
    kind, assets, scratch = sys.argv[1:]
    os.makedirs(scratch, exist_ok=True)
    try:
        return globals()[f"run_{kind}"](os.path.abspath(assets), os.path.abspath(scratch))
    except CannotRun as reason:
        print(f"1..0 # skip {reason}")
        return 0


if __name__ == "__main__":
    sys.exit(main())
