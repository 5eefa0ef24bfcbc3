/* What the page and the picture of a call tree share. */
#ifndef VIEW_FLAME_PARTS_H
#define VIEW_FLAME_PARTS_H

#include <stdint.h>

#include <sluice/bytes.h>

struct view_tree;

/* What an entry's colour stands for: the package or class of a function, else its file. */
struct slu_bytes flame_colour_name(const struct view_tree *tree, uint32_t entry);

static inline uint64_t flame_magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

#endif
