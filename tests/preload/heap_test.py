"""Programs under libsluice-heap.so: that their own answers are right, and their profiles true.

heap_test.py LIBRARY HEAVY STRESS PLUGIN SUBJECT OTHER_PLUGIN HOLDER LEADERS: the preload library,
the program that counts its own allocations, the one that calls all of the family, the module that
it loads, the one that does what a test asks for, a module as large as the first, the program that
holds blocks, and the one whose first thread ends before others.
"""

import math
import os
import re
import resource
import signal
import subprocess
import sys
import unittest

import tap
from preloaded import library_path
from preloaded_case import OTHER_ALLOCATORS, Preloaded, limit
from pprof_reader import TYPES, profile_at
from repository import ROOT

sys.path.insert(0, os.path.join(ROOT, "bench", "heap"))

import memory  # noqa: E402
import profilers  # noqa: E402

LIBRARY, HEAVY, STRESS, PLUGIN, SUBJECT, OTHER_PLUGIN, HOLDER, LEADERS = sys.argv[1:9]
del sys.argv[1:]
Preloaded.library = LIBRARY
EXPORTED = """__libc_start_main aligned_alloc brk calloc cfree dlclose free free_aligned_sized
free_sized malloc malloc_usable_size memalign mmap mmap64 mremap munmap posix_memalign
pthread_create pthread_exit pvalloc realloc reallocarray sbrk slu_heap_set_rate slu_heap_start
slu_heap_stop slu_heap_write thrd_exit valloc""".split()


class Truth(Preloaded):
    def check_heavy(self, rate, *arguments, settings=None, **options):
        """The profile's totals beside what the program counted, within six deviations."""
        variances = os.path.join(self.folder, "variances")
        settings = {"RATE": rate, **(settings or {})}
        output = self.run_program(HEAVY, *arguments, settings=settings, HEAVY_RATE=str(rate),
                                  HEAVY_VARIANCES=variances, **options)
        truth = [float(word) for word in output.split()[:4]]
        with open(variances, encoding="utf-8") as file:
            spread = [math.sqrt(float(word)) for word in file.read().split()]
        profile = self.profile()
        self.assertEqual(TYPES, profile.type_names())
        for name, right, deviation in zip(TYPES, truth, spread):
            # libc and the program's start allocate some tens of KiB that it does not count.
            slack = 200 if name.endswith("objects") else 160 << 10
            self.assertLessEqual(abs(profile.totals()[name] - right), 6 * deviation + slack, name)

    def test_every_allocation_counted_is_the_truth(self):
        self.check_heavy(1, "--pairs", "20000", "--retain", "200000")

    def test_samples_estimate_the_truth(self):
        self.check_heavy(65536, "--pairs", "200000", "--retain", "100000")

    def test_many_threads_are_one_profile(self):
        self.check_heavy(65536, "--threads", "16", "--pairs", "160000", "--retain", "100000")

    def test_an_adapted_rate_estimates_it_too(self):
        """Samples keep the rate they were taken with: the totals stay near the truth."""
        output = self.run_program(HEAVY, "--pairs", "400000", "--retain", "200000",
                                  settings={"RATE": "4K", "SAMPLES_PER_SECOND_MAX": 2000})
        right = float(output.split()[1])
        self.assertLess(abs(self.profile().totals()["alloc_space"] / right - 1), 0.2)

    def test_without_ranges_the_filter_sees_each_free(self):
        self.check_heavy(16384, "--pairs", "50000", "--retain", "100000",
                         settings={"RANGES": 0})

    def test_a_limited_address_space_is_left_to_the_program(self):
        self.check_heavy(16384, "--pairs", "50000", "--retain", "100000",
                         before=limit(resource.RLIMIT_AS, 600 << 20))

    def test_other_allocators_are_profiled_as_well(self):
        for name, library in OTHER_ALLOCATORS.items():
            with self.subTest(name):
                for path in self.files():
                    os.remove(path)
                self.check_heavy(65536, "--pairs", "100000", "--retain", "100000",
                                 preload=LIBRARY + ":" + library_path(library))


    def test_programs_that_ask_for_usable_sizes_do_not_bend_the_estimate(self):
        libraries = {"glibc": "", **OTHER_ALLOCATORS}
        for name, library in libraries.items():
            with self.subTest(name):
                for path in self.files():
                    os.remove(path)
                preload = LIBRARY + (":" + library_path(library) if library else "")
                truth = self.run_program(SUBJECT, "fit", "20000", preload=preload,
                                         settings={"RATE": "16K"})
                found = self.profile().totals()["inuse_space"]
                self.assertLess(abs(found / int(truth) - 1), 0.08, (found, truth))


