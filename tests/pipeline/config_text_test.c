/* Texts of all sorts: variables, YAML's odder corners, sizes, and memory that runs out. */
#include "pipeline/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "budget.h"
#include "config_text.h"
#include "harness.h"

#define TEXT_BYTES ((size_t)1 << 20)

struct pair {
    const char *first;
    const char *second;
    struct config_strings list;
    struct config_map map;
};

static const struct config_field fields[] = {
    {.key = "first", .kind = CONFIG_STRING, .offset = offsetof(struct pair, first)},
    {.key = "second", .kind = CONFIG_STRING, .offset = offsetof(struct pair, second)},
    {.key = "list", .kind = CONFIG_STRINGS, .offset = offsetof(struct pair, list)},
    {.key = "map", .kind = CONFIG_MAP, .offset = offsetof(struct pair, map)},
};

static const struct config_object pair_object = {
    .what = "a pair", .fields = fields, .field_count = 4, .size_bytes = sizeof(struct pair)};

struct text_case {
    const char *text;
    const char *first; /* what is read; NULL: nothing */
    const char *mistakes;
};

static void check_texts(const struct text_case *cases, size_t count)
{
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    uint64_t used_bytes = budget_used(budget);
    for (size_t i = 0; i < count; i++) {
        struct pair out = {0};
        struct config *config = config_of(budget, cases[i].text);
        int err = config_read(config, config_root(config), &pair_object, &out);
        assert_mistakes(config, cases[i].mistakes);
        assert_true(err == 0 || err == -EINVAL);
        if (cases[i].first != NULL) {
            assert_non_null(out.first);
            assert_string_equal(out.first, cases[i].first);
        } else {
            assert_null(out.first);
        }
        config_destroy(&config);
        assert_null(config);
        assert_int_equal(budget_used(budget), used_bytes);
    }
    slu_budget_destroy(&budget);
}

#define CHECK_TEXTS(cases) check_texts(cases, sizeof(cases) / sizeof((cases)[0]))

