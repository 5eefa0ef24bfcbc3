#include "store/sample_head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/block.h"
#include "budget.h"
#include "harness.h"
#include "store/labels.h"

#define BUDGET_BYTES ((uint64_t)32 << 20)
#define SERIES       6
#define SAMPLES_MAX  4000
#define WINDOW_MS    600000
#define NOW_MS       INT64_C(1700000000000)
#define KIND_MESSAGE 1
#define MESSAGE_MOST 150

/* A sample as the naive head keeps it: all that came, in the order they came. */
struct known_sample {
    int64_t time_ms;
    uint64_t bits; /* of messages: the length, and what all their bytes are */
    uint32_t series;
    bool is_sealed;
};

struct known {
    struct known_sample samples[SAMPLES_MAX];
    size_t count;
};

struct head {
    struct slu_budget *budget;
    struct sample_head head;
    struct known known;
    struct test_random random;
    uint64_t used;
};

static bool is_number(uint32_t series)
{
    return series % 3 != 2;
}

static struct slu_bytes key_of(uint32_t series, char text[16])
{
    int len = snprintf(text, 16, "series-%u", series);
    text[len] = (char)(is_number(series) ? 0 : KIND_MESSAGE);
    return (struct slu_bytes){text, (size_t)len + SAMPLE_KEY_KIND_BYTES};
}

static struct sample_head_options options_of(uint32_t series_max, uint64_t sample_bytes)
{
    return (struct sample_head_options){.series_max = series_max,
                                        .key_bytes_max = (uint64_t)series_max * 64,
                                        .sample_bytes_max = sample_bytes,
                                        .out_of_order_ms = WINDOW_MS,
                                        .future_ms = WINDOW_MS};
}

static void head_open(struct head *head, uint64_t stream, uint32_t series_max,
                      uint64_t sample_bytes)
{
    struct sample_head_options options = options_of(series_max, sample_bytes);
    head->budget = budget_of(BUDGET_BYTES);
    head->random = test_random_start(stream);
    head->known.count = 0;
    head->used = budget_used(head->budget);
    assert_int_equal(sample_head_init(&head->head, head->budget, &options), 0);
}

static void head_close(struct head *head)
{
    sample_head_deinit(&head->head);
    assert_int_equal(budget_used(head->budget), head->used);
    slu_budget_destroy(&head->budget);
}

static int add(struct head *head, uint32_t series, int64_t time_ms, uint64_t bits)
{
    unsigned char bytes[MESSAGE_MOST];
    char text[16];
    double value = 0;
    struct slu_bytes key = key_of(series, text);
    struct slu_bytes message = {bytes, bits % MESSAGE_MOST};
    memcpy(&value, &bits, sizeof(value));
    memset(bytes, (int)(bits / MESSAGE_MOST % 256), sizeof(bytes));
    return sample_head_add(&head->head, key, labels_hash(key), NOW_MS, time_ms, value, message);
}

static uint64_t some_bits(struct test_random *random)
{
    double value = (double)test_random_below(random, 100);
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    switch (test_random_below(random, 4)) {
    case 0:
        return test_random_next(random);
    case 1:
        return UINT64_C(0x7ff0000000000002);
    case 2:
        return test_random_next(random) << test_random_below(random, 64);
    default:
        return bits;
    }
}

static void add_some(struct head *head)
{
    struct known_sample sample = {
        .series = (uint32_t)test_random_below(&head->random, SERIES),
        .time_ms = NOW_MS - (int64_t)test_random_below(&head->random, WINDOW_MS / 1000) * 1000,
        .bits = some_bits(&head->random)};
    assert_int_equal(add(head, sample.series, sample.time_ms, sample.bits), 0);
    assert_true(head->known.count < SAMPLES_MAX);
    head->known.samples[head->known.count++] = sample;
}

static bool is_asked(const struct known_sample *sample, uint32_t series, bool wants_live,
                     bool wants_sealed)
{
    return sample->series == series && (sample->is_sealed ? wants_sealed : wants_live);
}

/* The last that came of a time, and how many times there are. */
static const struct known_sample *known_find(const struct known *known, uint32_t series,
                                             bool wants_live, bool wants_sealed, int64_t time_ms)
{
    for (size_t i = known->count; i > 0; i--) {
        const struct known_sample *sample = &known->samples[i - 1];
        if (is_asked(sample, series, wants_live, wants_sealed) && sample->time_ms == time_ms) {
            return sample;
        }
    }
    return NULL;
}

