/*
 * The shortest decimal number that reads back as the same double; among the shortest, the one
 * nearest to it. No locale, no allocation.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdint.h>

/* digits x 10^exponent; digits has at most 17 places and does not end in a zero. */
struct decimal {
    uint64_t digits;
    int32_t exponent;
};

/*
 * value    finite; the sign is not looked at. Zero gives digits 0, exponent 0.
 * Cost     constant: a few 64x64-bit multiplications, and a division for each zero taken off
 * Source   R. Giulietti, "The Schubfach way to render doubles", 2021
 */
struct decimal decimal_from_double(double value);

/* How many places `digits` has; 1 for 0. */
uint32_t decimal_place_count(uint64_t digits);

/* Write the places without a final zero. Returns how many, at most 20. */
uint32_t decimal_write(uint64_t digits, char out[20]);

#endif
