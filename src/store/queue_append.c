#include <errno.h>
#include <string.h>

#include "store/queue_state.h"

/* What an append has reserved under the lock, to be filled without it. */
struct reservation {
    uint64_t ring_at;
    uint64_t pending_at;
    uint64_t sequence;
};

static int payload_bytes(const struct queue *queue, const struct queue_record *record,
                         uint64_t *bytes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < record->part_count; i++) {
        if (__builtin_add_overflow(sum, record->parts[i].len, &sum)) {
            return -EMSGSIZE;
        }
    }
    if (sum > queue->segment_bytes - SEGMENT_HEADER_BYTES - FRAME_HEADER_BYTES ||
        sum > queue->ring_bytes - FRAME_HEADER_BYTES) {
        return -EMSGSIZE;
    }
    *bytes = sum;
    return 0;
}

/* What segments add that are begun for so many bytes of records: any two that follow one another
 * hold more than one segment's. */
static uint64_t headers_bytes(const struct queue *queue, uint64_t bytes)
{
    return SEGMENT_HEADER_BYTES * (2 + 2 * bytes / queue->segment_bytes);
}

/* With `lock` held. */
static int admit(struct queue *queue, uint64_t bytes)
{
    if (queue->is_ending) {
        return -ECANCELED;
    }
    uint64_t new_bytes = queue->pending_bytes + bytes;
    if (queue->disk_bytes + new_bytes + headers_bytes(queue, new_bytes) > queue->size_bytes_max) {
        queue->counted.full_count++;
        return -ENOSPC;
    }
    if (queue->ring_reserved - queue->ring_written + bytes > queue->ring_bytes ||
        queue->pending_end - queue->pending_first == queue->pending_max) {
        queue->counted.staging_full_count++;
        return -EDQUOT;
    }
    return 0;
}

static int reserve(struct queue *queue, uint64_t bytes, queue_done_fn *done, void *arg,
                   struct reservation *out)
{
    mutex_lock(&queue->lock);
    int err = admit(queue, bytes);
    if (err == 0) {
        *out = (struct reservation){.ring_at = queue->ring_reserved,
                                    .pending_at = queue->pending_end,
                                    .sequence = queue->next_sequence};
        *queue_pending(queue, queue->pending_end) = (struct pending){
            .done = done, .arg = arg, .sequence = queue->next_sequence, .frame_bytes = bytes};
        queue->ring_reserved += bytes;
        queue->pending_end++;
        queue->pending_bytes += bytes;
        queue->next_sequence++;
        queue->counted.appended_count++;
    }
    mutex_unlock(&queue->lock);
    return err;
}

/* Copy to the ring, round its end. Returns where the next bytes go. */
static uint64_t ring_put(const struct queue *queue, uint64_t at, const void *bytes, size_t len)
{
    size_t begin = (size_t)(at % queue->ring_bytes);
    size_t room = (size_t)queue->ring_bytes - begin;
    size_t first = len < room ? len : room;
    if (len > 0) {
        memcpy(queue->ring + begin, bytes, first);
        memcpy(queue->ring, (const char *)bytes + first, len - first);
    }
    return at + len;
}

static void fill(struct queue *queue, const struct reservation *reservation,
                 const struct queue_record *record, const struct frame *frame)
{
    unsigned char header[FRAME_HEADER_BYTES];
    frame_encode(frame, queue->salt, header);
    uint64_t at = ring_put(queue, reservation->ring_at, header, sizeof(header));
    for (size_t i = 0; i < record->part_count; i++) {
        at = ring_put(queue, at, record->parts[i].data, record->parts[i].len);
    }
    mutex_lock(&queue->lock);
    queue_pending(queue, reservation->pending_at)->is_ready = true;
    condition_signal(&queue->commit_wanted);
    mutex_unlock(&queue->lock);
}

int queue_append(struct queue *queue, const struct queue_record *record, queue_done_fn *done,
                 void *arg)
{
    uint64_t bytes = 0;
    int err = payload_bytes(queue, record, &bytes);
    if (err != 0) {
        return err;
    }
    struct reservation reservation;
    err = reserve(queue, FRAME_HEADER_BYTES + bytes, done, arg, &reservation);
    if (err != 0) {
        return err;
    }
    /* Hashed and copied without the lock: appends of many threads do so at the same time. */
    struct frame frame = {.sequence = reservation.sequence,
                          .tag = record->tag,
                          .time_ns = record->time_ns,
                          .kind = record->kind,
                          .payload_bytes = (uint32_t)bytes,
                          .payload_hash = frame_hash(record->parts, record->part_count)};
    fill(queue, &reservation, record, &frame);
    return 0;
}
