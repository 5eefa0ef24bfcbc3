/*
 * Block on a word of memory: the smallest thing that one thread can wait on and another can wake,
 * 4 bytes that may live on the waiter's stack.
 */
#ifndef SYS_FUTEX_H
#define SYS_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Block while `*word` is `expected`. May return early without a reason: callers loop over the word,
 * which they load themselves with the order that they need.
 *
 * deadline_ns  absolute CLOCK_MONOTONIC, or DEADLINE_NEVER
 * Returns      0; -ETIMEDOUT from the deadline on
 * Source       futex(2), FUTEX_WAIT_BITSET
 */
int futex_wait_until(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/*
 * Wake the one thread that blocks on `word`, if there is one. The word itself is not touched, so it
 * may be gone already: whoever waits there by now must take a wake without a reason.
 */
void futex_wake(_Atomic uint32_t *word);

#endif
