"""tools/deps with a false dpkg and apt-get, which tell what they were asked for."""

import os
import shutil

import tap
from repository import TreeTestCase, tool

DPKG_QUERY = """#!/bin/sh
for package in "$@"; do
    case " $INSTALLED " in
    *" $package "*) echo "installed $package" ;;
    esac
done
case " $REMOVED " in *" $4 "*) echo "config-files $4" ;; esac
exit 1
"""
APT_GET = '#!/bin/sh\necho "apt-get $*" >>"$CALLS"\nexit ${APT_STATUS:-0}\n'
SUDO = '#!/bin/sh\necho "sudo $*" >>"$CALLS"\nexec env "$@"\n'
LIST = "gcc # the compiler\n\nmeson\n"


class Deps(TreeTestCase):
    def setUp(self):
        super().setUp()
        self.write("tools/deps.build", LIST)
        self.write("tools/deps.test", "cmocka\n")
        shutil.copy(tool("deps"), self.path("tools/deps"))
        self.write("bin/dpkg-query", DPKG_QUERY)
        self.write("bin/apt-get", APT_GET)
        for program in ("sh", "sed", "dirname", "env"):
            os.symlink(shutil.which(program), self.path("bin/" + program))
        self.become(0)

    def become(self, user):
        self.write("bin/id", f"#!/bin/sh\necho {user}\n")

    def deps(self, *lists, **environment):
        """The result of tools/deps, and what it had called."""
        return self.run_telling(self.path("tools/deps"), *lists, PATH=self.path("bin"),
                                **environment)

    def test_nothing_missing_is_silent(self):
        result, calls = self.deps("build", "test", INSTALLED="meson gcc cmocka")
        self.assertEqual((0, "", "", []), (result.returncode, result.stdout, result.stderr, calls))

    def test_only_what_is_missing_is_told_and_installed(self):
        result, calls = self.deps("build", "test", INSTALLED="meson")
        self.assertEqual("tools/deps: installing gcc cmocka\n", result.stdout)
        self.assertEqual(2, len(calls))
        self.assertTrue(calls[0].startswith("apt-get update"))
        self.assertRegex(calls[1], r"^apt-get install .*-y.* gcc cmocka$")
        self.assertEqual(0, result.returncode)

    def test_the_build_list_alone_asks_for_no_test_package(self):
        _, calls = self.deps("build")
        self.assertNotIn("cmocka", " ".join(calls))

    def test_a_removed_package_whose_configuration_stayed_is_missing(self):
        result, _ = self.deps("test", REMOVED="cmocka")
        self.assertEqual("tools/deps: installing cmocka\n", result.stdout)

    def test_a_user_goes_through_sudo(self):
        self.become(1000)
        self.write("bin/sudo", SUDO)
        result, calls = self.deps("test")
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertRegex(calls[0], r"^sudo .*apt-get update")
        self.assertRegex(calls[2], r"^sudo .*apt-get install .* cmocka$")

    def test_a_user_without_sudo_is_told_the_command(self):
        self.become(1000)
        result, calls = self.deps("test")
        self.assertEqual(3, result.returncode)
        self.assertIn("apt-get install cmocka", result.stderr)
        self.assertEqual([], calls)

    def test_a_failed_installation_is_no_success(self):
        result, _ = self.deps("test", APT_STATUS="100")
        self.assertEqual(3, result.returncode)
        self.assertIn("could not install cmocka", result.stderr)

    def test_another_system_is_told_what_is_needed_and_goes_on(self):
        os.remove(self.path("bin/dpkg-query"))
        result, calls = self.deps("build")
        self.assertEqual((0, []), (result.returncode, calls))
        self.assertIn("gcc meson", result.stderr)

    def test_an_unknown_list_is_wrong_use(self):
        result, calls = self.deps("biuld")
        self.assertEqual((2, []), (result.returncode, calls))
        self.assertIn("there are: build test", result.stderr)


if __name__ == "__main__":
    tap.main()
