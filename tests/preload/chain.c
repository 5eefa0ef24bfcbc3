#include "chain.h"

#include <stdlib.h>

#define NEVER_INLINED __attribute__((noinline))

/* Something to do after a call, so that it is no jump. */
static _Thread_local volatile unsigned long calls;

struct ending {
    chain_end *end;
    void *context;
};

NEVER_INLINED static void deep(unsigned depth, chain_end *end, void *context)
{
    if (depth <= 1) {
        end(context);
    } else {
        deep(depth - 1, end, context);
    }
    calls = calls + 1;
}

NEVER_INLINED static void hop_0(unsigned long seed, chain_end *end, void *context)
{
    end(context);
    calls = calls + seed;
}

/* The further out, the larger the frame, and the more registers are saved. */
#define HOP(number, inner)                                                                         \
    NEVER_INLINED static void hop_##number(unsigned long seed, chain_end *end, void *context)      \
    {                                                                                              \
        volatile unsigned long room[1 + (number) % 7];                                             \
        room[0] = seed;                                                                            \
        inner(seed *(number), end, context);                                                       \
        calls = calls + room[0] + ((number) % 3 == 0 ? seed : 0);                                  \
    }

HOP(1, hop_0)
HOP(2, hop_1)
HOP(3, hop_2)
HOP(4, hop_3)
HOP(5, hop_4)
HOP(6, hop_5)
HOP(7, hop_6)
HOP(8, hop_7)
HOP(9, hop_8)
HOP(10, hop_9)
HOP(11, hop_10)
HOP(12, hop_11)
HOP(13, hop_12)
HOP(14, hop_13)
HOP(15, hop_14)
HOP(16, hop_15)
HOP(17, hop_16)
HOP(18, hop_17)
HOP(19, hop_18)
HOP(20, hop_19)
HOP(21, hop_20)
HOP(22, hop_21)
HOP(23, hop_22)
HOP(24, hop_23)

NEVER_INLINED static void distinct(chain_end *end, void *context)
{
    hop_24(1, end, context);
    calls = calls + 1;
}

/* Writes what it is given, so that the frame is there. */
NEVER_INLINED static void fill(volatile char *bytes, size_t count)
{
    bytes[0] = 1;
    bytes[count - 1] = 1;
}

NEVER_INLINED static void sized(size_t bytes, chain_end *end, void *context)
{
    char *room = __builtin_alloca(bytes);
    fill(room, bytes);
    end(context);
    fill(room, bytes);
}

NEVER_INLINED static void large(chain_end *end, void *context)
{
    char room[40000];
    fill(room, sizeof(room));
    end(context);
    fill(room, sizeof(room));
}

NEVER_INLINED static void huge(chain_end *end, void *context)
{
    char room[600000];
    fill(room, sizeof(room));
    end(context);
    fill(room, sizeof(room));
}

NEVER_INLINED static void aligned(chain_end *end, void *context)
{
    _Alignas(64) char room[64];
    fill(room, sizeof(room));
    end(context);
    fill(room, sizeof(room));
}

NEVER_INLINED static void tail_end(struct ending *ending)
{
    ending->end(ending->context);
    calls = calls + 1;
}

NEVER_INLINED static void tail(chain_end *end, void *context)
{
    static struct ending ending;
    ending = (struct ending){end, context};
    tail_end(&ending);
}

NEVER_INLINED static void last_inner(chain_end *end, void *context)
{
    end(context);
    __builtin_unreachable();
}

NEVER_INLINED static void last(chain_end *end, void *context)
{
    last_inner(end, context);
    calls = calls + 1;
}

static struct ending sort_ending;

static int sort_compare(const void *left, const void *right)
{
    if (sort_ending.end != NULL) {
        chain_end *end = sort_ending.end;
        sort_ending.end = NULL;
        end(sort_ending.context);
    }
    return *(const char *)left - *(const char *)right;
}

NEVER_INLINED static void sorted(chain_end *end, void *context)
{
    char letters[] = "thequickbrownfoxjumps";
    sort_ending = (struct ending){end, context};
    qsort(letters, sizeof(letters) - 1, 1, sort_compare);
    fill(letters, sizeof(letters));
}

NEVER_INLINED static long busy(long seed, chain_end *end, void *context)
{
    long a = seed * 3;
    long b = seed * 5;
    long c = seed * 7;
    long d = seed * 11;
    long e = seed * 13;
    long f = seed * 17;
    end(context);
    return a ^ b ^ c ^ d ^ e ^ f ^ seed;
}

NEVER_INLINED static void early(long which, chain_end *end, void *context)
{
    if (which == 0) {
        end(context);
        calls = calls + 1;
        return;
    }
    for (long i = 0; i < which; i++) {
        calls += (unsigned long)(busy(i, end, context) & which);
        sized(100 + (size_t)i, end, context);
    }
}

const struct chain CHAIN = {
    .name = CHAIN_NAME,
    .deep = deep,
    .distinct = distinct,
    .sized = sized,
    .large = large,
    .huge = huge,
    .aligned = aligned,
    .tail = tail,
    .last = last,
    .sorted = sorted,
    .busy = busy,
    .early = early,
};
