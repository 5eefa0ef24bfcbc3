/* Variables with a fixed place: global, static and thread-local ones, of one module. */
#ifndef SYMBOL_VARIABLES_H
#define SYMBOL_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;
struct symbol_module;
struct symbol_types;
struct symbol_variables;

struct symbol_variable {
    const char *name;    /* as people write it; valid as long as the module */
    uint64_t address;    /* as the linker gave it; of thread-local ones: in the module's block */
    uint64_t size_bytes; /* 0 if not known */
    uint32_t type;       /* SYMBOL_TYPE_NONE if not known */
};

/*
 * Read all variables: from debug information with their types, the others from the symbol table.
 *
 * Returns  0, also without any; -EDQUOT; -ENOMEM
 * Owner    the caller, until symbol_variables_free; `module` and `types` must outlive it
 */
SLU_MUST_USE int symbol_variables_read(struct slu_budget *budget, struct symbol_module *module,
                                       struct symbol_types *types, struct symbol_variables **out);
void symbol_variables_free(struct symbol_variables **variables);

/* The variable that `address` lies in, and else NULL. */
const struct symbol_variable *symbol_variable_at(const struct symbol_variables *variables,
                                                 bool is_thread_local, uint64_t address);

/* All in the order of addresses. */
const struct symbol_variable *symbol_variables_all(const struct symbol_variables *variables,
                                                   bool is_thread_local, size_t *count);

#endif
