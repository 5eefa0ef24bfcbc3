#include <errno.h>

#include "store/queue_state.h"
#include "store/store_io.h"

struct place queue_oldest(const struct queue *queue)
{
    bool is_empty = queue->held_first == queue->held_end;
    return is_empty ? queue->cursor : queue_held(queue, queue->held_first)->place;
}

void queue_position_moved(struct queue *queue)
{
    bool was_old = queue->is_position_old;
    queue->is_position_old = true;
    if (!was_old || queue->acked_bytes >= POSITION_BYTES ||
        queue_oldest(queue).segment_id > queue->segment_first_id) {
        condition_signal(&queue->commit_wanted);
    }
}

void queue_cursor_pass(struct queue *queue, uint64_t offset, bool is_damaged)
{
    mutex_lock(&queue->lock);
    if (is_damaged) {
        queue->counted.damaged_count++;
        queue->counted.damaged_bytes += offset - queue->cursor.offset;
    }
    queue->cursor.offset = offset;
    mutex_unlock(&queue->lock);
    queue->read_failures = 0;
}

int queue_read_open(struct queue *queue, uint64_t segment_id)
{
    const struct store_io *io = queue->directory.io;
    if (queue->read_fd >= 0 && queue->read_segment_id == segment_id) {
        return 0;
    }
    if (queue->read_fd >= 0) {
        io->close(io->context, queue->read_fd);
        queue->read_fd = -1;
    }
    mutex_lock(&queue->lock);
    uint64_t first_sequence = queue_segment(queue, segment_id)->first_sequence;
    mutex_unlock(&queue->lock);
    int err = segment_open(&queue->directory, first_sequence, false, &queue->read_fd);
    if (err == 0) {
        queue->read_segment_id = segment_id;
    }
    return err;
}

bool queue_read_failed(struct queue *queue)
{
    mutex_lock(&queue->lock);
    queue->counted.disk_error_count++;
    mutex_unlock(&queue->lock);
    queue->read_failures++;
    return queue->read_failures >= READ_FAILURES_MAX;
}

/* With `lock` held. Returns false at the end of what is committed. */
static bool cursor_has_bytes(struct queue *queue)
{
    while (queue->segment_count > 0) {
        struct place *cursor = &queue->cursor;
        if (cursor->offset < queue_segment(queue, cursor->segment_id)->size_bytes) {
            return true;
        }
        if (cursor->segment_id == queue_last_id(queue)) {
            return false;
        }
        cursor->segment_id++;
        cursor->offset = SEGMENT_HEADER_BYTES;
        uint64_t first_sequence = queue_segment(queue, cursor->segment_id)->first_sequence;
        cursor->sequence = first_sequence > cursor->sequence ? first_sequence : cursor->sequence;
        if (queue->held_first == queue->held_end) {
            queue_position_moved(queue);
        }
    }
    return false;
}

/* Find the frame at the cursor or behind it. Returns as queue_cursor_settle; -ENODATA if only
 * damage was left, which the cursor has passed. */
static int cursor_find(struct queue *queue, const struct segment *segment, struct frame *frame)
{
    struct segment_walk walk = {.io = queue->directory.io,
                                .salt = segment->salt,
                                .offset = queue->cursor.offset,
                                .end = segment->size_bytes,
                                .scratch = queue->scratch};
    int err = queue_read_open(queue, queue->cursor.segment_id);
    walk.fd = queue->read_fd;
    if (err == 0) {
        err = segment_walk_find(&walk, frame);
    }
    if (err != 0 && err != -ENODATA) {
        if (!queue_read_failed(queue)) {
            return err;
        }
        walk.offset = walk.end;
        err = -ENODATA;
    }
    if (walk.offset > queue->cursor.offset) {
        queue_cursor_pass(queue, walk.offset, true);
    }
    return err;
}

int queue_cursor_settle(struct queue *queue, struct frame *frame)
{
    for (;;) {
        mutex_lock(&queue->lock);
        bool has_bytes = cursor_has_bytes(queue);
        struct segment segment = {0};
        if (has_bytes) {
            segment = *queue_segment(queue, queue->cursor.segment_id);
        }
        mutex_unlock(&queue->lock);
        if (!has_bytes) {
            return -EAGAIN;
        }
        if (segment.is_damaged) {
            queue_cursor_pass(queue, segment.size_bytes, true);
            continue;
        }
        int err = cursor_find(queue, &segment, frame);
        if (err == 0 && frame->sequence < queue->cursor.sequence) { /* done with already */
            queue_cursor_pass(queue, queue->cursor.offset + frame_bytes(frame), false);
            continue;
        }
        if (err != -ENODATA) {
            return err;
        }
    }
}
