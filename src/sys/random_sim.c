#include <sluice/random.h>

#include <stdatomic.h>

#include "sys/sim.h"

static _Atomic uint64_t sim_state;
static _Atomic int sim_err;

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
int slu_random_seed(uint64_t *seed)
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    int err = atomic_load_explicit(&sim_err, memory_order_relaxed);
    if (err != 0) {
        return err;
    }
    uint64_t mixed = atomic_fetch_add_explicit(&sim_state, step, memory_order_relaxed) + step;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    *seed = mixed ^ (mixed >> 31);
    return 0;
}

void sim_random_set(uint64_t state)
{
    atomic_store_explicit(&sim_state, state, memory_order_relaxed);
}

void sim_random_fail(int err)
{
    atomic_store_explicit(&sim_err, err, memory_order_relaxed);
}
