/* What a place that a source names is: a variable in scope, and members from there on. */
#ifndef SYMBOL_PATH_TYPE_H
#define SYMBOL_PATH_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/unit_names.h"

struct code_scopes;
struct source_path;

/* One of the functions that stand around a piece of code. */
struct code_function {
    struct unit_scope unit;
    const struct code_scopes *code;
    size_t frame;
};

/* The type of the place; SYMBOL_TYPE_NONE if it is not known, or not for sure. */
uint32_t path_type(const struct code_function *function, const struct source_path *path);

/* Which of the function's parameters is called so; UINT32_MAX for none. */
uint32_t path_parameter(const struct code_function *function, struct slu_bytes name);

/* Whether the function returns what may be a pointer to anything; and else to what. */
bool path_returns_void_pointer(const struct code_function *function);
uint32_t path_returned(const struct code_function *function);

#endif
