#include "codec/json_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/sink.h"
#include "codec/json_writer.h"

#include "harness.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The text in a block of its exact size, so that a sanitizer sees what is read behind it. */
static char *exact(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

static enum json_token read_all(const char *text, size_t len, struct slu_diag *diag)
{
    struct json_reader reader;
    char *copy = exact(text, len);
    enum json_token token = JSON_NULL;
    json_reader_init(&reader, (struct slu_bytes){copy, len});
    while (token != JSON_END && token != JSON_FAULT) {
        token = json_next(&reader);
    }
    assert_int_equal(json_next(&reader), token); /* both stay */
    if (token == JSON_FAULT) {
        json_fault(&reader, NULL, diag);
        json_fault(&reader, NULL, NULL);
    }
    free(copy);
    return token;
}

struct text {
    const char *bytes;
    size_t len;
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct text accepted[] = {
    TEXT("0"),
    TEXT("-0"),
    TEXT("1"),
    TEXT("-1"),
    TEXT("10"),
    TEXT("123456789012345678901234567890"),
    TEXT("0.0"),
    TEXT("-0.5"),
    TEXT("1.25"),
    TEXT("0e1"),
    TEXT("0e+1"),
    TEXT("0E-1"),
    TEXT("1e1"),
    TEXT("1E22"),
    TEXT("1.5e-7"),
    TEXT("1e0001"),
    TEXT("20e1"),
    TEXT("-1.0E+2"),
    TEXT("0.00000000000000000000000000000000000000000000000000000000000000000001"),
    TEXT("1e400"),
    TEXT("true"),
    TEXT("false"),
    TEXT("null"),
    TEXT(" true "),
    TEXT("\t\r\n null\n\r\t"),
    TEXT("\"\""),
    TEXT("\" \""),
    TEXT("\"a\""),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0000\""),
    TEXT("\"\\u00e4\\u00E4\""),
    TEXT("\"\\uD834\\uDD1E\""),
    TEXT("\"\\ud83d\\udca7\""),
    TEXT("\"\\uDBFF\\uDFFF\""),
    TEXT("\"\\ud7ff\\ue000\""),
    TEXT("\"\\uFFFF\""),
    TEXT("\"\\u005C\""),
    TEXT("\"\\\\u0000\""),
    TEXT("\"\\\\\""),
    TEXT("\"\x7f\""),
    TEXT("\"\xc2\x80\""),
    TEXT("\"\xc3\xa4\""),
    TEXT("\"\xe2\x82\xac\""),
    TEXT("\"\xef\xbf\xbf\""),
    TEXT("\"\xf0\x9d\x84\x9e\""),
    TEXT("\"\xf4\x8f\xbf\xbf\""),
    TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
    TEXT("\"12345678\""),
    TEXT("\"1234567\\n12345678\""),
    TEXT("\"1234567\xc3\xa4\""),
    TEXT("\"/*comment*/\""),
    TEXT("\"', :{}[]\""),
    TEXT("[]"),
    TEXT("[ ]"),
    TEXT("[\n]"),
    TEXT("[1]"),
    TEXT("[1,2]"),
    TEXT("[ 1 , 2 ]"),
    TEXT("[null,true,false,0,\"\",[],{}]"),
    TEXT("[[]]"),
    TEXT("[[],[[]]]"),
    TEXT("[\"a\",1.5]"),
    TEXT("{}"),
    TEXT("{ }"),
    TEXT("{\"\":0}"),
    TEXT("{\"a\":1}"),
    TEXT("{ \"a\" : 1 , \"b\" : 2 }"),
    TEXT("{\"a\":{\"b\":{}}}"),
    TEXT("{\"a\":1,\"a\":2}"),
    TEXT("{\"a\":[{\"b\":[]}]}"),
    TEXT("{\"\\u0061\":1}"),
    TEXT("{\"a\\u0000\":1}"),
    TEXT("{\"k\":\"v\"}\n"),
};

static const struct text refused[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("\n"),
    TEXT("\xef\xbb\xbf{}"),
    TEXT("\xef\xbb\xbf"),
    TEXT("\0"),
    TEXT("{}\0"),
    TEXT("1\0"),
    TEXT("a"),
    TEXT("tru"),
    TEXT("t"),
    TEXT("nul"),
    TEXT("nulL"),
    TEXT("TRUE"),
    TEXT("True"),
    TEXT("truee"),
    TEXT("true false"),
    TEXT("nan"),
    TEXT("NaN"),
    TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("-"),
    TEXT("+"),
    TEXT("+1"),
    TEXT("--1"),
    TEXT("-a"),
    TEXT("01"),
    TEXT("-01"),
    TEXT("00"),
    TEXT("1."),
    TEXT("1.e1"),
    TEXT(".5"),
    TEXT("-.5"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("1E-"),
    TEXT("1ee2"),
    TEXT("1e1.5"),
    TEXT("1.2.3"),
    TEXT("0x10"),
    TEXT("1_000"),
    TEXT("1 000"),
    TEXT("1a"),
    TEXT("1f"),
    TEXT("0.1.2"),
    TEXT("\xef\xbc\x91"),
    TEXT("[1,\xef\xbc\x91]"),
    TEXT("[-]"),
    TEXT("[1.]"),
    TEXT("[+1]"),
    TEXT("[0e]"),
    TEXT("\""),
    TEXT("\"a"),
    TEXT("\"\\\""),
    TEXT("\"\\"),
    TEXT("\"\\a\""),
    TEXT("\"\\x00\""),
    TEXT("\"\\0\""),
    TEXT("\"\\'\""),
    TEXT("\"\\U0041\""),
    TEXT("\"\\u\""),
    TEXT("\"\\u0\""),
    TEXT("\"\\u00\""),
    TEXT("\"\\u004\""),
    TEXT("\"\\u004g\""),
    TEXT("\"\\u00"),
    TEXT("\"\\\0\""),
    TEXT("\"\\ud800\""),
    TEXT("\"\\udc00\""),
    TEXT("\"\\udbff\\u0041\""),
    TEXT("\"\\ud800\\n\""),
    TEXT("\"\\ud800\\ud800\""),
    TEXT("\"\\udc00\\ud800\""),
    TEXT("\"\\ud800\\udc0\""),
    TEXT("\"\\ud800\\udc0"),
    TEXT("\"\\ud800x\""),
    TEXT("\"\\\xc3\xa4\""),
    TEXT("\"\0\""),
    TEXT("\"\n\""),
    TEXT("\"\t\""),
    TEXT("\"\x1f\""),
    TEXT("\"1234567\x01\""),
    TEXT("\"12345678\r\""),
    TEXT("\"\x80\""),
    TEXT("\"\xc0\xaf\""),
    TEXT("\"\xc1\xbf\""),
    TEXT("\"\xe0\x9f\xbf\""),
    TEXT("\"\xed\xa0\x80\""),
    TEXT("\"\xf0\x8f\xbf\xbf\""),
    TEXT("\"\xf4\x90\x80\x80\""),
    TEXT("\"\xf5\x80\x80\x80\""),
    TEXT("\"\xff\""),
    TEXT("\"\xc3\""),
    TEXT("\"\xe2\x82\""),
    TEXT("\"\xc3"),
    TEXT("\"12345678\xc3\""),
    TEXT("'a'"),
    TEXT("`a`"),
    TEXT("\"a\" \"b\""),
    TEXT("\xc2\xa0"
         "1"),
    TEXT("\v1"),
    TEXT("\f1"),
    TEXT("1\xe2\x80\xa8"),
    TEXT("["),
    TEXT("]"),
    TEXT("[,"),
    TEXT("[,]"),
    TEXT("[1,]"),
    TEXT("[,1]"),
    TEXT("[1,,2]"),
    TEXT("[1 2]"),
    TEXT("[1"),
    TEXT("[1,"),
    TEXT("[1}"),
    TEXT("[1]]"),
    TEXT("[1],"),
    TEXT("[1:2]"),
    TEXT("[\"a\":1]"),
    TEXT("[[]"),
    TEXT("[\"a"),
    TEXT("[a]"),
    TEXT("[1,\n"),
    TEXT("[]["),
    TEXT("{"),
    TEXT("}"),
    TEXT("{,}"),
    TEXT("{]"),
    TEXT("{1:2}"),
    TEXT("{a:1}"),
    TEXT("{'a':1}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\" 1}"),
    TEXT("{\"a\"::1}"),
    TEXT("{\"a\",1}"),
    TEXT("{\"a\":1,}"),
    TEXT("{\"a\":1,,}"),
    TEXT("{,\"a\":1}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{\"a\":1"),
    TEXT("{\"a\":"),
    TEXT("{\"a\""),
    TEXT("{\"a"),
    TEXT("{\"a\":1]"),
    TEXT("{\"a\":1}}"),
    TEXT("{\"a\":1}{}"),
    TEXT("{}}"),
    TEXT("{null:1}"),
    TEXT("{[]:1}"),
    TEXT("{\"a\":1 : 2}"),
    TEXT("{\"\\ud800\":1}"),
    TEXT("{\"a\":\"\\q\"}"),
    TEXT("{{}}"),
    TEXT("// c\n1"),
    TEXT("/* c */ 1"),
    TEXT("1 // c"),
    TEXT("# c\n1"),
    TEXT("[1]x"),
    TEXT("{}#"),
};

static void texts_of_the_grammar_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        struct slu_diag diag = {.message = "none"};
        print_message("# accepted %zu\n", i);
        assert_int_equal(read_all(accepted[i].bytes, accepted[i].len, &diag), JSON_END);
        assert_string_equal(diag.message, "none");
    }
}

