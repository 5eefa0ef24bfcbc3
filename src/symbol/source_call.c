#include "symbol/source_call.h"

#include <string.h>

#include "symbol/source_arguments.h"
#include "symbol/source_place.h"
#include "symbol/source_tokens.h"

#define AROUND_STEPS_MAX 16
#define STATEMENT_MAX    256 /* tokens */

/* The object and the namespaces before the function's name belong to the call. */
static struct source_range with_object(const struct source_tokens *tokens,
                                       struct source_range range)
{
    for (int i = 0; i < AROUND_STEPS_MAX; i++) {
        size_t before = range.first - 1;
        if (source_token_is(tokens, before, ".") || source_token_is(tokens, before, "->") ||
            (source_token_is(tokens, before, "::") && source_token_is_word(tokens, before - 1))) {
            size_t start = source_path_start(tokens, before);
            if (start == SOURCE_TOKEN_NONE) {
                return range;
            }
            range.first = start;
        } else {
            range.first -= source_token_is(tokens, before, "::");
            return range;
        }
    }
    return range;
}

/* The type before stars and a name, if it is declared there. */
static bool declared_read(const struct source_tokens *tokens, size_t name,
                          struct source_type *declared)
{
    for (size_t from = name - 1, i = 0; i < AROUND_STEPS_MAX && !source_is_border(tokens, from);
         i++, from--) {
        struct source_type type;
        bool begins = source_is_border(tokens, from - 1) || source_token_is(tokens, from - 1, "(");
        if (begins && source_type_read(tokens, from, name, &type)) {
            *declared = type;
            return true;
        }
    }
    return false;
}

/* What stands before the = at `equals`. */
static void taker_read(const struct source_tokens *tokens, size_t equals, struct source_call *call)
{
    size_t start = source_path_start(tokens, equals);
    struct source_path path;
    if (start == SOURCE_TOKEN_NONE || !source_path_read(tokens, start, equals, &path)) {
        return;
    }
    if (path.count == 0 && declared_read(tokens, start, &call->declared)) {
        call->taken = path;
        call->role = SOURCE_TAKEN;
        return;
    }
    while (source_token_is(tokens, start - 1, "*")) {
        start--;
        if (!source_path_add(&path, (struct slu_bytes){"", 0})) {
            return;
        }
    }
    bool is_operand = source_token_is_word(tokens, start - 1) &&
                      !source_token_is(tokens, start - 1, "else") &&
                      !source_token_is(tokens, start - 1, "do");
    if (!is_operand || path.count == 0) {
        call->taken = path;
        call->role = SOURCE_TAKEN;
    }
}

/* ( type ) or static_cast< type >( around the range; false if it is something else. */
static bool cast_take(const struct source_tokens *tokens, struct source_range *range,
                      struct source_call *call)
{
    struct source_type type;
    size_t before = range->first - 1;
    size_t open = SOURCE_TOKEN_NONE;
    if (source_token_is(tokens, before, ")")) {
        open = source_token_open(tokens, before);
        if (open == SOURCE_TOKEN_NONE || !source_type_read(tokens, open + 1, before, &type)) {
            return false;
        }
        range->first = open;
    } else {
        open = before - 2;
        for (int i = 0; i < AROUND_STEPS_MAX && !source_token_is(tokens, open, "<"); i++) {
            open--;
        }
        if (!source_token_is(tokens, before, "(") || !source_token_is(tokens, before - 1, ">") ||
            !source_token_is(tokens, range->last + 1, ")") ||
            !(source_token_is(tokens, open - 1, "static_cast") ||
              source_token_is(tokens, open - 1, "reinterpret_cast")) ||
            !source_type_read(tokens, open + 1, before - 1, &type)) {
            return false;
        }
        *range = (struct source_range){open - 1, range->last + 1};
    }
    if (type.stars > 1 || (type.stars == 1 && strcmp(type.name, "void") != 0)) {
        call->cast = type;
    }
    return true;
}

