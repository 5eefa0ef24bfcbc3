#include "wire/otlp_samples.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/block.h"
#include "codec/protobuf_block.h"
#include "wire/otlp_check.h"

#include "attributes.h"
#include "budget.h"
#include "guarded.h"
#include "harness.h"
#include "otlp_random.h"
#include "otlp_samples_model.h"

static struct otlp_made made;
static struct otlp_lines expected;
static struct otlp_lines actual;

static const struct otlp_sample_visit to_lines = {
    .sample = otlp_lines_sample, .facts = otlp_lines_facts, .arg = &actual};

struct fixture {
    struct slu_budget *budget;
    struct otlp_sample_reader *reader;
    struct protobuf_block message;
};

static void fixture_open(struct fixture *fixture)
{
    fixture->budget = budget_of(UINT64_C(1) << 26);
    assert_int_equal(otlp_sample_reader_create(fixture->budget, &fixture->reader), 0);
    protobuf_block_init(&fixture->message, fixture->budget);
}

static void fixture_close(struct fixture *fixture)
{
    protobuf_block_deinit(&fixture->message);
    otlp_sample_reader_destroy(&fixture->reader);
    assert_null(fixture->reader);
    otlp_sample_reader_destroy(&fixture->reader);
    slu_budget_destroy(&fixture->budget);
}

static void lines_begin(struct otlp_lines *lines)
{
    lines->len = 0;
    lines->is_full = false;
    lines->is_odd = false;
}

/* Where the lines differ, the first of them is shown. */
static void expect_same_lines(void)
{
    size_t begin = 0;
    size_t at = 0;
    assert_false(actual.is_full || actual.is_odd);
    assert_false(expected.is_full || expected.is_odd);
    while (at < actual.len && at < expected.len && actual.bytes[at] == expected.bytes[at]) {
        begin = actual.bytes[at] == '\n' ? at + 1 : begin;
        at++;
    }
    if (at < actual.len || at < expected.len) {
        print_error("actual:   %.300s\n", actual.bytes + begin);
        print_error("expected: %.300s\n", expected.bytes + begin);
        fail();
    }
}

static void expect_models_samples(struct otlp_sample_reader *reader, struct slu_bytes message)
{
    lines_begin(&actual);
    lines_begin(&expected);
    otlp_lines_model(&expected, message);
    assert_int_equal(otlp_samples_read(reader, message, &to_lines), 0);
    expect_same_lines();
}

static void whatever_is_sent_becomes_the_models_samples(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct fixture fixture;
    uint64_t line_bytes = 0;
    fixture_open(&fixture);
    for (uint64_t i = 0; i < test_rounds(2000); i++) {
        otlp_make(&made, &random, OTLP_METRICS, i % 4 == 0 ? OTLP_PLAIN : OTLP_WILD,
                  i % 100 == 0 ? 60000 : 4000);
        expect_models_samples(fixture.reader, otlp_made_view(&made));
        line_bytes += actual.len;
    }
    assert_true(line_bytes > 200000);
    fixture_close(&fixture);
}

static const char *const keys[] = {
    "service.name",
    "service.namespace",
    "service.instance.id",
    "host.name",
    "host_name",
    "http.method",
    "http.route",
    "le",
    "quantile",
    "job",
    "instance",
    "__name__",
    "_internal",
    "1st",
    "\xc3\xa4.b",
    "",
    "service_name",
    "pod",
};

static const char *const metric_names[] = {
    "http.server.request.duration",
    "requests",
    "requests.total",
    "total",
    "9lives",
    "a..b",
    "process.cpu.time",
    "",
    "jobs:done",
    "bytes.in",
};

static const char *const unit_names[] = {"", "s", "ms", "By", "1", "{request}", "By/s", "%", "m/s"};

static const char *text_of(struct test_random *random, const char *const *texts, size_t count)
{
    return texts[test_random_below(random, count)];
}

#define ONE_OF(random, texts) text_of(random, texts, sizeof(texts) / sizeof((texts)[0]))

