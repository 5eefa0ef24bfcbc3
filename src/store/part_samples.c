#include "store/part_samples.h"

#include <errno.h>

#define NO_BLOCK UINT32_MAX

int part_samples_open(struct part_samples *samples, const struct part *part,
                      const struct matcher *matchers, size_t count, struct block_cache *cache,
                      struct slu_budget *budget)
{
    *samples = (struct part_samples){.part = part,
                                     .budget = budget,
                                     .index = part_index(part),
                                     .cache = cache,
                                     .block_number = NO_BLOCK};
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
    block_cache_release(samples->cache, &samples->hold);
    block_free(samples->budget, &samples->blocks);
    samples->blocks = (struct block){0};
}

int part_samples_next(struct part_samples *samples)
{
    uint32_t stream = 0;
    int err = label_cursor_next(&samples->cursor, &stream, &samples->labels, &samples->chunks);
    samples->is_at_end = err == -ENODATA;
    return err == -ENODATA ? 0 : err;
}

struct loading {
    const struct part_samples *samples;
    uint32_t number;
};

static int block_load(void *arg, struct slu_budget *budget, struct block *memory,
                      struct sample_block *block)
{
    const struct loading *loading = arg;
    const struct part_samples *samples = loading->samples;
    struct part_block place;
    struct block stored = {0};
    part_block_decode(
        (const unsigned char *)samples->blocks.data + loading->number * PART_BLOCK_BYTES, &place);
    int err = section_read(&samples->part->section, &place.data, budget, &stored);
    if (err == 0) {
        err =
            sample_block_decode((struct slu_bytes){stored.data, stored.len}, budget, memory, block);
        block_free(budget, &stored);
    }
    return err;
}

static int block_read(struct part_samples *samples, uint32_t number)
{
    struct loading loading = {.samples = samples, .number = number};
    struct block_key key = {.part = samples->part->number, .block = number};
    if (number >= samples->part->facts.block_count) {
        return -EBADMSG;
    }
    block_cache_release(samples->cache, &samples->hold);
    samples->block_number = NO_BLOCK;
    int err = block_cache_hold(samples->cache, &key, block_load, &loading, samples->budget,
                               &samples->hold);
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
        err = sample_block_chunk(&samples->hold.block, chunk->chunk, cursor);
    }
    if (err == 0 && cursor->count != chunk->count) {
        err = -EBADMSG;
    }
    return err == -ENOENT ? -EBADMSG : err;
}
