/*
 * Two profiles compared, and which differences are more than the noise of sampling.
 *
 * A sampled heap profile counts each sample as the inverse of its probability p = 1 - exp(-size /
 * period). The variance of such a sum is estimated from the samples themselves: each adds
 * (1 - p) / p^2 objects^2, and that times size^2 for bytes. A block that is alive in both profiles
 * is the same sample in both; taking them as independent makes the noise too large rather than too
 * small. The differences of all entries are judged together, so that where only noise differs, in
 * 95 of 100 comparisons not one entry is flagged.
 *
 * Source  Horvitz and Thompson, "A generalization of sampling without replacement from a finite
 *         universe", JASA 1952; Holm, "A simple sequentially rejective multiple test procedure",
 *         Scandinavian Journal of Statistics 1979
 */
#ifndef VIEW_DIFF_H
#define VIEW_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "view/count.h"

struct column;
struct model;
struct slu_budget;
struct view;

#define VIEW_DIFF_LEVEL 0.95

/* How samples of a type came about: the types that say how many and how large. */
struct view_sampling {
    const struct column *objects;
    const struct column *bytes;
    double period; /* bytes between samples, on average */
    bool of_bytes; /* the type asked about */
    bool is_known; /* else values are exact */
};

struct view_sampling view_sampling_of(const struct model *model, uint32_t type);

/* The variance that a sample adds to a sum; of a sampling that is known. */
double view_variance_of(const struct view_sampling *sampling, uint32_t sample);

/* A range of the model's samples. */
struct view_range {
    uint32_t first;
    uint32_t count;
};

/* Of one entry. */
struct view_change {
    struct view_value base;
    struct view_value now;
    double flat_error; /* standard error of the flat difference; 0: the values are exact */
    double cum_error;
    double probability; /* that noise alone makes a difference as large */
    bool is_significant;
};

struct view_diff {
    struct slu_budget *budget;
    struct view_change *changes; /* by entry */
    uint32_t entry_count;
    int64_t base_total;
    int64_t now_total;
    double total_error;
    bool is_sampled; /* the profiles say how; else every difference counts */
    bool by_cum;
};

/*
 * Compare the values of one type in two ranges of samples.
 *
 * by_cum   judge cumulative differences; else flat ones
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW as view_each. On success view_diff_deinit follows.
 */
SLU_MUST_USE int view_diff_init(struct view_diff *diff, const struct view *view, uint32_t type,
                                struct view_range base, struct view_range now, bool by_cum);
void view_diff_deinit(struct view_diff *diff);

/* The entries in the order of their differences, the largest first; without those of zero. */
uint32_t view_diff_order(const struct view_diff *diff, const struct view *view, uint32_t *order);

/* What is compared: flat or cumulative. */
int64_t view_change_delta(const struct view_diff *diff, const struct view_change *change);
double view_change_error(const struct view_diff *diff, const struct view_change *change);

#endif
