#include "codec/gunzip.h"

#include <errno.h>
#include <string.h>

#include <zlib.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)16 << 20)
#define TEXT_MAX     ((size_t)1 << 20)

struct packed {
    unsigned char bytes[TEXT_MAX + 4096];
    size_t len;
};

static unsigned char text[TEXT_MAX];
static struct packed packed;

/* Append `len` bytes of text as one gzip member. */
static void pack(size_t len)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = text;
    stream.avail_in = (uInt)len;
    stream.next_out = packed.bytes + packed.len;
    stream.avail_out = (uInt)(sizeof(packed.bytes) - packed.len);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.len = sizeof(packed.bytes) - stream.avail_out;
    deflateEnd(&stream);
}

static struct slu_bytes packed_view(void)
{
    return (struct slu_bytes){packed.bytes, packed.len};
}

static void fill_text(struct test_random *random, size_t len, uint64_t alphabet)
{
    for (size_t i = 0; i < len; i++) {
        text[i] = (unsigned char)test_random_below(random, alphabet);
    }
}

static struct slu_budget *budget_of(uint64_t bytes)
{
    struct slu_budget *budget = NULL;
    assert_int_equal(slu_budget_create(NULL, "gunzip", bytes, &budget), 0);
    return budget;
}

static uint64_t used(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return stats.used_bytes;
}

static void what_was_packed_comes_out(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t before = used(budget);
    for (uint64_t round = 0; round < test_rounds(60); round++) {
        size_t len = (size_t)test_random_below(&random, TEXT_MAX >> test_random_below(&random, 20));
        fill_text(&random, len, 1 + test_random_below(&random, 256));
        packed.len = 0;
        pack(len);
        struct block out = {0};
        assert_int_equal(gunzip_all(budget, packed_view(), len, &out), 0);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.data, text, len);
        block_free(budget, &out);
        assert_int_equal(used(budget), before);
    }
    slu_budget_destroy(&budget);
}

static void any_cut_into_pieces_gives_the_same(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    static unsigned char out[TEXT_MAX];
    for (uint64_t round = 0; round < test_rounds(60); round++) {
        size_t len = (size_t)test_random_below(&random, 20000);
        fill_text(&random, len, 1 + test_random_below(&random, 4));
        packed.len = 0;
        pack(len);
        struct gunzip *gunzip = NULL;
        assert_int_equal(gunzip_create(budget, len, &gunzip), 0);
        uint64_t allocations = alloc_count();
        size_t given = 0;
        size_t got = 0;
        struct slu_bytes input = {packed.bytes, 0};
        for (;;) {
            size_t room = 1 + (size_t)test_random_below(&random, 300);
            size_t written = 0;
            assert_int_equal(gunzip_read(gunzip, &input, out + got, room, &written), 0);
            got += written;
            if (written == 0 && given == packed.len) {
                break;
            }
            if (written < room) {
                assert_int_equal(input.len, 0);
                size_t more = (size_t)test_random_below(&random, 300);
                more = more < packed.len - given ? more : packed.len - given;
                input = (struct slu_bytes){packed.bytes + given, more};
                given += more;
            }
        }
        assert_int_equal(gunzip_end(gunzip), 0);
        assert_int_equal(got, len);
        assert_memory_equal(out, text, len);
        assert_int_equal(alloc_count(), allocations);
        gunzip_destroy(&gunzip);
    }
    slu_budget_destroy(&budget);
}

static void members_in_a_row_are_one_text(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    memset(text, 'x', 1000);
    packed.len = 0;
    pack(1000);
    pack(0);
    pack(500);
    struct block out = {0};
    assert_int_equal(gunzip_all(budget, packed_view(), 1500, &out), 0);
    assert_int_equal(out.len, 1500);
    block_free(budget, &out);
    slu_budget_destroy(&budget);
}

static void a_bomb_ends_at_the_limit(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    memset(text, 0, TEXT_MAX);
    packed.len = 0;
    for (int i = 0; i < 100; i++) {
        pack(TEXT_MAX);
    }
    struct block out = {0};
    assert_int_equal(gunzip_all(budget, packed_view(), 100 * TEXT_MAX - 1, &out), -EDQUOT);
    assert_int_equal(gunzip_all(budget, packed_view(), 1000000, &out), -EFBIG);
    assert_int_equal(gunzip_all(budget, packed_view(), 0, &out), -EFBIG);
    assert_null(out.data);
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    assert_true(stats.high_water_bytes <= BUDGET_BYTES);
    slu_budget_destroy(&budget);
}

static void a_text_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    fill_text(&random, 400, 256);
    packed.len = 0;
    pack(400);
    size_t whole = packed.len;
    struct block out = {0};
    for (packed.len = 0; packed.len < whole; packed.len++) {
        assert_int_equal(gunzip_all(budget, packed_view(), TEXT_MAX, &out), -EBADMSG);
    }
    packed.len = whole;
    assert_int_equal(gunzip_all(budget, packed_view(), TEXT_MAX, &out), 0);
    block_free(budget, &out);
    slu_budget_destroy(&budget);
}

static void a_flipped_bit_never_passes(void **state)
{
    (void)state;
    struct test_random random = test_random_start(4);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    fill_text(&random, 300, 7);
    packed.len = 0;
    pack(300);
    struct block out = {0};
    for (size_t bit = 0; bit < packed.len * 8; bit++) {
        packed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int err = gunzip_all(budget, packed_view(), TEXT_MAX, &out);
        if (err == 0) { /* in the header's time or system, or the padding before the checksum */
            assert_true((bit / 8 >= 3 && bit / 8 <= 9) || bit / 8 == packed.len - 9);
            assert_int_equal(out.len, 300);
            assert_memory_equal(out.data, text, 300);
            block_free(budget, &out);
        } else {
            assert_int_equal(err, -EBADMSG);
        }
        packed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    slu_budget_destroy(&budget);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    memset(text, 'y', 300000);
    packed.len = 0;
    pack(100000);
    pack(300000);
    struct block out = {0};
    uint64_t before = used(budget);
    for (uint64_t nth = 1;; nth++) {
        alloc_fault_at(nth);
        int err = gunzip_all(budget, packed_view(), TEXT_MAX, &out);
        if (!alloc_fault_hit()) {
            alloc_fault_at(0);
            assert_int_equal(err, 0);
            assert_true(nth > 2);
            break;
        }
        assert_int_equal(err, -ENOMEM);
        assert_null(out.data);
        assert_int_equal(used(budget), before);
    }
    block_free(budget, &out);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out),
        cmocka_unit_test(any_cut_into_pieces_gives_the_same),
        cmocka_unit_test(members_in_a_row_are_one_text),
        cmocka_unit_test(a_bomb_ends_at_the_limit),
        cmocka_unit_test(a_text_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_never_passes),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return TEST_RUN("gunzip", tests);
}
