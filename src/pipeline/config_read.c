/* Mappings into structs, by tables. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sluice/arena.h>

#include "base/nearest.h"
#include "base/sink.h"
#include "pipeline/config_document.h"

#define ITEMS_MAX 100000 /* of one list or mapping */
#define DEPTH_MAX 16     /* of tables within tables */

/* What is being read, and where it goes. */
struct slot {
    struct config *config;
    const struct config_field *field;
    const struct config_node *node;
    void *out;
    int depth;
};

static int object_read(struct config *config, const struct config_node *node,
                       const struct config_object *object, void *out, int depth);

static int mistake(const struct slot *slot, const char *what, const char *text)
{
    config_mistake(slot->config, slot->node, "%s: %s, and not \"%.60s\"", slot->field->key, what,
                   text);
    return -EINVAL;
}

static int out_of_range(const struct slot *slot, const char *text)
{
    char what[96];
    if (slot->field->max == 0) {
        (void)snprintf(what, sizeof(what), "it must be %llu at least",
                       (unsigned long long)slot->field->min);
    } else {
        (void)snprintf(what, sizeof(what), "it must be from %llu to %llu",
                       (unsigned long long)slot->field->min, (unsigned long long)slot->field->max);
    }
    return mistake(slot, what, text);
}

static int number_put(const struct slot *slot, const char *text, uint64_t value)
{
    const struct config_field *field = slot->field;
    if (value < field->min || (field->max != 0 && value > field->max)) {
        return out_of_range(slot, text);
    }
    memcpy(slot->out, &value, sizeof(value));
    return 0;
}

/* Without bounds it may be negative. */
static int double_put(const struct slot *slot, const char *text)
{
    const struct config_field *field = slot->field;
    double value = 0;
    if (!config_double_read(text, &value)) {
        return mistake(slot, "it must be a number", text);
    }
    bool is_bounded = field->min != 0 || field->max != 0;
    if (is_bounded &&
        (value < (double)field->min || (field->max != 0 && value > (double)field->max))) {
        return out_of_range(slot, text);
    }
    memcpy(slot->out, &value, sizeof(value));
    return 0;
}

