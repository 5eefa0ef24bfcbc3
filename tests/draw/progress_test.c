#include "draw/progress.h"

#include <string.h>

#include "base/sink.h"
#include "draw/text.h"

#include "harness.h"

#define ROOM   4096
#define SECOND UINT64_C(1000000000)
#define START  (7 * SECOND)

struct shown {
    char text[ROOM];
    struct sink sink;
    struct draw_terminal terminal;
    struct draw_progress progress;
};

static void begin(struct shown *shown, uint32_t width, uint64_t total)
{
    sink_init_fixed(&shown->sink, shown->text, sizeof(shown->text));
    shown->terminal = (struct draw_terminal){.width = width, .is_terminal = true, .utf8 = true};
    draw_progress_begin(&shown->progress, &shown->terminal, &shown->sink, "reading a\x1b.heap",
                        total, DRAW_BYTES, START);
}

static void work_under_a_second_shows_nothing(void **state)
{
    (void)state;
    struct shown shown;
    begin(&shown, 80, 1000);
    draw_progress_update(&shown.progress, START, 0);
    draw_progress_update(&shown.progress, START + SECOND - 1, 900);
    draw_progress_update(&shown.progress, START - 1, 900);
    draw_progress_end(&shown.progress);
    assert_string_equal(shown.text, "");
}

static void nothing_is_shown_where_there_is_no_terminal(void **state)
{
    (void)state;
    struct shown shown;
    begin(&shown, 0, 1000);
    shown.terminal.is_terminal = false;
    draw_progress_update(&shown.progress, START + 5 * SECOND, 10);
    draw_progress_end(&shown.progress);
    assert_string_equal(shown.text, "");
}

static void longer_work_shows_a_line_and_leaves_none(void **state)
{
    (void)state;
    struct shown shown;
    begin(&shown, 80, 8 << 20);
    draw_progress_update(&shown.progress, START + 2 * SECOND, 2 << 20);
    assert_string_equal(shown.text, "\rreading a\\x1b.heap  2 MiB of 8 MiB, 25%, 6 s left\x1b[K");
    size_t len = shown.sink.len;
    draw_progress_update(&shown.progress, START + 2 * SECOND + 99999999, 3 << 20);
    assert_int_equal(shown.sink.len, len);
    draw_progress_update(&shown.progress, START + 2 * SECOND + 100000000, 8 << 20);
    assert_string_equal(shown.text + len, "\rreading a\\x1b.heap  8 MiB of 8 MiB, 100%\x1b[K");
    len = shown.sink.len;
    draw_progress_end(&shown.progress);
    assert_string_equal(shown.text + len, "\r\x1b[K");
    draw_progress_end(&shown.progress);
    assert_string_equal(shown.text + len, "\r\x1b[K");
}

static void an_unknown_total_shows_the_time(void **state)
{
    (void)state;
    struct shown shown;
    begin(&shown, 80, 0);
    draw_progress_update(&shown.progress, START + 2 * SECOND + 5, 2 << 20);
    assert_string_equal(shown.text, "\rreading a\\x1b.heap  2 MiB, 2 s\x1b[K");
}

static void the_line_fits_any_width(void **state)
{
    (void)state;
    for (uint32_t width = 1; width < 100; width++) {
        struct shown shown;
        begin(&shown, width, 8 << 20);
        draw_progress_update(&shown.progress, START + 2 * SECOND, 2 << 20);
        size_t len = shown.sink.len - strlen("\r") - strlen("\x1b[K");
        assert_true(draw_text_width(shown.text + 1, len) < width || width == 1);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_under_a_second_shows_nothing),
        cmocka_unit_test(nothing_is_shown_where_there_is_no_terminal),
        cmocka_unit_test(longer_work_shows_a_line_and_leaves_none),
        cmocka_unit_test(an_unknown_total_shows_the_time),
        cmocka_unit_test(the_line_fits_any_width),
    };
    return TEST_RUN("progress", tests);
}
