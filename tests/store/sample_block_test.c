#include "store/sample_block.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/block.h"
#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define LEVEL        1

static double from_bits(uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Values of one of the shapes that series have. */
static double some_value(struct test_random *random, uint64_t shape, double before)
{
    switch (shape) {
    case 0:
        return before + 1000 + (double)test_random_below(random, 51);
    case 1:
        return round((before + ((double)test_random_below(random, 3) - 1) / 10) * 10) / 10;
    case 2:
        return 42.5;
    case 3:
        return from_bits(test_random_next(random));
    case 4:
        return (double)test_random_below(random, 1000000) / 1e6;
    case 5:
        return test_random_below(random, 9) == 0 ? from_bits(UINT64_C(0x7ff0000000000002)) : before;
    default:
        return test_random_below(random, 2) == 0 ? -0.0 : INFINITY;
    }
}

static size_t some_samples(struct test_random *random, struct sample *samples, size_t most)
{
    size_t count = 1 + test_random_below(random, most);
    uint64_t shape = test_random_below(random, 7);
    uint64_t jitter = test_random_below(random, 3) * 20;
    int64_t time_ms = (int64_t)test_random_below(random, UINT64_C(1) << 41) - (INT64_C(1) << 40);
    double value = (double)test_random_below(random, 1000);
    for (size_t i = 0; i < count; i++) {
        value = some_value(random, shape, value);
        samples[i] = (struct sample){.time_ms = time_ms, .value = value};
        time_ms += 15000 + (int64_t)(jitter == 0 ? 0 : test_random_below(random, jitter));
        time_ms += test_random_below(random, 500) == 0 ? 1000000000 : 0;
    }
    return count;
}

static void check_chunk(const struct sample_block *block, uint32_t chunk,
                        const struct sample *samples, size_t count)
{
    struct sample_cursor cursor;
    struct sample read = {0};
    assert_int_equal(sample_block_chunk(block, chunk, &cursor), 0);
    assert_int_equal(cursor.count, count);
    assert_int_equal(cursor.kind, SAMPLE_NUMBERS);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sample_next(&cursor, &read), 0);
        assert_int_equal(read.time_ms, samples[i].time_ms);
        assert_memory_equal(&read.value, &samples[i].value, sizeof(double));
    }
    assert_int_equal(sample_next(&cursor, &read), -ENODATA);
}

#define CHUNKS_MAX  24
#define SAMPLES_MAX 1500

