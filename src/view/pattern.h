/*
 * Regular expressions over the strings of a model, each string judged once.
 *
 * They are POSIX's extended ones: the library that the daemon has for others would make the small
 * program large. A profile may bring patterns too; only what cannot cost much is taken from it.
 */
#ifndef VIEW_PATTERN_H
#define VIEW_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct model;
struct slu_budget;
struct slu_diag;

#define PATTERN_BYTES_MAX 4096

struct pattern {
    struct slu_budget *budget;
    const struct model *model;
    regex_t compiled;
    bool is_set;           /* else it matches nothing */
    unsigned char *judged; /* by string: 0 not yet, 1 no match, 2 match */
    uint32_t judged_count;
};

/*
 * Compile `text`; NULL leaves the pattern unset. `option` is what messages call it.
 *
 * Returns  0; -EINVAL with a message; -EDQUOT; -ENOMEM. pattern_deinit follows in any case.
 */
SLU_MUST_USE int pattern_init(struct pattern *pattern, const struct model *model, const char *text,
                              const char *option, struct slu_diag *diag);

/* Compile what a profile brings, or leave the pattern unset if it is not simple enough. */
SLU_MUST_USE int pattern_init_foreign(struct pattern *pattern, const struct model *model,
                                      struct slu_bytes text);
void pattern_deinit(struct pattern *pattern);

/* Whether the pattern is set and is found in a string of the model, which may be new. */
bool pattern_matches(struct pattern *pattern, uint32_t string);

/* The same for other bytes. */
bool pattern_matches_bytes(const struct pattern *pattern, struct slu_bytes text);

#endif
