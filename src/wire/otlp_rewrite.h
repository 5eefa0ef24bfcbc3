/*
 * Walk the messages of one kind within a request, and write the request anew without those that
 * are dropped and with those that are changed. All else is copied byte for byte, in its place.
 */
#ifndef WIRE_OTLP_REWRITE_H
#define WIRE_OTLP_REWRITE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "wire/otlp.h"

struct otlp_message;
struct protobuf_block;
struct slu_budget;

/* What is visited, and what it lies in: empty where that is not there. */
struct otlp_view {
    enum otlp_signal signal;
    const struct otlp_message *kind; /* of `self` */
    struct slu_bytes self;
    struct slu_bytes resource;
    struct slu_bytes scope;
    struct slu_bytes metric;
};

enum otlp_verdict {
    OTLP_KEEP,
    OTLP_DROP,   /* a resource or a scope: with all that it holds */
    OTLP_CHANGE, /* `out` has got the new content */
};

/* Writes the new content of `view->self` for OTLP_CHANGE, and nothing otherwise. */
typedef enum otlp_verdict otlp_visit_fn(void *arg, const struct otlp_view *view,
                                        struct protobuf_block *out);

struct otlp_rewritten {
    bool is_changed;        /* otherwise the message is as it was, and `message` empty */
    struct block message;   /* the caller's, until block_free with the same budget */
    uint64_t dropped_count; /* records */
};

/*
 * Containers of which nothing is left vanish.
 *
 * message  checked (otlp_check)
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM; -EOVERFLOW, and `out` is untouched
 * Cost     linear: all is copied once, and lengths that grow move what is in them
 */
SLU_MUST_USE int otlp_rewrite(struct slu_budget *budget, enum otlp_signal signal,
                              struct slu_bytes message, enum otlp_level level, otlp_visit_fn *visit,
                              void *arg, struct otlp_rewritten *out);

#endif
