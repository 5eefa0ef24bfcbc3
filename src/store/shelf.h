/*
 * All that the store has of one signal: the log, the head, the parts.
 *
 * The lock guards the head, the list of parts and the counters. The log has locks of its own; its
 * commit task calls into the shelf without any. Disk is written and read without the lock: parts
 * are kept by references, rows by their generation, and samples that are sealed stay as they are
 * while anybody copies them.
 */
#ifndef STORE_SHELF_H
#define STORE_SHELF_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/diag.h>

#include "store/day_set.h"
#include "store/metadata.h"
#include "store/part_list.h"
#include "store/row_head.h"
#include "store/sample_head.h"
#include "store/store.h"
#include "sys/mutex.h"

struct queue;

#define SHELF_PATH_MAX 4096

struct shelf_options {
    const struct store_options *store; /* with its defaults filled in; outlives the shelf */
    enum store_signal signal;
    uint64_t memory_bytes; /* of the head */
    uint64_t staging_bytes;
    uint32_t names_max; /* as of metadata_init; of samples */
    struct slu_budget *budget;

    /* The shelf has something to write; called with its lock held, by any thread. */
    void (*wake)(void *arg);
    void *wake_arg;
};

struct shelf {
    struct shelf_options options;
    char path[SHELF_PATH_MAX];
    char log_path[SHELF_PATH_MAX];
    struct segment_directory directory;
    struct queue *log;
    uint64_t salt;

    struct mutex lock;
    struct condition changed; /* a flush has ended, or a copy has; or the shelf is closing */
    bool is_open;             /* what it has to be closed of */
    bool is_position_known;   /* else parts say which messages are kept */
    bool is_closing;
    bool is_replaying; /* the log is read again: there are no tasks yet */
    bool is_flush_wanted;
    union {
        struct sample_head samples;
        struct row_head rows;
    } head;
    struct metadata metadata;
    uint64_t kept_metadata_count; /* of its changes, those that parts have */
    uint64_t sealed_metadata_count;
    struct part_list parts;
    struct day_set days; /* of the live head */
    struct day_set sealed_days;
    uint64_t live_log_bytes;   /* messages of the live head */
    uint64_t applied_sequence; /* the last that is in the head, or in a part */
    uint64_t first_sequence;   /* of the live head; the next one if it is empty */
    uint64_t sealed_first_sequence;
    uint64_t sealed_last_sequence;
    int64_t live_since_ns;  /* since 1970: when the first record came to the live head; 0: none */
    uint32_t copying_count; /* readers that copy from the head */
    bool is_publishing;     /* others that would copy wait, so that these come to an end */
    uint64_t put_count;     /* messages that were not told yet */
    bool is_sealed;         /* there is a sealed head, which is to be written */
    bool is_disk_failing;   /* which was told */
    int64_t retry_ns;       /* not to be written before, since 1970; 0: at any time */
    int64_t merge_retry_ns; /* of the task that merges */
    struct store_signal_stats counted;
};

/* A message's way into a shelf. */
struct store_batch {
    struct shelf *shelf;
    int64_t now_ns;
    uint64_t sequence;
    struct store_outcome *outcome;
};

/*
 * Open the log and the parts, and read the log again.
 *
 * Returns  0; an error, which `diag` says more of
 * Owner    the caller, until shelf_close
 */
SLU_MUST_USE int shelf_open(struct shelf *shelf, const struct shelf_options *options,
                            struct slu_diag *diag);

/* Wake who waits, for ever. Before the scope of the log's task is closed. */
void shelf_end(struct shelf *shelf);
void shelf_close(struct shelf *shelf);

/* The largest message that it takes. */
size_t shelf_message_max(const struct shelf *shelf);

/* Wait until all that was put has been told. */
void shelf_drain(struct shelf *shelf);

/* As store_put. */
SLU_MUST_USE int shelf_put(struct shelf *shelf, struct slu_bytes message, int64_t now_ns,
                           store_done_fn *done, void *arg);

/* shelf_flush.c: whether the head should be written now. Takes the lock. */
bool shelf_is_due(struct shelf *shelf, int64_t now_ns);

/*
 * Write the head as parts, and let the log go. One thread at a time.
 *
 * Returns  0, also if there was nothing to write; an error: it is to be tried again
 */
SLU_MUST_USE int shelf_flush(struct shelf *shelf, int64_t now_ns);

/* With the lock held: how much the head has in memory, and of which times; false: of none. */
uint64_t shelf_head_bytes(const struct shelf *shelf);
bool shelf_head_range(const struct shelf *shelf, int64_t *min_ns, int64_t *max_ns);

/* With the lock held: have the head written soon. */
void shelf_want_flush(struct shelf *shelf);

/*
 * Merge parts, as long as some should be; store_tend.c. One thread at a time.
 *
 * from_ns  what is older is left out
 */
void shelf_merge(struct shelf *shelf, struct slu_scope *scope, int64_t from_ns, int64_t now_ns);

static inline bool shelf_has_samples(const struct shelf *shelf)
{
    return shelf->options.signal == STORE_METRICS;
}

#endif
