#include "base/sink.h"

#include <errno.h>
#include <string.h>

#include "harness.h"

#define GATHERED_MAX 4096

/* Takes what a sink hands on; refuses from the `fail_at`th call on. */
struct taker {
    char bytes[GATHERED_MAX];
    size_t len;
    int call_count;
    int fail_at;
};

static int take(void *context, const char *bytes, size_t len)
{
    struct taker *taker = context;
    taker->call_count++;
    if (taker->call_count == taker->fail_at) {
        return -ENOSPC;
    }
    assert_true(taker->len + len <= sizeof(taker->bytes));
    memcpy(taker->bytes + taker->len, bytes, len);
    taker->len += len;
    return 0;
}

static void whatever_the_pieces_the_same_bytes_come_out(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (int round = 0; round < 500; round++) {
        struct taker taker = {.fail_at = 0};
        char expected[GATHERED_MAX];
        char stage[64];
        size_t len = 0;
        struct sink sink;
        sink_init(&sink, take, &taker, stage, 1 + test_random_below(&random, sizeof(stage)));
        for (int piece = 0; piece < 20; piece++) {
            char bytes[100];
            size_t piece_len = test_random_below(&random, sizeof(bytes) + 1);
            for (size_t i = 0; i < piece_len; i++) {
                bytes[i] = (char)test_random_next(&random);
            }
            sink_put(&sink, bytes, piece_len);
            memcpy(expected + len, bytes, piece_len);
            len += piece_len;
        }
        assert_int_equal(sink_end(&sink), 0);
        assert_int_equal(taker.len, len);
        assert_memory_equal(taker.bytes, expected, len);
    }
}

static void the_first_error_stays_and_nothing_follows_it(void **state)
{
    (void)state;
    for (int fail_at = 1; fail_at <= 6; fail_at++) {
        struct taker taker = {.fail_at = fail_at};
        char stage[4];
        struct sink sink;
        sink_init(&sink, take, &taker, stage, sizeof(stage));
        for (int i = 0; i < 10; i++) {
            sink_text(&sink, i % 2 == 0 ? "abc" : "longer than the stage");
        }
        assert_int_equal(sink.err, -ENOSPC);
        assert_int_equal(sink_end(&sink), -ENOSPC);
        assert_int_equal(taker.call_count, fail_at);
    }
}

static void a_fixed_sink_keeps_whole_characters_and_a_final_zero(void **state)
{
    (void)state;
    static const struct {
        size_t room;
        const char *text;
        const char *kept;
        int err;
    } cases[] = {
        {1, "", "", 0},
        {1, "a", "", -ENOBUFS},
        {4, "abc", "abc", 0},
        {4, "abcd", "abc", -ENOBUFS},
        {4, "ab\u20ac", "ab", -ENOBUFS},
        {5, "ab\u20ac", "ab", -ENOBUFS},
        {6, "ab\u20ac", "ab\u20ac", 0},
        {6, "ab\u20acd", "ab\u20ac", -ENOBUFS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char room[8];
        struct sink sink;
        memset(room, 'x', sizeof(room));
        sink_init_fixed(&sink, room, cases[i].room);
        sink_text(&sink, cases[i].text);
        assert_string_equal(room, cases[i].kept);
        sink_text(&sink, cases[i].err == 0 ? "" : "z");
        assert_string_equal(room, cases[i].kept);
        assert_int_equal(sink_end(&sink), cases[i].err);
    }
}

static void small_writers_write_what_they_say(void **state)
{
    (void)state;
    char room[256];
    struct sink sink;
    sink_init_fixed(&sink, room, sizeof(room));
    sink_char(&sink, '[');
    sink_repeat(&sink, '-', 130);
    sink_repeat(&sink, '-', 0);
    sink_format(&sink, "%d|%s", 42, "x");
    assert_int_equal(sink_end(&sink), 0);
    assert_int_equal(strlen(room), 1 + 130 + 4);
    assert_int_equal(strspn(room + 1, "-"), 130);
    assert_string_equal(room + 131, "42|x");
}

static void a_format_too_long_is_an_error_and_writes_nothing(void **state)
{
    (void)state;
    char room[2 * SINK_FORMAT_MAX];
    char text[SINK_FORMAT_MAX + 1];
    struct sink sink;
    memset(text, 'x', sizeof(text));
    text[SINK_FORMAT_MAX - 1] = '\0';
    sink_init_fixed(&sink, room, sizeof(room));
    sink_format(&sink, "%s", text);
    assert_int_equal(sink.err, 0);
    assert_int_equal(sink.len, SINK_FORMAT_MAX - 1);
    text[SINK_FORMAT_MAX - 1] = 'x';
    text[SINK_FORMAT_MAX] = '\0';
    sink_format(&sink, "%s", text);
    assert_int_equal(sink.err, -EOVERFLOW);
    assert_int_equal(sink.len, SINK_FORMAT_MAX - 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_pieces_the_same_bytes_come_out),
        cmocka_unit_test(the_first_error_stays_and_nothing_follows_it),
        cmocka_unit_test(a_fixed_sink_keeps_whole_characters_and_a_final_zero),
        cmocka_unit_test(small_writers_write_what_they_say),
        cmocka_unit_test(a_format_too_long_is_an_error_and_writes_nothing),
    };
    return TEST_RUN("sink", tests);
}
