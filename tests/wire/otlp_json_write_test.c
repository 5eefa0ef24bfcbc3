#include "wire/otlp_json_write.h"

#include <errno.h>
#include <string.h>

#include "base/sink.h"
#include "codec/json_reader.h"

#include "budget.h"
#include "guarded.h"
#include "harness.h"
#include "nested.h"
#include "otlp_random.h"

#define TEXT_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define ROUND_BYTES    2000

static struct nested nested;
static struct otlp_made made;
static char text[TEXT_BYTES_MAX];

/* Write into `text`, which is JSON whatever is returned. */
static int written(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes message)
{
    struct sink sink;
    struct json_reader reader;
    enum json_token token = JSON_NULL;
    sink_init_fixed(&sink, text, sizeof(text));
    int err = otlp_json_write(budget, &sink, signal, message);
    assert_int_equal(sink_end(&sink), 0);
    assert_int_equal(text[sink.len - 1], '\n');
    assert_null(memchr(text, '\n', sink.len - 1));
    json_reader_init(&reader, (struct slu_bytes){text, sink.len});
    while (token != JSON_END && token != JSON_FAULT) {
        token = json_next(&reader);
    }
    assert_int_equal(token, JSON_END);
    return err;
}

/* The numbers of the fields that a message is within, from the inside to the outside. */
struct shown {
    enum otlp_signal signal;
    uint8_t above[6];
    const char *bytes;
    size_t len;
    const char *json;
};

#define LOG                                                                                        \
    OTLP_LOGS,                                                                                     \
    {                                                                                              \
        2, 2, 1                                                                                    \
    }
#define SPAN                                                                                       \
    OTLP_TRACES,                                                                                   \
    {                                                                                              \
        2, 2, 1                                                                                    \
    }
#define NUMBER                                                                                     \
    OTLP_METRICS,                                                                                  \
    {                                                                                              \
        1, 5, 2, 2, 1                                                                              \
    }
#define HISTOGRAM                                                                                  \
    OTLP_METRICS,                                                                                  \
    {                                                                                              \
        1, 9, 2, 2, 1                                                                              \
    }
#define EXPONENTIAL                                                                                \
    OTLP_METRICS,                                                                                  \
    {                                                                                              \
        1, 10, 2, 2, 1                                                                             \
    }
#define SHOWN(where, literal, shown)                                                               \
    {                                                                                              \
        where, (literal), sizeof(literal) - 1, (shown)                                             \
    }

