/*
 * One producer, one consumer. Positions count records since creation and never wrap; position p
 * lives in slot p modulo the capacity.
 *
 * SLU_RING_REJECT: the producer owns the slots from `head` up to `tail` + capacity, the consumer
 * those from `tail` up to `head`. Each publishes its index with release and reads the other's with
 * acquire, and only when its copy of the other's index no longer suffices.
 *
 * SLU_RING_OVERWRITE: the producer owns all slots. It raises `claimed` before it writes, and `head`
 * after: positions below claimed - capacity are dead. The consumer copies, then reads `claimed`,
 * and drops what has died meanwhile. Payload words are stored with release and loaded with acquire,
 * so that a consumer that saw any word of a newer record also sees the claim made before it.
 */
#include "base/ring.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/diag.h"

#define WORD_BYTES    sizeof(uint64_t)
#define OVERTAKEN_MAX 3
#define OUT_OF_LINE   __attribute__((noinline))

struct producer {
    _Atomic uint64_t head;
    _Atomic uint64_t claimed;
    uint64_t tail_seen; /* head - tail_seen <= capacity */
    _Atomic uint64_t refused_count;
    unsigned char apart[RING_APART_BYTES - 32];
};
GOLDEN_LAYOUT(struct producer, 128, 0, 0, head, claimed, tail_seen, refused_count, apart);

struct consumer {
    _Atomic uint64_t tail;
    uint64_t head_seen; /* tail <= head_seen */
    _Atomic uint64_t lost_count;
    unsigned char apart[RING_APART_BYTES - 24];
};
GOLDEN_LAYOUT(struct consumer, 128, 0, 0, tail, head_seen, lost_count, apart);

struct slu_spsc {
    struct ring_shape shape;
    struct producer producer;
    struct consumer consumer;
};
GOLDEN_LAYOUT(struct slu_spsc, 384, 0, 0, shape, producer, consumer);

/* For an index that only the calling thread writes, and for counters. */
static uint64_t own_load(const _Atomic uint64_t *index)
{
    return atomic_load_explicit(index, memory_order_relaxed);
}

static void counter_add(_Atomic uint64_t *counter, uint64_t count)
{
    /* One writer: no need for a read-modify-write. */
    atomic_store_explicit(counter, own_load(counter) + count, memory_order_relaxed);
}

static int options_check(const struct slu_ring_options *options, struct slu_diag *diag)
{
    int err = ring_options_check(options, diag);
    if (err == 0 && options->policy == SLU_RING_OVERWRITE && options->clear_consumed) {
        return diag_fail(diag, -EINVAL,
                         "clear_consumed needs SLU_RING_REJECT: the consumer cannot write where "
                         "the producer may be overwriting");
    }
    return err;
}

int slu_spsc_create(struct slu_budget *budget, const struct slu_ring_options *options,
                    struct slu_diag *diag, struct slu_spsc **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    size_t stride = options->record_bytes;
    if (options->policy == SLU_RING_OVERWRITE) {
        stride = (stride + WORD_BYTES - 1) & ~(WORD_BYTES - 1);
    }
    void *block = NULL;
    err = ring_alloc(budget, options, sizeof(struct slu_spsc), stride, diag, &block);
    if (err != 0) {
        return err;
    }
    *out = block; /* zeroed: all indices are at the start */
    return 0;
}

void slu_spsc_destroy(struct slu_spsc **ring)
{
    if (ring != NULL && *ring != NULL) {
        ring_free(&(*ring)->shape);
        *ring = NULL;
    }
}

static void overwrite_store(struct slu_spsc *ring, uint64_t position, const unsigned char *record)
{
    _Atomic uint64_t *words = ring_slot(&ring->shape, position);
    size_t whole = ring->shape.record_bytes / WORD_BYTES;
    uint64_t word = 0;
    for (size_t i = 0; i < whole; i++) {
        memcpy(&word, record + i * WORD_BYTES, WORD_BYTES);
        atomic_store_explicit(&words[i], word, memory_order_release);
    }
    size_t rest = ring->shape.record_bytes % WORD_BYTES;
    if (rest != 0) {
        word = 0;
        memcpy(&word, record + whole * WORD_BYTES, rest);
        atomic_store_explicit(&words[whole], word, memory_order_release);
    }
}

static void overwrite_load(const struct slu_spsc *ring, uint64_t position, unsigned char *record)
{
    const _Atomic uint64_t *words = ring_slot(&ring->shape, position);
    size_t whole = ring->shape.record_bytes / WORD_BYTES;
    uint64_t word = 0;
    for (size_t i = 0; i < whole; i++) {
        word = atomic_load_explicit(&words[i], memory_order_acquire);
        memcpy(record + i * WORD_BYTES, &word, WORD_BYTES);
    }
    size_t rest = ring->shape.record_bytes % WORD_BYTES;
    if (rest != 0) {
        word = atomic_load_explicit(&words[whole], memory_order_acquire);
        memcpy(record + whole * WORD_BYTES, &word, rest);
    }
}