static size_t known_times(const struct known *known, uint32_t series, bool wants_live,
                          bool wants_sealed)
{
    size_t count = 0;
    for (size_t i = 0; i < known->count; i++) {
        const struct known_sample *sample = &known->samples[i];
        count += is_asked(sample, series, wants_live, wants_sealed) &&
                 known_find(known, series, wants_live, wants_sealed, sample->time_ms) == sample;
    }
    return count;
}

static void message_check(const struct sample_message *message, uint64_t bits)
{
    const unsigned char *bytes = message->bytes.data;
    assert_int_equal(message->bytes.len, bits % MESSAGE_MOST);
    for (size_t i = 0; i < message->bytes.len; i++) {
        assert_int_equal(bytes[i], bits / MESSAGE_MOST % 256);
    }
}

static void series_check(struct head *head, uint32_t series, bool wants_live, bool wants_sealed,
                         struct block *out, struct block *bytes)
{
    const struct known *known = &head->known;
    char text[16];
    struct slu_bytes key = key_of(series, text);
    uint32_t index = stream_table_find(&head->head.table, key, labels_hash(key));
    if (index == STREAM_NONE) {
        assert_int_equal(known_times(known, series, true, true), 0);
        return;
    }
    assert_int_equal(sample_head_read(&head->head, index, is_number(series), wants_live,
                                      wants_sealed, head->budget, out, bytes),
                     0);
    size_t item_bytes = is_number(series) ? sizeof(struct sample) : sizeof(struct sample_message);
    size_t count = out->len / item_bytes;
    int64_t before = INT64_MIN;
    assert_int_equal(count, known_times(known, series, wants_live, wants_sealed));
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = 0;
        memcpy(&time_ms, (const char *)out->data + i * item_bytes, sizeof(time_ms));
        const struct known_sample *sample =
            known_find(known, series, wants_live, wants_sealed, time_ms);
        assert_non_null(sample);
        assert_true(i == 0 || time_ms > before);
        before = time_ms;
        if (is_number(series)) {
            assert_memory_equal(&((const struct sample *)out->data)[i].value, &sample->bits, 8);
        } else {
            message_check(&((const struct sample_message *)out->data)[i], sample->bits);
        }
    }
}

static void all_check(struct head *head)
{
    struct block out = {0};
    struct block bytes = {0};
    for (uint32_t series = 0; series < SERIES; series++) {
        series_check(head, series, true, true, &out, &bytes);
        series_check(head, series, true, false, &out, &bytes);
        series_check(head, series, false, true, &out, &bytes);
    }
    block_free(head->budget, &out);
    block_free(head->budget, &bytes);
}

static void known_release(struct known *known)
{
    size_t kept = 0;
    for (size_t i = 0; i < known->count; i++) {
        if (!known->samples[i].is_sealed) {
            known->samples[kept++] = known->samples[i];
        }
    }
    known->count = kept;
}

static void samples_read_back_as_from_an_array_also_while_sealed(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 81, SERIES, (uint64_t)4 << 20);
    for (uint64_t round = 0; round < test_rounds(12); round++) {
        for (uint64_t i = test_random_below(&head.random, 300); i > 0; i--) {
            add_some(&head);
        }
        all_check(&head);
        sample_head_seal(&head.head);
        for (size_t i = 0; i < head.known.count; i++) {
            head.known.samples[i].is_sealed = true;
        }
        all_check(&head);
        for (uint64_t i = test_random_below(&head.random, 300); i > 0; i--) {
            add_some(&head);
        }
        all_check(&head);
        sample_head_release(&head.head, INT64_MIN);
        known_release(&head.known);
        all_check(&head);
    }
    head_close(&head);
}

static void a_series_refuses_what_is_behind_its_window_or_ahead_of_the_clock(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 82, SERIES, (uint64_t)1 << 20);
    assert_int_equal(add(&head, 0, NOW_MS, 1), 0);
    assert_int_equal(add(&head, 0, NOW_MS - WINDOW_MS, 1), 0);
    assert_int_equal(add(&head, 0, NOW_MS - WINDOW_MS - 1, 1), -ESTALE);
    assert_int_equal(add(&head, 0, INT64_MIN, 1), -ESTALE);
    assert_int_equal(add(&head, 0, NOW_MS + WINDOW_MS + 1, 1), -ETIME);
    assert_int_equal(add(&head, 1, NOW_MS + WINDOW_MS + 1, 1), -ETIME);
    assert_int_equal(head.head.table.count, 1);
    assert_int_equal(add(&head, 1, NOW_MS - 10 * WINDOW_MS, 1), 0);
    assert_int_equal(head.head.live_count, 3);
    assert_int_equal(head.head.live_min_ms, NOW_MS - 10 * WINDOW_MS);
    assert_int_equal(head.head.live_max_ms, NOW_MS);
    head_close(&head);
}

