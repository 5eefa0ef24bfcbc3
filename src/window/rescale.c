/*
 * The ring is turned so that time runs from index 1 to its end; the newest ended slot is the last
 * and stays there. With wider slots the distances to it shrink, so each slot moves towards the end
 * and the newest go first; with narrower ones it is the other way round. Either way a slot moves to
 * a place that has already been emptied.
 */
#include "window/rescale.h"

static void ring_reverse(const struct slot_ring *ring, uint32_t from, uint32_t to)
{
    for (uint32_t low = from, high = to; low + 1 < high; low++) {
        high--;
        struct slot kept = ring->get(ring->slots, low);
        struct slot other = ring->get(ring->slots, high);
        ring->set(ring->slots, low, &other);
        ring->set(ring->slots, high, &kept);
    }
}

static void ring_rotate_left(const struct slot_ring *ring, uint32_t by)
{
    ring_reverse(ring, 0, by);
    ring_reverse(ring, by, ring->count);
    ring_reverse(ring, 0, ring->count);
}

/* Move slot `at` `distance` slots before the last; returns the sum if it falls off. */
static uint64_t slot_move(const struct slot_ring *ring, uint32_t at, uint64_t distance)
{
    struct slot moved = ring->get(ring->slots, at);
    ring->set(ring->slots, at, &(struct slot){0});
    if (distance >= ring->count) {
        return moved.sum;
    }
    uint32_t to = ring->count - 1 - (uint32_t)distance;
    struct slot merged = ring->get(ring->slots, to);
    slot_merge(&merged, &moved);
    ring->set(ring->slots, to, &merged);
    return 0;
}

uint64_t ring_rescale(const struct slot_ring *ring, uint64_t *epoch, uint64_t old_ns,
                      uint64_t new_ns)
{
    uint64_t dropped = 0;
    uint64_t start_ns = *epoch * old_ns;
    uint64_t newest = start_ns == 0 ? 0 : (start_ns - 1) / new_ns;
    uint32_t ended = *epoch < ring->count - 1 ? (uint32_t)*epoch : ring->count - 1;
    ring_rotate_left(ring, (uint32_t)(*epoch % ring->count));
    for (uint32_t i = 1; i <= ended; i++) {
        uint32_t back = new_ns >= old_ns ? i : ended + 1 - i;
        uint64_t last_ns = start_ns - 1 - (back - 1) * old_ns;
        dropped += slot_move(ring, ring->count - back, newest - last_ns / new_ns);
    }
    uint32_t first = (uint32_t)((newest + 1) % ring->count);
    ring_rotate_left(ring, ring->count - first);
    *epoch = newest;
    return dropped;
}
