/*
 * Queries of a part of a late fold's window. A part of sluice/fold_late.h.
 */
#ifndef SLU_LATE_FN
#error "include <sluice/fold_late.h>, which includes this part"
#endif

/* Of a leaf, the items from `from_ns` on and before `to_ns`. */
static inline SLU_LATE_VALUE SLU_LATE_FN(_leaf_range)(const SLU_LATE *late, uint32_t node,
                                                      uint64_t from_ns, uint64_t to_ns)
{
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, node);
    uint32_t first = node == late->levels[0].left ? late->first : 0;
    uint32_t count = leaf->end - first;
    uint32_t from = slu_late_count_before(&leaf->time[first], count, from_ns);
    uint32_t to = slu_late_count_before(&leaf->time[first], count, to_ns);
    return from < to ? SLU_LATE_FN(_fold)(&leaf->value[first + from], to - from)
                     : SLU_LATE_IDENTITY;
}

/* The last child that may hold items older than `time_ns`. */
static inline uint32_t SLU_LATE_FN(_child_before)(const SLU_LATE_INNER *inner, uint64_t time_ns)
{
    return slu_late_count_before(&inner->time[1], inner->count - 1u, time_ns);
}

/* Of a subtree that does not end on the right spine, the items from `from_ns` on. */
SLU_LATE_COLD SLU_LATE_VALUE SLU_LATE_FN(_range_from)(const SLU_LATE *late, uint32_t level,
                                                      uint32_t node, uint64_t from_ns)
{
    SLU_LATE_VALUE all = SLU_LATE_IDENTITY;
    for (; level > 0; level--) {
        const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
        uint32_t slot = SLU_LATE_FN(_child_before)(inner, from_ns);
        uint32_t whole = inner->count - slot - 1;
        if (whole > 0) {
            all = SLU_LATE_FN(_combine)(SLU_LATE_FN(_fold)(&inner->fold[slot + 1], whole), all);
        }
        node = inner->child[slot];
    }
    return SLU_LATE_FN(_combine)(SLU_LATE_FN(_leaf_range)(late, node, from_ns, UINT64_MAX), all);
}

/* Of a subtree that does not begin on the left spine, the items before `to_ns`. */
SLU_LATE_COLD SLU_LATE_VALUE SLU_LATE_FN(_range_to)(const SLU_LATE *late, uint32_t level,
                                                    uint32_t node, uint64_t to_ns)
{
    SLU_LATE_VALUE all = SLU_LATE_IDENTITY;
    for (; level > 0; level--) {
        const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
        uint32_t slot = SLU_LATE_FN(_child_before)(inner, to_ns);
        if (slot > 0) {
            all = SLU_LATE_FN(_combine)(all, SLU_LATE_FN(_fold)(inner->fold, slot));
        }
        node = inner->child[slot];
    }
    return SLU_LATE_FN(_combine)(all, SLU_LATE_FN(_leaf_range)(late, node, 0, to_ns));
}

/*
 * The aggregate of the items from `from_ns` on and before `to_ns`, in the order of their times; the
 * identity when there is none. Items at UINT64_MAX are in no range.
 */
static inline SLU_LATE_VALUE SLU_LATE_FN(_query_range)(const SLU_LATE *late, uint64_t from_ns,
                                                       uint64_t to_ns)
{
    uint32_t level = late->root_level;
    uint32_t node = late->levels[level].left;
    if (from_ns >= to_ns) {
        return SLU_LATE_IDENTITY;
    }
    for (; level > 0; level--) {
        const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
        uint32_t from = SLU_LATE_FN(_child_before)(inner, from_ns);
        uint32_t to = SLU_LATE_FN(_child_before)(inner, to_ns);
        if (from < to) {
            SLU_LATE_VALUE all =
                SLU_LATE_FN(_range_from)(late, level - 1, inner->child[from], from_ns);
            if (to - from > 1) {
                all = SLU_LATE_FN(_combine)(
                    all, SLU_LATE_FN(_fold)(&inner->fold[from + 1], to - from - 1));
            }
            return SLU_LATE_FN(_combine)(
                all, SLU_LATE_FN(_range_to)(late, level - 1, inner->child[to], to_ns));
        }
        node = inner->child[from];
    }
    return SLU_LATE_FN(_leaf_range)(late, node, from_ns, to_ns);
}