/* From one arm of a ?: back to what takes it. */
static size_t arm_start(const struct source_tokens *tokens, size_t at)
{
    for (int i = 0; i < STATEMENT_MAX && !source_is_border(tokens, at); i++, at--) {
        if (source_token_is(tokens, at, "=") || source_token_is(tokens, at, "return")) {
            return at;
        }
        if (source_token_is(tokens, at, "(") || source_token_is(tokens, at, ",")) {
            return SOURCE_TOKEN_NONE;
        }
        if (source_token_is(tokens, at, ")") || source_token_is(tokens, at, "]")) {
            at = source_token_open(tokens, at);
        }
    }
    return SOURCE_TOKEN_NONE;
}

/* What follows leaves the value as it is. */
static bool is_used_whole(const struct source_tokens *tokens, size_t at)
{
    return source_token_is(tokens, at, ";") || source_token_is(tokens, at, ",") ||
           source_token_is(tokens, at, ")") || source_token_is(tokens, at, "}") ||
           source_token_is(tokens, at, ":");
}

/* From the value outwards to what becomes of it. */
static void around_read(const struct source_tokens *tokens, struct source_range range,
                        struct source_call *call)
{
    for (int i = 0; i < AROUND_STEPS_MAX; i++) {
        size_t before = range.first - 1;
        if (!is_used_whole(tokens, range.last + 1)) {
            call->cast = (struct source_type){.name = ""}; /* it was only to be counted with */
            return;
        }
        if (cast_take(tokens, &range, call)) {
            continue;
        }
        if (source_token_is(tokens, before, "(") && source_token_is(tokens, range.last + 1, ")") &&
            (!source_token_is_word(tokens, before - 1) ||
             source_token_is(tokens, before - 1, "return"))) {
            range = (struct source_range){before, range.last + 1};
            continue;
        }
        if (source_token_is(tokens, before, "?") || source_token_is(tokens, before, ":")) {
            before = arm_start(tokens, before);
        }
        if (source_token_is(tokens, before, "return")) {
            call->role = SOURCE_RETURNED;
        } else if (source_token_is(tokens, before, "=")) {
            taker_read(tokens, before, call);
        }
        return;
    }
}

bool source_call_read(const struct source_tokens *tokens, const struct source_wanted *wanted,
                      struct source_call *call)
{
    struct source_call found = {.role = SOURCE_UNKNOWN};
    struct source_range range = {0};
    unsigned count = source_call_find(tokens, wanted, &range);
    if (count > 1 || (count == 0 && (wanted->argument != SOURCE_ARGUMENT_NONE ||
                                     !source_statement_find(tokens, wanted->line, &range)))) {
        return false;
    }
    found.end = range.last + 1;
    if (source_token_is(tokens, range.first, "new")) {
        (void)source_new_read(tokens, range.first, &found.created);
    } else {
        source_arguments_read(tokens, range, &found);
    }
    bool is_given_out = source_token_is(tokens, range.first, "posix_memalign");
    uint32_t argument = is_given_out ? 0 : wanted->argument;
    if (argument != SOURCE_ARGUMENT_NONE) {
        source_argument_read(tokens, range, argument, &found);
    } else {
        around_read(tokens, with_object(tokens, range), &found);
    }
    *call = found;
    return true;
}

/* Whether the variable at a token is used as it is: no member of it, and no member itself. */
static bool is_alone(const struct source_tokens *tokens, size_t at)
{
    return is_used_whole(tokens, at + 1) && !source_token_is(tokens, at - 1, ".") &&
           !source_token_is(tokens, at - 1, "->");
}

enum source_role source_later_read(const struct source_tokens *tokens, size_t from,
                                   struct slu_bytes name, struct source_call *later)
{
    for (size_t i = from; i < tokens->count; i++) {
        const struct source_token *token = &tokens->rows[i];
        if (source_token_is(tokens, i, "}") && token->column == 1) {
            break; /* of the function */
        }
        if (token->kind != SOURCE_WORD || token->text.len != name.len ||
            memcmp(token->text.data, name.data, name.len) != 0) {
            continue;
        }
        if (source_token_is(tokens, i + 1, "=")) {
            break; /* it is something else from here on */
        }
        struct source_call found = {.role = SOURCE_UNKNOWN};
        if (is_alone(tokens, i)) {
            around_read(tokens, (struct source_range){i, i}, &found);
        }
        if (found.role != SOURCE_UNKNOWN) {
            *later = found;
            return found.role;
        }
    }
    return SOURCE_UNKNOWN;
}
