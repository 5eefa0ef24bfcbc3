/*
 * Items that come into a late fold at any place: the finger search, room by sharing and splitting,
 * the repair of the aggregates. A part of sluice/fold_late.h.
 */
#ifndef SLU_LATE_FN
#error "include <sluice/fold_late.h>, which includes this part"
#endif

/* Climb the spine that is nearer until the node covers the time, then go down to the leaf. */
static inline void SLU_LATE_FN(_path_find)(const SLU_LATE *late, uint64_t time_ns,
                                           struct slu_late_path *path)
{
    uint32_t level = 0;
    uint32_t node = late->levels[0].right;
    for (; level < late->root_level; level++) {
        const SLU_LATE_LEVEL *above = &late->levels[level + 1];
        const SLU_LATE_INNER *right = SLU_LATE_FN(_inner)(late, above->right);
        if (time_ns >= right->time[right->count - 1]) {
            break;
        }
        if (time_ns < SLU_LATE_FN(_inner)(late, above->left)->time[1]) {
            node = late->levels[level].left;
            break;
        }
        node = above->right;
    }
    slu_late_path_start(path, time_ns, level);
    for (; level > 0; level--) {
        const SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, node);
        path->node[level] = node;
        path->slot[level] = slu_late_count_until(&inner->time[1], inner->count - 1u, time_ns);
        node = inner->child[path->slot[level]];
    }
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, node);
    uint32_t first = node == late->levels[0].left ? late->first : 0;
    path->node[0] = node;
    path->slot[0] = first + slu_late_count_until(&leaf->time[first], leaf->end - first, time_ns);
}

/* Write the item into its leaf, which has room: spent slots of the oldest leaf, else at the end. */
static inline void SLU_LATE_FN(_item_place)(SLU_LATE *late, const struct slu_late_path *path,
                                            SLU_LATE_VALUE value)
{
    SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, path->node[0]);
    uint32_t slot = path->slot[0];
    if (path->node[0] == late->levels[0].left && late->first > 0) {
        uint32_t first = late->first--;
        slot--;
        memmove(&leaf->time[first - 1], &leaf->time[first], (slot + 1 - first) * sizeof(uint64_t));
        memmove(&leaf->value[first - 1], &leaf->value[first],
                (slot + 1 - first) * sizeof(SLU_LATE_VALUE));
    } else {
        uint32_t count = leaf->end++ - slot;
        memmove(&leaf->time[slot + 1], &leaf->time[slot], count * sizeof(uint64_t));
        memmove(&leaf->value[slot + 1], &leaf->value[slot], count * sizeof(SLU_LATE_VALUE));
    }
    leaf->time[slot] = path->time_ns;
    leaf->value[slot] = value;
    late->item_count++;
}

/* Carry a change below a node on a spine to what the queries use. */
static inline void SLU_LATE_FN(_spine_refresh)(SLU_LATE *late, uint32_t level, uint32_t node)
{
    if (level == late->root_level) {
        SLU_LATE_FN(_root_refresh)(late);
    } else if (node == late->levels[level].right) {
        SLU_LATE_FN(_right_refresh)(late, level);
        SLU_LATE_FN(_right_carry)(late, level);
    } else {
        SLU_LATE_FN(_left_refresh)(late, level);
        SLU_LATE_FN(_left_carry)(late, level);
    }
    SLU_LATE_FN(_middle_build)(late);
}

/* Repair after an item was placed in a leaf that is not on a spine. */
static inline void SLU_LATE_FN(_path_refresh)(SLU_LATE *late, const struct slu_late_path *path)
{
    const SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, path->node[0]);
    SLU_LATE_VALUE all = SLU_LATE_FN(_fold)(leaf->value, leaf->end);
    for (uint32_t level = 1;; level++) {
        SLU_LATE_INNER *inner = SLU_LATE_FN(_inner)(late, path->node[level]);
        inner->fold[path->slot[level]] = all;
        inner->items[path->slot[level]]++;
        if (SLU_LATE_FN(_on_spine)(late, level, path->node[level])) {
            SLU_LATE_FN(_spine_refresh)(late, level, path->node[level]);
            return;
        }
        all = SLU_LATE_FN(_fold)(inner->fold, inner->count);
    }
}

/* Repair after an item was placed in the oldest or the newest leaf, or those have changed. */
static inline void SLU_LATE_FN(_ends_refresh)(SLU_LATE *late)
{
    SLU_LATE_FN(_front_build)(late);
    if (late->root_level > 0) {
        SLU_LATE_FN(_tail_build)(late);
    }
}

