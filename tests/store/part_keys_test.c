#include "store/part_keys.h"

#include "part_fixture.h"

#define KEYS   ((uint64_t)9000) /* several pages */
#define BLOCKS 40

/* Keys are multiples of a number; each is in a few blocks, some in many. */
static uint64_t hash_of(uint64_t key)
{
    return key * UINT64_C(0x0001000100010001);
}

static bool has_key(uint64_t key, uint32_t block)
{
    return key % 1000 == 7 || block == key % BLOCKS || (key % 3 == 0 && block == key % 17);
}

static int part_write(struct part_bench *bench, struct part *part, uint64_t keys)
{
    struct part_writer writer;
    int err = part_writer_begin(&writer, &bench->directory, &part->name, bench->signal, PART_SALT,
                                bench->budget);
    if (err != 0) {
        return err;
    }
    for (uint32_t block = 0; err == 0 && block < BLOCKS; block++) {
        uint32_t number = 0;
        err = part_writer_block(&writer, (struct slu_bytes){"block", 5},
                                (struct slu_bytes){NULL, 0}, 1, 2, &number);
        for (uint64_t key = 0; err == 0 && key < keys; key++) {
            if (has_key(key, block)) {
                err = part_writer_key(&writer, hash_of(key), number);
                err = err != 0 ? err : part_writer_key(&writer, hash_of(key), number);
            }
        }
    }
    if (err != 0) {
        part_writer_abort(&writer);
        return err;
    }
    return part_writer_end(&writer, (struct slu_bytes){NULL, 0}, part);
}

static struct part *part_make(struct part_bench *bench, uint64_t keys)
{
    struct part_name name = {.day = 1, .first_sequence = 1, .last_sequence = 1};
    struct part *part = NULL;
    assert_int_equal(part_list_prepare(&bench->list, &name, &part), 0);
    assert_int_equal(part_write(bench, part, keys), 0);
    part_list_put(&bench->list, part);
    assert_int_equal(part_open(&bench->list, part), 0);
    return part;
}

static void key_check(struct part_bench *bench, const struct part *part, uint64_t key)
{
    struct block found = {0};
    size_t at = 0;
    assert_int_equal(part_keys_find(part, hash_of(key), bench->budget, &found), 0);
    const uint32_t *blocks = found.data;
    for (uint32_t block = 0; block < BLOCKS; block++) {
        bool is_told = at < found.len / sizeof(uint32_t) && blocks[at] == block;
        assert_int_equal(is_told, has_key(key, block));
        at += is_told;
    }
    assert_int_equal(at, found.len / sizeof(uint32_t));
    block_free(bench->budget, &found);
}

static void a_key_tells_all_its_blocks_also_across_pages(void **state)
{
    struct part_bench bench;
    (void)state;
    part_bench_open(&bench, 1);
    struct part *part = part_make(&bench, KEYS);
    for (uint64_t key = 0; key < KEYS; key++) {
        if (key % 1000 == 7 || key % 53 == 0 || key + 1 == KEYS) {
            key_check(&bench, part, key);
        }
    }
    for (uint64_t i = 0; i < 100; i++) {
        struct block found = {0};
        assert_int_equal(part_keys_find(part, hash_of(i * 90) + 1 + i, bench.budget, &found), 0);
        assert_int_equal(found.len, 0);
        block_free(bench.budget, &found);
    }
    part_close(&bench.list, part);
    part_bench_close(&bench);
}

static void a_part_without_keys_has_none(void **state)
{
    struct part_bench bench;
    struct block found = {0};
    (void)state;
    part_bench_open(&bench, 1);
    struct part *part = part_make(&bench, 0);
    assert_int_equal(part_keys_find(part, 1, bench.budget, &found), 0);
    assert_int_equal(found.len, 0);
    block_free(bench.budget, &found);
    part_close(&bench.list, part);
    part_bench_close(&bench);
}

static void an_allocation_that_fails_leaves_nothing_behind(void **state)
{
    struct part_bench bench;
    int err = -ENOMEM;
    (void)state;
    part_bench_open(&bench, 1);
    struct part *part = part_make(&bench, KEYS);
    uint64_t used = budget_used(bench.budget);
    for (uint64_t nth = 1; err != 0; nth++) {
        struct block found = {0};
        alloc_fault_at(nth);
        err = part_keys_find(part, hash_of(1007), bench.budget, &found);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        block_free(bench.budget, &found);
        assert_int_equal(budget_used(bench.budget), used);
        assert_true(nth < 100);
    }
    part_close(&bench.list, part);
    part_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_tells_all_its_blocks_also_across_pages),
        cmocka_unit_test(a_part_without_keys_has_none),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing_behind),
    };
    return TEST_RUN("part keys", tests);
}
