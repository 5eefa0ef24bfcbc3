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
    return queue->has_position;
}

/* With `read_lock` held, but not while `visit` runs, which may release. */
static int entry_visit(struct queue *queue, struct place *place, const struct frame *frame,
                       struct slu_budget *budget, queue_replay_fn *visit, void *arg)
{
    struct queue_entry entry;
    uint64_t end = place->offset + frame_bytes(frame);
    int err = queue_payload_read(queue, place, frame, budget, &entry);
    if (err != 0 && err != -EBADMSG) {
        return err;
    }
    queue_cursor_pass(queue, place, end, err == -EBADMSG);
    if (err == -EBADMSG) {
        return 0;
    }
    place->sequence = frame->sequence + 1;
    mutex_unlock(&queue->read_lock);
    err = visit(arg, &entry);
    block_free(budget, &entry.bytes);
    mutex_lock(&queue->read_lock);
    return err;
}

/* With `read_lock` held: what was released meanwhile is not visited, and may have been unlinked. */
static void place_catch_up(const struct queue *queue, struct place *place)
{
    if (queue_place_is_before(place, &queue->cursor)) {
        *place = queue->cursor;
    }
}

int queue_replay(struct queue *queue, struct slu_budget *budget, queue_replay_fn *visit, void *arg)
{
    int err = 0;
    mutex_lock(&queue->read_lock);
    SLU_ASSERT(queue->held_first == queue->held_end);
    struct place place = queue->cursor;
    while (err == 0) {
        struct frame frame;
        place_catch_up(queue, &place);
        err = queue_cursor_look(queue, &place, &frame);
        if (err == 0) {
            err = entry_visit(queue, &place, &frame, budget, visit, arg);
        }
    }
    mutex_unlock(&queue->read_lock);
    return err == -EAGAIN ? 0 : err;
}

/* Go to the last segment that has a record behind `sequence`, or is the last: what lies before it
 * need not be read. Returns false if all is released already. */
static bool cursor_skip_segments(struct queue *queue, uint64_t sequence)
{
    mutex_lock(&queue->lock);
    bool is_behind = queue->cursor.sequence <= sequence;
    while (is_behind && queue->segment_count > 0 &&
           queue->cursor.segment_id < queue_last_id(queue) &&
           queue_segment(queue, queue->cursor.segment_id + 1)->first_sequence <= sequence + 1) {
        queue->cursor.segment_id++;
        queue->cursor.offset = SEGMENT_HEADER_BYTES;
    }
    mutex_unlock(&queue->lock);
    return is_behind;
}

/* Pass over the records up to `sequence`. Returns 0; an error of the disk */
static int cursor_release(struct queue *queue, uint64_t sequence)
{
    struct frame frame;
    int err = queue_cursor_look(queue, &queue->cursor, &frame);
    while (err == 0 && frame.sequence <= sequence) {
        queue_cursor_pass(queue, &queue->cursor, queue->cursor.offset + frame_bytes(&frame), false);
        err = queue_cursor_look(queue, &queue->cursor, &frame);
    }
    if (err != 0 && err != -EAGAIN) {
        return err;
    }
    mutex_lock(&queue->lock);
    if (queue->cursor.sequence <= sequence) {
        queue->cursor.sequence = sequence + 1;
    }
    queue_position_moved(queue);
    mutex_unlock(&queue->lock);
    return 0;
}

/* A position behind what is committed would swallow records that are still to come. */
static uint64_t committed_only(struct queue *queue, uint64_t sequence)
{
    mutex_lock(&queue->lock);
    uint64_t end = queue->committed_sequence;
    mutex_unlock(&queue->lock);
    return sequence < end ? sequence : end - 1;
}

int queue_release(struct queue *queue, uint64_t sequence)
{
    int err = 0;
    mutex_lock(&queue->read_lock);
    SLU_ASSERT(queue->held_first == queue->held_end);
    sequence = committed_only(queue, sequence);
    if (cursor_skip_segments(queue, sequence)) {
        err = cursor_release(queue, sequence);
    }
    if (err == 0) { /* or once more, where the last release could not */
        err = queue_position_keep(queue, slu_clock_monotonic_ns());
    }
    mutex_unlock(&queue->read_lock);
    return err;
}
