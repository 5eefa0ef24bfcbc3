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

#define DIGITS            "0123456789"
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
    if (has_default && memmem(text, len, "${", 2) != NULL) {
        config_mistake(config, expansion->node,
                       "a variable's default must not have a variable in it");
        return -EINVAL;
    }
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
        config_mistake(config, node,
                       real == NULL && node != NULL ? "this refers to an anchor that is not there"
                                                    : "a single value is expected here");
        return -EINVAL;
    }
    size_t len = 0;
    char *copy = NULL;
    const char *text = fy_node_get_scalar(real, &len);
    struct expansion expansion = {.config = config, .node = node};
    if (text == NULL) {
        len = 0; /* nothing was written */
    }
    if (len > TEXT_MAX || (len > 0 && memchr(text, '\0', len) != NULL)) {
        config_mistake(config, node, "%s",
                       len > TEXT_MAX ? "the value is longer than 64 KiB"
                                      : "there is a NUL in the value");
        return -EINVAL;
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
    if (text[0] == '\0' || strspn(text, DIGITS "+-.eE") != strlen(text)) {
        return false; /* strtod takes hexadecimal digits and names, too */
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

/*
 * A number with a unit, as in a duration or a size: digits and a point, as Go has them, and neither
 * exponents nor hexadecimal digits. Returns what is behind it, or NULL.
 */
static const char *part_read(const char *text, const struct unit *units, double *value)
{
    size_t whole = strspn(text, DIGITS);
    const char *end = text + whole;
    size_t fraction = *end == '.' ? strspn(end + 1, DIGITS) : 0;
    if (whole + fraction == 0) {
        return NULL;
    }
    end += *end == '.' ? fraction + 1 : 0;
    double number = strtod(text, NULL); /* stops at the unit: none begins with an e */
    size_t len = strcspn(end, DIGITS ".");
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
    static const struct unit units[] = {{"ns", 1},          {"us", 1e3},   {"\xc2\xb5s", 1e3},
                                        {"\xce\xbcs", 1e3}, {"ms", 1e6},   {"s", 1e9},
                                        {"m", 60e9},        {"h", 3600e9}, {NULL, 0}};
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
    *ns = (uint64_t)round(sum); /* 1.001 s is a whole number of ns */
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

/* [-+]?[0-9]+, 0x[0-9a-fA-F]+ or 0o[0-7]+; false if it is none, or does not fit. */
static bool integer_read(const char *text, int64_t *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    int base = 10;
    if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0o", 2) == 0) {
        base = text[1] == 'x' ? 16 : 8;
        digits = text + 2;
    }
    if (!isxdigit((unsigned char)*digits)) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    long long read = strtoll(base == 10 ? text : digits, &end, base);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *value = read;
    return true;
}

/* By YAML's core schema, where infinities and what is no number stay text. */
void config_scalar_of(const struct config_text *text, struct config_scalar *out)
{
    *out = (struct config_scalar){.kind = CONFIG_SCALAR_STRING, .text = text->text};
    if (!text->is_plain) {
        return;
    }
    if (config_bool_read(text->text, &out->boolean)) {
        out->kind = CONFIG_SCALAR_BOOL;
    } else if (integer_read(text->text, &out->integer)) {
        out->kind = CONFIG_SCALAR_INT;
    } else if (config_double_read(text->text, &out->number)) {
        out->kind = CONFIG_SCALAR_DOUBLE;
    }
}
