/* A call tree as files that other programs, browsers and people read. */
#ifndef VIEW_FLAME_H
#define VIEW_FLAME_H

#include <sluice/api.h>

#include "view/unit.h"

#define FLAME_PARTS_MAX 20000 /* what is smaller than such a part of the total is not drawn */

struct json_writer;
struct sink;
struct view_tree;

struct flame_title {
    const char *title;     /* what it is of; escaped here */
    const char *type;      /* of samples */
    const char *unit_name; /* as the profile has it */
    struct view_unit unit;
};

/*
 * A line for each stack with a value of its own: "main;parse;read 4096".
 *
 * Returns  0; -EDQUOT; -ENOMEM. Errors of the sink are its own.
 * Source   github.com/brendangregg/FlameGraph
 */
SLU_MUST_USE int flame_write_folded(const struct view_tree *tree, struct sink *out);

/*
 * The same as a document for speedscope.app. Returns as flame_write_folded.
 *
 * Source  speedscope's file-format-spec.ts
 */
SLU_MUST_USE int flame_write_speedscope(const struct view_tree *tree,
                                        const struct flame_title *title, struct sink *out);

/* A picture: the outermost functions above. Boxes narrower than a third of a pixel are left out. */
void flame_write_svg(const struct view_tree *tree, const struct flame_title *title,
                     struct sink *out);

/* A page that stands alone, with search and zoom. Returns as flame_write_folded. */
SLU_MUST_USE int flame_write_html(const struct view_tree *tree, const struct flame_title *title,
                                  struct sink *out);

/*
 * The tree as pages take it, an object: type, unit; kind (bytes, nanoseconds, count) and the factor
 * to it; colours; by number of an entry its label, its place (file:line) and its hue; nodes,
 * parents first and the largest sibling first: [depth, entry, total, self, inlined]. Nodes below
 * 1/20,000 of the total are left out; how many subtrees, says left_out.
 *
 * Returns  0; -EDQUOT; -ENOMEM, and nothing has been written
 */
SLU_MUST_USE int flame_write_json(const struct view_tree *tree, const struct flame_title *title,
                                  struct json_writer *json);

#endif
