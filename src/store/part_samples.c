#include "store/part_samples.h"

#include <errno.h>

#define NO_BLOCK UINT32_MAX

int part_samples_open(struct part_samples *samples, const struct part *part,
                      const struct matcher *matchers, size_t count, struct slu_budget *budget)
{
    *samples = (struct part_samples){
        .part = part, .budget = budget, .index = part_index(part), .block_number = NO_BLOCK};
    int err = label_cursor_open(&samples->cursor, &samples->index, matchers, count, budget);
    if (err != 0) {
        return err;
    }
    err = section_read(&part->section, &part->facts.blocks, budget, &samples->blocks);
    if (err == 0) {
        err = part_samples_next(samples);
    }
    if (err != 0) {
        part_samples_close(samples);
    }
    return err;
}

void part_samples_close(struct part_samples *samples)
{
    label_cursor_close(&samples->cursor);
    block_free(samples->budget, &samples->memory);
    block_free(samples->budget, &samples->blocks);
    samples->memory = (struct block){0};
    samples->blocks = (struct block){0};
}

int part_samples_next(struct part_samples *samples)
{
    uint32_t stream = 0;
    int err = label_cursor_next(&samples->cursor, &stream, &samples->labels, &samples->chunks);
    samples->is_at_end = err == -ENODATA;
    return err == -ENODATA ? 0 : err;
}

static int block_read(struct part_samples *samples, uint32_t number)
{
    struct part_block place;
    struct block stored = {0};
    if (number >= samples->part->facts.block_count) {
        return -EBADMSG;
    }
    part_block_decode((const unsigned char *)samples->blocks.data + number * PART_BLOCK_BYTES,
                      &place);
    block_free(samples->budget, &samples->memory);
    samples->memory = (struct block){0};
    samples->block_number = NO_BLOCK;
    int err = section_read(&samples->part->section, &place.data, samples->budget, &stored);
    if (err == 0) {
        err = sample_block_decode((struct slu_bytes){stored.data, stored.len}, samples->budget,
                                  &samples->memory, &samples->block);
        block_free(samples->budget, &stored);
    }
    if (err == 0) {
        samples->block_number = number;
    }
    return err;
}

int part_samples_chunk(struct part_samples *samples, const struct sample_chunk *chunk,
                       struct sample_cursor *cursor)
{
    int err = chunk->block == samples->block_number ? 0 : block_read(samples, chunk->block);
    if (err == 0) {
        err = sample_block_chunk(&samples->block, chunk->chunk, cursor);
    }
    if (err == 0 && cursor->count != chunk->count) {
        err = -EBADMSG;
    }
    return err == -ENOENT ? -EBADMSG : err;
}
