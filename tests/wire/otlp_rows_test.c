#include "wire/otlp_rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/block.h"
#include "base/bytes.h"
#include "codec/protobuf_block.h"
#include "wire/otlp_check.h"

#include "attributes.h"
#include "budget.h"
#include "guarded.h"
#include "harness.h"
#include "otlp_random.h"
#include "otlp_rows_model.h"

#define NOW_NS  INT64_C(1700000000000000000)
#define ROW_MAX ((size_t)64 * 1024)

static struct otlp_made made;

static const enum otlp_signal row_signals[] = {OTLP_LOGS, OTLP_TRACES, OTLP_PROFILES};

static struct slu_bytes view(const struct block *block)
{
    return (struct slu_bytes){block->data, block->len};
}

/* What the tests read and write with. */
struct fixture {
    struct slu_budget *budget;
    struct otlp_row_reader *reader;
    struct block out;
    enum otlp_signal signal;
    uint64_t row_count;
};

static void fixture_open(struct fixture *fixture)
{
    *fixture = (struct fixture){.budget = budget_of(UINT64_C(1) << 26)};
    assert_int_equal(otlp_row_reader_create(fixture->budget, &fixture->reader), 0);
}

static void fixture_close(struct fixture *fixture)
{
    block_free(fixture->budget, &fixture->out);
    otlp_row_reader_destroy(&fixture->reader);
    assert_null(fixture->reader);
    otlp_row_reader_destroy(&fixture->reader);
    slu_budget_destroy(&fixture->budget);
}

static int row_write(void *arg, const struct otlp_row *row)
{
    struct fixture *fixture = arg;
    fixture->row_count++;
    return otlp_row_write(fixture->budget, fixture->signal, row, &fixture->out);
}

static void make_for(struct fixture *fixture, struct test_random *random, uint64_t round)
{
    fixture->signal = row_signals[round % 3];
    otlp_make(&made, random, fixture->signal, round % 4 == 0 ? OTLP_PLAIN : OTLP_WILD,
              round % 100 == 0 ? 100000 : 4000);
}

static void a_request_written_row_by_row_says_what_it_said(void **state)
{
    (void)state;
    static struct otlp_said before;
    static struct otlp_said after;
    struct test_random random = test_random_start(1);
    struct fixture fixture;
    uint64_t row_count = 0;
    fixture_open(&fixture);
    for (uint64_t i = 0; i < test_rounds(3000); i++) {
        struct otlp_counts counts = {0};
        make_for(&fixture, &random, i);
        fixture.out.len = 0;
        fixture.row_count = 0;
        assert_int_equal(otlp_rows_read(fixture.reader, fixture.signal, otlp_made_view(&made),
                                        NOW_NS, row_write, &fixture),
                         0);
        assert_int_equal(fixture.row_count, made.record_count);
        assert_int_equal(otlp_check(fixture.signal, view(&fixture.out), &counts, NULL), 0);
        before.count = 0;
        after.count = 0;
        otlp_said_add(&before, fixture.signal, otlp_made_view(&made));
        otlp_said_add(&after, fixture.signal, view(&fixture.out));
        assert_int_equal(after.count, before.count);
        assert_memory_equal(after.records, before.records, before.count * sizeof(uint64_t));
        row_count += before.count;
    }
    assert_true(row_count > 10000);
    fixture_close(&fixture);
}

static void expect_bytes(struct slu_bytes actual, struct slu_bytes expected)
{
    assert_int_equal(actual.len, expected.len);
    if (expected.len > 0) {
        assert_memory_equal(actual.data, expected.data, expected.len);
    }
}

static int row_compare(void *arg, const struct otlp_row *row)
{
    const struct otlp_row *expected = arg;
    assert_int_equal(row->label_count, expected->label_count);
    for (size_t i = 0; i < row->label_count; i++) {
        expect_bytes(row->labels[i].name, expected->labels[i].name);
        expect_bytes(row->labels[i].value, expected->labels[i].value);
        assert_true(row->labels[i].value.len > 0);
        for (size_t before = 0; before < i; before++) {
            assert_false(bytes_equal(row->labels[before].name, row->labels[i].name));
        }
    }
    expect_bytes(row->resource, expected->resource);
    assert_int_equal(row->time_ns, expected->time_ns);
    assert_int_equal(row->duration_ns, expected->duration_ns);
    expect_bytes(row->key, expected->key);
    expect_bytes(row->text, expected->text);
    expect_bytes(row->scope, expected->scope);
    expect_bytes(row->rest, expected->rest);
    return 0;
}

