/*
 * Quantile windows of series, from a fixed number of them. Each has a lock of its own, which those
 * take who record, and tells whose it is, as series come and go.
 */
#ifndef METER_SUMMARY_H
#define METER_SUMMARY_H

#include <stdint.h>

#include <sluice/quantile.h>

#include "base/golden.h"
#include "base/layout.h"
#include "sys/mutex.h"

#define SUMMARY_NONE UINT32_MAX

/* Lies in its owner, the windows in the owner's block. */
struct summaries {
    unsigned char *bytes;
    size_t stride_bytes;
    uint32_t count;
    uint32_t used_count;
    uint32_t fresh; /* from here on, none was ever used */
    uint32_t free_first;
    struct slu_quantile_window_options options;
};

/* Reserve room for `count` windows, 0 too. Returns the offset for summaries_init. */
size_t summaries_plan(struct layout *layout, uint32_t count,
                      const struct slu_quantile_window_options *options);

/* Begin without windows in zeroed memory. The options are valid unless `count` is 0. */
void summaries_init(struct summaries *summaries, void *bytes, uint32_t count,
                    const struct slu_quantile_window_options *options);

void summaries_deinit(struct summaries *summaries);

/*
 * Take an empty window for a series. One thread at a time takes and gives.
 *
 * Returns  its number; SUMMARY_NONE if there is none
 * Cost     O(size of a window)
 */
uint32_t summary_take(struct summaries *summaries, uint64_t series);

/* Give a window back: whoever comes with its series from now on is told. */
void summary_give(struct summaries *summaries, uint32_t summary);

/*
 * Record in the window of a series. Any thread at any time.
 *
 * summary  any number
 * Returns  0; -ESTALE if the window is not, or no longer, that series'; -EINVAL for NaN
 */
int summary_add(struct summaries *summaries, uint32_t summary, uint64_t series, uint64_t now_ns,
                double value);

/* Values at quantiles, all NaN if the window is not that series'. Any thread at any time. */
void summary_get(struct summaries *summaries, uint32_t summary, uint64_t series, uint64_t now_ns,
                 const double *quantiles, uint32_t quantile_count, double *values);

#endif
