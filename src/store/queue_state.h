/*
 * The queue's insides, shared by its own files.
 *
 * Two locks. `read_lock` is held across reads of the disk and keeps consumers in order: who has it
 * may move the cursor. `lock` guards all members but those of the commit task, and is held for
 * moments; `read_lock` is taken first. Neither is held across a callback.
 */
#ifndef STORE_QUEUE_STATE_H
#define STORE_QUEUE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/position_file.h"
#include "store/queue.h"
#include "store/segment_file.h"
#include "sys/mutex.h"

struct consumer;
struct slu_scope;

#define POSITION_PERIOD_NS UINT64_C(100000000)
#define POSITION_BYTES     ((uint64_t)1 << 20) /* acked bytes after which it is not waited for */
#define RELAXED_PERIOD_NS  UINT64_C(1000000000)
#define READ_FAILURES_MAX  3

/* A record between its append and its `done`. */
struct pending {
    queue_done_fn *done;
    void *arg;
    uint64_t sequence;
    uint64_t frame_bytes;
    bool is_ready; /* its bytes are in the ring */
};

struct segment {
    uint64_t first_sequence;
    uint64_t size_bytes; /* what is committed of it */
    uint64_t salt;
    bool is_damaged;
};

/* Where a record lies. Segments have ids in their order, so that the table may move. */
struct place {
    uint64_t segment_id;
    uint64_t offset;
    uint64_t sequence;
};

enum held_state {
    HELD_OUT,
    HELD_RETURNED,
    HELD_ACKED,
};

struct held {
    struct place place;
    uint64_t frame_bytes;
    int64_t time_ns;
    enum held_state state;
};

struct queue {
    struct slu_budget *budget;
    size_t block_bytes;
    struct segment_directory directory;
    uint64_t size_bytes_max;
    uint64_t segment_bytes;
    enum queue_policy policy;
    uint64_t salt;
    int lock_fd;

    struct mutex lock;
    struct condition commit_wanted; /* by the commit task: there is something to do */
    struct condition idle;          /* by close: no consumer is in queue_next */
    struct slu_scope *task_scope;   /* NULL: the caller commits */
    uint64_t cancel_handle;
    bool is_ending; /* nothing is taken any more; what was taken is committed */
    bool is_closing;

    /* The staging ring: bytes [written, reserved) are in use, at their remainders by its size. */
    unsigned char *ring;
    uint64_t ring_bytes;
    uint64_t ring_reserved;
    uint64_t ring_written;
    struct pending *pendings; /* [pending_first, pending_end), by the remainders too */
    uint64_t pending_max;
    uint64_t pending_first;
    uint64_t pending_end;
    uint64_t pending_bytes;
    uint64_t next_sequence;
    uint64_t sequence_min;
    uint64_t committed_sequence; /* all below are committed, failed or were never given */

    struct segment *segments; /* in order; the last one is written to if active_fd is there */
    uint32_t segment_max;
    uint32_t segment_count;
    uint64_t segment_first_id;
    uint64_t disk_bytes;

    /* Of the commit task. */
    int active_fd;           /* -1: the next record begins a segment */
    bool is_active_unsynced; /* relaxed: written since the last sync */
    uint64_t sync_due_ns;    /* relaxed */
    struct position_file position;
    struct mutex position_lock; /* of it: taken before `lock`, after read_lock */
    uint64_t position_due_ns;   /* UINT64_MAX: nothing to keep */
    uint64_t drop_due_ns;       /* segments are not unlinked before: the last one failed */

    /* Consumers. */
    struct mutex read_lock;
    struct place cursor;         /* of what is given out next */
    struct place damage_counted; /* all before it: a log is read twice */
    struct held *held; /* [held_first, held_end), by the remainders; in the order of sequences */
    uint32_t held_max;
    uint64_t held_first;
    uint64_t held_end;
    uint32_t returned_count;
    uint32_t acked_ahead_count; /* acked behind one that is not */
    uint64_t acked_bytes;       /* since the position was kept */
    bool is_position_old;       /* the oldest record is not the one that was kept */
    struct consumer *consumers; /* that wait */
    uint32_t consumer_count;
    int read_fd; /* -1, or of the segment read_segment_id */
    uint64_t read_segment_id;
    uint32_t read_failures;
    unsigned char *scratch; /* under read_lock */

    bool has_position; /* of the file, as it was found */

    struct queue_stats counted; /* only what counts since the queue was opened */
};

/* queue_recover.c: list the segments, cut the torn tail, place the cursor. */
SLU_MUST_USE int queue_recover(struct queue *queue, struct slu_diag *diag);

/* queue_commit.c */
void queue_commit_run(struct slu_scope *scope, void *arg);
void queue_commit_last(struct queue *queue);

/* Keep the position of the oldest record on disk, if it is another one. */
SLU_MUST_USE int queue_position_keep(struct queue *queue, uint64_t now_ns);

/*
 * queue_read.c; with `read_lock` held: read and compare the payload of `frame`, which lies at
 * `place` of the open segment.
 *
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM; an error of the disk
 */
SLU_MUST_USE int queue_payload_read(struct queue *queue, const struct place *place,
                                    const struct frame *frame, struct slu_budget *budget,
                                    struct queue_entry *entry);

/* queue_read.c; with `lock` held. */
void queue_wake_consumers(struct queue *queue);
struct place queue_oldest(const struct queue *queue);

/* queue_cursor.c; with `read_lock` held, and not `lock`. The place is the queue's cursor, or one of
 * the caller's that is not before it. */

/*
 * Move the place to the next frame that is to be given out, across damage, and read its header.
 *
 * Returns  0; -EAGAIN at the end; an error of the disk
 */
SLU_MUST_USE int queue_cursor_settle(struct queue *queue, struct place *place, struct frame *frame);

/* The same, but what cannot be read is never given up, however often it is tried. */
SLU_MUST_USE int queue_cursor_look(struct queue *queue, struct place *place, struct frame *frame);

/* Move the place within its segment; what it passes over is damaged, or is told otherwise. */
void queue_cursor_pass(struct queue *queue, struct place *place, uint64_t offset, bool is_damaged);

/* Let read_fd be of this segment. Returns 0; an error of the disk. */
SLU_MUST_USE int queue_read_open(struct queue *queue, uint64_t segment_id);

/* Count an error of the disk; true if what could not be read is to be passed over. */
bool queue_read_failed(struct queue *queue);

/* With `lock` held: the oldest record is another one. */
void queue_position_moved(struct queue *queue);

static inline struct segment *queue_segment(const struct queue *queue, uint64_t id)
{
    return &queue->segments[id - queue->segment_first_id];
}

static inline uint64_t queue_last_id(const struct queue *queue)
{
    return queue->segment_first_id + queue->segment_count - 1;
}

static inline bool queue_place_is_before(const struct place *left, const struct place *right)
{
    return left->segment_id < right->segment_id ||
           (left->segment_id == right->segment_id && left->offset < right->offset);
}

static inline struct pending *queue_pending(const struct queue *queue, uint64_t at)
{
    return &queue->pendings[at % queue->pending_max];
}

static inline struct held *queue_held(const struct queue *queue, uint64_t at)
{
    return &queue->held[at % queue->held_max];
}

#endif
