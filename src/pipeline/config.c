#include "pipeline/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>

#include "base/nearest.h"
#include "base/utf8.h"
#include "pipeline/config_document.h"

#define CHUNK_BYTES     ((size_t)4096)
#define ARENA_BYTES_MAX ((size_t)32 << 20)
#define DEPTH_MAX       64 /* libfyaml's own */

/* What a message quotes comes from the file, and a message is shown on terminals, in one line. */
static void message_clean(char *message)
{
    size_t left = strlen(message);
    while (left > 0) {
        uint32_t code = 0;
        size_t len = utf8_decode(message, left, &code);
        bool is_shown = code != UTF8_INVALID && code >= ' ' && !(code >= 0x7f && code <= 0x9f);
        if (!is_shown) {
            memset(message, '?', len); /* a character that was cut, or of control */
        }
        message += len;
        left -= len;
    }
}

SLU_PRINTF(4, 0)
static void mistake_put(struct config *config, uint32_t line, uint32_t column, const char *format,
                        va_list arguments)
{
    if (config->mistake_count < CONFIG_MISTAKES_MAX) {
        struct slu_diag *diag = &config->mistakes[config->mistake_count];
        diag->line = line;
        diag->column = column;
        (void)vsnprintf(diag->message, sizeof(diag->message), format, arguments); /* may be cut */
        message_clean(diag->message);
    }
    config->mistake_count++;
    config->is_sorted = false;
}

void config_mistake_at(struct config *config, uint32_t line, uint32_t column, const char *format,
                       ...)
{
    va_list arguments;
    va_start(arguments, format);
    mistake_put(config, line, column, format, arguments);
    va_end(arguments);
}

/* The first scalar in a node, or NULL: an empty collection has none. */
static struct fy_node *first_scalar(struct fy_node *node)
{
    for (int depth = 0; node != NULL && depth < DEPTH_MAX; depth++) {
        void *at = NULL;
        if (fy_node_is_scalar(node)) {
            return node;
        }
        if (fy_node_is_sequence(node)) {
            node = fy_node_sequence_iterate(node, &at);
        } else {
            struct fy_node_pair *pair = fy_node_mapping_iterate(node, &at);
            node = pair != NULL ? fy_node_pair_key(pair) : NULL;
        }
    }
    return NULL;
}

/* Where a node begins; NULL: libfyaml does not know of one that is empty. */
static const struct fy_mark *mark_of(struct fy_node *node)
{
    struct fy_node *scalar = first_scalar(node);
    struct fy_token *token = scalar != NULL ? fy_node_get_scalar_token(scalar) : NULL;
    return token != NULL ? fy_token_start_mark(token) : NULL;
}

/* The key that a value has in the mapping around it, or NULL. */
static struct fy_node *key_of(struct fy_node *mapping, const struct fy_node *value)
{
    void *at = NULL;
    struct fy_node_pair *pair = NULL;
    while ((pair = fy_node_mapping_iterate(mapping, &at)) != NULL) {
        if (fy_node_pair_value(pair) == value) {
            return fy_node_pair_key(pair);
        }
    }
    return NULL;
}

/* Where to look for a node: at itself, or at the nearest key above it. */
static const struct fy_mark *place_of(struct fy_node **node)
{
    const struct fy_mark *mark = mark_of(*node);
    for (int depth = 0; mark == NULL && *node != NULL && depth < DEPTH_MAX; depth++) {
        struct fy_node *parent = fy_node_get_parent(*node);
        struct fy_node *key =
            parent != NULL && fy_node_is_mapping(parent) ? key_of(parent, *node) : NULL;
        mark = mark_of(key);
        *node = mark != NULL ? key : parent;
    }
    return mark;
}

void config_mistake(struct config *config, const struct config_node *node, const char *format, ...)
{
    struct fy_node *at = (struct fy_node *)(uintptr_t)node;
    const struct fy_mark *mark = place_of(&at);
    uint32_t line = 1;
    uint32_t column = 1;
    if (mark != NULL && config->mistake_count < CONFIG_MISTAKES_MAX) {
        enum fy_node_style style = fy_node_get_style(first_scalar(at));
        bool has_sign = style == FYNS_DOUBLE_QUOTED || style == FYNS_SINGLE_QUOTED ||
                        style == FYNS_ALIAS; /* libfyaml's place is behind it */
        line = (uint32_t)mark->line + 1;
        column = (uint32_t)mark->column + 1 - (has_sign && mark->column > 0);
        column = config_column_bytes(config, line, column);
    }
    va_list arguments;
    va_start(arguments, format);
    mistake_put(config, line, column, format, arguments);
    va_end(arguments);
}

int config_parse(struct slu_budget *budget, const struct config_source *source, struct config **out)
{
    void *memory = NULL;
    char *name = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct config), &memory);
    if (err != 0) {
        return err;
    }
    struct config *config = memory;
    struct slu_arena_options options = {.chunk_bytes = CHUNK_BYTES, .limit_bytes = ARENA_BYTES_MAX};
    config->budget = budget;
    config->variable = source->variable;
    config->variable_arg = source->variable_arg;
    err = slu_arena_create(budget, &options, NULL, &config->arena);
    if (err == 0) {
        err = slu_arena_copy(config->arena, source->name, strlen(source->name), &name);
    }
    if (err == 0) {
        config->name = name;
        err = config_document_open(config, source->text);
    }
    if (err != 0) {
        config_destroy(&config);
        return err;
    }
    *out = config;
    return 0;
}

