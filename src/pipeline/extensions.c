#include "pipeline/extensions.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "pipeline/config.h"
#include "pipeline/config_pipelines.h"

struct file_storage_options {
    const char *directory;
    uint64_t timeout_ns; /* the rest is taken for the collector's sake */
    const struct config_node *compaction;
    bool is_fsync;
    bool is_created;
};

static const struct config_field file_storage_fields[] = {
    {.key = "directory",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct file_storage_options, directory),
     .is_required = true},
    {.key = "timeout",
     .kind = CONFIG_DURATION,
     .offset = offsetof(struct file_storage_options, timeout_ns)},
    {.key = "compaction",
     .kind = CONFIG_NODE,
     .offset = offsetof(struct file_storage_options, compaction)},
    {.key = "fsync",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct file_storage_options, is_fsync)},
    {.key = "create_directory",
     .kind = CONFIG_BOOL,
     .offset = offsetof(struct file_storage_options, is_created)},
};

static const struct config_object file_storage_object = {
    .what = "the file_storage extension",
    .fields = file_storage_fields,
    .field_count = sizeof(file_storage_fields) / sizeof(file_storage_fields[0]),
    .size_bytes = sizeof(struct file_storage_options),
};

struct health_check_options {
    const char *endpoint;
    const char *path; /* every path answers */
};

static const struct config_field health_check_fields[] = {
    {.key = "endpoint",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct health_check_options, endpoint)},
    {.key = "path", .kind = CONFIG_STRING, .offset = offsetof(struct health_check_options, path)},
};

static const struct config_object health_check_object = {
    .what = "the health_check extension",
    .fields = health_check_fields,
    .field_count = sizeof(health_check_fields) / sizeof(health_check_fields[0]),
    .size_bytes = sizeof(struct health_check_options),
};

struct web_options {
    const char *endpoint;
};

static const struct config_field web_fields[] = {
    {.key = "endpoint", .kind = CONFIG_STRING, .offset = offsetof(struct web_options, endpoint)},
};

static const struct config_object web_object = {
    .what = "the web extension",
    .fields = web_fields,
    .field_count = sizeof(web_fields) / sizeof(web_fields[0]),
    .size_bytes = sizeof(struct web_options),
};

static const char *const names[] = {"file_storage", "health_check", "pprof", "web", "zpages", NULL};

static const char *const ignored[] = {"pprof", "zpages", NULL};

static bool is_among(const char *name, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(name, *words) == 0) {
            return true;
        }
    }
    return false;
}

int file_storage_find(struct config *config, const struct config_components *extensions,
                      const struct config_node *node, const char *name, const char **directory)
{
    struct file_storage_options options = {0};
    for (size_t i = 0; i < extensions->count; i++) {
        const struct config_component *item = &extensions->items[i];
        if (strcmp(item->name, name) == 0 && strcmp(item->type, "file_storage") == 0) {
            int err = config_read(config, item->node, &file_storage_object, &options);
            if (err == 0) {
                *directory = options.directory;
            }
            return err;
        }
    }
    config_mistake(config, node, "there is no extension \"%.60s\" of the type file_storage", name);
    return -EINVAL;
}

int health_check_find(struct config *config, const struct config_components *extensions,
                      const char **endpoint)
{
    struct health_check_options options = {.endpoint = "localhost:13133"};
    *endpoint = NULL;
    for (size_t i = 0; i < extensions->count; i++) {
        const struct config_component *item = &extensions->items[i];
        if (strcmp(item->type, "health_check") == 0) {
            int err = config_read(config, item->node, &health_check_object, &options);
            if (err == 0) {
                *endpoint = options.endpoint;
            }
            return err;
        }
    }
    return 0;
}

int web_find(struct config *config, const struct config_components *extensions,
             const char **endpoint)
{
    struct web_options options = {.endpoint = "localhost:7800"};
    *endpoint = NULL;
    for (size_t i = 0; i < extensions->count; i++) {
        const struct config_component *item = &extensions->items[i];
        if (strcmp(item->type, "web") == 0) {
            int err = config_read(config, item->node, &web_object, &options);
            if (err == 0) {
                *endpoint = options.endpoint;
            }
            return err;
        }
    }
    return 0;
}

const char *extension_ignored(const struct config_components *extensions, size_t index)
{
    for (size_t i = 0; i < extensions->count; i++) {
        if (is_among(extensions->items[i].type, ignored) && index-- == 0) {
            return extensions->items[i].name;
        }
    }
    return NULL;
}

int extensions_check(struct config *config, const struct config_components *extensions)
{
    const char *text = NULL;
    int result = health_check_find(config, extensions, &text);
    int web = web_find(config, extensions, &text);
    result = result != 0 ? result : web;
    for (size_t i = 0; i < extensions->count && (result == 0 || result == -EINVAL); i++) {
        const struct config_component *item = &extensions->items[i];
        int err = 0;
        if (!is_among(item->type, names)) {
            err = config_unknown_type(config, item, "extension", names);
        } else if (strcmp(item->type, "file_storage") == 0) {
            err = file_storage_find(config, extensions, item->key, item->name, &text);
        }
        result = err != 0 ? err : result;
    }
    return result;
}
