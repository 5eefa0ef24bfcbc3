/* Where in the tokens of a source a call stands. */
#ifndef SYMBOL_SOURCE_PLACE_H
#define SYMBOL_SOURCE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source_tokens;
struct source_type;
struct source_wanted;

/* The tokens of an expression: both ends belong to it. */
struct source_range {
    size_t first;
    size_t last;
};

/* Whether a statement ends or begins at a token, or there is none. */
bool source_is_border(const struct source_tokens *tokens, size_t at);

/*
 * Find the call in that column, else the only one of the line, else the only one of the statement.
 *
 * Returns  how many it may be
 */
unsigned source_call_find(const struct source_tokens *tokens, const struct source_wanted *wanted,
                          struct source_range *found);

/*
 * Where a macro hides the call, or what was called went on to another function: find a statement of
 * the line that only takes what one call gives.
 */
bool source_statement_find(const struct source_tokens *tokens, uint32_t line,
                           struct source_range *found);

/* The last token of a new expression, whose type is read; `at` if it is none. */
size_t source_new_read(const struct source_tokens *tokens, size_t at, struct source_type *created);

#endif