static void texts_outside_the_grammar_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct slu_diag diag = {0};
        print_message("# refused %zu\n", i);
        assert_int_equal(read_all(refused[i].bytes, refused[i].len, &diag), JSON_FAULT);
        assert_true(diag.line >= 1 && diag.column >= 1 && diag.message[0] != '\0');
    }
}

static void a_document_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1.5e3,\"x\\u00e4\\ud83d\\udca7\",{\"b\":null}],\"c\":true}";
    assert_int_equal(read_all(text, sizeof(text) - 1, NULL), JSON_END);
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        assert_int_equal(read_all(text, len, NULL), JSON_FAULT);
    }
}

static void tokens_come_with_their_texts(void **state)
{
    (void)state;
    static const char text[] =
        " {\"a\\n\": [1.5e3, -0, \"x\\\"y\"], \"\": {}, \"b\": [true, false, null]} ";
    static const struct {
        enum json_token token;
        const char *text;
    } expected[] = {
        {JSON_OBJECT, NULL},     {JSON_KEY, "a\\n"},      {JSON_ARRAY, NULL},
        {JSON_NUMBER, "1.5e3"},  {JSON_NUMBER, "-0"},     {JSON_STRING, "x\\\"y"},
        {JSON_ARRAY_END, NULL},  {JSON_KEY, ""},          {JSON_OBJECT, NULL},
        {JSON_OBJECT_END, NULL}, {JSON_KEY, "b"},         {JSON_ARRAY, NULL},
        {JSON_TRUE, NULL},       {JSON_FALSE, NULL},      {JSON_NULL, NULL},
        {JSON_ARRAY_END, NULL},  {JSON_OBJECT_END, NULL}, {JSON_END, NULL},
        {JSON_END, NULL},
    };
    struct json_reader reader;
    json_reader_init(&reader, (struct slu_bytes){text, sizeof(text) - 1});
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(json_next(&reader), expected[i].token);
        if (expected[i].text != NULL) {
            assert_int_equal(reader.text.len, strlen(expected[i].text));
            assert_memory_equal(reader.text.data, expected[i].text, reader.text.len);
        }
        if (expected[i].token == JSON_KEY || expected[i].token == JSON_STRING) {
            assert_int_equal(reader.has_escapes, strchr(expected[i].text, '\\') != NULL);
        }
    }
}

