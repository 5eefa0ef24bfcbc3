#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/random.h>

#include "base/diag.h"
#include "store/queue_state.h"
#include "store/store_io.h"

struct listing {
    struct queue *queue;
    uint32_t count;
};

static int segment_visit(void *arg, const char *name)
{
    struct listing *listing = arg;
    uint64_t first_sequence = 0;
    if (!segment_name_parse(name, &first_sequence)) {
        return 0;
    }
    if (listing->count == listing->queue->segment_max) {
        return -EFBIG;
    }
    listing->queue->segments[listing->count++].first_sequence = first_sequence;
    return 0;
}

static int segment_compare(const void *left, const void *right)
{
    const struct segment *first = left;
    const struct segment *second = right;
    return (first->first_sequence > second->first_sequence) -
           (first->first_sequence < second->first_sequence);
}

static int refuse(struct slu_diag *diag, int err, uint64_t first_sequence, const char *what)
{
    char name[SEGMENT_NAME_MAX];
    segment_name(first_sequence, name);
    return diag_fail(diag, err, "the queue's segment %s: %s: %s", name, what, strerror(-err));
}

/* Returns 1 if the file was made, but nothing was ever written to it. */
static int segment_recall(struct queue *queue, struct segment *segment)
{
    struct segment_facts facts;
    int fd = -1;
    int err = segment_open(&queue->directory, segment->first_sequence, false, &fd);
    if (err != 0) {
        return err;
    }
    err = segment_facts_read(queue->directory.io, fd, segment->first_sequence, &facts);
    queue->directory.io->close(queue->directory.io->context, fd);
    if (err != 0) {
        return err;
    }
    if (facts.size_bytes < SEGMENT_HEADER_BYTES) {
        return 1;
    }
    segment->size_bytes = facts.size_bytes;
    segment->salt = facts.salt;
    segment->is_damaged = facts.is_damaged;
    return 0;
}

static int segments_recall(struct queue *queue, uint32_t listed_count, struct slu_diag *diag)
{
    for (uint32_t i = 0; i < listed_count; i++) {
        struct segment segment = queue->segments[i];
        int err = segment_recall(queue, &segment);
        if (err == 1) {
            err = segment_unlink(&queue->directory, segment.first_sequence);
        } else if (err == 0) {
            queue->segments[queue->segment_count++] = segment;
            queue->disk_bytes += segment.size_bytes;
        }
        if (err != 0) {
            return refuse(diag, err, segment.first_sequence, "cannot be read");
        }
        if (segment.first_sequence > queue->next_sequence) {
            queue->next_sequence = segment.first_sequence;
        }
    }
    return 0;
}

static int segments_list(struct queue *queue, struct slu_diag *diag)
{
    struct listing listing = {.queue = queue};
    const struct store_io *io = queue->directory.io;
    int err = io->list(io->context, queue->directory.path, segment_visit, &listing);
    if (err != 0) {
        return diag_fail(diag, err, "the queue's directory %.120s: %s", queue->directory.path,
                         strerror(-err));
    }
    qsort(queue->segments, listing.count, sizeof(struct segment), segment_compare);
    return segments_recall(queue, listing.count, diag);
}

/* Find where the last whole frame of the newest segment ends. */
static int good_end(struct queue *queue, int fd, const struct segment *segment, uint64_t *end)
{
    struct segment_walk walk = {.io = queue->directory.io,
                                .fd = fd,
                                .salt = segment->salt,
                                .offset = SEGMENT_HEADER_BYTES,
                                .end = segment->size_bytes,
                                .scratch = queue->scratch};
    struct frame frame;
    uint64_t good = SEGMENT_HEADER_BYTES;
    int err = segment_walk_find(&walk, &frame);
    while (err == 0) {
        err = segment_walk_check(&walk, &frame);
        if (err != 0 && err != -EBADMSG) {
            return err;
        }
        segment_walk_pass(&walk, &frame);
        if (err == 0) {
            good = walk.offset;
            queue->next_sequence =
                frame.sequence >= queue->next_sequence ? frame.sequence + 1 : queue->next_sequence;
        }
        err = segment_walk_find(&walk, &frame);
    }
    if (err != -ENODATA) {
        return err;
    }
    *end = good;
    return 0;
}