static size_t overwrite_push(struct slu_spsc *ring, const unsigned char *records, size_t count)
{
    uint64_t head = own_load(&ring->producer.head);
    uint64_t capacity = ring_capacity(&ring->shape);
    /* Of more records than fit, only the last survive their own push. */
    size_t first = count > capacity ? count - capacity : 0;
    /* Ordered before the payload by the payload's release. */
    atomic_store_explicit(&ring->producer.claimed, head + count, memory_order_relaxed);
    for (size_t i = first; i < count; i++) {
        overwrite_store(ring, head + i, records + i * ring->shape.record_bytes);
    }
    /* Pairs with the acquire in overwrite_pop. */
    atomic_store_explicit(&ring->producer.head, head + count, memory_order_release);
    return count;
}

/*
 * Where the consumer goes on: at its own position, or if that is dead, at the oldest live one.
 * After being overtaken it leaves the producer a growing part of the ring to write in meanwhile.
 */
static uint64_t overwrite_resume(const struct slu_spsc *ring, uint64_t head, unsigned overtaken)
{
    static const uint64_t eighths[OVERTAKEN_MAX] = {0, 1, 4};
    uint64_t capacity = ring_capacity(&ring->shape);
    uint64_t tail = own_load(&ring->consumer.tail);
    uint64_t ahead = head + capacity * eighths[overtaken] / 8;
    uint64_t oldest = ahead > capacity ? ahead - capacity : 0;
    return tail > oldest ? tail : oldest;
}

static size_t overwrite_pop(struct slu_spsc *ring, unsigned char *records, size_t count_max)
{
    uint64_t capacity = ring_capacity(&ring->shape);
    for (unsigned overtaken = 0; overtaken < OVERTAKEN_MAX; overtaken++) {
        uint64_t head = atomic_load_explicit(&ring->producer.head, memory_order_acquire);
        uint64_t from = overwrite_resume(ring, head, overtaken);
        uint64_t count = head - from < count_max ? head - from : count_max;
        if (count == 0) {
            return 0;
        }
        for (uint64_t i = 0; i < count; i++) {
            overwrite_load(ring, from + i, records + i * ring->shape.record_bytes);
        }
        uint64_t claimed = own_load(&ring->producer.claimed);
        uint64_t dead = claimed > from + capacity ? claimed - capacity - from : 0;
        dead = dead < count ? dead : count;
        uint64_t lost =
            own_load(&ring->consumer.lost_count) + (from - own_load(&ring->consumer.tail)) + dead;
        atomic_store_explicit(&ring->consumer.tail, from + count, memory_order_relaxed);
        /* Pairs with the acquire in slu_spsc_stats: no more are lost than the tail has passed. */
        atomic_store_explicit(&ring->consumer.lost_count, lost, memory_order_release);
        if (dead < count) {
            if (dead != 0) {
                memmove(records, records + dead * ring->shape.record_bytes,
                        (count - dead) * ring->shape.record_bytes);
            }
            return count - dead;
        }
    }
    return 0;
}

/* How many of `count` records fit, by what the producer knows, asking the consumer if it must. */
static size_t room_for(struct slu_spsc *ring, uint64_t head, size_t count)
{
    uint64_t capacity = ring_capacity(&ring->shape);
    uint64_t room = capacity - (head - ring->producer.tail_seen);
    if (room < count) {
        /* Pairs with the release in the pops: their reads of the slots are over. */
        ring->producer.tail_seen = atomic_load_explicit(&ring->consumer.tail, memory_order_acquire);
        room = capacity - (head - ring->producer.tail_seen);
    }
    return room < count ? (size_t)room : count;
}

/*
 * A rejecting ring of 8-byte records, pointers or numbers, has a path of its own through push and
 * pop: no call, no multiplication, no stack frame.
 */
static bool words_only(const struct slu_spsc *ring)
{
    return ring->shape.policy == SLU_RING_REJECT && ring->shape.record_bytes == WORD_BYTES;
}

static unsigned char *word_slot(const struct slu_spsc *ring, uint64_t position)
{
    return ring->shape.slots + (position & ring->shape.slot_mask) * WORD_BYTES;
}

static OUT_OF_LINE int push_any(struct slu_spsc *ring, const void *record)
{
    if (ring->shape.policy == SLU_RING_OVERWRITE) {
        (void)overwrite_push(ring, record, 1); /* takes all it is given */
        return 0;
    }
    uint64_t head = own_load(&ring->producer.head);
    if (room_for(ring, head, 1) == 0) {
        counter_add(&ring->producer.refused_count, 1);
        return -EAGAIN;
    }
    memcpy(ring_slot(&ring->shape, head), record, ring->shape.record_bytes);
    /* Pairs with the acquire in waiting. */
    atomic_store_explicit(&ring->producer.head, head + 1, memory_order_release);
    return 0;
}

int slu_spsc_push(struct slu_spsc *ring, const void *record)
{
    uint64_t head = own_load(&ring->producer.head);
    if (!words_only(ring) || room_for(ring, head, 1) == 0) {
        return push_any(ring, record);
    }
    memcpy(word_slot(ring, head), record, WORD_BYTES);
    atomic_store_explicit(&ring->producer.head, head + 1, memory_order_release);
    return 0;
}

