#include <sluice/clock.h>

#include <stdatomic.h>

#include "sys/sim.h"

/* Relaxed: a test that shares the clock between threads orders them by other means. */
static _Atomic uint64_t sim_now_ns;

uint64_t slu_clock_monotonic_ns(void)
{
    return atomic_load_explicit(&sim_now_ns, memory_order_relaxed);
}

void sim_clock_set(uint64_t now_ns)
{
    atomic_store_explicit(&sim_now_ns, now_ns, memory_order_relaxed);
}

void sim_clock_advance(uint64_t step_ns)
{
    atomic_fetch_add_explicit(&sim_now_ns, step_ns, memory_order_relaxed);
}
