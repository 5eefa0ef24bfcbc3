/*
 * A type's words are described once: for each of its first LAYOUT_WORDS_MAX words whether it is a
 * pointer, and to what. What is larger than that is asked member by member.
 */
#include "holders/typing.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "base/sink.h"
#include "holders/heap.h"
#include "holders/roots.h"
#include "symbol/types.h"
#include "sys/pages.h"

#define FIRST_BYTES         ((size_t)4096)
#define LAYOUT_WORDS_MAX    1024
#define DEPTH_MAX           16
#define SLOT_PLAIN          UINT32_MAX       /* no pointer */
#define SLOT_UNTYPED        (UINT32_MAX - 1) /* a pointer to void, or to what is not known */
#define LAYOUT_UNKNOWN      0
#define LAYOUT_NONE         1   /* too large to describe: asked each time */
#define ROUNDING_BYTES      15  /* what malloc adds at the most */
#define UNTYPED_ARRAY_BYTES 512 /* in more, places are taken for those of an array */
#define BLOCK_BYTES_MIN     24

struct type_layout {
    uint32_t first; /* of its slots, plus two; LAYOUT_UNKNOWN, LAYOUT_NONE */
    uint32_t count;
};

static uint32_t leaf_below(struct symbol_types *types, uint32_t type, uint64_t offset,
                           unsigned depth);

static uint32_t member_at(struct symbol_types *types, uint32_t type, uint64_t offset,
                          unsigned depth)
{
    size_t count = 0;
    uint32_t found = SLOT_PLAIN;
    (void)symbol_type_members(types, type, &count);
    for (size_t i = 0; i < count && found == SLOT_PLAIN; i++) {
        const struct symbol_member *members = symbol_type_members(types, type, &count);
        uint64_t start = members[i].offset_bytes;
        uint32_t member_type = members[i].type;
        uint64_t bytes = symbol_type_bytes(types, member_type);
        bool is_open = bytes == 0 && i + 1 == count; /* an open array at the end */
        if (offset >= start && (offset - start < bytes || is_open)) {
            found = leaf_below(types, member_type, offset - start, depth);
        }
    }
    return found;
}

/* Recursion is bounded by DEPTH_MAX. */
static uint32_t leaf_below(struct symbol_types *types, uint32_t type, uint64_t offset,
                           unsigned depth)
{
    for (; depth < DEPTH_MAX && type != SYMBOL_TYPE_NONE; depth++) {
        const struct symbol_type *here = symbol_type_at(types, type);
        uint64_t bytes = 0;
        switch (here->kind) {
        case SYMBOL_TYPE_POINTER:
            if (offset != 0) {
                return SLOT_PLAIN;
            }
            return here->target == SYMBOL_TYPE_NONE ? SLOT_UNTYPED : here->target;
        case SYMBOL_TYPE_ARRAY:
            type = here->target;
            bytes = symbol_type_bytes(types, type);
            if (bytes == 0) {
                return SLOT_PLAIN;
            }
            offset %= bytes;
            break;
        case SYMBOL_TYPE_STRUCT:
        case SYMBOL_TYPE_UNION:
            return member_at(types, type, offset, depth + 1);
        default:
            return SLOT_PLAIN;
        }
    }
    return SLOT_PLAIN;
}

/* What a word at `offset` of a type is. */
static uint32_t leaf_at(struct symbol_types *types, uint32_t type, uint64_t offset)
{
    return leaf_below(types, type, offset, 0);
}

