#include "chain.h"

/* Something to do after a call, so that it is no jump. */
static volatile unsigned calls;

__attribute__((noinline)) static void deep(unsigned depth, chain_end *end, void *context)
{
    if (depth <= 1) {
        end(context);
    } else {
        deep(depth - 1, end, context);
    }
    calls = calls + 1;
}

const struct chain CHAIN = {
    .name = CHAIN_NAME,
    .deep = deep,
};
