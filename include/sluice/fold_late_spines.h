/*
 * The aggregates along the two spines of a late fold, from which a query is answered. A part of
 * sluice/fold_late.h.
 */
#ifndef SLU_LATE_FN
#error "include <sluice/fold_late.h>, which includes this part"
#endif

/*
 * Fold the oldest leaf from its end, so that its oldest item can leave without a combine. Where it
 * is the only leaf, new items gather in `tail` until the front is spent.
 */
static inline void SLU_LATE_FN(_front_build)(SLU_LATE *late)
{
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, late->levels[0].left);
    late->front_end = leaf->end;
    if (leaf->end > late->first) {
        uint32_t slot = leaf->end - 1;
        SLU_LATE_VALUE all = leaf->value[slot];
        late->front[slot] = all;
        while (slot > late->first) {
            slot--;
            all = SLU_LATE_FN(_combine)(leaf->value[slot], all);
            late->front[slot] = all;
        }
    }
    if (late->root_level == 0) {
        late->tail = SLU_LATE_IDENTITY;
    }
}

/* Call where more than one leaf is there. */
static inline void SLU_LATE_FN(_tail_build)(SLU_LATE *late)
{
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, late->levels[0].right);
    late->tail = SLU_LATE_FN(_fold)(leaf->value, leaf->end);
}

/* Everything between the oldest and the newest leaf. */
static inline void SLU_LATE_FN(_middle_build)(SLU_LATE *late)
{
    late->middle = late->root_fold;
    if (late->root_level > 1) {
        late->middle = SLU_LATE_FN(_combine)(late->levels[1].left_total, late->middle);
        late->middle = SLU_LATE_FN(_combine)(late->middle, late->levels[1].right_total);
    }
}

static inline void SLU_LATE_FN(_root_refresh)(SLU_LATE *late)
{
    const SLU_LATE_INNER *root = SLU_LATE_FN(_inner)(late, late->levels[late->root_level].left);
    late->root_fold =
        root->count > 2 ? SLU_LATE_FN(_fold)(&root->fold[1], root->count - 2u) : SLU_LATE_IDENTITY;
}

/* Fold a node of the left spine below the root without its oldest child, which is on the spine. */
static inline void SLU_LATE_FN(_left_refresh)(SLU_LATE *late, uint32_t level)
{
    const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, late->levels[level].left);
    late->levels[level].left_own = SLU_LATE_FN(_fold)(&inner->fold[1], inner->count - 1u);
}

static inline void SLU_LATE_FN(_right_refresh)(SLU_LATE *late, uint32_t level)
{
    const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, late->levels[level].right);
    late->levels[level].right_own = SLU_LATE_FN(_fold)(inner->fold, inner->count - 1u);
}

/* Carry a change on `level` of the left spine, below the root, down to level 1. */
static inline void SLU_LATE_FN(_left_carry)(SLU_LATE *late, uint32_t level)
{
    for (; level > 0; level--) {
        SLU_LATE_LEVEL *at = &late->levels[level];
        at->left_total = level + 1 == late->root_level
                             ? at->left_own
                             : SLU_LATE_FN(_combine)(at->left_own, at[1].left_total);
    }
}

static inline void SLU_LATE_FN(_right_carry)(SLU_LATE *late, uint32_t level)
{
    for (; level > 0; level--) {
        SLU_LATE_LEVEL *at = &late->levels[level];
        at->right_total = level + 1 == late->root_level
                              ? at->right_own
                              : SLU_LATE_FN(_combine)(at[1].right_total, at->right_own);
    }
}

/* Make the aggregates of both spines true again after changes on levels 1 .. level. */
SLU_LATE_COLD void SLU_LATE_FN(_spines_refresh)(SLU_LATE *late, uint32_t level)
{
    if (late->root_level == 0) {
        late->middle = SLU_LATE_IDENTITY;
        return;
    }
    if (level >= late->root_level) {
        level = late->root_level - 1;
        SLU_LATE_FN(_root_refresh)(late);
    }
    for (uint32_t at = 1; at <= level; at++) {
        SLU_LATE_FN(_left_refresh)(late, at);
        SLU_LATE_FN(_right_refresh)(late, at);
    }
    SLU_LATE_FN(_left_carry)(late, level);
    SLU_LATE_FN(_right_carry)(late, level);
    SLU_LATE_FN(_middle_build)(late);
}