static void numbers_read_back_bit_by_bit_whatever_their_shape(void **state)
{
    static struct sample samples[CHUNKS_MAX][SAMPLES_MAX];
    struct test_random random = test_random_start(11);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct sample_block_writer *writer = NULL;
    (void)state;
    assert_int_equal(sample_block_writer_create(budget, LEVEL, &writer), 0);
    for (uint64_t round = 0; round < test_rounds(60); round++) {
        size_t counts[CHUNKS_MAX];
        uint32_t added = 0;
        size_t most = test_random_below(&random, 2) == 0 ? 5 : SAMPLES_MAX;
        while (added < CHUNKS_MAX) {
            uint32_t chunk = 0;
            counts[added] = some_samples(&random, samples[added], most);
            assert_int_equal(sample_block_add(writer, samples[added], counts[added], &chunk), 0);
            assert_int_equal(chunk, added);
            added++;
        }
        struct slu_bytes bytes;
        struct block memory = {0};
        struct sample_block block;
        assert_int_equal(sample_block_end(writer, &bytes), 0);
        assert_int_equal(sample_block_decode(bytes, budget, &memory, &block), 0);
        for (uint32_t i = 0; i < added; i++) {
            check_chunk(&block, i, samples[i], counts[i]);
        }
        block_free(budget, &memory);
    }
    sample_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void messages_read_back_as_they_were_written(void **state)
{
    static unsigned char text[3000];
    struct test_random random = test_random_start(12);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct sample_block_writer *writer = NULL;
    struct sample_message messages[40];
    uint32_t chunk = 0;
    (void)state;
    memset(text, 'm', sizeof(text));
    assert_int_equal(sample_block_writer_create(budget, LEVEL, &writer), 0);
    for (size_t i = 0; i < 40; i++) {
        size_t len = test_random_below(&random, sizeof(text));
        messages[i] = (struct sample_message){(int64_t)i * 1000, {text, len}};
    }
    assert_int_equal(sample_block_add_messages(writer, messages, 40, &chunk), 0);
    struct slu_bytes bytes;
    struct block memory = {0};
    struct sample_block block;
    struct sample_cursor cursor;
    struct sample_message read = {0};
    assert_int_equal(sample_block_end(writer, &bytes), 0);
    assert_int_equal(sample_block_decode(bytes, budget, &memory, &block), 0);
    assert_int_equal(sample_block_chunk(&block, chunk, &cursor), 0);
    assert_int_equal(cursor.kind, SAMPLE_MESSAGES);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(sample_next_message(&cursor, &read), 0);
        assert_int_equal(read.time_ms, messages[i].time_ms);
        assert_int_equal(read.bytes.len, messages[i].bytes.len);
        assert_memory_equal(read.bytes.data, text, read.bytes.len);
    }
    assert_int_equal(sample_next_message(&cursor, &read), -ENODATA);
    block_free(budget, &memory);
    sample_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void a_block_says_when_it_is_full_and_an_empty_one_takes_the_largest_chunk(void **state)
{
    static struct sample samples[SAMPLE_CHUNK_MAX];
    struct test_random random = test_random_start(13);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct sample_block_writer *writer = NULL;
    struct slu_bytes bytes;
    uint32_t chunk = 0;
    int err = 0;
    (void)state;
    for (size_t i = 0; i < SAMPLE_CHUNK_MAX; i++) {
        samples[i] = (struct sample){(int64_t)i * 3 + (int64_t)test_random_below(&random, 2),
                                     from_bits(test_random_next(&random))};
    }
    assert_int_equal(sample_block_writer_create(budget, LEVEL, &writer), 0);
    for (uint32_t i = 0; err == 0; i++) {
        assert_true(i < 100);
        err = sample_block_add(writer, samples, SAMPLE_CHUNK_MAX, &chunk);
    }
    assert_int_equal(err, -ENOBUFS);
    assert_true(sample_block_pending_bytes(writer) <= SAMPLE_BLOCK_PLAIN_MAX);
    assert_int_equal(sample_block_end(writer, &bytes), 0);
    assert_int_equal(sample_block_pending_bytes(writer), 0);
    assert_int_equal(sample_block_add(writer, samples, SAMPLE_CHUNK_MAX, &chunk), 0);
    assert_int_equal(chunk, 0);
    assert_int_equal(sample_block_add(writer, samples, 0, &chunk), -EINVAL);
    samples[1].time_ms = samples[0].time_ms;
    assert_int_equal(sample_block_add(writer, samples, 2, &chunk), -EINVAL);
    sample_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void damage_is_an_error_or_other_numbers_but_never_more(void **state)
{
    static struct sample samples[SAMPLES_MAX];
    static unsigned char copy[1 << 16];
    struct test_random random = test_random_start(14);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct sample_block_writer *writer = NULL;
    struct slu_bytes bytes;
    uint32_t chunk = 0;
    (void)state;
    assert_int_equal(sample_block_writer_create(budget, LEVEL, &writer), 0);
    for (size_t i = 0; i < 6; i++) {
        size_t count = some_samples(&random, samples, 200);
        assert_int_equal(sample_block_add(writer, samples, count, &chunk), 0);
    }
    assert_int_equal(sample_block_end(writer, &bytes), 0);
    assert_true(bytes.len < sizeof(copy));
    uint64_t before = budget_used(budget);
    for (uint64_t round = 0; round < test_rounds(4000); round++) {
        struct block memory = {0};
        struct sample_block block;
        size_t len =
            test_random_below(&random, 4) == 0 ? test_random_below(&random, bytes.len) : bytes.len;
        memcpy(copy, bytes.data, len);
        for (uint64_t i = test_random_below(&random, 3); i > 0 && len > 0; i--) {
            copy[test_random_below(&random, len)] ^= 1U << test_random_below(&random, 8);
        }
        int err = sample_block_decode((struct slu_bytes){copy, len}, budget, &memory, &block);
        assert_true(err == 0 || err == -EBADMSG);
        for (uint32_t i = 0; err == 0 && i < block.chunk_count; i++) {
            struct sample_cursor cursor;
            struct sample sample;
            struct sample_message message;
            assert_int_equal(sample_block_chunk(&block, i, &cursor), 0);
            int step = 0;
            while (step == 0) {
                step = cursor.kind == SAMPLE_NUMBERS ? sample_next(&cursor, &sample)
                                                     : sample_next_message(&cursor, &message);
            }
            assert_int_equal(step, -ENODATA);
        }
        block_free(budget, &memory);
        assert_int_equal(budget_used(budget), before);
    }
    sample_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_back_bit_by_bit_whatever_their_shape),
        cmocka_unit_test(messages_read_back_as_they_were_written),
        cmocka_unit_test(a_block_says_when_it_is_full_and_an_empty_one_takes_the_largest_chunk),
        cmocka_unit_test(damage_is_an_error_or_other_numbers_but_never_more),
    };
    return TEST_RUN("sample block", tests);
}
