/*
 * The validator of a late fold: it recomputes everything that the tree keeps. A part of
 * sluice/fold_late.h, with SLU_LATE_EQUAL defined; for tests.
 */
#ifndef SLU_LATE_FN
#error "define SLU_LATE_EQUAL and include <sluice/fold_late.h>, which includes this part"
#endif

/* What a walk through the tree in the order of time has seen. */
struct SLU_LATE_FN(_walk) {
    const char *broken; /* the first claim that does not hold, NULL so far */
    uint64_t time_ns;
    uint64_t items;
    uint32_t leaves;
    uint32_t inners;
};

#define SLU_LATE_WALK  struct SLU_LATE_FN(_walk)
#define SLU_LATE_CLAIM SLU_LATE_FN(_claim)

static inline void SLU_LATE_CLAIM(SLU_LATE_WALK *walk, bool holds, const char *claim)
{
    if (!holds && walk->broken == NULL) {
        walk->broken = claim;
    }
}

static inline SLU_LATE_VALUE SLU_LATE_FN(_leaf_check)(const SLU_LATE *late, SLU_LATE_WALK *walk,
                                                      uint32_t node)
{
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, node);
    uint32_t first = node == late->levels[0].left ? late->first : 0;
    SLU_LATE_VALUE all = SLU_LATE_IDENTITY;
    walk->leaves++;
    SLU_LATE_CLAIM(walk, first <= leaf->end && leaf->end <= SLU_LATE_LEAF_SLOTS,
                   "a leaf's items are within its slots");
    SLU_LATE_CLAIM(walk, late->root_level == 0 || first < leaf->end, "a leaf has an item");
    SLU_LATE_CLAIM(walk,
                   SLU_LATE_FN(_on_spine)(late, 0, node) ||
                       leaf->end >= slu_late_least(SLU_LATE_LEAF_SLOTS),
                   "a leaf inside is full enough");
    for (uint32_t i = first; i < leaf->end && walk->broken == NULL; i++) {
        SLU_LATE_CLAIM(walk, walk->time_ns <= leaf->time[i], "items are in order of time");
        walk->time_ns = leaf->time[i];
        walk->items++;
        all = SLU_LATE_FN(_combine)(all, leaf->value[i]);
    }
    return all;
}

/* The claims on an inner node that need no look at its children. */
static inline void SLU_LATE_FN(_inner_check)(const SLU_LATE *late, SLU_LATE_WALK *walk,
                                             uint32_t level, uint32_t node)
{
    const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
    const SLU_LATE_LEVEL *at = &late->levels[level];
    walk->inners++;
    SLU_LATE_CLAIM(walk, inner->level == level, "an inner node knows its level");
    SLU_LATE_CLAIM(walk, inner->count >= 2 && inner->count <= SLU_LATE_INNER_SLOTS,
                   "an inner node has two children at least, and no more than its slots");
    SLU_LATE_CLAIM(walk,
                   SLU_LATE_FN(_on_spine)(late, level, node) ||
                       inner->count >= slu_late_least(SLU_LATE_INNER_SLOTS),
                   "an inner node inside is full enough");
    SLU_LATE_CLAIM(walk, node != at->left || inner->child[0] == at[-1].left,
                   "the left spine goes through first children");
    SLU_LATE_CLAIM(walk, node != at->right || inner->child[inner->count - 1] == at[-1].right,
                   "the right spine goes through last children");
}

/* The aggregates of the spine node on `level`, without those of the children on the spine. */
static inline void SLU_LATE_FN(_own_check)(const SLU_LATE *late, SLU_LATE_WALK *walk,
                                           uint32_t level, uint32_t node, SLU_LATE_VALUE own)
{
    const SLU_LATE_LEVEL *at = &late->levels[level];
    bool under_root = level + 1 == late->root_level;
    if (level == late->root_level) {
        SLU_LATE_CLAIM(walk, SLU_LATE_EQUAL(late->root_fold, own), "the root's own fold");
        return;
    }
    if (node == at->left) {
        SLU_LATE_VALUE below =
            under_root ? own : SLU_LATE_FN(_combine)(own, late->levels[level + 1].left_total);
        SLU_LATE_CLAIM(walk, SLU_LATE_EQUAL(at->left_own, own), "a left spine node's own");
        SLU_LATE_CLAIM(walk, SLU_LATE_EQUAL(at->left_total, below), "the left spine's folds");
    }
    if (node == at->right) {
        SLU_LATE_VALUE below =
            under_root ? own : SLU_LATE_FN(_combine)(late->levels[level + 1].right_total, own);
        SLU_LATE_CLAIM(walk, SLU_LATE_EQUAL(at->right_own, own), "a right spine node's own");
        SLU_LATE_CLAIM(walk, SLU_LATE_EQUAL(at->right_total, below), "the right spine's folds");
    }
}