/* The same place with all array indices 0. Recursion is bounded by DEPTH_MAX. */
static uint64_t canonical_below(struct symbol_types *types, uint32_t type, uint64_t offset,
                                unsigned depth)
{
    if (depth >= DEPTH_MAX || type == SYMBOL_TYPE_NONE) {
        return offset;
    }
    const struct symbol_type *here = symbol_type_at(types, type);
    if (here->kind == SYMBOL_TYPE_ARRAY) {
        uint64_t bytes = symbol_type_bytes(types, here->target);
        return bytes == 0 ? 0 : canonical_below(types, here->target, offset % bytes, depth + 1);
    }
    if (here->kind != SYMBOL_TYPE_STRUCT) {
        return offset;
    }
    size_t count = 0;
    (void)symbol_type_members(types, type, &count);
    for (size_t i = 0; i < count; i++) {
        const struct symbol_member *member = symbol_type_members(types, type, &count) + i;
        uint64_t start = member->offset_bytes;
        uint64_t bytes = symbol_type_bytes(types, member->type);
        if (offset >= start && (offset - start < bytes || (bytes == 0 && i + 1 == count))) {
            return start + canonical_below(types, member->type, offset - start, depth + 1);
        }
    }
    return offset;
}

static struct type_layout *layout_of(struct typing *typing, uint32_t type)
{
    static const struct type_layout empty;
    while (typing->layouts.len / sizeof(empty) <= type) {
        if (block_append(typing->graph->budget, &typing->layouts, &empty, sizeof(empty)) != 0) {
            return NULL;
        }
    }
    return (struct type_layout *)typing->layouts.data + type;
}

/* Fills a layout; without memory the type is asked each time. */
static void layout_describe(struct typing *typing, uint32_t type, uint64_t words)
{
    size_t first = typing->slots.len / (2 * sizeof(uint32_t));
    uint32_t count = 0;
    bool complete = words <= LAYOUT_WORDS_MAX && first < UINT32_MAX / 2;
    for (uint64_t i = 0; complete && i < words; i++) {
        uint32_t slots[2] = {leaf_at(typing->types, type, i * 8),
                             (uint32_t)canonical_below(typing->types, type, i * 8, 0)};
        complete = block_append(typing->graph->budget, &typing->slots, slots, sizeof(slots)) == 0;
        count++;
    }
    struct type_layout *layout = layout_of(typing, type);
    if (layout != NULL) {
        *layout = complete ? (struct type_layout){(uint32_t)first + 2, count}
                           : (struct type_layout){LAYOUT_NONE, 0};
    }
}

/* What is kept of the word at `offset` of a type: what it is, and its canonical offset. NULL: that
 * is not kept. */
static const uint32_t *slots_of(struct typing *typing, uint32_t type, uint64_t offset)
{
    struct type_layout *layout = layout_of(typing, type);
    if (layout != NULL && layout->first == LAYOUT_UNKNOWN) {
        uint64_t bytes = symbol_type_bytes(typing->types, type);
        layout_describe(typing, type, bytes % 8 == 0 ? bytes / 8 : UINT64_MAX);
        layout = layout_of(typing, type);
    }
    if (layout == NULL || layout->first < 2 || offset / 8 >= layout->count) {
        return NULL;
    }
    return (const uint32_t *)typing->slots.data + 2 * (layout->first - 2 + offset / 8);
}

/* What the word at `offset` of memory is that has elements of `type` in a row. */
static uint32_t slot_of(struct typing *typing, uint32_t type, uint64_t offset)
{
    uint64_t bytes = symbol_type_bytes(typing->types, type);
    uint64_t inside = bytes == 0 || offset < bytes ? offset : offset % bytes;
    const uint32_t *slots = slots_of(typing, type, inside);
    return slots != NULL ? slots[0] : leaf_at(typing->types, type, inside);
}

uint32_t typing_of(const struct typing *typing, uint32_t node)
{
    uint32_t block_count = typing->graph->block_count;
    return node < block_count ? typing->block_types[node]
                              : roots_at(typing->roots, node - block_count)->type;
}

/* Whether the last member is an array without a length, which goes on to the end of the block. */
static bool is_open_ended(struct symbol_types *types, uint32_t type)
{
    size_t count = 0;
    const struct symbol_member *members = NULL;
    if (type != SYMBOL_TYPE_NONE && (members = symbol_type_members(types, type, &count)) != NULL &&
        count > 0) {
        uint32_t last = members[count - 1].type;
        return last != SYMBOL_TYPE_NONE && symbol_type_at(types, last)->kind == SYMBOL_TYPE_ARRAY &&
               symbol_type_bytes(types, last) == 0;
    }
    return false;
}

