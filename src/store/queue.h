/*
 * A queue on disk, between what was acknowledged to a sender and what a slow or dead receiver has
 * not taken yet. What `done` was told 0 of survives kill -9, a restart and (policy SYNC) the loss
 * of power; it is given out in order, at least once; damage costs the records that it hit.
 *
 * Memory is fixed at creation: a ring for what waits for a commit and a table of what is given out.
 * The directory belongs to one queue of one process at a time. Its files: docs/formats/queue.md.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"

struct queue;
struct slu_budget;
struct slu_diag;
struct slu_scope;
struct store_io;

enum queue_policy {
    QUEUE_SYNC,    /* `done` is called when the record is on the disk */
    QUEUE_RELAXED, /* when the kernel has it: survives kill -9; of a loss of power, all but the
                      last second */
};

#define QUEUE_SIZE_DEFAULT    ((uint64_t)1 << 30)
#define QUEUE_SEGMENT_DEFAULT ((uint64_t)16 << 20)
#define QUEUE_STAGING_DEFAULT ((uint64_t)8 << 20)
#define QUEUE_HELD_DEFAULT    1024
#define QUEUE_SEGMENT_MIN     ((uint64_t)4096)
#define QUEUE_SEGMENT_MAX     ((uint64_t)1 << 31)
#define QUEUE_STAGING_MIN     ((uint64_t)4096)
#define QUEUE_HELD_MAX        65536

/* Zero where nothing else is said means the default. */
struct queue_options {
    struct slu_budget *budget;  /* required: of all memory but entries' blocks */
    struct slu_scope *scope;    /* the commit task runs in a scope below it, which ends with it.
                                     NULL: none; the caller calls queue_commit */
    const char *directory;      /* required; made with mode 0700 if its parent is there */
    uint64_t size_bytes_max;    /* of the files; at least four segments */
    uint64_t segment_bytes;     /* a record lies in one segment */
    uint64_t staging_bytes_max; /* records that wait for their commit */
    uint32_t held_max;          /* records from the oldest that is not acked to the newest given
                                     out; beyond, queue_next waits for an ack */
    enum queue_policy policy;
    const struct store_io *io; /* NULL: the machine's */
    uint64_t sequence_min;     /* no new record has a lower one */
};

/*
 * What became of a record: 0, it is committed; a negative errno of the disk, it is not, and will
 * not be given out (after a crash it may be after all). Called by the commit task, on a stack of
 * 128 KiB, without a lock, in the order of the appends; must not wait for the queue.
 */
typedef void queue_done_fn(void *arg, int err, uint64_t sequence);

struct queue_record {
    const struct slu_bytes *parts; /* one behind the other; borrowed for the call */
    size_t part_count;
    uint64_t tag;    /* the caller's */
    int64_t time_ns; /* since 1970; for the age of what waits */
    uint32_t kind;   /* the caller's */
};

/* What queue_next gives out; the caller frees `bytes` at any time, with the budget it gave. */
struct queue_entry {
    struct block bytes;
    uint64_t sequence;
    uint64_t tag;
    int64_t time_ns;
    uint32_t kind;
};

struct queue_stats {
    uint64_t waiting_count; /* committed and not acked; after disk errors more than there are */
    uint64_t waiting_bytes; /* of the files, from the oldest that is not acked on */
    uint64_t disk_bytes;    /* of all segments, what is acked in the oldest among it */
    uint64_t staged_count;  /* not committed yet */
    uint64_t staged_bytes;
    int64_t oldest_time_ns;  /* of the oldest record that is not acked; 0 without one */
    uint64_t held_count;     /* given out, neither acked nor returned */
    uint32_t consumer_count; /* calls of queue_next under way */
    /* Since the queue was opened: */
    uint64_t appended_count;
    uint64_t committed_count;
    uint64_t committed_bytes;
    uint64_t failed_count; /* `done` was told an error */
    uint64_t acked_count;
    uint64_t returned_count;
    uint64_t full_count;         /* appends refused with -ENOSPC */
    uint64_t staging_full_count; /* with -EDQUOT */
    uint64_t damaged_count;      /* places at which one record or more was passed over */
    uint64_t damaged_bytes;
    uint64_t torn_bytes;          /* cut off the last segment when it was opened */
    uint64_t position_lost_count; /* slots of the position that were not right: records may be
                                     given out again */
    uint64_t disk_error_count;
    uint64_t sync_count;
    uint64_t sync_ns;
};

/*
 * Open the queue in a directory, and find what was committed there.
 *
 * diag     says which option or file was refused and why; what was found torn or damaged on
 *          success is in the stats
 * Returns  0; -EINVAL for an option; -EBUSY if another queue has the directory; -EDQUOT; -ENOMEM;
 *          -EFBIG with more segments than can be listed; an error of the system, of slu_go
 * Owner    the caller closes it before the scope is closed (cancelling the scope first is fine)
 * Cost     one allocation and the staging ring; reads the headers of all segments, the newest one
 *          as a whole, and the frames' headers of the oldest
 */
