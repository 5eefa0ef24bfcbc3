/* The store's insides, shared by its own files. */
#ifndef STORE_STORE_STATE_H
#define STORE_STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/block_cache.h"
#include "store/shelf.h"
#include "store/store.h"
#include "sys/mutex.h"

struct store {
    struct store_options options;
    struct slu_scope *scope; /* of its tasks; NULL: there are none */
    uint64_t cancel_handle;
    struct mutex lock; /* of the two flags; taken after a shelf's */
    struct condition work_wanted;
    bool is_work_wanted;
    bool is_ending;
    struct mutex flush_lock;   /* one flush at a time */
    struct block_cache *cache; /* of samples */
    struct shelf shelves[STORE_SIGNAL_COUNT];
};

/*
 * Merge and drop parts, as far as it is due. Ends early when the scope is cancelled, which may be
 * NULL. One thread at a time.
 */
void store_parts_tend(struct store *store, struct slu_scope *scope, int64_t now_ns);

#endif