uint64_t typing_elements(const struct typing *typing, uint32_t block)
{
    uint64_t bytes = symbol_type_bytes(typing->types, typing->block_types[block]);
    uint64_t usable = heap_block_bytes(typing->graph->heap, block);
    bool is_exact = heap_block_is_exact(typing->graph->heap, block);
    if (bytes == 0 || (usable <= BLOCK_BYTES_MIN && !is_exact) ||
        is_open_ended(typing->types, typing->block_types[block])) {
        return 1;
    }
    uint64_t least = is_exact ? usable / bytes : (usable - ROUNDING_BYTES + bytes - 1) / bytes;
    return least == 0 ? 1 : least;
}

/* Bytes of whole elements that the block has room for. */
static uint64_t elements_room(const struct typing *typing, uint32_t block, uint64_t bytes)
{
    return heap_block_bytes(typing->graph->heap, block) / bytes * bytes;
}

/* What the word at `offset` of a node of that type is. */
static uint32_t node_slot(struct typing *typing, uint32_t type, uint64_t offset)
{
    uint64_t bytes = symbol_type_bytes(typing->types, type);
    if (offset >= bytes && is_open_ended(typing->types, type)) {
        return leaf_at(typing->types, type, offset);
    }
    return slot_of(typing, type, offset);
}

enum edge_kind typing_judge(struct typing *typing, uint32_t node, const struct edge *edge)
{
    uint32_t type = typing_of(typing, node);
    uint32_t block_count = typing->graph->block_count;
    if (node >= block_count && root_is_weak(roots_at(typing->roots, node - block_count))) {
        return EDGE_CONSERVATIVE;
    }
    uint64_t bytes = symbol_type_bytes(typing->types, type);
    if (type == SYMBOL_TYPE_NONE || bytes == 0) {
        return edge->kind;
    }
    if (node < block_count && edge->offset >= bytes &&
        edge->offset >= elements_room(typing, node, bytes) && !is_open_ended(typing->types, type)) {
        return EDGE_STALE;
    }
    return node_slot(typing, type, edge->offset) == SLOT_PLAIN ? EDGE_CONSERVATIVE : edge->kind;
}

uint64_t typing_canonical(struct typing *typing, uint32_t node, uint64_t offset)
{
    uint32_t type = typing_of(typing, node);
    uint64_t bytes = symbol_type_bytes(typing->types, type);
    if (type == SYMBOL_TYPE_NONE || bytes == 0) {
        bool is_large = node < typing->graph->block_count &&
                        heap_block_bytes(typing->graph->heap, node) > UNTYPED_ARRAY_BYTES;
        return is_large ? TYPING_ANY_PLACE : offset;
    }
    if (offset >= bytes && is_open_ended(typing->types, type)) {
        return canonical_below(typing->types, type, offset, 0);
    }
    if (node < typing->graph->block_count && offset >= elements_room(typing, node, bytes)) {
        return TYPING_ANY_PLACE;
    }
    const uint32_t *slots = slots_of(typing, type, offset % bytes);
    return slots != NULL ? slots[1] : canonical_below(typing->types, type, offset % bytes, 0);
}

/* A type is worth to be known if it says something: a size that the block has room for. */
static bool is_telling(const struct typing *typing, uint32_t type, uint32_t block)
{
    if (type >= SLOT_UNTYPED) {
        return false;
    }
    uint64_t bytes = symbol_type_bytes(typing->types, type);
    return bytes > 0 && bytes <= heap_block_bytes(typing->graph->heap, block);
}