SLU_MUST_USE int queue_open(const struct queue_options *options, struct slu_diag *diag,
                            struct queue **out);

/*
 * Commit what was appended, keep the position, and free all; NULL is accepted, `*queue` becomes
 * NULL. Entries that were given out and not acked are given out after the next queue_open.
 *
 * A call of queue_next that is under way returns -ECANCELED, and this waits for it. No other call
 * may be under way or come later: the owner ends appenders and consumers first.
 */
void queue_close(struct queue **queue);

/*
 * Take a record. It is copied, and `done` called when its commit has ended.
 *
 * done     may be NULL
 * Returns  0; -EMSGSIZE if it fits no segment or not the staging ring; -ENOSPC if size_bytes_max
 *          would be passed; -EDQUOT if the staging ring is full; -ECANCELED when the scope is. On
 *          error nothing was taken, and `done` is not called.
 * Cost     one copy and one hash of the bytes; no system call but the waking of the commit task
 * Threads  any
 */
SLU_MUST_USE int queue_append(struct queue *queue, const struct queue_record *record,
                              queue_done_fn *done, void *arg);

/*
 * Give out the next record: the lowest that was returned, else the next one in order. It is the
 * caller's until queue_ack or queue_return.
 *
 * scope        of the wait; may be NULL if deadline_ns is 0
 * budget       of the entry's block
 * deadline_ns  by slu_clock_monotonic_ns; 0: do not wait; SLU_SCOPE_NEVER
 * Returns      0; -EAGAIN when the time has come; -ECANCELED or -ETIMEDOUT by the scope;
 *              -ECANCELED when the queue is closed; -EDQUOT, -ENOMEM if there is no room for the
 *              record, which stays next; an error of the disk: wait before asking again, because
 *              the third time in a row the record (or what cannot be read of its segment) is
 *              passed over as damaged
 * Cost         reads from the disk (the kernel's cache, if it is recent)
 * Threads      any
 */
SLU_MUST_USE int queue_next(struct queue *queue, struct slu_scope *scope, struct slu_budget *budget,
                            uint64_t deadline_ns, struct queue_entry *entry);

/*
 * The record is done with, and is not given out again but after a crash. Never touches the disk.
 *
 * Threads  any
 */
void queue_ack(struct queue *queue, const struct queue_entry *entry);

/* Let the record be given out again, before all that come after it. Threads: any. */
void queue_return(struct queue *queue, const struct queue_entry *entry);

/*
 * For a queue without a scope: commit what was appended, and keep the position if it is time.
 *
 * now_ns   monotonic
 * Threads  one at a time
 */
void queue_commit(struct queue *queue, uint64_t now_ns);

/*
 * A queue as a log: what was appended is read again after a start, and let go when it is kept
 * elsewhere. A queue is used so, or with queue_next, never both.
 */

/*
 * Told of a record that was committed and not released; `entry` is borrowed. Called without a lock;
 * may release, also what comes after it, which is then not visited. Returns 0, or what ends the
 * replay.
 */
typedef int queue_replay_fn(void *arg, const struct queue_entry *entry);

/*
 * Visit them in their order, one in memory at a time. The position stays. Damage is passed over,
 * and counted once; what cannot be read is not, however often it is tried. Before the first append,
 * by one thread.
 *
 * Returns  0; what `visit` returned; -EDQUOT; -ENOMEM; an error of the disk
 */
SLU_MUST_USE int queue_replay(struct queue *queue, struct slu_budget *budget,
                              queue_replay_fn *visit, void *arg);

/*
 * Let all records go up to this sequence, and with it: they are not replayed once this has returned
 * 0. Of what is not committed yet, nothing goes. The segments are unlinked by the commit task, or
 * the caller's next queue_commit.
 *
 * Returns  0; an error of the disk, and they may be replayed: the next call tries again
 * Cost     a read for each record of the segment that is released in part; a write and a sync, for
 *          which queue_stats waits, and queue_append does not
 * Threads  any, one at a time
 */
SLU_MUST_USE int queue_release(struct queue *queue, uint64_t sequence);

/* The first sequence that is not released, and the one that the next record gets. Threads: any. */
uint64_t queue_position(struct queue *queue);
uint64_t queue_sequence_next(struct queue *queue);

/* False if the queue was new when it was opened, or its position was damaged. */
bool queue_has_position(const struct queue *queue);

/* Copy the counters. Cost: a read of one header for oldest_time_ns, where it is not known. */
void queue_stats(struct queue *queue, struct queue_stats *stats);

#endif
