/* Tables: what each kind of field takes, and what is said of what it does not take. */
#include "pipeline/config.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "config_text.h"
#include "harness.h"

struct inner {
    uint64_t depth;
    const char *label;
};

struct everything {
    bool flag;
    uint64_t count;
    double factor;
    uint64_t timeout_ns;
    uint64_t size_bytes;
    const char *endpoint;
    unsigned mode;
    struct config_strings names;
    struct config_map headers;
    struct inner inner;
    struct config_objects rules;
    struct config_scalar value;
    const struct config_node *extra;
};

static const char *const modes[] = {"gzip", "zstd", "none", NULL};

static const struct config_field inner_fields[] = {
    {.key = "depth",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct inner, depth),
     .min = 1,
     .max = 9},
    {.key = "label",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct inner, label),
     .is_required = true},
};

static const struct config_object inner_object = {
    .what = "a rule", .fields = inner_fields, .field_count = 2, .size_bytes = sizeof(struct inner)};

static const struct config_field fields[] = {
    {.key = "flag", .kind = CONFIG_BOOL, .offset = offsetof(struct everything, flag)},
    {.key = "count", .kind = CONFIG_UINT, .offset = offsetof(struct everything, count), .max = 99},
    {.key = "factor", .kind = CONFIG_DOUBLE, .offset = offsetof(struct everything, factor)},
    {.key = "timeout", .kind = CONFIG_DURATION, .offset = offsetof(struct everything, timeout_ns)},
    {.key = "size",
     .kind = CONFIG_SIZE,
     .offset = offsetof(struct everything, size_bytes),
     .min = 16},
    {.key = "endpoint", .kind = CONFIG_STRING, .offset = offsetof(struct everything, endpoint)},
    {.key = "mode",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct everything, mode),
     .choices = modes},
    {.key = "names", .kind = CONFIG_STRINGS, .offset = offsetof(struct everything, names)},
    {.key = "headers", .kind = CONFIG_MAP, .offset = offsetof(struct everything, headers)},
    {.key = "inner",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct everything, inner),
     .object = &inner_object},
    {.key = "rules",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(struct everything, rules),
     .object = &inner_object},
    {.key = "value", .kind = CONFIG_SCALAR, .offset = offsetof(struct everything, value)},
    {.key = "extra", .kind = CONFIG_NODE, .offset = offsetof(struct everything, extra)},
};

static const struct config_object everything_object = {
    .what = "the test",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct everything),
};

