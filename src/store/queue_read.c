#include <errno.h>
#include <stddef.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "scope/wait.h"
#include "store/queue_state.h"

/* A consumer that waits, on its stack. */
struct consumer {
    struct scope_waiter waiter;
    struct consumer *next;
    struct consumer *previous;
};

void queue_wake_consumers(struct queue *queue)
{
    for (struct consumer *consumer = queue->consumers; consumer != NULL;
         consumer = consumer->next) {
        scope_waiter_wake(&consumer->waiter);
    }
}

static bool table_is_full(const struct queue *queue)
{
    return queue->held_end - queue->held_first == queue->held_max;
}

/* With `lock` held: a look is worth it. */
static bool has_work(const struct queue *queue)
{
    if (queue->returned_count > 0) {
        return true;
    }
    if (table_is_full(queue) || queue->segment_count == 0) {
        return false;
    }
    uint64_t last = queue_last_id(queue);
    return queue->cursor.segment_id < last ||
           queue->cursor.offset < queue_segment(queue, last)->size_bytes;
}

/* With `lock` held: let the records at the beginning of the table go that are acked. */
static void table_shorten(struct queue *queue)
{
    uint64_t before = queue->held_first;
    while (queue->held_first != queue->held_end &&
           queue_held(queue, queue->held_first)->state == HELD_ACKED) {
        queue->held_first++;
        queue->acked_ahead_count--;
    }
    if (queue->held_first != before) {
        queue_position_moved(queue);
    }
}

