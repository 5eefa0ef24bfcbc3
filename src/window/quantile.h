/* The inside of the quantile sketches, for structures that keep them within their own blocks. */
#ifndef WINDOW_QUANTILE_H
#define WINDOW_QUANTILE_H

#include <sluice/quantile.h>

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

/* The option, or what 0 stands for. */
double quantile_error_of(double relative_error);

/* Refuse a relative error outside its range. */
int quantile_error_check(double relative_error, struct slu_diag *diag);

#endif
