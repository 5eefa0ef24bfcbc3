/* A unit is read once, when something is first looked for in it. */
#include "symbol/unit_names.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "symbol/module.h"
#include "symbol/source_type.h"
#include "symbol/types.h"
#include "symbol/types_state.h"

#define FIRST_BYTES ((size_t)4096)
#define ROWS_MAX    ((size_t)1 << 20) /* of all units together; what is more is not found */

#define SEED_TYPES     UINT64_C(1)
#define SEED_VARIABLES UINT64_C(2)
#define HASH_POINTERS  UINT64_C(3) /* they have no name */

struct unit_name {
    uint64_t hash;
    Dwarf_Die die;
};

struct unit_rows {
    size_t first;
    size_t count;
};

int unit_names_init(struct unit_names *names, struct slu_budget *budget)
{
    *names = (struct unit_names){.budget = budget};
    int err = block_begin(budget, FIRST_BYTES, &names->rows);
    err = err != 0 ? err : block_begin(budget, FIRST_BYTES, &names->units);
    err = err != 0 ? err : die_map_init(&names->numbers, budget);
    if (err != 0) {
        unit_names_deinit(names);
    }
    return err;
}

void unit_names_deinit(struct unit_names *names)
{
    if (names->budget != NULL) {
        die_map_deinit(&names->numbers);
        block_free(names->budget, &names->units);
        block_free(names->budget, &names->rows);
    }
    *names = (struct unit_names){0};
}

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static uint64_t hash_of(const Dwarf_Die *die)
{
    Dwarf_Die entry = *die;
    struct source_type type;
    const char *name = dwarf_diename(&entry);
    switch (dwarf_tag(&entry)) {
    case DW_TAG_pointer_type:
        return HASH_POINTERS;
    case DW_TAG_variable:
        return name == NULL ? 0 : hash_bytes(bytes_of(name), SEED_VARIABLES);
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_typedef:
    case DW_TAG_base_type:
        return name != NULL && source_type_of_name(bytes_of(name), &type)
                   ? hash_bytes(bytes_of(type.name), SEED_TYPES)
                   : 0;
    default:
        return 0;
    }
}

static bool name_keep(void *context, Dwarf_Die *die)
{
    struct unit_names *names = context;
    struct unit_name row = {hash_of(die), *die};
    if (row.hash == 0) {
        return true;
    }
    return names->rows.len / sizeof(row) < ROWS_MAX &&
           block_append(names->budget, &names->rows, &row, sizeof(row)) == 0;
}

static int by_hash(const void *left, const void *right)
{
    const struct unit_name *first = left;
    const struct unit_name *second = right;
    return (first->hash > second->hash) - (first->hash < second->hash);
}

/* The rows of the unit; none without memory for them. */
static struct unit_rows unit_read(struct unit_names *names, Dwarf_Die *unit)
{
    static const struct unit_rows none;
    uint32_t number = die_map_find(&names->numbers, unit->addr);
    if (number != DIE_MAP_NONE) {
        return ((const struct unit_rows *)names->units.data)[number];
    }
    struct unit_rows rows = {.first = names->rows.len / sizeof(struct unit_name)};
    unit_dies_each(unit, name_keep, names);
    rows.count = names->rows.len / sizeof(struct unit_name) - rows.first;
    if (rows.count > 0) {
        qsort((struct unit_name *)names->rows.data + rows.first, rows.count,
              sizeof(struct unit_name), by_hash);
    }
    number = (uint32_t)(names->units.len / sizeof(rows));
    if (block_append(names->budget, &names->units, &rows, sizeof(rows)) != 0 ||
        die_map_add(&names->numbers, unit->addr, number) != 0) {
        return none;
    }
    return rows;
}

/* The first row of the hash among `count`; `*last` is the one behind the last. */
static const struct unit_name *rows_find(const struct unit_scope *scope, uint64_t hash,
                                         const struct unit_name **last)
{
    struct unit_rows rows = unit_read(scope->names, scope->unit);
    const struct unit_name *all = (const struct unit_name *)scope->names->rows.data + rows.first;
    size_t low = 0;
    size_t high = rows.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct unit_name *row = all + low;
    *last = row;
    while (*last < all + rows.count && (*last)->hash == hash) {
        ++*last;
    }
    return row;
}

