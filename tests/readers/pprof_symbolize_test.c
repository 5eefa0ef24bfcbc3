#include "readers/pprof_symbolize.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/sink.h"
#include "codec/protobuf_reader.h"
#include "profile/pprof_writer.h"

#include "harness.h"

#define TEXT_MAX    8192
#define STRINGS_MAX 64
#define ITEMS_MAX   16

/* Two modules: the names of "known" are made from offsets, of "unknown" there are none. */
#define KNOWN_START   0x1000
#define KNOWN_OFFSET  0x400
#define UNKNOWN_START 0x9000

struct text {
    char bytes[TEXT_MAX];
    struct sink sink;
};

static struct slu_bytes view(const struct text *text)
{
    return (struct slu_bytes){text->bytes, text->sink.len};
}

static uint64_t put_string(struct pprof_writer *writer, const char *string)
{
    return pprof_write_string(writer, (struct slu_bytes){string, strlen(string)});
}

static void put_location(struct pprof_writer *writer, uint64_t id, uint64_t mapping_id,
                         uint64_t address)
{
    struct pprof_location location = {.id = id, .mapping_id = mapping_id, .address = address};
    pprof_write_location(writer, &location);
}

/* Locations: 1 inlined, 2 and 3 of one function, 4 named already, 5 to 7 that cannot be known. */
static void sample_write(struct text *text)
{
    struct pprof_writer writer;
    sink_init_fixed(&text->sink, text->bytes, sizeof(text->bytes));
    pprof_writer_init(&writer, &text->sink);
    uint64_t bytes = put_string(&writer, "bytes");
    pprof_write_sample_type(&writer, put_string(&writer, "inuse_space"), bytes);
    put_location(&writer, 1, 1, KNOWN_START + 0x10);
    struct pprof_mapping known = {.id = 1,
                                  .start = KNOWN_START,
                                  .limit = KNOWN_START + 0x1000,
                                  .file_offset = KNOWN_OFFSET,
                                  .file = put_string(&writer, "known"),
                                  .build_id = put_string(&writer, "abcd")};
    pprof_write_mapping(&writer, &known);
    struct pprof_mapping unknown = {.id = 2,
                                    .start = UNKNOWN_START,
                                    .limit = UNKNOWN_START + 0x1000,
                                    .file = put_string(&writer, "unknown")};
    pprof_write_mapping(&writer, &unknown);
    put_location(&writer, 2, 1, KNOWN_START + 0x21);
    put_location(&writer, 3, 1, KNOWN_START + 0x22);
    struct pprof_function old = {.id = 7, .name = put_string(&writer, "old")};
    pprof_write_function(&writer, &old);
    struct pprof_line line = {.function_id = 7, .line = 70};
    struct pprof_location named = {
        .id = 4, .mapping_id = 1, .address = KNOWN_START, .lines = &line, .line_count = 1};
    pprof_write_location(&writer, &named);
    put_location(&writer, 5, 2, UNKNOWN_START);
    put_location(&writer, 6, 1, KNOWN_START + 0x1000);
    put_location(&writer, 7, 0, 5);
    uint64_t ids[] = {1, 2, 3, 4, 5, 6, 7};
    int64_t value = 4096;
    struct pprof_sample sample = {
        .location_ids = ids, .location_count = 7, .values = &value, .value_count = 1};
    pprof_write_sample(&writer, &sample);
    sink_put(&text->sink, "\xc2\x3e\x03new", 6); /* field 1000, of a later version of the format */
}

/* Offset 0x410 is in "inner", inlined into "outer"; 0x421 and 0x422 are two lines of "outer". */
static size_t find(void *context, const struct pprof_module *module, uint64_t file_offset,
                   struct pprof_frame *frames, size_t frames_max)
{
    int *asked = context;
    assert_true(frames_max >= 2);
    if (module->index == 1) {
        assert_memory_equal(module->file.data, "unknown", 7);
        return 0;
    }
    (*asked)++;
    assert_int_equal(module->index, 0);
    assert_int_equal(module->build_id.len, 4);
    struct pprof_frame outer = {"outer", "_outer", "a.c", (uint32_t)file_offset, 5};
    if (file_offset == KNOWN_OFFSET + 0x10) {
        frames[0] = (struct pprof_frame){"inner", NULL, "a.h", 3, 2};
        frames[1] = outer;
        return 2;
    }
    frames[0] = outer;
    return 1;
}

