/* The answers that `sluice heap who` gives: the largest of roots, groups, types and leaks. */
#ifndef HOLDERS_REPORT_H
#define HOLDERS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "holders/by_site.h"
#include "holders/dominators.h"
#include "holders/groups.h"

struct sink;
struct slu_diag;
struct who;

#define REPORT_TOP_MAX 1000

/* Which blocks are asked for; all members zero: all. */
struct report_query {
    const char *type;  /* an extended regular expression that their type's name matches */
    uint64_t size_min; /* usable bytes */
    uint64_t size_max; /* 0: no limit */
    uint64_t address;  /* in the block; 0: any */
    const char *site;  /* an extended regular expression that a function of the stack matches which
                          allocated them: of blocks that our profiler has sampled; NULL: any */
    uint32_t top;      /* how many of each are wanted, up to REPORT_TOP_MAX */
};

/* Indices, the largest first. */
struct report_top {
    uint32_t rows[REPORT_TOP_MAX];
    uint64_t values[REPORT_TOP_MAX];
    uint32_t count;
    uint32_t most;
};

struct report {
    struct who *who;
    struct dominators dominators;
    struct groups groups;
    struct by_site by_site;
    struct report_top roots;  /* by what they retain; rows are nodes */
    struct report_top chains; /* groups, by bytes */
    struct report_top types;  /* labels, by what they retain */
    struct report_top leaks;  /* labels, by bytes that leaked */
    struct report_top sites;  /* of sampled blocks, by what they retain, or that leaked */
    uint64_t shared_bytes;    /* kept by more than one root */
    uint32_t block;           /* that was asked for; HEAP_BLOCK_NONE */
};

/*
 * Find the answers.
 *
 * Returns  0; -EINVAL for a regular expression; -ENOENT if no block has the address; -EDQUOT;
 *          -ENOMEM
 * Owner    the caller, until report_free
 */
SLU_MUST_USE int report_make(struct report *report, struct who *who,
                             const struct report_query *query, struct slu_diag *diag);
void report_free(struct report *report);

/* A group's chain: tables[*].buckets -> entry *[53245][*] -> entry */
void report_write_chain(const struct report *report, uint32_t group, struct sink *out);

/*
 * Where the group's first block was allocated: "window_grow window.c:88".
 *
 * Returns  false, with nothing written, if it has not been sampled
 */
bool report_write_site(const struct report *report, uint32_t group, struct sink *out);

/* A site's name, and its row. */
void report_write_site_name(const struct report *report, uint32_t site, struct sink *out);

static inline const struct site_row *report_site(const struct report *report, uint32_t site)
{
    return (const struct site_row *)report->by_site.rows.data + site;
}

/* Its last step alone, with the way to it from the group before: .buckets -> entry */
void report_write_step(const struct report *report, uint32_t group, struct sink *out);

/* What blocks of a label or group are: a type, or their size. */
void report_write_what(const struct report *report, uint64_t what, struct sink *out);

/* The way to one block, with its indices; "nothing points to it" if it leaked. */
void report_write_block_chain(const struct report *report, uint32_t block, struct sink *out);

#endif
