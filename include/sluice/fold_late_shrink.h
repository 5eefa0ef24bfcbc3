/*
 * Items that leave a late fold at its old end, one by one or in bulk. A part of sluice/fold_late.h.
 */
#ifndef SLU_LATE_FN
#error "include <sluice/fold_late.h>, which includes this part"
#endif

/* Start again with one empty leaf. */
static inline void SLU_LATE_FN(_root_reset)(SLU_LATE *late)
{
    uint32_t node = SLU_LATE_FN(_leaf_take)(late);
    late->levels[0].left = node;
    late->levels[0].right = node;
    late->root_level = 0;
    late->item_count = 0;
    late->first = 0;
    late->middle = SLU_LATE_IDENTITY;
    SLU_LATE_FN(_front_build)(late);
}

/* Give back the first `count` children of the left spine's node on `level`. */
SLU_LATE_COLD void SLU_LATE_FN(_children_bury)(SLU_LATE *late, uint32_t level, uint32_t count)
{
    uint32_t node = late->levels[level].left;
    const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
    for (uint32_t i = 0; i < count; i++) {
        SLU_LATE_FN(_bury)(late, level - 1, inner->child[i]);
    }
    SLU_LATE_FN(_children_remove)(late, level, node, 0, count);
}

/* Items below the first child of the left spine's node on `level`: those are not kept in it. */
SLU_LATE_COLD uint32_t SLU_LATE_FN(_oldest_items)(const SLU_LATE *late, uint32_t level)
{
    uint32_t items = SLU_LATE_FN(_leaf)(late, late->levels[0].left)->end - late->first;
    for (uint32_t at = 1; at < level; at++) {
        const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, late->levels[at].left);
        for (uint32_t i = 1; i < inner->count; i++) {
            items += inner->items[i];
        }
    }
    return items;
}

/*
 * Make the first leaf below the left spine's node on `level` the oldest one, giving back what is
 * older than `time_ns` on the way. Returns the items that went with it.
 */
SLU_LATE_COLD uint32_t SLU_LATE_FN(_oldest_descend)(SLU_LATE *late, uint32_t level,
                                                    uint64_t time_ns)
{
    uint32_t items = 0;
    while (level > 0) {
        const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, late->levels[level].left);
        late->levels[--level].left = inner->child[0];
        if (level == 0) {
            break;
        }
        inner = SLU_LATE_FN(_inner)(late, inner->child[0]);
        uint32_t older = slu_late_count_before(&inner->time[1], inner->count - 1u, time_ns);
        for (uint32_t i = 0; i < older; i++) {
            items += inner->items[i];
        }
        SLU_LATE_FN(_children_bury)(late, level, older);
    }
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, late->levels[0].left);
    late->first = slu_late_count_before(leaf->time, leaf->end, time_ns);
    return items + late->first;
}

/* A root with one child gives way to it. */
static inline void SLU_LATE_FN(_root_collapse)(SLU_LATE *late)
{
    while (late->root_level > 0) {
        uint32_t root = late->levels[late->root_level].left;
        if (SLU_LATE_FN(_inner)(late, root)->count > 1) {
            return;
        }
        SLU_LATE_FN(_inner_give)(late, root);
        late->root_level--;
    }
}

/*
 * Give the left spine's node on `level` three children or more, from its neighbour: two at least
 * must be left when the level below merges two of them. A merged node keeps a quarter free, so that
 * items that come and go at the old end do not merge and split it in turn. Returns the highest
 * level on which children changed, 0 for none.
 */
SLU_LATE_COLD uint32_t SLU_LATE_FN(_thicken)(SLU_LATE *late, uint32_t level)
{
    if (level >= late->root_level ||
        SLU_LATE_FN(_inner)(late, late->levels[level].left)->count > 2) {
        return 0;
    }
    uint32_t changed = SLU_LATE_FN(_thicken)(late, level + 1);
    changed = changed > level ? changed : level + 1;
    if (level >= late->root_level) {
        return changed;
    }
    uint32_t least = slu_late_least(SLU_LATE_INNER_SLOTS);
    uint32_t merged_max = SLU_LATE_INNER_SLOTS - SLU_LATE_INNER_SLOTS / 4;
    uint32_t parent = late->levels[level + 1].left;
    uint32_t node = late->levels[level].left;
    uint32_t newer = SLU_LATE_FN(_inner)(late, parent)->child[1];
    uint32_t newer_used = SLU_LATE_FN(_used)(late, level, newer);
    uint32_t total = SLU_LATE_FN(_used)(late, level, node) + newer_used;
    if (total > merged_max && total > least + 2) {
        SLU_LATE_FN(_head_move)(late, level, newer, node, newer_used - least);
        SLU_LATE_FN(_inner)(late, parent)->time[1] = SLU_LATE_FN(_first_time)(late, level, newer);
        SLU_LATE_FN(_child_refresh)(late, level + 1, parent, 1);
        return changed;
    }
    SLU_LATE_FN(_head_move)(late, level, newer, node, newer_used);
    SLU_LATE_FN(_children_remove)(late, level + 1, parent, 1, 1);
    SLU_LATE_FN(_inner_give)(late, newer);
    if (newer == late->levels[level].right) {
        late->levels[level].right = node;
    }
    SLU_LATE_FN(_root_collapse)(late);
    return changed;
}

