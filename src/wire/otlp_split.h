/* Cut a message in two where a number of records is reached. */
#ifndef WIRE_OTLP_SPLIT_H
#define WIRE_OTLP_SPLIT_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "wire/otlp.h"

struct block;
struct slu_budget;

/*
 * Put the first `count` records into one message and the others into a second, each below its
 * resource, scope and metric with all their other fields, those that are not known among them.
 *
 * message  checked (otlp_check)
 * count    from 1 to one less than there are
 * Returns  0; -EBADMSG; -EDQUOT; -ENOMEM
 * Owner    the caller, until block_free of both with the same budget
 */
SLU_MUST_USE int otlp_split(struct slu_budget *budget, enum otlp_signal signal,
                            struct slu_bytes message, uint64_t count, struct block *first,
                            struct block *rest);

#endif