static void each_kind_is_written_as_the_specification_says(void **state)
{
    (void)state;
    static const struct shown cases[] = {
        SHOWN(LOG, "\x09\x01\0\0\0\0\0\0\0", "{\"timeUnixNano\":\"1\"}"),
        SHOWN(LOG, "\x09\xff\xff\xff\xff\xff\xff\xff\xff",
              "{\"timeUnixNano\":\"18446744073709551615\"}"),
        SHOWN(LOG, "\x10\x09", "{\"severityNumber\":9}"),
        SHOWN(LOG, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "{\"severityNumber\":-1}"),
        SHOWN(LOG,
              "\x1a\x03"
              "a\"\n",
              "{\"severityText\":\"a\\\"\\n\"}"),
        SHOWN(LOG, "\x1a\x02\xc3\xa4", "{\"severityText\":\"\xc3\xa4\"}"),
        SHOWN(LOG, "\x1a\x00", "{\"severityText\":\"\"}"),
        SHOWN(LOG, "\x38\xff\xff\xff\xff\x0f", "{\"droppedAttributesCount\":4294967295}"),
        SHOWN(LOG, "\x45\x01\0\0\x80", "{\"flags\":2147483649}"),
        SHOWN(LOG, "\x52\x08\x00\x01\xab\xcd\xef\x10\x7f\xff", "{\"spanId\":\"0001abcdef107fff\"}"),
        SHOWN(LOG, "\x52\x00", "{\"spanId\":\"\"}"),
        SHOWN(LOG, "\x2a\x00", "{\"body\":{}}"),
        SHOWN(LOG, "\x2a\x02\x10\x01", "{\"body\":{\"boolValue\":true}}"),
        SHOWN(LOG, "\x2a\x02\x10\x00", "{\"body\":{\"boolValue\":false}}"),
        SHOWN(LOG, "\x2a\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
              "{\"body\":{\"intValue\":\"-1\"}}"),
        SHOWN(LOG, "\x2a\x05\x3a\x03\xfb\xff\xfe", "{\"body\":{\"bytesValue\":\"+//+\"}}"),
        SHOWN(LOG, "\x2a\x03\x3a\x01\x01", "{\"body\":{\"bytesValue\":\"AQ==\"}}"),
        SHOWN(LOG, "\x2a\x02\x3a\x00", "{\"body\":{\"bytesValue\":\"\"}}"),
        SHOWN(LOG, "\x2a\x02\x2a\x00", "{\"body\":{\"arrayValue\":{}}}"),
        SHOWN(LOG, "\x2a\x06\x2a\x04\x0a\x02\x18\x05",
              "{\"body\":{\"arrayValue\":{\"values\":[{\"intValue\":\"5\"}]}}}"),
        SHOWN(SPAN, "\x7a\x02\x18\x02", "{\"status\":{\"code\":2}}"),
        SHOWN(NUMBER, "\x21\0\0\0\0\0\0\xf8\x3f", "{\"asDouble\":1.5}"),
        SHOWN(NUMBER, "\x21\0\0\0\0\0\0\0\x80", "{\"asDouble\":-0.0}"),
        SHOWN(NUMBER, "\x21\x01\0\0\0\0\0\xf0\xff", "{\"asDouble\":\"NaN\"}"),
        SHOWN(NUMBER, "\x21\0\0\0\0\0\0\xf0\x7f", "{\"asDouble\":\"Infinity\"}"),
        SHOWN(NUMBER, "\x21\0\0\0\0\0\0\xf0\xff", "{\"asDouble\":\"-Infinity\"}"),
        SHOWN(NUMBER, "\x31\xfe\xff\xff\xff\xff\xff\xff\xff", "{\"asInt\":\"-2\"}"),
        SHOWN(HISTOGRAM, "\x32\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0",
              "{\"bucketCounts\":[\"1\",\"2\"]}"),
        SHOWN(HISTOGRAM, "\x31\x01\0\0\0\0\0\0\0\x32\x08\x02\0\0\0\0\0\0\0",
              "{\"bucketCounts\":[\"1\",\"2\"]}"),
        SHOWN(HISTOGRAM, "\x32\x00", "{\"bucketCounts\":[]}"),
        SHOWN(EXPONENTIAL, "\x30\x01", "{\"scale\":-1}"),
        SHOWN(EXPONENTIAL, "\x42\x07\x08\x05\x12\x03\x01\xac\x02",
              "{\"positive\":{\"offset\":-3,\"bucketCounts\":[\"1\",\"300\"]}}"),
        /* The last of several counts, unknown ones are left out, repeated ones may stand apart. */
        SHOWN(LOG, "\x10\x09\x10\x0a", "{\"severityNumber\":10}"),
        SHOWN(LOG, "\xf8\x07\x01\x10\x09\xa3\x06\x08\x01\xa4\x06", "{\"severityNumber\":9}"),
        SHOWN(LOG,
              "\x32\x03\x0a\x01"
              "a\x10\x09\x32\x03\x0a\x01"
              "b",
              "{\"severityNumber\":9,\"attributes\":[{\"key\":\"a\"},{\"key\":\"b\"}]}"),
    };
    struct slu_budget *budget = budget_of(65536);
    uint64_t used = budget_used(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("# %s\n", cases[i].json);
        nested_init(&nested, cases[i].bytes, cases[i].len);
        for (size_t at = 0; cases[i].above[at] != 0; at++) {
            nested_wrap(&nested, cases[i].above[at]);
        }
        assert_int_equal(written(budget, cases[i].signal, nested_view(&nested)), 0);
        assert_non_null(strstr(text, cases[i].json));
    }
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void a_request_is_written_as_one_line(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(65536);
    struct slu_bytes message = {"\x0a\x0b\x12\x09\x0a\x00\x12\x05\x2a\x03\x0a\x01h", 13};
    assert_int_equal(written(budget, OTLP_LOGS, message), 0);
    assert_string_equal(text, "{\"resourceLogs\":[{\"scopeLogs\":[{\"scope\":{},\"logRecords\":"
                              "[{\"body\":{\"stringValue\":\"h\"}}]}]}]}\n");
    assert_int_equal(written(budget, OTLP_TRACES, (struct slu_bytes){0}), 0);
    assert_string_equal(text, "{}\n");
    slu_budget_destroy(&budget);
}

static void values_nested_too_deeply_are_empty_and_the_line_is_whole(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(65536);
    for (uint32_t depth = 0; depth < 200; depth++) {
        nested_init(&nested, "\x18\x07", 2);
        for (uint32_t i = 0; i < depth; i++) {
            nested_wrap(&nested, 1);
            nested_wrap(&nested, 5);
        }
        nested_wrap(&nested, 5);
        for (int i = 0; i < 3; i++) {
            nested_wrap(&nested, i < 2 ? 2 : 1);
        }
        assert_int_equal(written(budget, OTLP_LOGS, nested_view(&nested)), 0);
        assert_int_equal(strstr(text, "{\"intValue\":\"7\"}") != NULL, depth < 12);
    }
    slu_budget_destroy(&budget);
}

static void what_is_not_well_formed_is_told_and_the_line_is_json_all_the_same(void **state)
{
    (void)state;
    static const struct slu_bytes faults[] = {
        {"\x0a", 1},
        {"\x0a\x02\x12\x01", 4},
        {"\x0a\x04\x12\x02\x12\x05", 6},
        {"\x0a\x05\x12\x03\x12\x01\xff", 7},
        {"\x00\x01", 2},
    };
    static const char packed[] = "\x0a\x0e\x12\x0c\x12\x0a\x4a\x08\x0a\x06\x32\x04z123";
    static const char varints[] =
        "\x0a\x0e\x12\x0c\x12\x0a\x52\x08\x0a\x06\x42\x04\x12\x02\x01\x80";
    struct slu_budget *budget = budget_of(65536);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_int_equal(written(budget, OTLP_LOGS, faults[i]), -EBADMSG);
    }
    assert_int_equal(written(budget, OTLP_METRICS, (struct slu_bytes){packed, sizeof(packed) - 1}),
                     -EBADMSG);
    assert_int_equal(
        written(budget, OTLP_METRICS, (struct slu_bytes){varints, sizeof(varints) - 1}), -EBADMSG);
    slu_budget_destroy(&budget);
}