static void attributes_make(struct protobuf_block *out, struct test_random *random, uint32_t field)
{
    for (uint64_t count = test_random_below(random, 6); count > 0; count--) {
        const char *key = ONE_OF(random, keys);
        static const char *const values[] = {"", "a", "b", "checkout", "\xe2\x82\xac"};
        if (test_random_below(random, 6) == 0) {
            attribute_put(out, field, bytes_of(key), (struct slu_bytes){"\x18\x07", 2});
        } else {
            attribute_put_text(out, field, key, bytes_of(ONE_OF(random, values)));
        }
    }
}

static double number_make(struct test_random *random)
{
    static const double numbers[] = {0,   -0.0, 0.005, 0.1,    1,
                                     2.5, 1e-9, 1e22,  5e-324, 1.7976931348623157e308};
    uint64_t which = test_random_below(random, 16);
    return which < 10    ? numbers[which]
           : which == 10 ? (double)INFINITY
           : which == 11 ? (double)-INFINITY
           : which == 12 ? (double)NAN
                         : test_random_unit(random) * 1000;
}

static void words_make(struct protobuf_block *out, struct test_random *random, uint32_t field,
                       bool are_doubles)
{
    bool is_packed = test_random_below(random, 3) != 0;
    struct protobuf_mark packed;
    if (is_packed) {
        protobuf_block_begin(out, field, &packed);
    }
    for (uint64_t count = test_random_below(random, 5); count > 0; count--) {
        double number = number_make(random);
        uint64_t word = test_random_below(random, 100);
        if (are_doubles) {
            memcpy(&word, &number, sizeof(word));
        }
        if (!is_packed) {
            protobuf_block_tag(out, field, PROTOBUF_FIXED64);
        }
        protobuf_block_fixed64(out, word);
    }
    if (is_packed) {
        protobuf_block_end(out, packed);
    }
}

static void exemplars_make(struct protobuf_block *out, struct test_random *random, uint32_t field)
{
    struct protobuf_mark exemplar;
    for (uint64_t count = test_random_below(random, 4); count > 2; count--) {
        protobuf_block_begin(out, field, &exemplar);
        double_put(out, 3, number_make(random));
        if (test_random_below(random, 2) == 0) {
            fixed64_put(out, 2, 1 + test_random_below(random, 1000));
        }
        protobuf_block_end(out, exemplar);
    }
}

static void flags_make(struct protobuf_block *out, struct test_random *random, uint32_t field)
{
    if (test_random_below(random, 5) == 0) {
        varint_put(out, field, test_random_below(random, 4));
    }
}

static void number_point_make(struct protobuf_block *out, struct test_random *random)
{
    switch (test_random_below(random, 5)) {
    case 0:
        break; /* no number */
    case 1:
        fixed64_put(out, 6, (uint64_t) - (int64_t)test_random_below(random, 1000));
        break;
    default:
        double_put(out, 4, number_make(random));
    }
    attributes_make(out, random, 7);
    flags_make(out, random, 8);
    exemplars_make(out, random, 5);
}

static void histogram_point_make(struct protobuf_block *out, struct test_random *random)
{
    fixed64_put(out, 4, test_random_below(random, 1000));
    if (test_random_below(random, 3) != 0) {
        double_put(out, 5, number_make(random));
    }
    words_make(out, random, 6, false);
    words_make(out, random, 7, true);
    if (test_random_below(random, 4) == 0) {
        words_make(out, random, 6, false);
        words_make(out, random, 7, true);
    }
    exemplars_make(out, random, 8);
    attributes_make(out, random, 9);
    flags_make(out, random, 10);
}

static void exponential_point_make(struct protobuf_block *out, struct test_random *random)
{
    attributes_make(out, random, 1);
    fixed64_put(out, 2, 1);
    fixed64_put(out, 4, test_random_below(random, 1000));
    varint_put(out, 6, test_random_below(random, 9));
    protobuf_block_bytes(out, 8, bytes_of("\x08\x02\x12\x02\x01\x05"));
    flags_make(out, random, 10);
    exemplars_make(out, random, 11);
}

