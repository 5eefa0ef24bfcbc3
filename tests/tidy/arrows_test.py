"""tools/tidy on the arrows between folders."""

import unittest

import tap
from good_tree import TidyTestCase, header, tidy


class Arrows(TidyTestCase):
    def include_from(self, folder, included):
        """A source of `folder` whose second include, on line 3, is `included`."""
        self.write(f"src/{folder}/probe.h", header(f"{folder.upper()}_PROBE_H"))
        self.add_source(f"src/{folder}/probe.c", f'#include "{folder}/probe.h"\n\n'
                                                 f"#include {included}\n")

    def test_a_good_tree_is_clean(self):
        self.assert_clean()

    def test_an_arrow_and_what_it_implies_are_allowed(self):
        self.include_from("query", '"store/store.h"')
        self.include_from("cli", '"store/store.h"')
        self.include_from("window", "<sluice/thing.h>")
        self.assert_clean()

    def test_base_includes_no_folder_above_it(self):
        self.include_from("base", '"store/store.h"')
        self.assert_finding("src/base/probe.c:3", "base must not include store")

    def test_an_arrow_does_not_lead_back(self):
        self.include_from("query", '"base/slot.h"')
        self.include_from("store", '"query/probe.h"')
        self.assert_finding("src/store/probe.c:3", "store must not include query")

    def test_a_private_header_obeys_the_arrows_too(self):
        self.write("src/base/slot.h", header("BASE_SLOT_H", '#include "store/store.h"\n'))
        self.assert_finding("src/base/slot.h:3", "base must not include store")

    def test_a_public_header_belongs_to_the_folder_whose_source_includes_it_first(self):
        self.add_source("include/sluice/limit.h", header("SLUICE_LIMIT_H"))
        self.write("src/limit/meson.build", "")
        self.add_source("src/limit/limit.c", "#include <sluice/limit.h>\n")
        self.include_from("window", "<sluice/limit.h>")
        self.assert_finding("src/window/probe.c:3", "window must not include limit")

    def test_a_public_header_belongs_to_the_folder_with_a_source_named_after_it(self):
        self.write("src/window/meson.build", "")
        self.write("src/window/ring.h", header("WINDOW_RING_H", "#include <sluice/ring.h>\n"))
        self.add_source("include/sluice/ring.h", header("SLUICE_RING_H"))
        self.add_source("src/window/ring_turn.c", '#include "window/ring.h"\n')
        self.add_source("include/sluice/ring_part.h", header("SLUICE_RING_PART_H"))
        self.assert_clean()
        self.include_from("codec", "<sluice/ring_part.h>")
        self.assert_finding("src/codec/probe.c:3", "codec must not include window")

    def test_a_public_header_obeys_the_arrows_of_its_folder(self):
        self.add_source("include/sluice/window.h",
                        header("SLUICE_WINDOW_H", "#include <sluice/thing.h>\n"))
        self.write("src/window/meson.build", "")
        self.add_source("src/window/window.c", "#include <sluice/window.h>\n")
        self.assert_clean()
        self.replace("include/sluice/thing.h", "#include <sluice/api.h>\n",
                     "#include <sluice/api.h>\n#include <sluice/window.h>\n")
        self.write("include/sluice/window.h", header("SLUICE_WINDOW_H"))
        self.assert_finding("include/sluice/thing.h:6", "base must not include window")

    def test_a_public_header_includes_no_private_one(self):
        self.replace("include/sluice/thing.h", "#include <sluice/api.h>\n",
                     '#include <sluice/api.h>\n#include "../../src/base/slot.h"\n')
        self.assert_finding("include/sluice/thing.h:6", "cannot include the private")

    def test_a_public_header_without_a_folder_is_told(self):
        self.add_source("include/sluice/lost.h", header("SLUICE_LOST_H"))
        self.assert_finding("include/sluice/lost.h:1", "belongs to no folder")

    def test_an_unknown_folder_is_told_once(self):
        self.write("src/web/meson.build", "files('web.c', 'socket.c')\n")
        self.write("src/web/web.c", "#include <stdio.h>\n")
        self.write("src/web/socket.c", "#include <stdio.h>\n")
        self.assert_finding("src/web/meson.build:1", "unknown folder src/web/")

    def test_an_unknown_folder_at_the_top_is_told(self):
        self.write("scripts/run", "true\n")
        self.assert_finding("scripts/run:1", "unknown folder scripts/")

    def test_a_folder_that_the_architecture_does_not_tell_is_found(self):
        rows = "".join(f"| `src/{folder}/` | it |\n" for folder in ("base", "cli", "store"))
        self.write("ARCHITECTURE.md", "| folder | what |\n" + rows)
        self.assert_clean()
        self.write("ARCHITECTURE.md", rows.replace("store", "score"))
        self.assert_finding("ARCHITECTURE.md:1", "src/store/")

    def test_a_source_directly_in_src_is_told(self):
        self.write("src/meson.build", "files('loose.c')\n")
        self.write("src/loose.c", "#include <stdio.h>\n")
        self.assert_finding("src/loose.c:1", "belongs in a folder")

    def test_a_header_that_is_not_there_is_told(self):
        self.include_from("store", '"probe.h"')
        self.assert_finding("src/store/probe.c:3", "no such header: probe.h")

    def test_a_header_that_the_build_makes_is_there(self):
        self.write("src/store/meson.build", "files('store.c')\n"
                                            "custom_target('table', output: 'table.h')\n")
        self.include_from("store", '"store/table.h"')
        self.assert_clean()

    def test_libsluice_includes_libc_and_xxhash_only(self):
        for included in ("<pthread.h>", "<sys/mman.h>", "<xxhash.h>"):
            self.include_from("base", included)
            self.assert_clean()
        self.include_from("base", "<zstd.h>")
        self.assert_finding("src/base/probe.c:3", "libc's headers and xxhash.h only: zstd.h")

    def test_the_preload_library_includes_libc_only(self):
        self.include_from("preload", "<zlib.h>")
        self.assert_finding("src/preload/probe.c:3", "libc's headers and xxhash.h only: zlib.h")

    def test_a_public_header_includes_libc_only(self):
        self.replace("include/sluice/thing.h", "#include <sluice/api.h>\n",
                     "#include <zconf.h>\n#include <sluice/api.h>\n")
        self.write("include/zconf.h", header("ZCONF_H"))
        self.assert_finding("include/sluice/thing.h:5", "zconf.h")

    def test_the_store_knows_no_network(self):
        for included in ("<sys/socket.h>", "<netinet/in.h>", "<microhttpd.h>"):
            self.include_from("store", included)
            self.assert_finding("src/store/probe.c:3", "store must not include")
        self.include_from("limit", "<netinet/in.h>")
        self.include_from("store", "<stdio.h>")
        self.assert_clean()

    def test_the_store_does_not_include_net(self):
        self.include_from("net", '"base/slot.h"')
        self.include_from("store", '"net/probe.h"')
        self.assert_finding("src/store/probe.c:3", "store must not include net")

    def test_an_example_includes_what_a_user_can(self):
        self.write("examples/first.c", '#include "base/slot.h"\n')
        self.assert_finding("examples/first.c:1", "base/slot.h")
        self.write("examples/first.c", '#include "shared.h"\n')
        self.write("examples/shared.h", header("EXAMPLES_SHARED_H"))
        self.assert_clean()

    def test_includes_in_comments_and_strings_do_not_count(self):
        self.add_source("src/base/slot.c", '#include "base/slot.h"\n\n'
                                           '/*\n#include "store/store.h"\n*/\n'
                                           '// #include "store/store.h"\n')
        self.assert_clean()


class Table(unittest.TestCase):
    def test_the_arrows_have_no_cycle_and_no_unknown_end(self):
        for folder, below in tidy.arrows.ARROWS.items():
            for other in below.split():
                self.assertNotIn(folder, tidy.arrows.reachable(other))


if __name__ == "__main__":
    tap.main()
