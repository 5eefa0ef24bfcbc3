/*
 * What was received, kept on disk and read back: metrics as samples of series; logs, traces and
 * profiles as rows of streams. One engine for all signals.
 *
 * A message is written to its signal's log first (queue.h), and acknowledged when it lies on disk.
 * Then the store's caller takes it apart (store_apply_fn), and its samples or rows go to the head,
 * in memory. A head that is full, old or behind a long log is written as parts, one for each day
 * of UTC; small parts are merged; old ones are unlinked. After a crash the log is read again from
 * where the parts end.
 *
 * Memory is fixed: all of it is charged to one budget, and what has no room is refused, or waits.
 * Other backends can stand behind this interface: docs/decisions/0033-store.md.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

#include "store/labels.h"
#include "store/matcher.h"
#include "store/row_block.h"
#include "store/sample_block.h"

struct block_cache_stats;
struct slu_budget;
struct slu_scope;
struct store;
struct store_batch;
struct store_io;

enum store_signal {
    STORE_METRICS, /* samples; all others have rows */
    STORE_LOGS,
    STORE_TRACES,
    STORE_PROFILES,
    STORE_SIGNAL_COUNT
};

const char *store_signal_name(enum store_signal signal);

/*
 * Take one message apart, and add what it has to the batch: store_add_sample or store_add_row.
 *
 * now_ns   since 1970; at the time it was received
 * Returns  0; an error, which is told to who put the message: what was added so far stays
 * Threads  one at a time for each signal
 */
typedef int store_apply_fn(void *arg, enum store_signal signal, struct slu_bytes message,
                           int64_t now_ns, struct store_batch *batch);

/* 0 means the default where nothing else is said. */
struct store_options {
    struct slu_budget *budget; /* required: of all memory */
    struct slu_scope *scope;   /* of its tasks; NULL: there are none, and the caller calls
                                  store_commit and store_tend */
    const char *directory;     /* required; made if its parent is there */
    const struct store_io *io; /* NULL: the machine's */
    store_apply_fn *apply;     /* required */
    void *apply_arg;
    uint64_t memory_bytes;    /* of heads and logs together; at least STORE_MEMORY_MIN */
    uint64_t size_bytes_max;  /* of all files; the oldest parts are unlinked beyond */
    uint64_t retention_ns;    /* older parts are unlinked; 0: none is too old */
    uint64_t out_of_order_ns; /* how far behind its stream's newest a record may be */
    uint64_t future_ns;       /* how far ahead of the clock */
    uint64_t head_age_ns;     /* after which a head is written to parts */
    uint64_t log_bytes_max;   /* of each signal's log */
    uint32_t series_max;      /* open at a time, of metrics */
    uint32_t stream_max;      /* of each other signal */
    bool is_relaxed;          /* acknowledge before the disk has it */
    void (*say)(void *arg, const char *text); /* of a disk that fails and recovers; any thread */
    void *say_arg;
};

#define STORE_MEMORY_MIN           ((uint64_t)8 << 20)
#define STORE_MEMORY_DEFAULT       ((uint64_t)192 << 20)
#define STORE_SIZE_DEFAULT         ((uint64_t)20 << 30)
#define STORE_OUT_OF_ORDER_DEFAULT UINT64_C(600000000000)
#define STORE_FUTURE_DEFAULT       UINT64_C(600000000000)
#define STORE_HEAD_AGE_DEFAULT     UINT64_C(600000000000)
#define STORE_LOG_DEFAULT          ((uint64_t)256 << 20)
#define STORE_SERIES_DEFAULT       200000
#define STORE_STREAMS_DEFAULT      20000

/*
 * Open the store in a directory, find what is there and read its logs again: bounded by their
 * size, one message in memory at a time.
 *
 * Returns  0; -EINVAL; -EBUSY if another process has it; -EDQUOT; -ENOMEM; an error of the system;
 *          `diag` says more
 * Owner    the caller, until store_close
 */
SLU_MUST_USE int store_open(const struct store_options *options, struct slu_diag *diag,
                            struct store **out);

/*
 * End its tasks. What was acknowledged is on disk; what was not yet is told -ECANCELED. No other
 * call may be under way. NULL is accepted, `*store` becomes NULL.
 */
void store_close(struct store **store);

/*
 * Let nobody wait for the store any more: what lies on disk is acknowledged, and can be read back
 * after the next start. Before store_close, from any thread; nothing is taken after it.
 */