static void summary_point_make(struct protobuf_block *out, struct test_random *random)
{
    struct protobuf_mark quantile;
    fixed64_put(out, 4, test_random_below(random, 1000));
    double_put(out, 5, number_make(random));
    for (uint64_t count = test_random_below(random, 4); count > 0; count--) {
        protobuf_block_begin(out, 6, &quantile);
        double_put(out, 1, number_make(random));
        double_put(out, 2, number_make(random));
        protobuf_block_end(out, quantile);
    }
    attributes_make(out, random, 7);
    flags_make(out, random, 8);
}

static void point_make(struct protobuf_block *out, struct test_random *random, uint32_t kind)
{
    struct protobuf_mark point;
    protobuf_block_begin(out, 1, &point);
    if (test_random_below(random, 8) != 0) {
        fixed64_put(out, 3, test_random_below(random, 1000));
    }
    switch (kind) {
    case 9:
        histogram_point_make(out, random);
        break;
    case 10:
        exponential_point_make(out, random);
        break;
    case 11:
        summary_point_make(out, random);
        break;
    default:
        number_point_make(out, random);
    }
    protobuf_block_end(out, point);
}

static void metric_make(struct protobuf_block *out, struct test_random *random)
{
    static const uint32_t kinds[] = {5, 7, 7, 9, 10, 11};
    uint32_t kind = kinds[test_random_below(random, 6)];
    struct protobuf_mark metric;
    struct protobuf_mark data;
    protobuf_block_begin(out, 2, &metric);
    protobuf_block_bytes(out, 1, bytes_of(ONE_OF(random, metric_names)));
    protobuf_block_bytes(out, 2, bytes_of("what it is"));
    protobuf_block_bytes(out, 3, bytes_of(ONE_OF(random, unit_names)));
    for (uint64_t parts = 1 + (test_random_below(random, 9) == 0); parts > 0; parts--) {
        protobuf_block_begin(out, kind, &data);
        for (uint64_t count = test_random_below(random, 4); count > 0; count--) {
            point_make(out, random, kind);
        }
        if (kind != 5 && kind != 11) {
            varint_put(out, 2, test_random_below(random, 3));
        }
        if (kind == 7) {
            varint_put(out, 3, test_random_below(random, 2));
        }
        protobuf_block_end(out, data);
    }
    protobuf_block_end(out, metric);
}

static void request_make(struct protobuf_block *out, struct test_random *random)
{
    struct protobuf_mark resource;
    struct protobuf_mark inner;
    out->block.len = 0;
    for (uint64_t count = 1 + test_random_below(random, 2); count > 0; count--) {
        protobuf_block_begin(out, 1, &resource);
        protobuf_block_begin(out, 1, &inner);
        attributes_make(out, random, 1);
        protobuf_block_end(out, inner);
        protobuf_block_begin(out, 2, &inner);
        for (uint64_t metrics = test_random_below(random, 5); metrics > 0; metrics--) {
            metric_make(out, random);
        }
        protobuf_block_end(out, inner);
        protobuf_block_end(out, resource);
    }
}

static struct slu_bytes content(const struct protobuf_block *block)
{
    assert_int_equal(block->err, 0);
    return (struct slu_bytes){block->block.data, block->block.len};
}

static void points_of_all_kinds_become_the_models_samples(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct fixture fixture;
    uint64_t line_bytes = 0;
    fixture_open(&fixture);
    for (uint64_t i = 0; i < test_rounds(4000); i++) {
        struct otlp_counts counts = {0};
        request_make(&fixture.message, &random);
        struct slu_bytes message = content(&fixture.message);
        assert_int_equal(otlp_check(OTLP_METRICS, message, &counts, NULL), 0);
        expect_models_samples(fixture.reader, message);
        line_bytes += actual.len;
    }
    assert_true(line_bytes > 1000000);
    fixture_close(&fixture);
}

/* Begin a metric with one point, whose fields follow. */
struct opened {
    struct protobuf_mark resource;
    struct protobuf_mark scope;
    struct protobuf_mark metric;
    struct protobuf_mark data;
    struct protobuf_mark point;
};

