/*
 * Blocks of a few sizes for bytes on their way, charged to the budget before anything is read into
 * them. Each loop keeps some warm, so that in steady state nothing is allocated; when the budget is
 * spent, it gives them back before it refuses.
 */
#ifndef NET_SLABS_H
#define NET_SLABS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;

#define SLAB_BYTES       ((size_t)16 * 1024) /* the smallest */
#define SLAB_CLASS_COUNT 3                   /* each 8 times the one before */

struct slab {
    unsigned char *bytes; /* NULL: none */
    size_t size_bytes;
};

struct slabs {
    struct slu_budget *budget;
    struct {
        void *first;
        uint32_t count;
    } kept[SLAB_CLASS_COUNT];
};

void slabs_init(struct slabs *slabs, struct slu_budget *budget);

/* Free what is kept. */
void slabs_deinit(struct slabs *slabs);

/*
 * Take a block of at least `wanted_bytes`, above 0; its bytes are not initialised.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Threads  the loop's
 */
SLU_MUST_USE int slabs_take(struct slabs *slabs, size_t wanted_bytes, struct slab *slab);

/* The same for other threads, with nothing kept. */
SLU_MUST_USE int slab_alloc(struct slu_budget *budget, size_t wanted_bytes, struct slab *slab);

/* Give it back, from whichever it came; an empty one does nothing. */
void slabs_give(struct slabs *slabs, struct slab *slab);

/* Fill a block of `slab`'s room with its first `len` bytes and more room. As slabs_take. */
SLU_MUST_USE int slabs_grow(struct slabs *slabs, struct slab *slab, size_t len,
                            size_t wanted_bytes);

#endif
