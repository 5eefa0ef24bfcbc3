/*
 * The nodes of a late fold: the pool, and what is done with the entries of one node. A part of
 * sluice/fold_late.h.
 */
#ifndef SLU_LATE_FN
#error "include <sluice/fold_late.h>, which includes this part"
#endif

static inline SLU_LATE_VALUE SLU_LATE_FN(_combine)(SLU_LATE_VALUE older, SLU_LATE_VALUE newer)
{
    return SLU_LATE_COMBINE(older, newer);
}

/*
 * The aggregate of `count` values, at least one: four runs side by side, because each combine of a
 * run waits for the one before it.
 */
static inline SLU_LATE_VALUE SLU_LATE_FN(_fold)(const SLU_LATE_VALUE *values, uint32_t count)
{
    uint32_t run = count / 4;
    if (run < 2) {
        SLU_LATE_VALUE all = values[0];
        for (uint32_t i = 1; i < count; i++) {
            all = SLU_LATE_FN(_combine)(all, values[i]);
        }
        return all;
    }
    SLU_LATE_VALUE first = values[0];
    SLU_LATE_VALUE second = values[run];
    SLU_LATE_VALUE third = values[2 * run];
    SLU_LATE_VALUE fourth = values[3 * run];
    for (uint32_t i = 1; i < run; i++) {
        first = SLU_LATE_FN(_combine)(first, values[i]);
        second = SLU_LATE_FN(_combine)(second, values[run + i]);
        third = SLU_LATE_FN(_combine)(third, values[2 * run + i]);
        fourth = SLU_LATE_FN(_combine)(fourth, values[3 * run + i]);
    }
    for (uint32_t i = 4 * run; i < count; i++) {
        fourth = SLU_LATE_FN(_combine)(fourth, values[i]);
    }
    first = SLU_LATE_FN(_combine)(first, second);
    third = SLU_LATE_FN(_combine)(third, fourth);
    return SLU_LATE_FN(_combine)(first, third);
}

static inline SLU_LATE_LEAF *SLU_LATE_FN(_leaf)(const SLU_LATE *late, uint32_t node)
{
    return &late->leaves[node];
}

static inline SLU_LATE_INNER *SLU_LATE_FN(_inner)(const SLU_LATE *late, uint32_t node)
{
    return &late->inners[node];
}

static inline void SLU_LATE_FN(_leaf_give)(SLU_LATE *late, uint32_t node)
{
    SLU_LATE_FN(_leaf)(late, node)->next_free = late->books.leaf_free;
    late->books.leaf_free = node;
}

static inline void SLU_LATE_FN(_inner_give)(SLU_LATE *late, uint32_t node)
{
    SLU_LATE_FN(_inner)(late, node)->next_free = late->books.inner_free;
    late->books.inner_free = node;
}

/* Give back a whole subtree, in constant time: its nodes are taken apart when they are needed. */
static inline void SLU_LATE_FN(_bury)(SLU_LATE *late, uint32_t level, uint32_t node)
{
    if (level == 0) {
        SLU_LATE_FN(_leaf_give)(late, node);
    } else if (SLU_LATE_FN(_inner)(late, node)->count == 0) {
        SLU_LATE_FN(_inner_give)(late, node);
    } else {
        SLU_LATE_FN(_inner)(late, node)->next_free = late->books.buried;
        late->books.buried = node;
    }
}

/* A leaf out of the subtrees given back. */
SLU_LATE_COLD uint32_t SLU_LATE_FN(_leaf_unbury)(SLU_LATE *late)
{
    for (;;) {
        if (late->books.buried == SLU_LATE_NONE) {
            slu_late_broken();
        }
        uint32_t node = late->books.buried;
        SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
        uint32_t child = inner->child[--inner->count];
        if (inner->count == 0) {
            late->books.buried = inner->next_free;
            SLU_LATE_FN(_inner_give)(late, node);
        }
        if (inner->level == 1) {
            return child;
        }
        SLU_LATE_FN(_bury)(late, inner->level - 1u, child);
    }
}