/* Reads with a second reader, because rows are views of the first. */
struct again {
    struct fixture first;
    struct otlp_row_reader *second;
};

static int row_read_again(void *arg, const struct otlp_row *row)
{
    struct again *again = arg;
    struct fixture *first = &again->first;
    struct otlp_row expected = *row;
    first->out.len = 0;
    first->row_count++;
    assert_int_equal(otlp_row_write(first->budget, first->signal, row, &first->out), 0);
    return otlp_rows_read(again->second, first->signal, view(&first->out), NOW_NS, row_compare,
                          &expected);
}

static void a_row_written_and_read_is_the_row_again(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct again again;
    fixture_open(&again.first);
    assert_int_equal(otlp_row_reader_create(again.first.budget, &again.second), 0);
    for (uint64_t i = 0; i < test_rounds(2000); i++) {
        make_for(&again.first, &random, i);
        assert_int_equal(otlp_rows_read(again.first.reader, again.first.signal,
                                        otlp_made_view(&made), NOW_NS, row_read_again, &again),
                         0);
    }
    assert_true(again.first.row_count > 5000);
    otlp_row_reader_destroy(&again.second);
    fixture_close(&again.first);
}

/* A record that a test puts together, and what of its row is kept. */
struct one {
    struct fixture fixture;
    struct protobuf_block record;
    struct protobuf_block resource; /* its attributes */
    struct protobuf_block message;
    struct otlp_row row;
    char text[ROW_MAX];
    char labels[ROW_MAX]; /* name=value; in turn */
};

static void one_open(struct one *one)
{
    fixture_open(&one->fixture);
    protobuf_block_init(&one->record, one->fixture.budget);
    protobuf_block_init(&one->resource, one->fixture.budget);
    protobuf_block_init(&one->message, one->fixture.budget);
}

static void one_close(struct one *one)
{
    protobuf_block_deinit(&one->record);
    protobuf_block_deinit(&one->resource);
    protobuf_block_deinit(&one->message);
    fixture_close(&one->fixture);
}

static void text_append(char *to, struct slu_bytes bytes)
{
    size_t len = strlen(to);
    assert_true(bytes.len < ROW_MAX - len);
    if (bytes.len > 0) {
        memcpy(to + len, bytes.data, bytes.len);
    }
    to[len + bytes.len] = '\0';
}

static int row_take(void *arg, const struct otlp_row *row)
{
    struct one *one = arg;
    one->row = *row;
    one->text[0] = '\0';
    one->labels[0] = '\0';
    text_append(one->text, row->text);
    for (size_t i = 0; i < row->label_count; i++) {
        text_append(one->labels, row->labels[i].name);
        text_append(one->labels, bytes_of("="));
        text_append(one->labels, row->labels[i].value);
        text_append(one->labels, bytes_of(";"));
    }
    return 0;
}

static struct slu_bytes content(const struct protobuf_block *block)
{
    assert_int_equal(block->err, 0);
    return view(&block->block);
}

/* Read the record in the resource; what was put together is forgotten. */
static void one_read(struct one *one, enum otlp_signal signal)
{
    struct protobuf_mark request;
    struct protobuf_mark scope;
    struct protobuf_block *out = &one->message;
    out->block.len = 0;
    protobuf_block_begin(out, 1, &request);
    protobuf_block_bytes(out, 1, content(&one->resource));
    if (signal != OTLP_PROFILES) {
        protobuf_block_begin(out, 2, &scope);
    }
    protobuf_block_bytes(out, 2, content(&one->record));
    if (signal != OTLP_PROFILES) {
        protobuf_block_end(out, scope);
    }
    protobuf_block_end(out, request);
    assert_int_equal(
        otlp_rows_read(one->fixture.reader, signal, content(out), NOW_NS, row_take, one), 0);
    one->record.block.len = 0;
    one->resource.block.len = 0;
}

