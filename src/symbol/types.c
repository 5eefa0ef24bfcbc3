#include "symbol/types.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/sink.h"
#include "symbol/module.h"
#include "symbol/types_state.h"

#define FIRST_BYTES    ((size_t)16384)
#define PEEL_STEPS_MAX 64 /* typedefs of typedefs */
#define NAME_STEPS_MAX 16 /* pointers to pointers */
#define ROWS_MAX       ((size_t)1 << 24)

int symbol_types_create(struct slu_budget *budget, struct symbol_types **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct symbol_types), &block);
    if (err != 0) {
        return err;
    }
    struct symbol_types *types = block;
    types->budget = budget;
    struct block *const parts[] = {&types->rows, &types->members, &types->definitions,
                                   &types->defined};
    for (size_t i = 0; err == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        err = block_begin(budget, FIRST_BYTES, parts[i]);
    }
    if (err == 0) {
        err = die_map_init(&types->numbers, budget);
    }
    if (err != 0) {
        symbol_types_destroy(&types);
        return err;
    }
    *out = types;
    return 0;
}

void symbol_types_destroy(struct symbol_types **types)
{
    if (types == NULL || *types == NULL) {
        return;
    }
    struct symbol_types *gone = *types;
    die_map_deinit(&gone->numbers);
    block_free(gone->budget, &gone->defined);
    block_free(gone->budget, &gone->definitions);
    block_free(gone->budget, &gone->members);
    block_free(gone->budget, &gone->rows);
    slu_budget_free(gone->budget, gone, sizeof(*gone));
    *types = NULL;
}

static struct type_row *row_at(const struct symbol_types *types, uint32_t type)
{
    return (struct type_row *)types->rows.data + type;
}

const struct symbol_type *symbol_type_at(const struct symbol_types *types, uint32_t type)
{
    return &row_at(types, type)->type;
}

size_t symbol_types_count(const struct symbol_types *types)
{
    return types->rows.len / sizeof(struct type_row);
}

uint64_t symbol_type_bytes(const struct symbol_types *types, uint32_t type)
{
    return type == SYMBOL_TYPE_NONE ? 0 : row_at(types, type)->type.size_bytes;
}

/*
 * What typedefs and qualifiers stand for. Of a number the outermost typedef is kept, since it says
 * more; of what has no name of its own, that name.
 */
static bool peel(Dwarf_Die *die, const char **name)
{
    Dwarf_Attribute attribute;
    Dwarf_Die outermost = {0};
    for (int i = 0; i < PEEL_STEPS_MAX; i++) {
        switch (dwarf_tag(die)) {
        case DW_TAG_typedef:
            if (*name == NULL) {
                *name = dwarf_diename(die);
                outermost = *die;
            }
            break;
        case DW_TAG_const_type:
        case DW_TAG_volatile_type:
        case DW_TAG_restrict_type:
        case DW_TAG_atomic_type:
            break;
        case DW_TAG_base_type:
            *die = *name == NULL ? *die : outermost;
            return true;
        default:
            return true;
        }
        Dwarf_Die next;
        if (dwarf_formref_die(dwarf_attr(die, DW_AT_type, &attribute), &next) == NULL) {
            return false; /* void */
        }
        *die = next;
    }
    return false;
}

static uint64_t number_of(Dwarf_Die *die, unsigned int name, uint64_t otherwise)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    return dwarf_formudata(dwarf_attr_integrate(die, name, &attribute), &value) == 0 ? value
                                                                                     : otherwise;
}