/* A leaf without items. Nodes that were in use come before fresh ones: their pages are resident. */
static inline uint32_t SLU_LATE_FN(_leaf_take)(SLU_LATE *late)
{
    uint32_t node = late->books.leaf_free;
    if (node != SLU_LATE_NONE) {
        late->books.leaf_free = SLU_LATE_FN(_leaf)(late, node)->next_free;
    } else if (late->books.buried != SLU_LATE_NONE ||
               late->books.leaf_fresh == late->books.leaf_max) {
        node = SLU_LATE_FN(_leaf_unbury)(late);
    } else {
        node = late->books.leaf_fresh++;
    }
    SLU_LATE_FN(_leaf)(late, node)->end = 0;
    return node;
}

/* An inner node without children. */
SLU_LATE_COLD uint32_t SLU_LATE_FN(_inner_take)(SLU_LATE *late, uint32_t level)
{
    uint32_t node = late->books.inner_free;
    if (node != SLU_LATE_NONE) {
        late->books.inner_free = SLU_LATE_FN(_inner)(late, node)->next_free;
    } else if (late->books.inner_fresh < late->books.inner_max) {
        node = late->books.inner_fresh++;
    } else {
        node = late->books.buried;
        if (node == SLU_LATE_NONE) {
            slu_late_broken();
        }
        SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
        late->books.buried = inner->next_free;
        for (uint32_t i = 0; i < inner->count; i++) {
            SLU_LATE_FN(_bury)(late, inner->level - 1u, inner->child[i]);
        }
    }
    SLU_LATE_FN(_inner)(late, node)->count = 0;
    SLU_LATE_FN(_inner)(late, node)->level = (uint16_t)level;
    return node;
}

static inline bool SLU_LATE_FN(_on_spine)(const SLU_LATE *late, uint32_t level, uint32_t node)
{
    return node == late->levels[level].left || node == late->levels[level].right;
}

static inline uint32_t SLU_LATE_FN(_slots)(uint32_t level)
{
    return level == 0 ? SLU_LATE_LEAF_SLOTS : SLU_LATE_INNER_SLOTS;
}

static inline uint32_t SLU_LATE_FN(_node_take)(SLU_LATE *late, uint32_t level)
{
    return level == 0 ? SLU_LATE_FN(_leaf_take)(late) : SLU_LATE_FN(_inner_take)(late, level);
}

/* Slots in use, from slot 0; in the oldest leaf the slots below late->first are spent. */
static inline uint32_t SLU_LATE_FN(_used)(const SLU_LATE *late, uint32_t level, uint32_t node)
{
    return level == 0 ? SLU_LATE_FN(_leaf)(late, node)->end
                      : SLU_LATE_FN(_inner)(late, node)->count;
}

static inline void SLU_LATE_FN(_used_set)(SLU_LATE *late, uint32_t level, uint32_t node,
                                          uint32_t used)
{
    if (level == 0) {
        SLU_LATE_FN(_leaf)(late, node)->end = used;
    } else {
        SLU_LATE_FN(_inner)(late, node)->count = (uint16_t)used;
    }
}

static inline uint64_t SLU_LATE_FN(_first_time)(const SLU_LATE *late, uint32_t level, uint32_t node)
{
    return level == 0 ? SLU_LATE_FN(_leaf)(late, node)->time[0]
                      : SLU_LATE_FN(_inner)(late, node)->time[0];
}

/* Copy `count` entries between two nodes of a level, or within one; the ranges may overlap. */
SLU_LATE_COLD void SLU_LATE_FN(_entries_copy)(SLU_LATE *late, uint32_t level, uint32_t from,
                                              uint32_t from_slot, uint32_t to, uint32_t to_slot,
                                              uint32_t count)
{
    if (level == 0) {
        const SLU_LATE_LEAF *source = SLU_LATE_FN(_leaf)(late, from);
        SLU_LATE_LEAF *target = SLU_LATE_FN(_leaf)(late, to);
        memmove(&target->time[to_slot], &source->time[from_slot], count * sizeof(uint64_t));
        memmove(&target->value[to_slot], &source->value[from_slot], count * sizeof(SLU_LATE_VALUE));
        return;
    }
    const SLU_LATE_INNER *source = SLU_LATE_FN(_inner)(late, from);
    SLU_LATE_INNER *target = SLU_LATE_FN(_inner)(late, to);
    memmove(&target->time[to_slot], &source->time[from_slot], count * sizeof(uint64_t));
    memmove(&target->fold[to_slot], &source->fold[from_slot], count * sizeof(SLU_LATE_VALUE));
    memmove(&target->child[to_slot], &source->child[from_slot], count * sizeof(uint32_t));
    memmove(&target->items[to_slot], &source->items[from_slot], count * sizeof(uint32_t));
}

