/*
 * Which labels are wanted, as `go tool pprof -tagfocus` has it: [KEY=]RANGE or [KEY=]REGEX,REGEX.
 * A range is NUMBER, NUMBER:, :NUMBER or NUMBER:NUMBER, each with a unit or none.
 */
#ifndef VIEW_TAG_H
#define VIEW_TAG_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "view/measure.h"
#include "view/pattern.h"

#define TAG_KEY_MAX      128
#define TAG_PATTERNS_MAX 16

/* One end of a range. */
struct tag_bound {
    bool is_set;
    bool has_unit;
    bool unit_known; /* else the label's own unit has to have the same name, or no name */
    struct measure measure;
    double number; /* of such units */
};

struct tag {
    const struct model *model;
    bool is_set; /* else every sample is wanted */
    bool is_range;
    char key[TAG_KEY_MAX]; /* empty: any */
    const char *exact;     /* a range that is one number, as it was written; NULL: another */
    struct tag_bound low;
    struct tag_bound high;
    struct pattern patterns[TAG_PATTERNS_MAX];
    uint32_t pattern_count;
};

/*
 * Read what is wanted; NULL: everything.
 *
 * text     borrowed until tag_deinit
 * Returns  0; -EINVAL with a message; -EDQUOT; -ENOMEM. tag_deinit follows in any case.
 */
SLU_MUST_USE int tag_init(struct tag *tag, const struct model *model, const char *text,
                          struct slu_diag *diag);
void tag_deinit(struct tag *tag);

/* Whether samples with a set of labels are wanted. */
bool tag_matches(const struct tag *tag, uint32_t labels);

#endif
