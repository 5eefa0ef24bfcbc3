#include "wire/otlp_json_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_check.h"

#include "budget.h"
#include "guarded.h"
#include "harness.h"
#include "nested.h"

#define JSON_BYTES_MAX 4096

/* Where in a request a piece of JSON is put. */
enum place {
    LOG,
    SPAN,
    NUMBER,
    HISTOGRAM,
    EXPONENTIAL,
    METRIC
};

static const struct {
    enum otlp_signal signal;
    const char *before;
    const char *behind;
    uint32_t depth; /* messages above it */
} places[] = {
    [LOG] = {OTLP_LOGS, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[", "]}]}]}", 3},
    [SPAN] = {OTLP_TRACES, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[", "]}]}]}", 3},
    [METRIC] = {OTLP_METRICS, "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[", "]}]}]}",
                3},
    [NUMBER] = {OTLP_METRICS,
                "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":"
                "{\"dataPoints\":[",
                "]}}]}]}]}", 5},
    [HISTOGRAM] = {OTLP_METRICS,
                   "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"histogram\":"
                   "{\"dataPoints\":[",
                   "]}}]}]}]}", 5},
    [EXPONENTIAL] = {OTLP_METRICS,
                     "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":["
                     "{\"exponentialHistogram\":{\"dataPoints\":[",
                     "]}}]}]}]}", 5},
};

struct fixture {
    struct slu_budget *budget;
    uint64_t used_bytes;
    struct guarded guarded;
};

static int begin(void **state)
{
    static struct fixture fixture;
    fixture.budget = budget_of(UINT64_C(1) << 24);
    fixture.used_bytes = budget_used(fixture.budget);
    fixture.guarded = guarded_create(1 << 20);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(budget_used(fixture->budget), fixture->used_bytes);
    slu_budget_destroy(&fixture->budget);
    guarded_destroy(&fixture->guarded);
    return 0;
}

static int read_bytes(struct fixture *fixture, enum otlp_signal signal, struct slu_bytes json,
                      struct block *out, struct slu_diag *diag)
{
    struct slu_bytes text = guarded_put(&fixture->guarded, json.data, json.len);
    int err = otlp_json_read(fixture->budget, signal, text, out, diag);
    if (err == 0) {
        struct otlp_counts counts;
        struct slu_bytes message = {out->data, out->len};
        assert_int_equal(otlp_check(signal, message, &counts, NULL), 0);
    }
    return err;
}

static int read_at(struct fixture *fixture, enum place place, const char *piece, struct block *out,
                   struct slu_diag *diag)
{
    char json[JSON_BYTES_MAX];
    int len =
        snprintf(json, sizeof(json), "%s%s%s", places[place].before, piece, places[place].behind);
    assert_true(len > 0 && (size_t)len < sizeof(json));
    return read_bytes(fixture, places[place].signal, (struct slu_bytes){json, (size_t)len}, out,
                      diag);
}

/* The message at a place: the only field of each that is above it. */
static struct slu_bytes within(const struct block *block, uint32_t depth)
{
    struct slu_bytes bytes = {block->data, block->len};
    for (uint32_t i = 0; i < depth; i++) {
        struct protobuf_reader reader;
        struct protobuf_field field = {0};
        protobuf_reader_init(&reader, bytes);
        assert_true(protobuf_next(&reader, &field));
        assert_int_equal(field.whole.len, bytes.len);
        bytes = field.bytes;
    }
    return bytes;
}

struct taken {
    enum place place;
    const char *json;
    const char *bytes;
    size_t len;
};

