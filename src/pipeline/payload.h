/*
 * What is on its way through the pipelines: messages, and who waits to hear what became of them.
 *
 * A payload is a message with one holder. Its bytes may be shared with other payloads, which were
 * cloned from it; they are freed with the last. Whoever holds a payload ends it, once, with an
 * outcome, and the delivery that it belongs to hears of it: when all of a delivery's payloads have
 * ended, its answer is due. So a message is acknowledged when every way that it went has taken it.
 */
#ifndef PIPELINE_PAYLOAD_H
#define PIPELINE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

#include "base/block.h"
#include "sys/mutex.h"
#include "wire/otlp.h"

struct slu_budget;

enum outcome_kind { /* in the order in which one prevails over another */
    OUTCOME_TAKEN,
    OUTCOME_LATER,   /* not now: the same may be sent again */
    OUTCOME_REFUSED, /* never: sending it again will not help */
};

struct outcome {
    enum outcome_kind kind;
    uint64_t retry_ns;      /* of LATER: when to try again, from now; 0: nothing was said */
    uint64_t refused_count; /* of TAKEN: records that were left out, for `reason` */
    char reason[SLU_DIAG_MESSAGE_MAX];
};

struct delivery;

/* On any thread, with nothing locked; the delivery is the callee's from here on. */
typedef void delivery_done_fn(struct delivery *delivery);

/* Meant for embedding in what waits. */
struct delivery {
    delivery_done_fn *done;
    struct mutex lock;
    uint64_t pending_count; /* payloads, and who began it */
    struct outcome outcome; /* complete when `done` is called */
};

/* Begin, with the caller as the first that the delivery waits for: delivery_end. */
void delivery_begin(struct delivery *delivery, delivery_done_fn *done);

/* The caller has handed on all there is. `done` may be called, here. */
void delivery_end(struct delivery *delivery);

/* After `done`. */
void delivery_deinit(struct delivery *delivery);

#define PAYLOAD_METADATA_MAX 8

/* Bytes of a message, shared by reference. */
struct payload_bytes;

struct payload {
    struct payload *next; /* in a list of its holder */
    void *holder;         /* for its holder, who is told later what became of it */
    uint64_t held_ns;     /* monotonic; its holder's, too */
    enum otlp_signal signal;
    uint64_t record_count;
    struct slu_bytes bytes; /* within `shared`; read only */
    uint64_t arrived_ns;    /* monotonic */
    struct payload_bytes *shared;
    struct delivery *delivery; /* NULL: nobody waits */
    struct slu_budget *budget; /* of the payload itself */

    /* Hashes of the headers that batches go by, in the order of the graph; 0: not sent. */
    uint64_t metadata[PAYLOAD_METADATA_MAX];
};

/* Frees the memory of bytes. */
typedef void payload_free_fn(void *owner);

/*
 * Make a payload of bytes that are handed over.
 *
 * budget    of the payload's own bookkeeping
 * owner     handed to `free_owner` when no payload uses the bytes; it is copied
 * Returns   0; -EDQUOT; -ENOMEM, and the bytes are still the caller's
 */
SLU_MUST_USE int payload_create(struct slu_budget *budget, struct slu_bytes bytes,
                                payload_free_fn *free_owner, const void *owner, size_t owner_bytes,
                                struct payload **out);

/* The same of a block in `budget`, which becomes empty. */
SLU_MUST_USE int payload_create_block(struct slu_budget *budget, struct block *block,
                                      struct payload **out);

/* Have a delivery wait for the payload, too. */
void payload_deliver(struct payload *payload, struct delivery *delivery);

/* Another payload of the same bytes and delivery. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int payload_clone(const struct payload *payload, struct payload **out);

/*
 * A payload that takes the place of those in a list, with bytes of its own in `block`: they give
 * their bytes back now, and end when it does. `block` becomes empty. Signal and counts are the
 * list's. Records of it that are refused are told to its sources once, from the first on.
 *
 * Returns  0; -EDQUOT; -ENOMEM, and nothing has changed
 */
SLU_MUST_USE int payload_gather(struct slu_budget *budget, struct payload *list,
                                struct block *block, struct payload **out);

/* Whether these bytes are nobody else's. */
bool payload_is_alone(const struct payload *payload);

/* End a payload, whose bytes go. Anybody who waits may be told, here. */
void payload_end(struct payload *payload, const struct outcome *outcome);

/* The same with all of a list. */
void payload_end_all(struct payload *list, const struct outcome *outcome);

void payload_end_taken(struct payload *payload);

/* `format` says why, for the sender. */
void payload_end_later(struct payload *payload, uint64_t retry_ns, const char *format, ...)
    SLU_PRINTF(3, 4);

#endif
