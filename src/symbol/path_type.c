#include "symbol/path_type.h"

#include <dwarf.h>
#include <string.h>

#include "symbol/module.h"
#include "symbol/source_type.h"
#include "symbol/types.h"
#include "symbol/types_state.h"

#define MEMBER_DEPTH_MAX 8
#define BLOCK_DEPTH_MAX  16
#define ENTRIES_MAX      4096 /* of a function that are looked at */

static bool is_called(Dwarf_Die *die, struct slu_bytes name)
{
    Dwarf_Attribute attribute;
    const char *text = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    return text != NULL && strlen(text) == name.len && memcmp(text, name.data, name.len) == 0;
}

static bool is_variable(Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    return tag == DW_TAG_variable || tag == DW_TAG_formal_parameter;
}

static uint32_t type_named(const struct code_function *function, Dwarf_Die *die)
{
    return type_named_by(function->unit.types, function->unit.module, die);
}

/* Among the entries of one scope. */
static bool scope_find(const struct code_function *function, Dwarf_Die *scope,
                       struct slu_bytes name, uint32_t *type)
{
    Dwarf_Die child;
    if (dwarf_child(scope, &child) != 0) {
        return false;
    }
    do {
        if (is_variable(&child) && is_called(&child, name)) {
            *type = type_named(function, &child);
            return true;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

struct search {
    const struct code_function *function;
    struct slu_bytes name;
    uint32_t found;
    unsigned left; /* entries that are still looked at */
    bool is_unsure;
};

/* Anywhere in a function: what was moved leaves its scope. Recursion is bounded by
 * BLOCK_DEPTH_MAX. */
static void blocks_search(struct search *search, Dwarf_Die *scope, unsigned depth)
{
    Dwarf_Die child;
    if (depth == BLOCK_DEPTH_MAX || dwarf_child(scope, &child) != 0) {
        return;
    }
    do {
        if (search->left == 0) {
            search->is_unsure = true;
            return;
        }
        search->left--;
        if (is_variable(&child) && is_called(&child, search->name)) {
            uint32_t type = type_named(search->function, &child);
            search->is_unsure |= search->found != SYMBOL_TYPE_NONE && search->found != type;
            search->found = type;
        } else if (dwarf_tag(&child) == DW_TAG_lexical_block) {
            blocks_search(search, &child, depth + 1);
        }
    } while (dwarf_siblingof(&child, &child) == 0);
}

/* The function as it was written, where a copy of it may have lost what was not needed. */
static bool origin_of(Dwarf_Die *function, Dwarf_Die *origin)
{
    Dwarf_Attribute attribute;
    return dwarf_formref_die(dwarf_attr(function, DW_AT_abstract_origin, &attribute), origin) !=
           NULL;
}

static uint32_t local_type(const struct code_function *function, struct slu_bytes name)
{
    const struct code_scopes *code = function->code;
    int last = code->functions[function->frame];
    uint32_t type = SYMBOL_TYPE_NONE;
    for (int i = function->frame == 0 ? 0 : code->functions[function->frame - 1] + 1; i <= last;
         i++) {
        if (scope_find(function, &code->scopes[i], name, &type)) {
            return type;
        }
    }
    struct search search = {function, name, SYMBOL_TYPE_NONE, ENTRIES_MAX, false};
    Dwarf_Die origin;
    blocks_search(&search, &code->scopes[last], 0);
    if (origin_of(&code->scopes[last], &origin)) {
        blocks_search(&search, &origin, 0);
    }
    return search.is_unsure ? SYMBOL_TYPE_NONE : search.found;
}

/* References stand for what they refer to. */
static uint32_t referred(const struct symbol_types *types, uint32_t type)
{
    if (type != SYMBOL_TYPE_NONE) {
        int tag = dwarf_tag(type_die(types, type));
        if (tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type) {
            return symbol_type_at(types, type)->target;
        }
    }
    return type;
}

/* In the type, its bases and its members without names. Recursion is bounded by
 * MEMBER_DEPTH_MAX. */
static uint32_t member_type(struct symbol_types *types, uint32_t type, struct slu_bytes name,
                            unsigned depth)
{
    size_t count = 0;
    if (type == SYMBOL_TYPE_NONE || depth == MEMBER_DEPTH_MAX) {
        return SYMBOL_TYPE_NONE;
    }
    (void)symbol_type_members(types, type, &count);
    for (size_t i = 0; i < count; i++) {
        struct symbol_member member = symbol_type_members(types, type, &count)[i];
        if (member.name != NULL && !member.is_base) {
            if (strlen(member.name) == name.len && memcmp(member.name, name.data, name.len) == 0) {
                return member.type;
            }
            continue;
        }
        uint32_t inner = member_type(types, member.type, name, depth + 1);
        if (inner != SYMBOL_TYPE_NONE) {
            return inner;
        }
    }
    return SYMBOL_TYPE_NONE;
}

static uint32_t pointed(const struct symbol_types *types, uint32_t type)
{
    return type != SYMBOL_TYPE_NONE && symbol_type_at(types, type)->kind == SYMBOL_TYPE_POINTER
               ? symbol_type_at(types, type)->target
               : type;
}

/* Arrays of more dimensions are one in the table: which one an index is for is not known. */
static bool has_one_dimension(Dwarf_Die *array)
{
    Dwarf_Die child;
    unsigned count = 0;
    if (dwarf_child(array, &child) != 0) {
        return false;
    }
    do {
        count += dwarf_tag(&child) == DW_TAG_subrange_type;
    } while (dwarf_siblingof(&child, &child) == 0);
    return count == 1;
}

static uint32_t element_type(const struct symbol_types *types, uint32_t type)
{
    const struct symbol_type *here = symbol_type_at(types, type);
    if (here->kind == SYMBOL_TYPE_ARRAY && !has_one_dimension(type_die(types, type))) {
        return SYMBOL_TYPE_NONE;
    }
    return here->kind == SYMBOL_TYPE_ARRAY || here->kind == SYMBOL_TYPE_POINTER ? here->target
                                                                                : SYMBOL_TYPE_NONE;
}

static uint32_t base_type(const struct code_function *function, struct slu_bytes name)
{
    uint32_t type = local_type(function, name);
    if (type != SYMBOL_TYPE_NONE) {
        return type;
    }
    struct symbol_types *types = function->unit.types;
    type = member_type(types, pointed(types, local_type(function, (struct slu_bytes){"this", 4})),
                       name, 0);
    return type != SYMBOL_TYPE_NONE ? type : unit_variable_type(&function->unit, name);
}

uint32_t path_type(const struct code_function *function, const struct source_path *path)
{
    struct symbol_types *types = function->unit.types;
    if (path->base.len == 0) {
        return SYMBOL_TYPE_NONE;
    }
    uint32_t type = referred(types, base_type(function, path->base));
    for (uint32_t i = 0; i < path->count && type != SYMBOL_TYPE_NONE; i++) {
        struct slu_bytes member = path->steps[i].member;
        type = member.len == 0 ? element_type(types, type)
                               : member_type(types, pointed(types, type), member, 0);
        type = referred(types, type);
    }
    return type;
}

uint32_t path_parameter(const struct code_function *function, struct slu_bytes name)
{
    Dwarf_Die *scope = &function->code->scopes[function->code->functions[function->frame]];
    Dwarf_Die child;
    uint32_t number = 0;
    if (dwarf_child(scope, &child) != 0) {
        return UINT32_MAX;
    }
    do {
        if (dwarf_tag(&child) != DW_TAG_formal_parameter ||
            dwarf_hasattr_integrate(&child, DW_AT_artificial)) {
            continue;
        }
        if (is_called(&child, name)) {
            return number;
        }
        number++;
    } while (dwarf_siblingof(&child, &child) == 0);
    return UINT32_MAX;
}

uint32_t path_returned(const struct code_function *function)
{
    Dwarf_Die *scope = &function->code->scopes[function->code->functions[function->frame]];
    uint32_t type = type_named(function, scope);
    return type != SYMBOL_TYPE_NONE &&
                   symbol_type_at(function->unit.types, type)->kind == SYMBOL_TYPE_POINTER
               ? symbol_type_at(function->unit.types, type)->target
               : SYMBOL_TYPE_NONE;
}

bool path_returns_void_pointer(const struct code_function *function)
{
    Dwarf_Die *scope = &function->code->scopes[function->code->functions[function->frame]];
    uint32_t type = type_named(function, scope);
    return type != SYMBOL_TYPE_NONE &&
           symbol_type_at(function->unit.types, type)->kind == SYMBOL_TYPE_POINTER &&
           symbol_type_at(function->unit.types, type)->target == SYMBOL_TYPE_NONE;
}
