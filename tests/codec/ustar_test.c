#include "codec/ustar.h"

#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void numbers_are_octal_and_the_sum_is_that_of_the_rest(void **state)
{
    char block[USTAR_BLOCK_BYTES];
    (void)state;
    ustar_block_make(block, "1700000000250.heap.pb.gz", 1234567, 1700000000);
    assert_string_equal(block, "1700000000250.heap.pb.gz");
    assert_int_equal(strtoull(block + USTAR_SIZE_AT, NULL, 8), 1234567);
    assert_int_equal(strtoull(block + USTAR_TIME_AT, NULL, 8), 1700000000);
    assert_int_equal(strtoull(block + USTAR_SUM_AT, NULL, 8), ustar_sum(block));
    assert_memory_equal(block + USTAR_MAGIC_AT, "ustar\0", 6);
    assert_int_equal(block[USTAR_KIND_AT], '0');
    block[USTAR_SUM_AT] ^= 1;
    uint64_t sum = ustar_sum(block);
    block[0] ^= 1;
    assert_int_not_equal(ustar_sum(block), sum);
}

static void the_longest_fits(void **state)
{
    char block[USTAR_BLOCK_BYTES];
    char name[USTAR_NAME_MAX + 1];
    (void)state;
    memset(name, 'x', USTAR_NAME_MAX);
    name[USTAR_NAME_MAX] = '\0';
    ustar_block_make(block, name, USTAR_NUMBER_MAX, USTAR_NUMBER_MAX);
    assert_string_equal(block, name);
    assert_int_equal(strtoull(block + USTAR_SIZE_AT, NULL, 8), USTAR_NUMBER_MAX);
    assert_int_equal(strtoull(block + USTAR_TIME_AT, NULL, 8), USTAR_NUMBER_MAX);
}

static void content_takes_whole_blocks(void **state)
{
    (void)state;
    assert_int_equal(ustar_padded(0), 0);
    assert_int_equal(ustar_padded(1), 512);
    assert_int_equal(ustar_padded(512), 512);
    assert_int_equal(ustar_padded(513), 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_octal_and_the_sum_is_that_of_the_rest),
        cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(content_takes_whole_blocks),
    };
    return TEST_RUN("ustar", tests);
}
