/* What indexes keep of streams and series, and how writers cut these: row_part.h, sample_part.h. */
#include "part_fixture.h"
#include "store/part_samples.h"
#include "store/varint.h"

#define DAY      19675
#define BEGIN_MS (DAY * INT64_C(86400000))
#define BIG      ((size_t)20 * 1024)

static size_t varints(unsigned char *bytes, const uint64_t *fields, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += varint_put(bytes + len, fields[i]);
    }
    return len;
}

static void blocks_beyond_what_a_part_may_have_are_refused(void **state)
{
    static const struct {
        uint64_t fields[3];
        bool is_right;
    } cases[] = {
        {{0, 0, 0}, true},
        {{1, 2, 3}, true},
        {{PART_BLOCK_MAX, PART_BLOCK_MAX, UINT64_MAX}, true},
        {{(uint64_t)PART_BLOCK_MAX + 1, 0, 0}, false},
        {{0, (uint64_t)PART_BLOCK_MAX + 1, 0}, false},
        {{UINT64_MAX, UINT64_MAX, 0}, false},
    };
    unsigned char bytes[3 * VARINT_BYTES_MAX];
    struct row_blocks blocks;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = varints(bytes, cases[i].fields, 3);
        assert_int_equal(row_blocks_read((struct slu_bytes){bytes, len}, &blocks),
                         cases[i].is_right);
        if (cases[i].is_right) {
            assert_int_equal(blocks.first, cases[i].fields[0]);
            assert_int_equal(blocks.count, cases[i].fields[1]);
            assert_true(blocks.row_count == cases[i].fields[2]);
        }
        assert_false(row_blocks_read((struct slu_bytes){bytes, len - 1}, &blocks));
    }
}

static void chunks_beyond_what_a_block_may_have_are_refused(void **state)
{
    static const struct {
        uint64_t fields[5];
        bool is_right;
    } cases[] = {
        {{0, 0, 4, 0, 0}, true},
        {{UINT32_MAX, UINT32_MAX, (uint64_t)SAMPLE_CHUNK_MAX << 2 | 3, 1, UINT64_MAX}, true},
        {{(uint64_t)UINT32_MAX + 1, 0, 4, 0, 0}, false},
        {{0, (uint64_t)UINT32_MAX + 1, 4, 0, 0}, false},
        {{0, 0, ((uint64_t)SAMPLE_CHUNK_MAX + 1) << 2, 0, 0}, false},
        {{0, 0, UINT64_MAX, 0, 0}, false},
    };
    unsigned char bytes[5 * VARINT_BYTES_MAX];
    struct sample_chunk chunk;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = varints(bytes, cases[i].fields, 5);
        struct slu_bytes rest = {bytes, len};
        assert_int_equal(sample_chunk_next(&rest, &chunk), cases[i].is_right);
        assert_int_equal(rest.len, cases[i].is_right ? 0 : len);
        rest = (struct slu_bytes){bytes, len - 1};
        assert_false(sample_chunk_next(&rest, &chunk));
        assert_int_equal(rest.len, len - 1);
    }
}

/* Returns the chunks of the only series; checks that they follow one another. */
static size_t chunks_count(struct part_bench *bench, uint32_t kind, size_t *samples)
{
    struct part_samples reading;
    struct sample_chunk chunk;
    struct part *part = bench->list.parts[0];
    size_t count = 0;
    int64_t last_ms = INT64_MIN;
    assert_int_equal(part_open(&bench->list, part), 0);
    assert_int_equal(part_samples_open(&reading, part, NULL, 0, NULL, bench->budget), 0);
    struct slu_bytes rest = reading.chunks;
    *samples = 0;
    for (; sample_chunk_next(&rest, &chunk); count++) {
        assert_int_equal(chunk.kind, kind);
        assert_true(chunk.min_ms > last_ms && chunk.max_ms >= chunk.min_ms);
        last_ms = chunk.max_ms;
        *samples += chunk.count;
        assert_in_range(chunk.count, 1, SAMPLE_CHUNK_MAX);
    }
    assert_int_equal(rest.len, 0);
    part_samples_close(&reading);
    part_close(&bench->list, part);
    return count;
}