static void variables_are_put_in(void **state)
{
    static const struct text_case cases[] = {
        {"first: ${HOST}", "example.org", ""},
        {"first: ${env:HOST}", "example.org", ""},
        {"first: ${HOST}:${PORT}", "example.org:4317", ""},
        {"first: \"${HOST}\"", "example.org", ""},
        {"first: '${HOST}'", "example.org", ""},
        {"first: |\n  at ${HOST}\n", "at example.org\n", ""},
        {"first: a${EMPTY}b", "ab", ""},
        {"first: ${EMPTY}", "", ""},
        {"first: ${env:UNSET:-there}", "there", ""},
        {"first: ${UNSET:-there}", "there", ""},
        {"first: ${env:UNSET:-}", "", ""},
        {"first: ${env:HOST:-there}", "example.org", ""},
        {"first: ${env:EMPTY:-there}", "", ""},
        {"first: ${env:UNSET:-a:-b}", "a:-b", ""},
        {"first: ${env:UNSET:-http://h:1/}", "http://h:1/", ""},
        {"${HOST}: 1", NULL, "1:1: there is no \"${HOST}\" in a pair\n"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void a_dollar_sign_alone_stays_and_two_are_one(void **state)
{
    static const struct text_case cases[] = {
        {"first: $$", "$", ""},
        {"first: $${HOST}", "${HOST}", ""},
        {"first: $$${HOST}", "$example.org", ""},
        {"first: $$$$", "$$", ""},
        {"first: a$", "a$", ""},
        {"first: $HOST", "$HOST", ""},
        {"first: ${HOST", "${HOST", ""},
        {"first: $", "$", ""},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void a_variable_that_is_not_set_or_no_name_is_told(void **state)
{
    static const struct text_case cases[] = {
        {"first: ${UNSET}", NULL,
         "1:8: the environment has no variable UNSET; set it, or write ${env:UNSET:-default}\n"},
        {"first: ${}", NULL,
         "1:8: \"${}\" is no variable; write ${NAME}, ${env:NAME:-default}, or $$ for a dollar"
         " sign\n"},
        {"first: ${env:}", NULL,
         "1:8: \"${env:}\" is no variable; write ${NAME}, ${env:NAME:-default}, or $$ for a dollar"
         " sign\n"},
        {"first: ${file:/etc/x}", NULL,
         "1:8: \"${file:/etc/x}\" is no variable; write ${NAME}, ${env:NAME:-default}, or $$ for"
         " a dollar sign\n"},
        {"first: ${A B}", NULL,
         "1:8: \"${A B}\" is no variable; write ${NAME}, ${env:NAME:-default}, or $$ for a dollar"
         " sign\n"},
        {"first: ${UNSET:-${HOST}}", NULL,
         "1:8: a variable's default must not have a variable in it\n"},
        {"first: {a: ${HOST}}", NULL, "1:13: missing comma in flow mapping\n"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void what_a_variable_holds_never_becomes_structure(void **state)
{
    static const struct text_case cases[] = {
        {"first: ${STRUCTURE}", "a: [b]", ""},
        {"first: ${LINES}\n", "one\ntwo: 2\n- three", ""},
        {"first: ${DOLLAR}", "${HOST} $$", ""},
        {"first: ${QUOTES}", "\"'#{}[]&*!|>%@`", ""},
        {"first: \"${QUOTES}\"", "\"'#{}[]&*!|>%@`", ""},
        {"list: ${STRUCTURE}", NULL, "1:7: list: a list is expected here: [a, b]\n"},
        {"map: ${LINES}", NULL, "1:6: a mapping is expected here: lines of \"key: value\"\n"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void what_is_no_yaml_is_told_where_it_stops(void **state)
{
    static const struct text_case cases[] = {
        {"first: a: b", NULL, "1:9: invalid nested block mapping on the same line\n"},
        {"first: 1\nfirst: 2", NULL, "2:1: duplicate key\n"},
        {"map: {a: 1, a: 2}", NULL, "1:13: duplicate key\n"},
        {"first: [1, 2\n", NULL, "2:1: flow sequence without a closing bracket\n"},
        {"\tfirst: 1", NULL, "1:1: invalid tab as indendation in a mapping\n"},
        {"first: \"a\n", NULL, "1:9: double-quoted scalar without closing quote\n"},
        {"first: \xff", NULL, "1:8: this is not UTF-8\n"},
        {"first: x\nsecond: \xc3", NULL, "2:9: this is not UTF-8\n"},
        {"first: \xed\xa0\x80", NULL, "1:8: this is not UTF-8\n"},
        {"first: a\n---\nsecond: b\n", NULL,
         "2:1: a second document begins here; a configuration is one document\n"},
        {"%YAML 3.0\n---\nfirst: a", NULL, "1:1: this cannot be read as YAML\n"},
        {"first: \"\\q\"", NULL, "1:9: invalid escape 'q' in double-quoted string\n"},
        {"---\nfirst: a\n...\n", "a", ""},
        {"%YAML 1.2\n---\nfirst: a\n", "a", ""},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void line_ends_tabs_and_marks_of_other_editors_are_read(void **state)
{
    static const struct text_case cases[] = {
        {"\xef\xbb\xbf"
         "first: a",
         "a", ""},
        {"first: a\r\nsecond: b\r\n", "a", ""},
        {"first:\ta\t# a tab before and behind\n", "a", ""},
        {"first: \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", ""},
        {"first: \"\\u20ac\"", "\xe2\x82\xac", ""},
        {"first: \"\\0\"", NULL, "1:8: there is a NUL in the value\n"},
        {"# nothing but this", NULL, ""},
        {"  \n\n", NULL, ""},
        {"---\n", NULL, ""},
        {"\xef\xbb\xbf", NULL, ""},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

static void a_nul_byte_is_told_where_it_stands(void **state)
{
    static const char text[] = "first: a\nsec\0ond: b\n";
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of_bytes(budget, text, sizeof(text) - 1);
    assert_null(config_root(config));
    assert_mistakes(config, "2:4: there is a NUL byte here\n");
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void aliases_stand_for_their_anchors(void **state)
{
    static const struct text_case cases[] = {
        {"second: &x here\nfirst: *x", "here", ""},
        {"map: &m {a: 1}\nfirst: *m", NULL, "2:8: a single value is expected here\n"},
        {"first: *nowhere", NULL, "1:8: this refers to an anchor that is not there\n"},
        {"list: *nowhere", NULL, "1:7: this refers to an anchor that is not there\n"},
        {"map: *nowhere", NULL, "1:6: this refers to an anchor that is not there\n"},
        {"list: &l [*l]", NULL, "1:11: a single value is expected here\n"},
        {"map: &m {a: *m}", NULL, "1:13: a single value is expected here\n"},
        {"first: &f *f", NULL, "1:12: unexpected alias\n"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

/* Nine levels of nine aliases each would be a thousand million values. */
static void an_alias_bomb_costs_no_more_than_its_text(void **state)
{
    char text[2048];
    int len = snprintf(text, sizeof(text), "map: {a: &l0 lol}\n");
    (void)state;
    for (int i = 1; i < 10; i++) {
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "l%d: &l%d [*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d]\n", i, i, i - 1,
                        i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    (void)snprintf(text + len, sizeof(text) - (size_t)len, "list: *l9\n");
    struct slu_budget *budget = budget_of(1 << 20);
    struct config *config = config_of(budget, text);
    struct pair out = {0};
    assert_int_equal(config_read(config, config_root(config), &pair_object, &out), -EINVAL);
    assert_int_equal(config_mistake_count(config), 18);
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

/* `count` times `part`, with `begin` before it. */
static struct config *config_repeated(struct slu_budget *budget, const char *begin,
                                      const char *part, size_t count)
{
    size_t begin_len = strlen(begin);
    size_t part_len = strlen(part);
    size_t len = begin_len + part_len * count;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memcpy(text, begin, begin_len + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + begin_len + i * part_len, part, part_len);
    }
    struct config *config = config_of_bytes(budget, text, len);
    free(text);
    return config;
}

static void deep_nesting_is_refused(void **state)
{
    static const char *const parts[] = {"[",      "{a: ", "- ",  "? ",  "[[]",
                                        "{[a]: ", "\"",   "!a ", "&a ", "[? "};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (size_t count = 5000; count < 300000 / strlen(parts[i]); count *= 10) {
            struct config *config = config_repeated(budget, "", parts[i], count);
            assert_null(config_root(config));
            assert_int_equal(config_mistake_count(config), 1);
            config_destroy(&config);
        }
    }
    slu_budget_destroy(&budget);
}

static void a_text_of_1_mib_is_read_and_a_larger_one_refused(void **state)
{
    static const char item[] = "- 0123456789abcdef0123456789abcd\n";
    size_t count = (TEXT_BYTES - 6) / (sizeof(item) - 1);
    struct pair out = {0};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_repeated(budget, "list:\n", item, count);
    assert_int_equal(config_read(config, config_root(config), &pair_object, &out), 0);
    assert_int_equal(out.list.count, count);
    assert_string_equal(out.list.items[count - 1], "0123456789abcdef0123456789abcd");
    config_destroy(&config);
    config = config_repeated(budget, "", "#", TEXT_BYTES);
    assert_mistakes(config, "");
    config_destroy(&config);
    config = config_repeated(budget, "", "#", TEXT_BYTES + 1);
    assert_mistakes(config, "1:1: the file is larger than 1 MiB\n");
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void a_value_longer_than_64_kib_is_refused(void **state)
{
    struct pair out = {0};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_repeated(budget, "first: ", "${", 32769);
    assert_int_equal(config_read(config, config_root(config), &pair_object, &out), -EINVAL);
    assert_mistakes(config, "1:8: the value is longer than 64 KiB\n");
    config_destroy(&config);
    config = config_repeated(budget, "first: ", "${HOST}", 8000);
    assert_int_equal(config_read(config, config_root(config), &pair_object, &out), -EINVAL);
    assert_mistakes(config, "1:8: the value is longer than 64 KiB\n");
    config_destroy(&config);
    config = config_repeated(budget, "first: ", "a", 65536);
    assert_int_equal(config_read(config, config_root(config), &pair_object, &out), 0);
    assert_int_equal(strlen(out.first), 65536);
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void a_mapping_of_many_keys_is_refused(void **state)
{
    char text[32768];
    size_t len = 0;
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (int i = 0; i < 1025; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "k%d: 1\n", i);
        if (i == 1023) {
            struct config *config = config_of_bytes(budget, text, len);
            assert_mistakes(config, "");
            config_destroy(&config);
        }
    }
    struct config *config = config_of_bytes(budget, text, len);
    assert_null(config_root(config));
    assert_mistakes(config, "1025:1: this mapping has more than 1024 keys\n");
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

/* What a mistake quotes comes from anywhere; a terminal shows it. */
static void a_message_is_one_line_of_text(void **state)
{
    static const struct text_case cases[] = {
        {"\"\\e[31mred\": 1", NULL, "1:1: there is no \"?[31mred\" in a pair\n"},
        {"\"a\\nb\": 1", NULL, "1:1: there is no \"a?b\" in a pair\n"},
        {"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa4\": 1", NULL,
         "1:1: there is no \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?\" in a"
         " pair\n"},
    };
    (void)state;
    CHECK_TEXTS(cases);
}

/* Runs with standard output and error replaced: whatever is written there is the library's. */
static void nothing_is_printed(void **state)
{
    static const char *const texts[] = {"a: [",       "a: *b",           "\tx",
                                        "a: 1\na: 2", "%FOO\n---\na: 1", "%YAML 3.0\n---\na: 1\n",
                                        "a: !<x",     "\"\\q\""};
    int errors[sizeof(texts) / sizeof(texts[0])];
    int ends[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    int out = dup(STDOUT_FILENO);
    int error = dup(STDERR_FILENO);
    (void)fflush(NULL); /* what is buffered belongs to the test */
    (void)dup2(ends[1], STDOUT_FILENO);
    (void)dup2(ends[1], STDERR_FILENO);
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config_source source = {.name = "test.yaml", .text = {texts[i], strlen(texts[i])}};
        struct config *config = NULL;
        errors[i] = config_parse(budget, &source, &config);
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
    (void)fflush(NULL);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(error, STDERR_FILENO);
    (void)close(out);
    (void)close(error);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(errors[i], 0);
    }
}

static const char fault_text[] = "first: ${HOST}\n"
                                 "second: &s \"\xc3\xa4\"\n"
                                 "list: [a, *s, \"${PORT}\"]\n"
                                 "map: {a: 1, b: \"${HOST:-x y}\", c: null}\n";

/* Returns 0 if all was read. */
static int read_all(struct slu_budget *budget)
{
    struct config *config = NULL;
    struct pair out = {0};
    struct config_source source = {.name = "test.yaml",
                                   .text = {fault_text, sizeof(fault_text) - 1},
                                   .variable = test_variable};
    int err = config_parse(budget, &source, &config);
    if (err != 0) {
        assert_null(config);
        return err;
    }
    err = config_read(config, config_root(config), &pair_object, &out);
    if (err == 0) {
        assert_int_equal(out.list.count, 3);
        assert_int_equal(out.map.count, 3);
    }
    config_destroy(&config);
    return err;
}

static void a_failed_allocation_is_enomem_and_never_a_mistake(void **state)
{
    uint64_t nth = 0;
    bool was_hit = true;
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    uint64_t used_bytes = budget_used(budget);
    int64_t live_count = alloc_live_count();
    while (was_hit) {
        alloc_fault_at(++nth);
        int err = read_all(budget);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        assert_int_equal(budget_used(budget), used_bytes);
        assert_int_equal(alloc_live_count(), live_count);
    }
    assert_true(nth > 2);
    slu_budget_destroy(&budget);
}

static void a_budget_that_is_too_small_is_edquot_and_never_a_mistake(void **state)
{
    int err = -EDQUOT;
    (void)state;
    for (uint64_t bytes = 512; err != 0; bytes += 256) {
        struct slu_budget *budget = budget_of(bytes);
        uint64_t used_bytes = budget_used(budget);
        err = read_all(budget);
        assert_true(err == 0 || err == -EDQUOT);
        assert_int_equal(budget_used(budget), used_bytes);
        slu_budget_destroy(&budget);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_put_in),
        cmocka_unit_test(a_dollar_sign_alone_stays_and_two_are_one),
        cmocka_unit_test(a_variable_that_is_not_set_or_no_name_is_told),
        cmocka_unit_test(what_a_variable_holds_never_becomes_structure),
        cmocka_unit_test(what_is_no_yaml_is_told_where_it_stops),
        cmocka_unit_test(line_ends_tabs_and_marks_of_other_editors_are_read),
        cmocka_unit_test(a_nul_byte_is_told_where_it_stands),
        cmocka_unit_test(aliases_stand_for_their_anchors),
        cmocka_unit_test(an_alias_bomb_costs_no_more_than_its_text),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_text_of_1_mib_is_read_and_a_larger_one_refused),
        cmocka_unit_test(a_value_longer_than_64_kib_is_refused),
        cmocka_unit_test(a_mapping_of_many_keys_is_refused),
        cmocka_unit_test(a_message_is_one_line_of_text),
        cmocka_unit_test(nothing_is_printed),
        cmocka_unit_test(a_failed_allocation_is_enomem_and_never_a_mistake),
        cmocka_unit_test(a_budget_that_is_too_small_is_edquot_and_never_a_mistake),
    };
    return TEST_RUN("config_text", tests);
}
