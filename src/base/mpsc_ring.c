/*
 * Many producers, one consumer. Positions count records since creation and never wrap; position p
 * lives in slot p modulo the capacity, and its lap began at position p rounded down to a multiple
 * of the capacity.
 *
 * A slot's `turn` says whose it is: a lap's begin while it is free for the record of that lap, one
 * more once that record is complete. A producer claims a position by moving `head` past it, writes,
 * and passes the turn on; the consumer reads and passes the turn on to the next lap.
 *
 * SLU_RING_OVERWRITE: a producer that finds its slot full with the record one lap behind, which is
 * then the oldest, may itself move `tail` past it, wipe it and free the slot. So `tail` is shared:
 * whoever moves it owns the record it moved past. The consumer moves it by an unconditional
 * addition, so that producers cannot keep it from its turn; see oldest_hold.
 */
#include "base/ring.h"

#include <errno.h>
#include <stdatomic.h>

/* Some microseconds: far longer than the copy that an overwriting producer may have to wait for. */
#define WAIT_PAUSES_MAX 128

struct slot {
    _Atomic uint64_t turn;
    unsigned char record[];
};

struct producers {
    _Atomic uint64_t head;
    _Atomic uint64_t refused_count;
    unsigned char apart[RING_APART_BYTES - 16];
};
GOLDEN_LAYOUT(struct producers, 128, 0, 0, head, refused_count, apart);

struct consumer {
    _Atomic uint64_t tail;       /* only for SLU_RING_OVERWRITE, and then for its producers too */
    _Atomic uint64_t held_count; /* how often the consumer moved the tail */
    _Atomic uint64_t popped_count;
    uint64_t held_position; /* the record to read next */
    bool holds_position;
    unsigned char apart[RING_APART_BYTES - 33];
};
GOLDEN_LAYOUT(struct consumer, 128, 0, 0, tail, held_count, popped_count, held_position,
              holds_position, apart);

struct slu_mpsc {
    struct ring_shape shape;
    struct producers producers;
    struct consumer consumer;
};
GOLDEN_LAYOUT(struct slu_mpsc, 384, 0, 0, shape, producers, consumer);

int slu_mpsc_create(struct slu_budget *budget, const struct slu_ring_options *options,
                    struct slu_diag *diag, struct slu_mpsc **out)
{
    int err = ring_options_check(options, diag);
    if (err != 0) {
        return err;
    }
    size_t align = sizeof(uint64_t);
    size_t stride = (sizeof(struct slot) + options->record_bytes + align - 1) & ~(align - 1);
    void *block = NULL;
    err = ring_alloc(budget, options, sizeof(struct slu_mpsc), stride, diag, &block);
    if (err != 0) {
        return err;
    }
    *out = block; /* zeroed: indices at the start, each slot free for lap 0 */
    return 0;
}

void slu_mpsc_destroy(struct slu_mpsc **ring)
{
    if (ring != NULL && *ring != NULL) {
        ring_free(&(*ring)->shape);
        *ring = NULL;
    }
}

static uint64_t turn_free(const struct slu_mpsc *ring, uint64_t position)
{
    return position & ~ring->shape.slot_mask;
}

static uint64_t turn_full(const struct slu_mpsc *ring, uint64_t position)
{
    return turn_free(ring, position) | 1;
}

/* For counters with one writer. Release: whoever sees the count sees what it counts. */
static void counter_add(_Atomic uint64_t *counter, uint64_t count)
{
    uint64_t sum = atomic_load_explicit(counter, memory_order_relaxed) + count;
    atomic_store_explicit(counter, sum, memory_order_release);
}

/* Acquire: what the slot's last owner did with it is over and visible. */
static uint64_t turn_load(const struct slot *slot)
{
    return atomic_load_explicit(&slot->turn, memory_order_acquire);
}

/* Release: pairs with turn_load of the slot's next owner. */
static void turn_pass(struct slot *slot, uint64_t turn)
{
    atomic_store_explicit(&slot->turn, turn, memory_order_release);
}

static void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/*
 * Free the slot of position `head`, which the record one lap behind fills, by taking that record as
 * the consumer would. Returns false if it cannot be had: its producer still writes it, or the
 * consumer or another producer took it.
 */
