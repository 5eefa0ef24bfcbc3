/*
 * Why senders were refused, for people: the last reasons, each with how often and when. A fixed
 * number of them; reasons that differ in numbers alone are one.
 */
#ifndef PIPELINE_REFUSALS_H
#define PIPELINE_REFUSALS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/diag.h>

#include "sys/mutex.h"
#include "wire/otlp.h"

#define REFUSALS_MAX 24

enum refusal_kind {
    REFUSAL_LATER,   /* requests told to come again */
    REFUSAL_INVALID, /* requests that sending again does not help */
    REFUSAL_PARTIAL, /* records of requests of which the others were taken */
};

const char *refusal_kind_name(enum refusal_kind kind);

struct refusal {
    enum refusal_kind kind;
    enum otlp_signal signal;
    uint64_t count;                    /* requests; of PARTIAL, records */
    int64_t last_ns;                   /* since 1970 */
    char reason[SLU_DIAG_MESSAGE_MAX]; /* as the sender was told, the last time */
};

/* Lives in its owner; members are private. */
struct refusals {
    struct mutex lock;
    struct refusal items[REFUSALS_MAX];
    size_t count;
};

void refusals_init(struct refusals *refusals);
void refusals_deinit(struct refusals *refusals);

/*
 * Keep a refusal; the reason that was told longest ago gives way to a new one.
 *
 * refusals  NULL: nothing is kept
 * Cost      linear in REFUSALS_MAX and the reason
 * Threads   any
 */
void refusals_note(struct refusals *refusals, const struct refusal *refusal);

/* Copies of all, the newest first, into room for REFUSALS_MAX. Returns how many */
size_t refusals_list(struct refusals *refusals, struct refusal *out);

#endif
