/* The mappings and locations of a profile: each address becomes a location when it first comes. */
#ifndef PROFILE_PPROF_PLACES_H
#define PROFILE_PPROF_PLACES_H

#include <stdint.h>

#include "profile/location_cache.h"

struct pprof_writer;
struct profile_mapping;

/* All borrowed. */
struct pprof_places {
    struct pprof_writer *writer;
    struct location_cache *cache;
    const struct profile_mapping *mappings; /* ascending by start */
    uint32_t mapping_count;
};

/* Write the mappings; locations up to `id_last` are the caller's. */
void pprof_places_begin(struct pprof_places *places, uint32_t id_last);

/* The location of an address of code, written if it is new. */
uint64_t pprof_places_add(struct pprof_places *places, uint64_t address);

/* Write a function and a location, both numbered `id`, that stand for frames that are not known. */
void pprof_write_stand_in(struct pprof_writer *writer, uint64_t id, uint64_t name);

/* The number of the mapping, from 1, that an address is in; 0: none. */
uint32_t profile_mapping_of(const struct profile_mapping *mappings, uint32_t count,
                            uint64_t address);

#endif