static bool oldest_drop(struct slu_mpsc *ring, uint64_t head)
{
    struct slot *slot = ring_slot(&ring->shape, head);
    uint64_t oldest = head - ring_capacity(&ring->shape);
    uint64_t expected = oldest;
    if (turn_load(slot) != turn_full(ring, oldest) ||
        !atomic_compare_exchange_strong_explicit(&ring->consumer.tail, &expected, oldest + 1,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return false;
    }
    memset(slot->record, 0, ring->shape.record_bytes);
    turn_pass(slot, turn_free(ring, head));
    return true;
}

int slu_mpsc_push(struct slu_mpsc *ring, const void *record)
{
    uint64_t head = atomic_load_explicit(&ring->producers.head, memory_order_relaxed);
    unsigned pauses = 0;
    for (;;) {
        struct slot *slot = ring_slot(&ring->shape, head);
        if (turn_load(slot) == turn_free(ring, head)) {
            if (atomic_compare_exchange_weak_explicit(&ring->producers.head, &head, head + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                ring_record_copy(&ring->shape, slot->record, record);
                turn_pass(slot, turn_full(ring, head));
                return 0;
            }
            continue;
        }
        uint64_t head_now = atomic_load_explicit(&ring->producers.head, memory_order_relaxed);
        if (head_now != head) {
            head = head_now;
        } else if (ring->shape.policy == SLU_RING_REJECT || pauses == WAIT_PAUSES_MAX) {
            atomic_fetch_add_explicit(&ring->producers.refused_count, 1, memory_order_relaxed);
            return -EAGAIN;
        } else if (!oldest_drop(ring, head)) {
            spin_pause();
            pauses++;
        }
    }
}

/*
 * Make the oldest record's position the held one; false if there is none. With SLU_RING_REJECT it
 * is simply the next, and its slot's turn tells whether there is a record.
 *
 * With SLU_RING_OVERWRITE a producer may move the tail between the look at `head` and the addition.
 * The addition still moves past a record that some producer has claimed: a producer moves the tail
 * only when the ring is full, and leaves capacity - 1 >= 1 records.
 */
static bool oldest_hold(struct slu_mpsc *ring)
{
    if (ring->shape.policy == SLU_RING_REJECT || ring->consumer.holds_position) {
        return true;
    }
    uint64_t tail = atomic_load_explicit(&ring->consumer.tail, memory_order_acquire);
    if (atomic_load_explicit(&ring->producers.head, memory_order_acquire) == tail) {
        return false;
    }
    ring->consumer.held_position =
        atomic_fetch_add_explicit(&ring->consumer.tail, 1, memory_order_acq_rel);
    ring->consumer.holds_position = true;
    counter_add(&ring->consumer.held_count, 1);
    return true;
}

int slu_mpsc_pop(struct slu_mpsc *ring, void *record)
{
    if (!oldest_hold(ring)) {
        return -EAGAIN;
    }
    uint64_t position = ring->consumer.held_position;
    struct slot *slot = ring_slot(&ring->shape, position);
    if (turn_load(slot) != turn_full(ring, position)) {
        return -EAGAIN; /* claimed, not complete: it stays held for the next call */
    }
    ring_record_copy(&ring->shape, record, slot->record);
    if (ring->shape.clear_consumed) {
        memset(slot->record, 0, ring->shape.record_bytes);
    }
    turn_pass(slot, turn_free(ring, position + ring_capacity(&ring->shape)));
    ring->consumer.held_position = position + 1;
    ring->consumer.holds_position = false;
    counter_add(&ring->consumer.popped_count, 1);
    return 0;
}

size_t slu_mpsc_pop_many(struct slu_mpsc *ring, void *records, size_t count_max)
{
    unsigned char *bytes = records;
    size_t bound =
        count_max < ring_capacity(&ring->shape) ? count_max : ring_capacity(&ring->shape);
    size_t count = 0;
    while (count < bound && slu_mpsc_pop(ring, bytes + count * ring->shape.record_bytes) == 0) {
        count++;
    }
    return count;
}

void slu_mpsc_stats(const struct slu_mpsc *ring, struct slu_ring_stats *out)
{
    uint64_t capacity = ring_capacity(&ring->shape);
    /* In the order popped <= held <= tail <= head, so that no difference is negative. */
    uint64_t popped = atomic_load_explicit(&ring->consumer.popped_count, memory_order_acquire);
    uint64_t held = atomic_load_explicit(&ring->consumer.held_count, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->consumer.tail, memory_order_acquire);
    uint64_t pushed = atomic_load_explicit(&ring->producers.head, memory_order_acquire);
    /* The tail was moved by the consumer, or else by a producer that overwrote. */
    uint64_t overwritten = tail - held;
    uint64_t length = pushed - popped - overwritten;
    *out = (struct slu_ring_stats){
        .capacity = (uint32_t)capacity,
        .length = (uint32_t)(length < capacity ? length : capacity),
        .pushed_count = pushed,
        .popped_count = popped,
        .overwritten_count = overwritten,
        .refused_count = atomic_load_explicit(&ring->producers.refused_count, memory_order_relaxed),
    };
}