static void the_time_is_the_records_own_or_the_next_best(void **state)
{
    (void)state;
    static struct one one;
    const uint64_t late = UINT64_MAX;
    const struct {
        enum otlp_signal signal;
        uint64_t fields[4]; /* number and time, twice; 0: no field */
        int64_t time_ns;
        int64_t duration_ns;
        size_t rest_len;
    } cases[] = {
        {OTLP_LOGS, {1, 5, 11, 7}, 5, 0, 9},
        {OTLP_LOGS, {1, 0, 11, 7}, 7, 0, 18},
        {OTLP_LOGS, {1, late, 11, 7}, 7, 0, 18},
        {OTLP_LOGS, {11, 7, 0, 0}, 7, 0, 18},
        {OTLP_LOGS, {11, late, 0, 0}, NOW_NS, 0, 18},
        {OTLP_LOGS, {0, 0, 0, 0}, NOW_NS, 0, 9},
        {OTLP_LOGS, {1, 5, 1, 6}, 6, 0, 18},
        {OTLP_TRACES, {7, 5, 8, 9}, 5, 4, 0},
        {OTLP_TRACES, {7, 9, 8, 5}, 9, -4, 0},
        {OTLP_TRACES, {7, 5, 8, 0}, 5, 0, 9},
        {OTLP_TRACES, {7, 5, 0, 0}, 5, 0, 9},
        {OTLP_TRACES, {7, 5, 8, late}, 5, 0, 9},
        {OTLP_TRACES, {8, 9, 0, 0}, 9, 0, 18},
        {OTLP_TRACES, {0, 0, 0, 0}, NOW_NS, 0, 18},
        {OTLP_TRACES, {7, INT64_MAX, 8, INT64_MAX}, INT64_MAX, 0, 0},
        {OTLP_PROFILES, {2, 5, 0, 0}, 5, 0, 0},
        {OTLP_PROFILES, {0, 0, 0, 0}, NOW_NS, 0, 9},
    };
    one_open(&one);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t at = 0; at < 4 && cases[i].fields[at] != 0; at += 2) {
            fixed64_put(&one.record, (uint32_t)cases[i].fields[at], cases[i].fields[at + 1]);
        }
        one_read(&one, cases[i].signal);
        assert_int_equal(one.row.time_ns, cases[i].time_ns);
        assert_int_equal(one.row.duration_ns, cases[i].duration_ns);
        assert_int_equal(one.row.rest.len, cases[i].rest_len);
    }
    one_close(&one);
}

