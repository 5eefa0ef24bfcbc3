#include "holders/sites_typing.h"

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/sampled.h"
#include "holders/site.h"
#include "symbol/site_type.h"
#include "symbol/types.h"

#define FIRST_BYTES ((size_t)4096)

struct stack_type {
    struct site_type site;
    bool is_known; /* that it has one, or none */
};

struct sowing {
    struct who *who;
    struct site_finder *finder;
    struct stack_type *stacks; /* of each sampled stack */
    struct block seeds;        /* of struct typing_seed */
};

static const struct site_type *stack_type(struct sowing *sowing, const struct sampled_stack *stack)
{
    struct who *who = sowing->who;
    size_t place = (size_t)(stack - (const struct sampled_stack *)who->sampled.stacks.data);
    struct stack_type *kept = &sowing->stacks[place];
    if (!kept->is_known) {
        struct site_frame frames[SITE_FRAMES_MAX];
        size_t count = site_frames(who, stack, frames);
        kept->site = site_finder_find(sowing->finder, frames, count);
        kept->is_known = true;
    }
    return &kept->site;
}

/* A block that has no type yet gets that of its site. */
static int sample_sow(struct sowing *sowing, const struct sampled_block *sample)
{
    struct who *who = sowing->who;
    uint64_t offset = 0;
    uint32_t block = heap_block_at(who->heap, sample->address, &offset);
    if (block == HEAP_BLOCK_NONE || offset != 0 ||
        who->typing.block_types[block] != SYMBOL_TYPE_NONE) {
        return 0;
    }
    const struct sampled_stack *stack = sampled_stack_of(&who->sampled, sample);
    const struct site_type *site = stack == NULL ? NULL : stack_type(sowing, stack);
    if (site == NULL || site->type == SYMBOL_TYPE_NONE ||
        !site_type_fits(who->modules.types, site, sample->bytes)) {
        return 0;
    }
    struct typing_seed seed = {block, site->type};
    return block_append(who->budget, &sowing->seeds, &seed, sizeof(seed));
}

static int samples_sow(struct sowing *sowing)
{
    struct who *who = sowing->who;
    int err = 0;
    for (size_t i = 0; err == 0 && i < sampled_count(&who->sampled); i++) {
        err = sample_sow(sowing, sampled_at(&who->sampled, i));
    }
    return err != 0 || sowing->seeds.len == 0
               ? err
               : typing_sow(&who->typing, sowing->seeds.data,
                            sowing->seeds.len / sizeof(struct typing_seed));
}

int sites_typing_add(struct who *who, struct slu_diag *diag)
{
    struct sowing sowing = {.who = who};
    void *stacks = NULL;
    size_t bytes =
        (who->sampled.stacks.len / sizeof(struct sampled_stack)) * sizeof(struct stack_type);
    if (bytes == 0) {
        return 0;
    }
    int err = slu_budget_alloc(who->budget, bytes, &stacks);
    sowing.stacks = stacks;
    err = err != 0 ? err : block_begin(who->budget, FIRST_BYTES, &sowing.seeds);
    err = err != 0 ? err : site_finder_create(who->budget, who->modules.types, &sowing.finder);
    err = err != 0 ? err : samples_sow(&sowing);
    site_finder_destroy(&sowing.finder);
    block_free(who->budget, &sowing.seeds);
    slu_budget_free(who->budget, stacks, bytes);
    return err != 0 ? diag_fail(diag, err, "no memory for the types of sampled blocks") : 0;
}