void store_end(struct store *store);

/* Wait until all that was put has been told what became of it. */
void store_drain(struct store *store);

/* What became of a message. */
struct store_outcome {
    int err;                /* 0: it is kept, but for what was refused; -ENOSPC, -EIO, ...: not */
    uint64_t refused_count; /* records left out: too old, too new, or of too many streams */
    char reason[SLU_DIAG_MESSAGE_MAX]; /* of the first that was refused */
};

/* On the commit task, without a lock, in the order of the messages; must not wait for the store. */
typedef void store_done_fn(void *arg, const struct store_outcome *outcome);

/*
 * Take a message; `done` hears of it when it is on disk and can be read back.
 *
 * message  borrowed until `done` is called
 * now_ns   since 1970
 * Returns  0; -EMSGSIZE: larger than store_message_max; -EDQUOT: come again in a moment; -ENOSPC:
 *          the log is full or the disk is; -ECANCELED. On error `done` is not called.
 * Threads  any
 */
SLU_MUST_USE int store_put(struct store *store, enum store_signal signal, struct slu_bytes message,
                           int64_t now_ns, store_done_fn *done, void *arg);

size_t store_message_max(const struct store *store, enum store_signal signal);

/* Sample of a series, by an apply function. */
enum store_sample_kind {
    STORE_NUMBER,
    STORE_HISTOGRAM,
    STORE_EXEMPLAR,
};
#define STORE_SAMPLE_KINDS 3

struct store_sample {
    struct label *labels; /* sorted here, as labels_encode does */
    size_t label_count;
    int64_t time_ms;
    enum store_sample_kind kind;
    double number;            /* of NUMBER */
    struct slu_bytes message; /* of the others; up to STORE_MESSAGE_SAMPLE_MAX */
};

#define STORE_MESSAGE_SAMPLE_MAX ((size_t)32 * 1024)

/*
 * Add a sample or row to a batch. Those that are refused (too old, too new, of one stream too
 * many, labels that are not right) are counted in the outcome, and are no error.
 *
 * Returns  0; -ECANCELED: the store is being closed, stop
 */
SLU_MUST_USE int store_add_sample(struct store_batch *batch, const struct store_sample *sample);
SLU_MUST_USE int store_add_row(struct store_batch *batch, struct label *labels, size_t label_count,
                               const struct row *row);

/* Records that cannot be added are counted and told, as those that are refused here. */
void store_refuse(struct store_batch *batch, uint64_t count, const char *reason);

/* The type, unit and help of a metric, kept as one text: the newest that was told, bounded. */
void store_add_metadata(struct store_batch *batch, struct slu_bytes name, struct slu_bytes text);

/* Without tasks: commit what was put, and write, merge and unlink what is due. */
void store_commit(struct store *store, uint64_t monotonic_ns);
void store_tend(struct store *store, int64_t now_ns);

/* Write all heads as parts now, and wait for it. Returns 0; an error of the disk; -ECANCELED */
SLU_MUST_USE int store_flush(struct store *store);

/* ---- Reading. Any thread; all is streamed, in memory of the budget that the query names. ---- */

struct store_query {
    struct slu_budget *budget;
    struct slu_scope *scope; /* cancelled: the query ends with -ECANCELED; may be NULL */
    const struct matcher *matchers;
    size_t matcher_count;
    int64_t from_ns; /* since 1970; inclusive, both */
    int64_t to_ns;
    uint64_t *damage; /* NULL: what is damaged on disk ends the query with -EBADMSG; else it is left
                         out, and how many pieces is added here */
};

/*
 * A series with samples in the range, of one kind; all is valid for the call. NUMBER has samples,
 * the others have messages. A series comes in one call: it takes 16 bytes a sample of the budget
 * (messages 24 and their own). What the head has of all series is copied at the begin, as it is
 * kept there: mostly 1 to 5 bytes a sample.
 * Returns 0, or what ends the query.
 */
struct store_series {
    struct slu_bytes labels;
    enum store_sample_kind kind;
    const struct sample *samples;
    const struct sample_message *messages;
    size_t count;
};
typedef int store_series_fn(void *arg, const struct store_series *series);

/*
 * Visit the samples of series, series after series in the order of labels_compare, each in the
 * order of time and no time twice.
 *
 * kind     of samples that are wanted
 * Returns  0; what `visit` returned; -ECANCELED; -EDQUOT; -ENOMEM; -EBADMSG if a part is damaged
 *          and that is no matter of `damage`; an error of the disk
 */