/* Refresh after children of the left spine changed on levels 1 .. level, below the root. */
SLU_LATE_COLD void SLU_LATE_FN(_left_spine_refresh)(SLU_LATE *late, uint32_t level)
{
    for (uint32_t at = 1; at <= level; at++) {
        SLU_LATE_FN(_left_refresh)(late, at);
    }
    SLU_LATE_FN(_left_carry)(late, level);
    SLU_LATE_FN(_middle_build)(late);
}

/*
 * Give back what is older than `time_ns`, from the highest level that the boundary crosses down; an
 * item is left. Returns the highest level on which the left spine lost children.
 */
SLU_LATE_COLD uint32_t SLU_LATE_FN(_older_bury)(SLU_LATE *late, uint64_t time_ns)
{
    uint32_t level = 1;
    while (level < late->root_level &&
           SLU_LATE_FN(_inner)(late, late->levels[level + 1].left)->time[1] < time_ns) {
        level++;
    }
    const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, late->levels[level].left);
    uint32_t older = slu_late_count_before(&inner->time[1], inner->count - 1u, time_ns);
    older = older == 0 ? 1 : older; /* the oldest leaf alone */
    uint32_t items = SLU_LATE_FN(_oldest_items)(late, level);
    for (uint32_t i = 1; i < older; i++) {
        items += inner->items[i];
    }
    SLU_LATE_FN(_children_bury)(late, level, older);
    items += SLU_LATE_FN(_oldest_descend)(late, level, time_ns);
    late->item_count -= items;
    /* The leaf on the boundary may be wholly older, too; the leaf after it is not. */
    uint32_t spent = 0;
    while (SLU_LATE_FN(_used)(late, spent, late->levels[spent].left) ==
           (spent == 0 ? late->first : 0)) {
        spent++;
        SLU_LATE_FN(_children_bury)(late, spent, 1);
    }
    if (spent > 0) {
        (void)SLU_LATE_FN(_oldest_descend)(late, spent, 0); /* nothing is older than 0 */
    }
    return spent > level ? spent : level;
}

/* Evict where the whole oldest leaf goes, in time that does not depend on how many items go. */
SLU_LATE_COLD void SLU_LATE_FN(_cut)(SLU_LATE *late, uint64_t time_ns)
{
    const SLU_LATE_LEAF *newest = SLU_LATE_FN(_leaf)(late, late->levels[0].right);
    uint32_t root_level = late->root_level;
    if (newest->time[newest->end - 1] < time_ns) {
        SLU_LATE_FN(_bury)(late, root_level, late->levels[root_level].left);
        SLU_LATE_FN(_root_reset)(late);
        return;
    }
    uint32_t level = SLU_LATE_FN(_older_bury)(late, time_ns);
    SLU_LATE_FN(_root_collapse)(late);
    uint32_t changed = level;
    for (; level > 0; level--) {
        uint32_t thickened = SLU_LATE_FN(_thicken)(late, level);
        changed = thickened > changed ? thickened : changed;
    }
    SLU_LATE_FN(_front_build)(late);
    if (late->root_level == root_level && changed < root_level) {
        SLU_LATE_FN(_left_spine_refresh)(late, changed);
    } else {
        SLU_LATE_FN(_spines_refresh)(late, late->root_level);
    }
}

/* Evict at least one item. */
static inline void SLU_LATE_FN(_evict_older)(SLU_LATE *late, uint64_t time_ns)
{
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, late->levels[0].left);
    if (leaf->time[leaf->end - 1] < time_ns) {
        SLU_LATE_FN(_cut)(late, time_ns);
        return;
    }
    uint32_t first = late->first;
    do {
        first++;
    } while (leaf->time[first] < time_ns);
    late->item_count -= first - late->first;
    late->first = first;
    if (first >= late->front_end) {
        SLU_LATE_FN(_front_build)(late);
    }
}
