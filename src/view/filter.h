/* Which samples, frames and lines a view has. */
#ifndef VIEW_FILTER_H
#define VIEW_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "view/pattern.h"
#include "view/tag.h"
#include "view/view.h"

struct model_line;
struct model_location;

/* Of a location. */
#define FILTER_FOCUSED     1 /* what is looked for */
#define FILTER_IGNORED     2 /* a stack with it is not wanted */
#define FILTER_DROPPED     4 /* it and what it calls are left out: the profile says so */
#define FILTER_DROPS_BELOW 8 /* what it calls is left out */

struct view_filter {
    const struct model *model;
    struct pattern focus;
    struct pattern ignore;
    struct pattern hide;
    struct pattern show;
    struct tag tag;
    struct pattern drop;
    struct pattern keep;
};

/* As view_create; filter_deinit follows in any case. */
SLU_MUST_USE int filter_init(struct view_filter *filter, const struct model *model,
                             const struct view_options *options, struct slu_diag *diag);
void filter_deinit(struct view_filter *filter);

/* The flags of a location. */
unsigned char filter_location(struct view_filter *filter, const struct model_location *location);

/* How many of its lines, the most inlined ones, are dropped. */
uint32_t filter_first_line(struct view_filter *filter, const struct model_location *location);

/* Whether a line (NULL: none is known) is shown. */
bool filter_keeps_line(struct view_filter *filter, const struct model_location *location,
                       const struct model_line *line);

/* Whether samples with a set of labels are wanted. */
bool filter_labels(const struct view_filter *filter, uint32_t labels);

#endif
