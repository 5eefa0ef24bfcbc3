#include "pipeline/attribute_actions.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "match/regex.h"
#include "net/digest.h"
#include "wire/otlp_image.h"

#define GROUPS_MAX 16
#define NUMBER_MAX 64

enum action_kind {
    ACTION_INSERT,
    ACTION_UPDATE,
    ACTION_UPSERT,
    ACTION_DELETE,
    ACTION_HASH,
    ACTION_EXTRACT,
    ACTION_CONVERT,
};

static const char *const action_names[] = {"insert", "update",  "upsert",  "delete",
                                           "hash",   "extract", "convert", NULL};

enum converted_type {
    CONVERT_STRING,
    CONVERT_INT,
    CONVERT_DOUBLE
};

static const char *const type_names[] = {"string", "int", "double", NULL};

struct action_options {
    const char *key;
    unsigned action;
    struct config_scalar value;
    const char *from_attribute;
    const char *pattern;
    unsigned converted_type;
};

static const struct config_field fields[] = {
    {.key = "key", .kind = CONFIG_STRING, .offset = offsetof(struct action_options, key)},
    {.key = "action",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct action_options, action),
     .choices = action_names,
     .is_required = true},
    {.key = "value", .kind = CONFIG_SCALAR, .offset = offsetof(struct action_options, value)},
    {.key = "from_attribute",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct action_options, from_attribute)},
    {.key = "pattern", .kind = CONFIG_STRING, .offset = offsetof(struct action_options, pattern)},
    {.key = "converted_type",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct action_options, converted_type),
     .choices = type_names},
};

const struct config_object attribute_action_object = {
    .what = "an action",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct action_options),
};

struct action {
    const struct action_options *options;
    struct slu_bytes key;
    struct slu_bytes from;
    struct otlp_value value;
    struct regex *regex; /* of `pattern`; NULL: none */
};

struct attribute_actions {
    size_t count;
    struct action items[];
};

static struct slu_bytes bytes_of(const char *text)
{
    return (struct slu_bytes){text, text != NULL ? strlen(text) : 0};
}

static struct otlp_value value_of(const struct config_scalar *scalar)
{
    switch (scalar->kind) {
    case CONFIG_SCALAR_BOOL:
        return (struct otlp_value){.kind = OTLP_VALUE_BOOL, .boolean = scalar->boolean};
    case CONFIG_SCALAR_INT:
        return (struct otlp_value){.kind = OTLP_VALUE_INT, .integer = scalar->integer};
    case CONFIG_SCALAR_DOUBLE:
        return (struct otlp_value){.kind = OTLP_VALUE_DOUBLE, .number = scalar->number};
    case CONFIG_SCALAR_STRING:
        return (struct otlp_value){.kind = OTLP_VALUE_STRING, .text = bytes_of(scalar->text)};
    default:
        return (struct otlp_value){.kind = OTLP_NIL};
    }
}

/* What an action lacks; NULL: nothing. */
static const char *missing(const struct action_options *options)
{
    bool needs_value = options->action <= ACTION_UPSERT;
    if (options->key == NULL && (options->action != ACTION_DELETE || options->pattern == NULL)) {
        return "key";
    }
    if (needs_value && options->value.kind == CONFIG_NO_SCALAR && options->from_attribute == NULL) {
        return "value, or a from_attribute";
    }
    if (options->action == ACTION_EXTRACT && options->pattern == NULL) {
        return "pattern with named groups";
    }
    return NULL;
}

static int action_init(struct slu_budget *budget, struct config *config,
                       const struct config_node *node, const struct action_options *options,
                       struct action *action)
{
    struct slu_diag diag = {0};
    const char *lacks = missing(options);
    if (lacks != NULL) {
        config_mistake(config, node, "the action %s needs a %s", action_names[options->action],
                       lacks);
        return -EINVAL;
    }
    action->options = options;
    action->key = bytes_of(options->key);
    action->from = bytes_of(options->from_attribute);
    action->value = value_of(&options->value);
    if (options->pattern == NULL) {
        return 0;
    }
    int err = regex_create(budget, bytes_of(options->pattern), &diag, &action->regex);
    if (err == -EINVAL) {
        config_mistake(config, node, "%s", diag.message);
    }
    return err;
}

int attribute_actions_create(struct slu_budget *budget, struct config *config,
                             const struct config_objects *options, struct attribute_actions **out)
{
    void *memory = NULL;
    size_t size = sizeof(struct attribute_actions) + options->count * sizeof(struct action);
    int err = slu_budget_alloc(budget, size, &memory);
    if (err != 0) {
        return err;
    }
    struct attribute_actions *actions = memory;
    const struct action_options *items = options->items;
    int result = 0;
    actions->count = options->count;
    for (size_t i = 0; i < options->count; i++) {
        err = action_init(budget, config, options->nodes[i], &items[i], &actions->items[i]);
        result = err != 0 ? err : result;
    }
    if (result != 0) {
        attribute_actions_destroy(budget, &actions);
        return result;
    }
    *out = actions;
    return 0;
}

void attribute_actions_destroy(struct slu_budget *budget, struct attribute_actions **out)
{
    struct attribute_actions *actions = *out;
    if (actions == NULL) {
        return;
    }
    for (size_t i = 0; i < actions->count; i++) {
        regex_destroy(&actions->items[i].regex);
    }
    slu_budget_free(budget, actions, sizeof(*actions) + actions->count * sizeof(actions->items[0]));
    *out = NULL;
}

