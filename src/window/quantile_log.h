/*
 * What a quantile window needs to take a slot out of its total again: the closed slots, oldest
 * first, each as a record of a few bytes for each page that it has events in.
 */
#ifndef WINDOW_QUANTILE_LOG_H
#define WINDOW_QUANTILE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "window/quantile_pages.h"

/* More than this in one bucket takes another record of the same slot. */
#define QUANTILE_LOG_COUNT_MAX UINT16_MAX

/* Records are read and written in words, so that as many bytes behind the capacity must exist. */
#define QUANTILE_LOG_SLACK_BYTES 16

/* Lies in its structure; `bytes` in that one's block. Records lie from `tail` to `head`. */
struct quantile_log {
    unsigned char *bytes;
    uint64_t oldest_epoch; /* of the record at `tail` */
    uint64_t newest_epoch; /* of the record before `head`; without one, of the last there was */
    uint32_t capacity_bytes;
    uint32_t tail;
    uint32_t head;
};

/* The record that the open plane would make. */
struct quantile_record {
    uint32_t size_bytes;
    uint32_t page_count; /* with events */
    uint64_t count_max;  /* of any one bucket */
};

struct quantile_record quantile_log_measure(const struct quantile_log *log,
                                            const struct quantile_pages *pages, uint64_t epoch);

/* The most that a record of `page_count` pages takes. */
uint32_t quantile_log_record_max(uint32_t page_count);

static inline uint32_t quantile_log_used_bytes(const struct quantile_log *log)
{
    return log->head - log->tail;
}

static inline bool quantile_log_is_empty(const struct quantile_log *log)
{
    return log->head == log->tail;
}

/*
 * Move the open plane into a record of slot `epoch` and into the total, which must be wide enough;
 * of each bucket at most QUANTILE_LOG_COUNT_MAX events.
 *
 * record  as measured just now; its size must be free
 */
void quantile_log_close(struct quantile_log *log, const struct quantile_pages *pages,
                        uint64_t epoch, const struct quantile_record *record);

/* Take the oldest record out of the log and of the total. Returns the number of its events. */
uint64_t quantile_log_drop(struct quantile_log *log, const struct quantile_pages *pages);

/*
 * Count all records in the total of `pages`, which has no counts yet and the widths that it had.
 *
 * Returns  false when the area does not hold the pages that they need at this level
 */
bool quantile_log_replay(const struct quantile_log *log, struct quantile_pages *pages);

/* The number of events in all records. */
uint64_t quantile_log_event_count(const struct quantile_log *log);

/* Let the log lie elsewhere in its block; the capacity must hold what it has. */
void quantile_log_move(struct quantile_log *log, unsigned char *bytes, uint32_t capacity_bytes);

#endif