static void an_idle_series_makes_room_for_another_and_a_busy_one_does_not(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 83, 2, (uint64_t)1 << 20);
    assert_int_equal(add(&head, 0, NOW_MS, 1), 0);
    assert_int_equal(add(&head, 1, NOW_MS - 3 * WINDOW_MS, 1), 0);
    assert_int_equal(add(&head, 2, NOW_MS, 1), -EDQUOT);
    sample_head_seal(&head.head);
    assert_int_equal(add(&head, 2, NOW_MS, 1), -EDQUOT);
    sample_head_release(&head.head, INT64_MIN);
    assert_int_equal(head.head.table.count, 2);
    assert_int_equal(add(&head, 2, NOW_MS, 1), 0);
    assert_int_equal(add(&head, 1, NOW_MS, 1), -EDQUOT);
    assert_int_equal(add(&head, 0, NOW_MS, 1), 0);
    head_close(&head);
}

static void idle_series_are_closed_when_the_sealed_are_released(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 84, SERIES, (uint64_t)1 << 20);
    assert_int_equal(add(&head, 0, NOW_MS, 1), 0);
    assert_int_equal(add(&head, 1, NOW_MS - 1, 1), 0);
    sample_head_seal(&head.head);
    assert_int_equal(add(&head, 2, NOW_MS - 1, 1), 0);
    sample_head_release(&head.head, NOW_MS);
    assert_int_equal(head.head.table.count, 2);
    assert_int_equal(head.head.sealed_count, 0);
    head_close(&head);
}

static void a_full_pool_refuses_until_a_flush_and_nothing_is_torn(void **state)
{
    static struct head head;
    int err = 0;
    (void)state;
    head_open(&head, 85, SERIES, (uint64_t)8 << 10);
    while (err == 0) {
        struct known_sample sample = {.series = (uint32_t)test_random_below(&head.random, SERIES),
                                      .time_ms = NOW_MS - (int64_t)head.known.count,
                                      .bits = test_random_next(&head.random)};
        err = add(&head, sample.series, sample.time_ms, sample.bits);
        if (err == 0) {
            head.known.samples[head.known.count++] = sample;
        }
    }
    assert_int_equal(err, -ENOBUFS);
    assert_true(sample_head_is_full(&head.head));
    all_check(&head);
    sample_head_seal(&head.head);
    sample_head_release(&head.head, INT64_MIN);
    assert_int_equal(head.head.pool.used_count, 0);
    assert_int_equal(add(&head, 1, NOW_MS, 1), 0);
    head_close(&head);
}

static void an_allocation_that_fails_leaves_nothing_behind(void **state)
{
    struct sample_head_options options = options_of(SERIES, 4096);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    struct sample_head head;
    int err = -ENOMEM;
    (void)state;
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = sample_head_init(&head, budget, &options);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        assert_true(err == 0 || budget_used(budget) == used);
    }
    sample_head_deinit(&head);
    options.sample_bytes_max = 0;
    assert_int_equal(sample_head_init(&head, budget, &options), -EOVERFLOW);
    slu_budget_destroy(&budget);
}

static void a_read_without_memory_is_told_and_can_be_tried_again(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 86, SERIES, (uint64_t)1 << 20);
    assert_int_equal(add(&head, 2, NOW_MS, 149), 0);
    assert_int_equal(add(&head, 2, NOW_MS - 1, 77), 0);
    char text[16];
    struct slu_bytes key = key_of(2, text);
    uint32_t index = stream_table_find(&head.head.table, key, labels_hash(key));
    uint64_t used = budget_used(head.budget);
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct block out = {0};
        struct block bytes = {0};
        alloc_fault_at(nth);
        err = sample_head_read(&head.head, index, false, true, true, head.budget, &out, &bytes);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        block_free(head.budget, &out);
        block_free(head.budget, &bytes);
        assert_int_equal(budget_used(head.budget), used);
    }
    head_close(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_read_back_as_from_an_array_also_while_sealed),
        cmocka_unit_test(a_series_refuses_what_is_behind_its_window_or_ahead_of_the_clock),
        cmocka_unit_test(an_idle_series_makes_room_for_another_and_a_busy_one_does_not),
        cmocka_unit_test(idle_series_are_closed_when_the_sealed_are_released),
        cmocka_unit_test(a_full_pool_refuses_until_a_flush_and_nothing_is_torn),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing_behind),
        cmocka_unit_test(a_read_without_memory_is_told_and_can_be_tried_again),
    };
    return TEST_RUN("sample head", tests);
}
