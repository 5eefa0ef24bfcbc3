#include "window/quantile_index.h"

#include <float.h>
#include <math.h>

#define SEGMENT_COUNT (1 << QUANTILE_SEGMENTS_LOG2)
#define POSITION_UNIT 4294967296.0

/* Rounding in the table, in positions and back is below this part of a bucket's width. */
#define ROUNDING_ROOM 1e-5

/* Segment j begins at 1 + j/32, where the logarithm is steepest; its length is in proportion. */
const struct quantile_segment quantile_segments[SEGMENT_COUNT] = {
    {0, 191460433},          {191460433, 185658601},  {377119034, 180198054},
    {557317088, 175049538},  {732366626, 170187051},  {902553677, 165587401},
    {1068141078, 161229838}, {1229370916, 157095740}, {1386466656, 153168346},
    {1539635002, 149432532}, {1689067534, 145874616}, {1834942150, 142482182},
    {1977424332, 139243951}, {2116668283, 136149641}, {2252817924, 133189866},
    {2386007790, 130356039}, {2516363829, 127640288}, {2644004117, 125035385},
    {2769039502, 122534677}, {2891574179, 120132036}, {3011706215, 117821804},
    {3129528019, 115598752}, {3245126771, 113458034}, {3358584805, 111395161},
    {3469979966, 109405961}, {3579385927, 107486559}, {3686872486, 105633342},
    {3792505828, 103842946}, {3896348774, 102112231}, {3998461005, 100438260},
    {4098899265, 98818288},  {4197717553, 97249743},
};

/*
 * With slope s/v at a value v, a bucket reaches from v to at most v e^(1/s); its reported value is
 * off by tanh(1/(2s)). The first segment has slope 32 x its length at v = 1, and no other less.
 */
uint64_t quantile_octave_buckets(double relative_error)
{
    double slope = quantile_segments[0].length / POSITION_UNIT * SEGMENT_COUNT;
    double buckets = (1 + ROUNDING_ROOM) / (2 * atanh(relative_error) * slope);
    return (uint64_t)ceil(buckets * POSITION_UNIT);
}

/* The segment that holds a fraction of an octave. */
static unsigned fraction_segment(uint32_t fraction)
{
    unsigned segment = 0;
    for (unsigned step = SEGMENT_COUNT / 2; step != 0; step /= 2) {
        segment += quantile_segments[segment + step].start <= fraction ? step : 0;
    }
    return segment;
}

/* The smallest value of a positive ordinal of level 0. */
static double ordinal_start(uint64_t octave_buckets, uint32_t ordinal)
{
    double position = ceil(ordinal * (POSITION_UNIT * POSITION_UNIT / (double)octave_buckets));
    uint64_t whole = (uint64_t)position;
    uint64_t exponent = whole >> 32;
    if (exponent >= 2047) {
        return DBL_MAX;
    }
    if (exponent == 0) {
        return DBL_MIN;
    }
    const struct quantile_segment *segment = &quantile_segments[fraction_segment((uint32_t)whole)];
    double part = (double)((uint32_t)whole - segment->start) / segment->length;
    double octave = 0;
    uint64_t bits = exponent << 52;
    memcpy(&octave, &bits, sizeof(octave));
    return octave * (1 + ((double)(segment - quantile_segments) + part) / SEGMENT_COUNT);
}

double quantile_value(uint64_t octave_buckets, int32_t ordinal, unsigned level)
{
    if (ordinal == 0) {
        return 0;
    }
    /* Both infinities keep their bucket to themselves up to QUANTILE_LEVEL_MAX. */
    if (ordinal == QUANTILE_INFINITE >> level) {
        return INFINITY;
    }
    if (ordinal == -QUANTILE_INFINITE >> level) {
        return -INFINITY;
    }
    /* -8 .. -1 make a bucket as 0 .. 7 do: below zero it holds the magnitudes 1 .. 8. */
    uint32_t width = UINT32_C(1) << level;
    uint32_t first = ordinal > 0 ? (uint32_t)ordinal * width : (uint32_t)(-ordinal - 1) * width + 1;
    double low = ordinal_start(octave_buckets, first);
    double value = low * (2 / (1 + low / ordinal_start(octave_buckets, first + width)));
    return ordinal > 0 ? value : -value;
}

double quantile_level_error(double relative_error, unsigned level)
{
    return tanh(ldexp(atanh(relative_error), (int)level));
}

/* Half a bucket of `level` to its edge, and at most half of that beyond its middle. */
double quantile_parted_error(double relative_error, unsigned level)
{
    return expm1(1.5 * ldexp(atanh(relative_error), (int)level));
}