/* Slots from `position` that lie one after the other in memory, at most `count`. */
static size_t slots_in_row(const struct slu_spsc *ring, uint64_t position, size_t count)
{
    uint64_t to_end = ring_capacity(&ring->shape) - (position & ring->shape.slot_mask);
    return to_end < count ? (size_t)to_end : count;
}

size_t slu_spsc_push_many(struct slu_spsc *ring, const void *records, size_t count)
{
    if (ring->shape.policy == SLU_RING_OVERWRITE) {
        return overwrite_push(ring, records, count);
    }
    const unsigned char *bytes = records;
    uint64_t head = own_load(&ring->producer.head);
    size_t taken = room_for(ring, head, count);
    size_t before_end = slots_in_row(ring, head, taken);
    size_t before_bytes = before_end * ring->shape.record_bytes;
    memcpy(ring_slot(&ring->shape, head), bytes, before_bytes);
    memcpy(ring->shape.slots, bytes + before_bytes,
           (taken - before_end) * ring->shape.record_bytes);
    atomic_store_explicit(&ring->producer.head, head + taken, memory_order_release);
    if (taken < count) {
        counter_add(&ring->producer.refused_count, count - taken);
    }
    return taken;
}

/* How many records wait, up to `count_max`, by what the consumer knows or else by asking. */
static size_t waiting(struct slu_spsc *ring, uint64_t tail, size_t count_max)
{
    uint64_t count = ring->consumer.head_seen - tail;
    if (count < count_max) {
        /* Pairs with the release in the pushes: their payloads are complete. */
        ring->consumer.head_seen = atomic_load_explicit(&ring->producer.head, memory_order_acquire);
        count = ring->consumer.head_seen - tail;
    }
    return count < count_max ? (size_t)count : count_max;
}

static OUT_OF_LINE int pop_any(struct slu_spsc *ring, void *record)
{
    if (ring->shape.policy == SLU_RING_OVERWRITE) {
        return overwrite_pop(ring, record, 1) == 1 ? 0 : -EAGAIN;
    }
    uint64_t tail = own_load(&ring->consumer.tail);
    if (waiting(ring, tail, 1) == 0) {
        return -EAGAIN;
    }
    void *slot = ring_slot(&ring->shape, tail);
    memcpy(record, slot, ring->shape.record_bytes);
    if (ring->shape.clear_consumed) {
        memset(slot, 0, ring->shape.record_bytes);
    }
    /* Pairs with the acquire in room_for. */
    atomic_store_explicit(&ring->consumer.tail, tail + 1, memory_order_release);
    return 0;
}

int slu_spsc_pop(struct slu_spsc *ring, void *record)
{
    uint64_t tail = own_load(&ring->consumer.tail);
    if (!words_only(ring) || waiting(ring, tail, 1) == 0) {
        return pop_any(ring, record);
    }
    unsigned char *slot = word_slot(ring, tail);
    memcpy(record, slot, WORD_BYTES);
    if (ring->shape.clear_consumed) {
        memset(slot, 0, WORD_BYTES);
    }
    atomic_store_explicit(&ring->consumer.tail, tail + 1, memory_order_release);
    return 0;
}

static void slots_consume(struct slu_spsc *ring, unsigned char *slots, unsigned char *records,
                          size_t size_bytes)
{
    memcpy(records, slots, size_bytes);
    if (ring->shape.clear_consumed) {
        memset(slots, 0, size_bytes);
    }
}

size_t slu_spsc_pop_many(struct slu_spsc *ring, void *records, size_t count_max)
{
    if (ring->shape.policy == SLU_RING_OVERWRITE) {
        return overwrite_pop(ring, records, count_max);
    }
    unsigned char *bytes = records;
    uint64_t tail = own_load(&ring->consumer.tail);
    size_t count = waiting(ring, tail, count_max);
    size_t before_end = slots_in_row(ring, tail, count);
    size_t before_bytes = before_end * ring->shape.record_bytes;
    slots_consume(ring, ring_slot(&ring->shape, tail), bytes, before_bytes);
    slots_consume(ring, ring->shape.slots, bytes + before_bytes,
                  (count - before_end) * ring->shape.record_bytes);
    atomic_store_explicit(&ring->consumer.tail, tail + count, memory_order_release);
    return count;
}

void slu_spsc_stats(const struct slu_spsc *ring, struct slu_ring_stats *out)
{
    uint64_t capacity = ring_capacity(&ring->shape);
    /* In the order lost <= tail <= head, so that no difference is negative. */
    uint64_t lost = atomic_load_explicit(&ring->consumer.lost_count, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->consumer.tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&ring->producer.head, memory_order_acquire);
    uint64_t length = head - tail < capacity ? head - tail : capacity;
    *out = (struct slu_ring_stats){
        .capacity = (uint32_t)capacity,
        .length = (uint32_t)length,
        .pushed_count = head,
        .popped_count = tail - lost,
        /* Those that the consumer has met, and those that it will. */
        .overwritten_count = lost + (head - tail - length),
        .refused_count = own_load(&ring->producer.refused_count),
    };
}
