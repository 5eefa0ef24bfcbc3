/*
 * Everything is done in places, so that `above` and the arrays of the search lie near each other
 * where the graph does. The search in depth keeps no stack: how far a node's edges are done, and
 * where it was reached from, says where it goes on.
 */
#include "holders/dominators.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/diag.h"
#include "holders/graph.h"
#include "holders/heap.h"
#include "holders/reach.h"
#include "sys/pages.h"

/* Arrays of the work, by places but for the last two. */
struct work {
    struct dominators *result;
    struct graph *graph;
    size_t room;         /* places, and nodes */
    uint32_t *parents;   /* in the search; later shortened */
    uint32_t *semis;     /* semidominators; before: how far a node's edges are done */
    uint32_t *labels;    /* the place of the smallest semidominator on the way up */
    uint32_t *path;      /* the places of a way up */
    uint32_t *into_ends; /* of each place: where its predecessors begin, once they are filled */
    uint32_t *into;      /* predecessors, `into_count` */
    uint64_t into_count;
};

static int numbers_make(struct graph *graph, size_t count, uint32_t **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(graph->budget, count * sizeof(uint32_t), &block);
    if (err == 0) {
        pages_want_huge(block, count * sizeof(uint32_t));
        *out = block;
    }
    return err;
}

static void numbers_free(struct graph *graph, size_t count, uint32_t **numbers)
{
    slu_budget_free(graph->budget, *numbers, count * sizeof(uint32_t));
    *numbers = NULL;
}

static void place_take(struct work *work, uint32_t node, uint32_t parent)
{
    uint32_t place = work->result->count++;
    work->result->places[node] = place;
    work->result->nodes[place] = node;
    work->parents[place] = parent;
    work->semis[place] = 0;
}

static bool counts_edge(const struct work *work, uint32_t node, uint32_t target)
{
    return node < work->graph->block_count || reach_is_sure(work->result->reach, node) ||
           !reach_is_sure(work->result->reach, target);
}

/* Go on with the edges of `place`; true if that led to a new place. */
static bool place_descend(struct work *work, uint32_t place)
{
    uint32_t node = work->result->nodes[place];
    const unsigned char *begun = graph_edges_at(work->graph, node);
    struct edge_cursor cursor;
    struct edge edge;
    edge_cursor_init(&cursor, work->graph, node);
    cursor.at = begun + work->semis[place];
    while (edge_next(&cursor, &edge)) {
        if (!counts_edge(work, node, edge.target)) {
            continue;
        }
        work->into_count++;
        if (work->result->places[edge.target] == DOMINATORS_NONE) {
            work->semis[place] = (uint32_t)(cursor.at - begun);
            place_take(work, edge.target, place);
            return true;
        }
    }
    work->semis[place] = (uint32_t)(cursor.at - begun) - 1; /* the zero, again */
    return false;
}

static void search(struct work *work)
{
    work->result->count = 1;
    for (uint32_t root = work->graph->block_count; root < work->graph->node_count; root++) {
        uint32_t place = work->result->count;
        place_take(work, root, 0);
        while (place != 0) {
            place = place_descend(work, place) ? work->result->count - 1 : work->parents[place];
        }
    }
}

static void into_round(struct work *work, bool counts)
{
    const struct dominators *result = work->result;
    for (uint32_t place = 1; place < result->count; place++) {
        struct edge_cursor cursor;
        struct edge edge;
        edge_cursor_init(&cursor, work->graph, result->nodes[place]);
        while (edge_next(&cursor, &edge)) {
            uint32_t target = result->places[edge.target];
            if (!counts_edge(work, result->nodes[place], edge.target)) {
                continue;
            }
            if (counts) {
                work->into_ends[target]++;
            } else {
                work->into[--work->into_ends[target]] = place;
            }
        }
    }
}

/* Predecessors: counted, then put before the ends, which so become beginnings. */
static void into_fill(struct work *work)
{
    uint32_t sum = 0;
    into_round(work, true);
    for (uint32_t place = 0; place <= work->result->count; place++) {
        sum += work->into_ends[place];
        work->into_ends[place] = sum;
    }
    into_round(work, false);
}

/* The smallest semidominator's place on the way up from `place` through what is linked: places
 * from `linked` on. The way is shortened. */
static uint32_t evaluate(struct work *work, uint32_t place, uint32_t linked)
{
    uint32_t *parents = work->parents;
    uint32_t *labels = work->labels;
    const uint32_t *semis = work->semis;
    if (parents[place] < linked) {
        return labels[place];
    }
    size_t len = 0;
    uint32_t at = place;
    do {
        work->path[len++] = at;
        at = parents[at];
    } while (parents[at] >= linked);
    uint32_t top = at;
    uint32_t label = labels[top];
    while (len > 0) {
        at = work->path[--len];
        parents[at] = parents[top];
        if (semis[label] < semis[labels[at]]) {
            labels[at] = label;
        } else {
            label = labels[at];
        }
    }
    return labels[place];
}

