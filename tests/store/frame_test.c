#include "store/frame.h"

#include <string.h>

#include "harness.h"

#define SALT UINT64_C(0x1234567890abcdef)

static struct frame some_frame(struct test_random *random)
{
    return (struct frame){.sequence = test_random_next(random),
                          .tag = test_random_next(random),
                          .time_ns = (int64_t)test_random_next(random),
                          .payload_hash = test_random_next(random),
                          .payload_bytes = (uint32_t)test_random_next(random),
                          .kind = (uint32_t)test_random_next(random)};
}

static void a_header_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint64_t round = 0; round < test_rounds(1000); round++) {
        struct frame frame = some_frame(&random);
        struct frame read = {0};
        unsigned char header[FRAME_HEADER_BYTES];
        frame_encode(&frame, SALT, header);
        assert_true(frame_decode(header, SALT, &read));
        assert_memory_equal(&frame, &read, sizeof(frame));
    }
}

static void the_bytes_of_a_header_are_those_of_the_table(void **state)
{
    (void)state;
    const struct frame frame = {.sequence = 0x0807060504030201,
                                .tag = 0x1817161514131211,
                                .time_ns = 0x2827262524232221,
                                .payload_hash = 0x3837363534333231,
                                .payload_bytes = 0x44434241,
                                .kind = 0x54535251};
    unsigned char header[FRAME_HEADER_BYTES];
    frame_encode(&frame, SALT, header);
    assert_memory_equal(header, "SLQF\x41\x42\x43\x44\x51\x52\x53\x54", 12);
    for (unsigned char i = 0; i < 8; i++) {
        assert_int_equal(header[16 + i], 0x01 + i);
        assert_int_equal(header[24 + i], 0x11 + i);
        assert_int_equal(header[32 + i], 0x21 + i);
        assert_int_equal(header[40 + i], 0x31 + i);
    }
}

static void no_flipped_bit_and_no_other_salt_is_taken_for_a_header(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct frame frame = some_frame(&random);
    struct frame read = {.sequence = 7};
    unsigned char header[FRAME_HEADER_BYTES];
    frame_encode(&frame, SALT, header);
    assert_false(frame_decode(header, SALT + 1, &read));
    for (size_t bit = 0; bit < 8 * sizeof(header); bit++) {
        header[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(frame_decode(header, SALT, &read));
        header[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(read.sequence, 7);
}

static void a_hash_is_the_same_however_the_bytes_are_divided(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    static unsigned char bytes[4096];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)test_random_next(&random);
    }
    for (uint64_t round = 0; round < test_rounds(500); round++) {
        size_t len = (size_t)test_random_below(&random, sizeof(bytes));
        size_t first = (size_t)test_random_below(&random, len + 1);
        size_t second = first + (size_t)test_random_below(&random, len - first + 1);
        const struct slu_bytes whole = {bytes, len};
        const struct slu_bytes parts[] = {{bytes, first},
                                          {bytes + first, second - first},
                                          {NULL, 0},
                                          {bytes + second, len - second}};
        assert_int_equal(frame_hash(parts, 4), frame_hash(&whole, 1));
    }
    const struct slu_bytes none = {NULL, 0};
    assert_int_equal(frame_hash(NULL, 0), frame_hash(&none, 1));
}

static void the_first_whole_header_is_found_wherever_it_lies(void **state)
{
    (void)state;
    struct test_random random = test_random_start(4);
    unsigned char bytes[200];
    for (size_t at = 0; at < sizeof(bytes); at++) {
        struct frame frame = some_frame(&random);
        unsigned char header[FRAME_HEADER_BYTES];
        frame_encode(&frame, SALT, header);
        memset(bytes, 'S', sizeof(bytes)); /* each byte may be the beginning */
        size_t room = sizeof(bytes) - at;
        memcpy(bytes + at, header, room < sizeof(header) ? room : sizeof(header));
        size_t expected = room < sizeof(header) ? sizeof(bytes) : at;
        assert_int_equal(frame_find((struct slu_bytes){bytes, sizeof(bytes)}, SALT), expected);
        assert_int_equal(frame_find((struct slu_bytes){bytes, at}, SALT), at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_reads_back_as_it_was_written),
        cmocka_unit_test(the_bytes_of_a_header_are_those_of_the_table),
        cmocka_unit_test(no_flipped_bit_and_no_other_salt_is_taken_for_a_header),
        cmocka_unit_test(a_hash_is_the_same_however_the_bytes_are_divided),
        cmocka_unit_test(the_first_whole_header_is_found_wherever_it_lies),
    };
    return TEST_RUN("frame", tests);
}
