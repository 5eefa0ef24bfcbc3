/* Strings and functions that a profile gets in addition, each written once, when it is needed. */
#ifndef READERS_PPROF_ADDITIONS_H
#define READERS_PPROF_ADDITIONS_H

#include <stdint.h>

#include "base/hash_map.h"
#include "profile/pprof_writer.h"

struct pprof_frame;
struct slu_arena;

struct pprof_additions {
    struct pprof_writer *writer;
    struct hash_map string_map;
    struct hash_map function_map;
    struct added_string *strings;
    struct added_function *functions;
    uint64_t function_id; /* the highest that is in use */
};

/*
 * Prepare for about `expected_count` functions; of more, some may be written more than once.
 *
 * function_id  the highest of the profile's own
 * Returns      0; -EDQUOT or -ENOMEM from the arena
 */
int pprof_additions_init(struct pprof_additions *additions, struct slu_arena *arena,
                         uint64_t expected_count, uint64_t function_id,
                         struct pprof_writer *writer);

/* The identity of the frame's function. The frame's strings are borrowed from then on. */
uint64_t pprof_additions_function(struct pprof_additions *additions,
                                  const struct pprof_frame *frame);

#endif