static void faults_have_their_place_and_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "line 1, column 1: it ends too early"},
        {"[1,\n 2", "line 2, column 3: it ends too early"},
        {"[1,\n\n  ]", "line 3, column 3: a value is expected here"},
        {"{\"a\":1,\n\"b\" 2}", "line 2, column 5: a colon is expected behind a key"},
        {"{\"a\":1,\nb:2}", "line 2, column 1: a key in quotes is expected here"},
        {"[1\n2]", "line 2, column 1: a comma, or the end, is expected here"},
        {"[\"abc\\q\"]", "line 1, column 6: this is no escape"},
        {"[\"ab\ncd\"]", "line 1, column 5: control characters must be escaped"},
        {"[\"ab\xff\"]", "line 1, column 5: this is not UTF-8"},
        {"[\"ab", "line 1, column 3: the string has no end"},
        {"[1, 01]", "line 1, column 5: this is no number"},
        {"[1]\n ,", "line 2, column 2: there is something behind the value"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slu_diag diag = {0};
        assert_int_equal(read_all(cases[i].text, strlen(cases[i].text), &diag), JSON_FAULT);
        print_message("# %zu\n", i);
        assert_string_equal(diag.message, cases[i].message);
    }
}

static void a_caller_says_what_is_wrong_with_the_last_token(void **state)
{
    (void)state;
    struct json_reader reader;
    struct slu_diag diag = {0};
    static const char text[] = "{\"a\":\n  \"long string\" }";
    json_reader_init(&reader, (struct slu_bytes){text, sizeof(text) - 1});
    for (int i = 0; i < 3; i++) {
        (void)json_next(&reader); /* the object, its key, and the string */
    }
    json_fault(&reader, "a number is expected here", &diag);
    assert_string_equal(diag.message, "line 2, column 3: a number is expected here");
}