/* Check a subtree and return its aggregate. */
static inline SLU_LATE_VALUE SLU_LATE_FN(_node_check)(const SLU_LATE *late, SLU_LATE_WALK *walk,
                                                      uint32_t level, uint32_t node)
{
    if (level == 0) {
        return SLU_LATE_FN(_leaf_check)(late, walk, node);
    }
    const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
    SLU_LATE_VALUE all = SLU_LATE_IDENTITY;
    SLU_LATE_VALUE own = SLU_LATE_IDENTITY;
    SLU_LATE_FN(_inner_check)(late, walk, level, node);
    for (uint32_t i = 0; i < inner->count && walk->broken == NULL; i++) {
        uint64_t items_before = walk->items;
        SLU_LATE_CLAIM(walk, i == 0 || walk->time_ns <= inner->time[i],
                       "what comes before a child is not newer than its time");
        SLU_LATE_VALUE below = SLU_LATE_FN(_node_check)(late, walk, level - 1, inner->child[i]);
        all = SLU_LATE_FN(_combine)(all, below);
        if (!SLU_LATE_FN(_on_spine)(late, level - 1, inner->child[i])) {
            own = SLU_LATE_FN(_combine)(own, below);
            SLU_LATE_CLAIM(walk, SLU_LATE_EQUAL(inner->fold[i], below), "a child's fold");
            SLU_LATE_CLAIM(walk, inner->items[i] == walk->items - items_before,
                           "a child's count of items");
        }
        SLU_LATE_CLAIM(walk,
                       i == 0 || inner->time[i] ==
                                     SLU_LATE_FN(_first_time)(late, level - 1, inner->child[i]),
                       "a child's time is that of its first item");
    }
    if (SLU_LATE_FN(_on_spine)(late, level, node)) {
        SLU_LATE_FN(_own_check)(late, walk, level, node, own);
    }
    return all;
}

/* Count the nodes of a subtree that was given back. */
static inline void SLU_LATE_FN(_buried_check)(const SLU_LATE *late, SLU_LATE_WALK *walk,
                                              uint32_t level, uint32_t node)
{
    if (level == 0) {
        walk->leaves++;
        return;
    }
    const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
    walk->inners++;
    SLU_LATE_CLAIM(walk, inner->level == level && inner->count > 0,
                   "a buried node knows its level and has children");
    for (uint32_t i = 0; i < inner->count && walk->broken == NULL; i++) {
        SLU_LATE_FN(_buried_check)(late, walk, level - 1, inner->child[i]);
    }
}

/* Every node that was ever used is in the tree, in a list or buried, and in one of them only. */
static inline void SLU_LATE_FN(_pool_check)(const SLU_LATE *late, SLU_LATE_WALK *walk)
{
    for (uint32_t node = late->books.leaf_free; node != SLU_LATE_NONE && walk->broken == NULL;
         node = SLU_LATE_FN(_leaf)(late, node)->next_free) {
        SLU_LATE_CLAIM(walk, walk->leaves++ < late->books.leaf_fresh, "free leaves form no ring");
    }
    for (uint32_t node = late->books.inner_free; node != SLU_LATE_NONE && walk->broken == NULL;
         node = SLU_LATE_FN(_inner)(late, node)->next_free) {
        SLU_LATE_CLAIM(walk, walk->inners++ < late->books.inner_fresh, "free nodes form no ring");
    }
    for (uint32_t node = late->books.buried; node != SLU_LATE_NONE && walk->broken == NULL;
         node = SLU_LATE_FN(_inner)(late, node)->next_free) {
        SLU_LATE_CLAIM(walk, walk->inners < late->books.inner_fresh, "buried nodes form no ring");
        SLU_LATE_FN(_buried_check)(late, walk, SLU_LATE_FN(_inner)(late, node)->level, node);
    }
    SLU_LATE_CLAIM(walk, walk->leaves == late->books.leaf_fresh, "every leaf is accounted for");
    SLU_LATE_CLAIM(walk, walk->inners == late->books.inner_fresh, "every node is accounted for");
    SLU_LATE_CLAIM(walk, late->books.leaf_fresh <= late->books.leaf_max, "the leaves suffice");
    SLU_LATE_CLAIM(walk, late->books.inner_fresh <= late->books.inner_max,
                   "the inner nodes suffice");
}

/*
 * Recompute the whole structure. Returns NULL, or the first claim that does not hold.
 *
 * Cost  O(items)
 */
static inline const char *SLU_LATE_FN(_check)(const SLU_LATE *late)
{
    SLU_LATE_WALK walk = {NULL, 0, 0, 0, 0};
    SLU_LATE_VALUE all = SLU_LATE_FN(_node_check)(late, &walk, late->root_level,
                                                  late->levels[late->root_level].left);
    SLU_LATE_VALUE answer = SLU_LATE_FN(_query)(late);
    SLU_LATE_CLAIM(&walk, SLU_LATE_EQUAL(answer, all), "the query is the fold of all items");
    SLU_LATE_CLAIM(&walk, walk.items == late->item_count, "the count is that of the items");
    SLU_LATE_CLAIM(&walk, late->item_count <= late->item_max, "the count is in its limit");
    SLU_LATE_CLAIM(&walk, walk.time_ns <= late->newest_ns, "no item is newer than the newest");
    const SLU_LATE_LEAF *oldest = SLU_LATE_FN(_leaf)(late, late->levels[0].left);
    SLU_LATE_CLAIM(&walk, walk.items == 0 || oldest->time[late->first] >= late->horizon_ns,
                   "no item is older than the horizon");
    SLU_LATE_CLAIM(&walk,
                   late->levels[late->root_level].left == late->levels[late->root_level].right,
                   "both spines meet in the root");
    SLU_LATE_FN(_pool_check)(late, &walk);
    return walk.broken;
}

#undef SLU_LATE_CLAIM
#undef SLU_LATE_WALK
