/* The inside of the quantile sketches, for structures that keep them within their own blocks. */
#ifndef WINDOW_QUANTILE_H
#define WINDOW_QUANTILE_H

#include <sluice/quantile.h>

#include "window/quantile_log.h"
#include "window/quantile_pages.h"

/* At the front of its block of size_bytes; the table and the pages follow. */
struct slu_quantile_sketch {
    struct quantile_pages pages;
    uint64_t count;
    double relative_error;
    size_t size_bytes;
    struct slu_budget *budget; /* NULL within the block of another structure */
};

/* Returns 0 or -EINVAL. */
int quantile_sketch_options_check(const struct slu_quantile_sketch_options *options,
                                  struct slu_diag *diag);

/*
 * Begin an empty sketch with valid options.
 *
 * block    options->size_bytes of zeroed memory, aligned to 64 bytes; the sketch lies in front
 */
struct slu_quantile_sketch *quantile_sketch_init(void *block,
                                                 const struct slu_quantile_sketch_options *options);

/* Add both planes of `from`, as slu_quantile_sketch_merge. */
int quantile_sketch_merge_pages(struct slu_quantile_sketch *into,
                                const struct quantile_pages *from);

/* What a window gave up for want of room. */
struct quantile_shed {
    uint64_t early_count;  /* events that left before their time */
    uint64_t coarse_until; /* the last slot at which coarse_slots may still be true */
    uint64_t joined_until; /* the same for joined_level */
    uint32_t coarse_slots; /* at least as many as any record stands for */
    uint32_t joined_level; /* no record that was parted again was of a higher one */
};

/* At the front of its block of size_bytes; table, pages and log follow. */
struct slu_quantile_window {
    uint64_t slot_end_ns; /* of slot `epoch`; 0 until the first event: every time is then past it */
    struct quantile_pages pages;
    uint64_t epoch;      /* the newest slot with events */
    uint64_t open_epoch; /* the oldest slot that the open plane holds events of */
    struct quantile_log log;
    uint64_t slot_ns;
    uint64_t begin_ns;     /* nothing before it is held; WINDOW_UNBEGUN until the first event */
    uint64_t total_bound;  /* no counter of the total is above it */
    uint64_t fitted_epoch; /* before it, the layout is not tidied for the log again */
    uint64_t parted_epoch; /* before it, joined buckets are not parted again */
    struct quantile_shed shed;
    uint64_t slot_count;
    double relative_error;
    size_t size_bytes;
    struct slu_budget *budget; /* NULL within the block of another structure */
};

/* Returns 0 or -EINVAL. */
int quantile_window_options_check(const struct slu_quantile_window_options *options,
                                  struct slu_diag *diag);

/* Begin an empty window, as quantile_sketch_init. */
struct slu_quantile_window *quantile_window_init(void *block,
                                                 const struct slu_quantile_window_options *options);

/* Abort unless pages, log and border agree and the total is the sum of the records. */
void quantile_window_validate(const struct slu_quantile_window *window);

/* The option, or what 0 stands for. */
double quantile_error_of(double relative_error);

/* Refuse a relative error outside its range. */
int quantile_error_check(double relative_error, struct slu_diag *diag);

#endif