static void each_kind_is_read(void **state)
{
    static const char text[] = "flag: true\n"
                               "count: 42\n"
                               "factor: -1.5e3\n"
                               "timeout: 1h30m\n"
                               "size: 64MiB\n"
                               "endpoint: \"0.0.0.0:4317\"\n"
                               "mode: zstd\n"
                               "names: [a, 'b c', 7]\n"
                               "headers: {x: 1, y: text, z: null, q: \"1\"}\n"
                               "inner: {label: here}\n"
                               "rules:\n"
                               "  - {depth: 3, label: first}\n"
                               "  - label: second\n"
                               "value: false\n"
                               "extra: {whatever: [1, 2]}\n";
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of(budget, text);
    struct everything out = {.inner = {.depth = 5}};
    assert_int_equal(config_read(config, config_root(config), &everything_object, &out), 0);
    assert_mistakes(config, "");
    assert_true(out.flag);
    assert_int_equal(out.count, 42);
    assert_true(out.factor == -1500);
    assert_int_equal(out.timeout_ns, UINT64_C(5400000000000));
    assert_int_equal(out.size_bytes, 64 << 20);
    assert_string_equal(out.endpoint, "0.0.0.0:4317");
    assert_string_equal(modes[out.mode], "zstd");
    assert_int_equal(out.names.count, 3);
    assert_string_equal(out.names.items[1], "b c");
    assert_string_equal(out.names.items[2], "7");
    assert_int_equal(out.headers.count, 4);
    assert_string_equal(out.headers.entries[0].key, "x");
    assert_int_equal(out.headers.entries[0].value.kind, CONFIG_SCALAR_INT);
    assert_string_equal(out.headers.entries[1].value.text, "text");
    assert_int_equal(out.headers.entries[2].value.kind, CONFIG_NO_SCALAR);
    assert_int_equal(out.headers.entries[3].value.kind, CONFIG_SCALAR_STRING);
    assert_int_equal(out.inner.depth, 5);
    assert_string_equal(out.inner.label, "here");
    assert_int_equal(out.rules.count, 2);
    const struct inner *rules = out.rules.items;
    assert_int_equal(rules[0].depth, 3);
    assert_int_equal(rules[1].depth, 0);
    assert_string_equal(rules[1].label, "second");
    assert_int_equal(out.value.kind, CONFIG_SCALAR_BOOL);
    assert_non_null(config_child(out.extra, "whatever"));
    assert_null(config_child(out.extra, "nothing"));
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

static void what_is_null_or_not_there_keeps_its_default(void **state)
{
    static const char nulls[] = "count:\nfactor: ~\ntimeout: null\nnames: Null\nheaders:\n"
                                "mode: NULL\nflag:\nendpoint: ~\nrules:\nvalue:\nsize:\n";
    static const char *const texts[] = {"", "{}", nulls};
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config *config = config_of(budget, texts[i]);
        struct everything out = {.flag = true,
                                 .count = 7,
                                 .factor = 2,
                                 .timeout_ns = 3,
                                 .size_bytes = 4,
                                 .endpoint = "here",
                                 .mode = 2,
                                 .names.count = 1,
                                 .headers.count = 2,
                                 .rules.count = 3};
        struct everything before = out;
        assert_int_equal(config_read(config, config_root(config), &everything_object, &out), 0);
        assert_memory_equal(&out, &before, sizeof(out));
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

/* One line of YAML, and what is said of it; "" means that it is taken. */
struct line_case {
    const char *text;
    const char *mistakes;
};

static void check_lines(const struct line_case *cases, size_t count)
{
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < count; i++) {
        struct config *config = config_of(budget, cases[i].text);
        struct everything out = {.count = 7};
        int err = config_read(config, config_root(config), &everything_object, &out);
        assert_mistakes(config, cases[i].mistakes);
        assert_int_equal(err, cases[i].mistakes[0] != '\0' ? -EINVAL : 0);
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

#define CHECK_LINES(cases) check_lines(cases, sizeof(cases) / sizeof((cases)[0]))

static void what_is_no_value_of_its_kind_is_told_with_what_is(void **state)
{
    static const struct line_case cases[] = {
        {"flag: yes", "1:7: flag: it must be true or false, and not \"yes\"\n"},
        {"flag: 1", "1:7: flag: it must be true or false, and not \"1\"\n"},
        {"flag: [true]", "1:8: a single value is expected here\n"},
        {"count: -1", "1:8: count: it must be a whole number, and not \"-1\"\n"},
        {"count: 1.5", "1:8: count: it must be a whole number, and not \"1.5\"\n"},
        {"count: 100", "1:8: count: it must be from 0 to 99, and not \"100\"\n"},
        {"count: 0x10", ""},
        {"count: 18446744073709551616",
         "1:8: count: it must be a whole number, and not \"18446744073709551616\"\n"},
        {"count: ''", "1:8: count: it must be a whole number, and not \"\"\n"},
        {"factor: 1.5x", "1:9: factor: it must be a number, and not \"1.5x\"\n"},
        {"factor: .nan", "1:9: factor: it must be a number, and not \".nan\"\n"},
        {"factor: 1e999", "1:9: factor: it must be a number, and not \"1e999\"\n"},
        {"factor: 0x1p3", "1:9: factor: it must be a number, and not \"0x1p3\"\n"},
        {"factor: infinity", "1:9: factor: it must be a number, and not \"infinity\"\n"},
        {"timeout: 5",
         "1:10: timeout: it must be a time such as 200ms, 5s or 1h30m, and not \"5\"\n"},
        {"timeout: -1s",
         "1:10: timeout: it must be a time such as 200ms, 5s or 1h30m, and not \"-1s\"\n"},
        {"timeout: 1s 2",
         "1:10: timeout: it must be a time such as 200ms, 5s or 1h30m, and not \"1s 2\"\n"},
        {"size: 15", "1:7: size: it must be 16 at least, and not \"15\"\n"},
        {"size: 1mb",
         "1:7: size: it must be a size such as 1048576, 64MiB or 1GB, and not \"1mb\"\n"},
        {"mode: lz4", "1:7: mode: it must be one of gzip, zstd, none, and not \"lz4\"\n"},
        {"names: a", "1:8: names: a list is expected here: [a, b]\n"},
        {"names: {a: 1}", "1:9: names: a list is expected here: [a, b]\n"},
        {"names: [a, [b]]", "1:13: a single value is expected here\n"},
        {"headers: a", "1:10: a mapping is expected here: lines of \"key: value\"\n"},
        {"headers: [a]", "1:11: a mapping is expected here: lines of \"key: value\"\n"},
        {"headers: {a: [b]}", "1:15: a single value is expected here\n"},
        {"inner: a", "1:8: a mapping is expected here: lines of \"key: value\"\n"
                     "1:8: a rule needs \"label\"\n"},
        {"rules: {label: a}", "1:9: rules: a list is expected here: [a, b]\n"},
        {"rules: [a]", "1:9: a mapping is expected here: lines of \"key: value\"\n"
                       "1:9: a rule needs \"label\"\n"},
        {"- a", "1:3: a mapping is expected here: lines of \"key: value\"\n"},
        {"text", "1:1: a mapping is expected here: lines of \"key: value\"\n"},
    };
    (void)state;
    CHECK_LINES(cases);
}

static void what_is_missing_or_unknown_is_told_with_what_is_near(void **state)
{
    static const struct line_case cases[] = {
        {"inner: {depth: 2}", "1:9: a rule needs \"label\"\n"},
        {"inner: {}", "1:1: a rule needs \"label\"\n"},
        {"flag: true\ninner:\n", "2:1: a rule needs \"label\"\n"},
        {"rules: [{label: a}, {}]", "1:1: a rule needs \"label\"\n"},
        {"inner: {label: }", ""},
        {"timout: 1s", "1:1: there is no \"timout\" in the test; did you mean \"timeout\"?\n"},
        {"end: 1", "1:1: there is no \"end\" in the test; did you mean \"endpoint\"?\n"},
        {"banana: 1", "1:1: there is no \"banana\" in the test\n"},
        {"Flag: true", "1:1: there is no \"Flag\" in the test; did you mean \"flag\"?\n"},
        {"\"fl ag\": true", "1:1: there is no \"fl ag\" in the test; did you mean \"flag\"?\n"},
        {"? [flag]\n: true", "1:4: a key must be a name\n"},
        {"\"flag\\0\": true", "1:1: a key must be a name\n"},
        {"<<: {flag: true}", "1:1: there is no \"<<\" in the test\n"},
        {"inner: {label: a, depht: 1}",
         "1:19: there is no \"depht\" in a rule; did you mean \"depth\"?\n"},
    };
    (void)state;
    CHECK_LINES(cases);
}

static void columns_are_counted_in_bytes(void **state)
{
    static const struct line_case cases[] = {
        {"names: [\xc3\xb6\xc3\xb6, [b]]", "1:16: a single value is expected here\n"},
        {"\xef\xbb\xbf"
         "flag: x",
         "1:7: flag: it must be true or false, and not \"x\"\n"},
        {"count: 1\r\nflag: x\r\n", "2:7: flag: it must be true or false, and not \"x\"\n"},
        {"count: 1\rflag: x\r", "2:7: flag: it must be true or false, and not \"x\"\n"},
        {"flag:\tx", "1:7: flag: it must be true or false, and not \"x\"\n"},
        {"flag: !!str x", "1:13: flag: it must be true or false, and not \"x\"\n"},
        {"flag: \"x\"", "1:7: flag: it must be true or false, and not \"x\"\n"},
        {"flag: 'x'", "1:7: flag: it must be true or false, and not \"x\"\n"},
        {"endpoint: &a x\nflag: *a", "2:7: flag: it must be true or false, and not \"x\"\n"},
        {"flag:\n  |\n  x\n", "3:1: flag: it must be true or false, and not \"x?\"\n"},
    };
    (void)state;
    CHECK_LINES(cases);
}

static void all_mistakes_are_told_at_once_in_the_order_of_the_file(void **state)
{
    static const struct line_case cases[] = {
        {"flag: maybe\n"
         "rules:\n"
         "  - depth: 0\n"
         "    lable: x\n"
         "  - {label: \"${UNSET}\"}\n"
         "  - depth: 10\n"
         "    label: y\n"
         "size: lots\n"
         "names: [\"${NONE}\", ok, \"${ALSO_NONE}\"]\n"
         "headers: {a: \"${NOPE}\", b: [1]}\n"
         "colour: red\n",
         "1:7: flag: it must be true or false, and not \"maybe\"\n"
         "3:5: a rule needs \"label\"\n"
         "3:12: depth: it must be from 1 to 9, and not \"0\"\n"
         "4:5: there is no \"lable\" in a rule; did you mean \"label\"?\n"
         "5:13: the environment has no variable UNSET; set it, or write ${env:UNSET:-default}\n"
         "6:12: depth: it must be from 1 to 9, and not \"10\"\n"
         "8:7: size: it must be a size such as 1048576, 64MiB or 1GB, and not \"lots\"\n"
         "9:9: the environment has no variable NONE; set it, or write ${env:NONE:-default}\n"
         "9:24: the environment has no variable ALSO_NONE; set it, or write"
         " ${env:ALSO_NONE:-default}\n"
         "10:14: the environment has no variable NOPE; set it, or write ${env:NOPE:-default}\n"
         "10:29: a single value is expected here\n"
         "11:1: there is no \"colour\" in the test\n"},
    };
    (void)state;
    CHECK_LINES(cases);
}

static void more_mistakes_than_are_kept_are_counted(void **state)
{
    char text[8192];
    size_t len = 0;
    size_t kept = 0;
    (void)state;
    for (int i = 0; i < 300; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "wrong%03d: 1\n", i);
    }
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    struct config *config = config_of_bytes(budget, text, len);
    struct everything out = {0};
    assert_int_equal(config_read(config, config_root(config), &everything_object, &out), -EINVAL);
    assert_int_equal(config_mistake_count(config), 300);
    const struct slu_diag *mistakes = config_mistakes(config, &kept);
    assert_int_equal(kept, CONFIG_MISTAKES_MAX);
    assert_int_equal(mistakes[99].line, 100);
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

struct number_case {
    const char *text;
    uint64_t value; /* UINT64_MAX: it is refused */
};

static void check_numbers(const char *key, const struct number_case *cases, size_t count)
{
    char text[128];
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "%s: \"%s\"\n", key, cases[i].text);
        struct config *config = config_of(budget, text);
        struct everything out = {.timeout_ns = UINT64_MAX, .size_bytes = UINT64_MAX};
        int err = config_read(config, config_root(config), &everything_object, &out);
        assert_int_equal(err, cases[i].value == UINT64_MAX ? -EINVAL : 0);
        assert_int_equal(key[0] == 't' ? out.timeout_ns : out.size_bytes, cases[i].value);
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

#define CHECK_NUMBERS(key, cases) check_numbers(key, cases, sizeof(cases) / sizeof((cases)[0]))

static void durations_are_those_of_go(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"1us", 1000},
        {"1\xc2\xb5s", 1000},
        {"1\xce\xbcs", 1000},
        {"200ms", 200000000},
        {"1.5s", 1500000000},
        {".5s", 500000000},
        {"1.s", 1000000000},
        {"1h1m1.001s", UINT64_C(3661001000000)},
        {"24h", UINT64_C(86400000000000)},
        {"9000000h", UINT64_MAX},
        {"", UINT64_MAX},
        {"s", UINT64_MAX},
        {".s", UINT64_MAX},
        {"1", UINT64_MAX},
        {"1d", UINT64_MAX},
        {"1 s", UINT64_MAX},
        {" 1s", UINT64_MAX},
        {"1s ", UINT64_MAX},
        {"+1s", UINT64_MAX},
        {"1e3s", UINT64_MAX},
        {"0x10s", UINT64_MAX},
        {"infs", UINT64_MAX},
        {"1S", UINT64_MAX},
        {"1..5s", UINT64_MAX},
    };
    (void)state;
    CHECK_NUMBERS("timeout", cases);
}

static void a_duration_of_whole_milliseconds_is_exact(void **state)
{
    char text[64];
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (unsigned i = 1; i < 5000; i += 7) {
        struct everything out = {0};
        (void)snprintf(text, sizeof(text), "timeout: %u.%03us", i / 1000, i % 1000);
        struct config *config = config_of(budget, text);
        assert_int_equal(config_read(config, config_root(config), &everything_object, &out), 0);
        assert_int_equal(out.timeout_ns, i * UINT64_C(1000000));
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

static void sizes_are_decimal_or_binary(void **state)
{
    static const struct number_case cases[] = {
        {"1048576", 1048576},
        {"64B", 64},
        {"1KB", 1000},
        {"1KiB", 1024},
        {"1.5MiB", 1572864},
        {"2MB", 2000000},
        {"1GiB", UINT64_C(1) << 30},
        {"1GB", 1000000000},
        {"1TiB", UINT64_C(1) << 40},
        {"1TB", UINT64_C(1000000000000)},
        {"99999999TiB", UINT64_MAX},
        {"1K", UINT64_MAX},
        {"1Mi", UINT64_MAX},
        {"1 MiB", UINT64_MAX},
        {"-1", UINT64_MAX},
        {"1e3", UINT64_MAX},
        {"0x100", UINT64_MAX},
        {"1MiB1KiB", UINT64_MAX},
        {"", UINT64_MAX},
        {"MiB", UINT64_MAX},
    };
    (void)state;
    CHECK_NUMBERS("size", cases);
}

struct scalar_case {
    const char *text;
    enum config_scalar_kind kind;
    double number; /* of INT, DOUBLE, BOOL */
};

static void scalars_follow_the_core_schema(void **state)
{
    static const struct scalar_case cases[] = {
        {"true", CONFIG_SCALAR_BOOL, 1},
        {"False", CONFIG_SCALAR_BOOL, 0},
        {"yes", CONFIG_SCALAR_STRING, 0},
        {"\"true\"", CONFIG_SCALAR_STRING, 0},
        {"12", CONFIG_SCALAR_INT, 12},
        {"-12", CONFIG_SCALAR_INT, -12},
        {"+12", CONFIG_SCALAR_INT, 12},
        {"012", CONFIG_SCALAR_INT, 12},
        {"0x1F", CONFIG_SCALAR_INT, 31},
        {"0o17", CONFIG_SCALAR_INT, 15},
        {"0o18", CONFIG_SCALAR_STRING, 0},
        {"0x", CONFIG_SCALAR_STRING, 0},
        {"0x-1", CONFIG_SCALAR_STRING, 0},
        {"-0x1", CONFIG_SCALAR_STRING, 0},
        {"'12'", CONFIG_SCALAR_STRING, 0},
        {"1.5", CONFIG_SCALAR_DOUBLE, 1.5},
        {".5", CONFIG_SCALAR_DOUBLE, .5},
        {"1e3", CONFIG_SCALAR_DOUBLE, 1000},
        {"1.2.3", CONFIG_SCALAR_STRING, 0},
        {"1_000", CONFIG_SCALAR_STRING, 0},
        {".inf", CONFIG_SCALAR_STRING, 0},
        {"nan", CONFIG_SCALAR_STRING, 0},
        {"--", CONFIG_SCALAR_STRING, 0},
        {"12a", CONFIG_SCALAR_STRING, 0},
        {"0x1p3", CONFIG_SCALAR_STRING, 0},
        {"${PORT}", CONFIG_SCALAR_INT, 4317},
        {"\"${PORT}\"", CONFIG_SCALAR_STRING, 0},
        {"${TRUE}", CONFIG_SCALAR_BOOL, 1},
        {"${SPACE}", CONFIG_SCALAR_STRING, 0},
        {"${EMPTY}", CONFIG_SCALAR_STRING, 0},
        {"9223372036854775807", CONFIG_SCALAR_INT, 0x1p63},
        {"9223372036854775808", CONFIG_SCALAR_DOUBLE, 0x1p63},
    };
    char text[128];
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(text, sizeof(text), "value: %s\n", cases[i].text);
        struct config *config = config_of(budget, text);
        struct everything out = {0};
        assert_int_equal(config_read(config, config_root(config), &everything_object, &out), 0);
        assert_mistakes(config, "");
        const struct config_scalar *value = &out.value;
        assert_int_equal(value->kind, cases[i].kind);
        double number = value->kind == CONFIG_SCALAR_BOOL     ? value->boolean
                        : value->kind == CONFIG_SCALAR_INT    ? (double)value->integer
                        : value->kind == CONFIG_SCALAR_DOUBLE ? value->number
                                                              : 0;
        assert_true(number == cases[i].number);
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

static void the_nearest_name_is_found(void **state)
{
    static const char *const names[] = {"otlp", "debug", "file", NULL};
    (void)state;
    assert_string_equal(config_nearest("oltp", names), "otlp");
    assert_string_equal(config_nearest("debg", names), "debug");
    assert_null(config_nearest("prometheus", names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_read),
        cmocka_unit_test(what_is_null_or_not_there_keeps_its_default),
        cmocka_unit_test(what_is_no_value_of_its_kind_is_told_with_what_is),
        cmocka_unit_test(what_is_missing_or_unknown_is_told_with_what_is_near),
        cmocka_unit_test(columns_are_counted_in_bytes),
        cmocka_unit_test(all_mistakes_are_told_at_once_in_the_order_of_the_file),
        cmocka_unit_test(more_mistakes_than_are_kept_are_counted),
        cmocka_unit_test(durations_are_those_of_go),
        cmocka_unit_test(a_duration_of_whole_milliseconds_is_exact),
        cmocka_unit_test(sizes_are_decimal_or_binary),
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(the_nearest_name_is_found),
    };
    return TEST_RUN("config", tests);
}