static void node_flow(struct typing *typing, uint32_t node, uint32_t *queue)
{
    struct edge_cursor cursor;
    struct edge edge;
    uint32_t type = typing_of(typing, node);
    if (type == SYMBOL_TYPE_NONE) {
        return;
    }
    edge_cursor_init(&cursor, typing->graph, node);
    while (edge_next(&cursor, &edge)) {
        if (edge.kind != EDGE_EXACT || typing->block_types[edge.target] != SYMBOL_TYPE_NONE) {
            continue;
        }
        uint32_t slot = node_slot(typing, type, edge.offset);
        if (is_telling(typing, slot, edge.target)) {
            typing->block_types[edge.target] = slot;
            queue[typing->typed_count++] = edge.target;
        }
    }
}

int typing_make(struct typing *typing, struct graph *graph, const struct roots *roots,
                struct symbol_types *types, struct slu_diag *diag)
{
    *typing = (struct typing){.graph = graph, .roots = roots, .types = types};
    size_t bytes = ((size_t)graph->block_count + 1) * sizeof(uint32_t);
    void *block_types = NULL;
    void *queue = NULL;
    int err = slu_budget_alloc(graph->budget, bytes, &block_types);
    if (err == 0) {
        typing->block_types = block_types;
        pages_want_huge(block_types, bytes);
        memset(block_types, 0xff, bytes); /* SYMBOL_TYPE_NONE */
        err = slu_budget_alloc(graph->budget, bytes, &queue);
    }
    if (err == 0) {
        err = block_begin(graph->budget, FIRST_BYTES, &typing->layouts);
    }
    if (err == 0) {
        err = block_begin(graph->budget, FIRST_BYTES, &typing->slots);
    }
    if (err == 0) {
        for (uint32_t i = 0; i < roots_count(roots); i++) {
            node_flow(typing, graph->block_count + i, queue);
        }
        for (uint32_t i = 0; i < typing->typed_count; i++) {
            graph_look_ahead(graph, queue, i, typing->typed_count, typing->block_types);
            node_flow(typing, ((const uint32_t *)queue)[i], queue);
        }
    }
    slu_budget_free(graph->budget, queue, bytes);
    if (err != 0) {
        typing_free(typing);
        return diag_fail(diag, err, "no memory for the types of blocks");
    }
    return 0;
}

static size_t later_bytes(const struct typing *typing)
{
    return ((size_t)typing->graph->block_count / 64 + 1) * sizeof(uint64_t);
}

int typing_sow(struct typing *typing, const struct typing_seed *seeds, size_t count)
{
    struct slu_budget *budget = typing->graph->budget;
    size_t bytes = ((size_t)typing->graph->block_count + 1) * sizeof(uint32_t);
    void *memory = NULL;
    void *later = NULL;
    int err = slu_budget_alloc(budget, bytes, &memory);
    if (err != 0 || (err = slu_budget_alloc(budget, later_bytes(typing), &later)) != 0) {
        slu_budget_free(budget, memory, bytes);
        return err;
    }
    uint32_t *queue = memory;
    uint32_t first = typing->typed_count;
    typing->later = later;
    for (size_t i = 0; i < count; i++) {
        if (typing->block_types[seeds[i].block] == SYMBOL_TYPE_NONE) {
            typing->block_types[seeds[i].block] = seeds[i].type;
            queue[typing->typed_count++] = seeds[i].block;
        }
    }
    for (uint32_t i = first; i < typing->typed_count; i++) {
        typing->later[queue[i] / 64] |= UINT64_C(1) << queue[i] % 64;
        node_flow(typing, queue[i], queue);
    }
    slu_budget_free(budget, memory, bytes);
    return 0;
}

bool typing_is_sown(const struct typing *typing, uint32_t block)
{
    return typing->later != NULL && (typing->later[block / 64] >> block % 64 & 1) != 0;
}

void typing_free(struct typing *typing)
{
    if (typing->graph == NULL) {
        return;
    }
    struct slu_budget *budget = typing->graph->budget;
    size_t bytes = ((size_t)typing->graph->block_count + 1) * sizeof(uint32_t);
    if (typing->later != NULL) {
        slu_budget_free(budget, typing->later, later_bytes(typing));
    }
    block_free(budget, &typing->slots);
    block_free(budget, &typing->layouts);
    slu_budget_free(budget, typing->block_types, bytes);
    *typing = (struct typing){0};
}