/* Extend the path by the parent of its top, which is on a spine; a new root where there is none. */
SLU_LATE_COLD void SLU_LATE_FN(_path_extend)(SLU_LATE *late, struct slu_late_path *path)
{
    uint32_t level = path->top;
    uint32_t node = path->node[level];
    if (level == late->root_level) {
        uint32_t root = SLU_LATE_FN(_inner_take)(late, level + 1);
        SLU_LATE_FN(_child_insert)(late, level + 1, root, 0, node, 0);
        late->levels[level + 1].left = root;
        late->levels[level + 1].right = root;
        late->root_level = level + 1;
    }
    const SLU_LATE_LEVEL *above = &late->levels[level + 1];
    bool right = node == late->levels[level].right;
    path->top = level + 1;
    path->node[level + 1] = right ? above->right : above->left;
    path->slot[level + 1] = right ? SLU_LATE_FN(_inner)(late, above->right)->count - 1u : 0;
}

/* Slide the items of the oldest leaf down to slot 0, before it shares with its neighbour. */
SLU_LATE_COLD void SLU_LATE_FN(_oldest_slide)(SLU_LATE *late)
{
    uint32_t node = late->levels[0].left;
    uint32_t used = SLU_LATE_FN(_leaf)(late, node)->end - late->first;
    SLU_LATE_FN(_entries_copy)(late, 0, node, late->first, node, 0, used);
    SLU_LATE_FN(_leaf)(late, node)->end = used;
    late->first = 0;
    late->front_end = 0;
}

/* Point the path at entry `place`, counted from the start of the parent's child in `slot` on. */
SLU_LATE_COLD void SLU_LATE_FN(_path_locate)(const SLU_LATE *late, struct slu_late_path *path,
                                             uint32_t level, uint32_t slot, uint32_t place)
{
    const SLU_LATE_INNER *parent = SLU_LATE_FN(_inner)(late, path->node[level + 1]);
    for (;; slot++) {
        uint32_t used = SLU_LATE_FN(_used)(late, level, parent->child[slot]);
        /* An item may come after the last one; a child is one of those that are there. */
        if (place < used || (level == 0 && place == used && used < SLU_LATE_LEAF_SLOTS)) {
            break;
        }
        place -= used;
    }
    path->slot[level + 1] = slot;
    path->node[level] = parent->child[slot];
    path->slot[level] = place;
    /* The repair along the path ends here on a spine, without a look at the parent. */
    if (SLU_LATE_FN(_on_spine)(late, level, path->node[level]) && path->changed <= level) {
        path->changed = level + 1;
    }
}

/* Write into the parent what changed in `count` neighbouring children of it. */
SLU_LATE_COLD void SLU_LATE_FN(_neighbours_refresh)(SLU_LATE *late, struct slu_late_path *path,
                                                    uint32_t level, uint32_t slot, uint32_t count)
{
    uint32_t node = path->node[level + 1];
    SLU_LATE_INNER *parent = SLU_LATE_FN(_inner)(late, node);
    for (uint32_t i = slot; i < slot + count; i++) {
        if (i > slot) {
            parent->time[i] = SLU_LATE_FN(_first_time)(late, level, parent->child[i]);
        }
        path->ends_changed |= level == 0 && SLU_LATE_FN(_on_spine)(late, 0, parent->child[i]);
        SLU_LATE_FN(_child_refresh)(late, level + 1, node, i);
    }
    path->changed = level > path->changed ? level : path->changed;
}

/*
 * Move entries of the full node of the path to the neighbour after (or before) it, if that has
 * enough free slots. The path's node gets three quarters of them: an item often comes where the one
 * before came.
 */
SLU_LATE_COLD bool SLU_LATE_FN(_share)(SLU_LATE *late, struct slu_late_path *path, uint32_t level,
                                       uint32_t older_slot)
{
    const SLU_LATE_INNER *parent = SLU_LATE_FN(_inner)(late, path->node[level + 1]);
    uint32_t older = parent->child[older_slot];
    uint32_t newer = parent->child[older_slot + 1];
    uint32_t full = path->node[level];
    uint32_t slots = SLU_LATE_FN(_slots)(level);
    uint32_t room = slots - SLU_LATE_FN(_used)(late, level, full == older ? newer : older);
    bool oldest_leaf = level == 0 && older == late->levels[0].left;
    room += oldest_leaf ? late->first : 0;
    if (room < slu_late_share_room(slots)) {
        return false;
    }
    if (oldest_leaf) {
        SLU_LATE_FN(_oldest_slide)(late);
    }
    uint32_t count = room < 8 ? room - 1 : room - room / 4;
    uint32_t spare = slots - slu_late_least(slots);
    count = count < spare ? count : spare;
    uint32_t place = path->slot[level];
    if (full == older) {
        SLU_LATE_FN(_tail_move)(late, level, older, newer, count);
    } else {
        place += SLU_LATE_FN(_used)(late, level, older);
        SLU_LATE_FN(_head_move)(late, level, newer, older, count);
    }
    SLU_LATE_FN(_neighbours_refresh)(late, path, level, older_slot, 2);
    SLU_LATE_FN(_path_locate)(late, path, level, older_slot, place);
    return true;
}

