#include "preload/thread_state.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/blocking_call.h"

#include "harness.h"

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static void names_and_letters_are_read_whatever_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        const char *name;
        char letter;
    } cases[] = {
        {"12 (redis-server) S 1 12 12 0 -1", 0, "redis-server", 'S'},
        {"12 (a) R) R 1", 0, "a) R", 'R'},
        {"12 (((() D 1", 0, "(((", 'D'},
        {"12 () t 1", 0, "", 't'},
        {"12 (a name too long for it) S 1", 0, "a name too long", 'S'},
        {"12 (a\nb) S 1\n", 0, "a\nb", 'S'},
        {"", -EBADMSG, "", 0},
        {"12", -EBADMSG, "", 0},
        {"12 (a", -EBADMSG, "", 0},
        {"12 a)", -EBADMSG, "", 0},
        {") S 1 (", -EBADMSG, "", 0},
        {"12 (a)", -EBADMSG, "", 0},
        {"12 (a) ", -EBADMSG, "", 0},
        {"12 (a)S 1", -EBADMSG, "", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct thread_state read = {0};
        print_message("# %zu\n", i);
        assert_int_equal(thread_stat_parse(bytes_of(cases[i].text), &read), cases[i].result);
        assert_string_equal(read.name, cases[i].name);
        assert_int_equal(read.letter, cases[i].letter);
    }
}

static void calls_are_read_with_their_arguments(void **state)
{
    (void)state;
    struct thread_state read;
    assert_int_equal(thread_syscall_parse(bytes_of("232 0x3 0x7f00 0x1 0xffffffff 0x0 0x8 "
                                                   "0x7ffcfa5affc8 0x7f170300e2ad\n"),
                                          &read),
                     0);
    assert_true(read.is_blocked);
    assert_int_equal(read.block.call, 232);
    assert_int_equal(read.block.arguments[0], 3);
    assert_int_equal(read.block.arguments[5], 8);
    assert_int_equal(read.block.sp, 0x7ffcfa5affc8);
    assert_int_equal(read.block.pc, 0x7f170300e2ad);
    assert_int_equal(thread_syscall_parse(bytes_of("-1 0x7ffcfa5affc8 0x7f170300e2ad\n"), &read),
                     0);
    assert_true(read.is_blocked);
    assert_int_equal(read.block.call, -1);
    assert_int_equal(thread_syscall_parse(bytes_of("running\n"), &read), 0);
    assert_false(read.is_blocked);
}

static void what_is_no_call_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "\n",
        "x",
        "0",
        "0 0x1",
        "0 0x1 0x2 0x3 0x4 0x5 0x6 0x7\n",
        "0 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9\n",
        "0 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8x\n",
        "0 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x123456789abcdef01\n",
        "-1 0x1\n",
        "-1 0x1 0x2 0x3\n",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct thread_state read;
        print_message("# %zu\n", i);
        assert_int_equal(thread_syscall_parse(bytes_of(refused[i]), &read), -EBADMSG);
    }
}

static void the_kernel_tells_of_this_thread(void **state)
{
    (void)state;
    pid_t ids[4] = {0};
    uint32_t count = 0;
    uint32_t more = 0;
    struct thread_state read;
    uint64_t sleeps = 0;
    assert_int_equal(thread_list(ids, 4, &count, &more), 0);
    assert_int_equal(count, 1);
    assert_int_equal(more, 0);
    assert_int_equal(ids[0], gettid());
    assert_int_equal(thread_list(ids, 0, &count, &more), 0);
    assert_int_equal(count, 0);
    assert_int_equal(more, 1);
    assert_int_equal(thread_state_read(getpid(), gettid(), &read), 0);
    assert_int_equal(read.letter, 'R');
    assert_true(read.is_blocked); /* in the call that reads the file */
    assert_int_equal(read.block.call, SYS_read);
    /* Not the address of a local: sanitizers keep those elsewhere. */
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    assert_true(read.block.sp > frame - 65536 && read.block.sp < frame);
    assert_int_equal(thread_sleeps_read(getpid(), gettid(), &sleeps), 0);
    assert_int_equal(thread_state_read(getpid(), 1 << 30, &read), -ESRCH);
}

static void only_some_calls_mind_a_stop(void **state)
{
    (void)state;
    struct thread_block block = {.call = SYS_epoll_pwait};
    assert_true(blocking_call_minds_stops(&block));
    assert_string_equal(blocking_call_name(SYS_epoll_pwait), "epoll_pwait");
    block.call = SYS_futex;
    assert_false(blocking_call_minds_stops(&block));
    block.call = SYS_recvfrom;
    block.arguments[0] = UINT64_MAX; /* no socket */
    assert_false(blocking_call_minds_stops(&block));
    block.call = -1;
    assert_false(blocking_call_minds_stops(&block));
    assert_null(blocking_call_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_letters_are_read_whatever_the_name),
        cmocka_unit_test(calls_are_read_with_their_arguments),
        cmocka_unit_test(what_is_no_call_is_refused),
        cmocka_unit_test(the_kernel_tells_of_this_thread),
        cmocka_unit_test(only_some_calls_mind_a_stop),
    };
    return TEST_RUN("thread_state", tests);
}
