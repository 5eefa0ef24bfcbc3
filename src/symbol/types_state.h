/* The table of types as libdw sees it: shared by the files of this folder. */
#ifndef SYMBOL_TYPES_STATE_H
#define SYMBOL_TYPES_STATE_H

#include <elfutils/libdw.h>

#include "base/block.h"
#include "symbol/die_map.h"
#include "symbol/types.h"

struct slu_arena;
struct slu_budget;
struct symbol_module;

struct type_row {
    struct symbol_type type;
    struct symbol_module *module;
    Dwarf_Die die;
    uint32_t member_first;
    uint32_t member_count;
    bool members_read;
    uint32_t completed_type; /* of a declaration: its definition plus one; 0: not looked for */
    bool is_declaration;
};

/* A definition by the hash of its name. */
struct type_definition {
    uint64_t hash;
    Dwarf_Die die;
};

struct symbol_types {
    struct slu_budget *budget;
    struct block rows;        /* of struct type_row */
    struct block members;     /* of struct symbol_member */
    struct block definitions; /* of struct type_definition, in the order of hashes */
    struct block defined;     /* of struct symbol_module *: whose definitions they are */
    struct die_map numbers;
    unsigned depth; /* of pointers to pointers that are being read */
};

/* The number of the type that `die` describes, or that its DW_AT_type names; none: not known. */
uint32_t type_of_die(struct symbol_types *types, struct symbol_module *module, Dwarf_Die *die);
uint32_t type_named_by(struct symbol_types *types, struct symbol_module *module, Dwarf_Die *die);

/* The complete form of a declaration in the same module, or `type` itself. */
uint32_t type_complete(struct symbol_types *types, uint32_t type);

/* Called for each entry of a module that stands outside functions; false ends the round. */
typedef bool (*die_visit)(void *context, Dwarf_Die *die);

/* Entries of all units, also those in namespaces and in structs. Returns 0; -ENODATA. */
SLU_MUST_USE int dies_each(struct symbol_module *module, die_visit visit, void *context);

/* Entries of one unit. */
void unit_dies_each(Dwarf_Die *unit, die_visit visit, void *context);

/* A type's entry in debug information. */
static inline Dwarf_Die *type_die(const struct symbol_types *types, uint32_t type)
{
    return &((struct type_row *)types->rows.data + type)->die;
}

#endif
