/* Reading a profile from memory, in tests and fuzz targets. */
#ifndef TESTS_READ_PROFILE_H
#define TESTS_READ_PROFILE_H

#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "profile/model.h"
#include "readers/profile_reader.h"

struct memory_source {
    const char *bytes;
    size_t len;
    size_t step; /* how many are given at a time; 0: as many as there is room for */
};

static inline int memory_read(void *context, void *bytes, size_t room, size_t *got)
{
    struct memory_source *source = context;
    size_t len = source->len < room ? source->len : room;
    if (source->step > 0 && len > source->step) {
        len = source->step;
    }
    if (len > 0) {
        memcpy(bytes, source->bytes, len);
    }
    source->bytes += len;
    source->len -= len;
    *got = len;
    return 0;
}

static inline int read_profile(struct model *model, const void *bytes, size_t len, size_t step,
                               struct slu_diag *diag)
{
    struct memory_source memory = {bytes, len, step};
    struct profile_source source = {memory_read, &memory, "p"};
    return profile_read(model, &source, NULL, diag);
}

#endif