static int run(struct slu_bytes profile, struct text *out, struct slu_diag *diag,
               struct pprof_symbolized *result)
{
    struct slu_budget *budget = NULL;
    struct slu_arena *arena = NULL;
    struct slu_arena_options options = {.chunk_bytes = 65536, .limit_bytes = 1 << 20};
    assert_int_equal(slu_budget_create(NULL, "test", 2 << 20, &budget), 0);
    assert_int_equal(slu_arena_create(budget, &options, NULL, &arena), 0);
    int asked = 0;
    struct pprof_symbols symbols = {find, &asked};
    sink_init_fixed(&out->sink, out->bytes, sizeof(out->bytes));
    int err = pprof_symbolize(profile, &symbols, arena, &out->sink, diag, result);
    slu_arena_destroy(&arena);
    slu_budget_destroy(&budget);
    return err;
}

/* What the result holds, numbered as it is read. */
struct seen {
    struct slu_bytes strings[STRINGS_MAX];
    struct pprof_function functions[ITEMS_MAX]; /* by identity */
    struct slu_bytes locations[ITEMS_MAX];      /* by identity */
    struct slu_bytes mappings[ITEMS_MAX];       /* by identity */
    struct slu_bytes sample;
    struct slu_bytes later;
    size_t string_count;
    size_t function_count;
};

static uint64_t number_of(struct slu_bytes message, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t value = 0;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        value = field.number == number && field.wire == PROTOBUF_VARINT ? field.value : value;
    }
    assert_int_equal(protobuf_reader_end(&reader), 0);
    return value;
}

static struct seen see(const struct text *text)
{
    struct seen seen = {0};
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, view(text));
    while (protobuf_next(&reader, &field)) {
        uint64_t id = field.number >= 3 && field.number <= 5 ? number_of(field.bytes, 1) : 0;
        assert_true(id < ITEMS_MAX);
        if (field.number == 2) {
            seen.sample = field.bytes;
        } else if (field.number == 3) {
            seen.mappings[id] = field.bytes;
        } else if (field.number == 4) {
            seen.locations[id] = field.bytes;
        } else if (field.number == 5) {
            seen.functions[id] = (struct pprof_function){
                .id = id,
                .name = number_of(field.bytes, 2),
                .system_name = number_of(field.bytes, 3),
                .file = number_of(field.bytes, 4),
                .start_line = (int64_t)number_of(field.bytes, 5),
            };
            seen.function_count++;
        } else if (field.number == 6) {
            assert_true(seen.string_count < STRINGS_MAX);
            seen.strings[seen.string_count++] = field.bytes;
        } else if (field.number == 1000) {
            seen.later = field.bytes;
        }
    }
    assert_int_equal(protobuf_reader_end(&reader), 0);
    return seen;
}

static bool string_is(const struct seen *seen, uint64_t number, const char *expected)
{
    assert_true(number < seen->string_count);
    return seen->strings[number].len == strlen(expected) &&
           memcmp(seen->strings[number].data, expected, strlen(expected)) == 0;
}

/* The nth line of a location must be of the function and line. */
static void assert_line(const struct seen *seen, uint64_t location, size_t nth,
                        const char *function, uint64_t line)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    size_t at = 0;
    protobuf_reader_init(&reader, seen->locations[location]);
    while (protobuf_next(&reader, &field)) {
        if (field.number == 4 && at++ == nth) {
            uint64_t id = number_of(field.bytes, 1);
            assert_true(string_is(seen, seen->functions[id].name, function));
            assert_int_equal(number_of(field.bytes, 2), line);
            return;
        }
    }
    fail_msg("location %d has no line %d", (int)location, (int)nth);
}

static void locations_get_their_functions_and_lines(void **state)
{
    (void)state;
    static struct text in;
    static struct text out;
    struct pprof_symbolized result;
    sample_write(&in);
    assert_int_equal(run(view(&in), &out, NULL, &result), 0);
    struct seen seen = see(&out);
    assert_line(&seen, 1, 0, "inner", 3);
    assert_line(&seen, 1, 1, "outer", KNOWN_OFFSET + 0x10);
    assert_line(&seen, 2, 0, "outer", KNOWN_OFFSET + 0x21);
    assert_line(&seen, 3, 0, "outer", KNOWN_OFFSET + 0x22);
    assert_line(&seen, 4, 0, "old", 70);
    for (uint64_t id = 5; id < 8; id++) {
        assert_int_equal(number_of(seen.locations[id], 1), id);
    }
    assert_int_equal(seen.function_count, 3);
    assert_int_equal(result.location_count, 7);
    assert_int_equal(result.named_count, 1);
    assert_int_equal(result.found_count, 3);
    assert_int_equal(result.unknown_count, 3);
}

