#include "store/byte_chain.h"

#include <errno.h>
#include <string.h>

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)1 << 20)
#define CHAINS       7
#define CHAIN_MAX    1000
#define BLOCKS       200

/* A chain, and what was appended to it. */
struct pair {
    struct byte_chain chain;
    unsigned char bytes[CHAIN_MAX];
    size_t len;
};

static void pair_check(const struct byte_pool *pool, const struct pair *pair)
{
    unsigned char read[CHAIN_MAX];
    assert_int_equal(byte_chain_len(pool, &pair->chain), pair->len);
    byte_chain_copy(pool, &pair->chain, read);
    assert_memory_equal(read, pair->bytes, pair->len);
}

static void chain_append(struct byte_pool *pool, struct pair *pair, struct test_random *random)
{
    unsigned char bytes[200];
    size_t len = test_random_below(random, sizeof(bytes));
    uint32_t before = pool->used_count;
    if (byte_pool_free_count(pool) < byte_chain_blocks(len) || len > CHAIN_MAX - pair->len) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)test_random_next(random);
    }
    byte_chain_append(pool, &pair->chain, bytes, len);
    assert_true(pool->used_count - before <= byte_chain_blocks(len));
    memcpy(pair->bytes + pair->len, bytes, len);
    pair->len += len;
}

static void chains_in_one_pool_keep_what_each_was_given(void **state)
{
    static struct pair pairs[CHAINS];
    struct test_random random = test_random_start(71);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct byte_pool pool;
    uint64_t used = budget_used(budget);
    (void)state;
    assert_int_equal(byte_pool_init(&pool, budget, BLOCKS), 0);
    for (size_t i = 0; i < CHAINS; i++) {
        pairs[i] = (struct pair){.chain = byte_chain_begin()};
    }
    for (uint64_t round = 0; round < test_rounds(5000); round++) {
        struct pair *pair = &pairs[test_random_below(&random, CHAINS)];
        if (test_random_below(&random, 20) == 0) {
            byte_chain_drop(&pool, &pair->chain);
            pair->len = 0;
        } else {
            chain_append(&pool, pair, &random);
        }
        pair_check(&pool, &pairs[test_random_below(&random, CHAINS)]);
    }
    for (size_t i = 0; i < CHAINS; i++) {
        byte_chain_drop(&pool, &pairs[i].chain);
    }
    assert_int_equal(byte_pool_free_count(&pool), BLOCKS);
    byte_pool_deinit(&pool);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

static void the_last_block_of_a_pool_can_be_filled_and_is_used_again(void **state)
{
    static const unsigned char bytes[4 * BYTE_BLOCK_PAYLOAD] = {1};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct byte_pool pool;
    (void)state;
    assert_int_equal(byte_pool_init(&pool, budget, 4), 0);
    for (int i = 0; i < 3; i++) {
        struct byte_chain chain = byte_chain_begin();
        byte_chain_append(&pool, &chain, bytes, sizeof(bytes));
        assert_int_equal(byte_pool_free_count(&pool), 0);
        byte_chain_append(&pool, &chain, bytes, 0);
        byte_chain_drop(&pool, &chain);
        byte_chain_drop(&pool, &chain);
        assert_int_equal(byte_pool_free_count(&pool), 4);
    }
    byte_pool_deinit(&pool);
    slu_budget_destroy(&budget);
}

static void a_pool_without_room_is_refused(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct byte_pool pool;
    uint64_t used = budget_used(budget);
    (void)state;
    assert_int_equal(byte_pool_init(&pool, budget, 1 << 20), -EDQUOT);
    alloc_fault_at(1);
    assert_int_equal(byte_pool_init(&pool, budget, 4), -ENOMEM);
    alloc_fault_at(0);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_in_one_pool_keep_what_each_was_given),
        cmocka_unit_test(the_last_block_of_a_pool_can_be_filled_and_is_used_again),
        cmocka_unit_test(a_pool_without_room_is_refused),
    };
    return TEST_RUN("byte chain", tests);
}
