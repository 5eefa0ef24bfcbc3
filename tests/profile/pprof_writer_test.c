#include "profile/pprof_writer.h"

#include <string.h>

#include "base/sink.h"

#include "harness.h"

#define TEXT_MAX 4096

struct document {
    char bytes[TEXT_MAX];
    struct sink sink;
    struct pprof_writer writer;
};

/* A profile of which only what is written from now on is looked at. */
static struct pprof_writer *document_begin(struct document *document)
{
    sink_init_fixed(&document->sink, document->bytes, sizeof(document->bytes));
    pprof_writer_init(&document->writer, &document->sink);
    document->sink.len = 0;
    return &document->writer;
}

static void assert_written(struct document *document, const char *expected, size_t len)
{
    assert_int_equal(sink_end(&document->sink), 0);
    assert_int_equal(document->sink.len, len);
    assert_memory_equal(document->bytes, expected, len);
}

#define ASSERT_WRITTEN(document, text) assert_written(document, text, sizeof(text) - 1)

static struct slu_bytes text(const char *characters)
{
    return (struct slu_bytes){characters, strlen(characters)};
}

static void the_first_string_is_empty_and_others_are_numbered(void **state)
{
    (void)state;
    struct document document;
    sink_init_fixed(&document.sink, document.bytes, sizeof(document.bytes));
    pprof_writer_init(&document.writer, &document.sink);
    assert_int_equal(pprof_write_string(&document.writer, text("a")), 1);
    assert_int_equal(pprof_write_string(&document.writer, text("")), 0);
    assert_int_equal(pprof_write_string(&document.writer, text("bc")), 2);
    ASSERT_WRITTEN(&document, "\x32\x00\x32\x01"
                              "a\x32\x02"
                              "bc");
}

static void types_and_times_have_their_fields(void **state)
{
    (void)state;
    struct document document;
    pprof_write_sample_type(document_begin(&document), 3, 4);
    ASSERT_WRITTEN(&document, "\x0a\x04\x08\x03\x10\x04");
    pprof_write_default_sample_type(document_begin(&document), 3);
    ASSERT_WRITTEN(&document, "\x70\x03");
    pprof_write_period(document_begin(&document), 3, 4, 128);
    ASSERT_WRITTEN(&document, "\x5a\x04\x08\x03\x10\x04\x60\x80\x01");
    pprof_write_time(document_begin(&document), 5, 6);
    ASSERT_WRITTEN(&document, "\x48\x05\x50\x06");
    pprof_write_time(document_begin(&document), 0, 0);
    ASSERT_WRITTEN(&document, "");
    pprof_write_frame_filters(document_begin(&document), 1, 2);
    ASSERT_WRITTEN(&document, "\x38\x01\x40\x02");
    pprof_write_comment(document_begin(&document), 9);
    ASSERT_WRITTEN(&document, "\x68\x09");
}

static void mappings_have_their_fields(void **state)
{
    (void)state;
    struct document document;
    struct pprof_mapping mapping = {1, 2, 3, 4, 5, 6, true, true, true, true};
    pprof_write_mapping(document_begin(&document), &mapping);
    ASSERT_WRITTEN(&document, "\x1a\x14\x08\x01\x10\x02\x18\x03\x20\x04\x28\x05\x30\x06"
                              "\x38\x01\x40\x01\x48\x01\x50\x01");
    mapping = (struct pprof_mapping){.id = 1, .limit = 3};
    pprof_write_mapping(document_begin(&document), &mapping);
    ASSERT_WRITTEN(&document, "\x1a\x04\x08\x01\x18\x03");
}

static void functions_and_locations_have_their_fields(void **state)
{
    (void)state;
    struct document document;
    struct pprof_function function = {1, 2, 3, 4, 5};
    pprof_write_function(document_begin(&document), &function);
    ASSERT_WRITTEN(&document, "\x2a\x0a\x08\x01\x10\x02\x18\x03\x20\x04\x28\x05");
    static const struct pprof_line lines[] = {{7, 8}, {9, 0}};
    struct pprof_location location = {1, 2, 3, lines, 2, true};
    pprof_write_location(document_begin(&document), &location);
    ASSERT_WRITTEN(&document, "\x22\x12\x08\x01\x10\x02\x18\x03\x22\x04\x08\x07\x10\x08"
                              "\x22\x02\x08\x09\x28\x01");
}

static void samples_have_their_fields(void **state)
{
    (void)state;
    struct document document;
    static const uint64_t ids[] = {1, 300};
    static const int64_t values[] = {0, -1};
    static const struct pprof_label labels[] = {{1, 2, 0, 0}, {3, 0, 4, 5}};
    struct pprof_sample sample = {ids, 2, values, 2, labels, 2};
    pprof_write_sample(document_begin(&document), &sample);
    ASSERT_WRITTEN(&document, "\x12\x20\x0a\x03\x01\xac\x02"
                              "\x12\x0b\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                              "\x1a\x04\x08\x01\x10\x02"
                              "\x1a\x06\x08\x03\x18\x04\x20\x05");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_string_is_empty_and_others_are_numbered),
        cmocka_unit_test(types_and_times_have_their_fields),
        cmocka_unit_test(mappings_have_their_fields),
        cmocka_unit_test(functions_and_locations_have_their_fields),
        cmocka_unit_test(samples_have_their_fields),
    };
    return TEST_RUN("pprof_writer", tests);
}
