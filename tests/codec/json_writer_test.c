#include "codec/json_writer.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sink.h"

#include "harness.h"

#define TEXT_MAX 4096

/* A document in a fixed buffer. */
struct document {
    char text[TEXT_MAX];
    struct sink sink;
    struct json_writer json;
};

static struct json_writer *document_begin(struct document *document, enum json_style style)
{
    sink_init_fixed(&document->sink, document->text, sizeof(document->text));
    json_writer_init(&document->json, &document->sink, style);
    return &document->json;
}

static void write_sample(struct json_writer *json)
{
    json_begin_object(json);
    json_write_key(json, "a");
    json_begin_array(json);
    json_write_int(json, -1);
    json_write_null(json);
    json_begin_object(json);
    json_end_object(json);
    json_begin_array(json);
    json_end_array(json);
    json_end_array(json);
    json_write_key(json, "b");
    json_write_bool(json, true);
    json_end_object(json);
    json_writer_end(json);
}

static void both_styles_write_the_same_document(void **state)
{
    (void)state;
    struct document document;
    write_sample(document_begin(&document, JSON_COMPACT));
    assert_string_equal(document.text, "{\"a\":[-1,null,{},[]],\"b\":true}\n");
    write_sample(document_begin(&document, JSON_PRETTY));
    assert_string_equal(document.text, "{\n"
                                       "  \"a\": [\n"
                                       "    -1,\n"
                                       "    null,\n"
                                       "    {},\n"
                                       "    []\n"
                                       "  ],\n"
                                       "  \"b\": true\n"
                                       "}\n");
}

static void strings_come_out_valid_and_harmless(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *written;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"\"\\/", 3, "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1f", 3, "\"\\u0000\\u0001\\u001f\""},
        {"\x7f\xc2\x80\xc2\x9b\xc2\xa0", 7, "\"\\u007f\\u0080\\u009b\u00a0\""},
        {"\u20ac\U0001f600", 7, "\"\u20ac\U0001f600\""},
        {"\xff", 1, "\"\ufffd\""},
        {"a\xe2\x82", 3, "\"a\ufffd\""},
        {"\xe2\x82z", 3, "\"\ufffdz\""},
        {"\xed\xa0\x80", 3, "\"\ufffd\ufffd\ufffd\""},
        {"\xc0\xaf", 2, "\"\ufffd\ufffd\""},
        {"\xf0\x9f\x98", 3, "\"\ufffd\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct document document;
        struct json_writer *json = document_begin(&document, JSON_COMPACT);
        json_write_string_bytes(json, cases[i].bytes, cases[i].len);
        assert_string_equal(document.text, cases[i].written);
    }
}

static void numbers_are_the_shortest_that_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *written;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0.0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {123456789, "123456789"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {0.000001, "0.000001"},
        {0.00000123, "0.00000123"},
        {0.0000001, "1e-7"},
        {-1.25e-10, "-1.25e-10"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct document document;
        json_write_double(document_begin(&document, JSON_COMPACT), cases[i].value);
        assert_string_equal(document.text, cases[i].written);
    }
}

static void integers_keep_all_their_bits(void **state)
{
    (void)state;
    struct document document;
    struct json_writer *json = document_begin(&document, JSON_COMPACT);
    json_begin_array(json);
    json_write_int(json, INT64_MIN);
    json_write_int(json, INT64_MAX);
    json_write_uint(json, UINT64_MAX);
    json_write_int(json, 0);
    json_end_array(json);
    json_writer_end(json);
    assert_string_equal(document.text,
                        "[-9223372036854775808,9223372036854775807,18446744073709551615,0]\n");
}

static void nesting_to_the_limit_is_written(void **state)
{
    (void)state;
    struct document document;
    struct json_writer *json = document_begin(&document, JSON_COMPACT);
    char text[TEXT_MAX];
    struct sink expected;
    sink_init_fixed(&expected, text, sizeof(text));
    for (int depth = 0; depth < JSON_DEPTH_MAX; depth++) {
        if (depth % 3 == 0) {
            json_begin_object(json);
            json_write_key(json, "k");
        } else {
            json_begin_array(json);
        }
        sink_text(&expected, depth % 3 == 0 ? "{\"k\":" : "[");
    }
    json_write_null(json);
    sink_text(&expected, "null");
    for (int depth = JSON_DEPTH_MAX - 1; depth >= 0; depth--) {
        if (depth % 3 == 0) {
            json_end_object(json);
        } else {
            json_end_array(json);
        }
        sink_text(&expected, depth % 3 == 0 ? "}" : "]");
    }
    json_writer_end(json);
    sink_char(&expected, '\n');
    assert_int_equal(document.sink.err, 0);
    assert_string_equal(document.text, text);
}