static void point_begin(struct fixture *fixture, const char *name, const char *unit, uint32_t kind,
                        struct opened *opened)
{
    struct protobuf_block *out = &fixture->message;
    out->block.len = 0;
    protobuf_block_begin(out, 1, &opened->resource);
    protobuf_block_begin(out, 1, &opened->scope);
    attribute_put_text(out, 1, "service.name", bytes_of("shop"));
    attribute_put_text(out, 1, "service.namespace", bytes_of("prod"));
    attribute_put_text(out, 1, "service.instance.id", bytes_of("one"));
    attribute_put_text(out, 1, "host.name", bytes_of("h"));
    protobuf_block_end(out, opened->scope);
    protobuf_block_begin(out, 2, &opened->scope);
    protobuf_block_begin(out, 2, &opened->metric);
    protobuf_block_bytes(out, 1, bytes_of(name));
    protobuf_block_bytes(out, 3, bytes_of(unit));
    protobuf_block_begin(out, kind, &opened->data);
    if (kind == 7) {
        varint_put(out, 2, 2);
        varint_put(out, 3, 1);
    }
    protobuf_block_begin(out, 1, &opened->point);
    fixed64_put(out, 3, 77);
}

static void point_end(struct fixture *fixture, const struct opened *opened)
{
    struct protobuf_block *out = &fixture->message;
    protobuf_block_end(out, opened->point);
    protobuf_block_end(out, opened->data);
    protobuf_block_end(out, opened->metric);
    protobuf_block_end(out, opened->scope);
    protobuf_block_end(out, opened->resource);
}

static void expect_lines(struct fixture *fixture, const char *text)
{
    lines_begin(&actual);
    lines_begin(&expected);
    assert_int_equal(otlp_samples_read(fixture->reader, content(&fixture->message), &to_lines), 0);
    expected.len = strlen(text);
    memcpy(expected.bytes, text, expected.len);
    expect_same_lines();
}

static void a_counter_is_told_as_prometheus_tells_it(void **state)
{
    (void)state;
    struct fixture fixture;
    struct opened opened;
    fixture_open(&fixture);
    point_begin(&fixture, "http.requests", "{request}", 7, &opened);
    double_put(&fixture.message, 4, 1.5);
    attribute_put_text(&fixture.message, 7, "http.method", bytes_of("GET"));
    attribute_put_text(&fixture.message, 7, "job", bytes_of("not the resource's"));
    point_end(&fixture, &opened);
    expect_lines(&fixture, "metric counter http_requests_total|{request}|\n"
                           "0 at 77: 3ff8000000000000 __name__=http_requests_total,"
                           "http_method=GET,instance=one,job=prod/shop, 0:\n"
                           "0 at 77: 3ff0000000000000 __name__=target_info,host_name=h,"
                           "instance=one,job=prod/shop, 0:\n");
    fixture_close(&fixture);
}

static void a_histogram_counts_what_is_below_each_bound(void **state)
{
    (void)state;
    struct fixture fixture;
    struct opened opened;
    fixture_open(&fixture);
    point_begin(&fixture, "latency", "s", 9, &opened);
    fixed64_put(&fixture.message, 4, 3);
    double_put(&fixture.message, 7, 1e-7);
    double_put(&fixture.message, 7, (double)INFINITY);
    fixed64_put(&fixture.message, 6, 1);
    fixed64_put(&fixture.message, 6, 2);
    point_end(&fixture, &opened);
    expect_lines(&fixture, "metric histogram latency_seconds|s|\n"
                           "0 at 77: 3ff0000000000000 __name__=latency_seconds_bucket,"
                           "instance=one,job=prod/shop,le=0.0000001, 0:\n"
                           "0 at 77: 4008000000000000 __name__=latency_seconds_bucket,"
                           "instance=one,job=prod/shop,le=+Inf, 0:\n"
                           "0 at 77: 4008000000000000 __name__=latency_seconds_count,"
                           "instance=one,job=prod/shop, 0:\n"
                           "0 at 77: 3ff0000000000000 __name__=target_info,host_name=h,"
                           "instance=one,job=prod/shop, 0:\n");
    fixture_close(&fixture);
}