/* With `lock` held; `sequence` is in the table. */
static struct held *held_find(const struct queue *queue, uint64_t sequence)
{
    uint64_t low = queue->held_first;
    uint64_t high = queue->held_end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (queue_held(queue, middle)->place.sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    SLU_ASSERT(low != queue->held_end);
    struct held *held = queue_held(queue, low);
    SLU_ASSERT(held->place.sequence == sequence);
    return held;
}

int queue_payload_read(struct queue *queue, const struct place *place, const struct frame *frame,
                       struct slu_budget *budget, struct queue_entry *entry)
{
    struct block bytes;
    int err = block_begin(budget, frame->payload_bytes > 0 ? frame->payload_bytes : 1, &bytes);
    if (err != 0) {
        return err;
    }
    err = segment_read(queue->directory.io, queue->read_fd, bytes.data, frame->payload_bytes,
                       place->offset + FRAME_HEADER_BYTES);
    bytes.len = frame->payload_bytes;
    const struct slu_bytes whole = {bytes.data, bytes.len};
    if (err == 0 && frame_hash(&whole, 1) != frame->payload_hash) {
        err = -EBADMSG;
    }
    if (err != 0) {
        block_free(budget, &bytes);
        return err;
    }
    *entry = (struct queue_entry){.bytes = bytes,
                                  .sequence = frame->sequence,
                                  .tag = frame->tag,
                                  .time_ns = frame->time_ns,
                                  .kind = frame->kind};
    return 0;
}

/* True if the record is to be given up: its bytes are wrong, or cannot be read again and again. */
static bool is_given_up(struct queue *queue, int err)
{
    if (err == 0 || err == -EDQUOT || err == -ENOMEM) {
        return false;
    }
    return err == -EBADMSG || queue_read_failed(queue);
}

/* With `read_lock` held, here and below. */
static void hand_out(struct queue *queue, const struct frame *frame)
{
    mutex_lock(&queue->lock);
    struct place place = queue->cursor;
    place.sequence = frame->sequence;
    *queue_held(queue, queue->held_end) = (struct held){.place = place,
                                                        .frame_bytes = frame_bytes(frame),
                                                        .time_ns = frame->time_ns,
                                                        .state = HELD_OUT};
    queue->held_end++;
    queue->cursor.offset += frame_bytes(frame);
    queue->cursor.sequence = frame->sequence + 1;
    mutex_unlock(&queue->lock);
    queue->read_failures = 0;
}

static int take_fresh(struct queue *queue, struct slu_budget *budget, struct queue_entry *entry)
{
    mutex_lock(&queue->lock);
    bool is_full = table_is_full(queue);
    mutex_unlock(&queue->lock);
    if (is_full) {
        return -EAGAIN;
    }
    for (;;) {
        struct frame frame;
        int err = queue_cursor_settle(queue, &queue->cursor, &frame);
        if (err != 0) {
            return err;
        }
        err = queue_payload_read(queue, &queue->cursor, &frame, budget, entry);
        if (err == 0) {
            hand_out(queue, &frame);
            return 0;
        }
        if (!is_given_up(queue, err)) {
            return err;
        }
        queue_cursor_pass(queue, &queue->cursor, queue->cursor.offset + frame_bytes(&frame), true);
    }
}

/* With `lock` held: the lowest that was returned is out again. */
static struct held returned_take(struct queue *queue)
{
    uint64_t at = queue->held_first;
    while (queue_held(queue, at)->state != HELD_RETURNED) {
        at++;
        SLU_ASSERT(at != queue->held_end);
    }
    queue_held(queue, at)->state = HELD_OUT;
    queue->returned_count--;
    return *queue_held(queue, at);
}

static int returned_read(struct queue *queue, const struct held *held, struct slu_budget *budget,
                         struct queue_entry *entry)
{
    unsigned char header[FRAME_HEADER_BYTES];
    struct frame frame;
    int err = queue_read_open(queue, held->place.segment_id);
    if (err == 0) {
        err = segment_read(queue->directory.io, queue->read_fd, header, sizeof(header),
                           held->place.offset);
    }
    if (err != 0) {
        return err;
    }
    mutex_lock(&queue->lock);
    uint64_t salt = queue_segment(queue, held->place.segment_id)->salt;
    mutex_unlock(&queue->lock);
    if (!frame_decode(header, salt, &frame) || frame.sequence != held->place.sequence ||
        frame_bytes(&frame) != held->frame_bytes) {
        return -EBADMSG;
    }
    return queue_payload_read(queue, &held->place, &frame, budget, entry);
}

/* Returns -EAGAIN if none is to be given out again. */
static int take_returned(struct queue *queue, struct slu_budget *budget, struct queue_entry *entry)
{
    for (;;) {
        mutex_lock(&queue->lock);
        bool is_there = queue->returned_count > 0;
        struct held held = {0};
        if (is_there) {
            held = returned_take(queue);
        }
        mutex_unlock(&queue->lock);
        if (!is_there) {
            return -EAGAIN;
        }
        int err = returned_read(queue, &held, budget, entry);
        if (err == 0) {
            queue->read_failures = 0;
            return 0;
        }
        bool is_lost = is_given_up(queue, err);
        mutex_lock(&queue->lock);
        struct held *slot = held_find(queue, held.place.sequence);
        slot->state = is_lost ? HELD_ACKED : HELD_RETURNED;
        queue->returned_count += !is_lost;
        queue->acked_ahead_count += is_lost;
        queue->counted.damaged_count += is_lost;
        queue->counted.damaged_bytes += is_lost ? held.frame_bytes : 0;
        table_shorten(queue);
        mutex_unlock(&queue->lock);
        if (!is_lost) {
            return err;
        }
        queue->read_failures = 0;
    }
}

static int take(struct queue *queue, struct slu_budget *budget, struct queue_entry *entry)
{
    mutex_lock(&queue->read_lock);
    int err = take_returned(queue, budget, entry);
    if (err == -EAGAIN) {
        err = take_fresh(queue, budget, entry);
    }
    mutex_unlock(&queue->read_lock);
    return err;
}

static void consumer_link(struct queue *queue, struct consumer *consumer)
{
    consumer->next = queue->consumers;
    if (consumer->next != NULL) {
        consumer->next->previous = consumer;
    }
    queue->consumers = consumer;
}

static void consumer_unlink(struct queue *queue, struct consumer *consumer)
{
    if (consumer->next != NULL) {
        consumer->next->previous = consumer->previous;
    }
    if (consumer->previous != NULL) {
        consumer->previous->next = consumer->next;
    } else {
        queue->consumers = consumer->next;
    }
}

/* Returns 0 when a look is worth it. */
static int await_work(struct queue *queue, struct slu_scope *scope, uint64_t deadline_ns)
{
    struct consumer consumer = {.next = NULL};
    mutex_lock(&queue->lock);
    int err = queue->is_closing ? -ECANCELED : 0;
    if (err == 0 && !has_work(queue)) {
        consumer_link(queue, &consumer);
        mutex_unlock(&queue->lock);
        err = scope_wait(scope, &consumer.waiter, deadline_ns);
        mutex_lock(&queue->lock);
        consumer_unlink(queue, &consumer);
        err = queue->is_closing ? -ECANCELED : err;
    }
    mutex_unlock(&queue->lock);
    return err == -ETIME ? -EAGAIN : err;
}

static bool consumer_enter(struct queue *queue)
{
    mutex_lock(&queue->lock);
    bool is_closing = queue->is_closing;
    queue->consumer_count += !is_closing;
    mutex_unlock(&queue->lock);
    return !is_closing;
}

static void consumer_leave(struct queue *queue)
{
    mutex_lock(&queue->lock);
    queue->consumer_count--;
    if (queue->consumer_count == 0) {
        condition_signal(&queue->idle);
    }
    mutex_unlock(&queue->lock);
}

int queue_next(struct queue *queue, struct slu_scope *scope, struct slu_budget *budget,
               uint64_t deadline_ns, struct queue_entry *entry)
{
    if (!consumer_enter(queue)) {
        return -ECANCELED;
    }
    int err = take(queue, budget, entry);
    while (err == -EAGAIN && deadline_ns != 0) {
        err = await_work(queue, scope, deadline_ns);
        if (err != 0) {
            break;
        }
        err = take(queue, budget, entry);
    }
    consumer_leave(queue);
    return err;
}

void queue_ack(struct queue *queue, const struct queue_entry *entry)
{
    mutex_lock(&queue->lock);
    struct held *held = held_find(queue, entry->sequence);
    SLU_ASSERT(held->state == HELD_OUT);
    bool was_full = table_is_full(queue);
    held->state = HELD_ACKED;
    queue->acked_ahead_count++;
    queue->acked_bytes += held->frame_bytes;
    queue->counted.acked_count++;
    table_shorten(queue);
    if (was_full && !table_is_full(queue)) {
        queue_wake_consumers(queue);
    }
    mutex_unlock(&queue->lock);
}

void queue_return(struct queue *queue, const struct queue_entry *entry)
{
    mutex_lock(&queue->lock);
    struct held *held = held_find(queue, entry->sequence);
    SLU_ASSERT(held->state == HELD_OUT);
    held->state = HELD_RETURNED;
    queue->returned_count++;
    queue->counted.returned_count++;
    queue_wake_consumers(queue);
    mutex_unlock(&queue->lock);
}

/* With `lock` held: what is neither acked nor passed over. */
static uint64_t bytes_from(const struct queue *queue, const struct place *place)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < queue->segment_count; i++) {
        uint64_t id = queue->segment_first_id + i;
        uint64_t begin = id == place->segment_id ? place->offset : SEGMENT_HEADER_BYTES;
        uint64_t size_bytes = queue->segments[i].size_bytes;
        bytes += id >= place->segment_id && size_bytes > begin ? size_bytes - begin : 0;
    }
    return bytes;
}

void queue_stats(struct queue *queue, struct queue_stats *stats)
{
    mutex_lock(&queue->read_lock);
    struct frame next = {.time_ns = 0};
    int unseen = queue_cursor_look(queue, &queue->cursor, &next);
    (void)unseen; /* an error is counted, and the age of what waits is not known */
    mutex_lock(&queue->lock);
    struct place oldest = queue_oldest(queue);
    uint64_t held_count = queue->held_end - queue->held_first;
    struct queue_stats now = queue->counted;
    now.waiting_bytes = bytes_from(queue, &oldest);
    now.waiting_count = now.waiting_bytes == 0 ? 0
                                               : queue->committed_sequence - oldest.sequence -
                                                     queue->acked_ahead_count;
    now.disk_bytes = queue->disk_bytes;
    now.staged_count = queue->pending_end - queue->pending_first;
    now.staged_bytes = queue->pending_bytes;
    now.consumer_count = queue->consumer_count;
    now.held_count = held_count - queue->acked_ahead_count - queue->returned_count;
    now.oldest_time_ns =
        held_count > 0 ? queue_held(queue, queue->held_first)->time_ns : next.time_ns;
    mutex_unlock(&queue->lock);
    mutex_unlock(&queue->read_lock);
    *stats = now;
}
