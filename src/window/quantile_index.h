/*
 * Which bucket a value belongs to, and what a bucket stands for.
 *
 * Buckets are numbered by ordinals in the order of their values: 0 is zero, positive values count
 * up from 1, negative ones down from -1, the infinities lie apart at both ends. An octave is cut
 * into 32 straight segments that stay above the logarithm's slope, so that a bucket is nowhere
 * wider than the relative error allows, with 1.1 % more buckets than the exact logarithm would need
 * and two integer multiplications instead of it.
 *
 * Level L joins 2^L neighbouring buckets into one: ordinal >> L.
 */
#ifndef WINDOW_QUANTILE_INDEX_H
#define WINDOW_QUANTILE_INDEX_H

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define QUANTILE_LEVEL_MAX 14

/* Beyond the largest finite value's ordinal at SLU_QUANTILE_ERROR_MIN; its page fits 16 bits. */
#define QUANTILE_INFINITE INT32_C(524287)

/* A segment of the octave: its beginning and its length in units of 2^-32 octaves. */
struct quantile_segment {
    uint32_t start;
    uint32_t length;
};

#define QUANTILE_SEGMENTS_LOG2 5

extern const struct quantile_segment quantile_segments[1 << QUANTILE_SEGMENTS_LOG2];

__extension__ typedef unsigned __int128 quantile_wide;

/* The number of buckets in an octave that `relative_error` needs, in units of 2^-32. */
uint64_t quantile_octave_buckets(double relative_error);

/* True for values other than NaN, zero, the infinities and what counts as zero. */
static inline bool quantile_is_ordinary(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    return (((bits >> 52) + 1) & 2046) != 0;
}

/* The ordinal of an ordinary value at level 0. */
static inline int32_t quantile_ordinary(uint64_t octave_buckets, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    const struct quantile_segment *segment =
        &quantile_segments[bits >> (52 - QUANTILE_SEGMENTS_LOG2) &
                           ((1 << QUANTILE_SEGMENTS_LOG2) - 1)];
    uint64_t part = (uint32_t)(bits >> (52 - QUANTILE_SEGMENTS_LOG2 - 32));
    uint64_t octave = bits >> 52 & 2047;
    uint64_t position = (octave << 32) + segment->start + (part * segment->length >> 32);
    int32_t ordinal = (int32_t)((quantile_wide)position * octave_buckets >> 64);
    int32_t sign = (int32_t)((int64_t)bits >> 63);
    return (ordinal ^ sign) - sign;
}

/* The ordinal of any value but NaN, at level 0. */
static inline int32_t quantile_ordinal(uint64_t octave_buckets, double value)
{
    if (__builtin_expect(quantile_is_ordinary(value), 1)) {
        return quantile_ordinary(octave_buckets, value);
    }
    if (value > DBL_MAX) {
        return QUANTILE_INFINITE;
    }
    return value < -DBL_MAX ? -QUANTILE_INFINITE : 0;
}

/*
 * Where a bucket of level `from` is counted at level `to`. Downwards that is the middle one of
 * those it may have come from, but zero and the infinities stay what they are.
 */
static inline int32_t quantile_relevel(int32_t bucket, unsigned from, unsigned to)
{
    if (from <= to) {
        return bucket >> (to - from);
    }
    if (bucket == 0) {
        return 0;
    }
    if (bucket == QUANTILE_INFINITE >> from) {
        return QUANTILE_INFINITE >> to;
    }
    if (bucket == -QUANTILE_INFINITE >> from) {
        return -QUANTILE_INFINITE >> to;
    }
    int32_t parts = INT32_C(1) << (from - to);
    return bucket * parts + parts / 2;
}

/*
 * What the bucket `ordinal` of `level` reports: the value whose relative distance to both ends of
 * the bucket is the same.
 */
double quantile_value(uint64_t octave_buckets, int32_t ordinal, unsigned level);

/* The relative error of level `level` when that of level 0 is `relative_error`. */
double quantile_level_error(double relative_error, unsigned level);

/* The same for what was recorded at `level` and is counted at a lower one by now. */
double quantile_parted_error(double relative_error, unsigned level);

#endif
