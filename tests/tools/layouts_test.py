"""tools/layouts on a small tree, and the page of this repository."""

import tap
from repository import ROOT, TreeTestCase, run_tool

LAYOUTS = """struct slot {
    long at;
};
GOLDEN_LAYOUT(struct slot, 8, 0, 0, at);

struct entry {
    long begin;
    int length;
};
GOLDEN_LAYOUT(struct entry, 16, 4, 0, begin,
              length);
/* GOLDEN_LAYOUT(struct said, 1, 2, 3, at); */
"""


class Layouts(TreeTestCase):
    def setUp(self):
        super().setUp()
        self.write("src/base/slot.c", LAYOUTS)

    def rows(self):
        result = run_tool("layouts", self.root)
        self.assertEqual(0, result.returncode, result.stderr)
        return [line for line in result.stdout.splitlines() if line.startswith("| `")]

    def test_each_layout_is_a_row_in_the_order_of_names(self):
        self.assertEqual(["| `struct entry` | src/base/slot.c | 16 | 4 | 0 |",
                          "| `struct slot` | src/base/slot.c | 8 | 0 | 0 |"], self.rows())

    def test_the_page_is_fine_until_a_layout_changes(self):
        self.assertEqual(1, run_tool("layouts", "--check", self.root).returncode)
        self.assertEqual(0, run_tool("layouts", "--write", self.root).returncode)
        self.assertEqual(0, run_tool("layouts", "--check", self.root).returncode)
        self.write("src/base/slot.c", LAYOUTS.replace("16, 4", "24, 12"))
        result = run_tool("layouts", "--check", self.root)
        self.assertEqual(1, result.returncode)
        self.assertIn("tools/layouts --write", result.stderr)

    def test_a_size_that_is_no_number_is_refused(self):
        self.write("src/base/slot.c", LAYOUTS.replace("16, 4", "sizeof(long), 4"))
        result = run_tool("layouts", self.root)
        self.assertEqual(3, result.returncode)
        self.assertIn("src/base/slot.c:10: ", result.stderr)

    def test_wrong_use_is_told(self):
        self.assertEqual(2, run_tool("layouts", "--renew").returncode)
        self.assertEqual(2, run_tool("layouts", self.root, self.root).returncode)

    def test_the_page_of_this_repository_is_up_to_date(self):
        result = run_tool("layouts", "--check", ROOT)
        self.assertEqual((0, ""), (result.returncode, result.stderr))


if __name__ == "__main__":
    tap.main()