/* Share with either neighbour. Nodes on a spine do not: they may be as small as they like. */
SLU_LATE_COLD bool SLU_LATE_FN(_share_either)(SLU_LATE *late, struct slu_late_path *path,
                                              uint32_t level)
{
    uint32_t slot = path->slot[level + 1];
    uint32_t count = SLU_LATE_FN(_inner)(late, path->node[level + 1])->count;
    if (SLU_LATE_FN(_on_spine)(late, level, path->node[level])) {
        return false;
    }
    return (slot + 1 < count && SLU_LATE_FN(_share)(late, path, level, slot)) ||
           (slot > 0 && SLU_LATE_FN(_share)(late, path, level, slot - 1));
}

/* Make three nodes of the node of the path and a neighbour, which is full or nearly so. */
SLU_LATE_COLD void SLU_LATE_FN(_split_pair)(SLU_LATE *late, struct slu_late_path *path,
                                            uint32_t level)
{
    uint32_t parent_node = path->node[level + 1];
    const SLU_LATE_INNER *parent = SLU_LATE_FN(_inner)(late, parent_node);
    uint32_t slot = path->slot[level + 1];
    uint32_t older_slot = slot + 1 < parent->count ? slot : slot - 1;
    uint32_t older = parent->child[older_slot];
    uint32_t newer = parent->child[older_slot + 1];
    if (level == 0 && older == late->levels[0].left) {
        SLU_LATE_FN(_oldest_slide)(late);
    }
    uint32_t older_used = SLU_LATE_FN(_used)(late, level, older);
    uint32_t newer_used = SLU_LATE_FN(_used)(late, level, newer);
    uint32_t place = path->slot[level] + (path->node[level] == newer ? older_used : 0);
    uint32_t third = (older_used + newer_used) / 3;
    uint32_t between = SLU_LATE_FN(_node_take)(late, level);
    SLU_LATE_FN(_tail_move)(late, level, older, between, older_used - third);
    SLU_LATE_FN(_head_move)(late, level, newer, between, newer_used - third);
    SLU_LATE_FN(_child_insert)(late, level + 1, parent_node, older_slot + 1, between, 0);
    SLU_LATE_FN(_neighbours_refresh)(late, path, level, older_slot, 3);
    SLU_LATE_FN(_path_locate)(late, path, level, older_slot, place);
}

/*
 * How many entries a full node on a spine keeps when it is split. In ascending order it keeps them
 * all (an inner node all but its newest child, which must not stay alone), in descending order
 * none; otherwise what leaves the spine is three quarters full.
 */
SLU_LATE_COLD uint32_t SLU_LATE_FN(_spine_keep)(const SLU_LATE *late,
                                                const struct slu_late_path *path, uint32_t level)
{
    uint32_t slots = SLU_LATE_FN(_slots)(level);
    uint32_t last = level == 0 ? slots : slots - 1;
    uint32_t spare = slots / 4 > 2 ? slots / 4 : 2;
    bool left = path->node[level] == late->levels[level].left;
    bool right = path->node[level] == late->levels[level].right;
    if (right && path->slot[level] == last) {
        return last;
    }
    if (left && path->slot[level] == 0) {
        return slots - last;
    }
    if (left && right) {
        return slots / 2;
    }
    return right ? slots - spare : spare;
}

/* Split a full node on a spine in two. */
SLU_LATE_COLD void SLU_LATE_FN(_split_spine)(SLU_LATE *late, struct slu_late_path *path,
                                             uint32_t level)
{
    uint32_t node = path->node[level];
    uint32_t slot = path->slot[level + 1];
    uint32_t keep = SLU_LATE_FN(_spine_keep)(late, path, level);
    uint32_t place = path->slot[level];
    uint32_t newer = SLU_LATE_FN(_node_take)(late, level);
    SLU_LATE_FN(_tail_move)(late, level, node, newer, SLU_LATE_FN(_used)(late, level, node) - keep);
    if (level == 0) {
        /* It may stay empty until the item is placed, and then its first time is the item's. */
        SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, newer);
        leaf->time[0] = leaf->end == 0 ? path->time_ns : leaf->time[0];
    }
    SLU_LATE_FN(_child_insert)(late, level + 1, path->node[level + 1], slot + 1, newer, 0);
    if (node == late->levels[level].right) {
        late->levels[level].right = newer;
    }
    SLU_LATE_FN(_neighbours_refresh)(late, path, level, slot, 2);
    SLU_LATE_FN(_path_locate)(late, path, level, slot, place);
}

