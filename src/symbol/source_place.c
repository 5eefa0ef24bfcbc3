#include "symbol/source_place.h"

#include <string.h>

#include "symbol/allocator_name.h"
#include "symbol/source_call.h"
#include "symbol/source_tokens.h"

bool source_is_border(const struct source_tokens *tokens, size_t at)
{
    return at >= tokens->count || source_token_is(tokens, at, ";") ||
           source_token_is(tokens, at, "{") || source_token_is(tokens, at, "}");
}

/* The statement that the first token of a line belongs to, as far as brackets let see. */
static bool statement_at(const struct source_tokens *tokens, uint32_t line,
                         struct source_range *found)
{
    size_t at = 0;
    while (at < tokens->count && tokens->rows[at].line < line) {
        at++;
    }
    if (at == tokens->count || tokens->rows[at].line != line) {
        return false;
    }
    struct source_range range = {at, at};
    while (!source_is_border(tokens, range.first - 1)) {
        range.first--;
    }
    while (!source_is_border(tokens, range.last)) {
        range.last++;
    }
    *found = range;
    return true;
}

static bool is_allocator(const struct source_tokens *tokens, size_t at)
{
    return source_token_is_word(tokens, at) && allocator_is_named(tokens->rows[at].text);
}

size_t source_new_read(const struct source_tokens *tokens, size_t at, struct source_type *created)
{
    size_t from = at + 1;
    if (source_token_is(tokens, from, "(")) { /* where to put it, or nothrow */
        from = source_token_close(tokens, from);
        from = from == SOURCE_TOKEN_NONE ? at : from + 1;
    }
    size_t end = source_type_end(tokens, from);
    if (end == from || !source_type_read(tokens, from, end, created)) {
        return at;
    }
    while (source_token_is(tokens, end, "[") || source_token_is(tokens, end, "(") ||
           source_token_is(tokens, end, "{")) {
        size_t close = source_token_close(tokens, end);
        if (close == SOURCE_TOKEN_NONE) {
            return at;
        }
        end = close + 1;
    }
    return end - 1;
}

/* The call at a token, if one begins there. Both columns that compilers give are its own. */
static bool call_at(const struct source_tokens *tokens, const struct source_wanted *wanted,
                    size_t at, struct source_range *found, bool *is_in_column)
{
    const struct source_token *token = &tokens->rows[at];
    struct slu_bytes callee = wanted->callee;
    struct source_type created;
    bool is_new = source_token_is(tokens, at, "new") && source_token_is_word(tokens, at) &&
                  (callee.len == 0 || source_bytes_are(callee, "operator new") ||
                   source_bytes_are(callee, "operator new []"));
    size_t last = at;
    size_t mark = at;
    if (is_new) {
        last = source_new_read(tokens, at, &created);
        mark = last;
    } else if (source_token_is_word(tokens, at) &&
               (callee.len == 0 ? is_allocator(tokens, at)
                                : token->text.len == callee.len &&
                                      memcmp(token->text.data, callee.data, callee.len) == 0)) {
        mark = at + 1;
        if (source_token_is(tokens, mark, "<")) {
            size_t close = source_token_close_angle(tokens, mark);
            mark = close == SOURCE_TOKEN_NONE ? tokens->count : close + 1;
        }
        last = source_token_is(tokens, mark, "(") ? source_token_close(tokens, mark) : at;
    }
    if (last == at || last == SOURCE_TOKEN_NONE) {
        return false;
    }
    *found = (struct source_range){at, last};
    *is_in_column =
        token->line == wanted->line &&
        (token->column == wanted->column ||
         (tokens->rows[mark].column == wanted->column && tokens->rows[mark].line == wanted->line));
    return true;
}

unsigned source_call_find(const struct source_tokens *tokens, const struct source_wanted *wanted,
                          struct source_range *found)
{
    unsigned of_line = 0;
    unsigned of_statement = 0;
    struct source_range range;
    struct source_range statement = {1, 0};
    (void)statement_at(tokens, wanted->line, &statement); /* else nothing is near */
    for (size_t i = 0; i < tokens->count; i++) {
        bool is_in_column = false;
        bool is_of_line = tokens->rows[i].line == wanted->line;
        bool is_near = i >= statement.first && i <= statement.last;
        if ((!is_of_line && !is_near) || !call_at(tokens, wanted, i, &range, &is_in_column)) {
            continue;
        }
        if (is_in_column) {
            *found = range;
            return 1;
        }
        of_line += is_of_line;
        of_statement += !is_of_line;
        if (is_of_line || of_line == 0) {
            *found = range;
        }
    }
    return of_line > 0 ? of_line : of_statement;
}

/* Whether there is but one call in the range, around all else. */
static bool is_one_call(const struct source_tokens *tokens, struct source_range range)
{
    size_t open = source_token_is(tokens, range.last, ")") ? source_token_open(tokens, range.last)
                                                           : SOURCE_TOKEN_NONE;
    if (open == SOURCE_TOKEN_NONE || open <= range.first ||
        !source_token_is_word(tokens, open - 1)) {
        return false;
    }
    for (size_t i = range.first; i < range.last; i++) {
        bool is_inner = source_token_is(tokens, i + 1, "(") && i + 1 != open &&
                        source_token_is_word(tokens, i) && !source_token_is(tokens, i, "sizeof");
        bool is_other = i < open && tokens->rows[i].kind == SOURCE_MARK &&
                        !source_token_is(tokens, i, ".") && !source_token_is(tokens, i, "->") &&
                        !source_token_is(tokens, i, "::");
        if (is_inner || is_other) {
            return false;
        }
    }
    return true;
}

bool source_statement_find(const struct source_tokens *tokens, uint32_t line,
                           struct source_range *found)
{
    struct source_range statement;
    if (!statement_at(tokens, line, &statement)) {
        return false;
    }
    size_t value = SOURCE_TOKEN_NONE;
    for (size_t i = statement.first; i < statement.last; i++) {
        if (source_token_is(tokens, i, "=") || source_token_is(tokens, i, "return")) {
            if (value != SOURCE_TOKEN_NONE) {
                return false;
            }
            value = i + 1;
        }
    }
    size_t end = statement.last;
    bool is_last = end + 1 >= tokens->count || tokens->rows[end + 1].line != line ||
                   source_token_is(tokens, end + 1, "}");
    if (!is_last || value >= end || !source_token_is(tokens, end, ";")) {
        return false;
    }
    struct source_type cast;
    size_t close =
        source_token_is(tokens, value, "(") ? source_token_close(tokens, value) : SOURCE_TOKEN_NONE;
    if (close < end && source_type_read(tokens, value + 1, close, &cast)) {
        value = close + 1;
    }
    *found = (struct source_range){value, end - 1};
    return value < end && is_one_call(tokens, *found);
}
