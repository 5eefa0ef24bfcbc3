/* Source files that were looked at last. */
#ifndef SYMBOL_SOURCE_CACHE_H
#define SYMBOL_SOURCE_CACHE_H

#include <stdint.h>

#include <sluice/bytes.h>

#include "base/block.h"

struct slu_budget;
struct symbol_module;

#define SOURCE_CACHE_FILES 8

struct source_file {
    const char *path; /* as its module says */
    struct block bytes;
};

/* All zeroes but the budget: nothing is kept. */
struct source_cache {
    struct slu_budget *budget;
    struct source_file files[SOURCE_CACHE_FILES];
    uint32_t next; /* its place is taken next */
};

/*
 * The text of a source of `module`, of which `path` is valid as long; empty if it is not there, no
 * file, too large, or newer than the module, which was then made of something else.
 */
struct slu_bytes source_cache_find(struct source_cache *cache, struct symbol_module *module,
                                   const char *path);
void source_cache_free(struct source_cache *cache);

#endif
