#include "codec/gzip.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "codec/decompress.h"
#include "harness.h"

#define TEXT_MAX ((size_t)1 << 20)

static unsigned char text[TEXT_MAX];

static struct slu_budget *budget_of(uint64_t bytes)
{
    struct slu_budget *budget = NULL;
    assert_int_equal(slu_budget_create(NULL, "gzip", bytes, &budget), 0);
    return budget;
}

static void round_trip(struct slu_budget *budget, size_t len)
{
    struct block packed = {0};
    struct block read = {0};
    struct decompress_limits limits = {.output_bytes_max = TEXT_MAX, .ratio_max = 2000};
    assert_int_equal(gzip_all(budget, (struct slu_bytes){text, len}, &packed), 0);
    assert_int_equal(decompress_all(budget, COMPRESSION_GZIP,
                                    (struct slu_bytes){packed.data, packed.len}, &limits, &read),
                     0);
    assert_int_equal(read.len, len);
    assert_true(len == 0 || memcmp(read.data, text, len) == 0);
    block_free(budget, &packed);
    block_free(budget, &read);
}

static void what_is_compressed_reads_back(void **state)
{
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(16 << 20);
    static const size_t sizes[] = {0, 1, 2, 255, 65535, 65536, TEXT_MAX};
    (void)state;
    for (uint64_t alphabet = 1; alphabet <= 256; alphabet *= 16) {
        for (size_t i = 0; i < sizeof(text); i++) {
            text[i] = (unsigned char)test_random_below(&random, alphabet);
        }
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            round_trip(budget, sizes[i]);
        }
    }
    slu_budget_destroy(&budget);
}

static void a_budget_without_room_refuses_and_keeps_nothing(void **state)
{
    struct slu_budget *budget = budget_of(64 << 10);
    struct block packed = {0};
    struct slu_budget_stats before;
    struct slu_budget_stats after;
    (void)state;
    slu_budget_stats(budget, &before);
    assert_int_equal(gzip_all(budget, (struct slu_bytes){text, 4096}, &packed), -EDQUOT);
    slu_budget_stats(budget, &after);
    assert_int_equal(before.used_bytes, after.used_bytes);
    assert_null(packed.data);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_compressed_reads_back),
        cmocka_unit_test(a_budget_without_room_refuses_and_keeps_nothing),
    };
    return TEST_RUN("gzip", tests);
}
