/* The laboratory's cases: what is wrong, and the load that shows it. */
#ifndef CLI_LAB_CASES_H
#define CLI_LAB_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words of a case's own, the final NULL included. */
#define LAB_LOAD_WORDS_MAX    16
#define LAB_SERVICE_WORDS_MAX 8

struct lab_case_row {
    const char *name;
    const char *pattern; /* of the faulty form; "healthy" of a look-alike; NULL: no memory fault */
    const char *title;
    uint64_t rate; /* requests a second */
    uint32_t connections;
    const char *load[LAB_LOAD_WORDS_MAX]; /* for lab-load, beside rate, connections and port */
    const char *service[LAB_SERVICE_WORDS_MAX];
    bool needs_redis; /* it stands behind the service */
    bool is_single;   /* a look-alike: healthy, in one form */
};

const struct lab_case_row *lab_cases(size_t *count);

/* NULL if there is none of that name. */
const struct lab_case_row *lab_case_find(const char *name);

#endif
