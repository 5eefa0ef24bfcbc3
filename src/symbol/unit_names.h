/* Types and variables of compilation units, by the names that their sources say. */
#ifndef SYMBOL_UNIT_NAMES_H
#define SYMBOL_UNIT_NAMES_H

#include <stdint.h>

#include <elfutils/libdw.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "symbol/die_map.h"

struct slu_budget;
struct source_type;
struct symbol_module;
struct symbol_types;

struct unit_names {
    struct slu_budget *budget;
    struct block rows;  /* of struct unit_name: those of a unit together, in the order of hashes */
    struct block units; /* of struct unit_rows */
    struct die_map numbers;
};

/* What names are looked for in. */
struct unit_scope {
    struct unit_names *names;
    struct symbol_module *module;
    struct symbol_types *types;
    Dwarf_Die *unit;
};

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until unit_names_deinit. */
SLU_MUST_USE int unit_names_init(struct unit_names *names, struct slu_budget *budget);
void unit_names_deinit(struct unit_names *names);

/* The type that a source calls so; SYMBOL_TYPE_NONE if there is none, or more than one. */
uint32_t unit_type_find(const struct unit_scope *scope, const struct source_type *wanted);

/* The type of a variable outside functions; SYMBOL_TYPE_NONE as above. */
uint32_t unit_variable_type(const struct unit_scope *scope, struct slu_bytes name);

#endif
