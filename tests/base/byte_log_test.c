#include "base/byte_log.h"

#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define OWNERS_MAX 3000

/* A log in memory of its own, and what it must hold: the seed of each owner's string. */
struct subject {
    struct byte_log log;
    struct byte_log_options options;
    void *block;
    uint64_t seeds[OWNERS_MAX];
    uint32_t lens[OWNERS_MAX];
    bool present[OWNERS_MAX];
    uint64_t used_bytes;
    struct test_random random;
};

static struct subject *subject_of(struct byte_log_options options, uint64_t stream)
{
    struct subject *subject = calloc(1, sizeof(*subject));
    assert_non_null(subject);
    struct layout layout = {0};
    struct byte_log_parts parts = byte_log_plan(&layout, &options);
    size_t size = 0;
    assert_int_equal(layout_size(&layout, &size), 0);
    subject->block = calloc(1, size);
    assert_non_null(subject->block);
    byte_log_init(&subject->log, subject->block, parts, &options);
    subject->options = options;
    subject->random = test_random_start(stream);
    return subject;
}

static void subject_free(struct subject *subject)
{
    free(subject->block);
    free(subject);
}

static void string_make(uint64_t seed, uint32_t len, unsigned char *out)
{
    for (uint32_t i = 0; i < len; i++) {
        out[i] = (unsigned char)(seed >> (i % 8 * 8)) ^ (unsigned char)(i / 8);
    }
}

static void owner_check(const struct subject *subject, uint32_t owner)
{
    static unsigned char expected[BYTE_LOG_STRING_BYTES_MAX];
    struct slu_bytes got = byte_log_get(&subject->log, owner);
    assert_int_equal(got.len, subject->lens[owner]);
    string_make(subject->seeds[owner], subject->lens[owner], expected);
    assert_memory_equal(got.data, expected, got.len);
}

static bool owner_put(struct subject *subject, uint32_t owner, uint32_t len)
{
    static unsigned char string[BYTE_LOG_STRING_BYTES_MAX];
    if (subject->present[owner] || subject->used_bytes + len > subject->options.bytes_max) {
        return false;
    }
    subject->seeds[owner] = test_random_next(&subject->random);
    subject->lens[owner] = len;
    string_make(subject->seeds[owner], len, string);
    uint64_t tail = subject->log.tail;
    byte_log_put(&subject->log, owner, (struct slu_bytes){string, len});
    /* The stated bound on compaction, with 15 bytes of header and padding on each side. */
    assert_in_range(subject->log.tail - tail, 0,
                    8 * (len + 15) + subject->options.string_bytes_max + 15);
    subject->present[owner] = true;
    subject->used_bytes += len;
    return true;
}

static void owner_drop(struct subject *subject, uint32_t owner)
{
    owner_check(subject, owner);
    byte_log_drop(&subject->log, owner);
    subject->present[owner] = false;
    subject->used_bytes -= subject->lens[owner];
}

static void all_check(const struct subject *subject)
{
    byte_log_validate(&subject->log);
    for (uint32_t owner = 0; owner < subject->options.owner_count; owner++) {
        if (subject->present[owner]) {
            owner_check(subject, owner);
        }
    }
}

/* Short, long, of all lengths, or of the two extremes. */
static uint32_t len_draw(struct subject *subject, int kind)
{
    uint32_t max = subject->options.string_bytes_max;
    uint64_t draw = test_random_below(&subject->random, max + 1);
    switch (kind) {
    case 0:
        return (uint32_t)(draw % 9 < max ? draw % 9 : max);
    case 1:
        return max - (uint32_t)(draw % 3 < max ? draw % 3 : max);
    case 2:
        return (uint32_t)draw;
    default:
        return draw % 2 == 0 ? 0 : max;
    }
}