class Stress(Preloaded):
    def stress(self, preload, **options):
        return self.run_program(STRESS, PLUGIN, "--rounds", "800", preload=preload, **options)

    def check_stress(self, rate, preload=LIBRARY, settings=None, **options):
        settings = {"RATE": rate, **(settings or {})}
        self.assertEqual(self.plain, self.stress(preload, settings=settings, **options))

    def test_the_family_keeps_its_contract(self):
        self.plain = self.stress("")
        for rate in ("1", "4K", "512K"):
            with self.subTest(rate):
                self.check_stress(rate)

    def test_the_family_keeps_its_contract_without_ranges(self):
        self.plain = self.stress("")
        self.check_stress("1", settings={"RANGES": 0})
        self.check_stress("4K", before=limit(resource.RLIMIT_AS, 4 << 30))

    def test_jemalloc_and_tcmalloc_keep_theirs(self):
        for name, library in OTHER_ALLOCATORS.items():
            with self.subTest(name):
                path = library_path(library)
                self.plain = self.stress(path, STRESS_NO_PVALLOC="1")
                # Of a sampled block that cannot grow, realloc says so also where jemalloc does not.
                self.plain = self.plain.replace("realloc, too much: null, errno 0",
                                                "realloc, too much: null, errno 12")
                for rate in ("1", "4K"):
                    self.check_stress(rate, LIBRARY + ":" + path, STRESS_NO_PVALLOC="1")


