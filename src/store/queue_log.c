/* The queue as a log: read again from its position, and let go up to a sequence. */
#include <errno.h>

#include <sluice/clock.h>

#include "base/assert.h"
#include "store/queue_state.h"

uint64_t queue_position(struct queue *queue)
{
    mutex_lock(&queue->lock);
    uint64_t sequence = queue_oldest(queue).sequence;
    mutex_unlock(&queue->lock);
    return sequence;
}

uint64_t queue_sequence_next(struct queue *queue)
{
    mutex_lock(&queue->lock);
    uint64_t sequence = queue->next_sequence;
    mutex_unlock(&queue->lock);
    return sequence;
}

bool queue_has_position(const struct queue *queue)
{
    return queue->position.generation != 0;
}

static int entry_visit(struct queue *queue, const struct frame *frame, struct slu_budget *budget,
                       queue_replay_fn *visit, void *arg)
{
    struct queue_entry entry;
    uint64_t end = queue->cursor.offset + frame_bytes(frame);
    int err = queue_payload_read(queue, &queue->cursor, frame, budget, &entry);
    if (err == -EBADMSG) {
        queue_cursor_pass(queue, end, true);
        return 0;
    }
    if (err == 0) {
        err = visit(arg, &entry);
        block_free(budget, &entry.bytes);
    }
    if (err == 0) {
        queue_cursor_pass(queue, end, false);
    }
    return err;
}

/* What is held is the oldest: it keeps the position where it is, while the cursor goes on. */
static struct place position_hold(struct queue *queue)
{
    mutex_lock(&queue->lock);
    SLU_ASSERT(queue->held_first == queue->held_end);
    struct place place = queue->cursor;
    *queue_held(queue, queue->held_end) = (struct held){.place = place, .state = HELD_OUT};
    queue->held_end++;
    mutex_unlock(&queue->lock);
    return place;
}

static void position_restore(struct queue *queue, struct place place)
{
    mutex_lock(&queue->lock);
    queue->held_end--;
    queue->cursor = place;
    mutex_unlock(&queue->lock);
}

int queue_replay(struct queue *queue, struct slu_budget *budget, queue_replay_fn *visit, void *arg)
{
    int err = 0;
    mutex_lock(&queue->read_lock);
    struct place place = position_hold(queue);
    while (err == 0) {
        struct frame frame;
        err = queue_cursor_settle(queue, &frame);
        if (err == 0) {
            err = entry_visit(queue, &frame, budget, visit, arg);
        }
    }
    position_restore(queue, place);
    mutex_unlock(&queue->read_lock);
    return err == -EAGAIN ? 0 : err;
}

/* With `lock` held: begin in the last segment that has a record behind `sequence`, or is the last. */
static void cursor_skip_segments(struct queue *queue, uint64_t sequence)
{
    while (queue->segment_count > 0 && queue->cursor.segment_id < queue_last_id(queue) &&
           queue_segment(queue, queue->cursor.segment_id + 1)->first_sequence <= sequence + 1) {
        queue->cursor.segment_id++;
        queue->cursor.offset = SEGMENT_HEADER_BYTES;
    }
}

/* Pass over the records up to `sequence`. Returns 0; an error of the disk */
static int cursor_release(struct queue *queue, uint64_t sequence)
{
    struct frame frame;
    int err = queue_cursor_settle(queue, &frame);
    while (err == 0 && frame.sequence <= sequence) {
        queue_cursor_pass(queue, queue->cursor.offset + frame_bytes(&frame), false);
        err = queue_cursor_settle(queue, &frame);
    }
    return err == -EAGAIN ? 0 : err;
}

int queue_release(struct queue *queue, uint64_t sequence)
{
    mutex_lock(&queue->read_lock);
    mutex_lock(&queue->lock);
    bool is_done = queue->cursor.sequence > sequence;
    if (!is_done) {
        cursor_skip_segments(queue, sequence);
    }
    mutex_unlock(&queue->lock);
    int err = is_done ? 0 : cursor_release(queue, sequence);
    if (err == 0 && !is_done) {
        mutex_lock(&queue->lock);
        queue->cursor.sequence = sequence + 1;
        queue_position_moved(queue);
        mutex_unlock(&queue->lock);
    }
    if (err == 0) {
        err = queue_position_keep(queue, slu_clock_monotonic_ns());
    }
    mutex_unlock(&queue->read_lock);
    return err;
}
