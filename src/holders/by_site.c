#include "holders/by_site.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/sink.h"
#include "holders/dominators.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/sampled.h"
#include "holders/site.h"

#define FIRST_BYTES     4096
#define NAME_BYTES      512
#define SAME_SITE_STEPS 8 /* that far up another block of the same site is looked for */

static const struct sampled_stack *stack_at(const struct who *who, uint32_t place)
{
    return (const struct sampled_stack *)who->sampled.stacks.data + place;
}

static struct site_row *row_at(const struct by_site *sites, uint32_t row)
{
    return (struct site_row *)sites->rows.data + row;
}

static uint32_t *place_at(const struct by_site *sites, uint32_t stack)
{
    return (uint32_t *)sites->places.data + stack;
}

/* Returns 0 for a stack whose site is not known. */
static uint64_t name_hash(struct who *who, uint32_t stack)
{
    char name[NAME_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, name, sizeof(name));
    if (!site_write_stack(who, stack_at(who, stack), &sink)) {
        return 0;
    }
    return hash_bytes((struct slu_bytes){name, strnlen(name, sizeof(name))}, 0) | 1;
}

static int by_hash(const void *left, const void *right)
{
    const struct site_row *a = left;
    const struct site_row *b = right;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return (a->stack > b->stack) - (a->stack < b->stack);
}

/* A row for each stack at first; those with the same name become one. */
static int rows_make(struct by_site *sites)
{
    struct who *who = sites->who;
    uint32_t none = BY_SITE_NONE;
    uint32_t stacks = (uint32_t)(who->sampled.stacks.len / sizeof(struct sampled_stack));
    int err = 0;
    for (uint32_t i = 0; i < stacks && err == 0; i++) {
        struct site_row row = {.hash = name_hash(who, i), .stack = i, .example = HEAP_BLOCK_NONE};
        err = block_append(who->budget, &sites->places, &none, sizeof(none));
        err = err == 0 ? block_append(who->budget, &sites->rows, &row, sizeof(row)) : err;
    }
    if (err != 0 || stacks == 0) {
        return err;
    }
    qsort(sites->rows.data, stacks, sizeof(struct site_row), by_hash);
    uint32_t row_count = 0;
    for (uint32_t i = 0; i < stacks; i++) {
        struct site_row row = *row_at(sites, i);
        if (row.hash == 0) {
            continue;
        }
        if (row_count == 0 || row_at(sites, row_count - 1)->hash != row.hash) {
            *row_at(sites, row_count++) = row;
        }
        *place_at(sites, row.stack) = row_count - 1;
    }
    sites->rows.len = row_count * sizeof(struct site_row);
    return 0;
}

/* The row of a block; BY_SITE_NONE if it was not sampled. */
static uint32_t row_of(const struct by_site *sites, uint32_t block)
{
    const struct who *who = sites->who;
    const struct sampled_block *sample =
        sampled_find(&who->sampled, heap_block_address(who->heap, block));
    const struct sampled_stack *stack =
        sample == NULL ? NULL : sampled_stack_of(&who->sampled, sample);
    return stack == NULL ? BY_SITE_NONE : *place_at(sites, (uint32_t)(stack - stack_at(who, 0)));
}

static bool is_below_same(const struct by_site *sites, const struct dominators *dominators,
                          uint32_t block, uint32_t row)
{
    uint32_t node = block;
    for (int i = 0; i < SAME_SITE_STEPS; i++) {
        node = dominators_above(dominators, node);
        if (node >= sites->who->graph->block_count) {
            return false;
        }
        if (row_of(sites, node) == row) {
            return true;
        }
    }
    return false;
}

static void block_count(struct by_site *sites, const struct dominators *dominators, uint32_t block)
{
    uint32_t place = row_of(sites, block);
    if (place == BY_SITE_NONE) {
        return;
    }
    struct site_row *row = row_at(sites, place);
    uint64_t bytes = heap_block_bytes(sites->who->heap, block);
    row->count++;
    row->bytes += bytes;
    row->example = row->example == HEAP_BLOCK_NONE ? block : row->example;
    if (!reach_has(&sites->who->reach, block)) {
        row->leaked_count++;
        row->leaked_bytes += bytes;
    } else if (!is_below_same(sites, dominators, block, place)) {
        row->retained_bytes += dominators_retained(dominators, block);
    }
}

int by_site_make(struct by_site *sites, struct who *who, const struct dominators *dominators,
                 site_filter filter, const void *context, struct slu_diag *diag)
{
    *sites = (struct by_site){.who = who};
    int err = block_begin(who->budget, FIRST_BYTES, &sites->rows);
    err = err == 0 ? block_begin(who->budget, FIRST_BYTES, &sites->places) : err;
    err = err == 0 ? rows_make(sites) : err;
    if (err != 0) {
        by_site_free(sites);
        return diag_fail(diag, err, "no memory for the sites of sampled blocks");
    }
    for (size_t i = 0; i < sampled_count(&who->sampled); i++) {
        uint64_t offset = 0;
        uint32_t block = heap_block_at(who->heap, sampled_at(&who->sampled, i)->address, &offset);
        if (block != HEAP_BLOCK_NONE && (filter == NULL || filter(context, block))) {
            block_count(sites, dominators, block);
        }
    }
    return 0;
}

void by_site_free(struct by_site *sites)
{
    if (sites->who != NULL) {
        block_free(sites->who->budget, &sites->rows);
        block_free(sites->who->budget, &sites->places);
    }
    *sites = (struct by_site){0};
}