/* Behind the last whole frame is what no sync covered: cut it, and go on writing there. */
static int tail_cut(struct queue *queue, int fd, struct segment *last)
{
    const struct store_io *io = queue->directory.io;
    uint64_t end = 0;
    int err = good_end(queue, fd, last, &end);
    if (err == 0 && end < last->size_bytes) {
        err = io->truncate(io->context, fd, end);
        if (err == 0) {
            err = io->sync(io->context, fd);
        }
    }
    if (err == 0) {
        queue->counted.torn_bytes = last->size_bytes - end;
        queue->disk_bytes -= last->size_bytes - end;
        last->size_bytes = end;
    }
    return err;
}

static int newest_recall(struct queue *queue, struct slu_diag *diag)
{
    if (queue->segment_count == 0) {
        return 0;
    }
    struct segment *last = &queue->segments[queue->segment_count - 1];
    if (last->is_damaged) { /* the next segment needs another name */
        queue->next_sequence += queue->next_sequence == last->first_sequence;
        return 0;
    }
    int fd = -1;
    int err = segment_open(&queue->directory, last->first_sequence, true, &fd);
    if (err == 0) {
        err = tail_cut(queue, fd, last);
    }
    if (err != 0) {
        if (fd >= 0) {
            queue->directory.io->close(queue->directory.io->context, fd);
        }
        return refuse(diag, err, last->first_sequence, "its end cannot be found");
    }
    queue->active_fd = fd;
    return 0;
}

/* Frames written before and after a restart have one salt, so that a segment is written on. */
static int salt_recall(struct queue *queue)
{
    for (uint32_t i = queue->segment_count; i > 0; i--) {
        if (!queue->segments[i - 1].is_damaged) {
            queue->salt = queue->segments[i - 1].salt;
            return 0;
        }
    }
    return slu_random_seed(&queue->salt);
}

/* Pass over what is done with, so that what waits is known to the byte. Damage is left to the
 * consumers, who count it. */
static void cursor_forward(struct queue *queue)
{
    struct frame frame;
    const struct segment *segment = queue_segment(queue, queue->cursor.segment_id);
    if (segment->is_damaged || queue_read_open(queue, queue->cursor.segment_id) != 0) {
        return;
    }
    struct segment_walk walk = {.io = queue->directory.io,
                                .fd = queue->read_fd,
                                .salt = segment->salt,
                                .offset = queue->cursor.offset,
                                .end = segment->size_bytes,
                                .scratch = queue->scratch};
    while (segment_walk_find(&walk, &frame) == 0 && walk.offset == queue->cursor.offset &&
           frame.sequence < queue->cursor.sequence) {
        segment_walk_pass(&walk, &frame);
        queue->cursor.offset = walk.offset;
    }
}

static void cursor_place(struct queue *queue)
{
    queue->cursor =
        (struct place){.offset = SEGMENT_HEADER_BYTES, .sequence = queue->position.sequence};
    if (queue->segment_count == 0) {
        queue->cursor.sequence = queue->next_sequence;
        return;
    }
    uint32_t at = 0;
    while (at + 1 < queue->segment_count &&
           queue->segments[at + 1].first_sequence <= queue->position.sequence) {
        at++;
    }
    queue->cursor.segment_id = at;
    if (queue->segments[at].first_sequence > queue->cursor.sequence) {
        queue->cursor.sequence = queue->segments[at].first_sequence;
    }
    cursor_forward(queue);
}

int queue_recover(struct queue *queue, struct slu_diag *diag)
{
    queue->next_sequence = queue->position.sequence > 0 ? queue->position.sequence : 1;
    queue->counted.position_lost_count = queue->position.damaged_count;
    int err = segments_list(queue, diag);
    if (err == 0) {
        err = newest_recall(queue, diag);
    }
    if (err != 0) {
        return err;
    }
    if (queue->next_sequence < queue->sequence_min) {
        queue->next_sequence = queue->sequence_min;
    }
    err = salt_recall(queue);
    if (err != 0) {
        return diag_fail(diag, err, "no random number for the queue: %s", strerror(-err));
    }
    queue->committed_sequence = queue->next_sequence;
    cursor_place(queue);
    return 0;
}
