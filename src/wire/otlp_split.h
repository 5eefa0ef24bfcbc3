/*
 * Cut a message where a number of records is reached: in two, or in as many parts as there are.
 *
 * Each part has its records below their resource, scope and metric with all other fields of these,
 * those that are not known among them. In a container that is cut these stand before its records.
 */
#ifndef WIRE_OTLP_SPLIT_H
#define WIRE_OTLP_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "codec/protobuf_block.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp.h"

struct block;
struct otlp_message;
struct slu_budget;

#define OTLP_CUT_LEVELS_MAX 6 /* request, resource, scope, metric, its kind; and one to spare */

/* A container of which some records have been given out. */
struct otlp_cut_level {
    const struct otlp_message *message;
    uint32_t number; /* of the field that it is */
    size_t own_at;   /* its fields that are no records, in `own` of the cutter */
    size_t own_len;
    struct protobuf_reader reader;
    struct protobuf_field next;        /* the record or container to be given out */
    const struct otlp_message *within; /* what that is; NULL: there is none left */
    struct protobuf_mark mark;
};

/* Meant for the stack; members are private. */
struct otlp_cutter {
    struct slu_budget *budget;
    struct protobuf_block own;
    int err;
    uint32_t depth;
    struct otlp_cut_level levels[OTLP_CUT_LEVELS_MAX];
};

/*
 * Begin at the first record.
 *
 * message  checked (otlp_check); borrowed until otlp_cutter_deinit
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM, and there is nothing to deinit
 */
SLU_MUST_USE int otlp_cutter_init(struct otlp_cutter *cutter, struct slu_budget *budget,
                                  enum otlp_signal signal, struct slu_bytes message);

/*
 * Give out the next `count` records, or all that are left.
 *
 * count    at least 1; with UINT64_MAX the rest, with containers that have no records
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM, then and from then on
 * Owner    the caller, until block_free with the same budget; empty when nothing is left
 * Cost     linear in what is given out, so that all parts together cost what one copy costs, and
 *          what the containers that are cut say of themselves, for each part
 */
SLU_MUST_USE int otlp_cutter_next(struct otlp_cutter *cutter, uint64_t count, struct block *out);

void otlp_cutter_deinit(struct otlp_cutter *cutter);

/*
 * Put the first `count` records into one message and the others into a second.
 *
 * message  checked (otlp_check)
 * count    from 1 to one less than there are
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM
 * Owner    the caller, until block_free of both with the same budget
 * Cost     linear in the message: for many parts take a cutter
 */
SLU_MUST_USE int otlp_split(struct slu_budget *budget, enum otlp_signal signal,
                            struct slu_bytes message, uint64_t count, struct block *first,
                            struct block *rest);

#endif