static void a_point_without_a_value_that_says_so_is_stale(void **state)
{
    (void)state;
    struct fixture fixture;
    struct opened opened;
    fixture_open(&fixture);
    point_begin(&fixture, "load", "1", 5, &opened);
    varint_put(&fixture.message, 8, 1);
    point_end(&fixture, &opened);
    expect_lines(&fixture, "metric gauge load_ratio|1|\n"
                           "0 at 77: 7ff0000000000002 __name__=load_ratio,"
                           "instance=one,job=prod/shop, 0:\n"
                           "0 at 77: 3ff0000000000000 __name__=target_info,host_name=h,"
                           "instance=one,job=prod/shop, 0:\n");
    fixture_close(&fixture);
}

/* Whether the actual lines have it; what is behind them is from before. */
static bool has_text(const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at + len <= actual.len; at++) {
        if (memcmp(actual.bytes + at, text, len) == 0) {
            return true;
        }
    }
    return false;
}

struct refused {
    uint64_t point_count;
    char reason[128];
};

static int refusal_note(void *arg, uint64_t point_count, const char *reason)
{
    struct refused *refused = arg;
    refused->point_count += point_count;
    (void)snprintf(refused->reason, sizeof(refused->reason), "%s", reason);
    return 0;
}

static int no_sample(void *arg, const struct otlp_sample *sample)
{
    (void)arg;
    (void)sample;
    return 0;
}

/* A request with a point of so many attributes, read as the model reads it. */
static void point_of_many(struct fixture *fixture, int attributes)
{
    struct opened opened;
    char key[16];
    fixture_open(fixture);
    point_begin(fixture, "latency", "s", 9, &opened);
    for (int i = 0; i < attributes; i++) {
        (void)snprintf(key, sizeof(key), "key.%d", i);
        attribute_put_text(&fixture->message, 9, key, bytes_of("v"));
    }
    point_end(fixture, &opened);
    expect_models_samples(fixture->reader, content(&fixture->message));
}

static void a_point_has_as_many_labels_as_it_has_or_is_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    struct refused refused = {0};
    struct otlp_sample_visit visit = {.sample = no_sample, .refuse = refusal_note, .arg = &refused};
    point_of_many(&fixture, 120);
    assert_true(has_text("__name__=latency_seconds_bucket,"));
    assert_true(has_text("key_119=v,"));
    assert_true(has_text("le=+Inf,"));
    assert_int_equal(otlp_samples_read(fixture.reader, content(&fixture.message), &visit), 0);
    assert_int_equal(refused.point_count, 0);
    fixture_close(&fixture);
    point_of_many(&fixture, 300);
    assert_false(has_text("__name__=latency"));
    assert_int_equal(otlp_samples_read(fixture.reader, content(&fixture.message), &visit), 0);
    assert_int_equal(refused.point_count, 1);
    assert_non_null(strstr(refused.reason, "more labels than 124"));
    fixture_close(&fixture);
}

static int refuse_third(void *arg, const struct otlp_sample *sample)
{
    int *left = arg;
    assert_true(sample->label_count > 0);
    return (*left)-- == 0 ? -ENOSPC : 0;
}

static void an_error_of_the_visitor_ends_the_reading(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    struct fixture fixture;
    int left = 2;
    const struct otlp_sample_visit visit = {.sample = refuse_third, .arg = &left};
    fixture_open(&fixture);
    do {
        request_make(&fixture.message, &random);
    } while (fixture.message.block.len < 3000);
    assert_int_equal(otlp_samples_read(fixture.reader, content(&fixture.message), &visit), -ENOSPC);
    assert_int_equal(left, -1);
    expect_models_samples(fixture.reader, content(&fixture.message));
    fixture_close(&fixture);
}

