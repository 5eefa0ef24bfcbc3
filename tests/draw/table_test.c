#include "draw/table.h"

#include <string.h>

#include "base/sink.h"
#include "base/utf8.h"
#include "draw/number.h"

#include "harness.h"

#define ROOM 65536

static const struct draw_column columns[] = {
    {.title = "live", .align = DRAW_NUMBER},
    {.title = "share", .align = DRAW_NUMBER},
    {.title = "function", .align = DRAW_LEFT, .cut = DRAW_CUT_END},
    {.title = "file", .align = DRAW_LEFT, .cut = DRAW_CUT_START},
};

static void sample_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    static const double bytes[] = {4.7 * 1048576, 12 * 1024.0, 310, 954 * 1048576.0};
    static const double shares[] = {58.8, 7, 0.25, 100};
    static const char *const functions[] = {"std::vector<int>::push_back(int const&)",
                                            "\u7a97\u53e3\u589e\u957f window_grow",
                                            "evil\x1b[31mred\n", ""};
    static const char *const files[] = {"/usr/include/c++/12/bits/stl_vector.h:1287",
                                        "src/window.c:88", "a", "b"};
    (void)context;
    switch (column) {
    case 0:
        draw_number(out, bytes[row], DRAW_BYTES);
        break;
    case 1:
        draw_number(out, shares[row], DRAW_PERCENT);
        break;
    default:
        sink_text(out, (column == 2 ? functions : files)[row]);
    }
}

static enum draw_style sample_style(const void *context, size_t row)
{
    (void)context;
    return row == 1 ? DRAW_DIM : DRAW_PLAIN;
}

static const char *draw_sample(const struct draw_terminal *terminal, char text[ROOM])
{
    struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = 4,
        .cell = sample_cell,
        .row_style = sample_style,
    };
    struct sink sink;
    sink_init_fixed(&sink, text, ROOM);
    draw_table(&table, terminal, &sink);
    assert_int_equal(sink.err, 0);
    return text;
}

static void points_and_units_stand_one_below_another(void **state)
{
    (void)state;
    char text[ROOM];
    struct draw_terminal terminal = {.utf8 = true};
    assert_string_equal(draw_sample(&terminal, text),
                        "     live   share  function                                 file\n"
                        "  4.7 MiB   58.8%  std::vector<int>::push_back(int const&)  "
                        "/usr/include/c++/12/bits/stl_vector.h:1287\n"
                        " 12   KiB    7.0%  窗口增长 window_grow                     "
                        "src/window.c:88\n"
                        "310   B      0.2%  evil\\x1b[31mred\\n                        a\n"
                        "954   MiB  100.0%                                           b\n");
}

static void the_widest_columns_give_way_first(void **state)
{
    (void)state;
    char text[ROOM];
    struct draw_terminal terminal = {.width = 60, .utf8 = true};
    assert_string_equal(draw_sample(&terminal, text),
                        "     live   share  function             file\n"
                        "  4.7 MiB   58.8%  std::vector<int>::…  …s/stl_vector.h:1287\n"
                        " 12   KiB    7.0%  窗口增长 window_gr…  src/window.c:88\n"
                        "310   B      0.2%  evil\\x1b[31mred\\n    a\n"
                        "954   MiB  100.0%                       b\n");
    terminal = (struct draw_terminal){.width = 60};
    assert_string_equal(draw_sample(&terminal, text),
                        "     live   share  function             file\n"
                        "  4.7 MiB   58.8%  std::vector<int>::~  ~s/stl_vector.h:1287\n"
                        " 12   KiB    7.0%  \\u7a97\\u53e3\\u589e~  src/window.c:88\n"
                        "310   B      0.2%  evil\\x1b[31mred\\n    a\n"
                        "954   MiB  100.0%                       b\n");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    for (uint32_t width = 1; width < 130; width++) {
        char text[ROOM];
        struct draw_terminal terminal = {.width = width, .utf8 = true};
        const char *line = draw_sample(&terminal, text);
        size_t line_count = 0;
        while (*line != '\0') {
            size_t len = strcspn(line, "\n");
            assert_true(draw_text_width(line, len) <= width);
            line += len + 1;
            line_count++;
        }
        assert_int_equal(line_count, 5);
    }
}

static void colour_marks_titles_and_rows(void **state)
{
    (void)state;
    char text[ROOM];
    struct draw_terminal terminal = {.is_terminal = true, .colour = true, .utf8 = true};
    draw_sample(&terminal, text);
    assert_non_null(strstr(text, "\x1b[1m     live"));
    assert_non_null(strstr(text, "\x1b[2m 12   KiB"));
    assert_non_null(strstr(text, "src/window.c:88\x1b[0m\n310   B"));
    terminal.colour = false;
    draw_sample(&terminal, text);
    assert_null(strchr(text, '\x1b'));
}

/* Any bytes, many of them, also where numbers are expected. */
static void random_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    struct test_random random = {.state = *(const uint64_t *)context + row * 31 + column};
    size_t len = test_random_below(&random, 40) == 0 ? 5000 : test_random_below(&random, 30);
    for (size_t i = 0; i < len; i++) {
        sink_char(out, (char)test_random_next(&random));
    }
}

static void any_bytes_in_any_column_stay_in_the_lines(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (int round = 0; round < 300; round++) {
        static char text[1 << 20];
        uint64_t seed = test_random_next(&random);
        struct draw_terminal terminal = {.width = (uint32_t)test_random_below(&random, 200),
                                         .utf8 = round % 2 == 0};
        struct draw_table table = {.columns = columns,
                                   .column_count = 4,
                                   .row_count = 20,
                                   .cell = random_cell,
                                   .context = &seed};
        struct sink sink;
        sink_init_fixed(&sink, text, sizeof(text));
        draw_table(&table, &terminal, &sink);
        assert_int_equal(sink.err, 0);
        size_t line_count = 0;
        for (size_t at = 0; at < sink.len;) {
            uint32_t code = 0;
            at += utf8_decode(text + at, sink.len - at, &code);
            line_count += code == '\n';
            assert_true(code == '\n' ||
                        (code != UTF8_INVALID && code >= 0x20 && (code < 0x7f || code > 0x9f)));
        }
        assert_int_equal(line_count, 21);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_and_units_stand_one_below_another),
        cmocka_unit_test(the_widest_columns_give_way_first),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(colour_marks_titles_and_rows),
        cmocka_unit_test(any_bytes_in_any_column_stay_in_the_lines),
    };
    return TEST_RUN("table", tests);
}
