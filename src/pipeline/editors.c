#include "pipeline/editors.h"

#include <stddef.h>
#include <string.h>

#include "pipeline/editor.h"
#include "pipeline/editor_types.h"

static const struct editor_type *const types[] = {
    &attributes_type, &cardinality_type, &filter_type,    &ratelimit_type,
    &resource_type,   &sampler_type,     &transform_type,
};

static const char *const names[] = {
    "attributes", "batch",    "cardinality", "filter", "memory_limiter", "probabilistic_sampler",
    "ratelimit",  "resource", "transform",   NULL,
};

const struct editor_type *editor_find(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i]->name, name) == 0) {
            return types[i];
        }
    }
    return NULL;
}

const char *const *editor_names(void)
{
    return names;
}
