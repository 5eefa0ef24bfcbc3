/* Messages kept until everything that they refer to is known, each with its place in the text. */
#ifndef READERS_STAGE_H
#define READERS_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "profile/column.h"

struct slu_budget;

#define STAGE_MESSAGE_MAX (((uint32_t)1 << 16) - 8)

struct stage {
    struct column bytes;
    uint32_t count; /* of messages */
    uint32_t at;    /* of the next one, in `bytes` */
};

void stage_init(struct stage *stage, struct slu_budget *budget);
void stage_deinit(struct stage *stage);

/* Keep a copy. Returns 0; -EOVERFLOW past STAGE_MESSAGE_MAX or 4 GiB in all; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int stage_add(struct stage *stage, uint32_t offset, struct slu_bytes message);

/* The next message, in the order in which they came; valid until the call after. */
bool stage_next(struct stage *stage, uint32_t *offset, struct slu_bytes *message);

#endif
