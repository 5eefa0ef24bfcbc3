#include "preload/smaps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define TEXT_BYTES 4096

/* A text in pieces of `step` bytes. */
struct source {
    const char *text;
    size_t len;
    size_t at;
    size_t step;
    int err;
};

static long source_read(void *context, char *bytes, size_t size)
{
    struct source *source = context;
    size_t left = source->len - source->at;
    size_t len = left < source->step ? left : source->step;
    len = len < size ? len : size;
    if (len == 0 && source->err != 0) {
        return source->err;
    }
    memcpy(bytes, source->text + source->at, len);
    source->at += len;
    return (long)len;
}

static char buffer[LINES_BUFFER_BYTES];

static const char two[] =
    "55d0c8a00000-55d0c8a21000 rw-p 00000000 00:00 0                          [heap]\n"
    "Size:                132 kB\n"
    "Rss:                  12 kB\n"
    "Anonymous:             8 kB\n"
    "Swap:                  4 kB\n"
    "VmFlags: rd wr mr mw me ac \n"
    "7f0000001000-7f0000002000 r-xs 00003000 fe:01 1234                       /lib/a b (deleted)\n"
    "Rss:                   4 kB\n";

static void check_two(size_t step)
{
    struct source source = {.text = two, .len = sizeof(two) - 1, .step = step};
    struct smaps smaps;
    struct smap smap;
    smaps_init(&smaps, source_read, &source, buffer);
    assert_int_equal(smaps_next(&smaps, &smap), 1);
    assert_int_equal(smap.start, 0x55d0c8a00000);
    assert_int_equal(smap.limit, 0x55d0c8a21000);
    assert_true(smap.is_readable && smap.is_writable && !smap.is_executable && !smap.is_shared);
    assert_int_equal(smap.rss_bytes, 12 << 10);
    assert_int_equal(smap.anonymous_bytes, 8 << 10);
    assert_int_equal(smap.swapped_bytes, 4 << 10);
    assert_int_equal(smap.name.len, 6);
    assert_memory_equal(smap.name.data, "[heap]", 6);
    assert_int_equal(smaps_next(&smaps, &smap), 1);
    assert_true(smap.is_readable && !smap.is_writable && smap.is_executable && smap.is_shared);
    assert_int_equal(smap.inode, 1234);
    assert_int_equal(smap.rss_bytes, 4 << 10);
    assert_int_equal(smap.anonymous_bytes, 0);
    assert_int_equal(smap.name.len, 18);
    assert_memory_equal(smap.name.data, "/lib/a b (deleted)", 18);
    assert_int_equal(smaps_next(&smaps, &smap), 0);
}

static void test_mappings_are_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t step = 1; step <= sizeof(two); step++) {
        check_two(step);
    }
}

static void test_lines_that_are_no_mappings_are_passed_over(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "\n",
        "Rss: 12 kB\n",
        "12-\n",
        "-13 rw-p 0 0:0 0\n",
        "2000-1000 rw-p 00000000 00:00 0\n",
        "1000-2000 rw-p\n",
        "1000-2000 rw-p 00000000 0000 0\n",
        "1000-2000 rw-p 00000000 00:00\n",
        "1000-11112222333344445 rw-p 00000000 00:00 0\n",
        "ABCD-EF00 rw-p 00000000 00:00 0\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct source source = {.text = lines[i], .len = strlen(lines[i]), .step = TEXT_BYTES};
        struct smaps smaps;
        struct smap smap;
        smaps_init(&smaps, source_read, &source, buffer);
        assert_int_equal(smaps_next(&smaps, &smap), 0);
    }
}

static void test_a_figure_that_is_none_is_zero(void **state)
{
    (void)state;
    static const char *const figures[] = {"Rss: kB\n", "Rss: -4 kB\n", "Rss:\n",
                                          "Rss: 99999999999999999999999 kB\n",
                                          "Rss: 18446744073709551615 kB\n"};
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        char text[TEXT_BYTES];
        int len = snprintf(text, sizeof(text), "1000-2000 rw-p 0 0:0 0\n%s", figures[i]);
        struct source source = {.text = text, .len = (size_t)len, .step = TEXT_BYTES};
        struct smaps smaps;
        struct smap smap;
        smaps_init(&smaps, source_read, &source, buffer);
        assert_int_equal(smaps_next(&smaps, &smap), 1);
        assert_int_equal(smap.rss_bytes, 0);
        assert_int_equal(smap.name.len, 0);
    }
}

static void test_an_error_of_reading_is_passed_on(void **state)
{
    (void)state;
    struct source source = {.text = two, .len = 100, .step = 60, .err = -EIO};
    struct smaps smaps;
    struct smap smap;
    smaps_init(&smaps, source_read, &source, buffer);
    assert_int_equal(smaps_next(&smaps, &smap), -EIO);
}

static void test_a_line_without_an_end_is_bounded(void **state)
{
    (void)state;
    static char text[3 * LINES_BUFFER_BYTES];
    memset(text, 'a', sizeof(text));
    memcpy(text, "1000-2000 rw-p 0 0:0 0 ", 23);
    struct source source = {.text = text, .len = sizeof(text), .step = TEXT_BYTES};
    struct smaps smaps;
    struct smap smap;
    smaps_init(&smaps, source_read, &source, buffer);
    assert_int_equal(smaps_next(&smaps, &smap), 1);
    assert_int_equal(smap.name.len, SMAPS_NAME_MAX);
    assert_int_equal(smaps_next(&smaps, &smap), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mappings_are_read_in_pieces_of_any_size),
        cmocka_unit_test(test_lines_that_are_no_mappings_are_passed_over),
        cmocka_unit_test(test_a_figure_that_is_none_is_zero),
        cmocka_unit_test(test_an_error_of_reading_is_passed_on),
        cmocka_unit_test(test_a_line_without_an_end_is_bounded),
    };
    return TEST_RUN("smaps", tests);
}