static void index_write(uint64_t index, bool any_index, struct sink *out)
{
    if (any_index) {
        sink_text(out, "[*]");
    } else {
        sink_format(out, "[%llu]", (unsigned long long)index);
    }
}

/* The member that `offset` lies in; the first that has room for a pointer there, in a union. */
static const struct symbol_member *member_step(struct symbol_types *types, uint32_t type,
                                               uint64_t offset)
{
    size_t count = 0;
    (void)symbol_type_members(types, type, &count);
    const struct symbol_member *fallback = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct symbol_member *member = symbol_type_members(types, type, &count) + i;
        uint64_t start = member->offset_bytes;
        uint64_t bytes = symbol_type_bytes(types, member->type);
        bool is_open = bytes == 0 && i + 1 == count;
        uint32_t member_type = member->type;
        if (offset < start || (offset - start >= bytes && !is_open)) {
            continue;
        }
        if (leaf_at(types, member_type, offset - start) != SLOT_PLAIN) {
            return symbol_type_members(types, type, &count) + i;
        }
        fallback = symbol_type_members(types, type, &count) + i;
    }
    return fallback;
}

/* .name, [index] and so on, down to a pointer; what is left of the offset is written as a number.*/
static void steps_write(struct symbol_types *types, uint32_t type, uint64_t offset, bool any_index,
                        struct sink *out)
{
    for (int i = 0; i < DEPTH_MAX && type != SYMBOL_TYPE_NONE; i++) {
        const struct symbol_type *here = symbol_type_at(types, type);
        if (here->kind == SYMBOL_TYPE_ARRAY) {
            uint64_t bytes = symbol_type_bytes(types, here->target);
            if (bytes == 0) {
                break;
            }
            index_write(offset / bytes, any_index, out);
            offset %= bytes;
            type = here->target;
            continue;
        }
        if (here->kind != SYMBOL_TYPE_STRUCT && here->kind != SYMBOL_TYPE_UNION) {
            break;
        }
        const struct symbol_member *member = member_step(types, type, offset);
        if (member == NULL) {
            break;
        }
        if (!member->is_base && member->name != NULL) {
            sink_format(out, ".%.200s", member->name);
        }
        offset -= member->offset_bytes;
        type = member->type;
    }
    if (offset != 0) {
        sink_format(out, "+0x%llx", (unsigned long long)offset);
    }
}

void typing_write_place(struct typing *typing, uint32_t node, uint64_t offset, bool any_index,
                        struct sink *out)
{
    uint32_t type = typing_of(typing, node);
    uint64_t bytes = symbol_type_bytes(typing->types, type);
    if (any_index && offset == TYPING_ANY_PLACE) {
        sink_text(out, "[*]");
        return;
    }
    if (type == SYMBOL_TYPE_NONE || bytes == 0) {
        sink_format(out, "+0x%llx", (unsigned long long)offset);
        return;
    }
    if (node < typing->graph->block_count && !is_open_ended(typing->types, type)) {
        if (offset >= elements_room(typing, node, bytes)) {
            sink_format(out, "+0x%llx", (unsigned long long)offset);
            return;
        }
        if (offset >= bytes || typing_elements(typing, node) > 1) {
            index_write(offset / bytes, any_index, out);
            offset %= bytes;
        }
    }
    steps_write(typing->types, type, offset, any_index, out);
}

void typing_write_block(const struct typing *typing, uint32_t block, struct sink *out)
{
    uint32_t type = typing->block_types[block];
    if (type == SYMBOL_TYPE_NONE) {
        return;
    }
    symbol_type_write(typing->types, type, out);
    uint64_t elements = typing_elements(typing, block);
    if (elements > 1) {
        sink_format(out, "[%llu]", (unsigned long long)elements);
    }
}