void config_destroy(struct config **out)
{
    struct config *config = *out;
    if (config == NULL) {
        return;
    }
    if (config->document != NULL) {
        fy_document_destroy(config->document);
    }
    slu_budget_release(config->budget, config->charged_bytes);
    slu_arena_destroy(&config->arena);
    slu_budget_free(config->budget, config, sizeof(*config));
    *out = NULL;
}

struct fy_node *config_real_node(const struct config_node *node)
{
    struct fy_node *real = (struct fy_node *)(uintptr_t)node;
    for (int i = 0; real != NULL && fy_node_is_alias(real); i++) {
        real = i < 16 ? fy_node_resolve_alias(real) : NULL;
    }
    return real;
}

bool config_is_given(const struct config_node *node)
{
    struct fy_node *real = config_real_node(node);
    if (real == NULL || !fy_node_is_scalar(real)) {
        return node != NULL; /* an alias of nothing is a mistake, and not nothing */
    }
    size_t len = 0;
    const char *text = fy_node_get_scalar(real, &len);
    bool is_null = len == 0 || (len == 1 && text[0] == '~') ||
                   (len == 4 && (memcmp(text, "null", 4) == 0 || memcmp(text, "Null", 4) == 0 ||
                                 memcmp(text, "NULL", 4) == 0));
    return !(is_null && fy_node_get_style(real) == FYNS_PLAIN);
}

static const struct config_node *node_of(struct fy_node *node)
{
    return (const struct config_node *)node;
}

const struct config_node *config_root(const struct config *config)
{
    return config->document != NULL ? node_of(fy_document_root(config->document)) : NULL;
}

/* The next pair of a mapping, whose `at` is libfyaml's own way of counting. */
static struct fy_node_pair *pair_next(struct fy_node *mapping, size_t *at)
{
    void *place = (void *)*at;
    struct fy_node_pair *pair = fy_node_mapping_iterate(mapping, &place);
    *at = (size_t)place;
    return pair;
}

/* A key's name, as long as the configuration; NULL if a mistake was told, or the arena is full. */
static const char *key_read(struct config *config, const struct config_node *node)
{
    struct fy_node *name = config_real_node(node);
    size_t len = 0;
    char *copy = NULL;
    const char *text =
        name != NULL && fy_node_is_scalar(name) ? fy_node_get_scalar(name, &len) : NULL;
    if (text == NULL || memchr(text, '\0', len) != NULL) {
        config_mistake(config, node, "a key must be a name");
        return NULL;
    }
    int err = slu_arena_copy(config->arena, text, len, &copy);
    config->failure = config->failure == 0 ? err : config->failure;
    return err == 0 ? copy : NULL;
}

bool config_next(struct config *config, const struct config_node *node, size_t *at,
                 const char **key, const struct config_node **key_node,
                 const struct config_node **value)
{
    struct fy_node *mapping = config_real_node(node);
    struct fy_node_pair *pair = NULL;
    if (!config_is_given(node)) {
        return false;
    }
    if (mapping == NULL || !fy_node_is_mapping(mapping)) {
        if (*at == 0) {
            config_mistake(config, node,
                           mapping == NULL ? "this refers to an anchor that is not there"
                                           : "a mapping is expected here: lines of \"key: value\"");
        }
        *at = 1;
        return false;
    }
    while (config->failure == 0 && (pair = pair_next(mapping, at)) != NULL) {
        const char *name = key_read(config, node_of(fy_node_pair_key(pair)));
        if (name != NULL) {
            *key = name;
            *key_node = node_of(fy_node_pair_key(pair));
            *value = node_of(fy_node_pair_value(pair));
            return true;
        }
    }
    return false;
}

int config_failure(const struct config *config)
{
    return config->failure;
}

const struct config_node *config_child(const struct config_node *node, const char *key)
{
    struct fy_node *mapping = config_real_node(node);
    if (mapping == NULL || !fy_node_is_mapping(mapping)) {
        return NULL;
    }
    void *at = NULL;
    struct fy_node_pair *pair = NULL;
    while ((pair = fy_node_mapping_iterate(mapping, &at)) != NULL) {
        struct fy_node *name = fy_node_pair_key(pair);
        size_t len = 0;
        const char *text =
            name != NULL && fy_node_is_scalar(name) ? fy_node_get_scalar(name, &len) : NULL;
        if (text != NULL && len == strlen(key) && memcmp(text, key, len) == 0) {
            return node_of(fy_node_pair_value(pair));
        }
    }
    return NULL;
}

const char *config_nearest(const char *name, const char *const *names)
{
    struct nearest nearest = {.wanted = name, .wanted_len = strlen(name)};
    for (; *names != NULL; names++) {
        nearest_offer(&nearest, *names, *names);
    }
    return nearest.best;
}

size_t config_mistake_count(const struct config *config)
{
    return config->mistake_count;
}

static int by_place(const void *a, const void *b)
{
    const struct slu_diag *one = a;
    const struct slu_diag *other = b;
    if (one->line != other->line) {
        return one->line < other->line ? -1 : 1;
    }
    if (one->column != other->column) {
        return one->column < other->column ? -1 : 1;
    }
    return strcmp(one->message, other->message);
}

const struct slu_diag *config_mistakes(struct config *config, size_t *kept_count)
{
    size_t kept =
        config->mistake_count < CONFIG_MISTAKES_MAX ? config->mistake_count : CONFIG_MISTAKES_MAX;
    if (!config->is_sorted) {
        qsort(config->mistakes, kept, sizeof(config->mistakes[0]), by_place);
        config->is_sorted = true;
    }
    *kept_count = kept;
    return config->mistakes;
}

const char *config_name(const struct config *config)
{
    return config->name;
}
