/* What can be reached from the roots, and by which shortest way. */
#ifndef HOLDERS_REACH_H
#define HOLDERS_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct graph;
struct roots;
struct slu_diag;
struct typing;

struct reach {
    struct graph *graph;
    uint32_t *parents;   /* of each node: from where it was reached; GRAPH_NONE: it was not.
                            A root is its own parent. */
    uint32_t *order;     /* nodes as they were reached, roots too */
    uint64_t *sure;      /* a bit for each node: reached by pointers, and not only by their looks */
    uint32_t count;      /* of those in the order */
    uint32_t sure_count; /* of those: the first ones */
};

/*
 * Search in breadth from all roots: first along edges that are exact or interior from variables
 * that are known, then along the others from what that has found and from the other roots.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until reach_free
 * Cost     each edge is looked at twice; 8 bytes a node
 */
SLU_MUST_USE int reach_make(struct reach *reach, struct graph *graph, const struct roots *roots,
                            struct typing *typing, struct slu_diag *diag);
void reach_free(struct reach *reach);

static inline bool reach_is_sure(const struct reach *reach, uint32_t node)
{
    return (reach->sure[node / 64] >> node % 64 & 1) != 0;
}

static inline bool reach_has(const struct reach *reach, uint32_t node)
{
    return reach->parents[node] != UINT32_MAX;
}

#endif
