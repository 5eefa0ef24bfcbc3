/*
 * A wrong type is worse than none: what two sources of it say must agree, a struct that nothing
 * says the size of is not taken for an array, and what is not understood is not known.
 */
#include "symbol/site_text.h"

#include <string.h>

#include "symbol/module.h"
#include "symbol/path_type.h"
#include "symbol/site_type.h"
#include "symbol/source_call.h"
#include "symbol/source_tokens.h"
#include "symbol/types.h"

#define SAME_DEPTH_MAX 8

void site_text_begin(struct site_text_state *state)
{
    *state = (struct site_text_state){.argument = SOURCE_ARGUMENT_NONE};
}

static uint32_t pointee(const struct symbol_types *types, uint32_t type)
{
    return type != SYMBOL_TYPE_NONE && symbol_type_at(types, type)->kind == SYMBOL_TYPE_POINTER
               ? symbol_type_at(types, type)->target
               : SYMBOL_TYPE_NONE;
}

static bool is_struct(const struct symbol_types *types, uint32_t type)
{
    enum symbol_type_kind kind = symbol_type_at(types, type)->kind;
    return kind == SYMBOL_TYPE_STRUCT || kind == SYMBOL_TYPE_UNION;
}

/* Memory of any kind is often called so. */
static bool is_bytes(const struct symbol_types *types, uint32_t type)
{
    const struct symbol_type *here = symbol_type_at(types, type);
    return here->kind == SYMBOL_TYPE_PLAIN && here->size_bytes == 1;
}

/* Each unit has its own entry of a type. */
static bool is_same(const struct symbol_types *types, uint32_t left, uint32_t right)
{
    for (int i = 0; i < SAME_DEPTH_MAX; i++) {
        if (left == right) {
            return true;
        }
        if (left == SYMBOL_TYPE_NONE || right == SYMBOL_TYPE_NONE) {
            return false;
        }
        const struct symbol_type *first = symbol_type_at(types, left);
        const struct symbol_type *second = symbol_type_at(types, right);
        if (first->kind != second->kind || first->size_bytes != second->size_bytes) {
            return false;
        }
        if (first->kind != SYMBOL_TYPE_POINTER && first->kind != SYMBOL_TYPE_ARRAY) {
            return first->kind == SYMBOL_TYPE_PLAIN ||
                   (first->name != NULL && second->name != NULL &&
                    strcmp(first->name, second->name) == 0);
        }
        left = first->target;
        right = second->target;
    }
    return false;
}

static uint32_t cast_type(const struct code_function *function, const struct source_type *cast)
{
    struct source_type memory = *cast;
    if (cast->name[0] == '\0' || cast->stars == 0) {
        return SYMBOL_TYPE_NONE;
    }
    memory.stars--;
    return unit_type_find(&function->unit, &memory);
}

/* What the variable points to that takes the memory. */
static uint32_t taken_type(const struct code_function *function, const struct source_call *call)
{
    uint32_t taken = path_type(function, &call->taken);
    return taken != SYMBOL_TYPE_NONE ? pointee(function->unit.types, taken)
                                     : cast_type(function, &call->declared);
}

static uint32_t size_type(const struct code_function *function, const struct source_call *call)
{
    uint32_t type = path_type(function, &call->size_path);
    return type != SYMBOL_TYPE_NONE ? type : unit_type_find(&function->unit, &call->size_type);
}

/* Without namespaces and template arguments. */
static struct slu_bytes plain_name(const char *name)
{
    size_t len = strcspn(name, "<");
    size_t from = len;
    while (from > 0 && name[from - 1] != ':') {
        from--;
    }
    return (struct slu_bytes){name + from, len - from};
}

static bool is_called_alike(const char *left, const char *right)
{
    struct slu_bytes first = plain_name(left);
    struct slu_bytes second = plain_name(right);
    return first.len == second.len && memcmp(first.data, second.data, first.len) == 0;
}

/* In a template, new says the plain name of what only the variable knows the arguments of. */
static uint32_t created_type(const struct code_function *function, const struct source_call *call)
{
    uint32_t type = unit_type_find(&function->unit, &call->created);
    if (type != SYMBOL_TYPE_NONE || call->role != SOURCE_TAKEN) {
        return type;
    }
    type = taken_type(function, call);
    const char *name =
        type == SYMBOL_TYPE_NONE ? NULL : symbol_type_at(function->unit.types, type)->name;
    return name != NULL && call->created.stars == 0 && is_called_alike(name, call->created.name)
               ? type
               : SYMBOL_TYPE_NONE;
}

/* A struct of the size that is asked for may begin with what the variable points to: sizeof wins.
 * Of numbers that only differ in their names, and of pointers, the variable knows more. */
static uint32_t agreed_type(const struct symbol_types *types, uint32_t taken, uint32_t sized)
{
    if (taken == SYMBOL_TYPE_NONE || is_same(types, taken, sized)) {
        return taken == SYMBOL_TYPE_NONE ? sized : taken;
    }
    if (is_struct(types, sized)) {
        return sized;
    }
    if (is_bytes(types, sized) && !is_struct(types, taken)) {
        return taken;
    }
    return symbol_type_at(types, taken)->kind == SYMBOL_TYPE_POINTER &&
                   symbol_type_at(types, sized)->kind == SYMBOL_TYPE_POINTER
               ? taken
               : SYMBOL_TYPE_NONE;
}