static void a_body_is_text_and_stays_whole_where_text_does_not_say_it(void **state)
{
    (void)state;
    static struct one one;
    const struct {
        struct slu_bytes any_value;
        const char *text;
        bool is_in_rest;
    } cases[] = {
        {{"\x0a\x02hi", 4}, "hi", false},
        {{"\x0a\x00", 2}, "", true},
        {{"", 0}, "", true},
        {{"\x10\x01", 2}, "true", true},
        {{"\x18\x2a", 2}, "42", true},
        {{"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, "-1", true},
        {{"\x21\0\0\0\0\0\0\xf8\x3f", 9}, "1.5", true},
        {{"\x2a\x08\x0a\x02\x18\x01\x0a\x02\x18\x02", 10}, "[1,2]", true},
        {{"\x32\x09\x0a\x07\x0a\x01k\x12\x02\x10\x00", 11}, "{\"k\":false}", true},
        {{"\x3a\x03\x01\x02\x03", 5}, "\"AQID\"", true},
        {{"\x0a\x02hi\x0a\x01x", 7}, "x", true},
        {{"\x0a\x02hi\x98\x06\x07", 7}, "hi", true},
        {{"\x98\x06\x07", 3}, "", true},
        /* a group before the first value of a list: no content of its own */
        {{"\x2a\x06\xa3\x06\xa4\x06\x0a\x00", 8}, "[null]", true},
    };
    one_open(&one);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        protobuf_block_bytes(&one.record, 5, cases[i].any_value);
        fixed64_put(&one.record, 1, 5);
        one_read(&one, OTLP_LOGS);
        assert_string_equal(one.text, cases[i].text);
        assert_int_equal(one.row.rest.len, cases[i].is_in_rest ? 2 + cases[i].any_value.len : 0);
    }
    one_close(&one);
}

static void labels_are_the_resources_attributes_as_prometheus_allows_them(void **state)
{
    (void)state;
    static struct one one;
    const struct slu_bytes number = {"\x18\x2a", 2};
    const struct slu_bytes list = {"\x2a\x08\x0a\x02\x18\x01\x0a\x02\x18\x02", 10};
    one_open(&one);
    attribute_put_text(&one.resource, 1, "host.name", bytes_of("one"));
    attribute_put_text(&one.resource, 1, "host_name", bytes_of("two"));
    attribute_put_text(&one.resource, 1, "empty", bytes_of(""));
    attribute_put_text(&one.resource, 1, "empty", bytes_of("later"));
    attribute_put_text(&one.resource, 1, "", bytes_of("no name"));
    attribute_put_text(&one.resource, 1, "__name__", bytes_of("no metric"));
    attribute_put_text(&one.resource, 1, "2nd", bytes_of("digit"));
    attribute_put(&one.resource, 1, bytes_of("pid"), number);
    attribute_put(&one.resource, 1, bytes_of("args"), list);
    one_read(&one, OTLP_LOGS);
    assert_string_equal(one.labels, "host_name=one;empty=later;key_2nd=digit;pid=42;args=[1,2];"
                                    "service_name=unknown_service;");
    attribute_put_text(&one.resource, 1, "service.name", bytes_of("shop"));
    one_read(&one, OTLP_PROFILES);
    assert_string_equal(one.labels, "service_name=shop;");
    one_close(&one);
}

static void a_long_value_is_cut_at_the_end_of_a_character(void **state)
{
    (void)state;
    static struct one one;
    char text[1100];
    memset(text, 'x', sizeof(text));
    memcpy(text + 1022, "\xe2\x82\xac", 3);
    one_open(&one);
    attribute_put_text(&one.resource, 1, "service.name", (struct slu_bytes){text, sizeof(text)});
    one_read(&one, OTLP_LOGS);
    assert_int_equal(strlen(one.labels), strlen("service_name=;") + 1022);
    memcpy(text + 1021, "\xe2\x82\xacx", 4);
    attribute_put_text(&one.resource, 1, "service.name", (struct slu_bytes){text, sizeof(text)});
    one_read(&one, OTLP_LOGS);
    assert_int_equal(strlen(one.labels), strlen("service_name=;") + 1024);
    one_close(&one);
}

static void more_attributes_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    static struct one one;
    char key[16];
    char value[1024];
    memset(value, 'v', sizeof(value));
    one_open(&one);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(key, sizeof(key), "key.%d", i);
        attribute_put_text(&one.resource, 1, key, (struct slu_bytes){value, 10});
    }
    one_read(&one, OTLP_LOGS);
    assert_int_equal(one.row.label_count, 125); /* and service_name */
    assert_non_null(strstr(one.labels, "key_123=vvvvvvvvvv;service_name=unknown_service;"));
    one_close(&one);
}

static void the_stream_changes_with_the_resource_alone(void **state)
{
    (void)state;
    static struct one one;
    one_open(&one);
    one_read(&one, OTLP_LOGS);
    uint64_t stream = one.row.stream;
    attribute_put_text(&one.resource, 1, "a", bytes_of("b"));
    one_read(&one, OTLP_LOGS);
    assert_true(one.row.stream != stream);
    one_close(&one);
}

static void an_error_of_the_visitor_ends_the_reading(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    struct fixture fixture;
    struct slu_budget *small = budget_of(4096);
    fixture_open(&fixture);
    fixture.signal = OTLP_LOGS;
    do {
        otlp_make(&made, &random, OTLP_LOGS, OTLP_WILD, 20000);
    } while (made.record_count < 10 || made.len < 10000);
    struct fixture refused = fixture;
    refused.budget = small;
    assert_int_equal(otlp_rows_read(fixture.reader, OTLP_LOGS, otlp_made_view(&made), NOW_NS,
                                    row_write, &refused),
                     -EDQUOT);
    assert_true(refused.row_count < made.record_count);
    if (refused.out.len > 0) { /* the row that had no room left nothing of itself */
        struct otlp_counts counts = {0};
        assert_int_equal(otlp_check(OTLP_LOGS, view(&refused.out), &counts, NULL), 0);
        assert_int_equal(counts.records, refused.row_count - 1);
    }
    block_free(small, &refused.out);
    slu_budget_destroy(&small);
    fixture_close(&fixture);
}

static int row_count(void *arg, const struct otlp_row *row)
{
    uint64_t *count = arg;
    assert_non_null(row->labels);
    (*count)++;
    return 0;
}

