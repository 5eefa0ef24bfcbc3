#include "symbol/source_type.h"

#include <string.h>

#include "base/sink.h"
#include "symbol/source_tokens.h"

#define PATH_DEPTH_MAX  6
#define PATH_TOKENS_MAX 128
#define NAME_TOKENS_MAX 8

/* How often each word of a number's type was said. */
struct number_words {
    unsigned is_unsigned;
    unsigned is_signed;
    unsigned longs;
    unsigned shorts;
    unsigned chars;
    unsigned ints;
    unsigned floats;
    unsigned doubles;
    unsigned bools;
};

static bool is_one_of(struct slu_bytes word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (source_bytes_are(word, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_qualifier(const struct source_tokens *tokens, size_t at)
{
    static const char *const words[] = {
        "const",        "volatile",      "restrict", "__restrict", "struct",   "class",
        "union",        "enum",          "typename", "register",   "static",   "extern",
        "thread_local", "_Thread_local", "_Atomic",  "inline",     "constexpr"};
    return source_token_is_word(tokens, at) &&
           is_one_of(tokens->rows[at].text, words, sizeof(words) / sizeof(words[0]));
}

static bool is_keyword(struct slu_bytes word)
{
    static const char *const words[] = {"return", "else",  "do",    "case",  "goto",
                                        "sizeof", "throw", "if",    "while", "for",
                                        "switch", "new",   "delete"};
    return is_one_of(word, words, sizeof(words) / sizeof(words[0]));
}

static bool number_word_add(struct number_words *words, struct slu_bytes word)
{
    const struct {
        const char *text;
        unsigned *count;
    } known[] = {
        {"unsigned", &words->is_unsigned}, {"signed", &words->is_signed}, {"long", &words->longs},
        {"short", &words->shorts},         {"char", &words->chars},       {"int", &words->ints},
        {"float", &words->floats},         {"double", &words->doubles},   {"bool", &words->bools},
        {"_Bool", &words->bools},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (source_bytes_are(word, known[i].text)) {
            ++*known[i].count;
            return true;
        }
    }
    return false;
}

/* One name for all orders of words. */
static void number_write(const struct number_words *words, struct sink *out)
{
    if (words->bools > 0 || words->floats > 0) {
        sink_text(out, words->bools > 0 ? "bool" : "float");
    } else if (words->doubles > 0) {
        sink_text(out, words->longs > 0 ? "long double" : "double");
    } else if (words->chars > 0) {
        sink_text(out, words->is_unsigned > 0 ? "unsigned char"
                       : words->is_signed > 0 ? "signed char"
                                              : "char");
    } else {
        sink_text(out, words->is_unsigned > 0 ? "unsigned " : "");
        sink_text(out, words->shorts > 0  ? "short"
                       : words->longs > 1 ? "long long"
                       : words->longs > 0 ? "long"
                                          : "int");
    }
}

/* Behind ns::name<arguments>; `from` if there is no name. */
static size_t name_end(const struct source_tokens *tokens, size_t from)
{
    size_t at = from + source_token_is(tokens, from, "::");
    for (int i = 0; i < NAME_TOKENS_MAX; i++) {
        if (!source_token_is_word(tokens, at) || is_keyword(tokens->rows[at].text)) {
            return from;
        }
        at++;
        if (source_token_is(tokens, at, "<")) {
            size_t close = source_token_close_angle(tokens, at);
            if (close == SOURCE_TOKEN_NONE) {
                return at;
            }
            at = close + 1;
        }
        if (!source_token_is(tokens, at, "::")) {
            return at;
        }
        at++;
    }
    return from;
}

static size_t qualifiers_skip(const struct source_tokens *tokens, size_t at)
{
    while (is_qualifier(tokens, at)) {
        at++;
    }
    return at;
}

/* The name at `*at`; it stays empty if there is none. */
static void name_read(const struct source_tokens *tokens, size_t *at, struct sink *out)
{
    struct number_words words = {0};
    size_t start = *at;
    while (source_token_is_word(tokens, *at) &&
           (is_qualifier(tokens, *at) || number_word_add(&words, tokens->rows[*at].text))) {
        ++*at;
    }
    static const struct number_words none;
    if (memcmp(&words, &none, sizeof(words)) != 0) {
        number_write(&words, out);
        return;
    }
    *at = start;
    size_t end = name_end(tokens, start);
    for (; *at < end; ++*at) {
        if (*at > start || !source_token_is(tokens, *at, "::")) {
            sink_put(out, tokens->rows[*at].text.data, tokens->rows[*at].text.len);
        }
    }
}

static size_t type_take(const struct source_tokens *tokens, size_t from, struct source_type *type)
{
    struct sink name;
    size_t at = qualifiers_skip(tokens, from);
    *type = (struct source_type){.name = ""};
    sink_init_fixed(&name, type->name, sizeof(type->name));
    name_read(tokens, &at, &name);
    if (sink_end(&name) != 0 || name.len == 0) {
        type->name[0] = '\0';
        return from;
    }
    at = qualifiers_skip(tokens, at);
    while (source_token_is(tokens, at, "*")) {
        type->stars++;
        at = qualifiers_skip(tokens, at + 1);
    }
    return at;
}

bool source_type_read(const struct source_tokens *tokens, size_t from, size_t end,
                      struct source_type *type)
{
    struct source_type found;
    if (from >= end || type_take(tokens, from, &found) != end) {
        return false;
    }
    *type = found;
    return true;
}

size_t source_type_end(const struct source_tokens *tokens, size_t from)
{
    struct source_type type;
    return type_take(tokens, from, &type);
}

/* A name is short: its own few tokens stand on the stack. */
bool source_type_of_name(struct slu_bytes name, struct source_type *type)
{
    struct number_words words = {0};
    struct sink out;
    const char *at = name.data;
    const char *end = at + name.len;
    bool is_number = name.len > 0;
    *type = (struct source_type){.name = ""};
    sink_init_fixed(&out, type->name, sizeof(type->name));
    while (at < end && is_number) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const char *word_end = blank == NULL ? end : blank;
        is_number = number_word_add(&words, (struct slu_bytes){at, (size_t)(word_end - at)});
        at = blank == NULL ? end : blank + 1;
    }
    if (is_number) {
        number_write(&words, &out);
    }
    for (size_t i = 0; !is_number && i < name.len; i++) {
        char character = ((const char *)name.data)[i];
        if (character != ' ') {
            sink_char(&out, character);
        }
    }
    return sink_end(&out) == 0 && out.len > 0;
}

bool source_path_add(struct source_path *path, struct slu_bytes member)
{
    if (path->count == SOURCE_STEPS_MAX) {
        return false;
    }
    path->steps[path->count++].member = member;
    return true;
}

/* .name, ->name and [index] up to `end`. */
static bool steps_read(const struct source_tokens *tokens, size_t at, size_t end,
                       struct source_path *path)
{
    static const struct slu_bytes element = {"", 0};
    while (at < end) {
        if (source_token_is(tokens, at, "[")) {
            size_t close = source_token_close(tokens, at);
            if (close >= end || !source_path_add(path, element)) {
                return false;
            }
            at = close + 1;
        } else if ((source_token_is(tokens, at, ".") || source_token_is(tokens, at, "->")) &&
                   at + 1 < end && source_token_is_word(tokens, at + 1)) {
            if (!source_path_add(path, tokens->rows[at + 1].text)) {
                return false;
            }
            at += 2;
        } else {
            return false;
        }
    }
    return true;
}

/* Recursion is bounded by PATH_DEPTH_MAX. */
static bool path_read(const struct source_tokens *tokens, size_t from, size_t end,
                      struct source_path *path, unsigned depth)
{
    size_t stars = 0;
    for (; from < end && source_token_is(tokens, from, "*"); from++) {
        stars++;
    }
    if (from >= end || depth == PATH_DEPTH_MAX) {
        return false;
    }
    size_t next = from + 1;
    if (source_token_is(tokens, from, "(")) {
        size_t close = source_token_close(tokens, from);
        if (close >= end || !path_read(tokens, from + 1, close, path, depth + 1)) {
            return false;
        }
        next = close + 1;
    } else {
        while (next + 1 < end && source_token_is(tokens, next, "::")) {
            next += 2;
        }
        if (!source_token_is_word(tokens, next - 1) || is_keyword(tokens->rows[next - 1].text)) {
            return false;
        }
        path->base = tokens->rows[next - 1].text;
    }
    if (!steps_read(tokens, next, end, path)) {
        return false;
    }
    for (; stars > 0; stars--) {
        if (!source_path_add(path, (struct slu_bytes){"", 0})) {
            return false;
        }
    }
    return true;
}

bool source_path_read(const struct source_tokens *tokens, size_t from, size_t end,
                      struct source_path *path)
{
    struct source_path found = {.count = 0};
    if (!path_read(tokens, from, end, &found, 0)) {
        return false;
    }
    *path = found;
    return true;
}

size_t source_path_start(const struct source_tokens *tokens, size_t end)
{
    size_t at = end - 1;
    for (int i = 0; i < PATH_TOKENS_MAX && at < tokens->count; i++) {
        if (source_token_is(tokens, at, "]")) {
            at = source_token_open(tokens, at) - 1;
        } else if (source_token_is(tokens, at, ")")) {
            at = source_token_open(tokens, at);
            return at == SOURCE_TOKEN_NONE || source_token_is_word(tokens, at - 1)
                       ? SOURCE_TOKEN_NONE
                       : at;
        } else if (!source_token_is_word(tokens, at)) {
            return SOURCE_TOKEN_NONE;
        } else if (source_token_is(tokens, at - 1, ".") || source_token_is(tokens, at - 1, "->")) {
            at -= 2;
        } else if (source_token_is(tokens, at - 1, "::") && source_token_is_word(tokens, at - 2)) {
            at -= 2;
        } else {
            return at;
        }
    }
    return SOURCE_TOKEN_NONE;
}
