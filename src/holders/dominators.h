/*
 * What would go if a node went: the dominator tree of everything that roots reach, and the bytes
 * that each node retains alone.
 *
 * Source  Georgiadis, Tarjan, Werneck, "Finding Dominators in Practice", 2006: the algorithm
 *         SNCA
 */
#ifndef HOLDERS_DOMINATORS_H
#define HOLDERS_DOMINATORS_H

#include <stdint.h>

#include <sluice/api.h>

struct graph;
struct reach;
struct slu_diag;

#define DOMINATORS_NONE UINT32_MAX

/* Places are numbers in the order of a search in depth; 0 is above all roots. */
struct dominators {
    struct graph *graph;
    const struct reach *reach;
    uint32_t count;     /* of places */
    uint32_t *places;   /* of each node; DOMINATORS_NONE: no root reaches it */
    uint32_t *nodes;    /* at each place but 0 */
    uint32_t *above;    /* of each place: its immediate dominator's, which is smaller */
    uint64_t *retained; /* of each place: bytes of it and of all below */
};

/*
 * Find the dominators of all that roots reach. What is surely reached is not shared with roots
 * whose words are pointers only by their looks.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until dominators_free
 * Cost     O(edges log nodes), nearly linear in practice; 28 bytes a node and 4 an edge at a time,
 *          of which 20 a node are kept
 */
SLU_MUST_USE int dominators_make(struct dominators *dominators, struct graph *graph,
                                 const struct reach *reach, struct slu_diag *diag);
void dominators_free(struct dominators *dominators);

/* Bytes that only `node` keeps; 0 if no root reaches it. */
uint64_t dominators_retained(const struct dominators *dominators, uint32_t node);

/* What alone keeps `node`: a node, or GRAPH_NONE if that is more than one root. */
uint32_t dominators_above(const struct dominators *dominators, uint32_t node);

#endif
