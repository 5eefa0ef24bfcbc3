/* What stands outside functions: every type that is defined, and the definition of what is only
 * declared where it is used. */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "symbol/module.h"
#include "symbol/types.h"
#include "symbol/types_state.h"

#define SCOPE_DEPTH_MAX 16

static bool is_scope(int tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
           tag == DW_TAG_union_type;
}

/* Recursion is bounded by SCOPE_DEPTH_MAX. */
static bool scope_each(Dwarf_Die *scope, die_visit visit, void *context, unsigned depth)
{
    Dwarf_Die child;
    if (dwarf_child(scope, &child) != 0) {
        return true;
    }
    do {
        if (!visit(context, &child)) {
            return false;
        }
        if (depth < SCOPE_DEPTH_MAX && is_scope(dwarf_tag(&child)) &&
            !scope_each(&child, visit, context, depth + 1)) {
            return false;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
    return true;
}

void unit_dies_each(Dwarf_Die *unit, die_visit visit, void *context)
{
    (void)scope_each(unit, visit, context, 0); /* whether it was ended does not matter */
}

int dies_each(struct symbol_module *module, die_visit visit, void *context)
{
    Dwarf_Addr bias = 0;
    Dwarf *dwarf = dwfl_module_getdwarf(module->elf_module, &bias);
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    if (dwarf == NULL) {
        return -ENODATA;
    }
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        if (!scope_each(&die, visit, context, 0)) {
            break;
        }
    }
    return 0;
}

static bool is_definition(Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    return tag != DW_TAG_namespace && is_scope(tag) && dwarf_diename(die) != NULL &&
           !dwarf_hasattr(die, DW_AT_declaration);
}

/* Modules do not know each other's types. */
static uint64_t name_hash(const struct symbol_module *module, const char *name)
{
    return hash_bytes((struct slu_bytes){name, strlen(name)}, (uint64_t)(uintptr_t)module);
}

struct reading {
    struct symbol_types *types;
    struct symbol_module *module;
};

static bool definition_keep(void *context, Dwarf_Die *die)
{
    struct reading *reading = context;
    struct symbol_types *types = reading->types;
    if (!is_definition(die)) {
        return true;
    }
    struct type_definition row = {name_hash(reading->module, dwarf_diename(die)), *die};
    return block_append(types->budget, &types->definitions, &row, sizeof(row)) == 0;
}

static int definition_order(const void *left, const void *right)
{
    const struct type_definition *first = left;
    const struct type_definition *second = right;
    return (first->hash > second->hash) - (first->hash < second->hash);
}

static bool are_read(const struct symbol_types *types, const struct symbol_module *module)
{
    struct symbol_module *const *read = types->defined.data;
    for (size_t i = 0; i < types->defined.len / sizeof(struct symbol_module *); i++) {
        if (read[i] == module) {
            return true;
        }
    }
    return false;
}

/* Without memory for them, declarations stay what they are. */
static void definitions_read(struct symbol_types *types, struct symbol_module *module)
{
    struct reading reading = {types, module};
    if (are_read(types, module) ||
        block_append(types->budget, &types->defined, &module, sizeof(struct symbol_module *)) !=
            0 ||
        dies_each(module, definition_keep, &reading) != 0 || types->definitions.len == 0) {
        return;
    }
    qsort(types->definitions.data, types->definitions.len / sizeof(struct type_definition),
          sizeof(struct type_definition), definition_order);
}

static const struct type_definition *first_of(const struct symbol_types *types, uint64_t hash,
                                              const struct type_definition **end)
{
    const struct type_definition *rows = types->definitions.data;
    size_t low = 0;
    size_t high = types->definitions.len / sizeof(*rows);
    *end = rows + high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return rows + low;
}

/* Namespaces decide between equal names. */
static bool is_same(struct symbol_module *module, const struct type_row *declared, Dwarf_Die *die)
{
    const char *name = dwarf_diename(die);
    const char *wanted = declared->type.name;
    size_t len = strlen(name);
    size_t wanted_len = strlen(wanted);
    return wanted_len >= len && strcmp(wanted + wanted_len - len, name) == 0 &&
           strcmp(qualified_name(module, die, name), wanted) == 0;
}

uint32_t type_complete(struct symbol_types *types, uint32_t type)
{
    struct type_row declared = ((const struct type_row *)types->rows.data)[type];
    const char *plain = declared.is_declaration ? dwarf_diename(&declared.die) : NULL;
    if (plain == NULL || declared.completed_type != 0) {
        return declared.completed_type != 0 ? declared.completed_type - 1 : type;
    }
    definitions_read(types, declared.module);
    uint64_t hash = name_hash(declared.module, plain);
    const struct type_definition *end = NULL;
    const struct type_definition *row = first_of(types, hash, &end);
    uint32_t found = type;
    for (; row != end && row->hash == hash; row++) {
        Dwarf_Die die = row->die;
        if (is_same(declared.module, &declared, &die)) {
            found = type_of_die(types, declared.module, &die);
            break;
        }
    }
    ((struct type_row *)types->rows.data)[type].completed_type =
        (found == SYMBOL_TYPE_NONE ? type : found) + 1;
    return found == SYMBOL_TYPE_NONE ? type : found;
}

struct round {
    struct symbol_types *types;
    struct symbol_module *module;
    symbol_type_visit visit;
    void *context;
};

static bool is_named_by_typedef(const struct symbol_types *types, uint32_t type)
{
    struct type_row *row = (struct type_row *)types->rows.data + type;
    return is_scope(dwarf_tag(&row->die)) && dwarf_diename(&row->die) == NULL;
}

static bool type_show(void *context, Dwarf_Die *die)
{
    struct round *round = context;
    bool is_typedef = dwarf_tag(die) == DW_TAG_typedef;
    if (!is_typedef && !is_definition(die)) {
        return true;
    }
    uint32_t type = type_of_die(round->types, round->module, die);
    if (type == SYMBOL_TYPE_NONE || (is_typedef && !is_named_by_typedef(round->types, type))) {
        return true;
    }
    return round->visit(round->context, type);
}

int symbol_types_each(struct symbol_types *types, struct symbol_module *module,
                      symbol_type_visit visit, void *context)
{
    struct round round = {types, module, visit, context};
    return dies_each(module, type_show, &round);
}