static void expect_taken(struct fixture *fixture, const struct taken *taken, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct block block = {0};
        struct slu_diag diag = {.message = "none"};
        print_message("# %s\n", taken[i].json);
        int err = read_at(fixture, taken[i].place, taken[i].json, &block, &diag);
        assert_string_equal(diag.message, "none");
        assert_int_equal(err, 0);
        struct slu_bytes bytes = within(&block, places[taken[i].place].depth);
        assert_int_equal(bytes.len, taken[i].len);
        assert_memory_equal(bytes.data, taken[i].bytes, bytes.len);
        block_free(fixture->budget, &block);
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TAKEN(place, json, literal)                                                                \
    {                                                                                              \
        (place), (json), (literal), sizeof(literal) - 1                                            \
    }
#define EXPECT_TAKEN(fixture, taken) expect_taken((fixture), (taken), COUNT(taken))

static void whole_numbers_are_taken_as_numbers_and_as_strings(void **state)
{
    static const struct taken taken[] = {
        TAKEN(LOG, "{\"timeUnixNano\":\"1\"}", "\x09\x01\0\0\0\0\0\0\0"),
        TAKEN(LOG, "{\"timeUnixNano\":1}", "\x09\x01\0\0\0\0\0\0\0"),
        TAKEN(LOG, "{\"timeUnixNano\":1e3}", "\x09\xe8\x03\0\0\0\0\0\0"),
        TAKEN(LOG, "{\"timeUnixNano\":\"2.0\"}", "\x09\x02\0\0\0\0\0\0\0"),
        TAKEN(LOG, "{\"timeUnixNano\":\"\\u0031\"}", "\x09\x01\0\0\0\0\0\0\0"),
        TAKEN(LOG, "{\"timeUnixNano\":\"18446744073709551615\"}",
              "\x09\xff\xff\xff\xff\xff\xff\xff\xff"),
        TAKEN(LOG, "{\"timeUnixNano\":18446744073709551615}",
              "\x09\xff\xff\xff\xff\xff\xff\xff\xff"),
        TAKEN(LOG, "{\"timeUnixNano\":-0}", "\x09\0\0\0\0\0\0\0\0"),
        TAKEN(LOG, "{\"body\":{\"intValue\":\"-9223372036854775808\"}}",
              "\x2a\x0b\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
        TAKEN(LOG, "{\"body\":{\"intValue\":9223372036854775807}}",
              "\x2a\x0a\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        TAKEN(LOG, "{\"body\":{\"intValue\":-1}}",
              "\x2a\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        TAKEN(LOG, "{\"body\":{\"intValue\":0}}", "\x2a\x02\x18\x00"),
        TAKEN(LOG, "{\"droppedAttributesCount\":4294967295}", "\x38\xff\xff\xff\xff\x0f"),
        TAKEN(LOG, "{\"flags\":\"4294967295\"}", "\x45\xff\xff\xff\xff"),
        TAKEN(NUMBER, "{\"asInt\":\"-2\"}", "\x31\xfe\xff\xff\xff\xff\xff\xff\xff"),
        TAKEN(EXPONENTIAL, "{\"scale\":-1}", "\x30\x01"),
        TAKEN(EXPONENTIAL, "{\"scale\":-2147483648}", "\x30\xff\xff\xff\xff\x0f"),
        TAKEN(EXPONENTIAL, "{\"scale\":2147483647}", "\x30\xfe\xff\xff\xff\x0f"),
    };
    EXPECT_TAKEN(*state, taken);
}

static void numbers_with_a_point_are_taken_and_those_that_json_has_not(void **state)
{
    static const struct taken taken[] = {
        TAKEN(NUMBER, "{\"asDouble\":1.5}", "\x21\0\0\0\0\0\0\xf8\x3f"),
        TAKEN(NUMBER, "{\"asDouble\":\"1.5\"}", "\x21\0\0\0\0\0\0\xf8\x3f"),
        TAKEN(NUMBER, "{\"asDouble\":15E-1}", "\x21\0\0\0\0\0\0\xf8\x3f"),
        TAKEN(NUMBER, "{\"asDouble\":-0}", "\x21\0\0\0\0\0\0\0\x80"),
        TAKEN(NUMBER, "{\"asDouble\":\"NaN\"}", "\x21\0\0\0\0\0\0\xf8\x7f"),
        TAKEN(NUMBER, "{\"asDouble\":\"Infinity\"}", "\x21\0\0\0\0\0\0\xf0\x7f"),
        TAKEN(NUMBER, "{\"asDouble\":\"-Infinity\"}", "\x21\0\0\0\0\0\0\xf0\xff"),
        TAKEN(NUMBER, "{\"asDouble\":5e-324}", "\x21\x01\0\0\0\0\0\0\0"),
        TAKEN(NUMBER,
              "{\"asDouble\":1000000000000000000000000000000000000000000000000000000000000000000000"
              "000000000000000000000000000000000.00000000000000000000}",
              "\x21\x73\x71\xb8\x8a\x1e\x93\x1c\x55"),
    };
    EXPECT_TAKEN(*state, taken);
}

static void repeated_numbers_are_packed(void **state)
{
    static const struct taken taken[] = {
        TAKEN(HISTOGRAM, "{\"bucketCounts\":[\"1\",2]}",
              "\x32\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"),
        TAKEN(HISTOGRAM, "{\"bucketCounts\":[]}", "\x32\x00"),
        TAKEN(HISTOGRAM, "{\"explicitBounds\":[1.5,\"NaN\"]}",
              "\x3a\x10\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\xf8\x7f"),
        TAKEN(EXPONENTIAL, "{\"positive\":{\"offset\":-3,\"bucketCounts\":[\"1\",300]}}",
              "\x42\x07\x08\x05\x12\x03\x01\xac\x02"),
    };
    EXPECT_TAKEN(*state, taken);
}

static void enums_are_taken_as_numbers_and_names(void **state)
{
    static const struct taken taken[] = {
        TAKEN(LOG, "{\"severityNumber\":9}", "\x10\x09"),
        TAKEN(LOG, "{\"severityNumber\":\"9\"}", "\x10\x09"),
        TAKEN(LOG, "{\"severityNumber\":\"SEVERITY_NUMBER_INFO\"}", "\x10\x09"),
        TAKEN(LOG, "{\"severityNumber\":\"SEVERITY\\u005fNUMBER_FATAL4\"}", "\x10\x18"),
        TAKEN(LOG, "{\"severityNumber\":1000}", "\x10\xe8\x07"),
        TAKEN(LOG, "{\"severityNumber\":-1}", "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        TAKEN(SPAN, "{\"kind\":\"SPAN_KIND_CONSUMER\"}", "\x30\x05"),
        TAKEN(SPAN, "{\"status\":{\"code\":\"STATUS_CODE_ERROR\"}}", "\x7a\x02\x18\x02"),
        TAKEN(METRIC,
              "{\"sum\":{\"aggregationTemporality\":\"AGGREGATION_TEMPORALITY_CUMULATIVE\","
              "\"isMonotonic\":true}}",
              "\x3a\x04\x10\x02\x18\x01"),
    };
    EXPECT_TAKEN(*state, taken);
}

static void ids_are_hex_in_both_cases_and_bytes_base64_of_both_alphabets(void **state)
{
    static const struct taken taken[] = {
        TAKEN(LOG, "{\"spanId\":\"EEE19B7ec3c1b174\"}", "\x52\x08\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74"),
        TAKEN(LOG, "{\"spanId\":\"\"}", "\x52\x00"),
        TAKEN(LOG, "{\"spanId\":\"\\u0030000000000000001\"}", "\x52\x08\0\0\0\0\0\0\0\x01"),
        TAKEN(LOG, "{\"traceId\":\"000102030405060708090a0B0c0D0e0F\"}",
              "\x4a\x10\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"),
        TAKEN(LOG, "{\"body\":{\"bytesValue\":\"+//+\"}}", "\x2a\x05\x3a\x03\xfb\xff\xfe"),
        TAKEN(LOG, "{\"body\":{\"bytesValue\":\"-__-\"}}", "\x2a\x05\x3a\x03\xfb\xff\xfe"),
        TAKEN(LOG, "{\"body\":{\"bytesValue\":\"+\\/\\/+\"}}", "\x2a\x05\x3a\x03\xfb\xff\xfe"),
        TAKEN(LOG, "{\"body\":{\"bytesValue\":\"AQ==\"}}", "\x2a\x03\x3a\x01\x01"),
        TAKEN(LOG, "{\"body\":{\"bytesValue\":\"AQ\"}}", "\x2a\x03\x3a\x01\x01"),
        TAKEN(LOG, "{\"body\":{\"bytesValue\":\"\"}}", "\x2a\x02\x3a\x00"),
    };
    EXPECT_TAKEN(*state, taken);
}

static void strings_are_taken_with_their_escapes_resolved(void **state)
{
    static const struct taken taken[] = {
        TAKEN(LOG, "{\"severityText\":\"a\\n\\\"\\/\\u00e4\"}",
              "\x1a\x06"
              "a\n\"/\xc3\xa4"),
        TAKEN(LOG, "{\"severityText\":\"\\ud83d\\udca7\"}", "\x1a\x04\xf0\x9f\x92\xa7"),
        TAKEN(LOG, "{\"severityText\":\"\xc3\xa4\"}", "\x1a\x02\xc3\xa4"),
        TAKEN(LOG, "{\"severityText\":\"\\u0000\"}", "\x1a\x01\0"),
        TAKEN(LOG, "{\"severityText\":\"\"}", "\x1a\x00"),
        TAKEN(LOG, "{\"eventName\":\"e\"}",
              "\x62\x01"
              "e"),
    };
    EXPECT_TAKEN(*state, taken);
}

static void keys_are_taken_in_both_spellings_and_unknown_ones_passed_over(void **state)
{
    static const struct taken taken[] = {
        TAKEN(LOG, "{\"time_unix_nano\":1}", "\x09\x01\0\0\0\0\0\0\0"),
        TAKEN(LOG, "{\"severity_text\":\"x\"}", "\x1a\x01x"),
        TAKEN(LOG, "{\"severity\\u0054ext\":\"x\"}", "\x1a\x01x"),
        TAKEN(LOG, "{\"body\":{\"kvlist_value\":{\"values\":[{\"key\":\"k\"}]}}}",
              "\x2a\x07\x32\x05\x0a\x03\x0a\x01k"),
        TAKEN(LOG, "{\"x\":1,\"severityText\":\"x\",\"y\":[{\"z\":[[],{}]},\"\\n\",1e9,true,null]}",
              "\x1a\x01x"),
        TAKEN(LOG, "{\"severityTex\":5,\"severityTextt\":5,\"SeverityText\":5,\"\":5}", ""),
        TAKEN(LOG,
              "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "\":1,\"severityText\":\"x\"}",
              "\x1a\x01x"),
    };
    EXPECT_TAKEN(*state, taken);
}

static void null_is_as_if_it_were_not_there(void **state)
{
    static const struct taken taken[] = {
        TAKEN(LOG, "{\"timeUnixNano\":null,\"body\":null,\"attributes\":null,\"traceId\":null}",
              ""),
        TAKEN(HISTOGRAM, "{\"bucketCounts\":null}", ""),
        TAKEN(LOG, "{\"body\":{\"stringValue\":null}}", "\x2a\x00"),
        TAKEN(LOG, "{\"attributes\":[]}", ""),
    };
    EXPECT_TAKEN(*state, taken);
}

static void an_empty_object_is_an_empty_request(void **state)
{
    struct fixture *fixture = *state;
    static const char *const empty[] = {"{}", " { } \n", "{\"other\":{}}", "{\"resourceLogs\":[]}",
                                        "{\"resourceLogs\":null}"};
    for (size_t i = 0; i < COUNT(empty); i++) {
        struct block block = {.len = 7};
        struct slu_bytes json = {empty[i], strlen(empty[i])};
        assert_int_equal(read_bytes(fixture, OTLP_LOGS, json, &block, NULL), 0);
        assert_int_equal(block.len, 0);
        block_free(fixture->budget, &block);
    }
}

/* Refused with the place of the piece in a line of its own, and the message. */
struct refused {
    enum place place;
    const char *piece;
    uint32_t line;
    uint32_t column;
    const char *message;
};

static const char number[] = "a number is expected here";
static const char whole[] = "a whole number in its range is expected here";
static const char object[] = "an object is expected here";
static const char string[] = "a string is expected here";
static const char array[] = "an array is expected here";
static const char range[] = "the number is out of its range";
static const struct refused refused[] = {
    {LOG, "\n{\"body\":5}", 2, 9, object},
    {LOG, "\n{\"body\":  \"x\"}", 2, 11, object},
    {LOG, "\n5", 2, 1, object},
    {LOG, "\nnull", 2, 1, object},
    {LOG, "\n{},\n{},\n []", 4, 2, object},
    {LOG, "\n{\"severityText\":5}", 2, 17, string},
    {LOG, "\n{\"severityText\":{}}", 2, 17, string},
    {LOG, "\n{\"attributes\":{}}", 2, 15, array},
    {LOG, "\n{\"attributes\":\n\"x\"}", 3, 1, array},
    {HISTOGRAM, "\n{\"bucketCounts\":1}", 2, 17, array},
    {HISTOGRAM, "\n{\"bucketCounts\":[1,\n2, null]}", 3, 4, number},
    {HISTOGRAM, "\n{\"bucketCounts\":[[1]]}", 2, 18, number},
    {HISTOGRAM, "\n{\"bucketCounts\":[1, -1]}", 2, 21, whole},
    {HISTOGRAM, "\n{\"bucketCounts\":[1.5]}", 2, 18, whole},
    {LOG, "\n{\"timeUnixNano\":\"\"}", 2, 17, number},
    {LOG, "\n{\"timeUnixNano\":\" 1\"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":\"1 \"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":\"+1\"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":\"0x10\"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":\"0x1e\"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":\"1\\u0000\"}", 2, 17, number},
    {LOG, "\n{\"timeUnixNano\":\"1e\"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":\"-\"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":\"Infinity\"}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":-1}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":18446744073709551616}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":1e400}", 2, 17, whole},
    {LOG, "\n{\"timeUnixNano\":true}", 2, 17, number},
    {LOG, "\n{\"body\":{\"intValue\":9223372036854775808}}", 2, 21, whole},
    {LOG, "\n{\"body\":{\"intValue\":-9223372036854775809}}", 2, 21, whole},
    {LOG, "\n{\"body\":{\"intValue\":0.5}}", 2, 21, whole},
    {LOG, "\n{\"body\":{\"boolValue\":1}}", 2, 22, "true or false is expected here"},
    {LOG, "\n{\"body\":{\"boolValue\":\"true\"}}", 2, 22, "true or false is expected here"},
    {LOG, "\n{\"flags\":4294967296}", 2, 10, range},
    {LOG, "\n{\"flags\":-1}", 2, 10, range},
    {EXPONENTIAL, "\n{\"scale\":2147483648}", 2, 10, range},
    {LOG, "\n{\"severityNumber\":2147483648}", 2, 19, range},
    {LOG, "\n{\"severityNumber\":\"INFO\"}", 2, 19, whole},
    {LOG, "\n{\"severityNumber\":\"SPAN_KIND_SERVER\"}", 2, 19, whole},
    {NUMBER, "\n{\"asDouble\":\"nan\"}", 2, 13, number},
    {NUMBER, "\n{\"asDouble\":\"inf\"}", 2, 13, number},
    {NUMBER, "\n{\"asDouble\":\"0x1p3\"}", 2, 13, number},
    {NUMBER, "\n{\"asDouble\":\"1,5\"}", 2, 13, number},
    {NUMBER, "\n{\"asDouble\":\".5\"}", 2, 13, number},
    {NUMBER, "\n{\"asDouble\":\"-\"}", 2, 13, number},
    {NUMBER, "\n{\"asDouble\":\"1.5.5\"}", 2, 13, number},
    {NUMBER, "\n{\"asDouble\":1e400}", 2, 13, range},
    {NUMBER, "\n{\"asDouble\":NaN}", 2, 13, "a value is expected here"},
    {LOG, "\n{\"traceId\":\"00\"}", 2, 12, "a trace id has 32 hexadecimal digits"},
    {LOG, "\n{\"spanId\":\"000000000000000\"}", 2, 11, "a span id has 16 hexadecimal digits"},
    {LOG, "\n{\"spanId\":\"000000000000000g\"}", 2, 11, "ids are hexadecimal digits"},
    {LOG, "\n{\"spanId\":\"00000000000000\xc3\xa4\"}", 2, 11, "ids are hexadecimal digits"},
    {LOG, "\n{\"body\":{\"bytesValue\":\"A\"}}", 2, 23, "this is not base64"},
    {LOG, "\n{\"body\":{\"bytesValue\":\"A A=\"}}", 2, 23, "this is not base64"},
};

static void what_is_no_value_of_a_field_is_refused_with_its_place(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct block block = {.len = 7};
        struct slu_diag diag = {0};
        char message[SLU_DIAG_MESSAGE_MAX];
        print_message("# refusal %zu\n", i);
        int err = read_at(fixture, refused[i].place, refused[i].piece, &block, &diag);
        (void)snprintf(message, sizeof(message), "line %u, column %u: %s", refused[i].line,
                       refused[i].column, refused[i].message);
        assert_int_equal(err, -EBADMSG);
        assert_string_equal(diag.message, message);
        assert_int_equal(diag.line, refused[i].line);
        assert_int_equal(diag.column, refused[i].column);
        assert_int_equal(block.len, 7);
    }
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *json;
        const char *message;
    } cases[] = {
        {"", "line 1, column 1: it ends too early"},
        {"\n \n", "line 3, column 1: it ends too early"},
        {"[]", "line 1, column 1: an object is expected here"},
        {"5", "line 1, column 1: an object is expected here"},
        {"{\"a\":1,}", "line 1, column 8: a key in quotes is expected here"},
        {"{} {}", "line 1, column 4: there is something behind the value"},
        {"{\"a\" 1}", "line 1, column 6: a colon is expected behind a key"},
        {"{\"a\":\n\"\\x\"}", "line 2, column 2: this is no escape"},
        {"{\"resourceLogs\":[{}\n{}]}", "line 2, column 1: a comma, or the end, is expected here"},
        {"{\"a\":[1,2}", "line 1, column 10: a comma, or the end, is expected here"},
        {"{\"resourceLogs\":[{\"scopeLogs\":[", "line 1, column 32: it ends too early"},
        {"{\"resourceLogs\":[", "line 1, column 18: it ends too early"},
        {"{\"a\":\"\xff\"}", "line 1, column 7: this is not UTF-8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct block block = {.len = 7};
        struct slu_diag diag = {0};
        struct slu_bytes json = {cases[i].json, strlen(cases[i].json)};
        assert_int_equal(read_bytes(fixture, OTLP_LOGS, json, &block, &diag), -EBADMSG);
        assert_string_equal(diag.message, cases[i].message);
        assert_int_equal(block.len, 7);
        assert_int_equal(read_bytes(fixture, OTLP_LOGS, json, &block, NULL), -EBADMSG);
    }
}

/* A record whose body holds `depth` arrays, one in the other. */
static int read_nested(struct fixture *fixture, uint32_t depth, struct slu_diag *diag)
{
    static const char opened[] = "{\"arrayValue\":{\"values\":[";
    static char json[1 << 18];
    struct block block = {0};
    size_t len = (size_t)snprintf(json, sizeof(json), "%s{\"body\":", places[LOG].before);
    for (uint32_t i = 0; i < depth; i++, len += sizeof(opened) - 1) {
        memcpy(json + len, opened, sizeof(opened));
    }
    for (uint32_t i = 0; i < depth; i++, len += 3) {
        memcpy(json + len, i == 0 ? " ]}" : "}]}", 4);
    }
    len += (size_t)snprintf(json + len, sizeof(json) - len, "%s}%s", depth > 0 ? "}" : "{}",
                            places[LOG].behind);
    int err = read_bytes(fixture, OTLP_LOGS, (struct slu_bytes){json, len}, &block, diag);
    block_free(fixture->budget, &block);
    return err;
}

static void values_nest_to_the_limit_and_five_thousand_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slu_diag diag = {0};
    uint32_t most = (OTLP_DEPTH_MAX - 4) / 2; /* the last has no value within */
    assert_int_equal(read_nested(fixture, 0, &diag), 0);
    assert_int_equal(read_nested(fixture, most + 1, &diag), -EBADMSG);
    assert_int_equal(read_nested(fixture, most, &diag), 0);
    assert_int_equal(read_nested(fixture, 5000, &diag), -EBADMSG);
    assert_non_null(strstr(diag.message, "it is nested too deeply"));
}

static void long_messages_are_put_behind_lengths_of_any_size(void **state)
{
    struct fixture *fixture = *state;
    static char json[1 << 18];
    static const size_t lens[] = {0, 1, 60, 110, 127, 128, 16000, 16383, 16384, 200000};
    for (size_t i = 0; i < COUNT(lens); i++) {
        struct block block = {0};
        size_t len = (size_t)snprintf(json, sizeof(json), "%s{\"body\":{\"stringValue\":\"",
                                      places[LOG].before);
        memset(json + len, 'x', lens[i]);
        len += lens[i];
        len += (size_t)snprintf(json + len, sizeof(json) - len, "\"}}%s", places[LOG].behind);
        assert_int_equal(
            read_bytes(fixture, OTLP_LOGS, (struct slu_bytes){json, len}, &block, NULL), 0);
        struct slu_bytes body = within(&block, 5);
        assert_int_equal(body.len, lens[i]);
        block_free(fixture->budget, &block);
    }
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static const char everything[] =
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":["
    "{\"severityText\":\"\\n\",\"body\":{\"bytesValue\":\"AQ==\"},\"attributes\":["
    "{\"key\":\"k\",\"value\":{\"arrayValue\":{\"values\":["
    "{\"stringValue\":\"" LONG LONG LONG LONG "\"},{\"stringValue\":\"\\t\"}]}}}]}]}]}]}";

static void no_memory_leaves_nothing_behind_whichever_allocation_fails(void **state)
{
    struct fixture *fixture = *state;
    bool was_hit = true;
    uint64_t failed_count = 0;
    for (uint64_t nth = 1; was_hit; nth++) {
        struct block block = {.len = 7};
        struct slu_diag diag = {.message = "none"};
        struct slu_bytes json = {everything, sizeof(everything) - 1};
        int64_t live = alloc_live_count();
        alloc_fault_at(nth);
        int err = otlp_json_read(fixture->budget, OTLP_LOGS, json, &block, &diag);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        if (was_hit) {
            assert_int_equal(block.len, 7);
            assert_non_null(strstr(diag.message, "there is no memory left for it"));
            failed_count++;
        } else {
            assert_string_equal(diag.message, "none");
            block_free(fixture->budget, &block);
        }
        assert_int_equal(alloc_live_count(), live);
        assert_int_equal(budget_used(fixture->budget), fixture->used_bytes);
    }
    assert_true(failed_count >= 5); /* the message twice, two strings, bytes */
}

static void a_spent_budget_refuses_and_a_larger_one_is_enough(void **state)
{
    (void)state;
    uint64_t refused_count = 0;
    int err = -EDQUOT;
    for (uint64_t limit = 256; err != 0; limit += 64) {
        struct slu_budget *budget = NULL;
        struct block block = {.len = 7};
        struct slu_bytes json = {everything, sizeof(everything) - 1};
        if (slu_budget_create(NULL, "test", limit, &budget) != 0) {
            continue;
        }
        uint64_t used = budget_used(budget);
        err = otlp_json_read(budget, OTLP_LOGS, json, &block, NULL);
        if (err == 0) {
            block_free(budget, &block);
        } else {
            assert_int_equal(err, -EDQUOT);
            assert_int_equal(block.len, 7);
            refused_count++;
        }
        assert_int_equal(budget_used(budget), used);
        slu_budget_destroy(&budget);
    }
    assert_true(refused_count >= 5);
}

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(whole_numbers_are_taken_as_numbers_and_as_strings),
        FIXTURE_TEST(numbers_with_a_point_are_taken_and_those_that_json_has_not),
        FIXTURE_TEST(repeated_numbers_are_packed),
        FIXTURE_TEST(enums_are_taken_as_numbers_and_names),
        FIXTURE_TEST(ids_are_hex_in_both_cases_and_bytes_base64_of_both_alphabets),
        FIXTURE_TEST(strings_are_taken_with_their_escapes_resolved),
        FIXTURE_TEST(keys_are_taken_in_both_spellings_and_unknown_ones_passed_over),
        FIXTURE_TEST(null_is_as_if_it_were_not_there),
        FIXTURE_TEST(an_empty_object_is_an_empty_request),
        FIXTURE_TEST(what_is_no_value_of_a_field_is_refused_with_its_place),
        FIXTURE_TEST(what_is_no_json_is_refused_with_its_place),
        FIXTURE_TEST(values_nest_to_the_limit_and_five_thousand_are_refused),
        FIXTURE_TEST(long_messages_are_put_behind_lengths_of_any_size),
        FIXTURE_TEST(no_memory_leaves_nothing_behind_whichever_allocation_fails),
        FIXTURE_TEST(a_spent_budget_refuses_and_a_larger_one_is_enough),
    };
    return TEST_RUN("otlp_json_read", tests);
}