static struct part *part_begun(struct part_bench *bench, struct sample_part_writer *writer)
{
    struct part *part = NULL;
    struct part_name name = {DAY, 1, 1};
    assert_int_equal(part_list_prepare(&bench->list, &name, &part), 0);
    assert_int_equal(
        sample_part_begin(writer, &bench->directory, &part->name, 1, PART_SALT, bench->budget), 0);
    return part;
}

static void part_ended(struct part_bench *bench, struct sample_part_writer *writer,
                       struct part *part)
{
    unsigned char labels[64];
    assert_int_equal(sample_part_series(writer, series_labels(1, labels)), 0);
    assert_int_equal(sample_part_series(writer, series_labels(2, labels)), 0); /* of nothing */
    assert_int_equal(sample_part_end(writer, (struct slu_bytes){NULL, 0}, part), 0);
    part_list_put(&bench->list, part);
}

static void long_series_are_cut_into_chunks(void **state)
{
    enum {
        COUNT = 2 * SAMPLE_CHUNK_MAX + 5
    };
    static struct sample samples[COUNT];
    struct part_bench bench;
    struct sample_part_writer writer;
    size_t count = 0;
    (void)state;
    part_bench_open(&bench, 0);
    struct part *part = part_begun(&bench, &writer);
    for (int i = 0; i < COUNT; i++) {
        samples[i] = (struct sample){BEGIN_MS + i, i};
    }
    assert_int_equal(sample_part_add(&writer, samples, COUNT), 0);
    part_ended(&bench, &writer, part);
    assert_int_equal(chunks_count(&bench, 0, &count), 3);
    assert_int_equal(count, COUNT);
    part_bench_close(&bench);
}

/* So long that only some fit into a block: none is lost, and all are of one kind. */
static void long_messages_are_cut_into_chunks(void **state)
{
    enum {
        COUNT = 1200
    };
    static unsigned char bytes[BIG];
    static struct sample_message messages[COUNT];
    struct part_bench bench;
    struct sample_part_writer writer;
    size_t count = 0;
    (void)state;
    part_bench_open(&bench, 0);
    struct part *part = part_begun(&bench, &writer);
    for (int i = 0; i < COUNT; i++) {
        messages[i] = (struct sample_message){BEGIN_MS + i, {bytes, sizeof(bytes)}};
    }
    assert_int_equal(sample_part_add_messages(&writer, 2, messages, COUNT), 0);
    part_ended(&bench, &writer, part);
    assert_true(chunks_count(&bench, 2, &count) > 1);
    assert_int_equal(count, COUNT);
    part_bench_close(&bench);
}

static void times_of_milliseconds_that_no_nanoseconds_can_say_are_bounded(void **state)
{
    struct sample samples[] = {{INT64_MIN / 2, 1}, {INT64_MAX / 2, 2}};
    struct part_bench bench;
    struct sample_part_writer writer;
    (void)state;
    part_bench_open(&bench, 0);
    struct part *part = part_begun(&bench, &writer);
    assert_int_equal(sample_part_add(&writer, samples, 2), 0);
    part_ended(&bench, &writer, part);
    assert_true(part->facts.min_ns == INT64_MIN && part->facts.max_ns == INT64_MAX);
    part_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_beyond_what_a_part_may_have_are_refused),
        cmocka_unit_test(chunks_beyond_what_a_block_may_have_are_refused),
        cmocka_unit_test(long_series_are_cut_into_chunks),
        cmocka_unit_test(long_messages_are_cut_into_chunks),
        cmocka_unit_test(times_of_milliseconds_that_no_nanoseconds_can_say_are_bounded),
    };
    return TEST_RUN("part rows", tests);
}
