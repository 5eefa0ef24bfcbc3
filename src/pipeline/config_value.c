/* Scalars of a configuration: variables, and what their text stands for. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/arena.h>

#include "base/block.h"
#include "pipeline/config_document.h"

#define VARIABLE_NAME_MAX 128
#define TEXT_MAX          ((size_t)64 * 1024) /* of one value, with its variables */

/* A value while its variables are being put in. */
struct expansion {
    struct config *config;
    const struct config_node *node;
    struct block text;
};

static int text_add(struct expansion *expansion, const char *bytes, size_t len)
{
    if (expansion->text.len + len > TEXT_MAX) {
        config_mistake(expansion->config, expansion->node, "the value is longer than 64 KiB");
        return -EINVAL;
    }
    int err = 0;
    if (expansion->text.data == NULL) {
        err = block_begin(expansion->config->budget, len + 1, &expansion->text);
    }
    return err == 0 ? block_append(expansion->config->budget, &expansion->text, bytes, len) : err;
}

static bool is_name_character(char character)
{
    return isalnum((unsigned char)character) || character == '_';
}

/* Put in what stands between the braces: NAME, env:NAME or env:NAME:-default. */
static int variable_add(struct expansion *expansion, const char *text, size_t len)
{
    struct config *config = expansion->config;
    char name[VARIABLE_NAME_MAX];
    size_t name_len = 0;
    if (len > 4 && memcmp(text, "env:", 4) == 0) {
        text += 4;
        len -= 4;
    }
    while (name_len < len && is_name_character(text[name_len])) {
        name_len++;
    }
    bool has_default = len >= name_len + 2 && memcmp(text + name_len, ":-", 2) == 0;
    if (name_len == 0 || name_len >= sizeof(name) || (name_len < len && !has_default)) {
        config_mistake(config, expansion->node,
                       "\"${%.*s}\" is no variable; write ${NAME}, ${env:NAME:-default}, or $$ for"
                       " a dollar sign",
                       (int)(len < 100 ? len : 100), text);
        return -EINVAL;
    }
    memcpy(name, text, name_len);
    name[name_len] = '\0';
    const char *value =
        config->variable != NULL ? config->variable(config->variable_arg, name) : NULL;
    if (value != NULL) {
        return text_add(expansion, value, strlen(value));
    }
    if (has_default) {
        return text_add(expansion, text + name_len + 2, len - name_len - 2);
    }
    config_mistake(config, expansion->node,
                   "the environment has no variable %s; set it, or write ${env:%s:-default}", name,
                   name);
    return -EINVAL;
}

static int text_expand(struct expansion *expansion, const char *text, size_t len)
{
    int err = 0;
    for (size_t i = 0; i < len && err == 0;) {
        const char *dollar = memchr(text + i, '$', len - i);
        size_t plain = dollar != NULL ? (size_t)(dollar - text) - i : len - i;
        err = text_add(expansion, text + i, plain);
        i += plain;
        if (err != 0 || dollar == NULL) {
            continue;
        }
        const char *end = i + 1 < len && text[i + 1] == '{' ? memchr(text + i, '}', len - i) : NULL;
        if (end != NULL) {
            err = variable_add(expansion, dollar + 2, (size_t)(end - dollar) - 2);
            i = (size_t)(end - text) + 1;
        } else {
            err = text_add(expansion, "$", 1);
            i += i + 1 < len && text[i + 1] == '$' ? 2 : 1;
        }
    }
    return err;
}

int config_text_read(struct config *config, const struct config_node *node, struct config_text *out)
{
    struct fy_node *real = config_real_node(node);
    if (real == NULL || !fy_node_is_scalar(real)) {
        config_mistake(config, node, "a single value is expected here");
        return -EINVAL;
    }
    size_t len = 0;
    char *copy = NULL;
    const char *text = fy_node_get_scalar(real, &len);
    struct expansion expansion = {.config = config, .node = node};
    if (text == NULL) {
        len = 0; /* nothing was written */
    }
    int err = text_expand(&expansion, text, len);
    if (err == 0) {
        err = slu_arena_copy(config->arena, expansion.text.data, expansion.text.len, &copy);
    }
    if (err == 0) {
        *out = (struct config_text){.text = copy,
                                    .len = expansion.text.len,
                                    .is_plain = fy_node_get_style(real) == FYNS_PLAIN};
    }
    block_free(config->budget, &expansion.text);
    return err;
}

bool config_uint_read(const char *text, uint64_t *value)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    errno = 0;
    unsigned long long read = strtoull(text, &end, base);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *value = read;
    return true;
}

bool config_double_read(const char *text, double *value)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]) && strchr("+-.", text[0]) == NULL) {
        return false;
    }
    double read = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(read)) {
        return false;
    }
    *value = read;
    return true;
}

bool config_bool_read(const char *text, bool *value)
{
    static const char *const words[2][3] = {{"false", "False", "FALSE"}, {"true", "True", "TRUE"}};
    for (int i = 0; i < 6; i++) {
        if (strcmp(text, words[i / 3][i % 3]) == 0) {
            *value = i / 3 == 1;
            return true;
        }
    }
    return false;
}

struct unit {
    const char *name;
    double factor;
};

/* A number with a unit, as in a duration or a size. Returns what is behind it, or NULL. */
static const char *part_read(const char *text, const struct unit *units, double *value)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]) && text[0] != '.') {
        return NULL;
    }
    double number = strtod(text, &end);
    size_t len = strspn(end, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\xc2\xb5");
    for (; units->name != NULL; units++) {
        if (strlen(units->name) == len && memcmp(units->name, end, len) == 0) {
            *value = number * units->factor;
            return end + len;
        }
    }
    return NULL;
}

/* Go's durations. */
bool config_duration_read(const char *text, uint64_t *ns)
{
    static const struct unit units[] = {{"ns", 1},  {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"ms", 1e6},
                                        {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},      {NULL, 0}};
    double sum = 0;
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return true;
    }
    const char *at = text;
    do {
        double value = 0;
        at = part_read(at, units, &value);
        sum += value;
    } while (at != NULL && *at != '\0');
    if (at == NULL || sum >= 0x1p63) {
        return false;
    }
    *ns = (uint64_t)sum;
    return true;
}

bool config_size_read(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {{"", 1},         {"B", 1},        {"KB", 1e3},
                                        {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
                                        {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
                                        {"TiB", 0x1p40}, {NULL, 0}};
    double value = 0;
    const char *end = part_read(text, units, &value);
    if (end == NULL || *end != '\0' || value >= 0x1p63) {
        return false;
    }
    *bytes = (uint64_t)value;
    return true;
}

/* By YAML's core schema. */
void config_scalar_of(const struct config_text *text, struct config_scalar *out)
{
    char *end = NULL;
    *out = (struct config_scalar){.kind = CONFIG_SCALAR_STRING, .text = text->text};
    if (!text->is_plain) {
        return;
    }
    if (config_bool_read(text->text, &out->boolean)) {
        out->kind = CONFIG_SCALAR_BOOL;
        return;
    }
    errno = 0;
    long long integer = strtoll(text->text, &end, 10);
    if (end != text->text && *end == '\0' && errno == 0) {
        out->kind = CONFIG_SCALAR_INT;
        out->integer = integer;
    } else if (config_double_read(text->text, &out->number)) {
        out->kind = CONFIG_SCALAR_DOUBLE;
    }
}
