#include "base/decimal.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/powers_of_ten.h"

#define FRACTION_BITS 52
#define EXPONENT_BIAS 1075 /* of a double read as integer x 2^q */

__extension__ typedef unsigned __int128 wide;

/* floor(log10(2^q)), and floor(log10(3/4 x 2^q)); |q| <= 1500. */
static int32_t log10_of_power(int32_t q, bool three_quarters)
{
    return (q * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

/* floor(log2(10^e)); |e| <= 1233. */
static int32_t log2_of_ten_to(int32_t e)
{
    return (e * 1741647) >> 19;
}

/* The upper 64 bits of g x factor / 2^64, with the lowest bit set if anything was cut off. */
static uint64_t multiply_round_to_odd(const struct power *g, uint64_t factor)
{
    uint64_t carried = (uint64_t)(((wide)g->low * factor) >> 64);
    wide product = (wide)g->high * factor + carried;
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

/*
 * All numbers below are four times what they stand for, so that the ends of the interval that
 * reads back as the double, halfway to its neighbours, are integers. `s` is the double in units of
 * 10^k, cut to an integer: either a multiple of ten beside it lies in the interval (one digit
 * less), or s or s + 1 does.
 */
static struct decimal pick(uint64_t value4, uint64_t low4, uint64_t high4, int32_t k)
{
    uint64_t s = value4 / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below_fits = low4 <= 40 * tens;
        bool above_fits = 40 * tens + 40 <= high4;
        if (below_fits != above_fits) {
            return (struct decimal){tens + above_fits, k + 1};
        }
    }
    bool below_fits = low4 <= 4 * s;
    bool above_fits = 4 * s + 4 <= high4;
    if (below_fits != above_fits) {
        return (struct decimal){s + above_fits, k};
    }
    uint64_t middle4 = 4 * s + 2;
    bool round_up = value4 > middle4 || (value4 == middle4 && (s & 1) != 0);
    return (struct decimal){s + round_up, k};
}

/* significand x 2^q; `closer_below`: the neighbour below is half as far as the one above. */
static struct decimal shortest(uint64_t significand, int32_t q, bool closer_below)
{
    int32_t k = log10_of_power(q, closer_below);
    int32_t shift = q + log2_of_ten_to(-k) + 1;
    SLU_ASSERT(-k >= POWER_MIN && -k <= POWER_MAX && shift >= 1 && shift <= 4);
    const struct power *g = &powers[-k - POWER_MIN];
    uint64_t value = significand * 4;
    uint64_t value4 = multiply_round_to_odd(g, value << shift);
    uint64_t low4 = multiply_round_to_odd(g, (value - 2 + closer_below) << shift);
    uint64_t high4 = multiply_round_to_odd(g, (value + 2) << shift);
    uint64_t ends_excluded = significand & 1; /* halfway reads back as the even neighbour */
    return pick(value4, low4 + ends_excluded, high4 - ends_excluded, k);
}

struct decimal decimal_from_double(double value)
{
    uint64_t bits = 0;
    SLU_ASSERT(isfinite(value));
    memcpy(&bits, &value, sizeof(bits));
    uint64_t fraction = bits & ((UINT64_C(1) << FRACTION_BITS) - 1);
    int32_t biased = (int32_t)(bits >> FRACTION_BITS) & 0x7ff;
    if (biased == 0 && fraction == 0) {
        return (struct decimal){0, 0};
    }
    uint64_t significand = biased == 0 ? fraction : fraction | UINT64_C(1) << FRACTION_BITS;
    int32_t q = (biased == 0 ? 1 : biased) - EXPONENT_BIAS;
    struct decimal decimal = {0, 0};
    bool is_small_integer =
        q <= 0 && q > -FRACTION_BITS - 1 && (significand & ((UINT64_C(1) << -q) - 1)) == 0;
    if (is_small_integer) {
        decimal.digits = significand >> -q;
    } else {
        decimal = shortest(significand, q, fraction == 0 && biased > 1);
    }
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    return decimal;
}

uint32_t decimal_place_count(uint64_t digits)
{
    uint32_t count = 1;
    for (uint64_t bound = 10; digits >= bound && count < 20; bound *= 10) {
        count++; /* at 20 places the bound has passed the type, and is not looked at */
    }
    return count;
}

uint32_t decimal_write(uint64_t digits, char out[20])
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    uint32_t count = decimal_place_count(digits);
    uint32_t at = count;
    for (; digits >= 10; digits /= 100) {
        at -= 2;
        memcpy(out + at, pairs + 2 * (digits % 100), 2);
    }
    if (at > 0) {
        out[0] = (char)('0' + digits);
    }
    return count;
}
