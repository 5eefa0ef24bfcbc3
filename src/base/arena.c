/*
 * Chunks form a stack, the newest first; pieces come from the newest. The first chunk follows the
 * arena in its block and is the only one without an older one.
 */
#include <sluice/arena.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/golden.h"

struct chunk {
    _Alignas(64) struct chunk *older;
    size_t size_bytes; /* of the pieces, which follow */
    size_t used_bytes;
    size_t reserved[5];
};

GOLDEN_LAYOUT(struct chunk, 64, 0, 0, older, size_bytes, used_bytes, reserved);

struct slu_arena {
    struct chunk *newest;
    struct slu_budget *budget;
    size_t chunk_bytes;
    size_t limit_bytes;
    size_t charged_bytes;
    size_t high_water_bytes;
    uint64_t refused_count;
    uint64_t reserved;
    struct chunk first;
};

GOLDEN_LAYOUT(struct slu_arena, 128, 0, 0, newest, budget, chunk_bytes, limit_bytes, charged_bytes,
              high_water_bytes, refused_count, reserved, first);

int slu_arena_create(struct slu_budget *budget, const struct slu_arena_options *options,
                     struct slu_diag *diag, struct slu_arena **out)
{
    size_t chunk_bytes = options->chunk_bytes;
    if (chunk_bytes < SLU_ARENA_CHUNK_MIN) {
        return diag_fail(diag, -EINVAL, "chunk_bytes is %zu; it must be at least %zu", chunk_bytes,
                         SLU_ARENA_CHUNK_MIN);
    }
    size_t block_bytes = slu_budget_block_bytes(chunk_bytes);
    if (block_bytes > options->limit_bytes) {
        return diag_fail(diag, -EINVAL,
                         "limit_bytes is %zu; the first chunk of %zu bytes must fit into it",
                         options->limit_bytes, block_bytes);
    }
    void *block = NULL;
    int err = slu_budget_alloc(budget, block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "chunk_bytes is %zu; the budget '%s' does not hold it",
                         chunk_bytes, slu_budget_name(budget));
    }
    struct slu_arena *arena = block;
    arena->budget = budget;
    arena->chunk_bytes = block_bytes;
    arena->limit_bytes = options->limit_bytes;
    arena->charged_bytes = block_bytes;
    arena->high_water_bytes = block_bytes;
    arena->newest = &arena->first;
    arena->first.size_bytes = block_bytes - sizeof(struct slu_arena);
    *out = arena;
    return 0;
}

static void chunk_pop(struct slu_arena *arena)
{
    struct chunk *gone = arena->newest;
    size_t block_bytes = sizeof(struct chunk) + gone->size_bytes;
    arena->newest = gone->older;
    arena->charged_bytes -= block_bytes;
    slu_budget_free(arena->budget, gone, block_bytes);
}

void slu_arena_destroy(struct slu_arena **arena)
{
    if (arena == NULL || *arena == NULL) {
        return;
    }
    slu_arena_reset(*arena);
    slu_budget_free((*arena)->budget, *arena, (*arena)->chunk_bytes);
    *arena = NULL;
}

/* A chunk with room for `piece_bytes`, which is at least as much as the step. */
static int chunk_push(struct slu_arena *arena, size_t piece_bytes)
{
    size_t wanted_bytes = 0;
    if (__builtin_add_overflow(piece_bytes, sizeof(struct chunk), &wanted_bytes)) {
        return -EOVERFLOW;
    }
    wanted_bytes = wanted_bytes > arena->chunk_bytes ? wanted_bytes : arena->chunk_bytes;
    size_t block_bytes = slu_budget_block_bytes(wanted_bytes);
    if (block_bytes > arena->limit_bytes - arena->charged_bytes) {
        return block_bytes == SIZE_MAX ? -EOVERFLOW : -EDQUOT;
    }
    void *block = NULL;
    int err = slu_budget_alloc(arena->budget, block_bytes, &block);
    if (err != 0) {
        return err;
    }
    struct chunk *chunk = block;
    chunk->older = arena->newest;
    chunk->size_bytes = block_bytes - sizeof(struct chunk);
    arena->newest = chunk;
    arena->charged_bytes += block_bytes;
    if (arena->charged_bytes > arena->high_water_bytes) {
        arena->high_water_bytes = arena->charged_bytes;
    }
    return 0;
}

/* The offset of the next piece in the newest chunk, or SIZE_MAX when it does not fit. */
static size_t chunk_place(const struct chunk *chunk, size_t size_bytes, size_t align_bytes)
{
    size_t start = (chunk->used_bytes + align_bytes - 1) & ~(align_bytes - 1);
    bool fits = start <= chunk->size_bytes && size_bytes <= chunk->size_bytes - start;
    return fits ? start : SIZE_MAX;
}

int slu_arena_alloc(struct slu_arena *arena, size_t size_bytes, size_t align_bytes, void **out)
{
    if (align_bytes == 0 || align_bytes > SLU_ARENA_ALIGN_MAX ||
        (align_bytes & (align_bytes - 1)) != 0) {
        return -EINVAL;
    }
    size_t start = chunk_place(arena->newest, size_bytes, align_bytes);
    if (__builtin_expect(start == SIZE_MAX, 0)) {
        int err = chunk_push(arena, size_bytes);
        if (err != 0) {
            arena->refused_count += err == -EDQUOT;
            return err;
        }
        start = 0; /* chunks begin at a cache line */
    }
    arena->newest->used_bytes = start + size_bytes;
    *out = (unsigned char *)(arena->newest + 1) + start;
    return 0;
}

int slu_arena_copy(struct slu_arena *arena, const void *bytes, size_t len, char **out)
{
    if (len == SIZE_MAX) {
        return -EOVERFLOW;
    }
    void *piece = NULL;
    int err = slu_arena_alloc(arena, len + 1, 1, &piece);
    if (err != 0) {
        return err;
    }
    char *copy = piece;
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    copy[len] = '\0';
    *out = copy;
    return 0;
}

struct slu_arena_mark slu_arena_mark(const struct slu_arena *arena)
{
    return (struct slu_arena_mark){.chunk = arena->newest, .used_bytes = arena->newest->used_bytes};
}

void slu_arena_rewind(struct slu_arena *arena, struct slu_arena_mark mark)
{
    while (arena->newest != mark.chunk) {
        SLU_ASSERT(arena->newest->older != NULL); /* the mark is older than a reset or a rewind */
        chunk_pop(arena);
    }
    SLU_ASSERT(mark.used_bytes <= arena->newest->used_bytes);
    arena->newest->used_bytes = mark.used_bytes;
}

void slu_arena_reset(struct slu_arena *arena)
{
    slu_arena_rewind(arena, (struct slu_arena_mark){.chunk = &arena->first});
}

void slu_arena_stats(const struct slu_arena *arena, struct slu_arena_stats *out)
{
    *out = (struct slu_arena_stats){
        .charged_bytes = arena->charged_bytes,
        .high_water_bytes = arena->high_water_bytes,
        .refused_count = arena->refused_count,
    };
}