/* Append the first `count` entries of `from` to `to` and close the gap. */
SLU_LATE_COLD void SLU_LATE_FN(_head_move)(SLU_LATE *late, uint32_t level, uint32_t from,
                                           uint32_t to, uint32_t count)
{
    uint32_t from_used = SLU_LATE_FN(_used)(late, level, from);
    uint32_t to_used = SLU_LATE_FN(_used)(late, level, to);
    SLU_LATE_FN(_entries_copy)(late, level, from, 0, to, to_used, count);
    SLU_LATE_FN(_entries_copy)(late, level, from, count, from, 0, from_used - count);
    SLU_LATE_FN(_used_set)(late, level, from, from_used - count);
    SLU_LATE_FN(_used_set)(late, level, to, to_used + count);
}

/* Put the last `count` entries of `from` before those of `to`. */
SLU_LATE_COLD void SLU_LATE_FN(_tail_move)(SLU_LATE *late, uint32_t level, uint32_t from,
                                           uint32_t to, uint32_t count)
{
    uint32_t from_used = SLU_LATE_FN(_used)(late, level, from);
    uint32_t to_used = SLU_LATE_FN(_used)(late, level, to);
    SLU_LATE_FN(_entries_copy)(late, level, to, 0, to, count, to_used);
    SLU_LATE_FN(_entries_copy)(late, level, from, from_used - count, to, 0, count);
    SLU_LATE_FN(_used_set)(late, level, from, from_used - count);
    SLU_LATE_FN(_used_set)(late, level, to, to_used + count);
}

/* Put `child` into a free slot of its parent; its aggregate is left to _child_refresh. */
SLU_LATE_COLD void SLU_LATE_FN(_child_insert)(SLU_LATE *late, uint32_t level, uint32_t parent,
                                              uint32_t slot, uint32_t child, uint64_t time_ns)
{
    SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, parent);
    SLU_LATE_FN(_entries_copy)(late, level, parent, slot, parent, slot + 1, inner->count - slot);
    inner->time[slot] = time_ns;
    inner->child[slot] = child;
    inner->count++;
}

/* Take `count` children out of their parent; what becomes of them is the caller's business. */
SLU_LATE_COLD void SLU_LATE_FN(_children_remove)(SLU_LATE *late, uint32_t level, uint32_t parent,
                                                 uint32_t slot, uint32_t count)
{
    SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, parent);
    uint32_t left = inner->count - count;
    SLU_LATE_FN(_entries_copy)(late, level, parent, slot + count, parent, slot, left - slot);
    inner->count = (uint16_t)left;
}

/*
 * Write into a node of `level` what its child in `slot` holds. The children on a spine change with
 * every item, so their entries are not kept.
 */
SLU_LATE_COLD void SLU_LATE_FN(_child_refresh)(SLU_LATE *late, uint32_t level, uint32_t parent,
                                               uint32_t slot)
{
    SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, parent);
    uint32_t child = inner->child[slot];
    if (SLU_LATE_FN(_on_spine)(late, level - 1, child)) {
        return;
    }
    if (level == 1) {
        const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, child);
        inner->fold[slot] = SLU_LATE_FN(_fold)(leaf->value, leaf->end);
        inner->items[slot] = leaf->end;
        return;
    }
    const SLU_LATE_INNER *below = SLU_LATE_FN(_inner)(late, child);
    uint32_t items = 0;
    for (uint32_t i = 0; i < below->count; i++) {
        items += below->items[i];
    }
    inner->fold[slot] = SLU_LATE_FN(_fold)(below->fold, below->count);
    inner->items[slot] = items;
}
