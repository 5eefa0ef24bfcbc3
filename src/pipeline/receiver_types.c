#include <stddef.h>
#include <string.h>

#include "pipeline/receiver.h"

static const struct receiver_type *const types[] = {&otlp_receiver, &pprof_receiver,
                                                    &selfmon_receiver};

static const char *const names[] = {"otlp", "pprof", "selfmon", NULL};

const struct receiver_type *receiver_find(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i]->name, name) == 0) {
            return types[i];
        }
    }
    return NULL;
}

const char *const *receiver_names(void)
{
    return names;
}
