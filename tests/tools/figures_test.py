"""tools/figures in a copy of itself, on results of its own."""

import os
import shutil

import tap
from repository import TreeTestCase, tool

HEAD = "date,commit,machine,name,value,unit,goal,peer,peer_value\n"
OLD = '2026-01-01T00:00:00Z,abc,"m, 2 cores","window: add",9.5,ns,<=4,"growing array",8\n'
ADD = '2026-02-01T00:00:00Z,def,"m, 2 cores","window: add",3.04159,ns,<=4,"growing array",8.25\n'
RATE = '2026-02-01T00:00:00Z,def,"m, 2 cores","window: rate",149.5,M/s,>=150,"",\n'
HELD = '2026-02-01T00:00:00Z,def,"m, 2 cores","window: bytes",1234567,B,,"",\n'
README = "# Thing\n\n<!-- figures\nwindow: add\n-->\nold\n<!-- end of figures -->\n\nend\n"


class Figures(TreeTestCase):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("tools"))
        shutil.copy(tool("figures"), self.path("tools/figures"))
        self.write("bench/results/window.csv", HEAD + OLD + RATE + ADD + HELD)
        self.write("README.md", README)
        os.makedirs(self.path("docs"))

    def figures(self, *arguments):
        return self.run_telling(self.path("tools/figures"), *arguments)[0]

    def test_the_newest_figure_of_each_line_is_shown(self):
        shown = self.figures().stdout
        self.assertIn("| window: add | 3.04 ns | at most 4 ns | growing array | 8.25 ns |\n", shown)
        self.assertNotIn("9.5", shown)
        self.assertIn("`make bench NAME=window`, commit def, 2026-02-01, m, 2 cores.", shown)
        self.assertIn("| window: bytes | 1,234,567 B |  |  |  |\n", shown)

    def test_a_line_beside_two_peers_is_shown_twice(self):
        other = ADD.replace("growing array", "list")
        self.write("bench/results/window.csv", HEAD + OLD + ADD + other)
        self.assertEqual(0, self.figures("--write").returncode)
        with open(self.path("README.md"), encoding="utf-8") as file:
            shown = file.read()
        self.assertIn("| growing array | 8.25 ns |\n", shown)
        self.assertIn("| list | 8.25 ns |\n", shown)

    def test_a_goal_that_is_missed_is_told(self):
        self.assertIn("| window: rate | 150 M/s | at least 150 M/s, **missed** |",
                      self.figures().stdout)

    def test_the_readme_shows_what_it_names(self):
        self.assertEqual(1, self.figures("--check").returncode)
        self.assertEqual(0, self.figures("--write").returncode)
        with open(self.path("README.md"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn("| window: add | 3.04 ns |", text)
        self.assertNotIn("window: rate |", text)
        self.assertTrue(text.endswith("<!-- end of figures -->\n\nend\n"))
        self.assertNotIn("\nold\n", text)
        self.assertEqual(0, self.figures("--check").returncode)
        self.write("bench/results/window.csv", HEAD + OLD)
        self.assertEqual(1, self.figures("--check").returncode)

    def test_a_name_that_nothing_recorded_is_refused(self):
        self.write("README.md", README.replace("window: add", "window: nonsense"))
        result = self.figures("--write")
        self.assertEqual(3, result.returncode)
        self.assertIn("'window: nonsense', which no benchmark has recorded", result.stderr)

    def test_damaged_results_are_refused(self):
        self.write("bench/results/window.csv", HEAD + "a,b\n")
        self.assertEqual(3, self.figures().returncode)


if __name__ == "__main__":
    tap.main()
