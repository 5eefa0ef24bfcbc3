/*
 * Group commit: what came while the last sync ran goes together, in one write and one sync. All
 * that the queue writes is written here, by one thread.
 */
#include <errno.h>
#include <sys/uio.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "store/queue_state.h"
#include "store/store_io.h"

#define DROP_RETRY_NS UINT64_C(1000000000)

struct group {
    uint64_t first; /* of the pending records */
    uint64_t count;
    uint64_t bytes;
    uint64_t sequence;     /* of the first */
    uint64_t sequence_end; /* behind the last */
    bool begins_segment;
};

static struct segment *active_segment(const struct queue *queue)
{
    return queue_segment(queue, queue_last_id(queue));
}

/* With `lock` held: what is ready and goes into one segment. */
static bool group_collect(const struct queue *queue, struct group *group)
{
    *group = (struct group){.first = queue->pending_first};
    uint64_t room = 0;
    if (queue->active_fd >= 0 && active_segment(queue)->size_bytes < queue->segment_bytes) {
        room = queue->segment_bytes - active_segment(queue)->size_bytes;
    }
    for (uint64_t at = group->first; at != queue->pending_end; at++) {
        const struct pending *pending = queue_pending(queue, at);
        if (!pending->is_ready) {
            break;
        }
        if (group->count == 0) {
            group->sequence = pending->sequence;
            group->begins_segment = pending->frame_bytes > room;
            room = group->begins_segment ? queue->segment_bytes - SEGMENT_HEADER_BYTES : room;
        }
        if (pending->frame_bytes > room) {
            break;
        }
        room -= pending->frame_bytes;
        group->bytes += pending->frame_bytes;
        group->sequence_end = pending->sequence + 1;
        group->count++;
    }
    return group->count > 0;
}

static void count_disk_error(struct queue *queue)
{
    mutex_lock(&queue->lock);
    queue->counted.disk_error_count++;
    mutex_unlock(&queue->lock);
}

static int active_sync(struct queue *queue)
{
    uint64_t began_ns = slu_clock_monotonic_ns();
    int err = queue->directory.io->sync(queue->directory.io->context, queue->active_fd);
    uint64_t took_ns = slu_clock_monotonic_ns() - began_ns;
    mutex_lock(&queue->lock);
    queue->counted.sync_count++;
    queue->counted.sync_ns += took_ns;
    queue->counted.disk_error_count += err != 0;
    mutex_unlock(&queue->lock);
    queue->is_active_unsynced = false;
    queue->sync_due_ns = UINT64_MAX;
    return err;
}

/* Nothing more is written to it. Readers go on to what was committed. */
static void active_seal(struct queue *queue)
{
    if (queue->active_fd < 0) {
        return;
    }
    if (queue->is_active_unsynced) {
        (void)active_sync(queue); /* relaxed: `done` was told already; the error is counted */
    }
    queue->directory.io->close(queue->directory.io->context, queue->active_fd);
    queue->active_fd = -1;
}

static int active_begin(struct queue *queue, uint64_t sequence)
{
    active_seal(queue);
    if (queue->segment_count == queue->segment_max) {
        return -ENOSPC;
    }
    int fd = -1;
    int err = segment_create(&queue->directory, sequence, queue->salt, &fd);
    if (err != 0) {
        return err;
    }
    mutex_lock(&queue->lock);
    queue->segments[queue->segment_count++] = (struct segment){
        .first_sequence = sequence, .size_bytes = SEGMENT_HEADER_BYTES, .salt = queue->salt};
    queue->disk_bytes += SEGMENT_HEADER_BYTES;
    mutex_unlock(&queue->lock);
    queue->active_fd = fd;
    return 0;
}

static int ring_write(struct queue *queue, const struct group *group)
{
    uint64_t begin = queue->ring_written % queue->ring_bytes;
    uint64_t room = queue->ring_bytes - begin;
    uint64_t first = group->bytes < room ? group->bytes : room;
    struct iovec pieces[2] = {
        {.iov_base = queue->ring + begin, .iov_len = (size_t)first},
        {.iov_base = queue->ring, .iov_len = (size_t)(group->bytes - first)},
    };
    return segment_write(queue->directory.io, queue->active_fd, pieces,
                         group->bytes > first ? 2 : 1, active_segment(queue)->size_bytes);
}

/*
 * Cut the segment back to what is good. After a sync that failed nothing is known of what the
 * kernel still holds, so the file is not written to again (Rebello et al., "Can applications
 * recover from fsync failures?", USENIX ATC 2020).
 */
