/*
 * Late fold: the aggregate of a sliding window of time under any associative operation, for items
 * that do not come in the order of their times. A type-generic header: the operation is a macro,
 * so that it inlines.
 *
 *     #define SLU_LATE_NAME sum_late              a prefix of your choice
 *     #define SLU_LATE_VALUE double               the type of a partial aggregate
 *     #define SLU_LATE_COMBINE(older, newer) ((older) + (newer))
 *     #define SLU_LATE_IDENTITY 0.0               combined with x on either side, it gives x
 *     #include <sluice/fold_late.h>
 *
 * declares struct sum_late with sum_late_create, _destroy, _insert, _evict_before, _query,
 * _query_range, _count, _clear and _stats. The operation need be neither commutative nor
 * invertible. It is applied in the order of the items' times; items of equal times keep the order
 * in which they came. How it is bracketed is not specified, so floating-point sums may differ in
 * their last bits. The header may be included once for each name; it undefines its macros.
 *
 * Time is what the items carry. The window reaches from the newest time ever taken, less the span,
 * to that newest time, both included; an older item is stale: dropped and counted. One item with a
 * time far in the future therefore empties the window: where times come from outside, check them
 * first.
 *
 * Optional macros, for an operation that is slow: SLU_LATE_LEAF_SLOTS (about 1 KiB, 63 for values
 * of 8 bytes) and SLU_LATE_INNER_SLOTS (32), 5 to 4,096, are the items of a leaf of the tree and
 * the children of an inner node. Smaller nodes take fewer combines for a late item, and more memory
 * an item. With SLU_LATE_EQUAL(left, right) defined there is _check, which recomputes everything.
 *
 * Cost     In combines, with L and N for those slots and H for the levels of inner nodes (3 or 4
 *          for a million items). In order an insert, the eviction that it causes and a query take
 *          4.3 on average, whatever the window. An item that is d places from the nearer end takes
 *          O(log d), amortized: 80 to 110 for d from 400 to 8,000. No call takes more than: insert
 *          7 L + 10 N H, with the eviction; evict_before L + 4 N H, however many items go; query 2;
 *          query_range 2 (L + N H). Nothing allocates after creation. Memory for values of 8 bytes:
 *          27 bytes an item, time and value included, whatever the order in which items come.
 * Threads  one at a time; distinct windows are independent
 * Source   Tangwongsan, Hirzel, Schneider, "Optimal and general out-of-order sliding-window
 *          aggregation", PVLDB 12(10), 2019 (FiBA); the same, "Out-of-order sliding-window
 *          aggregation with efficient bulk evictions and insertions", PVLDB 16(11), 2023
 */
#ifndef SLUICE_FOLD_LATE_H
#define SLUICE_FOLD_LATE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/fold_late_block.h>

#define SLU_LATE_GLUE(prefix, suffix) prefix##suffix
#define SLU_LATE_JOIN(prefix, suffix) SLU_LATE_GLUE(prefix, suffix)

/* A leaf of about 1 KiB, of 8 items at least. */
#define SLU_LATE_SLOTS_FOR(value_bytes)                                                            \
    (1008 / (8 + (value_bytes)) > 8 ? (uint32_t)(1008 / (8 + (value_bytes))) : 8u)

/* Out of the way of the calls that are measured in nanoseconds. */
#define SLU_LATE_COLD __attribute__((noinline, unused)) static

#endif

#if !defined(SLU_LATE_NAME) || !defined(SLU_LATE_VALUE) || !defined(SLU_LATE_COMBINE) ||           \
    !defined(SLU_LATE_IDENTITY)
#error "define SLU_LATE_NAME, _VALUE, _COMBINE and _IDENTITY before this include"
#endif

#ifndef SLU_LATE_LEAF_SLOTS
#define SLU_LATE_LEAF_SLOTS SLU_LATE_SLOTS_FOR(sizeof(SLU_LATE_VALUE))
#elif SLU_LATE_LEAF_SLOTS < 5 || SLU_LATE_LEAF_SLOTS > 4096
#error "define SLU_LATE_LEAF_SLOTS as a number from 5 to 4096"
#endif
#ifndef SLU_LATE_INNER_SLOTS
#define SLU_LATE_INNER_SLOTS 32
#elif SLU_LATE_INNER_SLOTS < 5 || SLU_LATE_INNER_SLOTS > 4096
#error "define SLU_LATE_INNER_SLOTS as a number from 5 to 4096"
#endif

#define SLU_LATE_FN(suffix) SLU_LATE_JOIN(SLU_LATE_NAME, suffix)
#define SLU_LATE            struct SLU_LATE_NAME
#define SLU_LATE_LEAF       struct SLU_LATE_FN(_leaf_node)
#define SLU_LATE_INNER      struct SLU_LATE_FN(_inner_node)
#define SLU_LATE_LEVEL      struct SLU_LATE_FN(_level)

