/* Text that is kept in a block which grows: what a sink writes to. */
#ifndef BASE_SINK_BLOCK_H
#define BASE_SINK_BLOCK_H

#include <stddef.h>

#include <sluice/api.h>

#include "base/block.h"

/* Meant for the stack; `bytes` is begun before, and the owner's to free. */
struct sink_block {
    struct slu_budget *budget;
    struct block bytes;
};

/* A sink_write, whose context is a struct sink_block. Returns as block_append */
SLU_MUST_USE int sink_block_append(void *context, const char *bytes, size_t len);

#endif
