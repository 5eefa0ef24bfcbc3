/*
 * What a block is, by the stack that it was allocated with: the template argument of a C++
 * allocator, or what the source says at the call (symbol/source_call.h), with the types of its
 * debug information. Functions that only give memory on are passed over.
 */
#ifndef SYMBOL_SITE_TYPE_H
#define SYMBOL_SITE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct site_finder;
struct slu_budget;
struct symbol_module;
struct symbol_types;

#define SITE_FRAMES_MAX 12 /* of a stack, from the innermost on, that are looked at */

struct site_frame {
    struct symbol_module *module; /* NULL: not known */
    uint64_t file_offset;         /* of the call */
    bool is_library;              /* the language's or an allocator's */
};

struct site_type {
    uint32_t type;  /* SYMBOL_TYPE_NONE: not known */
    bool is_single; /* the block is one, and no array */
};

/*
 * A finder, which keeps what it found for each call.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until site_finder_destroy; `types` and the frames' modules must outlive it
 */
SLU_MUST_USE int site_finder_create(struct slu_budget *budget, struct symbol_types *types,
                                    struct site_finder **out);
void site_finder_destroy(struct site_finder **finder);

/* The type of what was allocated with a stack, as far as it is told. */
struct site_type site_finder_find(struct site_finder *finder, const struct site_frame *frames,
                                  size_t count);

/* Whether a block of so many bytes, as they were asked for, may be of that type. */
bool site_type_fits(struct symbol_types *types, const struct site_type *site, uint64_t bytes);

#endif
