/* The call tree: a node for each way from the outermost function to a function. */
#ifndef VIEW_TREE_H
#define VIEW_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"
#include "profile/key_index.h"

struct view;

#define VIEW_TREE_NONE UINT32_MAX
#define VIEW_TREE_ROOT 0

struct view_node {
    int64_t self;
    int64_t total;
    uint32_t parent;
    uint32_t entry;   /* of the view; of the root, UINT32_MAX */
    uint32_t child;   /* the first; the largest once the tree is sorted */
    uint32_t sibling; /* the next */
    uint32_t depth;   /* of the root, 0 */
    bool inlined;
};

struct view_tree_options {
    bool inverted;      /* from the leaf outwards: who calls it */
    uint32_t parts_max; /* what lies below a node of less than one such part of the total is not
                           followed; 0: all is */
};

struct view_tree {
    const struct view *view;
    struct column nodes; /* struct view_node; parents before their children */
    struct key_index index;
    uint32_t depth_max;
};

/*
 * Build the tree of `sample_count` samples' values of one type; its root has their sum.
 *
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW. On success view_tree_deinit follows.
 * Cost     a look-up for each frame that is followed; 24 bytes for each sample meanwhile
 */
SLU_MUST_USE int view_tree_init(struct view_tree *tree, const struct view *view, uint32_t type,
                                uint32_t sample_first, uint32_t sample_count,
                                const struct view_tree_options *options);
void view_tree_deinit(struct view_tree *tree);

static inline struct view_node *view_tree_at(const struct view_tree *tree, uint32_t node)
{
    return column_at(&tree->nodes, node);
}

/* The next node in the order in which they are drawn, parents first; VIEW_TREE_NONE at the end. */
uint32_t view_tree_next(const struct view_tree *tree, uint32_t node);

/* The same without what lies below `node`. */
uint32_t view_tree_skip(const struct view_tree *tree, uint32_t node);

#endif