static void random_operations(struct byte_log_options options, uint64_t stream)
{
    struct subject *subject = subject_of(options, stream);
    int kind = 0;
    uint64_t bias = 0;
    for (int round = 0; round < 30000; round++) {
        if (round % 1500 == 0) {
            kind = (int)test_random_below(&subject->random, 4);
            bias = 20 + test_random_below(&subject->random, 75);
        }
        uint32_t owner = (uint32_t)test_random_below(&subject->random, options.owner_count);
        if (subject->present[owner] && test_random_below(&subject->random, 100) >= bias) {
            owner_drop(subject, owner);
        } else {
            (void)owner_put(subject, owner, len_draw(subject, kind)); /* full is fine */
        }
        if (round % 100 == 0) {
            all_check(subject);
        }
    }
    all_check(subject);
    subject_free(subject);
}

static void a_log_holds_every_string_that_fits_its_capacity(void **state)
{
    (void)state;
    static const struct byte_log_options shapes[] = {
        {.bytes_max = 0, .string_bytes_max = 0, .owner_count = 1},
        {.bytes_max = 10, .string_bytes_max = 10, .owner_count = 3},
        {.bytes_max = 1000, .string_bytes_max = 100, .owner_count = 50},
        {.bytes_max = 1000, .string_bytes_max = 1000, .owner_count = 50},
        {.bytes_max = 20000, .string_bytes_max = 64, .owner_count = 500},
        {.bytes_max = 3000, .string_bytes_max = 300, .owner_count = OWNERS_MAX},
        {.bytes_max = 300000, .string_bytes_max = BYTE_LOG_STRING_BYTES_MAX, .owner_count = 100},
    };
    for (uint64_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        random_operations(shapes[i], i);
    }
}

/*
 * The worst case for an allocator that does not move: fill with short strings, drop every second,
 * then ask for long ones. Repeated with a full log, so that each put compacts.
 */
static void no_pattern_of_drops_makes_a_hole_that_cannot_be_used(void **state)
{
    (void)state;
    struct byte_log_options options = {
        .bytes_max = 2000 * 8, .string_bytes_max = 800, .owner_count = OWNERS_MAX};
    struct subject *subject = subject_of(options, 50);
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t owner = 0; owner < 2000; owner++) {
            if (subject->present[owner]) {
                owner_drop(subject, owner);
            }
            assert_true(owner_put(subject, owner, 8));
        }
        for (uint32_t owner = round % 2; owner < 2000; owner += 2) {
            owner_drop(subject, owner);
        }
        for (uint32_t owner = 2000; owner < 2010; owner++) {
            assert_true(owner_put(subject, owner, 800));
        }
        assert_int_equal(subject->used_bytes, options.bytes_max);
        all_check(subject);
        for (uint32_t owner = 2000; owner < 2010; owner++) {
            owner_drop(subject, owner);
        }
    }
    subject_free(subject);
}

/* All live but one, which comes and goes: every put finds nothing to free nearby. */
static void a_full_log_takes_one_string_again_and_again(void **state)
{
    (void)state;
    struct byte_log_options options = {
        .bytes_max = 100 * 100, .string_bytes_max = 100, .owner_count = 100};
    struct subject *subject = subject_of(options, 51);
    for (uint32_t owner = 0; owner < 100; owner++) {
        assert_true(owner_put(subject, owner, 100));
    }
    for (int round = 0; round < 20000; round++) {
        owner_drop(subject, 50);
        assert_true(owner_put(subject, 50, 100));
    }
    all_check(subject);
    subject_free(subject);
}

static void the_block_is_as_small_as_stated(void **state)
{
    (void)state;
    struct byte_log_options options = {
        .bytes_max = 1000000, .string_bytes_max = 256, .owner_count = 10000};
    struct layout layout = {0};
    (void)byte_log_plan(&layout, &options); /* only its size is of interest */
    uint64_t live_max = 1000000 + 10000 * 15;
    assert_in_range(layout.size_bytes, live_max, (live_max + 12 * 264) * 4 / 3 + 8 + 4 * 10000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_holds_every_string_that_fits_its_capacity),
        cmocka_unit_test(no_pattern_of_drops_makes_a_hole_that_cannot_be_used),
        cmocka_unit_test(a_full_log_takes_one_string_again_and_again),
        cmocka_unit_test(the_block_is_as_small_as_stated),
    };
    return TEST_RUN("byte_log", tests);
}