static void active_cut(struct queue *queue, bool is_sync_failed)
{
    if (queue->active_fd < 0) {
        return;
    }
    int err = queue->directory.io->truncate(queue->directory.io->context, queue->active_fd,
                                            active_segment(queue)->size_bytes);
    if (err != 0 || is_sync_failed) {
        active_seal(queue);
    }
}

/* Free for more while the sync runs. An empty ring begins anew, so that light traffic stays on the
 * same few pages. */
static void ring_release(struct queue *queue, uint64_t bytes)
{
    mutex_lock(&queue->lock);
    queue->ring_written += bytes;
    if (queue->ring_written == queue->ring_reserved) {
        queue->ring_written = 0;
        queue->ring_reserved = 0;
    }
    mutex_unlock(&queue->lock);
}

static int group_write(struct queue *queue, const struct group *group)
{
    int err = group->begins_segment ? active_begin(queue, group->sequence) : 0;
    bool is_written = false;
    if (err == 0) {
        err = ring_write(queue, group);
        is_written = err == 0;
    }
    ring_release(queue, group->bytes);
    if (err != 0) {
        count_disk_error(queue);
    }
    if (err == 0 && queue->policy == QUEUE_SYNC) {
        err = active_sync(queue);
    }
    if (err != 0) {
        active_cut(queue, is_written);
    }
    return err;
}

/* Consumers may see the records before their `done`: both only follow from the commit. */
static void group_publish(struct queue *queue, const struct group *group, int err)
{
    mutex_lock(&queue->lock);
    if (err == 0) {
        active_segment(queue)->size_bytes += group->bytes;
        queue->disk_bytes += group->bytes;
        queue->counted.committed_count += group->count;
        queue->counted.committed_bytes += group->bytes;
    } else {
        queue->counted.failed_count += group->count;
    }
    queue->pending_bytes -= group->bytes;
    queue->committed_sequence = group->sequence_end;
    queue_wake_consumers(queue);
    mutex_unlock(&queue->lock);
}

static void group_end(struct queue *queue, const struct group *group, int err)
{
    group_publish(queue, group, err);
    for (uint64_t at = group->first; at != group->first + group->count; at++) {
        /* Without the lock: only this thread lets the slots go. */
        const struct pending *pending = queue_pending(queue, at);
        if (pending->done != NULL) {
            pending->done(pending->arg, err, pending->sequence);
        }
    }
    mutex_lock(&queue->lock);
    queue->pending_first += group->count;
    mutex_unlock(&queue->lock);
}

/* Returns false if nothing was ready. */
static bool commit_group(struct queue *queue, uint64_t now_ns)
{
    struct group group;
    mutex_lock(&queue->lock);
    bool is_ready = group_collect(queue, &group);
    mutex_unlock(&queue->lock);
    if (!is_ready) {
        return false;
    }
    int err = group_write(queue, &group);
    if (err == 0 && queue->policy == QUEUE_RELAXED && !queue->is_active_unsynced) {
        queue->is_active_unsynced = true;
        queue->sync_due_ns = now_ns + RELAXED_PERIOD_NS;
    }
    group_end(queue, &group, err);
    return true;
}

/* Unlink the oldest segment if all of it is done with. Returns false if there was none, or on an
 * error. */
static bool drop_one(struct queue *queue, uint64_t now_ns)
{
    mutex_lock(&queue->lock);
    bool is_done_with =
        queue->segment_count > 1 && queue_oldest(queue).segment_id > queue->segment_first_id;
    struct segment oldest = queue->segments[0];
    mutex_unlock(&queue->lock);
    if (!is_done_with) {
        return false;
    }
    int err = segment_unlink(&queue->directory, oldest.first_sequence);
    if (err != 0) {
        count_disk_error(queue);
        queue->drop_due_ns = now_ns + DROP_RETRY_NS;
        return false;
    }
    mutex_lock(&queue->lock);
    queue->segment_count--;
    queue->segment_first_id++;
    for (uint32_t i = 0; i < queue->segment_count; i++) {
        queue->segments[i] = queue->segments[i + 1];
    }
    queue->disk_bytes -= oldest.size_bytes;
    mutex_unlock(&queue->lock);
    return true;
}

/* An unlink that a crash undoes only gives the segment's records out again. */
static void drop_segments(struct queue *queue, uint64_t now_ns)
{
    bool is_changed = false;
    while (drop_one(queue, now_ns)) {
        is_changed = true;
    }
    if (is_changed) {
        const struct store_io *io = queue->directory.io;
        if (io->sync_directory(io->context, queue->directory.path) != 0) {
            count_disk_error(queue);
        }
    }
}

