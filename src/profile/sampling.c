#include "profile/sampling.h"

#include "profile/log2_table.h"

#define ONE_32     (UINT64_C(1) << 32)
#define SERIES_MAX ONE_32 /* below, the series of 1/(1 - exp(-x)) around 0 converges fast */

__extension__ typedef unsigned __int128 wide;

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
static uint64_t random_next(uint64_t *random)
{
    uint64_t mixed = *random += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/*
 * Linear between entries: `fraction` is a number below 1 in units of 2^-32. The chord of log2 is
 * off by at most (1/256)^2 / 8 / ln 2, 3e-6; that of exp2 by less.
 */
static uint64_t interpolate(const uint64_t table[257], uint64_t fraction)
{
    uint64_t low = table[fraction >> 24];
    uint64_t high = table[(fraction >> 24) + 1];
    uint64_t step = fraction & 0xffffff;
    if (high >= low) {
        return low + (((high - low) * step) >> 24);
    }
    return low - (((low - high) * step) >> 24);
}

/* -log2(uniform / 2^64) in units of 2^-32, for uniform above 0. */
static uint64_t negative_log2(uint64_t uniform)
{
    unsigned zeros = (unsigned)__builtin_clzll(uniform);
    uint64_t fraction = (uniform << zeros << 1) >> 32; /* of a mantissa from 1 to 2 */
    return (zeros + 1) * ONE_32 - interpolate(log2_table, fraction);
}

uint64_t sampling_next(uint64_t *random, uint64_t rate_bytes)
{
    if (rate_bytes <= 1) {
        return 1; /* every allocation, exactly */
    }
    uint64_t uniform = random_next(random) | 1;
    wide distance = (wide)negative_log2(uniform) * LN_2 * rate_bytes;
    /* Rounded up: the chance that it is at most `size` is then 1 - exp(-size/rate) exactly. */
    return (uint64_t)(distance >> 64) + 1;
}

/* 1/(1 - exp(-x)) = 1/x + 1/2 + x/12 - x^3/720 + ..., in 2^-16; x below 1, in 2^-32. */
static uint64_t weight_by_series(uint64_t size_bytes, uint64_t rate_bytes, uint64_t x)
{
    uint64_t inverse = (rate_bytes << 32) / size_bytes; /* 2^-32 */
    uint64_t cube = (uint64_t)(((wide)x * x * x) >> 64);
    uint64_t fifth = (uint64_t)(((wide)cube * x >> 32) * x >> 32);
    uint64_t rest = ONE_32 / 2 + x / 12 - cube / 720 + fifth / 30240;
    return (inverse + rest + (ONE_32 >> (SAMPLING_WEIGHT_SHIFT + 1))) >>
           (32 - SAMPLING_WEIGHT_SHIFT);
}

/* x from 1 on, in 2^-32. */
static uint64_t weight_by_exponential(uint64_t x)
{
    uint64_t power = (uint64_t)(((wide)x * LOG2_OF_E) >> 32);
    uint64_t vanished = interpolate(exp2_table, power & (ONE_32 - 1)) >> (power >> 32);
    uint64_t certain = ONE_32 - vanished;
    return ((UINT64_C(1) << (32 + SAMPLING_WEIGHT_SHIFT)) + certain / 2) / certain;
}

uint64_t sampling_weight(uint64_t size_bytes, uint64_t rate_bytes)
{
    size_bytes += size_bytes == 0;
    if (rate_bytes <= 1 || size_bytes / 24 >= rate_bytes) {
        return UINT64_C(1) << SAMPLING_WEIGHT_SHIFT;
    }
    uint64_t x = (size_bytes << 24) / rate_bytes << 8;
    if (size_bytes < ONE_32) {
        x = (size_bytes << 32) / rate_bytes;
    }
    return x < SERIES_MAX ? weight_by_series(size_bytes, rate_bytes, x) : weight_by_exponential(x);
}

uint64_t sampling_weighted_bytes(uint64_t size_bytes, uint64_t weight)
{
    wide bytes =
        ((wide)size_bytes * weight + (1u << (SAMPLING_WEIGHT_SHIFT - 1))) >> SAMPLING_WEIGHT_SHIFT;
    return bytes > INT64_MAX ? INT64_MAX : (uint64_t)bytes;
}