static void a_small_buffer_is_an_error_and_no_more(void **state)
{
    (void)state;
    struct document whole;
    write_sample(document_begin(&whole, JSON_COMPACT));
    size_t len = strlen(whole.text);
    for (size_t room = 1; room <= len + 1; room++) {
        char text[TEXT_MAX];
        struct sink sink;
        struct json_writer json;
        sink_init_fixed(&sink, text, room);
        json_writer_init(&json, &sink, JSON_COMPACT);
        write_sample(&json);
        assert_int_equal(sink_end(&sink), room == len + 1 ? 0 : -ENOBUFS);
        assert_int_equal(strncmp(text, whole.text, room - 1), 0);
    }
}

static void nothing_is_allocated(void **state)
{
    (void)state;
    uint64_t before = alloc_count();
    struct document document;
    write_sample(document_begin(&document, JSON_PRETTY));
    json_write_double(document_begin(&document, JSON_PRETTY), 1.0 / 3);
    assert_int_equal(alloc_count(), before);
}

static void lines_of_json_share_a_sink(void **state)
{
    (void)state;
    struct document document;
    struct json_writer *json = document_begin(&document, JSON_COMPACT);
    json_write_int(json, 1);
    json_writer_end(json);
    json_writer_init(json, &document.sink, JSON_COMPACT);
    json_write_int(json, 2);
    json_writer_end(json);
    assert_string_equal(document.text, "1\n2\n");
}

/* Each is a programmer's mistake. */
static void value_without_key(struct json_writer *json)
{
    json_begin_object(json);
    json_write_int(json, 1);
}

static void key_outside_object(struct json_writer *json)
{
    json_begin_array(json);
    json_write_key(json, "k");
}

static void key_at_top(struct json_writer *json)
{
    json_write_key(json, "k");
}

static void key_after_key(struct json_writer *json)
{
    json_begin_object(json);
    json_write_key(json, "k");
    json_write_key(json, "k");
}

static void end_after_key(struct json_writer *json)
{
    json_begin_object(json);
    json_write_key(json, "k");
    json_end_object(json);
}

static void end_of_other_kind(struct json_writer *json)
{
    json_begin_array(json);
    json_end_object(json);
}

static void end_of_nothing(struct json_writer *json)
{
    json_end_array(json);
}

static void two_values(struct json_writer *json)
{
    json_write_int(json, 1);
    json_write_int(json, 2);
}

static void unfinished(struct json_writer *json)
{
    json_begin_array(json);
    json_writer_end(json);
}

static void empty(struct json_writer *json)
{
    json_writer_end(json);
}

static void too_deep(struct json_writer *json)
{
    for (int depth = 0; depth <= JSON_DEPTH_MAX; depth++) {
        json_begin_array(json);
    }
}

static bool aborts(void (*mistake)(struct json_writer *json))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct document document;
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        mistake(document_begin(&document, JSON_COMPACT));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void misuse_stops_the_program(void **state)
{
    (void)state;
    void (*const mistakes[])(struct json_writer *) = {
        value_without_key, key_outside_object, key_at_top, key_after_key, end_after_key,
        end_of_other_kind, end_of_nothing,     two_values, unfinished,    empty,
        too_deep,
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        if (!aborts(mistakes[i])) {
            fail_msg("mistake %zu went through", i);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_styles_write_the_same_document),
        cmocka_unit_test(strings_come_out_valid_and_harmless),
        cmocka_unit_test(numbers_are_the_shortest_that_read_back),
        cmocka_unit_test(integers_keep_all_their_bits),
        cmocka_unit_test(nesting_to_the_limit_is_written),
        cmocka_unit_test(a_small_buffer_is_an_error_and_no_more),
        cmocka_unit_test(nothing_is_allocated),
        cmocka_unit_test(lines_of_json_share_a_sink),
        cmocka_unit_test(misuse_stops_the_program),
    };
    return TEST_RUN("json_writer", tests);
}
