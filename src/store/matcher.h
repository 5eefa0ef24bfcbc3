/* Matchers of labels, as Prometheus and Loki have them. */
#ifndef STORE_MATCHER_H
#define STORE_MATCHER_H

#include <stdbool.h>
#include <stddef.h>

#include <sluice/bytes.h>

struct regex;

enum matcher_kind {
    MATCH_EQUAL,
    MATCH_NOT_EQUAL,
    MATCH_REGEX, /* the whole value */
    MATCH_NOT_REGEX,
};

/* All borrowed. A label that is not there has the empty value. */
struct matcher {
    enum matcher_kind kind;
    struct slu_bytes name;
    struct slu_bytes value;    /* of EQUAL and NOT_EQUAL */
    const struct regex *regex; /* of the others */
};

bool matcher_takes(const struct matcher *matcher, struct slu_bytes value);

/* Whether all take the labels (labels.h). */
bool matchers_take(const struct matcher *matchers, size_t count, struct slu_bytes labels);

#endif
