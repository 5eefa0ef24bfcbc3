/* Functions line by line, for the annotated source. */
#ifndef VIEW_LISTING_H
#define VIEW_LISTING_H

#include <stdint.h>

#include <sluice/api.h>

#include "view/count.h"

struct pattern;
struct slu_budget;
struct view;

struct listing_line {
    uint32_t name; /* of the function: string */
    uint32_t file; /* string; 0: not known */
    uint32_t line; /* 0: not known */
    struct view_value value;
};

struct listing {
    struct slu_budget *budget;
    struct listing_line *lines; /* by function, then file, then line */
    uint32_t line_count;
    uint32_t room;
};

/*
 * List the lines that have a value, of the functions whose names `pattern` is found in.
 *
 * view     at the level VIEW_LINES, as the count is
 * Returns  0; -EDQUOT; -ENOMEM. On success listing_deinit follows.
 */
SLU_MUST_USE int listing_init(struct listing *listing, const struct view *view,
                              const struct view_count *count, const struct pattern *pattern);
void listing_deinit(struct listing *listing);

/* The end of the lines of one function in one file, which begin at `first`. */
uint32_t listing_end_of(const struct listing *listing, uint32_t first);

/* The sum of a range of lines. */
struct view_value listing_sum(const struct listing *listing, uint32_t first, uint32_t end);

#endif