static void whatever_the_bytes_nothing_outside_them_is_read(void **state)
{
    (void)state;
    struct test_random random = test_random_start(4);
    struct guarded guarded = guarded_create(OTLP_MADE_BYTES_MAX);
    struct fixture fixture;
    uint64_t refused_count = 0;
    fixture_open(&fixture);
    for (uint64_t i = 0; i < test_rounds(3000); i++) {
        request_make(&fixture.message, &random);
        struct slu_bytes whole = content(&fixture.message);
        size_t len = i % 2 == 0 ? (size_t)test_random_below(&random, whole.len + 1) : whole.len;
        struct slu_bytes message = guarded_put(&guarded, whole.data, len);
        uint8_t *bytes = guarded.map + guarded.size_bytes - len;
        for (uint64_t faults = test_random_below(&random, 4); faults > 0 && len > 0; faults--) {
            bytes[test_random_below(&random, len)] = (uint8_t)test_random_next(&random);
        }
        lines_begin(&actual);
        int err = otlp_samples_read(fixture.reader, message, &to_lines);
        assert_true(err == 0 || err == -EBADMSG);
        refused_count += err != 0;
    }
    assert_true(refused_count > 100);
    fixture_close(&fixture);
    guarded_destroy(&guarded);
}

static void a_reader_that_has_seen_as_much_allocates_nothing(void **state)
{
    (void)state;
    struct test_random random = test_random_start(5);
    struct fixture fixture;
    fixture_open(&fixture);
    for (int i = 0; i < 100; i++) {
        request_make(&fixture.message, &random);
        uint64_t allocated = alloc_count();
        lines_begin(&actual);
        assert_int_equal(otlp_samples_read(fixture.reader, content(&fixture.message), &to_lines),
                         0);
        assert_int_equal(alloc_count(), allocated);
    }
    fixture_close(&fixture);
}

static int read_once(struct slu_budget *budget, struct slu_bytes message)
{
    struct otlp_sample_reader *reader = NULL;
    int err = otlp_sample_reader_create(budget, &reader);
    if (err == 0) {
        lines_begin(&actual);
        err = otlp_samples_read(reader, message, &to_lines);
    }
    otlp_sample_reader_destroy(&reader);
    return err;
}

static void no_memory_leaves_nothing_behind_whichever_allocation_fails(void **state)
{
    (void)state;
    static char buckets[20000];
    struct fixture fixture;
    struct opened opened;
    uint64_t failed_count = 0;
    fixture_open(&fixture);
    point_begin(&fixture, "latency", "s", 10, &opened);
    memset(buckets, 1, sizeof(buckets));
    protobuf_block_bytes(&fixture.message, 8, (struct slu_bytes){"\x12\x02\x01\x01", 4});
    protobuf_block_bytes(&fixture.message, 99, (struct slu_bytes){buckets, sizeof(buckets)});
    point_end(&fixture, &opened);
    struct slu_bytes message = content(&fixture.message);
    uint64_t used = budget_used(fixture.budget);
    for (bool was_hit = true; was_hit; failed_count += was_hit) {
        int64_t live = alloc_live_count();
        alloc_fault_at(failed_count + 1);
        int err = read_once(fixture.budget, message);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        assert_int_equal(alloc_live_count(), live);
        assert_int_equal(budget_used(fixture.budget), used);
    }
    assert_true(failed_count >= 4);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_sent_becomes_the_models_samples),
        cmocka_unit_test(points_of_all_kinds_become_the_models_samples),
        cmocka_unit_test(a_counter_is_told_as_prometheus_tells_it),
        cmocka_unit_test(a_histogram_counts_what_is_below_each_bound),
        cmocka_unit_test(a_point_without_a_value_that_says_so_is_stale),
        cmocka_unit_test(a_point_has_as_many_labels_as_it_has_or_is_refused),
        cmocka_unit_test(an_error_of_the_visitor_ends_the_reading),
        cmocka_unit_test(whatever_the_bytes_nothing_outside_them_is_read),
        cmocka_unit_test(a_reader_that_has_seen_as_much_allocates_nothing),
        cmocka_unit_test(no_memory_leaves_nothing_behind_whichever_allocation_fails),
    };
    return TEST_RUN("otlp_samples", tests);
}
