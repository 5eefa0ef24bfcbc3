/*
 * Types of programs from their debug information (C, C++, Go), for what looks at memory from
 * outside. One table holds the types of all modules that are asked; its numbers stay. Qualifiers
 * and typedefs are left out, but for the name of what has no other.
 */
#ifndef SYMBOL_TYPES_H
#define SYMBOL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct sink;
struct slu_budget;
struct symbol_module;
struct symbol_types;

#define SYMBOL_TYPE_NONE UINT32_MAX /* void, and what is not known */

enum symbol_type_kind {
    SYMBOL_TYPE_PLAIN, /* numbers, enumerations, functions */
    SYMBOL_TYPE_POINTER,
    SYMBOL_TYPE_STRUCT, /* classes too */
    SYMBOL_TYPE_UNION,
    SYMBOL_TYPE_ARRAY,
};

struct symbol_type {
    enum symbol_type_kind kind;
    const char *name; /* of structs and plain types; valid as long as the module */
    uint64_t size_bytes;
    uint64_t count;  /* of an array's elements; 0 if it is open */
    uint32_t target; /* what a pointer points to, or an array's elements are */
};

struct symbol_member {
    const char *name; /* NULL: it has none, or is a base class */
    uint64_t offset_bytes;
    uint32_t bit_offset; /* of a bit field, from `offset_bytes` on */
    uint32_t bit_count;  /* 0: it is none */
    uint32_t type;
    bool is_base;
};

/*
 * An empty table.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until symbol_types_destroy; modules that are asked must outlive it
 */
SLU_MUST_USE int symbol_types_create(struct slu_budget *budget, struct symbol_types **out);
void symbol_types_destroy(struct symbol_types **types);

/* How many types have a number: all below. */
size_t symbol_types_count(const struct symbol_types *types);

const struct symbol_type *symbol_type_at(const struct symbol_types *types, uint32_t type);

/*
 * The members of a struct or union, in their order; they are read when they are first asked for.
 *
 * Returns  the first of `count`, valid until the next call; NULL without members or memory
 */
const struct symbol_member *symbol_type_members(struct symbol_types *types, uint32_t type,
                                                size_t *count);

/* As C writes it, without qualifiers: window *, int[600]. */
void symbol_type_write(const struct symbol_types *types, uint32_t type, struct sink *out);

/* The bytes of the type; 0 if not known. */
uint64_t symbol_type_bytes(const struct symbol_types *types, uint32_t type);

/* Called for each type; false ends the round. */
typedef bool (*symbol_type_visit)(void *context, uint32_t type);

/*
 * Show each complete struct, class and union of `module` that has a name.
 *
 * Returns  0; -ENODATA without debug information; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int symbol_types_each(struct symbol_types *types, struct symbol_module *module,
                                   symbol_type_visit visit, void *context);

#endif