static void nesting_ends_at_its_limit(void **state)
{
    (void)state;
    static char text[2 * JSON_READ_DEPTH_MAX + 4];
    for (size_t depth = JSON_READ_DEPTH_MAX - 1; depth < JSON_READ_DEPTH_MAX + 2; depth++) {
        struct slu_diag diag = {0};
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        bool fits = depth <= JSON_READ_DEPTH_MAX;
        assert_int_equal(read_all(text, 2 * depth, &diag), fits ? JSON_END : JSON_FAULT);
        assert_int_equal(strstr(diag.message, "it is nested too deeply") != NULL, !fits);
    }
    /* Objects and arrays in turn: each end must match its begin, at each depth. */
    static char mixed[8 * JSON_READ_DEPTH_MAX];
    size_t len = 0;
    for (size_t depth = 0; depth < JSON_READ_DEPTH_MAX / 2; depth++) {
        memcpy(mixed + len, "[{\"\":", 5);
        len += 5;
    }
    mixed[len++] = '1';
    for (size_t depth = 0; depth < JSON_READ_DEPTH_MAX / 2; depth++) {
        memcpy(mixed + len, "}]", 2);
        len += 2;
    }
    assert_int_equal(read_all(mixed, len, NULL), JSON_END);
    for (size_t at = len - JSON_READ_DEPTH_MAX; at < len; at++) {
        mixed[at] = mixed[at] == '}' ? ']' : '}';
        assert_int_equal(read_all(mixed, len, NULL), JSON_FAULT);
        mixed[at] = mixed[at] == '}' ? ']' : '}';
    }
}

