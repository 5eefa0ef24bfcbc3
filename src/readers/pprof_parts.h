/*
 * A profile in pprof's format on its way into the model: in the first pass over the text, strings
 * go into the model and messages to their stages, because what they refer to may come later; then
 * each kind is resolved in turn.
 */
#ifndef READERS_PPROF_PARTS_H
#define READERS_PPROF_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"
#include "profile/model.h"
#include "readers/id_map.h"
#include "readers/place.h"
#include "readers/stage.h"

struct reading;

struct pprof_parts {
    struct reading *reading;
    struct column strings; /* uint32_t: the model's, by their numbers here */
    struct stage mappings;
    struct stage functions;
    struct stage locations;
    struct stage samples;
    struct id_map mapping_map;  /* to `places` */
    struct id_map function_map; /* to the model's */
    struct id_map location_map;
    struct column places;                /* struct place */
    uint64_t types[2 * MODEL_TYPES_MAX]; /* strings, as they are numbered here */
    uint32_t type_count;
    uint64_t default_type; /* string */
    uint64_t period_type[2];
    uint64_t drop_frames; /* strings */
    uint64_t keep_frames;
    int64_t time_ns;
    int64_t duration_ns;
    int64_t period;
};

/* Each returns 0 or an error that has been told. */
SLU_MUST_USE int pprof_mappings_resolve(struct pprof_parts *parts);
SLU_MUST_USE int pprof_functions_resolve(struct pprof_parts *parts);
SLU_MUST_USE int pprof_locations_resolve(struct pprof_parts *parts);
SLU_MUST_USE int pprof_samples_resolve(struct pprof_parts *parts);

/* The model's string for one of this profile; false if there is none. */
static inline bool pprof_string(const struct pprof_parts *parts, uint64_t number, uint32_t *string)
{
    if (number >= parts->strings.count) {
        *string = 0;
        return number == 0;
    }
    *string = *(const uint32_t *)column_at(&parts->strings, (uint32_t)number);
    return true;
}

#endif
