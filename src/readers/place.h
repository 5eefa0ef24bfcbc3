/* Where code lies: mappings of one profile, and its addresses with names where they can be had. */
#ifndef READERS_PLACE_H
#define READERS_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct model_line;
struct reading;

/* A mapping as the profile has it. */
struct place {
    uint64_t start;
    uint64_t limit;
    uint64_t file_offset;
    uint32_t mapping; /* of the model; MODEL_NONE: the address is in no file that is known */
    bool has_functions;
    bool is_allocator; /* a malloc of its own: its frames say nothing of the program */
};

/*
 * The model's location of an address, whose names are asked for if the profile has none.
 *
 * index    of the place among the profile's, so that each file is opened once
 * Returns  0; as model_location
 */
SLU_MUST_USE int place_location(struct reading *reading, const struct place *place, uint32_t index,
                                uint64_t address, const struct model_line *lines,
                                uint32_t line_count, uint32_t *location);

#endif
