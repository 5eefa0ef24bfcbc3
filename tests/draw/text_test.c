#include "draw/text.h"

#include <string.h>

#include "base/sink.h"
#include "base/utf8.h"

#include "harness.h"

#define ROOM 4096

static void what_a_terminal_would_obey_is_spelt_out(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        bool utf8;
        const char *shown;
    } cases[] = {
        {"src/window.c", 12, true, "src/window.c"},
        {"\x1b[31m", 5, true, "\\x1b[31m"},
        {"a\tb\nc\rd", 7, true, "a\\tb\\nc\\rd"},
        {"\0\x7f", 2, true, "\\x00\\x7f"},
        {"\xc2\x9b\x33m", 4, true, "\\u009b3m"},
        {"a\u202eb", 5, true, "a\\u202eb"},
        {"a\u2066b\u200f", 8, true, "a\\u2066b\\u200f"},
        {"\u7a97\u53e3", 6, true, "\u7a97\u53e3"},
        {"\u7a97", 3, false, "\\u7a97"},
        {"\xff\xc0\xaf", 3, true, "\\xff\\xc0\\xaf"},
        {"\xe2\x82", 2, true, "\\xe2\\x82"},
        {"", 0, true, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[ROOM];
        struct sink sink;
        sink_init_fixed(&sink, text, sizeof(text));
        draw_text_escape(&sink, cases[i].bytes, cases[i].len, cases[i].utf8);
        assert_string_equal(text, cases[i].shown);
    }
}

static void nothing_escaped_holds_a_control_character(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        char text[ROOM];
        struct sink sink;
        size_t len = test_random_below(&random, sizeof(bytes) + 1);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (char)test_random_next(&random);
        }
        sink_init_fixed(&sink, text, sizeof(text));
        draw_text_escape(&sink, bytes, len, round % 2 == 0);
        assert_int_equal(sink.err, 0);
        for (size_t at = 0; at < sink.len;) {
            uint32_t code = 0;
            at += utf8_decode(text + at, sink.len - at, &code);
            assert_true(code != UTF8_INVALID && code >= 0x20 && (code < 0x7f || code > 0x9f));
            assert_true(round % 2 == 0 || code < 0x80);
        }
    }
}

static void widths_are_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t width;
    } cases[] = {
        {"", 0},        {"abc", 3},          {"\u00e9", 1},
        {"e\u0301", 1}, {"\u7a97\u53e3", 4}, {"\uac00", 2},
        {"\uff21", 2},  {"\U0001f600", 2},   {"\u2026", 1},
        {"\u2800", 1},  {"a\u200bb", 2},     {"\u0e01\u0e34", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(draw_text_width(cases[i].text, strlen(cases[i].text)), cases[i].width);
    }
}

static void cuts_keep_the_end_that_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t width;
        enum draw_cut cut;
        bool utf8;
        const char *shown;
    } cases[] = {
        {"window_grow", 11, DRAW_CUT_END, true, "window_grow"},
        {"window_grow", 10, DRAW_CUT_END, true, "window_gr\u2026"},
        {"window_grow", 10, DRAW_CUT_START, true, "\u2026ndow_grow"},
        {"window_grow", 10, DRAW_CUT_END, false, "window_gr~"},
        {"window_grow", 5, DRAW_CUT_NEVER, true, "window_grow"},
        {"window_grow", 1, DRAW_CUT_END, true, "\u2026"},
        {"window_grow", 0, DRAW_CUT_END, true, ""},
        {"\u7a97\u53e3\u589e", 5, DRAW_CUT_END, true, "\u7a97\u53e3\u2026"},
        {"\u7a97\u53e3\u589e", 4, DRAW_CUT_END, true, "\u7a97\u2026"},
        {"\u7a97\u53e3\u589e", 4, DRAW_CUT_START, true, "\u2026\u589e"},
        {"\u7a97\u53e3\u589e", 5, DRAW_CUT_START, true, "\u2026\u53e3\u589e"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[ROOM];
        struct sink sink;
        sink_init_fixed(&sink, text, sizeof(text));
        uint32_t width = draw_text_cut(&sink, cases[i].text, strlen(cases[i].text), cases[i].width,
                                       cases[i].cut, cases[i].utf8);
        assert_string_equal(text, cases[i].shown);
        assert_int_equal(width, draw_text_width(text, sink.len));
    }
}

static void paragraphs_are_wrapped_at_spaces(void **state)
{
    (void)state;
    char text[ROOM];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    draw_text_wrapped(&sink, "one two three\nfour\n\nunbreakable-word five", 2, 11);
    assert_string_equal(text, "one two\n"
                              "  three\n"
                              "  four\n"
                              "\n"
                              "  unbreakable-word\n"
                              "  five\n");
    sink_init_fixed(&sink, text, sizeof(text));
    draw_text_wrapped(&sink, "one two three", 0, 0);
    assert_string_equal(text, "one two three\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_terminal_would_obey_is_spelt_out),
        cmocka_unit_test(nothing_escaped_holds_a_control_character),
        cmocka_unit_test(widths_are_columns),
        cmocka_unit_test(cuts_keep_the_end_that_was_asked_for),
        cmocka_unit_test(paragraphs_are_wrapped_at_spaces),
    };
    return TEST_RUN("text", tests);
}
