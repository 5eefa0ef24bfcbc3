/*
 * A lock for a few nanoseconds, in a word that serves its owner otherwise while it is free.
 *
 * Taking it is one exchange, giving it back one store. Whoever finds it taken spins, and naps once
 * it is plain that the holder has been interrupted, so that the holder gets to run whatever the
 * threads' priorities are. Nothing that may block is done while it is held.
 */
#ifndef LIMIT_SPOT_LOCK_H
#define LIMIT_SPOT_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SPOT_TAKEN UINT64_C(1) /* the word's value meanwhile; no free word has it */

uint64_t spot_lock_slow(_Atomic uint64_t *word);

/* Take the lock. Returns the word's value, which spot_unlock is given back, changed or not. */
static inline uint64_t spot_lock(_Atomic uint64_t *word)
{
    /* Pairs with the release in spot_unlock: what the last holder wrote is seen. */
    uint64_t value = atomic_exchange_explicit(word, SPOT_TAKEN, memory_order_acquire);
    return __builtin_expect(value != SPOT_TAKEN, 1) ? value : spot_lock_slow(word);
}

/* True, with the word's value, if nobody else holds the lock. */
static inline bool spot_try_lock(_Atomic uint64_t *word, uint64_t *value)
{
    uint64_t seen = atomic_exchange_explicit(word, SPOT_TAKEN, memory_order_acquire);
    if (seen == SPOT_TAKEN) {
        return false;
    }
    *value = seen;
    return true;
}

static inline void spot_unlock(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

#endif