class Life(Preloaded):
    def test_a_linked_program_steers_it(self):
        path = os.path.join(self.folder, "steered.pb.gz")
        self.run_program(SUBJECT, "steer", path, preload="", settings={"START": 0})
        totals = profile_at(path).totals()
        self.assertEqual(500, totals["inuse_objects"])
        self.assertEqual(500000, totals["inuse_space"])

    def test_a_module_that_was_unloaded_is_still_named(self):
        path = os.path.join(self.folder, "unloaded.pb.gz")
        self.run_program(SUBJECT, "unload", PLUGIN, path, settings={"RATE": 1})
        profile = profile_at(path)
        self.assertIn(PLUGIN, profile.files())
        self.assertNotEqual("", profile.build_ids()[profile.files().index(PLUGIN)])
        self.assertGreater(profile.totals()["inuse_space"], 10e6 - 1)

    def test_a_module_at_the_place_of_an_unloaded_one_takes_over_no_samples(self):
        """Three times at one place: a module, another, and the first again."""
        path = os.path.join(self.folder, "replaced.pb.gz")
        output = self.run_program(SUBJECT, "replace", PLUGIN, OTHER_PLUGIN, path,
                                  settings={"RATE": 1})
        if output != "replaced\n":
            raise tap.Skip("the loader put the second module elsewhere")
        spaces = profile_at(path).inuse_space_by_file()
        self.assertEqual((120 * 100000, 50 * 100000), (spaces[PLUGIN], spaces[OTHER_PLUGIN]))

    def test_a_buffer_that_comes_and_goes_costs_no_page_faults(self):
        """256 pages 2,000 times would be 512,000."""
        faults = int(self.run_program(SUBJECT, "loop", settings={"RATE": 1}))
        self.assertLess(faults, 3000)

    def test_locked_memory_is_what_is_used(self):
        if os.geteuid() != 0:
            raise tap.Skip("locking all memory needs root")
        resident = int(self.run_program(SUBJECT, "lock", settings={"RATE": 1}))
        self.assertLess(resident, 250000)

    def test_more_samples_than_allowed_are_told_once(self):
        self.run_program(SUBJECT, "many", "20000",
                         settings={"RATE": 1, "SAMPLES_MAX": 100},
                         says="sluice-heap: as many sampled blocks are live as "
                              "SLUICE_HEAP_SAMPLES_MAX allows: further ones count as allocated "
                              "and not as in use\n")
        totals = self.profile().totals()
        self.assertEqual(100, totals["inuse_objects"])
        self.assertGreaterEqual(totals["alloc_objects"], 20000)

    def test_a_hundred_thousand_live_samples_fit(self):
        self.run_program(SUBJECT, "many", "100000",
                         settings={"RATE": 1})
        self.assertGreaterEqual(self.profile().totals()["inuse_objects"], 100000)

    def test_they_take_16_mib_whatever_their_size(self):
        """Resident, beside the same program without."""
        every = profilers.sluice(LIBRARY, RATE=1, SAMPLES_PER_SECOND_MAX=0)
        for size in (16, 100, 520, 1400, 3000, 6000):
            added = memory.added_mib(profilers.NONE, every, HOLDER, 100000, size)
            self.assertLess(added, 16, size)

    def test_parent_and_child_of_fork_have_files_of_their_own(self):
        parent, child = self.run_program(SUBJECT, "fork", settings={"RATE": 1}).split()
        path = os.path.join(self.folder, "out.{}.pb.gz")
        self.assertEqual(sorted([path.format(parent), path.format(child)]), self.files())
        self.assertGreaterEqual(profile_at(path.format(child)).totals()["inuse_space"], 10e6)
        self.assertLess(profile_at(path.format(parent)).totals()["inuse_space"], 10e6)

    def test_children_of_a_program_with_threads_go_on_from_what_it_held(self):
        """Each frees blocks of its parent's and keeps some of its own; the parent sees nothing."""
        parent = self.run_program(SUBJECT, "inherit", settings={"RATE": 1}).strip()
        self.assertEqual(21, len(self.files()))
        for path in self.files():
            held = 500 * 1000 if f".{parent}." in path else 200 * 1000 + 100 * 5000
            space = profile_at(path).totals()["inuse_space"]
            self.assertTrue(held <= space < held + (100 << 10), f"{path}: {space} of {held}")

    def test_the_programs_that_it_executes_are_profiled(self):
        self.run_program("/bin/sh", "-c", f"{SUBJECT} many 1000; exec {SUBJECT} many 2000",
                         settings={"RATE": 1})
        objects = [profile_at(path).totals()["inuse_objects"] for path in self.files()]
        self.assertEqual(1, sum(1000 <= count < 1900 for count in objects), objects)
        self.assertEqual(1, sum(2000 <= count < 2900 for count in objects), objects)

    def test_exit_without_handlers_leaves_no_file(self):
        self.run_program(SUBJECT, "leave", status=7, settings={"RATE": 1})
        self.assertEqual([], self.files())

    def test_no_thread_is_added_unless_something_is_to_be_done(self):
        self.assertEqual("1\n", self.run_program(SUBJECT, "alone"))
        self.assertEqual("2\n", self.run_program(SUBJECT, "alone",
                                                 settings={"PERIOD": "1h", "CONTROL": 0}))
        self.assertEqual("3\n", self.run_program(SUBJECT, "alone", settings={"PERIOD": "1h"}))

    def test_a_program_ends_with_its_last_thread(self):
        """As without the profiler, whose threads libc counts like the program's."""
        expected = {"exit": "last\nhandler\n", "thrd": "last\nhandler\n",
                    "late": "last\nhandler\n", "fork": "last\nhandler\nchild 0\nhandler\n"}
        for how, output in expected.items():
            for settings in ({}, {"PERIOD": "1h"}):
                with self.subTest(how, settings=settings):
                    self.assertEqual(output, self.run_program(LEADERS, how, preload=""))
                    before = len(self.files())
                    self.assertEqual(output, self.run_program(LEADERS, how, settings={
                        "RATE": 1, **settings}))
                    self.assertEqual(2 if how == "fork" else 1, len(self.files()) - before)

    def waiting(self, settings):
        process = subprocess.Popen([SUBJECT, "wait"], stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment(settings, {}, LIBRARY))
        self.assertEqual("ready\n", process.stdout.readline())
        return process

    def wait_for(self, process, holds):
        """Until the files are as wanted; the program is there all the while."""
        while not holds():
            self.assertIsNone(process.poll())

    def test_the_last_profiles_are_kept_and_survive_a_kill(self):
        process = self.waiting({"PERIOD": "5ms", "FILES": 3, "RATE": "4K"})
        self.wait_for(process, lambda: any(int(path.split(".")[-3]) > 8 for path in
                                           self.files("out.*.*.pb.gz")))
        process.kill()
        process.communicate()
        found = self.files("out.*.0*.pb.gz")
        self.assertIn(len(found), (3, 4)) # the newest may have come just before the oldest went
        self.assertTrue(all(f".{process.pid}." in path for path in found))
        self.assertGreater(profile_at(found[0]).totals()["alloc_space"], 0)
        self.assertEqual([], self.files("out.*[0-9]*.pb.gz.tmp"))

    def test_a_signal_asks_for_a_profile(self):
        process = self.waiting({"SIGNAL": "USR2", "RATE": "4K"})
        process.send_signal(signal.SIGUSR2)
        self.wait_for(process, lambda: self.files(f"out.{process.pid}.000001.pb.gz"))
        process.communicate("")
        self.assertEqual(0, process.returncode)
        self.assertEqual(2, len(self.files()))


