#include "symbol/source_call.h"

#include <string.h>

#include "symbol/source_tokens.h"

#define AROUND_STEPS_MAX 16
#define SIZEOF_DEPTH_MAX 31
#define STATEMENT_MAX    256 /* tokens */

/* The tokens of an expression: both ends belong to it. */
struct range {
    size_t first;
    size_t last;
};

static bool is_border(const struct source_tokens *tokens, size_t at)
{
    return at >= tokens->count || source_token_is(tokens, at, ";") ||
           source_token_is(tokens, at, "{") || source_token_is(tokens, at, "}");
}

/* The statement that the first token of a line belongs to, as far as brackets let see. */
static bool statement_at(const struct source_tokens *tokens, uint32_t line, struct range *found)
{
    size_t at = 0;
    while (at < tokens->count && tokens->rows[at].line < line) {
        at++;
    }
    if (at == tokens->count || tokens->rows[at].line != line) {
        return false;
    }
    struct range range = {at, at};
    while (!is_border(tokens, range.first - 1)) {
        range.first--;
    }
    while (!is_border(tokens, range.last)) {
        range.last++;
    }
    *found = range;
    return true;
}

static bool is_allocator(const struct source_tokens *tokens, size_t at)
{
    static const char *const names[] = {"malloc",   "calloc",         "realloc",
                                        "memalign", "reallocarray",   "aligned_alloc",
                                        "valloc",   "posix_memalign", "pvalloc"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (source_token_is(tokens, at, names[i])) {
            return true;
        }
    }
    return false;
}

/* The last token of a new expression, whose type is read; `at` if it is none. */
static size_t new_read(const struct source_tokens *tokens, size_t at, struct source_type *created)
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
                    size_t at, struct range *found, bool *is_in_column)
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
        last = new_read(tokens, at, &created);
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
    *found = (struct range){at, last};
    *is_in_column =
        token->line == wanted->line &&
        (token->column == wanted->column ||
         (tokens->rows[mark].column == wanted->column && tokens->rows[mark].line == wanted->line));
    return true;
}

/* The one in that column, else the only one of the line, else the only one of the statement.
 * Returns how many it may be. */
static unsigned call_find(const struct source_tokens *tokens, const struct source_wanted *wanted,
                          struct range *found)
{
    unsigned of_line = 0;
    unsigned of_statement = 0;
    struct range range;
    struct range statement = {1, 0};
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
static bool is_one_call(const struct source_tokens *tokens, struct range range)
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

/* Where a macro hides the call, or what was called went on to another function: a statement of the
 * line that only takes what one call gives. */
static bool statement_find(const struct source_tokens *tokens, uint32_t line, struct range *found)
{
    struct range statement;
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
    *found = (struct range){value, end - 1};
    return value < end && is_one_call(tokens, *found);
}

/* The object and the namespaces before the function's name belong to the call. */
static struct range with_object(const struct source_tokens *tokens, struct range range)
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
    for (size_t from = name - 1, i = 0; i < AROUND_STEPS_MAX && !is_border(tokens, from);
         i++, from--) {
        struct source_type type;
        bool begins = is_border(tokens, from - 1) || source_token_is(tokens, from - 1, "(");
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
static bool cast_take(const struct source_tokens *tokens, struct range *range,
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
        *range = (struct range){open - 1, range->last + 1};
    }
    if (type.stars > 1 || (type.stars == 1 && strcmp(type.name, "void") != 0)) {
        call->cast = type;
    }
    return true;
}

/* From one arm of a ?: back to what takes it. */
static size_t arm_start(const struct source_tokens *tokens, size_t at)
{
    for (int i = 0; i < STATEMENT_MAX && !is_border(tokens, at); i++, at--) {
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
static void around_read(const struct source_tokens *tokens, struct range range,
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
            range = (struct range){before, range.last + 1};
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
static void sizes_read(const struct source_tokens *tokens, struct range range,
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
                          struct range *found)
{
    size_t close = source_token_close(tokens, open);
    size_t from = open + 1;
    uint32_t number = 0;
    for (size_t i = from; close != SOURCE_TOKEN_NONE && i <= close; i++) {
        if (i == close || source_token_is(tokens, i, ",")) {
            if (number == wanted && i > from) {
                *found = (struct range){from, i - 1};
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

static size_t call_bracket(const struct source_tokens *tokens, struct range range)
{
    return source_token_is(tokens, range.last, ")") ? source_token_open(tokens, range.last)
                                                    : SOURCE_TOKEN_NONE;
}

/* Memory that comes back through a pointer to what takes it. */
static void argument_read(const struct source_tokens *tokens, struct range range, uint32_t argument,
                          struct source_call *call)
{
    struct range at;
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

static void arguments_read(const struct source_tokens *tokens, struct range range,
                           struct source_call *call)
{
    size_t open = call_bracket(tokens, range);
    struct range first;
    if (open == SOURCE_TOKEN_NONE || open <= range.first) {
        return;
    }
    sizes_read(tokens, (struct range){open + 1, range.last - 1}, call);
    if (source_token_is_word(tokens, open - 1) && is_resizing(tokens->rows[open - 1].text) &&
        argument_find(tokens, open, 0, &first)) {
        (void)source_path_read(tokens, first.first, first.last + 1, &call->resized);
    }
}

bool source_call_read(const struct source_tokens *tokens, const struct source_wanted *wanted,
                      struct source_call *call)
{
    struct source_call found = {.role = SOURCE_UNKNOWN};
    struct range range = {0};
    unsigned count = call_find(tokens, wanted, &range);
    if (count > 1 || (count == 0 && (wanted->argument != SOURCE_ARGUMENT_NONE ||
                                     !statement_find(tokens, wanted->line, &range)))) {
        return false;
    }
    found.end = range.last + 1;
    if (source_token_is(tokens, range.first, "new")) {
        (void)new_read(tokens, range.first, &found.created);
    } else {
        arguments_read(tokens, range, &found);
    }
    bool is_given_out = source_token_is(tokens, range.first, "posix_memalign");
    uint32_t argument = is_given_out ? 0 : wanted->argument;
    if (argument != SOURCE_ARGUMENT_NONE) {
        argument_read(tokens, range, argument, &found);
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
            around_read(tokens, (struct range){i, i}, &found);
        }
        if (found.role != SOURCE_UNKNOWN) {
            *later = found;
            return found.role;
        }
    }
    return SOURCE_UNKNOWN;
}