static int choice_put(const struct slot *slot, const char *text)
{
    const char *const *choices = slot->field->choices;
    for (unsigned i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            memcpy(slot->out, &i, sizeof(i));
            return 0;
        }
    }
    char what[160];
    struct sink sink;
    sink_init_fixed(&sink, what, sizeof(what));
    sink_text(&sink, "it must be one of ");
    for (unsigned i = 0; choices[i] != NULL; i++) {
        sink_format(&sink, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    return sink_end(&sink) == 0 ? mistake(slot, what, text)
                                : mistake(slot, "it must be one of a long list", text);
}

static int text_put(const struct slot *slot, const struct config_text *text)
{
    uint64_t number = 0;
    switch (slot->field->kind) {
    case CONFIG_BOOL:
        return config_bool_read(text->text, slot->out)
                   ? 0
                   : mistake(slot, "it must be true or false", text->text);
    case CONFIG_UINT:
        return config_uint_read(text->text, &number)
                   ? number_put(slot, text->text, number)
                   : mistake(slot, "it must be a whole number", text->text);
    case CONFIG_DOUBLE:
        return double_put(slot, text->text);
    case CONFIG_DURATION:
        return config_duration_read(text->text, &number)
                   ? number_put(slot, text->text, number)
                   : mistake(slot, "it must be a time such as 200ms, 5s or 1h30m", text->text);
    case CONFIG_SIZE:
        return config_size_read(text->text, &number)
                   ? number_put(slot, text->text, number)
                   : mistake(slot, "it must be a size such as 1048576, 64MiB or 1GB", text->text);
    case CONFIG_CHOICE:
        return choice_put(slot, text->text);
    case CONFIG_SCALAR:
        config_scalar_of(text, slot->out);
        return 0;
    default:
        memcpy(slot->out, &text->text, sizeof(text->text)); /* CONFIG_STRING */
        return 0;
    }
}

static int array_take(struct config *config, size_t count, size_t size, void **out)
{
    size_t bytes = count * size; /* at most ITEMS_MAX of a struct */
    int err = slu_arena_alloc(config->arena, bytes, 16, out);
    if (err == 0 && bytes > 0) {
        memset(*out, 0, bytes);
    }
    return err;
}

/* How many items a list has; a list is what it must be. */
static int list_count(const struct slot *slot, size_t *count)
{
    struct fy_node *list = config_real_node(slot->node);
    if (list == NULL) {
        config_mistake(slot->config, slot->node, "this refers to an anchor that is not there");
        return -EINVAL;
    }
    if (!fy_node_is_sequence(list)) {
        config_mistake(slot->config, slot->node, "%s: a list is expected here: [a, b]",
                       slot->field->key);
        return -EINVAL;
    }
    int items = fy_node_sequence_item_count(list);
    if (items < 0 || items > ITEMS_MAX) {
        config_mistake(slot->config, slot->node, "%s: the list is too long", slot->field->key);
        return -EINVAL;
    }
    *count = (size_t)items;
    return 0;
}

static int strings_put(const struct slot *slot)
{
    size_t count = 0;
    void *items = NULL;
    void *nodes = NULL;
    int err = list_count(slot, &count);
    if (err == 0) {
        err = array_take(slot->config, count, sizeof(const char *), &items);
    }
    if (err == 0) {
        err = array_take(slot->config, count, sizeof(const struct config_node *), &nodes);
    }
    const char **texts = items;
    const struct config_node **places = nodes;
    void *at = NULL;
    struct fy_node *list = config_real_node(slot->node);
    int result = err;
    for (size_t i = 0; i < count && (err == 0 || err == -EINVAL); i++) {
        struct config_text text = {.text = ""};
        places[i] = (const struct config_node *)fy_node_sequence_iterate(list, &at);
        err = config_text_read(slot->config, places[i], &text);
        result = err != 0 ? err : result;
        texts[i] = text.text;
    }
    if (result == 0) {
        struct config_strings strings = {.items = texts, .nodes = places, .count = count};
        memcpy(slot->out, &strings, sizeof(strings));
    }
    return result;
}

static int objects_put(const struct slot *slot)
{
    const struct config_object *object = slot->field->object;
    size_t count = 0;
    void *items = NULL;
    void *nodes = NULL;
    int err = list_count(slot, &count);
    if (err == 0) {
        err = array_take(slot->config, count, object->size_bytes, &items);
    }
    if (err == 0) {
        err = array_take(slot->config, count, sizeof(const struct config_node *), &nodes);
    }
    const struct config_node **places = nodes;
    void *at = NULL;
    struct fy_node *list = config_real_node(slot->node);
    int result = err;
    for (size_t i = 0; i < count && (err == 0 || err == -EINVAL); i++) {
        places[i] = (const struct config_node *)fy_node_sequence_iterate(list, &at);
        err = object_read(slot->config, places[i], object, (char *)items + i * object->size_bytes,
                          slot->depth + 1);
        result = err != 0 ? err : result;
    }
    if (result == 0) {
        struct config_objects objects = {.items = items, .nodes = places, .count = count};
        memcpy(slot->out, &objects, sizeof(objects));
    }
    return result;
}

static int map_entry_read(struct config *config, struct config_entry *entry)
{
    struct config_text text = {.text = ""};
    if (!config_is_given(entry->node)) {
        entry->value = (struct config_scalar){.kind = CONFIG_NO_SCALAR, .text = ""};
        return 0;
    }
    int err = config_text_read(config, entry->node, &text);
    if (err == 0) {
        config_scalar_of(&text, &entry->value);
    }
    return err;
}

static int map_put(const struct slot *slot)
{
    struct fy_node *mapping = config_real_node(slot->node);
    int items =
        mapping != NULL && fy_node_is_mapping(mapping) ? fy_node_mapping_item_count(mapping) : 0;
    void *memory = NULL;
    int err = array_take(slot->config, items > 0 && items < ITEMS_MAX ? (size_t)items : 0,
                         sizeof(struct config_entry), &memory);
    struct config_entry *entries = memory;
    const struct config_node *key_node = NULL;
    size_t count = 0;
    size_t at = 0;
    int result = err;
    while (err == 0 || err == -EINVAL) {
        struct config_entry entry = {0};
        if (!config_next(slot->config, slot->node, &at, &entry.key, &key_node, &entry.node) ||
            (int)count >= items) {
            break;
        }
        err = map_entry_read(slot->config, &entry);
        result = err != 0 ? err : result;
        entries[count++] = entry;
    }
    result = slot->config->failure != 0 ? slot->config->failure : result;
    if (result == 0) {
        struct config_map map = {.entries = entries, .count = count};
        memcpy(slot->out, &map, sizeof(map));
    }
    return result;
}

static int field_put(const struct slot *slot)
{
    struct config_text text;
    int err = 0;
    switch (slot->field->kind) {
    case CONFIG_NODE:
        memcpy(slot->out, &slot->node, sizeof(slot->node));
        return 0;
    case CONFIG_OBJECT:
        return object_read(slot->config, slot->node, slot->field->object, slot->out,
                           slot->depth + 1);
    case CONFIG_STRINGS:
        return config_is_given(slot->node) ? strings_put(slot) : 0;
    case CONFIG_OBJECTS:
        return config_is_given(slot->node) ? objects_put(slot) : 0;
    case CONFIG_MAP:
        return config_is_given(slot->node) ? map_put(slot) : 0;
    default:
        break;
    }
    if (!config_is_given(slot->node)) {
        return 0; /* as if it were not there */
    }
    err = config_text_read(slot->config, slot->node, &text);
    return err == 0 ? text_put(slot, &text) : err;
}

static int unknown_key(struct config *config, const struct config_node *node,
                       const struct config_object *object, const char *key)
{
    struct nearest nearest = {.wanted = key, .wanted_len = strlen(key)};
    for (size_t i = 0; i < object->field_count; i++) {
        nearest_offer(&nearest, object->fields[i].key, object->fields[i].key);
    }
    if (nearest.best != NULL) {
        config_mistake(config, node, "there is no \"%.60s\" in %s; did you mean \"%s\"?", key,
                       object->what, nearest.best);
    } else {
        config_mistake(config, node, "there is no \"%.60s\" in %s", key, object->what);
    }
    return -EINVAL;
}

static const struct config_field *field_find(const struct config_object *object, const char *key)
{
    for (size_t i = 0; i < object->field_count; i++) {
        if (strcmp(object->fields[i].key, key) == 0) {
            return &object->fields[i];
        }
    }
    return NULL;
}

static int required_check(struct config *config, const struct config_node *node,
                          const struct config_object *object)
{
    int err = 0;
    for (size_t i = 0; i < object->field_count; i++) {
        const struct config_field *field = &object->fields[i];
        if (field->is_required && config_child(node, field->key) == NULL) {
            config_mistake(config, node, "%s needs \"%s\"", object->what, field->key);
            err = -EINVAL;
        }
    }
    return err;
}

static int object_read(struct config *config, const struct config_node *node,
                       const struct config_object *object, void *out, int depth)
{
    const char *key = NULL;
    const struct config_node *key_node = NULL;
    const struct config_node *value = NULL;
    size_t mistakes = config->mistake_count;
    size_t at = 0;
    int err = depth < DEPTH_MAX ? 0 : -EINVAL;
    while ((err == 0 || err == -EINVAL) &&
           config_next(config, node, &at, &key, &key_node, &value)) {
        const struct config_field *field = field_find(object, key);
        struct slot slot = {.config = config, .field = field, .node = value, .depth = depth};
        if (field == NULL) {
            err = unknown_key(config, key_node, object, key);
            continue;
        }
        slot.out = (char *)out + field->offset;
        err = field_put(&slot);
    } /* a mistake does not keep the other fields from being read */
    if (config->failure != 0) {
        return config->failure;
    }
    if (err == 0 || err == -EINVAL) {
        int failed = required_check(config, node, object);
        err = failed != 0 ? failed : err;
    }
    return err == 0 && config->mistake_count > mistakes ? -EINVAL : err;
}

int config_read(struct config *config, const struct config_node *node,
                const struct config_object *object, void *out)
{
    return object_read(config, node, object, out, 0);
}
