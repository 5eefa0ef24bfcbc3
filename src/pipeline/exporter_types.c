#include "pipeline/exporter_types.h"

#include <stddef.h>
#include <string.h>

#include "pipeline/exporter.h"

static const struct exporter_type *const types[] = {
    &debug_exporter, &file_exporter,     &nop_exporter,
    &otlp_exporter,  &otlphttp_exporter, &store_exporter,
};

static const char *const names[] = {"debug", "file", "nop", "otlp", "otlphttp", "store", NULL};

const struct exporter_type *exporter_find(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i]->name, name) == 0) {
            return types[i];
        }
    }
    return NULL;
}

const char *const *exporter_names(void)
{
    return names;
}