struct SLU_LATE_FN(_leaf_node) {
    uint32_t end; /* items are in slots 0 .. end - 1; in the oldest leaf from `first` on */
    uint32_t next_free;
    uint64_t time[SLU_LATE_LEAF_SLOTS];
    SLU_LATE_VALUE value[SLU_LATE_LEAF_SLOTS];
};

/*
 * The entries of children on a spine have no fold and no count of items, and the time of a child 0
 * on the left spine means nothing; every other time is that of the child's first item.
 */
struct SLU_LATE_FN(_inner_node) {
    uint16_t count;
    uint16_t level; /* 1 above the leaves */
    uint32_t next_free;
    uint64_t time[SLU_LATE_INNER_SLOTS];
    SLU_LATE_VALUE fold[SLU_LATE_INNER_SLOTS];
    uint32_t child[SLU_LATE_INNER_SLOTS];
    uint32_t items[SLU_LATE_INNER_SLOTS];
};

/*
 * The outermost nodes of a level: the same one on the root's level. Their own fold is that of their
 * children without the one on the spine; the total combines it with those of the levels above, up
 * to but without the root.
 */
struct SLU_LATE_FN(_level) {
    uint32_t left;
    uint32_t right;
    SLU_LATE_VALUE left_own;
    SLU_LATE_VALUE left_total;
    SLU_LATE_VALUE right_own;
    SLU_LATE_VALUE right_total;
};

/*
 * A B-tree whose aggregates meet at its two ends. In the order of time, a query combines
 *
 *      front[first]    the oldest leaf from its oldest item on (the tail has the rest of it when it
 *                      is the only leaf and items came since the front was folded)
 *      middle          left_total of level 1, the root without its outer children, right_total
 *      tail            the newest leaf
 *
 * so that what happens at an end changes nothing above it. Nodes inside the tree are nearly two
 * thirds full (slu_late_least), which bounds the nodes that item_max items can take; the two at a
 * level's ends have an item, or two children, at least.
 */
struct SLU_LATE_NAME {
    uint64_t newest_ns;
    uint64_t horizon_ns;
    uint64_t span_ns;
    SLU_LATE_LEAF *leaves;
    SLU_LATE_INNER *inners;
    SLU_LATE_LEVEL *levels;
    uint32_t item_count;
    uint32_t item_max;
    uint32_t first;     /* the oldest item's slot in its leaf */
    uint32_t front_end; /* slots first .. front_end - 1 of the oldest leaf are folded in `front` */
    uint32_t root_level;
    SLU_LATE_VALUE tail;
    SLU_LATE_VALUE middle;
    SLU_LATE_VALUE root_fold; /* the root's children without the outer two */
    struct slu_late_books books;
    SLU_LATE_VALUE front[SLU_LATE_LEAF_SLOTS];
};

#include <sluice/fold_late_nodes.h>
#include <sluice/fold_late_spines.h>
#include <sluice/fold_late_grow.h>
#include <sluice/fold_late_shrink.h>

/*
 * Make an empty window.
 *
 * diag     NULL, or filled on failure
 * Returns  0; -EINVAL for an option outside its range; -EOVERFLOW or -EDQUOT if item_max items pass
 *          the address space or the budget; -ENOMEM
 * Owner    the caller, until _destroy; the budget must outlive it
 * Cost     one allocation
 */
SLU_MUST_USE static inline int SLU_LATE_FN(_create)(struct slu_budget *budget,
                                                    const struct slu_late_options *options,
                                                    struct slu_diag *diag, SLU_LATE **out)
{
    const struct slu_late_shape shape = {
        sizeof(SLU_LATE),       sizeof(SLU_LATE_LEVEL), sizeof(SLU_LATE_LEAF),
        sizeof(SLU_LATE_INNER), SLU_LATE_LEAF_SLOTS,    SLU_LATE_INNER_SLOTS,
    };
    struct slu_late_plan plan;
    void *block = NULL;
    int err = slu_late_alloc(budget, options, &shape, diag, &plan, &block);
    if (err != 0) {
        return err;
    }
    SLU_LATE *late = (SLU_LATE *)block; /* zeroed */
    late->levels = (SLU_LATE_LEVEL *)(void *)((char *)block + plan.levels_at);
    late->leaves = (SLU_LATE_LEAF *)(void *)((char *)block + plan.leaves_at);
    late->inners = (SLU_LATE_INNER *)(void *)((char *)block + plan.inners_at);
    late->span_ns = options->span_ns;
    late->item_max = (uint32_t)options->item_max;
    late->books.budget = budget;
    late->books.size_bytes = plan.size_bytes;
    late->books.leaf_free = SLU_LATE_NONE;
    late->books.inner_free = SLU_LATE_NONE;
    late->books.buried = SLU_LATE_NONE;
    late->books.leaf_max = plan.leaf_max;
    late->books.inner_max = plan.inner_max;
    late->root_fold = SLU_LATE_IDENTITY;
    SLU_LATE_FN(_root_reset)(late);
    *out = late;
    return 0;
}

