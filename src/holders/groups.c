#include "holders/groups.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/layout.h"
#include "holders/dominators.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "symbol/types.h"

#define FIRST_BYTES     ((size_t)16384)
#define SIZE_EXACT_MAX  4096 /* bytes; sizes above count by powers of two */
#define REPEAT_STEPS    4    /* how far up a step is looked for that is the same */
#define SAME_TYPE_STEPS 8

struct group_key {
    uint64_t above;
    uint64_t place;
    uint64_t what;
};

struct key_in {
    const struct groups *groups;
    struct group_key key;
};

static uint64_t what_of(const struct who *who, uint32_t block)
{
    uint32_t type = who->typing.block_types[block];
    uint64_t bytes = heap_block_bytes(who->heap, block);
    if (type != SYMBOL_TYPE_NONE) {
        return type;
    }
    if (bytes > SIZE_EXACT_MAX) {
        bytes = (uint64_t)1 << (63 - __builtin_clzll(bytes));
    }
    return LABEL_SIZE | bytes;
}

static struct group *row_at(struct groups *groups, uint32_t group)
{
    return (struct group *)groups->rows.data + group;
}

static uint64_t key_hash(const struct group_key *key)
{
    return hash_bytes((struct slu_bytes){key, sizeof(*key)}, 0);
}

static bool group_matches(const void *context, uint32_t index)
{
    const struct key_in *wanted = context;
    const struct group *row = groups_at(wanted->groups, index);
    return row->above == wanted->key.above && row->place == wanted->key.place &&
           row->what == wanted->key.what;
}

static bool label_matches(const void *context, uint32_t index)
{
    const struct key_in *wanted = context;
    const struct group_label *labels = wanted->groups->labels.data;
    return labels[index].what == wanted->key.what;
}

static struct group_label *label_of(struct groups *groups, uint64_t what, uint32_t block)
{
    struct key_in wanted = {groups, {GROUP_NONE, 0, what}};
    uint64_t hash = key_hash(&wanted.key);
    uint32_t found = hash_map_find(&groups->label_map, hash, label_matches, &wanted);
    if (found == HASH_MAP_NONE) {
        struct group_label label = {.what = what, .example = block};
        found = (uint32_t)(groups->labels.len / sizeof(label));
        if (hash_map_insert(&groups->label_map, hash, found) != 0) {
            return NULL;
        }
        if (block_append(groups->who->budget, &groups->labels, &label, sizeof(label)) != 0) {
            hash_map_remove(&groups->label_map, hash, found);
            return NULL;
        }
    }
    return (struct group_label *)groups->labels.data + found;
}

/* The group of that key, made if there is room; else the group above. */
static uint32_t group_of(struct groups *groups, const struct group_key *key, uint32_t root,
                         uint32_t holder, uint32_t example)
{
    struct key_in wanted = {groups, *key};
    uint64_t hash = key_hash(key);
    uint32_t found = hash_map_find(&groups->row_map, hash, group_matches, &wanted);
    if (found != HASH_MAP_NONE) {
        return found;
    }
    struct group row = {
        .above = (uint32_t)key->above,
        .root = root,
        .place = key->place,
        .what = key->what,
        .holder = holder,
        .example = example,
        .asked = HEAP_BLOCK_NONE,
    };
    found = (uint32_t)(groups->rows.len / sizeof(row));
    if (hash_map_insert(&groups->row_map, hash, found) != 0) {
        groups->is_full = true;
        return row.above;
    }
    if (block_append(groups->who->budget, &groups->rows, &row, sizeof(row)) != 0) {
        hash_map_remove(&groups->row_map, hash, found);
        groups->is_full = true;
        return row.above;
    }
    return found;
}

/* Roots of memory without names are one for each function or thread, or for all. */
static uint32_t root_group(struct groups *groups, uint32_t node)
{
    const struct root *root = roots_at(&groups->who->roots, node - groups->who->graph->block_count);
    struct group_key key = {GROUP_NONE, node, 0};
    if (root->kind == ROOT_STACK || root->kind == ROOT_REGISTER) {
        key.place = root->thread ^ (uint64_t)(uintptr_t)root->function;
        key.what = (uint64_t)root->kind + 1;
    }
    return group_of(groups, &key, node, GRAPH_NONE, HEAP_BLOCK_NONE);
}

/* A step that is the same as one shortly above: a list, a tree, a ring. */
static uint32_t group_repeated(struct groups *groups, uint32_t above, uint64_t what)
{
    bool is_typed = (what & LABEL_SIZE) == 0;
    uint32_t group = above;
    for (int i = 0; i < (is_typed ? REPEAT_STEPS : 1) && group != GROUP_NONE; i++) {
        struct group *row = row_at(groups, group);
        if (row->above != GROUP_NONE && row->what == what) {
            row->repeats = true;
            return group;
        }
        group = row->above;
    }
    return GROUP_NONE;
}

static void edge_group(struct groups *groups, uint32_t node, const struct edge *edge)
{
    struct who *who = groups->who;
    uint64_t what = what_of(who, edge->target);
    uint32_t above = groups->of_node[node];
    uint32_t group = above == GROUP_NONE ? GROUP_NONE : group_repeated(groups, above, what);
    if (group == GROUP_NONE && above != GROUP_NONE) {
        struct group_key key = {above, typing_canonical(&who->typing, node, edge->offset), what};
        group = group_of(groups, &key, GRAPH_NONE, node, edge->target);
    }
    groups->of_node[edge->target] = group;
}

