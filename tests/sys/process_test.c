#include "sys/process.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness.h"

#define NO_PROCESS (1 << 30) /* beyond what the kernel numbers */

static void a_process_has_one_start_whatever_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "", ") R 1 2 3 (", "a b c d e f g h", "\n)\n"};
    uint64_t expected = 0;
    uint64_t parent = 0;
    assert_int_equal(process_start_ticks(getpid(), &expected), 0);
    assert_true(expected > 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint64_t ticks = 0;
        print_message("# %zu\n", i);
        assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
        assert_int_equal(process_start_ticks(getpid(), &ticks), 0);
        assert_int_equal(ticks, expected);
    }
    assert_int_equal(process_start_ticks(getppid(), &parent), 0);
    assert_true(parent <= expected);
}

static void files_are_read_as_far_as_there_is_room(void **state)
{
    (void)state;
    char whole[4096];
    char part[8];
    size_t len = 0;
    assert_int_equal(process_file_read(getpid(), "cmdline", whole, sizeof(whole), &len), 0);
    assert_true(len >= sizeof(part));
    assert_int_equal(process_file_read(getpid(), "cmdline", part, sizeof(part), &len), 0);
    assert_int_equal(len, sizeof(part) - 1);
    assert_memory_equal(part, whole, len);
    assert_int_equal(part[len], '\0');
}

static void what_is_not_there_is_no_process(void **state)
{
    (void)state;
    char text[64];
    size_t len = 0;
    uint64_t ticks = 7;
    assert_int_equal(process_start_ticks(NO_PROCESS, &ticks), -ESRCH);
    assert_int_equal(ticks, 7);
    assert_int_equal(process_file_read(NO_PROCESS, "stat", text, sizeof(text), &len), -ESRCH);
    assert_int_equal(process_file_read(getpid(), "task/1073741824/stat", text, sizeof(text), &len),
                     -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_has_one_start_whatever_its_name),
        cmocka_unit_test(files_are_read_as_far_as_there_is_room),
        cmocka_unit_test(what_is_not_there_is_no_process),
    };
    return TEST_RUN("process", tests);
}
