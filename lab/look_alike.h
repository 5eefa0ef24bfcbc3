/* Random numbers for the look-alikes. */
#ifndef LAB_LOOK_ALIKE_H
#define LAB_LOOK_ALIKE_H

#include <stdint.h>

/* xorshift64*: Vigna 2016. `random` is not 0. */
static inline uint64_t look_alike_random(uint64_t *random)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return *random * UINT64_C(2685821657736338717) >> 16;
}

#endif