static void nodes_group(struct groups *groups)
{
    struct who *who = groups->who;
    const struct reach *reach = &who->reach;
    for (uint32_t i = 0; i < reach->count; i++) {
        uint32_t node = reach->order[i];
        struct edge_cursor cursor;
        struct edge edge;
        graph_look_ahead(who->graph, reach->order, i, reach->count, reach->parents);
        if (reach->parents[node] == node) {
            groups->of_node[node] = root_group(groups, node);
        }
        edge_cursor_init(&cursor, who->graph, node);
        while (edge_next(&cursor, &edge)) {
            if (reach->parents[edge.target] == node && groups->of_node[edge.target] == GROUP_NONE) {
                edge_group(groups, node, &edge);
            }
        }
    }
}

/* Whether something of the same label keeps the block already. */
static bool is_below_same(const struct groups *groups, const struct dominators *dominators,
                          uint32_t block, uint64_t what)
{
    uint32_t node = block;
    for (int i = 0; i < SAME_TYPE_STEPS; i++) {
        node = dominators_above(dominators, node);
        if (node >= groups->who->graph->block_count) {
            return false;
        }
        if (what_of(groups->who, node) == what) {
            return true;
        }
    }
    return false;
}

/* Of a group's blocks one of the nearest to the root is shown, if it was asked for. */
static void asked_set(struct group *row, uint32_t block, group_filter filter, const void *context)
{
    if (row->asked == HEAP_BLOCK_NONE) {
        bool is_asked =
            row->example != HEAP_BLOCK_NONE && (filter == NULL || filter(context, row->example));
        row->asked = is_asked ? row->example : block;
    }
}

static void block_count(struct groups *groups, const struct dominators *dominators, uint32_t block,
                        group_filter filter, const void *context)
{
    uint64_t bytes = heap_block_bytes(groups->who->heap, block);
    uint64_t what = what_of(groups->who, block);
    struct group_label *label = label_of(groups, what, block);
    bool is_held = reach_has(&groups->who->reach, block);
    uint64_t retained = dominators_retained(dominators, block);
    groups->asked_count++;
    groups->asked_bytes += bytes;
    if (label != NULL) {
        label->count++;
        label->bytes += bytes;
        label->retained_bytes += is_below_same(groups, dominators, block, what) ? 0 : retained;
        if (!is_held) {
            label->example = label->leaked_count == 0 ? block : label->example;
            label->leaked_count++;
            label->leaked_bytes += bytes;
        }
    }
    if (!is_held || groups->of_node[block] == GROUP_NONE) {
        groups->leaked_count += !is_held;
        groups->leaked_bytes += is_held ? 0 : bytes;
        return;
    }
    struct group *row = row_at(groups, groups->of_node[block]);
    uint32_t above = dominators_above(dominators, block);
    asked_set(row, block, filter, context);
    row->count++;
    row->bytes += bytes;
    if (above == GRAPH_NONE || groups->of_node[above] != groups->of_node[block]) {
        row->retained_bytes += retained;
    }
}

static int groups_begin(struct groups *groups, struct who *who)
{
    struct layout layout = {0};
    size_t rows = hash_map_plan(&layout, GROUPS_MAX);
    size_t labels = hash_map_plan(&layout, GROUPS_MAX);
    size_t of_node = layout_add(&layout, (size_t)who->graph->node_count + 1, sizeof(uint32_t), 64);
    int err = layout_alloc(&layout, who->budget, &groups->maps_bytes, &groups->maps);
    if (err == 0) {
        unsigned char *maps = groups->maps;
        hash_map_init(&groups->row_map, maps + rows, GROUPS_MAX);
        hash_map_init(&groups->label_map, maps + labels, GROUPS_MAX);
        groups->of_node = (uint32_t *)(void *)(maps + of_node);
        memset(groups->of_node, 0xff, (size_t)who->graph->node_count * sizeof(uint32_t));
        err = block_begin(who->budget, FIRST_BYTES, &groups->rows);
    }
    if (err == 0) {
        err = block_begin(who->budget, FIRST_BYTES, &groups->labels);
    }
    return err;
}

int groups_make(struct groups *groups, struct who *who, const struct dominators *dominators,
                group_filter filter, const void *context, struct slu_diag *diag)
{
    *groups = (struct groups){.who = who};
    int err = groups_begin(groups, who);
    if (err != 0) {
        groups_free(groups);
        return diag_fail(diag, err, "no memory for the groups of %u blocks",
                         who->graph->block_count);
    }
    nodes_group(groups);
    for (uint32_t block = 0; block < who->graph->block_count; block++) {
        if (filter == NULL || filter(context, block)) {
            block_count(groups, dominators, block, filter, context);
        }
    }
    return 0;
}

void groups_free(struct groups *groups)
{
    if (groups->who == NULL) {
        return;
    }
    struct slu_budget *budget = groups->who->budget;
    block_free(budget, &groups->labels);
    block_free(budget, &groups->rows);
    slu_budget_free(budget, groups->maps, groups->maps_bytes);
    *groups = (struct groups){0};
}
