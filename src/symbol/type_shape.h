/* How a type lies in memory: its members, and the holes between them. */
#ifndef SYMBOL_TYPE_SHAPE_H
#define SYMBOL_TYPE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"

struct slu_budget;
struct symbol_types;

#define TYPE_SHAPE_LINE_BYTES 64

struct type_part {
    const char *name; /* NULL: it has none */
    uint64_t offset_bytes;
    uint64_t size_bytes;
    uint32_t bit_offset;
    uint32_t bit_count; /* 0: no bit field */
    uint32_t type;
    bool is_hole;
    bool crosses_line; /* although it would fit into one */
};

struct type_shape {
    struct slu_budget *budget;
    struct block block;
    const struct type_part *parts; /* in the order of offsets; of a union, all at 0 */
    size_t part_count;
    uint64_t hole_bytes;
    uint64_t line_count; /* that it takes where it begins at one */
};

/* Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int type_shape_begin(struct type_shape *shape, struct slu_budget *budget);
void type_shape_end(struct type_shape *shape);

/* Describe a struct or union. Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int type_shape_find(struct type_shape *shape, struct symbol_types *types,
                                 uint32_t type);

#endif