/* Behind the last :: that does not stand among template arguments. */
static const char *last_part(const char *name)
{
    const char *part = name;
    for (const char *at = name; *at != '\0' && *at != '<'; at++) {
        if (at[0] == ':' && at[1] == ':') {
            part = at + 2;
        }
    }
    return part;
}

/* Whether what stands around the entry is what stands before the name. */
static bool is_in_scope(const struct unit_scope *scope, Dwarf_Die *die, const char *wanted)
{
    struct source_type full;
    const char *name = dwarf_diename(die);
    if (!source_type_of_name(bytes_of(qualified_name(scope->module, die, name)), &full)) {
        return false;
    }
    size_t full_len = strlen(full.name);
    size_t len = strlen(wanted);
    return full_len >= len && strcmp(full.name + full_len - len, wanted) == 0 &&
           (full_len == len || full.name[full_len - len - 1] == ':');
}

static uint32_t named_find(const struct unit_scope *scope, const char *wanted)
{
    const char *part = last_part(wanted);
    const struct unit_name *end = NULL;
    const struct unit_name *row = rows_find(scope, hash_bytes(bytes_of(part), SEED_TYPES), &end);
    uint32_t found = SYMBOL_TYPE_NONE;
    for (; row != end; row++) {
        Dwarf_Die die = row->die;
        if (part != wanted && !is_in_scope(scope, &die, wanted)) {
            continue;
        }
        uint32_t type = type_of_die(scope->types, scope->module, &die);
        if (symbol_type_bytes(scope->types, type) == 0 || type == found) {
            continue;
        }
        if (found != SYMBOL_TYPE_NONE) {
            return SYMBOL_TYPE_NONE; /* another one of the same name */
        }
        found = type;
    }
    return found;
}

/* A pointer to `target`, which may be void, if the unit has one. */
static uint32_t pointer_find(const struct unit_scope *scope, uint32_t target)
{
    const struct unit_name *end = NULL;
    const struct unit_name *row = rows_find(scope, HASH_POINTERS, &end);
    for (; row != end; row++) {
        Dwarf_Die die = row->die;
        bool is_void = !dwarf_hasattr(&die, DW_AT_type);
        if (is_void == (target == SYMBOL_TYPE_NONE) &&
            (is_void || type_named_by(scope->types, scope->module, &die) == target)) {
            return type_of_die(scope->types, scope->module, &die);
        }
    }
    return SYMBOL_TYPE_NONE;
}

uint32_t unit_type_find(const struct unit_scope *scope, const struct source_type *wanted)
{
    bool is_void = strcmp(wanted->name, "void") == 0;
    if (wanted->name[0] == '\0') {
        return SYMBOL_TYPE_NONE;
    }
    uint32_t type = is_void ? SYMBOL_TYPE_NONE : named_find(scope, wanted->name);
    for (uint32_t i = 0; i < wanted->stars &&
                         (i == 0 ? is_void || type != SYMBOL_TYPE_NONE : type != SYMBOL_TYPE_NONE);
         i++) {
        type = pointer_find(scope, type);
    }
    return type;
}

uint32_t unit_variable_type(const struct unit_scope *scope, struct slu_bytes name)
{
    const struct unit_name *end = NULL;
    const struct unit_name *row = rows_find(scope, hash_bytes(name, SEED_VARIABLES), &end);
    uint32_t found = SYMBOL_TYPE_NONE;
    for (; row != end; row++) {
        Dwarf_Die die = row->die;
        uint32_t type = type_named_by(scope->types, scope->module, &die);
        if (type == SYMBOL_TYPE_NONE || type == found) {
            continue;
        }
        if (found != SYMBOL_TYPE_NONE) {
            return SYMBOL_TYPE_NONE;
        }
        found = type;
    }
    return found;
}
