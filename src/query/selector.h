/*
 * Selectors of streams and series, as Prometheus and Loki have them:
 *
 *     http_requests_total{job="api", status=~"5.."}
 *     {service_name="shop", level!="debug"}
 */
#ifndef QUERY_SELECTOR_H
#define QUERY_SELECTOR_H

#include <stddef.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "store/matcher.h"

struct regex;
struct slu_budget;
struct slu_diag;

#define SELECTOR_MATCHERS_MAX 32
#define SELECTOR_BYTES_MAX    ((size_t)8192)

/* Lives in its owner; `matchers` may be read. */
struct selector {
    struct slu_budget *budget;
    struct matcher matchers[SELECTOR_MATCHERS_MAX];
    struct regex *regexes[SELECTOR_MATCHERS_MAX];
    size_t count;
    size_t text_len;
    char text[SELECTOR_BYTES_MAX]; /* names and values, without their quotes */
};

/*
 * Read a selector; an empty text selects all.
 *
 * budget   of the regular expressions
 * diag     says what is wrong, at which column, and what would be right
 * Returns  0; -EINVAL; -EDQUOT; -ENOMEM
 * Owner    the caller, until selector_deinit, also after an error
 */
SLU_MUST_USE int selector_read(struct selector *selector, struct slu_budget *budget,
                               struct slu_bytes text, struct slu_diag *diag);
void selector_deinit(struct selector *selector);

#endif
