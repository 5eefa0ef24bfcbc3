/* Moving the slots of a ring to where slots of another width put them, in place. */
#ifndef WINDOW_RESCALE_H
#define WINDOW_RESCALE_H

#include <stdint.h>

#include "window/slot.h"

/* The slots of a window, whatever else its form keeps beside them. */
struct slot_ring {
    void *slots;
    uint32_t count;
    struct slot (*get)(const void *slots, uint32_t at);
    void (*set)(void *slots, uint32_t at, const struct slot *slot);
};

/*
 * Rearrange a ring whose newest slot, the empty one of *epoch, is about to get another width. Each
 * ended slot moves to the slot that holds its last moment; slots that fall off the old end are
 * dropped.
 *
 * epoch    in: of the newest slot, in slots of old_ns; out: the newest slot of the new ring, in
 * slots of new_ns, which holds the nanosecond before the old newest slot began Returns  the sum of
 * what was dropped Cost     O(count); needs no memory
 */
uint64_t ring_rescale(const struct slot_ring *ring, uint64_t *epoch, uint64_t old_ns,
                      uint64_t new_ns);

#endif