/* A value as text: `room` has NUMBER_MAX bytes, for numbers. */
static struct slu_bytes text_of(const struct otlp_value *value, char *room)
{
    switch (value->kind) {
    case OTLP_VALUE_STRING:
    case OTLP_VALUE_OTHER:
        return value->text;
    case OTLP_VALUE_BOOL:
        return bytes_of(value->boolean ? "true" : "false");
    case OTLP_VALUE_INT:
        (void)snprintf(room, NUMBER_MAX, "%lld", (long long)value->integer);
        return bytes_of(room);
    case OTLP_VALUE_DOUBLE:
        (void)snprintf(room, NUMBER_MAX, "%.17g", value->number);
        return bytes_of(room);
    default:
        return (struct slu_bytes){0};
    }
}

/* insert, update and upsert. */
static void value_put(const struct action *action, struct otlp_image *image, uint32_t field)
{
    struct otlp_value value = action->value;
    bool is_there = otlp_image_attribute(image, field, action->key).kind != OTLP_NIL;
    if (action->from.len > 0) {
        value = otlp_image_attribute(image, field, action->from);
    }
    if (value.kind != OTLP_NIL && (action->options->action == ACTION_UPSERT ||
                                   is_there == (action->options->action == ACTION_UPDATE))) {
        otlp_image_set_attribute(image, field, action->key, &value);
    }
}

static bool is_other_key(void *arg, struct slu_bytes key)
{
    const struct action *action = arg;
    bool is_named = action->key.len > 0 && key.len == action->key.len &&
                    memcmp(key.data, action->key.data, key.len) == 0;
    return !is_named && (action->regex == NULL || !regex_is_found(action->regex, key));
}

/* What hides a value and keeps equal ones equal: SHA-256 in hex, as the collector has it. */
static void value_hash(const struct action *action, struct otlp_image *image, uint32_t field)
{
    char room[NUMBER_MAX];
    char digits[DIGEST_TEXT_BYTES];
    struct otlp_value value = otlp_image_attribute(image, field, action->key);
    if (value.kind == OTLP_NIL) {
        return;
    }
    struct slu_bytes text = text_of(&value, room);
    digest_sha256(text, digits);
    struct otlp_value hashed = {.kind = OTLP_VALUE_STRING, .text = bytes_of(digits)};
    otlp_image_set_attribute(image, field, action->key, &hashed);
}

/* Each named group becomes an attribute of its name. */
static void groups_extract(const struct action *action, struct otlp_image *image, uint32_t field)
{
    struct slu_bytes groups[GROUPS_MAX];
    struct otlp_value value = otlp_image_attribute(image, field, action->key);
    int count = regex_group_count(action->regex) + 1;
    count = count < GROUPS_MAX ? count : GROUPS_MAX;
    if (value.kind != OTLP_VALUE_STRING ||
        !regex_groups(action->regex, value.text, groups, count)) {
        return;
    }
    for (int i = 1; i < count; i++) {
        const char *name = regex_group_name(action->regex, i);
        struct otlp_value part = {.kind = OTLP_VALUE_STRING, .text = groups[i]};
        if (name[0] != '\0') {
            otlp_image_set_attribute(image, field, bytes_of(name), &part);
        }
    }
}

static bool number_read(struct slu_bytes text, double *number)
{
    char copy[NUMBER_MAX];
    char *end = NULL;
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *number = strtod(copy, &end);
    return *end == '\0' && isfinite(*number);
}

static void value_convert(const struct action *action, struct otlp_image *image, uint32_t field)
{
    char room[NUMBER_MAX];
    double number = 0;
    struct otlp_value value = otlp_image_attribute(image, field, action->key);
    if (value.kind == OTLP_NIL || value.kind == OTLP_VALUE_OTHER) {
        return;
    }
    struct slu_bytes text = text_of(&value, room);
    struct otlp_value converted = {.kind = OTLP_VALUE_STRING, .text = text};
    if (action->options->converted_type != CONVERT_STRING) {
        if (value.kind == OTLP_VALUE_BOOL) {
            number = value.boolean;
        } else if (!number_read(text, &number)) {
            return; /* it stays what it was, as in the collector */
        }
        converted = action->options->converted_type == CONVERT_DOUBLE
                        ? (struct otlp_value){.kind = OTLP_VALUE_DOUBLE, .number = number}
                    : fabs(number) < 0x1p63
                        ? (struct otlp_value){.kind = OTLP_VALUE_INT, .integer = (int64_t)number}
                        : value;
        if (value.kind == OTLP_VALUE_INT && converted.kind == OTLP_VALUE_INT) {
            return; /* a double has fewer digits */
        }
    }
    otlp_image_set_attribute(image, field, action->key, &converted);
}

void attribute_actions_run(const struct attribute_actions *actions, struct otlp_image *image,
                           uint32_t field)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct action *action = &actions->items[i];
        switch (action->options->action) {
        case ACTION_DELETE:
            otlp_image_keep_attributes(image, field, is_other_key,
                                       (void *)(uintptr_t)action); /* it is only read */
            break;
        case ACTION_HASH:
            value_hash(action, image, field);
            break;
        case ACTION_EXTRACT:
            groups_extract(action, image, field);
            break;
        case ACTION_CONVERT:
            value_convert(action, image, field);
            break;
        default:
            value_put(action, image, field);
            break;
        }
    }
}
