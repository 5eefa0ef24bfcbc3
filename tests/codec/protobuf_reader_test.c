#include "codec/protobuf_reader.h"

#include <errno.h>
#include <string.h>

#include "harness.h"

#define MESSAGE_MAX 512

static struct slu_bytes view(const char *bytes, size_t len)
{
    return (struct slu_bytes){bytes, len};
}

/* A string literal's bytes, zeros included. */
#define MESSAGE(literal) view(literal, sizeof(literal) - 1)

static void each_wire_type_is_read(void **state)
{
    (void)state;
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, MESSAGE("\x08\x96\x01"
                                          "\x11\x01\x02\x03\x04\x05\x06\x07\x08"
                                          "\x1a\x02hi"
                                          "\x25\x04\x03\x02\x01"
                                          "\xf8\xff\xff\xff\x0f\x05"));
    assert_true(protobuf_next(&reader, &field));
    assert_int_equal(field.number, 1);
    assert_int_equal(field.value, 150);
    assert_int_equal(field.whole.len, 3);
    assert_true(protobuf_next(&reader, &field));
    assert_int_equal(field.wire, PROTOBUF_FIXED64);
    assert_int_equal(field.value, UINT64_C(0x0807060504030201));
    assert_true(protobuf_next(&reader, &field));
    assert_int_equal(field.wire, PROTOBUF_BYTES);
    assert_int_equal(field.bytes.len, 2);
    assert_memory_equal(field.bytes.data, "hi", 2);
    assert_memory_equal(field.whole.data, "\x1a\x02hi", 4);
    assert_true(protobuf_next(&reader, &field));
    assert_int_equal(field.value, 0x01020304);
    assert_true(protobuf_next(&reader, &field));
    assert_int_equal(field.number, PROTOBUF_FIELD_MAX);
    assert_int_equal(field.value, 5);
    assert_false(protobuf_next(&reader, &field));
    assert_int_equal(protobuf_reader_end(&reader), 0);
}

static void a_group_is_one_field_whatever_is_in_it(void **state)
{
    (void)state;
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, MESSAGE("\x0b"
                                          "\x12\x01x"
                                          "\x13\x18\x01\x14"
                                          "\x0c"
                                          "\x18\x07"));
    assert_true(protobuf_next(&reader, &field));
    assert_int_equal(field.number, 1);
    assert_int_equal(field.wire, PROTOBUF_GROUP);
    assert_memory_equal(field.bytes.data, "\x12\x01x\x13\x18\x01\x14", 7);
    assert_int_equal(field.bytes.len, 7);
    assert_true(protobuf_next(&reader, &field));
    assert_int_equal(field.value, 7);
    assert_int_equal(protobuf_reader_end(&reader), 0);
}

static void broken_messages_end_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t len;
        uint64_t offset;
    } cases[] = {
        {"a tag that is cut off", "\x08\x01\x80", 3, 2},
        {"field number 0", "\x00\x01", 2, 0},
        {"a field number above the highest", "\x80\x80\x80\x80\x10\x01", 6, 0},
        {"a varint that is cut off", "\x08\xff", 2, 0},
        {"a varint of 65 bits", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, 0},
        {"a varint of eleven bytes", "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, 0},
        {"eight bytes of which seven are there", "\x09\x01\x02\x03\x04\x05\x06\x07", 8, 0},
        {"four bytes of which none is there", "\x0d", 1, 0},
        {"a length past the end", "\x08\x01\x0a\x02x", 5, 2},
        {"the greatest length", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, 0},
        {"an end without a group", "\x0c", 1, 0},
        {"a group without an end", "\x0b\x08\x01", 3, 0},
        {"a group that ends as another", "\x0b\x14", 2, 0},
        {"wire type 6", "\x0e\x01", 2, 0},
        {"wire type 7", "\x0f\x01", 2, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct protobuf_reader reader;
        struct protobuf_field field = {.number = 77};
        protobuf_reader_init(&reader, view(cases[i].bytes, cases[i].len));
        while (protobuf_next(&reader, &field)) {
            field.number = 77;
        }
        print_message("# %s\n", cases[i].name);
        assert_int_equal(protobuf_reader_end(&reader), -EBADMSG);
        assert_int_equal(protobuf_reader_offset(&reader), cases[i].offset);
        assert_int_equal(field.number, 77);
        assert_false(protobuf_next(&reader, &field));
    }
}

static void groups_nest_to_their_limit_and_no_deeper(void **state)
{
    (void)state;
    for (uint32_t depth = PROTOBUF_GROUP_DEPTH_MAX - 1; depth < PROTOBUF_GROUP_DEPTH_MAX + 2;
         depth++) {
        char bytes[MESSAGE_MAX];
        memset(bytes, 0x0b, depth);
        memset(bytes + depth, 0x0c, depth);
        struct protobuf_reader reader;
        struct protobuf_field field;
        protobuf_reader_init(&reader, view(bytes, 2 * (size_t)depth));
        assert_int_equal(protobuf_next(&reader, &field), depth <= PROTOBUF_GROUP_DEPTH_MAX);
    }
}

static void an_empty_message_is_well_formed(void **state)
{
    (void)state;
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t value = 0;
    protobuf_reader_init(&reader, (struct slu_bytes){0});
    assert_false(protobuf_next(&reader, &field));
    assert_false(protobuf_next_packed(&reader, &value));
    assert_int_equal(protobuf_reader_end(&reader), 0);
    assert_int_equal(protobuf_reader_offset(&reader), 0);
}

static size_t put_varint(uint8_t *out, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        out[len++] = (uint8_t)(value | 0x80);
    }
    out[len++] = (uint8_t)value;
    return len;
}