class Trouble(Preloaded):
    def test_a_folder_that_is_not_there_is_told_once(self):
        path = os.path.join(self.folder, "none", "out")
        process = subprocess.run([SUBJECT, "many", "1000"], text=True, capture_output=True,
                                 env=self.environment({"OUT": path, "PERIOD": "1ms"}, {}, LIBRARY),
                                 check=False)
        self.assertEqual(0, process.returncode)
        self.assertRegex(process.stderr, r"^sluice-heap: .*: no profile written: ENOENT\n$")

    def test_a_full_disk_is_an_error(self):
        self.assertEqual("-28\n", self.run_program(SUBJECT, "errors", "/dev/full"))

    def test_a_limit_on_file_sizes_is_an_error_and_not_the_end(self):
        output = self.run_program(SUBJECT, "errors", os.path.join(self.folder, "new"), says=None,
                                  before=limit(resource.RLIMIT_FSIZE, 10))
        self.assertEqual("-27\n", output)
        self.assertEqual([], self.files("*"))

    def test_a_link_in_the_way_is_replaced_and_not_followed(self):
        target = os.path.join(self.folder, "target")
        path = os.path.join(self.folder, "link")
        with open(target, "w", encoding="utf-8") as file:
            file.write("mine")
        os.symlink(target, path)
        self.assertEqual("0\n", self.run_program(SUBJECT, "errors", path))
        self.assertFalse(os.path.islink(path))
        with open(target, encoding="utf-8") as file:
            self.assertEqual("mine", file.read())

    def test_a_file_in_place_of_standard_error_is_not_written_into(self):
        path = os.path.join(self.folder, "data")
        self.run_program(SUBJECT, "daemon", path,
                         settings={"OUT": os.path.join(self.folder, "none", "out")})
        self.assertEqual(0, os.path.getsize(path))

    def test_what_others_left_under_the_temporary_name_is_not_written_into(self):
        theirs = os.path.join(self.folder, "theirs")
        with open(theirs, "w", encoding="utf-8") as file:
            file.write("theirs")
        new = f"{self.folder}/new"
        script = f"ln -s {theirs} {new}.$$.part; exec {SUBJECT} errors {new}"
        output = self.run_program("/bin/sh", "-c", script)
        self.assertEqual("0\n", output)
        with open(theirs, encoding="utf-8") as file:
            self.assertEqual("theirs", file.read())

    def test_a_program_with_rights_of_its_own_takes_no_settings(self):
        if os.geteuid() != 0:
            raise tap.Skip("giving a program other rights needs root")
        os.chmod(self.folder, 0o777)
        program = os.path.join(self.folder, "subject")
        subprocess.run(["cc", "-I" + os.path.join(ROOT, "include"), "-D_GNU_SOURCE", "-o", program,
                        os.path.join(ROOT, "tests/preload/subject.c"), LIBRARY,
                        "-Wl,-rpath," + os.path.dirname(LIBRARY)], check=True)
        for owner, files in ((0, 1), (65534, 0)):
            os.chown(program, owner, owner)
            os.chmod(program, 0o4755)
            self.run_program(program, "many", "10", preload="", settings={"START": 1})
            self.assertEqual(files, len(self.files()))
            for path in self.files():
                os.remove(path)

    def test_wrong_settings_are_told_and_the_program_runs(self):
        self.run_program("/bin/true", settings={"RATE": "never", "COLOUR": "blue"}, says=None)
        self.assertEqual(1, len(self.files()))

    def test_loaded_late_it_keeps_out_of_the_way(self):
        code = (f"import ctypes\nlibrary = ctypes.CDLL({LIBRARY!r})\n"
                "print(library.slu_heap_start(), library.slu_heap_write(None))")
        output = self.run_program("/usr/bin/python3", "-c", code, preload="",
                                  settings={"START": 0})
        self.assertEqual("-95 -61\n", output)

    def test_no_room_for_its_thread_local_storage_is_an_error_of_dlopen(self):
        code = f"import ctypes\nctypes.CDLL({LIBRARY!r})"
        output = self.run_program(
            "/usr/bin/python3", "-c", f"try:\n    exec({code!r})\nexcept OSError: pass\nprint(5)",
            preload="", says=None, GLIBC_TUNABLES="glibc.rtld.optional_static_tls=0")
        self.assertEqual("5\n", output)

    def test_without_proc_it_works(self):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
            raise tap.Skip("hiding /proc needs root")
        script = f"mount -t tmpfs none /proc && LD_PRELOAD={LIBRARY} exec {SUBJECT} many 1000"
        self.run_program("unshare", "-m", "/bin/sh", "-c", script, preload="",
                         settings={"RATE": 1, "START": 1})
        profile = self.profile()
        self.assertGreaterEqual(profile.totals()["inuse_objects"], 1000)
        self.assertIn(SUBJECT, profile.files())

    def test_mapping_calls_mean_what_they_meant(self):
        self.run_program(SUBJECT, "maps")


