#include "wire/otlp_split.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_check.h"
#include "wire/otlp_schema.h"

#include "budget.h"
#include "harness.h"
#include "nested.h"
#include "otlp_random.h"

#define ENTRIES_MAX 20000

static struct otlp_made made;

/*
 * A message as a row: its records, and the containers that have none, each with what the containers
 * above it say of themselves. Two requests in a row are the two rows in a row.
 */
struct row {
    uint64_t entries[ENTRIES_MAX];
    size_t count;
};

/* FNV-1a: its quality is enough for entries to differ. */
static uint64_t hash_of(uint64_t hash, struct slu_bytes bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ bytes.len) * UINT64_C(0x100000001b3);
}

static const struct otlp_message *carried(const struct otlp_message *message,
                                          const struct protobuf_field *field)
{
    const struct otlp_field *known = otlp_field_find(message, field->number);
    if (known == NULL || known->message == NULL) {
        return NULL;
    }
    return known->message->is_record || known->message->has_records ? known->message : NULL;
}

static void row_add(struct row *row, const struct otlp_message *message, struct slu_bytes bytes,
                    uint64_t above)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    size_t count = row->count;
    protobuf_reader_init(&reader, bytes);
    while (!message->is_record && protobuf_next(&reader, &field)) {
        above = carried(message, &field) == NULL ? hash_of(above, field.whole) : above;
    }
    protobuf_reader_init(&reader, bytes);
    while (!message->is_record && protobuf_next(&reader, &field)) {
        const struct otlp_message *within = carried(message, &field);
        if (within != NULL) {
            row_add(row, within, field.bytes, above * 31 + field.number);
        }
    }
    if (row->count == count) { /* a record, or an empty container */
        assert_true(row->count < ENTRIES_MAX);
        row->entries[row->count++] = message->is_record ? hash_of(above, bytes) : above;
    }
}

static struct slu_bytes view(const struct block *block)
{
    return (struct slu_bytes){block->data, block->len};
}

/* Cut what was made behind `count` records, and compare both parts with the whole. */
static void expect_cut(struct slu_budget *budget, enum otlp_signal signal, const struct row *whole,
                       uint64_t count)
{
    static struct row parts;
    struct block first = {0};
    struct block rest = {0};
    struct otlp_counts counts = {0};
    assert_int_equal(otlp_split(budget, signal, otlp_made_view(&made), count, &first, &rest), 0);
    assert_int_equal(otlp_check(signal, view(&first), &counts, NULL), 0);
    assert_int_equal(counts.records, count);
    assert_int_equal(otlp_check(signal, view(&rest), &counts, NULL), 0);
    assert_int_equal(counts.records, made.record_count - count);
    parts.count = 0;
    row_add(&parts, otlp_request(signal), view(&first), 0);
    row_add(&parts, otlp_request(signal), view(&rest), 0);
    assert_int_equal(parts.count, whole->count);
    assert_memory_equal(parts.entries, whole->entries, whole->count * sizeof(uint64_t));
    block_free(budget, &first);
    block_free(budget, &rest);
}