static void packed_varints_read_back_as_they_were_written(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint64_t round = 0; round < test_rounds(2000); round++) {
        uint64_t values[40];
        uint8_t bytes[sizeof(values) / sizeof(values[0]) * PROTOBUF_VARINT_BYTES_MAX];
        size_t count = test_random_below(&random, 41);
        size_t len = 0;
        for (size_t i = 0; i < count; i++) {
            values[i] = test_random_next(&random) >> test_random_below(&random, 64);
            len += put_varint(bytes + len, values[i]);
        }
        struct protobuf_reader reader;
        uint64_t value = 0;
        protobuf_reader_init(&reader, (struct slu_bytes){bytes, len});
        for (size_t i = 0; i < count; i++) {
            assert_true(protobuf_next_packed(&reader, &value));
            assert_int_equal(value, values[i]);
        }
        assert_false(protobuf_next_packed(&reader, &value));
        assert_int_equal(protobuf_reader_end(&reader), 0);
    }
}

static void short_varints_read_as_any_wherever_they_lie(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    for (unsigned round = 0; round < test_rounds(2000); round++) {
        uint8_t bytes[24];
        uint32_t from = (uint32_t)test_random_below(&random, sizeof(bytes));
        uint32_t behind = (uint32_t)test_random_below(&random, sizeof(bytes) - from) + from + 1;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)(test_random_below(&random, 256) |
                                 (test_random_below(&random, 4) != 0 ? 0x80 : 0));
        }
        uint64_t found = 0;
        uint64_t wanted = 0;
        uint32_t len = protobuf_short_varint(bytes, bytes + from, bytes + behind, &found);
        uint32_t last = from;
        while (last < behind && bytes[last] >= 0x80) {
            last++;
        }
        for (uint32_t at = last + 1; last < behind && at > from; at--) {
            wanted = wanted << 7 | (bytes[at - 1] & 0x7f);
        }
        bool is_long = last == behind || last - from >= PROTOBUF_SHORT_ROOM;
        if (is_long || behind < PROTOBUF_SHORT_ROOM) {
            assert_int_equal(len, 0);
        } else {
            assert_int_equal(len, last - from + 1);
            assert_int_equal(found, wanted);
        }
    }
}

static void zigzag_folds_signs(void **state)
{
    (void)state;
    assert_int_equal(protobuf_zigzag(0), 0);
    assert_int_equal(protobuf_zigzag(1), -1);
    assert_int_equal(protobuf_zigzag(2), 1);
    assert_int_equal(protobuf_zigzag(UINT64_MAX), INT64_MIN);
    assert_int_equal(protobuf_zigzag(UINT64_MAX - 1), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wire_type_is_read),
        cmocka_unit_test(a_group_is_one_field_whatever_is_in_it),
        cmocka_unit_test(broken_messages_end_with_the_place),
        cmocka_unit_test(groups_nest_to_their_limit_and_no_deeper),
        cmocka_unit_test(an_empty_message_is_well_formed),
        cmocka_unit_test(packed_varints_read_back_as_they_were_written),
        cmocka_unit_test(short_varints_read_as_any_wherever_they_lie),
        cmocka_unit_test(zigzag_folds_signs),
    };
    return TEST_RUN("protobuf_reader", tests);
}
