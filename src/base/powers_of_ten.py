#!/usr/bin/python3
"""powers_of_ten.py: print the table of src/base/decimal.c, in exact integer arithmetic.

Each line is 10^k scaled by a power of two to 128 bits with the highest set, rounded up, as two
64-bit words, for every k that the shortest decimal of a double needs.
"""

K_MIN = -292
K_MAX = 324


def scaled(k):
    if k >= 0:
        power = 10**k
        shift = power.bit_length() - 128
        return -(-power >> shift) if shift > 0 else power << -shift
    power = 10**-k
    shift = power.bit_length() + 127
    quotient = -(-(1 << shift) // power)
    assert quotient.bit_length() == 128
    return quotient


print("/* Written by powers_of_ten.py. */")
print("#ifndef BASE_POWERS_OF_TEN_H")
print("#define BASE_POWERS_OF_TEN_H")
print("#include <stdint.h>")
print(f"#define POWER_MIN ({K_MIN})")
print(f"#define POWER_MAX {K_MAX}")
print("struct power {")
print("    uint64_t high;")
print("    uint64_t low;")
print("};")
print("static const struct power powers[] = {")
for k in range(K_MIN, K_MAX + 1):
    high, low = divmod(scaled(k), 1 << 64)
    print(f"    {{UINT64_C({high:#018x}), UINT64_C({low:#018x})}}, /* {k} */")
print("};")
print("#endif")