static enum site_verdict known(const struct symbol_types *types, uint32_t type, bool is_single,
                               struct site_type *found)
{
    if (symbol_type_bytes(types, type) == 0) {
        return SITE_UNKNOWN;
    }
    *found = (struct site_type){.type = type, .is_single = is_single};
    return SITE_KNOWN;
}

/* Without a sizeof a struct may be the beginning of a larger one. */
static enum site_verdict known_unsized(const struct symbol_types *types, uint32_t type,
                                       struct site_type *found)
{
    return type == SYMBOL_TYPE_NONE ? SITE_UNKNOWN
                                    : known(types, type, is_struct(types, type), found);
}

static enum site_verdict returned_judge(const struct code_function *function,
                                        struct site_text_state *state, struct site_type *found)
{
    uint32_t type = path_returned(function);
    state->argument = SOURCE_ARGUMENT_NONE;
    if (type != SYMBOL_TYPE_NONE && is_struct(function->unit.types, type)) {
        return known_unsized(function->unit.types, type, found);
    }
    return type != SYMBOL_TYPE_NONE && !is_bytes(function->unit.types, type)
               ? known(function->unit.types, type, false, found)
               : SITE_PASSED;
}

/* *out = ..., where `out` is a parameter. */
static bool is_given_out(const struct code_function *function, const struct source_call *call,
                         uint32_t *argument)
{
    if (call->role != SOURCE_TAKEN || call->taken.count != 1 ||
        call->taken.steps[0].member.len != 0) {
        return false;
    }
    *argument = path_parameter(function, call->taken.base);
    return *argument != SOURCE_ARGUMENT_NONE;
}

/* Memory that is only kept as void * or as bytes here. */
static enum site_verdict untyped_judge(const struct code_function *function,
                                       const struct source_tokens *tokens,
                                       const struct source_call *call,
                                       struct site_text_state *state, struct site_type *found)
{
    struct source_call later;
    uint32_t type = SYMBOL_TYPE_NONE;
    enum source_role role = call->role;
    if (role == SOURCE_TAKEN && is_given_out(function, call, &state->argument)) {
        return SITE_PASSED;
    }
    if (role == SOURCE_TAKEN && call->taken.count == 0) {
        role = source_later_read(tokens, call->end, call->taken.base, &later);
        if (role == SOURCE_TAKEN) {
            type = taken_type(function, &later);
            type = type == SYMBOL_TYPE_NONE ? cast_type(function, &later.cast) : type;
            if (type == SYMBOL_TYPE_NONE && is_given_out(function, &later, &state->argument)) {
                return SITE_PASSED;
            }
            return known_unsized(function->unit.types, type, found);
        }
    }
    return role == SOURCE_RETURNED ? returned_judge(function, state, found) : SITE_UNKNOWN;
}

/* Memory that sizeof says the size of. */
static enum site_verdict sized_judge(const struct code_function *function,
                                     const struct source_call *call, struct site_type *found)
{
    const struct symbol_types *types = function->unit.types;
    uint32_t sized = size_type(function, call);
    if (symbol_type_bytes(types, sized) == 0) {
        return SITE_UNKNOWN;
    }
    uint32_t taken = call->role == SOURCE_TAKEN ? taken_type(function, call) : SYMBOL_TYPE_NONE;
    taken = taken == SYMBOL_TYPE_NONE ? cast_type(function, &call->cast) : taken;
    return known(types, agreed_type(types, taken, sized), call->is_sum, found);
}

enum site_verdict site_text_judge(struct code_function *function,
                                  const struct source_tokens *tokens, struct site_text_state *state,
                                  struct site_type *found)
{
    const struct symbol_types *types = function->unit.types;
    const struct symbol_frame *frame = &function->code->frames[function->frame];
    struct source_wanted wanted = {
        .line = frame->line, .column = frame->column, .argument = state->argument};
    struct source_call call;
    if (state->callee != NULL) {
        wanted.callee = (struct slu_bytes){state->callee, strlen(state->callee)};
    }
    if (!source_call_read(tokens, &wanted, &call)) {
        return SITE_UNKNOWN;
    }
    if (call.created.name[0] != '\0') {
        return known(types, created_type(function, &call), false, found);
    }
    if (call.has_size) {
        return sized_judge(function, &call, found);
    }
    uint32_t type = call.role == SOURCE_TAKEN ? taken_type(function, &call) : SYMBOL_TYPE_NONE;
    if (type != SYMBOL_TYPE_NONE && is_bytes(types, type) && call.taken.count == 0 &&
        path_returns_void_pointer(function)) {
        type = SYMBOL_TYPE_NONE; /* not what it is, but how it is counted */
    }
    type = type == SYMBOL_TYPE_NONE ? cast_type(function, &call.cast) : type;
    if (type == SYMBOL_TYPE_NONE) {
        type = pointee(types, path_type(function, &call.resized));
    }
    return type != SYMBOL_TYPE_NONE ? known_unsized(types, type, found)
                                    : untyped_judge(function, tokens, &call, state, found);
}