SLU_MUST_USE int store_samples(struct store *store, const struct store_query *query,
                               enum store_sample_kind kind, store_series_fn *visit, void *arg);

/* How rows are asked for. */
struct store_row_query {
    struct store_query query; /* `from_ns` and `to_ns` may be narrowed by `visit` as it goes */
    struct slu_bytes key;     /* rows of this key alone; empty: of all. Without matchers it is
                                 found by the index of keys */
    struct slu_bytes needle;  /* rows whose text has it; empty: all */
    struct slu_bytes word;    /* rows whose text has this word: found by filters of words */
    uint32_t columns;         /* bits of 1 << enum row_column: what `visit` looks at */
    bool is_backward;         /* blocks from the newest to the oldest, else from the oldest; rows
                                 within a block too. Blocks overlap, so rows are not in order:
                                 who wants the newest N keeps N, and raises from_ns */
    uint64_t scanned_bytes;   /* out: of columns that were unpacked */
};
typedef int store_row_fn(void *arg, struct slu_bytes labels, const struct row *row);

/* Visit rows. Returns as store_samples */
SLU_MUST_USE int store_rows(struct store *store, enum store_signal signal,
                            struct store_row_query *query, store_row_fn *visit, void *arg);

/*
 * What comes to a signal from now on, in the order it comes. Tails keep what came since they were
 * read last, up to the memory of two heads, so they are read every second or so.
 */
struct store_tail;

/* Returns 0; -EDQUOT; -ENOMEM. Owner: the caller, until store_tail_close */
SLU_MUST_USE int store_tail_open(struct store *store, enum store_signal signal,
                                 struct slu_budget *budget, struct store_tail **out);
void store_tail_close(struct store_tail **tail);

/* Visit what came since, of what the query wants. Returns as store_rows: on error the rest goes */
SLU_MUST_USE int store_tail_read(struct store_tail *tail, struct store_row_query *query,
                                 store_row_fn *visit, void *arg);

/* How many rows, of all streams, the last store_tail_read found gone, as it came too late. */
uint64_t store_tail_missed(const struct store_tail *tail);

/* Told of a text: a name, a value, or the labels of a stream. 0, or what ends the query. */
typedef int store_text_fn(void *arg, struct slu_bytes text);

/*
 * Visit names of labels, values of a name, and streams that have data in the range, as the index
 * knows (by part and day): each once, in order. With matchers, of the streams that they take.
 *
 * Returns  as store_samples; -EDQUOT also if there are more than the budget has room for
 */
SLU_MUST_USE int store_label_names(struct store *store, enum store_signal signal,
                                   const struct store_query *query, store_text_fn *visit,
                                   void *arg);
SLU_MUST_USE int store_label_values(struct store *store, enum store_signal signal,
                                    const struct store_query *query, struct slu_bytes name,
                                    store_text_fn *visit, void *arg);
SLU_MUST_USE int store_streams(struct store *store, enum store_signal signal,
                               const struct store_query *query, store_text_fn *visit, void *arg);

/* Visit what store_add_metadata kept, by name; `name` empty: of all. */
typedef int store_metadata_fn(void *arg, struct slu_bytes name, struct slu_bytes text);
SLU_MUST_USE int store_metadata(struct store *store, struct slu_bytes name,
                                store_metadata_fn *visit, void *arg);

struct store_signal_stats {
    uint64_t disk_bytes; /* of parts */
    uint64_t log_bytes;
    uint64_t head_bytes;
    uint64_t part_count;
    uint64_t stream_count; /* open */
    uint64_t stream_max;
    int64_t oldest_ns; /* of what can be read back; 0: nothing */
    int64_t newest_ns;
    uint64_t record_count; /* added since the store was opened, what was read again among it */
    uint64_t late_count;   /* refused: too old */
    uint64_t future_count; /* refused: too new */
    uint64_t streams_refused_count; /* refused: one stream too many */
    uint64_t invalid_count;         /* refused: labels or sizes that are not right */
    uint64_t flush_count;
    uint64_t merge_count;
    uint64_t dropped_part_count; /* by retention */
    uint64_t damaged_count;      /* parts or places that could not be read */
    uint64_t disk_error_count;
};

void store_stats(struct store *store, enum store_signal signal, struct store_signal_stats *stats);

/* Of decoded blocks; block_cache.h. */
void store_cache_stats(struct store *store, struct block_cache_stats *stats);

#endif
