"""A small tree without findings, and a test case that changes it in one place."""

import os
import subprocess

from repository import TreeTestCase, load_tool

tidy = load_tool("tidy")


def texts_behind(tree, path):
    """The texts of a header and of all headers whose names it says, and so on."""
    texts = {path: tree.text(path)}
    waiting = [path]
    while waiting:
        text = texts[waiting.pop()]
        for other in tree.select(".h"):
            if other not in texts and os.path.basename(other) in text:
                texts[other] = tree.text(other)
                waiting.append(other)
    return texts


def remembering(compile_alone):
    """Most trees differ in few headers, so that compiling each text once is enough."""
    known = {}

    def remembered(tree, path, compiler):
        key = (path, compiler, tuple(sorted(texts_behind(tree, path).items())))
        if key not in known:
            known[key] = compile_alone(tree, path, compiler)
        return known[key]

    return remembered


tidy.headers.compile_alone = remembering(tidy.headers.compile_alone)

THING_H = """/* A thing. */
#ifndef SLUICE_THING_H
#define SLUICE_THING_H

#include <sluice/api.h>

SLU_BEGIN_DECLS

struct slu_thing;

SLU_API SLU_MUST_USE int slu_thing_count(const struct slu_thing *thing);

SLU_END_DECLS

#endif
"""


def header(guard, body=""):
    return f"#ifndef {guard}\n#define {guard}\n{body}#endif\n"


SLOT = "\nstruct slot {\n    int slot_count;\n};\n\n"
THING_C = """#include <sluice/thing.h>

#include <errno.h>

int slu_thing_count(const struct slu_thing *thing)
{
    return thing == 0 ? -EINVAL : 0; /* malloc(1), strcpy(a, b): only said */
}
"""
FUZZ_C = """/* Property: a count is never negative. */
#include <sluice/thing.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size);
"""
API_H = """#ifndef SLUICE_API_H
#define SLUICE_API_H
#ifdef __cplusplus
#define SLU_BEGIN_DECLS extern "C" {
#define SLU_END_DECLS   }
#else
#define SLU_BEGIN_DECLS
#define SLU_END_DECLS
#endif
#define SLU_API      __attribute__((visibility("default")))
#define SLU_MUST_USE __attribute__((warn_unused_result))
#endif
"""
GOOD = {
    "include/sluice/meson.build": "public_headers = files('api.h', 'thing.h')\n",
    "include/sluice/api.h": API_H,
    "include/sluice/thing.h": THING_H,
    "src/base/meson.build": "base_lib = static_library('base', 'thing.c')\n",
    "src/base/thing.c": THING_C,
    "src/base/slot.h": header("BASE_SLOT_H", SLOT),
    "src/store/meson.build": "store_lib = static_library('store', 'store.c')\n",
    "src/store/store.h": header("STORE_STORE_H"),
    "src/store/store.c": '#include "store/store.h"\n\n#include <stdio.h>\n\n'
                         '#include "base/slot.h"\n',
    "src/cli/meson.build": "executable('sluice', 'main.c')\n",
    "src/cli/main.c": "#include <stdio.h>\n",
    "examples/meson.build": "executable('first', 'first.c')\n",
    "examples/first.c": "#include <stdio.h>\n\n#include <sluice/thing.h>\n",
    "tests/base/meson.build": "foreach name : ['thing_test']\nendforeach\n",
    "tests/base/thing_test.c": "#include <sluice/thing.h>\n\n#include <stdlib.h>\n",
    "bench/meson.build": "foreach name, dependencies : {\n  'thing': [],\n}\nendforeach\n",
    "bench/thing_bench.c": "#include <sluice/thing.h>\n",
    "fuzz/meson.build": "foreach name, dependencies : {\n  'thing': [],\n}\nendforeach\n",
    "fuzz/thing_fuzz.c": FUZZ_C,
    "fuzz/corpus/thing/one": "TO" "DO\t \n",
    "Makefile": "all:\n\ttrue\n",
    "README.md": "Two blanks at the end  \nbreak a line.\n",
}


class TidyTestCase(TreeTestCase):
    def setUp(self):
        super().setUp()
        for path, text in GOOD.items():
            self.write(path, text)

    def replace(self, path, old, new):
        self.assertIn(old, GOOD[path])
        self.write(path, GOOD[path].replace(old, new))

    def list_source(self, path):
        """Name a new source in its meson.build, so that this is not one more finding."""
        build = os.path.join(os.path.dirname(path), "meson.build")
        with open(self.path(build), "a", encoding="utf-8") as file:
            file.write(f"files('{os.path.basename(path)}')\n")

    def add_source(self, path, text):
        self.write(path, text)
        self.list_source(path)

    def git(self, *arguments):
        subprocess.run(["git", "-C", self.root, *arguments], check=True, capture_output=True)

    def assert_clean(self):
        self.assertEqual([], tidy.judge(self.root))

    def assert_findings(self, *expected):
        """Exactly these findings: each a place (file:line), then what its message says."""
        findings = tidy.judge(self.root)
        self.assertEqual(len(expected), len(findings), findings)
        for finding, (place, *said) in zip(findings, expected):
            self.assertEqual(place, f"{finding.path}:{finding.line}", finding)
            for words in said:
                self.assertIn(words, finding.message)

    def assert_finding(self, place, *said):
        self.assert_findings((place, *said))
