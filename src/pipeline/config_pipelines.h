/* The top of a configuration: components by name, and the pipelines that are made of them. */
#ifndef PIPELINE_CONFIG_PIPELINES_H
#define PIPELINE_CONFIG_PIPELINES_H

#include <stddef.h>

#include <sluice/api.h>

#include "wire/otlp.h"

struct config;
struct config_node;

/* An entry of `receivers`, `processors`, `exporters` or `extensions`. */
struct config_component {
    const char *type;               /* "otlp" */
    const char *name;               /* "otlp/2" */
    const struct config_node *key;  /* where it stands */
    const struct config_node *node; /* its options; may be NULL, or null */
};

struct config_components {
    const struct config_component *items;
    size_t count;
};

struct config_pipeline {
    const char *name; /* "logs/2" */
    const struct config_node *key;
    enum otlp_signal signal;
    const struct config_component *const *receivers;
    const struct config_component *const *processors;
    const struct config_component *const *exporters;
    size_t receiver_count;
    size_t processor_count;
    size_t exporter_count;
};

struct config_pipelines {
    struct config_components receivers;
    struct config_components processors;
    struct config_components exporters;
    struct config_components extensions; /* that the service names */
    const struct config_pipeline *pipelines;
    size_t pipeline_count;
};

/*
 * Read the whole document's shape. Views live as long as the configuration.
 *
 * Returns  0; -EINVAL if mistakes were told, and `out` has the components that could be read;
 *          -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int config_read_pipelines(struct config *config, struct config_pipelines *out);

/* Tell that there is no such type of a `kind`; `names` are those that there are. Returns -EINVAL */
int config_unknown_type(struct config *config, const struct config_component *component,
                        const char *kind, const char *const *names);

#endif