/* Give the node of the path on `level` a free slot. */
SLU_LATE_COLD void SLU_LATE_FN(_room_make)(SLU_LATE *late, struct slu_late_path *path,
                                           uint32_t level)
{
    if (SLU_LATE_FN(_used)(late, level, path->node[level]) < SLU_LATE_FN(_slots)(level)) {
        return;
    }
    if (level == path->top) {
        SLU_LATE_FN(_path_extend)(late, path);
    }
    if (SLU_LATE_FN(_share_either)(late, path, level)) {
        return;
    }
    SLU_LATE_FN(_room_make)(late, path, level + 1);
    /* The parent may have shared its children, and this node has other neighbours now. */
    if (SLU_LATE_FN(_share_either)(late, path, level)) {
        return;
    }
    if (SLU_LATE_FN(_on_spine)(late, level, path->node[level])) {
        SLU_LATE_FN(_split_spine)(late, path, level);
    } else {
        SLU_LATE_FN(_split_pair)(late, path, level);
    }
}

/* Place an item whose leaf has no slot for it. */
SLU_LATE_COLD void SLU_LATE_FN(_item_squeeze)(SLU_LATE *late, struct slu_late_path *path,
                                              SLU_LATE_VALUE value)
{
    SLU_LATE_FN(_room_make)(late, path, 0);
    SLU_LATE_FN(_item_place)(late, path, value);
    if (path->ends_changed) {
        SLU_LATE_FN(_ends_refresh)(late);
    }
    if (!SLU_LATE_FN(_on_spine)(late, 0, path->node[0])) {
        SLU_LATE_FN(_path_refresh)(late, path);
    }
    if (path->changed > 0) {
        SLU_LATE_FN(_spines_refresh)(late, path->changed);
    }
}

/* Make a leaf of the item the newest child of `parent`, which has room. */
static inline void SLU_LATE_FN(_leaf_start)(SLU_LATE *late, SLU_LATE_INNER *parent,
                                            uint64_t time_ns, SLU_LATE_VALUE value)
{
    uint32_t node = SLU_LATE_FN(_leaf_take)(late);
    SLU_LATE_LEAF *leaf = SLU_LATE_FN(_leaf)(late, node);
    leaf->time[0] = time_ns;
    leaf->value[0] = value;
    leaf->end = 1;
    late->item_count++;
    late->levels[0].right = node;
    parent->fold[parent->count - 1] = late->tail;
    parent->items[parent->count - 1] = SLU_LATE_LEAF_SLOTS;
    parent->time[parent->count] = time_ns;
    parent->child[parent->count] = node;
    parent->count++;
}

/* Append to a window whose newest leaf has no slot left. */
SLU_LATE_COLD void SLU_LATE_FN(_leaf_append)(SLU_LATE *late, uint64_t time_ns, SLU_LATE_VALUE value)
{
    SLU_LATE_LEVEL *above = &late->levels[1];
    if (late->root_level == 0 ||
        SLU_LATE_FN(_inner)(late, above->right)->count == SLU_LATE_INNER_SLOTS) {
        struct slu_late_path path;
        slu_late_path_start(&path, time_ns, 0);
        path.node[0] = late->levels[0].right;
        path.slot[0] = SLU_LATE_LEAF_SLOTS;
        SLU_LATE_FN(_item_squeeze)(late, &path, value);
        return;
    }
    SLU_LATE_FN(_leaf_start)(late, SLU_LATE_FN(_inner)(late, above->right), time_ns, value);
    if (late->root_level == 1) {
        late->root_fold = SLU_LATE_FN(_combine)(late->root_fold, late->tail);
        late->middle = late->root_fold;
    } else {
        above->right_own = SLU_LATE_FN(_combine)(above->right_own, late->tail);
        above->right_total = SLU_LATE_FN(_combine)(above->right_total, late->tail);
        late->middle = SLU_LATE_FN(_combine)(late->middle, late->tail);
    }
    late->tail = value;
}

/* Take an item that is older than the newest one, into a window that is not full. */
SLU_LATE_COLD void SLU_LATE_FN(_insert_late)(SLU_LATE *late, uint64_t time_ns, SLU_LATE_VALUE value)
{
    struct slu_late_path path;
    SLU_LATE_FN(_path_find)(late, time_ns, &path);
    uint32_t node = path.node[0];
    bool spent = node == late->levels[0].left && late->first > 0;
    if (spent || SLU_LATE_FN(_leaf)(late, node)->end < SLU_LATE_LEAF_SLOTS) {
        SLU_LATE_FN(_item_place)(late, &path, value);
        if (path.top > 0) {
            SLU_LATE_FN(_path_refresh)(late, &path);
        } else if (node == late->levels[0].left) {
            SLU_LATE_FN(_front_build)(late);
        } else {
            SLU_LATE_FN(_tail_build)(late);
        }
    } else {
        SLU_LATE_FN(_item_squeeze)(late, &path, value);
    }
}
