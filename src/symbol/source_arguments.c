#include "symbol/source_arguments.h"

#include <string.h>

#include "symbol/source_call.h"
#include "symbol/source_tokens.h"

#define SIZEOF_DEPTH_MAX 31

/* The operand of the sizeof at a token, and what stands behind it. */
static size_t sizeof_read(const struct source_tokens *tokens, size_t at, struct source_type *type,
                          struct source_path *path)
{
    size_t from = at + 1;
    *type = (struct source_type){.name = ""};
    *path = (struct source_path){.count = 0};
    if (source_token_is(tokens, from, "(")) {
        size_t close = source_token_close(tokens, from);
        if (close == SOURCE_TOKEN_NONE) {
            return from;
        }
        (void)source_type_read(tokens, from + 1, close, type);
        (void)source_path_read(tokens, from + 1, close, path);
        return close + 1;
    }
    size_t end = from;
    while (source_token_is(tokens, end, "*")) {
        end++;
    }
    end++;
    while (source_token_is(tokens, end, "->") || source_token_is(tokens, end, ".") ||
           source_token_is(tokens, end, "[")) {
        size_t close =
            source_token_is(tokens, end, "[") ? source_token_close(tokens, end) : end + 1;
        if (close == SOURCE_TOKEN_NONE) {
            return from;
        }
        end = close + 1;
    }
    (void)source_path_read(tokens, from, end, path);
    return end;
}

/* Depths of brackets, a bit for each. A sum further out than a sizeof counts it too; one further in
 * is a number of elements. */
struct depths {
    uint32_t sizes;
    uint32_t sums;
};

static bool has_sum(const struct depths *depths)
{
    return depths->sums != 0 && depths->sizes >> __builtin_ctz(depths->sums) != 0;
}

/* As a divisor, or divided by one, it says a number of elements. */
static bool is_ratio(const struct source_tokens *tokens, size_t at, size_t end)
{
    return source_token_is(tokens, at - 1, "/") || source_token_is(tokens, end, "/");
}

/* The arguments between brackets: the first sizeof counts; what is added to one makes a sum. */
static void sizes_read(const struct source_tokens *tokens, struct source_range range,
                       struct source_call *call)
{
    struct depths depths = {0};
    int depth = 0;
    for (size_t i = range.first; i <= range.last && i < tokens->count; i++) {
        depth += source_token_is(tokens, i, "(");
        depth -= source_token_is(tokens, i, ")");
        if (depth < 0 || depth >= SIZEOF_DEPTH_MAX) {
            return;
        }
        if (depth == 0 && source_token_is(tokens, i, ",")) {
            depths = (struct depths){0};
        }
        if (source_token_is(tokens, i, "+") || source_token_is(tokens, i, "-")) {
            depths.sums |= UINT32_C(1) << depth;
        }
        if (source_token_is(tokens, i, "sizeof")) {
            struct source_type type;
            struct source_path path;
            size_t end = sizeof_read(tokens, i, &type, &path);
            if (!call->has_size && !is_ratio(tokens, i, end)) {
                call->has_size = true;
                call->size_type = type;
                call->size_path = path;
            }
            depths.sizes |= UINT32_C(1) << depth;
            i = end - 1;
        }
        call->is_sum = call->is_sum || has_sum(&depths);
    }
}

/* The tokens of one argument; false if there are not so many. */
static bool argument_find(const struct source_tokens *tokens, size_t open, uint32_t wanted,
                          struct source_range *found)
{
    size_t close = source_token_close(tokens, open);
    size_t from = open + 1;
    uint32_t number = 0;
    for (size_t i = from; close != SOURCE_TOKEN_NONE && i <= close; i++) {
        if (i == close || source_token_is(tokens, i, ",")) {
            if (number == wanted && i > from) {
                *found = (struct source_range){from, i - 1};
                return true;
            }
            number++;
            from = i + 1;
        } else if (source_token_is(tokens, i, "(") || source_token_is(tokens, i, "[") ||
                   source_token_is(tokens, i, "{")) {
            size_t inner = source_token_close(tokens, i);
            i = inner == SOURCE_TOKEN_NONE ? close : inner;
        }
    }
    return false;
}

static size_t call_bracket(const struct source_tokens *tokens, struct source_range range)
{
    return source_token_is(tokens, range.last, ")") ? source_token_open(tokens, range.last)
                                                    : SOURCE_TOKEN_NONE;
}

void source_argument_read(const struct source_tokens *tokens, struct source_range range,
                          uint32_t argument, struct source_call *call)
{
    struct source_range at;
    struct source_type cast;
    size_t open = call_bracket(tokens, range);
    if (open == SOURCE_TOKEN_NONE || !argument_find(tokens, open, argument, &at)) {
        return;
    }
    if (source_token_is(tokens, at.first, "(")) {
        size_t close = source_token_close(tokens, at.first);
        if (close < at.last && source_type_read(tokens, at.first + 1, close, &cast)) {
            at.first = close + 1;
        }
    }
    bool is_address = source_token_is(tokens, at.first, "&");
    if (source_path_read(tokens, at.first + is_address, at.last + 1, &call->taken) &&
        (is_address || source_path_add(&call->taken, (struct slu_bytes){"", 0}))) {
        call->role = SOURCE_TAKEN;
    }
}

static bool is_resizing(struct slu_bytes name)
{
    static const char word[] = "realloc";
    return memmem(name.data, name.len, word, sizeof(word) - 1) != NULL;
}

void source_arguments_read(const struct source_tokens *tokens, struct source_range range,
                           struct source_call *call)
{
    size_t open = call_bracket(tokens, range);
    struct source_range first;
    if (open == SOURCE_TOKEN_NONE || open <= range.first) {
        return;
    }
    sizes_read(tokens, (struct source_range){open + 1, range.last - 1}, call);
    if (source_token_is_word(tokens, open - 1) && is_resizing(tokens->rows[open - 1].text) &&
        argument_find(tokens, open, 0, &first)) {
        (void)source_path_read(tokens, first.first, first.last + 1, &call->resized);
    }
}