static void whatever_the_bytes_what_is_written_is_json(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct guarded guarded = guarded_create(OTLP_MADE_BYTES_MAX);
    struct slu_budget *budget = budget_of(65536);
    for (uint64_t i = 0; i < test_rounds(500); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        otlp_make(&made, &random, signal, OTLP_WILD, ROUND_BYTES);
        struct slu_bytes whole = guarded_put(&guarded, made.bytes, made.len);
        assert_int_equal(written(budget, signal, whole), 0);
        for (int turn = 0; turn < 8 && made.len > 0; turn++) {
            made.bytes[test_random_below(&random, made.len)] = (uint8_t)test_random_next(&random);
            whole = guarded_put(&guarded, made.bytes, made.len);
            int err = written(budget, signal, whole);
            assert_true(err == 0 || err == -EBADMSG);
        }
    }
    slu_budget_destroy(&budget);
    guarded_destroy(&guarded);
}

static void no_memory_for_a_value_of_bytes_is_told_and_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char message[] = "\x0a\x0b\x12\x09\x12\x07\x2a\x05\x3a\x03"
                                  "abc";
    struct slu_bytes bytes = {message, sizeof(message) - 1};
    struct slu_budget *budget = budget_of(65536);
    uint64_t used = budget_used(budget);
    int64_t live = alloc_live_count();
    alloc_fault_at(1);
    assert_int_equal(written(budget, OTLP_LOGS, bytes), -ENOMEM);
    assert_true(alloc_fault_hit());
    alloc_fault_at(0);
    assert_int_equal(alloc_live_count(), live);
    assert_int_equal(budget_used(budget), used);
    slu_budget_set_limit(budget, used);
    assert_int_equal(written(budget, OTLP_LOGS, bytes), -EDQUOT);
    assert_non_null(strstr(text, "{\"bytesValue\":null}"));
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_written_as_the_specification_says),
        cmocka_unit_test(a_request_is_written_as_one_line),
        cmocka_unit_test(values_nested_too_deeply_are_empty_and_the_line_is_whole),
        cmocka_unit_test(what_is_not_well_formed_is_told_and_the_line_is_json_all_the_same),
        cmocka_unit_test(whatever_the_bytes_what_is_written_is_json),
        cmocka_unit_test(no_memory_for_a_value_of_bytes_is_told_and_leaves_nothing_behind),
    };
    return TEST_RUN("otlp_json_write", tests);
}
