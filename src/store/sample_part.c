/*
 * What the index keeps of a series: its chunks, by kind and then by time, each as varints:
 *
 *      number of the block
 *      number of the chunk in the block
 *      samples * 4 + kind
 *      time of the first, folded (zigzag)
 *      time of the last less that of the first
 */
#include "store/sample_part.h"

#include <errno.h>

#include "store/varint.h"

#define CHUNK_BYTES_MAX (5 * VARINT_BYTES_MAX)
#define KIND_BITS       2
#define MS_NS           INT64_C(1000000)
#define VALUE_FIRST     ((size_t)256)

bool sample_chunk_next(struct slu_bytes *rest, struct sample_chunk *chunk)
{
    uint64_t fields[5];
    struct slu_bytes at = *rest;
    for (size_t i = 0; i < 5; i++) {
        if (!varint_next(&at, &fields[i])) {
            return false;
        }
    }
    if (fields[0] > UINT32_MAX || fields[1] > UINT32_MAX ||
        fields[2] >> KIND_BITS > SAMPLE_CHUNK_MAX) {
        return false;
    }
    int64_t min_ms = unzigzag(fields[3]);
    *chunk = (struct sample_chunk){.block = (uint32_t)fields[0],
                                   .chunk = (uint32_t)fields[1],
                                   .count = (uint32_t)(fields[2] >> KIND_BITS),
                                   .kind = (uint32_t)(fields[2] & ((1U << KIND_BITS) - 1)),
                                   .min_ms = min_ms,
                                   .max_ms = (int64_t)((uint64_t)min_ms + fields[4])};
    *rest = at;
    return true;
}

int sample_part_begin(struct sample_part_writer *writer, const struct segment_directory *directory,
                      const struct part_name *name, int level, uint64_t salt,
                      struct slu_budget *budget)
{
    *writer =
        (struct sample_part_writer){.budget = budget, .min_ms = INT64_MAX, .max_ms = INT64_MIN};
    int err = sample_block_writer_create(budget, level, &writer->block);
    if (err != 0) {
        return err;
    }
    err = block_begin(budget, VALUE_FIRST, &writer->value);
    if (err == 0) {
        err = part_writer_begin(&writer->part, directory, name, 0, salt, budget);
    }
    if (err != 0) {
        block_free(budget, &writer->value);
        sample_block_writer_destroy(&writer->block);
    }
    return err;
}

static int64_t saturated_ns(int64_t time_ms)
{
    int64_t ns = 0;
    if (__builtin_mul_overflow(time_ms, MS_NS, &ns)) {
        return time_ms < 0 ? INT64_MIN : INT64_MAX;
    }
    return ns;
}

static int block_put(struct sample_part_writer *writer)
{
    struct slu_bytes bytes;
    uint32_t number = 0;
    if (sample_block_pending_bytes(writer->block) == 0) {
        return 0;
    }
    int err = sample_block_end(writer->block, &bytes);
    if (err == 0) {
        err =
            part_writer_block(&writer->part, bytes, (struct slu_bytes){NULL, 0},
                              saturated_ns(writer->min_ms), saturated_ns(writer->max_ms), &number);
    }
    writer->min_ms = INT64_MAX;
    writer->max_ms = INT64_MIN;
    return err;
}

static int chunk_note(struct sample_part_writer *writer, uint32_t kind, uint32_t chunk,
                      size_t count, int64_t min_ms, int64_t max_ms)
{
    unsigned char bytes[CHUNK_BYTES_MAX];
    size_t len = varint_put(bytes, writer->part.facts.block_count);
    len += varint_put(bytes + len, chunk);
    len += varint_put(bytes + len, (uint64_t)count << KIND_BITS | kind);
    len += varint_put(bytes + len, zigzag(min_ms));
    len += varint_put(bytes + len, (uint64_t)max_ms - (uint64_t)min_ms);
    writer->min_ms = min_ms < writer->min_ms ? min_ms : writer->min_ms;
    writer->max_ms = max_ms > writer->max_ms ? max_ms : writer->max_ms;
    writer->record_count += count;
    return block_append(writer->budget, &writer->value, bytes, len);
}

static int chunk_add(struct sample_part_writer *writer, const struct sample *samples, size_t count)
{
    uint32_t chunk = 0;
    int err = sample_block_add(writer->block, samples, count, &chunk);
    if (err == -ENOBUFS) {
        err = block_put(writer);
        if (err == 0) {
            err = sample_block_add(writer->block, samples, count, &chunk);
        }
    }
    return err != 0 ? err
                    : chunk_note(writer, 0, chunk, count, samples[0].time_ms,
                                 samples[count - 1].time_ms);
}

int sample_part_add(struct sample_part_writer *writer, const struct sample *samples, size_t count)
{
    int err = 0;
    while (err == 0 && count > 0) {
        size_t part = count < SAMPLE_CHUNK_MAX ? count : SAMPLE_CHUNK_MAX;
        err = chunk_add(writer, samples, part);
        samples += part;
        count -= part;
    }
    return err;
}

/* As many messages as fit: halves, until it is one. */
static int messages_add(struct sample_part_writer *writer, uint32_t kind,
                        const struct sample_message *messages, size_t *count)
{
    uint32_t chunk = 0;
    int err = sample_block_add_messages(writer->block, messages, *count, &chunk);
    if (err == -ENOBUFS) {
        err = block_put(writer);
        if (err == 0) {
            err = sample_block_add_messages(writer->block, messages, *count, &chunk);
        }
    }
    while (err == -ENOBUFS && *count > 1) {
        *count /= 2;
        err = sample_block_add_messages(writer->block, messages, *count, &chunk);
    }
    return err != 0 ? err
                    : chunk_note(writer, kind, chunk, *count, messages[0].time_ms,
                                 messages[*count - 1].time_ms);
}

int sample_part_add_messages(struct sample_part_writer *writer, uint32_t kind,
                             const struct sample_message *messages, size_t count)
{
    int err = 0;
    while (err == 0 && count > 0) {
        size_t part = count < SAMPLE_CHUNK_MAX ? count : SAMPLE_CHUNK_MAX;
        err = messages_add(writer, kind, messages, &part);
        messages += part;
        count -= part;
    }
    return err;
}

int sample_part_series(struct sample_part_writer *writer, struct slu_bytes labels)
{
    if (writer->value.len == 0) {
        return 0;
    }
    int err = part_writer_stream(&writer->part, labels,
                                 (struct slu_bytes){writer->value.data, writer->value.len},
                                 writer->record_count);
    writer->value.len = 0;
    writer->record_count = 0;
    return err;
}

static void memory_free(struct sample_part_writer *writer)
{
    block_free(writer->budget, &writer->value);
    sample_block_writer_destroy(&writer->block);
}

int sample_part_end(struct sample_part_writer *writer, struct slu_bytes metadata, struct part *part)
{
    int err = block_put(writer);
    if (err != 0) {
        sample_part_abort(writer);
        return err;
    }
    err = part_writer_end(&writer->part, metadata, part);
    memory_free(writer);
    return err;
}

void sample_part_abort(struct sample_part_writer *writer)
{
    part_writer_abort(&writer->part);
    memory_free(writer);
}
