#include "codec/rans.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define TEXT_MAX ((size_t)1 << 18)

static unsigned char text[TEXT_MAX];
static unsigned char back[TEXT_MAX];
static unsigned char packed[2 * TEXT_MAX];

static void text_fill(struct test_random *random, uint64_t alphabet, uint64_t skew)
{
    for (size_t i = 0; i < TEXT_MAX; i++) {
        uint64_t value = test_random_below(random, alphabet);
        for (uint64_t k = 0; k < skew; k++) {
            uint64_t other = test_random_below(random, alphabet);
            value = other < value ? other : value;
        }
        text[i] = (unsigned char)value;
    }
}

static size_t round_trip(size_t len)
{
    size_t made = 0;
    assert_int_equal(rans_pack((struct slu_bytes){text, len}, packed, rans_packed_max(len), &made),
                     0);
    assert_true(made <= rans_packed_max(len));
    memset(back, 0xa5, len);
    assert_int_equal(rans_unpack((struct slu_bytes){packed, made}, back, len), 0);
    assert_memory_equal(back, text, len);
    return made;
}

static void what_is_packed_reads_back(void **state)
{
    struct test_random random = test_random_start(1);
    static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 255, 4096, 4097, 65537, TEXT_MAX};
    (void)state;
    for (uint64_t alphabet = 1; alphabet <= 256; alphabet = alphabet * 3 / 2 + 1) {
        for (uint64_t skew = 0; skew < 4; skew++) {
            text_fill(&random, alphabet, skew);
            for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                round_trip(sizes[i]);
            }
        }
    }
}

static void a_byte_in_many_is_told_too(void **state)
{
    (void)state;
    memset(text, 7, TEXT_MAX);
    text[TEXT_MAX / 2] = 200;
    text[TEXT_MAX - 1] = 0;
    assert_true(round_trip(TEXT_MAX) < 700);
    for (size_t i = 0; i < TEXT_MAX; i++) {
        text[i] = i < 256 ? (unsigned char)i : 9;
    }
    round_trip(TEXT_MAX);
}

static double entropy_bytes(size_t len)
{
    double counts[256] = {0};
    double bits = 0;
    for (size_t i = 0; i < len; i++) {
        counts[text[i]]++;
    }
    for (size_t i = 0; i < 256; i++) {
        bits += counts[i] > 0 ? counts[i] * log2((double)len / counts[i]) : 0;
    }
    return bits / 8;
}

static void it_is_within_a_hundredth_of_the_entropy(void **state)
{
    struct test_random random = test_random_start(2);
    static const uint64_t alphabets[] = {3, 51, 100, 256};
    (void)state;
    for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++) {
        text_fill(&random, alphabets[i], i % 2);
        size_t made = round_trip(TEXT_MAX);
        assert_true((double)made < 1.01 * entropy_bytes(TEXT_MAX) + 600);
    }
}

static void what_is_damaged_is_an_error_or_other_bytes_and_never_more(void **state)
{
    struct test_random random = test_random_start(3);
    size_t made = 0;
    size_t refused = 0;
    (void)state;
    text_fill(&random, 40, 1);
    assert_int_equal(
        rans_pack((struct slu_bytes){text, 3000}, packed, rans_packed_max(3000), &made), 0);
    for (size_t len = 0; len < made; len++) {
        unsigned char *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, packed, len);
        assert_int_equal(rans_unpack((struct slu_bytes){exact, len}, back, 3000), -EBADMSG);
        free(exact);
    }
    for (size_t i = 0; i < 2000; i++) {
        size_t at = (size_t)test_random_below(&random, made);
        unsigned char before = packed[at];
        packed[at] ^= (unsigned char)(1 + test_random_below(&random, 255));
        refused += rans_unpack((struct slu_bytes){packed, made}, back, 3000) == -EBADMSG;
        packed[at] = before;
    }
    assert_true(refused > 1900);
    assert_int_equal(rans_unpack((struct slu_bytes){packed, made}, back, 2999), -EBADMSG);
    assert_int_equal(rans_unpack((struct slu_bytes){packed, made}, back, 3001), -EBADMSG);
}

static void no_room_and_no_input_are_refused(void **state)
{
    size_t made = 99;
    (void)state;
    assert_int_equal(rans_pack((struct slu_bytes){text, 0}, packed, sizeof(packed), &made),
                     -EINVAL);
    assert_int_equal(
        rans_pack((struct slu_bytes){text, 10}, packed, rans_packed_max(10) - 1, &made), -ENOBUFS);
    assert_int_equal(made, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_reads_back),
        cmocka_unit_test(a_byte_in_many_is_told_too),
        cmocka_unit_test(it_is_within_a_hundredth_of_the_entropy),
        cmocka_unit_test(what_is_damaged_is_an_error_or_other_bytes_and_never_more),
        cmocka_unit_test(no_room_and_no_input_are_refused),
    };
    return TEST_RUN("rans", tests);
}
