/* The way from a root to a block, as people read it. */
#ifndef HOLDERS_CHAIN_H
#define HOLDERS_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "holders/graph.h"

struct sink;
struct who;

#define CHAIN_STEPS_MAX 64

struct chain_step {
    uint32_t node;       /* what holds the pointer */
    uint32_t target;     /* the block that it points to */
    uint64_t offset;     /* of the pointer in `node` */
    uint64_t skipped;    /* steps before this one that are not here: the way is longer */
    enum edge_kind kind; /* how sure it is that it is one */
};

struct chain {
    struct chain_step steps[CHAIN_STEPS_MAX]; /* from the root on */
    uint32_t count;
    uint64_t length;     /* of all steps, also those left out */
    enum edge_kind kind; /* the least sure step's */
};

/* The shortest way to a block; false if there is none. */
bool chain_find(struct who *who, uint32_t block, struct chain *chain);

/* Write what a root is: registry, worker() local, thread 17 registers. */
void chain_write_root(struct who *who, uint32_t root, struct sink *out);

/* Write what follows the root, or the block before, up to the pointer: .windows[17].buckets */
void chain_write_place(struct who *who, uint32_t node, uint64_t offset, bool any_index,
                       struct sink *out);

const char *edge_kind_name(enum edge_kind kind);

#endif