/* Destroy a window; NULL is accepted, and `*late` becomes NULL. */
static inline void SLU_LATE_FN(_destroy)(SLU_LATE **late)
{
    if (late == NULL || *late == NULL) {
        return;
    }
    slu_budget_free((*late)->books.budget, *late, (*late)->books.size_bytes);
    *late = NULL;
}

/* Items in the window. */
static inline uint32_t SLU_LATE_FN(_count)(const SLU_LATE *late)
{
    return late->item_count;
}

/* Copy the counters. */
static inline void SLU_LATE_FN(_stats)(const SLU_LATE *late, struct slu_late_stats *out)
{
    out->item_count = late->item_count;
    out->stale_count = late->books.stale_count;
    out->refused_count = late->books.refused_count;
    out->newest_ns = late->newest_ns;
    out->horizon_ns = late->horizon_ns;
    out->size_bytes = late->books.size_bytes;
}

/* Forget all items and the time; the counters stay. */
static inline void SLU_LATE_FN(_clear)(SLU_LATE *late)
{
    SLU_LATE_FN(_bury)(late, late->root_level, late->levels[late->root_level].left);
    SLU_LATE_FN(_root_reset)(late);
    late->newest_ns = 0;
    late->horizon_ns = 0;
}

/*
 * Let every item older than `time_ns` leave. From then on, items older than that are stale.
 *
 * time_ns  may be newer than every item; an older value than in the past changes nothing
 */
static inline void SLU_LATE_FN(_evict_before)(SLU_LATE *late, uint64_t time_ns)
{
    if (time_ns <= late->horizon_ns) {
        return;
    }
    late->horizon_ns = time_ns;
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, late->levels[0].left);
    if (late->first < leaf->end && leaf->time[late->first] < time_ns) {
        SLU_LATE_FN(_evict_older)(late, time_ns);
    }
}

/* Whether a full window stays full when everything older than `time_ns` leaves. */
SLU_LATE_COLD bool SLU_LATE_FN(_stays_full)(const SLU_LATE *late, uint64_t time_ns)
{
    return SLU_LATE_FN(_leaf)(late, late->levels[0].left)->time[late->first] >= time_ns;
}

/*
 * Take an item. One that is newer than all before moves the window forward, and items older than
 * newest - span leave.
 *
 * Returns  0; -ESTALE if the item is older than the window (counted; nothing changes);
 *          -EDQUOT if item_max items are in the window and none leaves (counted; nothing changes)
 */
SLU_MUST_USE static inline int SLU_LATE_FN(_insert)(SLU_LATE *late, uint64_t time_ns,
                                                    SLU_LATE_VALUE value)
{
    if (time_ns < late->horizon_ns) {
        late->books.stale_count++;
        return -ESTALE;
    }
    uint64_t horizon_ns = time_ns > late->span_ns ? time_ns - late->span_ns : 0;
    if (late->item_count == late->item_max && SLU_LATE_FN(_stays_full)(late, horizon_ns)) {
        late->books.refused_count++;
        return -EDQUOT;
    }
    if (time_ns < late->newest_ns) {
        SLU_LATE_FN(_insert_late)(late, time_ns, value);
        return 0;
    }
    late->newest_ns = time_ns;
    SLU_LATE_FN(_evict_before)(late, horizon_ns);
    SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, late->levels[0].right);
    if (leaf->end == SLU_LATE_LEAF_SLOTS) {
        SLU_LATE_FN(_leaf_append)(late, time_ns, value);
        return 0;
    }
    leaf->time[leaf->end] = time_ns;
    leaf->value[leaf->end] = value;
    leaf->end++;
    late->item_count++;
    late->tail = SLU_LATE_FN(_combine)(late->tail, value);
    return 0;
}

/* The aggregate of all items in the order of their times; the identity when there is none. */
static inline SLU_LATE_VALUE SLU_LATE_FN(_query)(const SLU_LATE *late)
{
    SLU_LATE_VALUE rest = SLU_LATE_FN(_combine)(late->middle, late->tail);
    if (late->first == late->front_end) {
        return rest;
    }
    return SLU_LATE_FN(_combine)(late->front[late->first], rest);
}

#include <sluice/fold_late_range.h>

#ifdef SLU_LATE_EQUAL
#include <sluice/fold_late_check.h>
#undef SLU_LATE_EQUAL
#endif

#undef SLU_LATE_LEVEL
#undef SLU_LATE_INNER
#undef SLU_LATE_LEAF
#undef SLU_LATE
#undef SLU_LATE_FN
#undef SLU_LATE_INNER_SLOTS
#undef SLU_LATE_LEAF_SLOTS
#undef SLU_LATE_IDENTITY
#undef SLU_LATE_COMBINE
#undef SLU_LATE_VALUE
#undef SLU_LATE_NAME
