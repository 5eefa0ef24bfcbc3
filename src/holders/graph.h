/*
 * Who points to which block: for each block and each root its pointers, in a few bytes each.
 *
 * Nodes are blocks, by their numbers in the heap, and behind them roots.
 */
#ifndef HOLDERS_GRAPH_H
#define HOLDERS_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"

struct heap;
struct image;
struct slu_budget;
struct slu_diag;
struct window;

#define GRAPH_NONE       UINT32_MAX
#define GRAPH_PAGE_BYTES ((size_t)4 << 20)

enum edge_kind {
    EDGE_EXACT,        /* to the beginning of a block */
    EDGE_INTERIOR,     /* into it */
    EDGE_CONSERVATIVE, /* a word that looks like a pointer, where none is known to be */
    EDGE_STALE,        /* a word behind what is in use of its block */
};

struct edge {
    uint64_t offset; /* of the pointer, in what holds it */
    uint32_t target;
    enum edge_kind kind;
};

struct graph_page {
    unsigned char *bytes;
    size_t owned; /* pages that were allocated together, at the first of them */
};

struct graph {
    struct slu_budget *budget;
    struct heap *heap;
    struct block places; /* of uint32_t: where each node's edges begin in the stream */
    struct block pages;  /* of struct graph_page: the stream */
    uint64_t stream_len;
    uint64_t room_end; /* how far the stream may go without another page */
    uint32_t block_count;
    uint32_t node_count;
    uint64_t edge_count;
    uint64_t missing_bytes; /* of blocks that could not be read */
    uint64_t lowest;        /* where the heap begins and ends */
    uint64_t highest;
};

/* Meant for the stack. */
struct edge_cursor {
    const unsigned char *at;
    uint32_t source;
    uint64_t word;
};

/*
 * Read all blocks and keep their pointers.
 *
 * Returns  0; -EFBIG if the edges take more than 4 GiB; -EDQUOT; -ENOMEM
 * Owner    the caller, until graph_destroy; `heap` must outlive it
 * Cost     reads the heap once; about 4 bytes an edge, and 4 a block
 */
SLU_MUST_USE int graph_create(struct heap *heap, struct image *image, struct slu_diag *diag,
                              struct graph **out);
void graph_destroy(struct graph **graph);

/* A memory range whose words are a node's edges. */
struct graph_range {
    uint64_t start;
    uint64_t end;
};

/*
 * Add a root that holds the pointers in a range of memory; or in words that are no memory
 * (registers). Without pointers to blocks no root is made.
 *
 * Returns  1, and the root is node_count - 1; 0 if it holds nothing; as graph_create
 */
SLU_MUST_USE int graph_add_root(struct graph *graph, struct window *window,
                                struct graph_range range);
SLU_MUST_USE int graph_add_root_words(struct graph *graph, const uint64_t *words, size_t count);

/* A node's place in the stream. */
static inline const unsigned char *graph_edges_at(const struct graph *graph, uint32_t node)
{
    const struct graph_page *pages = (const struct graph_page *)graph->pages.data;
    uint32_t place = ((const uint32_t *)graph->places.data)[node];
    return pages[place / GRAPH_PAGE_BYTES].bytes + place % GRAPH_PAGE_BYTES;
}

static inline void edge_cursor_init(struct edge_cursor *cursor, const struct graph *graph,
                                    uint32_t node)
{
    cursor->at = graph_edges_at(graph, node);
    cursor->source = node < graph->block_count ? node : 0;
    cursor->word = 0;
}

static inline uint64_t edge_varint(struct edge_cursor *cursor)
{
    uint64_t value = *cursor->at & 0x7f;
    for (unsigned shift = 7; (*cursor->at++ & 0x80) != 0; shift += 7) {
        value |= (uint64_t)(*cursor->at & 0x7f) << shift;
    }
    return value;
}

/* Returns false behind the last edge. */
static inline bool edge_next(struct edge_cursor *cursor, struct edge *edge)
{
    uint64_t head = edge_varint(cursor);
    if (head == 0) {
        return false;
    }
    cursor->word += head >> 1;
    uint64_t folded = edge_varint(cursor);
    uint64_t distance = folded >> 1 ^ (0 - (folded & 1));
    edge->offset = (cursor->word - 1) * 8;
    edge->target = (uint32_t)(cursor->source + distance);
    edge->kind = (head & 1) != 0 ? EDGE_INTERIOR : EDGE_EXACT;
    return true;
}

/*
 * Nodes are visited in an order that the processor cannot foresee: what is needed of those that
 * come later is asked for early. `words` are looked up by the targets of edges.
 */
#define GRAPH_AHEAD 24

static inline void graph_look_ahead(const struct graph *graph, const uint32_t *order, uint32_t at,
                                    uint32_t count, const uint32_t *words)
{
    const uint32_t *places = (const uint32_t *)graph->places.data;
    if (count - at <= GRAPH_AHEAD) {
        return;
    }
    __builtin_prefetch(&places[order[at + GRAPH_AHEAD]]);
    __builtin_prefetch(graph_edges_at(graph, order[at + GRAPH_AHEAD * 2 / 3]));
    struct edge_cursor cursor;
    struct edge edge;
    edge_cursor_init(&cursor, graph, order[at + GRAPH_AHEAD / 3]);
    for (int i = 0; i < 8 && edge_next(&cursor, &edge); i++) {
        __builtin_prefetch(&words[edge.target]);
    }
}

#endif
