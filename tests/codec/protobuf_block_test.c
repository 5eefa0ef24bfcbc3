#include "codec/protobuf_block.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "codec/protobuf_reader.h"

#include "budget.h"
#include "harness.h"

static void expect_block(const struct protobuf_block *writer, const char *bytes, size_t len)
{
    assert_int_equal(writer->err, 0);
    assert_int_equal(protobuf_block_len(writer), len);
    assert_memory_equal(writer->block.data, bytes, len);
}

#define EXPECT_BLOCK(writer, literal) expect_block(&(writer), (literal), sizeof(literal) - 1)

static void each_kind_of_field_has_its_bytes(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(65536);
    struct protobuf_block writer;
    protobuf_block_init(&writer, budget);
    assert_null(writer.block.data);
    protobuf_block_tag(&writer, 1, PROTOBUF_VARINT);
    protobuf_block_varint(&writer, 300);
    protobuf_block_tag(&writer, 2, PROTOBUF_FIXED64);
    protobuf_block_fixed64(&writer, UINT64_C(0x0807060504030201));
    protobuf_block_tag(&writer, 3, PROTOBUF_FIXED32);
    protobuf_block_fixed32(&writer, UINT32_C(0x04030201));
    protobuf_block_bytes(&writer, 4, (struct slu_bytes){"hi", 2});
    protobuf_block_bytes(&writer, 5, (struct slu_bytes){0});
    protobuf_block_raw(&writer, (struct slu_bytes){"\x30\x07", 2});
    protobuf_block_raw(&writer, (struct slu_bytes){0});
    protobuf_block_tag(&writer, PROTOBUF_FIELD_MAX, PROTOBUF_VARINT);
    protobuf_block_varint(&writer, UINT64_MAX);
    EXPECT_BLOCK(writer, "\x08\xac\x02"
                         "\x11\x01\x02\x03\x04\x05\x06\x07\x08"
                         "\x1d\x01\x02\x03\x04"
                         "\x22\x02hi\x2a\x00\x30\x07"
                         "\xf8\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    protobuf_block_deinit(&writer);
    slu_budget_destroy(&budget);
}

static void a_message_has_the_shortest_length_whatever_its_size(void **state)
{
    (void)state;
    static const size_t lens[] = {0,     1,     126,   127,   128,     129,
                                  16382, 16383, 16384, 16385, 2097151, 2097152};
    static char bytes[2097152];
    struct slu_budget *budget = budget_of(UINT64_C(1) << 24);
    memset(bytes, 'b', sizeof(bytes));
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct protobuf_block writer;
        struct protobuf_mark outer;
        struct protobuf_mark inner;
        struct protobuf_reader reader;
        struct protobuf_field field;
        protobuf_block_init(&writer, budget);
        protobuf_block_begin(&writer, 1, &outer);
        protobuf_block_begin(&writer, 2, &inner);
        protobuf_block_raw(&writer, (struct slu_bytes){bytes, lens[i]});
        protobuf_block_end(&writer, inner);
        protobuf_block_tag(&writer, 3, PROTOBUF_VARINT);
        protobuf_block_varint(&writer, 9);
        protobuf_block_end(&writer, outer);
        assert_int_equal(writer.err, 0);
        size_t length_len = lens[i] < 128 ? 1 : lens[i] < 16384 ? 2 : lens[i] < 2097152 ? 3 : 4;
        protobuf_reader_init(&reader, (struct slu_bytes){writer.block.data, writer.block.len});
        assert_true(protobuf_next(&reader, &field));
        assert_int_equal(field.bytes.len, 1 + length_len + lens[i] + 2);
        protobuf_reader_init(&reader, field.bytes);
        assert_true(protobuf_next(&reader, &field));
        assert_int_equal(field.number, 2);
        assert_int_equal(field.bytes.len, lens[i]);
        assert_memory_equal(field.bytes.data, bytes, lens[i]);
        assert_true(protobuf_next(&reader, &field));
        assert_int_equal(field.value, 9);
        assert_false(protobuf_next(&reader, &field));
        protobuf_block_deinit(&writer);
    }
    slu_budget_destroy(&budget);
}

static void a_message_that_is_dropped_was_never_there(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(65536);
    struct protobuf_block writer;
    struct protobuf_mark kept;
    struct protobuf_mark dropped;
    protobuf_block_init(&writer, budget);
    protobuf_block_begin(&writer, 1, &kept);
    protobuf_block_bytes(&writer, 2, (struct slu_bytes){"a", 1});
    protobuf_block_begin(&writer, 3, &dropped);
    protobuf_block_bytes(&writer, 4, (struct slu_bytes){"gone", 4});
    protobuf_block_drop(&writer, dropped);
    protobuf_block_bytes(&writer, 5, (struct slu_bytes){"b", 1});
    protobuf_block_end(&writer, kept);
    EXPECT_BLOCK(writer, "\x0a\x06\x12\x01"
                         "a\x2a\x01"
                         "b");
    protobuf_block_deinit(&writer);
    slu_budget_destroy(&budget);
}