/* The elements of all dimensions together; 0 if one is open. */
static uint64_t element_count(Dwarf_Die *array)
{
    uint64_t count = 1;
    Dwarf_Die child;
    if (dwarf_child(array, &child) != 0) {
        return 0;
    }
    do {
        if (dwarf_tag(&child) != DW_TAG_subrange_type) {
            continue;
        }
        uint64_t upper = number_of(&child, DW_AT_upper_bound, UINT64_MAX);
        uint64_t here = number_of(&child, DW_AT_count, upper + 1);
        if (here > UINT32_MAX || __builtin_mul_overflow(count, here, &count)) {
            return 0;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
    return count;
}

static enum symbol_type_kind kind_of(Dwarf_Die *die)
{
    switch (dwarf_tag(die)) {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
        return SYMBOL_TYPE_POINTER;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
        return SYMBOL_TYPE_STRUCT;
    case DW_TAG_union_type:
        return SYMBOL_TYPE_UNION;
    case DW_TAG_array_type:
        return SYMBOL_TYPE_ARRAY;
    default:
        return SYMBOL_TYPE_PLAIN;
    }
}

static void row_describe(struct type_row *row, const char *typedef_name)
{
    const char *plain = dwarf_diename(&row->die);
    row->type.kind = kind_of(&row->die);
    Dwarf_Word bytes = 0;
    row->type.size_bytes = dwarf_aggregate_size(&row->die, &bytes) == 0 ? bytes : 0;
    row->is_declaration = dwarf_hasattr_integrate(&row->die, DW_AT_declaration) != 0;
    if (plain != NULL && row->type.kind != SYMBOL_TYPE_PLAIN) {
        row->type.name = qualified_name(row->module, &row->die, plain);
    } else {
        row->type.name = plain != NULL ? plain : typedef_name;
    }
    if (row->type.kind == SYMBOL_TYPE_POINTER && row->type.size_bytes == 0) {
        row->type.size_bytes = 8;
    }
}

/* A row is there before its target is looked for: types may lead back to themselves. */
static uint32_t row_add(struct symbol_types *types, struct symbol_module *module, Dwarf_Die *die,
                        const char *typedef_name)
{
    size_t number = types->rows.len / sizeof(struct type_row);
    struct type_row row = {.type = {.target = SYMBOL_TYPE_NONE}, .module = module, .die = *die};
    row_describe(&row, typedef_name);
    if (number >= ROWS_MAX || block_append(types->budget, &types->rows, &row, sizeof(row)) != 0) {
        return SYMBOL_TYPE_NONE;
    }
    if (die_map_add(&types->numbers, die->addr, (uint32_t)number) != 0) {
        types->rows.len -= sizeof(row);
        return SYMBOL_TYPE_NONE;
    }
    if (row.type.kind == SYMBOL_TYPE_POINTER || row.type.kind == SYMBOL_TYPE_ARRAY) {
        uint32_t target = type_named_by(types, module, die);
        struct type_row *kept = row_at(types, (uint32_t)number);
        kept->type.target = target;
        if (row.type.kind == SYMBOL_TYPE_ARRAY) {
            uint64_t bytes = symbol_type_bytes(types, target);
            kept->type.count = element_count(die);
            if (__builtin_mul_overflow(bytes, kept->type.count, &kept->type.size_bytes)) {
                kept->type.size_bytes = 0;
            }
        }
    }
    return (uint32_t)number;
}

uint32_t type_of_die(struct symbol_types *types, struct symbol_module *module, Dwarf_Die *die)
{
    const char *name = NULL;
    Dwarf_Die peeled = *die;
    if (!peel(&peeled, &name)) {
        return SYMBOL_TYPE_NONE;
    }
    uint32_t number = die_map_find(&types->numbers, peeled.addr);
    if (number == DIE_MAP_NONE) {
        number = row_add(types, module, &peeled, name);
    }
    return number == SYMBOL_TYPE_NONE ? number : type_complete(types, number);
}

uint32_t type_named_by(struct symbol_types *types, struct symbol_module *module, Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Die named;
    if (types->depth >= NAME_STEPS_MAX ||
        dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attribute), &named) == NULL) {
        return SYMBOL_TYPE_NONE;
    }
    types->depth++;
    uint32_t type = type_of_die(types, module, &named);
    types->depth--;
    return type;
}

/* The constant, or the operand of the one operation that adds it. */
static uint64_t member_offset(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    Dwarf_Op *operations = NULL;
    size_t count = 0;
    if (dwarf_attr_integrate(die, DW_AT_data_member_location, &attribute) == NULL) {
        return 0;
    }
    if (dwarf_formudata(&attribute, &value) == 0) {
        return value;
    }
    if (dwarf_getlocation(&attribute, &operations, &count) == 0 && count == 1 &&
        operations[0].atom == DW_OP_plus_uconst) {
        return operations[0].number;
    }
    return 0;
}

