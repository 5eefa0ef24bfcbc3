#include "symbol/type_shape.h"

#include <stdlib.h>

#include <sluice/budget.h>

#include "symbol/types.h"

#define FIRST_BYTES ((size_t)4096)

int type_shape_begin(struct type_shape *shape, struct slu_budget *budget)
{
    *shape = (struct type_shape){.budget = budget};
    return block_begin(budget, FIRST_BYTES, &shape->block);
}

void type_shape_end(struct type_shape *shape)
{
    if (shape->budget != NULL) {
        block_free(shape->budget, &shape->block);
    }
    *shape = (struct type_shape){0};
}

static int part_add(struct type_shape *shape, const struct type_part *part)
{
    return block_append(shape->budget, &shape->block, part, sizeof(*part));
}

static int hole_add(struct type_shape *shape, uint64_t start, uint64_t end)
{
    struct type_part hole = {.offset_bytes = start,
                             .size_bytes = end - start,
                             .type = SYMBOL_TYPE_NONE,
                             .is_hole = true};
    shape->hole_bytes += end - start;
    return part_add(shape, &hole);
}

static bool crosses_line(uint64_t offset, uint64_t bytes)
{
    return bytes > 0 && bytes <= TYPE_SHAPE_LINE_BYTES &&
           offset / TYPE_SHAPE_LINE_BYTES != (offset + bytes - 1) / TYPE_SHAPE_LINE_BYTES;
}

static int part_order(const void *left, const void *right)
{
    const struct type_part *first = left;
    const struct type_part *second = right;
    uint64_t begins[2] = {first->offset_bytes * 8 + first->bit_offset,
                          second->offset_bytes * 8 + second->bit_offset};
    return (begins[0] > begins[1]) - (begins[0] < begins[1]);
}

/* Where a part ends, in whole bytes; an empty base class takes none. */
static uint64_t part_end(const struct type_part *part)
{
    return part->bit_count > 0 ? part->offset_bytes + (part->bit_offset + part->bit_count + 7) / 8
                               : part->offset_bytes + part->size_bytes;
}

static int members_take(struct type_shape *shape, struct symbol_types *types, uint32_t type)
{
    size_t count = 0;
    const struct symbol_member *members = symbol_type_members(types, type, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = symbol_type_bytes(types, members[i].type);
        struct type_part part = {
            .name = members[i].is_base ? "(base)" : members[i].name,
            .offset_bytes = members[i].offset_bytes,
            .size_bytes = bytes,
            .bit_offset = members[i].bit_offset,
            .bit_count = members[i].bit_count,
            .type = members[i].type,
            .crosses_line =
                members[i].bit_count == 0 && crosses_line(members[i].offset_bytes, bytes),
        };
        int err = part_add(shape, &part);
        if (err != 0) {
            return err;
        }
    }
    qsort(shape->block.data, count, sizeof(struct type_part), part_order);
    return 0;
}

/* Holes are put behind the members, and then all in order. */
static int holes_take(struct type_shape *shape, uint64_t size_bytes)
{
    size_t count = shape->block.len / sizeof(struct type_part);
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        struct type_part part = ((const struct type_part *)shape->block.data)[i];
        uint64_t start = part.offset_bytes + part.bit_offset / 8;
        int err = start > end ? hole_add(shape, end, start) : 0;
        if (err != 0) {
            return err;
        }
        end = part_end(&part) > end ? part_end(&part) : end;
    }
    int err = size_bytes > end && count > 0 ? hole_add(shape, end, size_bytes) : 0;
    qsort(shape->block.data, shape->block.len / sizeof(struct type_part), sizeof(struct type_part),
          part_order);
    return err;
}

int type_shape_find(struct type_shape *shape, struct symbol_types *types, uint32_t type)
{
    struct symbol_type described = *symbol_type_at(types, type);
    shape->block.len = 0;
    shape->hole_bytes = 0;
    shape->line_count = (described.size_bytes + TYPE_SHAPE_LINE_BYTES - 1) / TYPE_SHAPE_LINE_BYTES;
    int err = members_take(shape, types, type);
    if (err == 0 && described.kind == SYMBOL_TYPE_STRUCT) {
        err = holes_take(shape, described.size_bytes);
    }
    shape->parts = shape->block.data;
    shape->part_count = shape->block.len / sizeof(struct type_part);
    return err;
}