/* Messages in messages, written with and without knowing their lengths before. */
#define TREE_DEPTH_MAX 6
#define FLAT_BYTES_MAX ((size_t)1 << 20)

struct flat {
    char bytes[FLAT_BYTES_MAX];
    size_t len;
};

static void flat_put(struct flat *flat, const void *bytes, size_t len)
{
    assert_true(len <= sizeof(flat->bytes) - flat->len);
    memcpy(flat->bytes + flat->len, bytes, len);
    flat->len += len;
}

static void flat_varint(struct flat *flat, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        flat_put(flat, &(unsigned char){(unsigned char)(value | 0x80)}, 1);
    }
    flat_put(flat, &(unsigned char){(unsigned char)value}, 1);
}

static void write_tree(struct protobuf_block *writer, struct flat *flat, struct test_random *random,
                       uint32_t depth)
{
    uint64_t count = test_random_below(random, 4);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t number = 1 + (uint32_t)test_random_below(random, 40);
        if (depth == TREE_DEPTH_MAX || test_random_below(random, 3) == 0) {
            static const char bytes[3000];
            struct slu_bytes piece = {bytes, test_random_below(random, sizeof(bytes))};
            protobuf_block_bytes(writer, number, piece);
            flat_varint(flat, (uint64_t)number << 3 | PROTOBUF_BYTES);
            flat_varint(flat, piece.len);
            flat_put(flat, piece.data, piece.len);
            continue;
        }
        struct protobuf_mark mark;
        protobuf_block_begin(writer, number, &mark);
        flat_varint(flat, (uint64_t)number << 3 | PROTOBUF_BYTES);
        size_t start = flat->len;
        write_tree(writer, flat, random, depth + 1);
        protobuf_block_end(writer, mark);
        static char content[FLAT_BYTES_MAX]; /* the length goes before what is there */
        size_t len = flat->len - start;
        memcpy(content, flat->bytes + start, len);
        flat->len = start;
        flat_varint(flat, len);
        flat_put(flat, content, len);
    }
}

static void trees_of_messages_are_as_if_lengths_had_been_known(void **state)
{
    (void)state;
    static struct flat flat;
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(UINT64_C(1) << 24);
    size_t most = 0;
    for (uint64_t i = 0; i < test_rounds(500); i++) {
        struct protobuf_block writer;
        protobuf_block_init(&writer, budget);
        flat.len = 0;
        write_tree(&writer, &flat, &random, 0);
        assert_int_equal(writer.err, 0);
        assert_int_equal(protobuf_block_len(&writer), flat.len);
        assert_memory_equal(writer.block.data, flat.bytes, flat.len);
        most = flat.len > most ? flat.len : most;
        protobuf_block_deinit(&writer);
    }
    assert_true(most > 10000);
    slu_budget_destroy(&budget);
}

static void write_much(struct protobuf_block *writer)
{
    static const char bytes[1000];
    struct protobuf_mark outer;
    struct protobuf_mark dropped;
    protobuf_block_begin(writer, 1, &outer);
    for (int i = 0; i < 20; i++) {
        protobuf_block_bytes(writer, 2, (struct slu_bytes){bytes, sizeof(bytes)});
        protobuf_block_begin(writer, 3, &dropped);
        protobuf_block_fixed64(writer, 7);
        protobuf_block_drop(writer, dropped);
    }
    protobuf_block_end(writer, outer);
}

static void the_first_error_stays_and_nothing_is_left_behind(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(UINT64_C(1) << 20);
    uint64_t used = budget_used(budget);
    bool was_hit = true;
    uint64_t failed_count = 0;
    for (uint64_t nth = 1; was_hit; nth++) {
        struct protobuf_block writer;
        int64_t live = alloc_live_count();
        protobuf_block_init(&writer, budget);
        alloc_fault_at(nth);
        write_much(&writer);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(writer.err, was_hit ? -ENOMEM : 0);
        size_t len = protobuf_block_len(&writer);
        if (was_hit) {
            write_much(&writer);
            assert_int_equal(writer.err, -ENOMEM);
            assert_int_equal(protobuf_block_len(&writer), len);
            failed_count++;
        }
        protobuf_block_deinit(&writer);
        assert_int_equal(budget_used(budget), used);
        assert_int_equal(alloc_live_count(), live);
    }
    assert_true(failed_count >= 7);
    slu_budget_destroy(&budget);
}

static void a_spent_budget_is_told(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(8192);
    uint64_t used = budget_used(budget);
    struct protobuf_block writer;
    protobuf_block_init(&writer, budget);
    write_much(&writer);
    assert_int_equal(writer.err, -EDQUOT);
    protobuf_block_deinit(&writer);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_field_has_its_bytes),
        cmocka_unit_test(a_message_has_the_shortest_length_whatever_its_size),
        cmocka_unit_test(a_message_that_is_dropped_was_never_there),
        cmocka_unit_test(trees_of_messages_are_as_if_lengths_had_been_known),
        cmocka_unit_test(the_first_error_stays_and_nothing_is_left_behind),
        cmocka_unit_test(a_spent_budget_is_told),
    };
    return TEST_RUN("protobuf_block", tests);
}
