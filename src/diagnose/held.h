/*
 * Who holds what grows, as `sluice heap capsule` has found it in the process: the chains that lead
 * to the blocks of one site.
 */
#ifndef DIAGNOSE_HELD_H
#define DIAGNOSE_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#define HELD_CHAINS_MAX  2
#define HELD_NAME_BYTES  256
#define HELD_CHAIN_BYTES 512

struct held_chain {
    char text[HELD_CHAIN_BYTES];
    double blocks;
};

/* All zeroes: not known. */
struct held {
    char site[HELD_NAME_BYTES]; /* the function that allocated */
    double blocks;              /* of the site, that were sampled */
    double leaked_blocks;       /* of those: nothing leads to them */
    struct held_chain chains[HELD_CHAINS_MAX];
    uint32_t chain_count;
};

/* Whether it is what `sluice heap who --json` writes, by its beginning. */
bool held_is(struct slu_bytes text);

/* Read it; an answer without what grows leaves `held` as it is. Returns 0; -EBADMSG */
SLU_MUST_USE int held_read(struct slu_bytes text, struct held *held);

#endif