static void semidominators_find(struct work *work)
{
    uint32_t count = work->result->count;
    uint32_t *above = work->result->above;
    for (uint32_t place = 0; place < count; place++) {
        above[place] = work->parents[place];
        work->semis[place] = place;
        work->labels[place] = place;
    }
    for (uint32_t place = count - 1; place > 0; place--) {
        uint32_t semi = work->parents[place];
        for (uint32_t i = work->into_ends[place]; i < work->into_ends[place + 1]; i++) {
            uint32_t label = evaluate(work, work->into[i], place + 1);
            semi = work->semis[label] < semi ? work->semis[label] : semi;
        }
        work->semis[place] = semi;
    }
    for (uint32_t place = 1; place < count; place++) {
        uint32_t candidate = above[place];
        while (candidate > work->semis[place]) {
            candidate = above[candidate];
        }
        above[place] = candidate;
    }
}

static void retained_sum(struct dominators *dominators)
{
    const struct graph *graph = dominators->graph;
    for (uint32_t place = dominators->count - 1; place > 0; place--) {
        uint32_t node = dominators->nodes[place];
        if (node < graph->block_count) {
            dominators->retained[place] += heap_block_bytes(graph->heap, node);
        }
        dominators->retained[dominators->above[place]] += dominators->retained[place];
    }
}

static void work_free(struct work *work)
{
    struct graph *graph = work->graph;
    numbers_free(graph, work->into_count + 1, &work->into);
    numbers_free(graph, work->room + 1, &work->into_ends);
    numbers_free(graph, work->room, &work->path);
    numbers_free(graph, work->room, &work->labels);
    numbers_free(graph, work->room, &work->semis);
    numbers_free(graph, work->room, &work->parents);
}

static int work_do(struct work *work)
{
    struct dominators *result = work->result;
    struct graph *graph = work->graph;
    int err = numbers_make(graph, work->room, &result->places);
    uint32_t **const arrays[] = {&result->nodes, &result->above, &work->parents,
                                 &work->semis,   &work->labels,  &work->path};
    for (size_t i = 0; err == 0 && i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        err = numbers_make(graph, work->room, arrays[i]);
    }
    if (err != 0) {
        return err;
    }
    memset(result->places, 0xff, work->room * sizeof(uint32_t)); /* DOMINATORS_NONE */
    search(work);
    err = numbers_make(graph, work->room + 1, &work->into_ends);
    if (err == 0) {
        err = numbers_make(graph, (size_t)work->into_count + 1, &work->into);
    }
    if (err == 0) {
        into_fill(work);
        semidominators_find(work);
    }
    return err;
}

int dominators_make(struct dominators *dominators, struct graph *graph, const struct reach *reach,
                    struct slu_diag *diag)
{
    *dominators = (struct dominators){.graph = graph, .reach = reach};
    struct work work = {
        .result = dominators, .graph = graph, .room = (size_t)graph->node_count + 2};
    void *retained = NULL;
    int err = work_do(&work);
    work_free(&work);
    if (err == 0) {
        err = slu_budget_alloc(graph->budget, work.room * sizeof(uint64_t), &retained);
    }
    if (err != 0) {
        dominators_free(dominators);
        return diag_fail(diag, err, "no memory for the dominators of %u blocks",
                         graph->block_count);
    }
    dominators->retained = retained;
    retained_sum(dominators);
    return 0;
}

void dominators_free(struct dominators *dominators)
{
    struct graph *graph = dominators->graph;
    if (graph != NULL) {
        size_t room = (size_t)graph->node_count + 2;
        slu_budget_free(graph->budget, dominators->retained, room * sizeof(uint64_t));
        numbers_free(graph, room, &dominators->above);
        numbers_free(graph, room, &dominators->nodes);
        numbers_free(graph, room, &dominators->places);
    }
    *dominators = (struct dominators){0};
}

uint64_t dominators_retained(const struct dominators *dominators, uint32_t node)
{
    uint32_t place = dominators->places[node];
    return place == DOMINATORS_NONE ? 0 : dominators->retained[place];
}

uint32_t dominators_above(const struct dominators *dominators, uint32_t node)
{
    uint32_t place = dominators->places[node];
    uint32_t above = place == DOMINATORS_NONE ? 0 : dominators->above[place];
    return above == 0 ? GRAPH_NONE : dominators->nodes[above];
}
