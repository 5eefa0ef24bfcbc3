/* What the readers of all formats work with while they read one profile. */
#ifndef READERS_READING_H
#define READERS_READING_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "readers/input.h"

struct model;
struct model_profile;
struct pprof_symbols;
struct slu_diag;

struct reading {
    struct model *model;
    struct slu_budget *budget;
    const struct pprof_symbols *symbols; /* may be NULL */
    struct slu_diag *diag;
    const char *name;
    uint32_t name_string;
    struct input input;
};

/* Say what is wrong at which byte; returns -EBADMSG. */
int reading_refuse(struct reading *reading, uint64_t offset, const char *format, ...)
    SLU_PRINTF(3, 4);

/* Say what an error of the input or of the model means at `offset`; returns it. */
int reading_failed(struct reading *reading, uint64_t offset, int err);

/*
 * What a profile measures: in an empty model it decides; otherwise it must be the same.
 *
 * names    type and unit in turn, `count` pairs
 * Returns  0; -EINVAL, told; as reading_failed
 */
SLU_MUST_USE int reading_types(struct reading *reading, const struct slu_bytes *names,
                               uint32_t count);

/* Leave out frames that only pass allocations on; for formats that do not say it themselves. */
SLU_MUST_USE int reading_drops(struct reading *reading, struct model_profile *profile);

/* The formats: each reads from the beginning of the input. */
SLU_MUST_USE int pprof_read(struct reading *reading);
SLU_MUST_USE int text_read(struct reading *reading);
SLU_MUST_USE int heaptrack_read(struct reading *reading);

#endif
