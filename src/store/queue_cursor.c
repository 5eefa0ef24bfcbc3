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

void queue_cursor_pass(struct queue *queue, struct place *place, uint64_t offset, bool is_damaged)
{
    mutex_lock(&queue->lock);
    if (is_damaged && !queue_place_is_before(place, &queue->damage_counted)) {
        queue->counted.damaged_count++;
        queue->counted.damaged_bytes += offset - place->offset;
        queue->damage_counted = (struct place){.segment_id = place->segment_id, .offset = offset};
    }
    place->offset = offset;
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
static bool place_has_bytes(struct queue *queue, struct place *place)
{
    while (queue->segment_count > 0) {
        if (place->offset < queue_segment(queue, place->segment_id)->size_bytes) {
            return true;
        }
        if (place->segment_id == queue_last_id(queue)) {
            return false;
        }
        place->segment_id++;
        place->offset = SEGMENT_HEADER_BYTES;
        uint64_t first_sequence = queue_segment(queue, place->segment_id)->first_sequence;
        place->sequence = first_sequence > place->sequence ? first_sequence : place->sequence;
        if (place == &queue->cursor && queue->held_first == queue->held_end) {
            queue_position_moved(queue);
        }
    }
    return false;
}

/* Find the frame at the place or behind it. Returns as queue_cursor_settle; -ENODATA if only
 * damage was left, which the place has passed. */
static int place_find(struct queue *queue, struct place *place, const struct segment *segment,
                      struct frame *frame)
{
    struct segment_walk walk = {.io = queue->directory.io,
                                .salt = segment->salt,
                                .offset = place->offset,
                                .end = segment->size_bytes,
                                .scratch = queue->scratch};
    int err = queue_read_open(queue, place->segment_id);
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
    if (walk.offset > place->offset) {
        queue_cursor_pass(queue, place, walk.offset, true);
    }
    return err;
}

int queue_cursor_settle(struct queue *queue, struct place *place, struct frame *frame)
{
    for (;;) {
        mutex_lock(&queue->lock);
        bool has_bytes = place_has_bytes(queue, place);
        struct segment segment = {0};
        if (has_bytes) {
            segment = *queue_segment(queue, place->segment_id);
        }
        mutex_unlock(&queue->lock);
        if (!has_bytes) {
            return -EAGAIN;
        }
        if (segment.is_damaged) {
            queue_cursor_pass(queue, place, segment.size_bytes, true);
            continue;
        }
        int err = place_find(queue, place, &segment, frame);
        if (err == 0 && frame->sequence < place->sequence) { /* done with already */
            queue_cursor_pass(queue, place, place->offset + frame_bytes(frame), false);
            continue;
        }
        if (err != -ENODATA) {
            return err;
        }
    }
}

int queue_cursor_look(struct queue *queue, struct place *place, struct frame *frame)
{
    uint32_t failures = queue->read_failures;
    queue->read_failures = 0;
    int err = queue_cursor_settle(queue, place, frame);
    if (err != 0) {
        queue->read_failures = failures;
    }
    return err;
}
