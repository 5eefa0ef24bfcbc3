#include "codec/protobuf_writer.h"

#include <string.h>

#include "base/sink.h"

#include "harness.h"

#define TEXT_MAX 4096

struct document {
    char bytes[TEXT_MAX];
    struct sink sink;
    struct protobuf_writer writer;
};

static struct protobuf_writer *document_begin(struct document *document)
{
    sink_init_fixed(&document->sink, document->bytes, sizeof(document->bytes));
    protobuf_writer_init(&document->writer, &document->sink);
    return &document->writer;
}

/* What was written, and that the writer counts it, is these bytes. */
static void assert_written(struct document *document, const char *expected, size_t len)
{
    assert_int_equal(sink_end(&document->sink), 0);
    assert_int_equal(document->sink.len, len);
    assert_int_equal(document->writer.len_bytes, len);
    assert_memory_equal(document->bytes, expected, len);
}

#define ASSERT_WRITTEN(document, text) assert_written(document, text, sizeof(text) - 1)

/* Each by hand from the specification. */
static void numbers_are_written_as_specified(void **state)
{
    (void)state;
    struct document document;
    protobuf_write_uint(document_begin(&document), 1, 0);
    ASSERT_WRITTEN(&document, "\x08\x00");
    protobuf_write_uint(document_begin(&document), 1, 150);
    ASSERT_WRITTEN(&document, "\x08\x96\x01");
    protobuf_write_uint(document_begin(&document), 15, 127);
    ASSERT_WRITTEN(&document, "\x78\x7f");
    protobuf_write_uint(document_begin(&document), 16, 128);
    ASSERT_WRITTEN(&document, "\x80\x01\x80\x01");
    protobuf_write_uint(document_begin(&document), 2, UINT64_MAX);
    ASSERT_WRITTEN(&document, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    protobuf_write_int(document_begin(&document), 2, -2);
    ASSERT_WRITTEN(&document, "\x10\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    protobuf_write_sint(document_begin(&document), 2, -2);
    ASSERT_WRITTEN(&document, "\x10\x03");
    protobuf_write_sint(document_begin(&document), 2, INT64_MIN);
    ASSERT_WRITTEN(&document, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    protobuf_write_bool(document_begin(&document), 3, true);
    ASSERT_WRITTEN(&document, "\x18\x01");
    protobuf_write_fixed32(document_begin(&document), 1, 0x04030201);
    ASSERT_WRITTEN(&document, "\x0d\x01\x02\x03\x04");
    protobuf_write_fixed64(document_begin(&document), 1, UINT64_C(0x0807060504030201));
    ASSERT_WRITTEN(&document, "\x09\x01\x02\x03\x04\x05\x06\x07\x08");
    protobuf_write_double(document_begin(&document), 1, 1.0);
    ASSERT_WRITTEN(&document, "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f");
    protobuf_write_uint(document_begin(&document), PROTOBUF_FIELD_MAX, 1);
    ASSERT_WRITTEN(&document, "\xf8\xff\xff\xff\x0f\x01");
}

static void bytes_and_packed_numbers_have_their_length(void **state)
{
    (void)state;
    struct document document;
    protobuf_write_bytes(document_begin(&document), 2, (struct slu_bytes){"testing", 7});
    ASSERT_WRITTEN(&document, "\x12\x07testing");
    protobuf_write_bytes(document_begin(&document), 2, (struct slu_bytes){NULL, 0});
    ASSERT_WRITTEN(&document, "\x12\x00");
    static const uint64_t numbers[] = {3, 270, 86942};
    protobuf_write_packed_uints(document_begin(&document), 6, numbers, 3);
    ASSERT_WRITTEN(&document, "\x32\x06\x03\x8e\x02\x9e\xa7\x05");
    protobuf_write_packed_uints(document_begin(&document), 6, NULL, 0);
    ASSERT_WRITTEN(&document, "");
    static const int64_t negative[] = {-1, 1};
    protobuf_write_packed_ints(document_begin(&document), 6, negative, 2);
    ASSERT_WRITTEN(&document, "\x32\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01");
}

static void many_long_packed_numbers_are_written(void **state)
{
    (void)state;
    struct document document;
    uint64_t numbers[300];
    memset(numbers, 0xff, sizeof(numbers));
    protobuf_write_packed_uints(document_begin(&document), 1, numbers, 300);
    assert_int_equal(sink_end(&document.sink), 0);
    assert_int_equal(document.sink.len, 3 + 3000);
    for (size_t i = 3; i < document.sink.len; i += PROTOBUF_VARINT_BYTES_MAX) {
        assert_memory_equal(document.bytes + i, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                            PROTOBUF_VARINT_BYTES_MAX);
    }
}

struct tree {
    uint32_t depth;
};

static void tree_message(struct protobuf_writer *writer, const void *context)
{
    const struct tree *tree = context;
    struct tree below = {tree->depth - 1};
    protobuf_write_uint(writer, 1, tree->depth);
    if (tree->depth > 0) {
        protobuf_write_message(writer, 2, tree_message, &below);
    }
    protobuf_write_packed_uints(writer, 3, (const uint64_t[]){tree->depth}, 1);
}

static void messages_in_messages_have_their_lengths(void **state)
{
    (void)state;
    struct document document;
    struct tree tree = {2};
    protobuf_write_message(document_begin(&document), 4, tree_message, &tree);
    ASSERT_WRITTEN(&document, "\x22\x13"
                              "\x08\x02\x12\x0c"
                              "\x08\x01\x12\x05"
                              "\x08\x00\x1a\x01\x00"
                              "\x1a\x01\x01"
                              "\x1a\x01\x02");
}

static void a_writer_without_a_sink_counts(void **state)
{
    (void)state;
    struct document document;
    struct protobuf_writer counter;
    for (uint32_t depth = 0; depth < 8; depth++) {
        struct tree tree = {depth};
        protobuf_writer_init(&counter, NULL);
        tree_message(&counter, &tree);
        protobuf_write_message(&counter, 9, tree_message, &tree);
        tree_message(document_begin(&document), &tree);
        protobuf_write_message(&document.writer, 9, tree_message, &tree);
        assert_int_equal(counter.len_bytes, document.writer.len_bytes);
        assert_int_equal(counter.len_bytes, document.sink.len);
    }
}

static void the_length_of_a_number_is_that_of_its_bits(void **state)
{
    (void)state;
    assert_int_equal(protobuf_varint_bytes(0), 1);
    for (uint32_t bits = 0; bits < 64; bits++) {
        assert_int_equal(protobuf_varint_bytes(UINT64_C(1) << bits), bits / 7 + 1);
        assert_int_equal(protobuf_varint_bytes(UINT64_MAX >> bits), (63 - bits) / 7 + 1);
    }
}

static void nothing_is_allocated(void **state)
{
    (void)state;
    struct document document;
    struct tree tree = {5};
    uint64_t before = alloc_count();
    protobuf_write_message(document_begin(&document), 4, tree_message, &tree);
    assert_int_equal(alloc_count(), before);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_specified),
        cmocka_unit_test(bytes_and_packed_numbers_have_their_length),
        cmocka_unit_test(many_long_packed_numbers_are_written),
        cmocka_unit_test(messages_in_messages_have_their_lengths),
        cmocka_unit_test(a_writer_without_a_sink_counts),
        cmocka_unit_test(the_length_of_a_number_is_that_of_its_bits),
        cmocka_unit_test(nothing_is_allocated),
    };
    return TEST_RUN("protobuf_writer", tests);
}