static void whatever_the_bytes_nothing_outside_them_is_read(void **state)
{
    (void)state;
    struct test_random random = test_random_start(4);
    struct guarded guarded = guarded_create(OTLP_MADE_BYTES_MAX);
    struct fixture fixture;
    uint64_t refused_count = 0;
    uint64_t count = 0;
    fixture_open(&fixture);
    for (uint64_t i = 0; i < test_rounds(3000); i++) {
        make_for(&fixture, &random, i);
        for (uint64_t faults = test_random_below(&random, 4); faults > 0 && made.len > 0;
             faults--) {
            made.bytes[test_random_below(&random, made.len)] = (uint8_t)test_random_next(&random);
        }
        size_t len = (size_t)test_random_below(&random, made.len + 1);
        struct slu_bytes message = guarded_put(&guarded, made.bytes, i % 2 == 0 ? len : made.len);
        int err =
            otlp_rows_read(fixture.reader, fixture.signal, message, NOW_NS, row_count, &count);
        assert_true(err == 0 || err == -EBADMSG);
        refused_count += err != 0;
    }
    assert_true(refused_count > 100 && count > 1000);
    fixture_close(&fixture);
    guarded_destroy(&guarded);
}

static void a_reader_that_has_seen_as_much_allocates_nothing(void **state)
{
    (void)state;
    struct test_random random = test_random_start(5);
    struct fixture fixture;
    fixture_open(&fixture);
    uint64_t count = 0;
    for (int i = 0; i < 3; i++) {
        fixture.signal = row_signals[i];
        otlp_make(&made, &random, fixture.signal, OTLP_WILD, 100000);
        for (int round = 0; round < 2; round++) {
            uint64_t allocated = alloc_count();
            assert_int_equal(otlp_rows_read(fixture.reader, fixture.signal, otlp_made_view(&made),
                                            NOW_NS, row_count, &count),
                             0);
            assert_true(round == 0 || alloc_count() == allocated);
        }
    }
    fixture_close(&fixture);
}

static int write_all(struct slu_budget *budget, struct fixture *fixture)
{
    fixture->budget = budget;
    fixture->out = (struct block){0};
    int err = otlp_row_reader_create(budget, &fixture->reader);
    if (err == 0) {
        err = otlp_rows_read(fixture->reader, fixture->signal, otlp_made_view(&made), NOW_NS,
                             row_write, fixture);
        otlp_row_reader_destroy(&fixture->reader);
    }
    block_free(budget, &fixture->out);
    return err;
}

static void no_memory_leaves_nothing_behind_whichever_allocation_fails(void **state)
{
    (void)state;
    struct test_random random = test_random_start(6);
    struct slu_budget *budget = budget_of(UINT64_C(1) << 26);
    struct fixture fixture = {.signal = OTLP_TRACES};
    uint64_t used = budget_used(budget);
    uint64_t failed_count = 0;
    do {
        otlp_make(&made, &random, OTLP_TRACES, OTLP_WILD, 60000);
    } while (made.record_count < 10 || made.len < 30000);
    for (bool was_hit = true; was_hit; failed_count += was_hit) {
        int64_t live = alloc_live_count();
        alloc_fault_at(failed_count + 1);
        int err = write_all(budget, &fixture);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        assert_null(fixture.reader);
        assert_int_equal(alloc_live_count(), live);
        assert_int_equal(budget_used(budget), used);
    }
    assert_true(failed_count >= 5);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_written_row_by_row_says_what_it_said),
        cmocka_unit_test(a_row_written_and_read_is_the_row_again),
        cmocka_unit_test(the_time_is_the_records_own_or_the_next_best),
        cmocka_unit_test(a_body_is_text_and_stays_whole_where_text_does_not_say_it),
        cmocka_unit_test(labels_are_the_resources_attributes_as_prometheus_allows_them),
        cmocka_unit_test(a_long_value_is_cut_at_the_end_of_a_character),
        cmocka_unit_test(more_attributes_than_there_is_room_for_are_left_out),
        cmocka_unit_test(the_stream_changes_with_the_resource_alone),
        cmocka_unit_test(an_error_of_the_visitor_ends_the_reading),
        cmocka_unit_test(whatever_the_bytes_nothing_outside_them_is_read),
        cmocka_unit_test(a_reader_that_has_seen_as_much_allocates_nothing),
        cmocka_unit_test(no_memory_leaves_nothing_behind_whichever_allocation_fails),
    };
    return TEST_RUN("otlp_rows", tests);
}