int queue_position_keep(struct queue *queue, uint64_t now_ns)
{
    mutex_lock(&queue->position_lock);
    mutex_lock(&queue->lock);
    uint64_t sequence = queue_oldest(queue).sequence;
    uint64_t acked_bytes = queue->acked_bytes;
    queue->is_position_old = false;
    queue->position_due_ns = UINT64_MAX;
    mutex_unlock(&queue->lock);
    if (sequence <= queue->position.sequence) {
        mutex_unlock(&queue->position_lock);
        return 0;
    }
    int err = position_file_write(&queue->directory, &queue->position, sequence);
    mutex_lock(&queue->lock);
    if (err == 0) {
        queue->acked_bytes -= acked_bytes;
    } else {
        queue->counted.disk_error_count++;
        queue->is_position_old = true;
        queue->position_due_ns = now_ns + POSITION_PERIOD_NS;
    }
    mutex_unlock(&queue->lock);
    mutex_unlock(&queue->position_lock);
    return err;
}

/* An error is counted; without the position, records are given out again. */
static void position_try(struct queue *queue, uint64_t now_ns)
{
    int err = queue_position_keep(queue, now_ns);
    (void)err;
}

/* With `lock` held: when there is something to do beside commits; 0: now. */
static uint64_t housekeeping_due_ns(struct queue *queue, uint64_t now_ns)
{
    if (queue->is_position_old && queue->position_due_ns == UINT64_MAX) {
        queue->position_due_ns = now_ns + POSITION_PERIOD_NS;
    }
    uint64_t due_ns = queue->position_due_ns;
    if (queue->segment_count > 1 && queue_oldest(queue).segment_id > queue->segment_first_id) {
        due_ns = queue->drop_due_ns < due_ns ? queue->drop_due_ns : due_ns;
    }
    return queue->sync_due_ns < due_ns ? queue->sync_due_ns : due_ns;
}

static void keep_house(struct queue *queue, uint64_t now_ns)
{
    mutex_lock(&queue->lock);
    bool is_due = housekeeping_due_ns(queue, now_ns) <= now_ns;
    bool is_position_due = queue->is_position_old && (queue->position_due_ns <= now_ns ||
                                                      queue->acked_bytes >= POSITION_BYTES);
    mutex_unlock(&queue->lock);
    if (is_position_due) {
        position_try(queue, now_ns);
    }
    if (is_due && queue->drop_due_ns <= now_ns) {
        drop_segments(queue, now_ns);
    }
    if (queue->sync_due_ns <= now_ns && active_sync(queue) != 0) {
        active_cut(queue, true); /* counted; `done` was told already */
    }
}

void queue_commit(struct queue *queue, uint64_t now_ns)
{
    while (commit_group(queue, now_ns)) {
    }
    keep_house(queue, now_ns);
}

void queue_commit_last(struct queue *queue)
{
    while (commit_group(queue, 0)) {
    }
    if (queue->is_active_unsynced) {
        (void)active_sync(queue);
    }
    position_try(queue, 0);
    drop_segments(queue, 0);
    active_seal(queue);
}

/* With `lock` held: wait until there is something to do. Returns false when all is done. */
static bool await_work(struct queue *queue)
{
    for (;;) {
        bool is_pending = queue->pending_first != queue->pending_end;
        if (is_pending && queue_pending(queue, queue->pending_first)->is_ready) {
            return true;
        }
        if (queue->is_ending && !is_pending) {
            return false;
        }
        uint64_t now_ns = slu_clock_monotonic_ns();
        uint64_t due_ns = housekeeping_due_ns(queue, now_ns);
        if (due_ns <= now_ns || (queue->is_position_old && queue->acked_bytes >= POSITION_BYTES)) {
            return true;
        }
        (void)condition_wait_until(&queue->commit_wanted, &queue->lock, due_ns);
    }
}

void queue_commit_run(struct slu_scope *scope, void *arg)
{
    struct queue *queue = arg;
    (void)scope; /* its end comes by a callback, which sets is_ending */
    mutex_lock(&queue->lock);
    while (await_work(queue)) {
        mutex_unlock(&queue->lock);
        uint64_t now_ns = slu_clock_monotonic_ns();
        (void)commit_group(queue, now_ns); /* housekeeping goes between, however many there are */
        keep_house(queue, now_ns);
        mutex_lock(&queue->lock);
    }
    mutex_unlock(&queue->lock);
}
