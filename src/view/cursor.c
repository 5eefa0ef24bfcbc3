#include "view/cursor.h"

bool view_cursor_begin(const struct view *view, uint32_t sample, bool inverted, uint32_t node,
                       struct view_cursor *cursor)
{
    const uint32_t *locations = NULL;
    uint32_t count = 0;
    if (!view_sample(view, sample, &locations, &count)) {
        return false;
    }
    *cursor = (struct view_cursor){.left = count, .sample = sample, .node = node};
    if (count > 0) {
        cursor->location = inverted ? locations : locations + count - 1;
    }
    return true;
}
