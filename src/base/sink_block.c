#include "base/sink_block.h"

int sink_block_append(void *context, const char *bytes, size_t len)
{
    struct sink_block *kept = context;
    return block_append(kept->budget, &kept->bytes, bytes, len);
}