static void all_else_stays_as_it_was(void **state)
{
    (void)state;
    static struct text in;
    static struct text out;
    struct pprof_symbolized result;
    sample_write(&in);
    assert_int_equal(run(view(&in), &out, NULL, &result), 0);
    struct seen before = see(&in);
    struct seen after = see(&out);
    for (size_t i = 0; i < before.string_count; i++) {
        assert_int_equal(before.strings[i].len, after.strings[i].len);
        assert_memory_equal(before.strings[i].data, after.strings[i].data, before.strings[i].len);
    }
    assert_int_equal(before.sample.len, after.sample.len);
    assert_memory_equal(before.sample.data, after.sample.data, before.sample.len);
    assert_memory_equal(after.later.data, "new", 3);
    assert_int_equal(number_of(after.mappings[1], 7), 1); /* has_functions .. has_inline_frames */
    assert_int_equal(number_of(after.mappings[1], 8), 1);
    assert_int_equal(number_of(after.mappings[1], 9), 1);
    assert_int_equal(number_of(after.mappings[1], 10), 1);
    assert_int_equal(number_of(after.mappings[1], 4), KNOWN_OFFSET);
    assert_int_equal(number_of(after.mappings[2], 7), 0);
}

static void a_second_time_changes_nothing(void **state)
{
    (void)state;
    static struct text in;
    static struct text once;
    static struct text twice;
    struct pprof_symbolized result;
    sample_write(&in);
    assert_int_equal(run(view(&in), &once, NULL, &result), 0);
    assert_int_equal(run(view(&once), &twice, NULL, &result), 0);
    assert_int_equal(result.found_count, 0);
    assert_int_equal(result.named_count, 4);
    struct seen first = see(&once);
    struct seen second = see(&twice);
    assert_int_equal(first.string_count, second.string_count);
    assert_int_equal(first.function_count, second.function_count);
    assert_int_equal(once.sink.len, twice.sink.len);
}

static void a_damaged_profile_is_refused_with_the_place(void **state)
{
    (void)state;
    static struct text in;
    static struct text out;
    struct pprof_symbolized result;
    struct slu_diag diag;
    sample_write(&in);
    size_t refused = 0;
    for (size_t len = 0; len < in.sink.len; len++) {
        int err = run((struct slu_bytes){in.bytes, len}, &out, &diag, &result);
        assert_true(err == 0 || err == -EBADMSG);
        if (err == -EBADMSG) {
            unsigned long long at = 0;
            assert_int_equal(sscanf(diag.message, "byte %llu: ", &at), 1);
            assert_true(at <= len);
            refused++;
        }
    }
    assert_true(refused > in.sink.len / 2);
    assert_int_equal(run((struct slu_bytes){"not a profile", 13}, &out, &diag, &result), -EBADMSG);
    assert_int_equal(run((struct slu_bytes){0}, &out, &diag, &result), 0);
}

static void more_strings_than_memory_are_refused(void **state)
{
    (void)state;
    static char many[200000]; /* strings of no length: two bytes here, sixteen in a table */
    static struct text out;
    struct pprof_symbolized result;
    struct slu_diag diag;
    for (size_t i = 0; i < sizeof(many); i += 2) {
        many[i] = 0x32;
    }
    assert_int_equal(run((struct slu_bytes){many, sizeof(many)}, &out, &diag, &result), -EDQUOT);
    assert_string_equal(diag.message, "a profile with 100000 strings needs more memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locations_get_their_functions_and_lines),
        cmocka_unit_test(all_else_stays_as_it_was),
        cmocka_unit_test(a_second_time_changes_nothing),
        cmocka_unit_test(a_damaged_profile_is_refused_with_the_place),
        cmocka_unit_test(more_strings_than_memory_are_refused),
    };
    return TEST_RUN("pprof_symbolize", tests);
}
