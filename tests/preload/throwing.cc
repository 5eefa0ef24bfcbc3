// Frames that an exception passes: the walk begins in handlers, in destructors and after them.
#include "throwing.h"

namespace
{

volatile long calls;

struct at_end {
    throwing_end *end;
    void *context;
    ~at_end()
    {
        end(context);
        calls = calls + 1;
    }
};

__attribute__((noinline)) void thrower(unsigned depth)
{
    if (depth == 0) {
        throw calls;
    }
    thrower(depth - 1);
    calls = calls + 1;
}

__attribute__((noinline)) void rethrower(throwing_end *end, void *context)
{
    try {
        at_end in_destructor{end, context};
        thrower(5);
    } catch (long) {
        end(context);
        throw;
    }
}

} // namespace

extern "C" void throwing_run(throwing_end *end, void *context)
{
    for (int round = 0; round < 3; round++) {
        try {
            rethrower(end, context);
        } catch (long &) {
            end(context);
        }
    }
    end(context);
}
