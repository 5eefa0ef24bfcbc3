#include "limit/spot_lock.h"

#include <sluice/clock.h>

#include "sys/futex.h"

#define SPIN_MAX 256
#define NAP_NS   50000

static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Nobody wakes it: a nap ends by itself, so unlocking need not look for sleepers. */
static void nap(void)
{
    _Atomic uint32_t nobody = 0;
    (void)futex_wait_until(&nobody, 0, slu_clock_monotonic_ns() + NAP_NS);
}

uint64_t spot_lock_slow(_Atomic uint64_t *word)
{
    uint64_t value = SPOT_TAKEN;
    for (uint32_t spins = 0; value == SPOT_TAKEN; spins++) {
        if (spins >= SPIN_MAX) {
            nap();
            spins = 0;
        } else {
            spin_pause();
        }
        if (atomic_load_explicit(word, memory_order_relaxed) != SPOT_TAKEN) {
            value = atomic_exchange_explicit(word, SPOT_TAKEN, memory_order_acquire);
        }
    }
    return value;
}
