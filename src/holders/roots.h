/* Where reachability begins: variables, stacks, registers, and memory that is no heap. */
#ifndef HOLDERS_ROOTS_H
#define HOLDERS_ROOTS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"

struct graph;
struct module;
struct modules;
struct slu_diag;

enum root_kind {
    ROOT_VARIABLE, /* global or static */
    ROOT_THREAD,   /* thread-local */
    ROOT_LOCAL,    /* in a frame of a stack */
    ROOT_STACK,    /* a frame's memory that no variable is known for */
    ROOT_REGISTER,
    ROOT_MAPPING, /* memory that the program has mapped itself */
};

struct root {
    enum root_kind kind;
    uint32_t type;        /* SYMBOL_TYPE_NONE if not known */
    const char *name;     /* of the variable; NULL: none is known */
    const char *function; /* of a local, or of what a frame is */
    const struct module *module;
    uint64_t address;
    uint64_t thread; /* id of the thread; 0: of none */
};

struct roots {
    struct block rows; /* of struct root: row i is node block_count + i of the graph */
};

/*
 * Add all roots to the graph.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until roots_free
 */
SLU_MUST_USE int roots_find(struct roots *roots, struct graph *graph, struct modules *modules,
                            struct slu_diag *diag);
void roots_free(struct roots *roots, struct graph *graph);

/*
 * Whether its words are pointers only by their looks. Between a thread's variables and its stack
 * nobody knows the border.
 */
static inline bool root_is_weak(const struct root *root)
{
    return (root->kind == ROOT_THREAD && root->name == NULL) || root->kind == ROOT_STACK ||
           root->kind == ROOT_REGISTER || root->kind == ROOT_MAPPING;
}

static inline const struct root *roots_at(const struct roots *roots, uint32_t index)
{
    return (const struct root *)roots->rows.data + index;
}

static inline uint32_t roots_count(const struct roots *roots)
{
    return (uint32_t)(roots->rows.len / sizeof(struct root));
}

#endif