class Library(unittest.TestCase):
    def test_the_family_the_operators_and_four_functions_are_exported(self):
        listing = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True,
                                 text=True, check=True).stdout
        names = [line.split()[-1] for line in listing.splitlines()]
        operators = [name for name in names if name.startswith(("_Zn", "_Zd"))]
        self.assertEqual(20, len(operators))
        self.assertEqual(EXPORTED, sorted(set(names) - set(operators)))

    def test_the_library_needs_libc_alone(self):
        listing = subprocess.run(["readelf", "-d", LIBRARY], capture_output=True, text=True,
                                 check=True).stdout
        needed = [line.split("[")[1].rstrip("]") for line in listing.splitlines()
                  if "(NEEDED)" in line]
        self.assertLessEqual(set(needed), {"libc.so.6", "ld-linux-x86-64.so.2"})

    def test_each_setting_is_on_the_page(self):
        with open(os.path.join(ROOT, "src/preload/settings.c"), encoding="utf-8") as file:
            known = re.findall(r'\{"(\w+)", SETTING_', file.read())
        with open(os.path.join(ROOT, "docs/heap-profiler.md"), encoding="utf-8") as file:
            told = re.findall(r"^\| `([A-Z_]+)` \|", file.read(), re.MULTILINE)
        self.assertEqual(known, told)

    def test_malloc_and_free_are_few_instructions_without_a_frame(self):
        for name in ("malloc", "free"):
            listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn",
                                      "--disassemble=" + name, LIBRARY], capture_output=True,
                                     text=True, check=True).stdout
            code = [line.split("\t")[1].split()[0] for line in listing.splitlines()
                    if line.startswith(" ") and "\t" in line]
            path = code[:code.index("jmp") + 1] # before it there are only branches to the cold part
            self.assertLessEqual(len(path), 10, path)
            self.assertFalse({"push", "pop", "call", "lock"} & set(path), path)


if __name__ == "__main__":
    tap.main()
