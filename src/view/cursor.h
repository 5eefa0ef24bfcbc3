/* How far a sample's stack has been followed: for those who grow trees level by level. */
#ifndef VIEW_CURSOR_H
#define VIEW_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/column.h"
#include "profile/model.h"
#include "view/view.h"

struct view_cursor {
    const uint32_t *location; /* the stack's next one, if any is left */
    uint32_t left;            /* of the stack's locations */
    uint32_t entry;           /* of the location's entries, how many are behind */
    uint32_t sample;
    uint32_t node; /* of the tree that grows */
};

/*
 * Begin at the outermost entry of a sample's stack or, inverted, at its leaf.
 *
 * Returns  false if the sample is not wanted
 */
bool view_cursor_begin(const struct view *view, uint32_t sample, bool inverted, uint32_t node,
                       struct view_cursor *cursor);

/* The next entry of the stack; false at the end. `inverted` as at the beginning. */
static inline bool view_cursor_next(const struct view *view, struct view_cursor *cursor,
                                    bool inverted, uint32_t *frame)
{
    while (cursor->left > 0) {
        uint32_t count = 0;
        const uint32_t *entries = view_location(view, *cursor->location, &count);
        if (cursor->entry < count) {
            *frame = entries[inverted ? cursor->entry : count - 1 - cursor->entry];
            cursor->entry++;
            return true;
        }
        cursor->entry = 0;
        if (--cursor->left > 0) {
            cursor->location += inverted ? 1 : -1;
        }
    }
    return false;
}

/* Whoever follows many stacks in turn waits for memory less if some are asked for ahead. */
#define VIEW_CURSORS_AHEAD 12

static inline void view_cursors_fetch(const struct view_cursor *cursors, uint32_t at,
                                      uint32_t count)
{
    if (at + VIEW_CURSORS_AHEAD < count) {
        __builtin_prefetch(cursors[at + VIEW_CURSORS_AHEAD].location);
    }
}

#endif
