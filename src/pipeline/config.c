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

#define TEXT_BYTES_MAX  (UINT64_C(1) << 20)
#define CHUNK_BYTES     ((size_t)4096)
#define ARENA_BYTES_MAX ((size_t)32 << 20)

/* What libfyaml takes for each byte of a document, by measurement and rounded up. */
#define DOCUMENT_FACTOR 40

SLU_PRINTF(4, 0)
static void mistake_put(struct config *config, uint32_t line, uint32_t column, const char *format,
                        va_list arguments)
{
    if (config->mistake_count < CONFIG_MISTAKES_MAX) {
        struct slu_diag *diag = &config->mistakes[config->mistake_count];
        diag->line = line;
        diag->column = column;
        (void)vsnprintf(diag->message, sizeof(diag->message), format, arguments); /* may be cut */
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

/* The first scalar in a node: where it begins, as far as that can be told. */
static struct fy_token *first_token(struct fy_node *node)
{
    for (int depth = 0; node != NULL && depth < 64; depth++) {
        void *at = NULL;
        if (fy_node_is_scalar(node)) {
            return fy_node_get_scalar_token(node);
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

void config_mistake(struct config *config, const struct config_node *node, const char *format, ...)
{
    struct fy_token *token = node != NULL ? first_token((struct fy_node *)(uintptr_t)node) : NULL;
    const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;
    va_list arguments;
    va_start(arguments, format);
    mistake_put(config, mark != NULL ? (uint32_t)mark->line + 1 : 1,
                mark != NULL ? (uint32_t)mark->column + 1 : 1, format, arguments);
    va_end(arguments);
}

static void diag_swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

/* NULL without memory. */
static struct fy_diag *diag_make(void)
{
    struct fy_diag_cfg options;
    fy_diag_cfg_default(&options);
    options.fp = NULL;
    options.output_fn = diag_swallow;
    options.colorize = false;
    struct fy_diag *diag = fy_diag_create(&options);
    if (diag != NULL) {
        fy_diag_set_collect_errors(diag, true);
    }
    return diag;
}

static void diag_tell(struct config *config, struct fy_diag *diag)
{
    void *at = NULL;
    size_t before = config->mistake_count;
    const struct fy_diag_error *error = NULL;
    while ((error = fy_diag_errors_iterate(diag, &at)) != NULL) {
        config_mistake_at(config, error->line > 0 ? (uint32_t)error->line : 1,
                          error->column > 0 ? (uint32_t)error->column : 1, "%s", error->msg);
    }
    if (config->mistake_count == before) {
        config_mistake_at(config, 1, 1, "this is no YAML");
    }
}

/* What libfyaml is not shown: NUL and text that is not UTF-8. True if that was told. */
static bool text_is_bad(struct config *config, struct slu_bytes text)
{
    const char *at = text.data;
    uint32_t line = 1;
    uint32_t column = 1;
    if (text.len > TEXT_BYTES_MAX) {
        config_mistake_at(config, 1, 1, "the file is larger than 1 MiB");
        return true;
    }
    for (size_t i = 0; i < text.len;) {
        uint32_t code = 0;
        size_t len = utf8_decode(at + i, text.len - i, &code);
        if (code == 0 || code == UTF8_INVALID) {
            config_mistake_at(config, line, column,
                              code == 0 ? "there is a NUL byte here" : "this is not UTF-8");
            return true;
        }
        column = at[i] == '\n' ? 1 : column + (uint32_t)len;
        line += at[i] == '\n';
        i += len;
    }
    return false;
}

static int document_build(struct config *config, const char *text, size_t len)
{
    struct fy_diag *diag = diag_make();
    if (diag == NULL) {
        return -ENOMEM;
    }
    struct fy_parse_cfg options = {
        .search_path = "", .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    config->document = fy_document_build_from_string(&options, text, len);
    if (config->document == NULL) {
        diag_tell(config, diag);
    }
    fy_diag_destroy(diag);
    return 0;
}

static int document_open(struct config *config, struct slu_bytes text)
{
    char *copy = NULL;
    if (text_is_bad(config, text) || text.len == 0) {
        return 0;
    }
    int err = slu_arena_copy(config->arena, text.data, text.len, &copy);
    if (err == 0) {
        err = slu_budget_charge(config->budget, text.len * DOCUMENT_FACTOR);
    }
    if (err == 0) {
        config->charged_bytes = text.len * DOCUMENT_FACTOR;
        err = document_build(config, copy, text.len);
    }
    return err;
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
        err = document_open(config, source->text);
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
        return real != NULL;
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

bool config_next(struct config *config, const struct config_node *node, size_t *at,
                 const char **key, const struct config_node **key_node,
                 const struct config_node **value)
{
    struct fy_node *mapping = config_real_node(node);
    if (!config_is_given(node)) {
        return false;
    }
    if (!fy_node_is_mapping(mapping)) {
        if (*at == 0) {
            config_mistake(config, node, "a mapping is expected here: lines of \"key: value\"");
        }
        *at = 1;
        return false;
    }
    void *place = (void *)*at; /* libfyaml's own way of counting */
    struct fy_node_pair *pair = fy_node_mapping_iterate(mapping, &place);
    *at = (size_t)place;
    if (pair == NULL) {
        return false;
    }
    struct config_text text;
    *key_node = node_of(fy_node_pair_key(pair));
    *value = node_of(fy_node_pair_value(pair));
    struct fy_node *name = config_real_node(*key_node);
    size_t len = 0;
    const char *bytes =
        name != NULL && fy_node_is_scalar(name) ? fy_node_get_scalar(name, &len) : NULL;
    char *copy = NULL;
    (void)text;
    if (bytes == NULL || slu_arena_copy(config->arena, bytes, len, &copy) != 0) {
        config_mistake(config, *key_node, "a key must be a name");
        return config_next(config, node, at, key, key_node, value);
    }
    *key = copy;
    return true;
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