static void bits_describe(Dwarf_Die *die, uint64_t type_bytes, struct symbol_member *member)
{
    member->bit_count = (uint32_t)number_of(die, DW_AT_bit_size, 0);
    uint64_t bit = number_of(die, DW_AT_data_bit_offset, UINT64_MAX);
    if (member->bit_count == 0) {
        return;
    }
    if (bit != UINT64_MAX) {
        uint64_t unit = type_bytes == 0 ? 1 : type_bytes;
        member->offset_bytes = bit / 8 / unit * unit;
        member->bit_offset = (uint32_t)(bit - member->offset_bytes * 8);
        return;
    }
    /* Until DWARF 3 bits were counted from the most significant one. */
    uint64_t from_most = number_of(die, DW_AT_bit_offset, 0);
    uint64_t bits = type_bytes * 8;
    member->bit_offset = bits >= from_most + member->bit_count
                             ? (uint32_t)(bits - from_most - member->bit_count)
                             : 0;
}

static int member_add(struct symbol_types *types, struct symbol_module *module, Dwarf_Die *die)
{
    struct symbol_member member = {
        .name = dwarf_diename(die),
        .offset_bytes = member_offset(die),
        .type = type_named_by(types, module, die),
        .is_base = dwarf_tag(die) == DW_TAG_inheritance,
    };
    if (dwarf_hasattr(die, DW_AT_external) || dwarf_hasattr(die, DW_AT_declaration)) {
        return 0; /* static */
    }
    bits_describe(die, symbol_type_bytes(types, member.type), &member);
    return block_append(types->budget, &types->members, &member, sizeof(member));
}

/* Members' types may add rows and read their own members later: nothing here is recursive. */
static void members_read(struct symbol_types *types, uint32_t type)
{
    struct symbol_module *module = row_at(types, type)->module;
    Dwarf_Die die = row_at(types, type)->die;
    Dwarf_Die child;
    size_t first = types->members.len / sizeof(struct symbol_member);
    int err = 0;
    if (dwarf_child(&die, &child) == 0) {
        do {
            int tag = dwarf_tag(&child);
            if (tag == DW_TAG_member || tag == DW_TAG_inheritance) {
                err = member_add(types, module, &child);
            }
        } while (err == 0 && dwarf_siblingof(&child, &child) == 0);
    }
    struct type_row *row = row_at(types, type);
    row->members_read = true;
    row->member_first = (uint32_t)first;
    row->member_count = (uint32_t)(types->members.len / sizeof(struct symbol_member) - first);
}

const struct symbol_member *symbol_type_members(struct symbol_types *types, uint32_t type,
                                                size_t *count)
{
    struct type_row *row = row_at(types, type);
    *count = 0;
    if (row->type.kind != SYMBOL_TYPE_STRUCT && row->type.kind != SYMBOL_TYPE_UNION) {
        return NULL;
    }
    if (!row->members_read) {
        members_read(types, type);
        row = row_at(types, type);
    }
    *count = row->member_count;
    return (const struct symbol_member *)types->members.data + row->member_first;
}

/* Pointers stand behind what they point to, lengths behind the element. */
void symbol_type_write(const struct symbol_types *types, uint32_t type, struct sink *out)
{
    uint32_t steps[NAME_STEPS_MAX];
    size_t count = 0;
    while (type != SYMBOL_TYPE_NONE && count < NAME_STEPS_MAX) {
        const struct symbol_type *here = symbol_type_at(types, type);
        if (here->kind != SYMBOL_TYPE_POINTER && here->kind != SYMBOL_TYPE_ARRAY) {
            break;
        }
        steps[count++] = type;
        type = here->target;
    }
    const char *name = type == SYMBOL_TYPE_NONE ? "void" : symbol_type_at(types, type)->name;
    sink_text(out, name != NULL ? name : "(unnamed)");
    bool after_star = false;
    while (count > 0) {
        const struct symbol_type *here = symbol_type_at(types, steps[--count]);
        if (here->kind == SYMBOL_TYPE_POINTER) {
            sink_text(out, after_star ? "*" : " *");
            after_star = true;
        } else {
            sink_format(out, "[%llu]", (unsigned long long)here->count);
            after_star = false;
        }
    }
}
