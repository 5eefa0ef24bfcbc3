#!/usr/bin/python3
"""log2_table.py: print the tables of src/profile/sampling.c.

Logarithms are summed in integers of 2^-32: log2(1 + i/256), and 2^-(i/256), for i = 0 to 256, each
rounded from exact decimal arithmetic.
"""

from decimal import Decimal, getcontext

getcontext().prec = 50
STEPS = 256
TWO = Decimal(2)


def scaled(value):
    return int((value * (1 << 32)).to_integral_value())


def table(name, values):
    print(f"static const uint64_t {name}[] = {{")
    for value in values:
        print(f"    UINT64_C({value}),")
    print("};")


print("/* Written by log2_table.py. */")
print("#ifndef PROFILE_LOG2_TABLE_H")
print("#define PROFILE_LOG2_TABLE_H")
print("#include <stdint.h>")
print(f"#define LN_2       UINT64_C({scaled(TWO.ln())})")
print(f"#define LOG2_OF_E  UINT64_C({scaled(1 / TWO.ln())})")
table("log2_table", [scaled((1 + Decimal(i) / STEPS).ln() / TWO.ln()) for i in range(STEPS + 1)])
table("exp2_table", [scaled(TWO ** (-Decimal(i) / STEPS)) for i in range(STEPS + 1)])
print("#endif")