static void skipping_passes_over_one_value_and_no_more(void **state)
{
    (void)state;
    static const char *const values[] = {"1",
                                         "\"x\"",
                                         "null",
                                         "[]",
                                         "{}",
                                         "[[1,{\"a\":[]}],2]",
                                         "{\"a\":{\"b\":[{},{}]},\"c\":\"}\"}"};
    for (size_t i = 0; i < COUNT(values); i++) {
        char text[128] = "[";
        struct json_reader reader;
        size_t value_len = strlen(values[i]);
        memcpy(text + 1, values[i], value_len);
        memcpy(text + 1 + value_len, ",7]", 4);
        json_reader_init(&reader, (struct slu_bytes){text, value_len + 4});
        assert_int_equal(json_next(&reader), JSON_ARRAY);
        assert_int_equal(json_skip(&reader, json_next(&reader)), 0);
        assert_int_equal(json_next(&reader), JSON_NUMBER);
        assert_memory_equal(reader.text.data, "7", 1);
        assert_int_equal(json_next(&reader), JSON_ARRAY_END);
        for (size_t len = 1; len < value_len; len++) {
            json_reader_init(&reader, (struct slu_bytes){values[i], len});
            assert_int_equal(json_skip(&reader, json_next(&reader)), -EBADMSG);
        }
    }
}

static void escapes_stand_for_their_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct text meant;
    } cases[] = {
        {"", TEXT("")},
        {"plain", TEXT("plain")},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", TEXT("\"\\/\b\f\n\r\t")},
        {"\\u0000", TEXT("\0")},
        {"\\u007f\\u0080", TEXT("\x7f\xc2\x80")},
        {"\\u07ff\\u0800", TEXT("\xdf\xbf\xe0\xa0\x80")},
        {"\\ud7ff\\ue000\\uFFFF", TEXT("\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")},
        {"\\ud800\\udc00", TEXT("\xf0\x90\x80\x80")},
        {"\\uDBFF\\uDFFF", TEXT("\xf4\x8f\xbf\xbf")},
        {"a\\u00e4b\xc3\xa4\\\\u00e4", TEXT("a\xc3\xa4"
                                            "b\xc3\xa4\\u00e4")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t text_len = strlen(cases[i].text);
        char *text = exact(cases[i].text, text_len);
        char *out = exact(cases[i].text, text_len); /* no longer than the text */
        size_t len = json_unescape((struct slu_bytes){text, text_len}, out);
        assert_int_equal(len, cases[i].meant.len);
        assert_memory_equal(out, cases[i].meant.bytes, len);
        free(text);
        free(out);
    }
}

/* Every 16-bit unit, and a pair for each plane. */
static void every_code_is_read_back_from_its_escape(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code += code < 0x10000 ? 1 : 257) {
        char text[16] = "\"";
        struct json_reader reader;
        char out[12];
        char expected[4];
        size_t expected_len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        size_t len = 1;
        if (code < 0x10000) {
            len += (size_t)snprintf(text + 1, sizeof(text) - 1, "\\u%04x\"", code);
        } else {
            len += (size_t)snprintf(text + 1, sizeof(text) - 1, "\\u%04X\\u%04x\"",
                                    0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
        }
        bool is_half = code >= 0xd800 && code <= 0xdfff;
        json_reader_init(&reader, (struct slu_bytes){text, len});
        assert_int_equal(json_next(&reader), is_half ? JSON_FAULT : JSON_STRING);
        if (is_half) {
            continue;
        }
        static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = 0; i < expected_len; i++) {
            uint32_t bits = code >> (6 * (expected_len - 1 - i));
            expected[i] = (char)(i > 0 ? 0x80 | (bits & 0x3f) : leads[expected_len] | bits);
        }
        assert_int_equal(json_unescape(reader.text, out), expected_len);
        assert_memory_equal(out, expected, expected_len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_the_grammar_are_accepted),
        cmocka_unit_test(texts_outside_the_grammar_are_refused),
        cmocka_unit_test(a_document_cut_anywhere_is_refused),
        cmocka_unit_test(tokens_come_with_their_texts),
        cmocka_unit_test(faults_have_their_place_and_what_is_wrong),
        cmocka_unit_test(a_caller_says_what_is_wrong_with_the_last_token),
        cmocka_unit_test(nesting_ends_at_its_limit),
        cmocka_unit_test(skipping_passes_over_one_value_and_no_more),
        cmocka_unit_test(escapes_stand_for_their_characters),
        cmocka_unit_test(every_code_is_read_back_from_its_escape),
    };
    return TEST_RUN("json_reader", tests);
}
