#include "meter/distinct.h"

#include <math.h>

#define BIAS         0.709 /* alpha of the paper for 64 registers */
#define COUNTING_MAX 2.5   /* values a register, up to which empty ones tell more */

void distinct_clear(struct distinct *distinct, uint64_t period)
{
    for (int i = 0; i < DISTINCT_REGISTERS; i++) {
        atomic_store_explicit(&distinct->registers[period & 1][i], 0, memory_order_relaxed);
    }
}

uint64_t distinct_estimate(const struct distinct *distinct)
{
    double sum = 0;
    int empty_count = 0;
    for (int i = 0; i < DISTINCT_REGISTERS; i++) {
        int even = atomic_load_explicit(&distinct->registers[0][i], memory_order_relaxed);
        int odd = atomic_load_explicit(&distinct->registers[1][i], memory_order_relaxed);
        int rank = even > odd ? even : odd;
        sum += ldexp(1, -rank);
        empty_count += rank == 0;
    }
    double count = DISTINCT_REGISTERS;
    double estimate = BIAS * count * count / sum;
    if (estimate <= COUNTING_MAX * count && empty_count > 0) {
        estimate = count * log(count / empty_count);
    }
    return (uint64_t)llround(estimate);
}
