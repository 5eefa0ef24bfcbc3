#include <stdio.h>
#include <string.h>

#include "base/block.h"
#include "base/sink.h"
#include "wire/otlp_check.h"
#include "wire/otlp_json_read.h"
#include "wire/otlp_json_write.h"

#include "budget.h"
#include "harness.h"
#include "otlp_random.h"

#define TEXT_BYTES_MAX ((size_t)4 * 1024 * 1024)

static struct otlp_made made;
static char text[TEXT_BYTES_MAX];

static struct slu_bytes view(const struct block *block)
{
    return (struct slu_bytes){block->data, block->len};
}

static struct slu_bytes write_json(struct slu_budget *budget, enum otlp_signal signal,
                                   struct slu_bytes message)
{
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    assert_int_equal(otlp_json_write(budget, &sink, signal, message), 0);
    assert_int_equal(sink_end(&sink), 0);
    return (struct slu_bytes){text, sink.len};
}

static struct block read_json(struct slu_budget *budget, enum otlp_signal signal,
                              struct slu_bytes json)
{
    struct block block = {0};
    struct otlp_counts counts;
    assert_int_equal(otlp_json_read(budget, signal, json, &block, NULL), 0);
    assert_int_equal(otlp_check(signal, view(&block), &counts, NULL), 0);
    return block;
}

static void a_plain_request_comes_back_from_json_byte_by_byte(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(UINT64_C(1) << 26);
    uint64_t used = budget_used(budget);
    for (uint64_t i = 0; i < test_rounds(1500); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        otlp_make(&made, &random, signal, OTLP_PLAIN,
                  test_random_below(&random, i % 64 == 0 ? 100000 : 4000));
        struct slu_bytes json = write_json(budget, signal, otlp_made_view(&made));
        struct block block = read_json(budget, signal, json);
        assert_int_equal(block.len, made.len);
        assert_memory_equal(block.data, made.bytes, made.len);
        block_free(budget, &block);
    }
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

/* Once through our own JSON, fields are in order: from then on nothing changes. */
static void expect_stable(struct slu_budget *budget, enum otlp_signal signal, struct slu_bytes json)
{
    static char first_text[TEXT_BYTES_MAX];
    struct block first = read_json(budget, signal, json);
    struct slu_bytes written = write_json(budget, signal, view(&first));
    memcpy(first_text, text, written.len);
    struct block second = read_json(budget, signal, written);
    assert_int_equal(write_json(budget, signal, view(&second)).len, written.len);
    assert_memory_equal(text, first_text, written.len);
    struct block third = read_json(budget, signal, (struct slu_bytes){text, written.len});
    assert_int_equal(third.len, second.len);
    assert_memory_equal(third.data, second.data, second.len);
    block_free(budget, &first);
    block_free(budget, &second);
    block_free(budget, &third);
}

static void a_wild_request_is_stable_once_it_went_through_json(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(UINT64_C(1) << 26);
    for (uint64_t i = 0; i < test_rounds(900); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        otlp_make(&made, &random, signal, OTLP_WILD, 4000);
        expect_stable(budget, signal, write_json(budget, signal, otlp_made_view(&made)));
    }
    slu_budget_destroy(&budget);
}

static struct slu_bytes example(const char *name)
{
    static char json[65536];
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", OTLP_EXAMPLES, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(json, 1, sizeof(json), file);
    assert_true(len > 0 && len < sizeof(json));
    assert_int_equal(fclose(file), 0);
    return (struct slu_bytes){json, len};
}

static void the_examples_of_the_specification_are_read_and_stable(void **state)
{
    (void)state;
    static const struct {
        enum otlp_signal signal;
        const char *name;
        uint64_t record_count;
        const char *pieces[6];
    } examples[] = {
        {OTLP_TRACES,
         "trace.json",
         1,
         {"{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\","
          "\"parentSpanId\":\"eee19b7ec3c1b173\",\"name\":\"I'm a server span\",\"kind\":2,"
          "\"startTimeUnixNano\":\"1544712660000000000\","}},
        {OTLP_METRICS,
         "metrics.json",
         5,
         {"\"asDouble\":5,", "\"aggregationTemporality\":1,\"isMonotonic\":true}",
          "\"count\":\"2\",\"sum\":2,\"bucketCounts\":[\"1\",\"1\"],\"explicitBounds\":[1],",
          "\"zeroCount\":\"1\",\"positive\":{\"offset\":1,\"bucketCounts\":[\"0\",\"2\"]},",
          "\"quantileValues\":[{\"quantile\":0.5,\"value\":1}]"}},
        {OTLP_LOGS,
         "logs.json",
         1,
         {"\"severityNumber\":10,\"severityText\":\"Information\",\"body\":{\"stringValue\":"
          "\"Example log record\"}",
          "{\"key\":\"double.attribute\",\"value\":{\"doubleValue\":637.704}}",
          "{\"key\":\"int.attribute\",\"value\":{\"intValue\":\"10\"}}",
          "{\"kvlistValue\":{\"values\":[{\"key\":\"some.map.key\",\"value\":{\"stringValue\":"
          "\"some value\"}}]}}"}},
    };
    struct slu_budget *budget = budget_of(UINT64_C(1) << 20);
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct slu_bytes json = example(examples[i].name);
        struct otlp_counts counts = {0};
        struct block block = read_json(budget, examples[i].signal, json);
        assert_int_equal(otlp_check(examples[i].signal, view(&block), &counts, NULL), 0);
        assert_int_equal(counts.records, examples[i].record_count);
        (void)write_json(budget, examples[i].signal, view(&block)); /* looked at in its buffer */
        for (size_t at = 0; examples[i].pieces[at] != NULL; at++) {
            assert_non_null(strstr(text, examples[i].pieces[at]));
        }
        block_free(budget, &block);
        expect_stable(budget, examples[i].signal, json);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_comes_back_from_json_byte_by_byte),
        cmocka_unit_test(a_wild_request_is_stable_once_it_went_through_json),
        cmocka_unit_test(the_examples_of_the_specification_are_read_and_stable),
    };
    return TEST_RUN("otlp_json_round_trip", tests);
}