static void both_parts_of_every_cut_have_all_that_the_whole_has(void **state)
{
    (void)state;
    static struct row whole;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(UINT64_C(1) << 26);
    uint64_t used = budget_used(budget);
    uint64_t cut_count = 0;
    for (uint64_t i = 0; i < test_rounds(600); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        otlp_make(&made, &random, signal, i % 3 == 0 ? OTLP_PLAIN : OTLP_WILD,
                  i % 100 == 0 ? 100000 : 3000);
        whole.count = 0;
        row_add(&whole, otlp_request(signal), otlp_made_view(&made), 0);
        uint64_t step = 1 + made.record_count / 50;
        for (uint64_t count = 1; count < made.record_count; count += step) {
            expect_cut(budget, signal, &whole, count);
            cut_count++;
        }
    }
    assert_true(cut_count > 1000);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

/* Cut what was made into parts of at most `most` records, and compare them with the whole. */
static uint64_t expect_parts(struct slu_budget *budget, enum otlp_signal signal,
                             struct test_random *random, uint64_t most)
{
    static struct row whole;
    static struct row parts;
    struct otlp_cutter cutter;
    uint64_t left = made.record_count;
    uint64_t part_count = 0;
    whole.count = 0;
    row_add(&whole, otlp_request(signal), otlp_made_view(&made), 0);
    parts.count = 0;
    assert_int_equal(otlp_cutter_init(&cutter, budget, signal, otlp_made_view(&made)), 0);
    while (left > 0) {
        struct block part = {0};
        struct otlp_counts counts = {0};
        uint64_t count = 1 + test_random_below(random, most);
        uint64_t expected = count < left ? count : left;
        assert_int_equal(otlp_cutter_next(&cutter, count < left ? count : UINT64_MAX, &part), 0);
        assert_int_equal(otlp_check(signal, view(&part), &counts, NULL), 0);
        assert_int_equal(counts.records, expected);
        row_add(&parts, otlp_request(signal), view(&part), 0);
        block_free(budget, &part);
        left -= expected;
        part_count++;
    }
    struct block nothing = {0};
    assert_int_equal(otlp_cutter_next(&cutter, 1, &nothing), 0);
    assert_int_equal(nothing.len, 0);
    otlp_cutter_deinit(&cutter);
    assert_int_equal(parts.count, whole.count);
    assert_memory_equal(parts.entries, whole.entries, whole.count * sizeof(uint64_t));
    return part_count;
}

static void all_parts_together_have_what_the_whole_has(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    struct slu_budget *budget = budget_of(UINT64_C(1) << 26);
    uint64_t used = budget_used(budget);
    uint64_t part_count = 0;
    for (uint64_t i = 0; i < test_rounds(1500); i++) {
        enum otlp_signal signal = (enum otlp_signal)(i % OTLP_SIGNAL_COUNT);
        otlp_make(&made, &random, signal, i % 3 == 0 ? OTLP_PLAIN : OTLP_WILD,
                  i % 100 == 0 ? 100000 : 3000);
        if (made.record_count > 0) {
            part_count += expect_parts(budget, signal, &random, 1 + i % 10);
        }
    }
    assert_true(part_count > 3000);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

/* Were each part to cost what the whole does, this would take 10^9 steps. */
static void a_request_of_empty_records_is_cut_into_many_parts(void **state)
{
    (void)state;
    enum {
        PART_COUNT = 6000,
        PART_RECORDS = 10
    };
    static struct nested nested;
    struct slu_budget *budget = budget_of(65536);
    struct otlp_cutter cutter;
    nested_init(&nested, NULL, 0);
    for (int i = 0; i < PART_COUNT * PART_RECORDS; i++) {
        nested_before(&nested, "\x12\x00", 2);
    }
    nested_wrap(&nested, 2);
    nested_wrap(&nested, 1);
    assert_int_equal(otlp_cutter_init(&cutter, budget, OTLP_LOGS, nested_view(&nested)), 0);
    for (int i = 0; i < PART_COUNT; i++) {
        struct block part = {0};
        assert_int_equal(otlp_cutter_next(&cutter, PART_RECORDS, &part), 0);
        assert_int_equal(part.len, 2 + 2 + 2 * PART_RECORDS);
        block_free(budget, &part);
    }
    otlp_cutter_deinit(&cutter);
    slu_budget_destroy(&budget);
}

static void a_metric_is_cut_within_its_points_and_both_keep_its_name(void **state)
{
    (void)state;
    static const char message[] = "\x0a\x1c"         /* resourceMetrics */
                                  "\x12\x1a"         /* .scopeMetrics */
                                  "\x12\x18"         /* .metrics */
                                  "\x0a\x03req"      /* .name */
                                  "\x3a\x0e"         /* .sum */
                                  "\x0a\x02\x40\x01" /* .dataPoints[0]: flags */
                                  "\x10\x02"         /* .aggregationTemporality */
                                  "\x0a\x02\x40\x02" /* .dataPoints[1] */
                                  "\x0a\x02\x40\x03" /* .dataPoints[2] */
                                  "\x98\x06\x07";    /* a field that is not known */
    static const char first_part[] = "\x0a\x14\x12\x12\x12\x10\x0a\x03req\x98\x06\x07"
                                     "\x3a\x06\x10\x02\x0a\x02\x40\x01";
    static const char second_part[] = "\x0a\x18\x12\x16\x12\x14\x0a\x03req\x98\x06\x07"
                                      "\x3a\x0a\x10\x02\x0a\x02\x40\x02\x0a\x02\x40\x03";
    struct slu_budget *budget = budget_of(65536);
    struct block first = {0};
    struct block rest = {0};
    struct slu_bytes whole = {message, sizeof(message) - 1};
    assert_int_equal(otlp_split(budget, OTLP_METRICS, whole, 1, &first, &rest), 0);
    assert_int_equal(first.len, sizeof(first_part) - 1);
    assert_memory_equal(first.data, first_part, first.len);
    assert_int_equal(rest.len, sizeof(second_part) - 1);
    assert_memory_equal(rest.data, second_part, rest.len);
    block_free(budget, &first);
    block_free(budget, &rest);
    slu_budget_destroy(&budget);
}

static void a_request_that_is_not_well_formed_is_refused(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(65536);
    uint64_t used = budget_used(budget);
    struct block first = {.len = 7};
    struct block rest = {.len = 8};
    struct slu_bytes cut = {"\x0a\x04\x12\x02\x12\x00\x0a\x05\x12\x03\x12\x00", 12};
    assert_int_equal(otlp_split(budget, OTLP_LOGS, cut, 1, &first, &rest), -EBADMSG);
    assert_int_equal(first.len, 7);
    assert_int_equal(rest.len, 8);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void a_request_with_two_records(void)
{
    struct test_random random = test_random_start(2);
    do {
        otlp_make(&made, &random, OTLP_TRACES, OTLP_PLAIN, 6000);
    } while (made.record_count < 2 || made.len < 2000);
}

static void no_memory_leaves_nothing_behind_whichever_allocation_fails(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(UINT64_C(1) << 26);
    uint64_t used = budget_used(budget);
    a_request_with_two_records();
    uint64_t failed_count = 0;
    for (uint64_t nth = 1;; nth++) {
        struct block first = {.len = 7};
        struct block rest = {.len = 8};
        int64_t live = alloc_live_count();
        alloc_fault_at(nth);
        int err = otlp_split(budget, OTLP_TRACES, otlp_made_view(&made), 1, &first, &rest);
        bool was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        if (!was_hit) {
            block_free(budget, &first);
            block_free(budget, &rest);
        } else {
            assert_int_equal(first.len, 7);
            assert_int_equal(rest.len, 8);
        }
        assert_int_equal(alloc_live_count(), live);
        assert_int_equal(budget_used(budget), used);
        if (!was_hit) {
            break;
        }
        failed_count++;
    }
    assert_true(failed_count >= 2);
    slu_budget_destroy(&budget);
}

static void a_spent_budget_refuses_and_a_larger_one_is_enough(void **state)
{
    (void)state;
    uint64_t refused_count = 0;
    int err = -EDQUOT;
    a_request_with_two_records();
    for (uint64_t limit = 1024; err != 0; limit += 256) {
        struct slu_budget *budget = budget_of(limit);
        uint64_t used = budget_used(budget);
        struct block first = {.len = 7};
        struct block rest = {.len = 8};
        err = otlp_split(budget, OTLP_TRACES, otlp_made_view(&made), 1, &first, &rest);
        if (err == 0) {
            block_free(budget, &first);
            block_free(budget, &rest);
        } else {
            assert_int_equal(err, -EDQUOT);
            assert_int_equal(first.len, 7);
            assert_int_equal(rest.len, 8);
            refused_count++;
        }
        assert_int_equal(budget_used(budget), used);
        slu_budget_destroy(&budget);
    }
    assert_true(refused_count > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_parts_of_every_cut_have_all_that_the_whole_has),
        cmocka_unit_test(all_parts_together_have_what_the_whole_has),
        cmocka_unit_test(a_request_of_empty_records_is_cut_into_many_parts),
        cmocka_unit_test(a_metric_is_cut_within_its_points_and_both_keep_its_name),
        cmocka_unit_test(a_request_that_is_not_well_formed_is_refused),
        cmocka_unit_test(no_memory_leaves_nothing_behind_whichever_allocation_fails),
        cmocka_unit_test(a_spent_budget_refuses_and_a_larger_one_is_enough),
    };
    return TEST_RUN("otlp_split", tests);
}
