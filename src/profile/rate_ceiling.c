#include "profile/rate_ceiling.h"

#include <stdbool.h>

#include "profile/sampling.h"

#define SECOND_NS UINT64_C(1000000000)
#define WINDOW_NS (SECOND_NS / 10)
#define SHARE_MIN 32 /* samples of a window, so that chance alone seldom passes the ceiling */

__extension__ typedef unsigned __int128 wide;

void rate_ceiling_init(struct rate_ceiling *ceiling, uint64_t rate_bytes,
                       uint64_t samples_per_second_max, uint64_t now_ns)
{
    ceiling->samples_per_second_max = samples_per_second_max;
    ceiling->window_count_max = samples_per_second_max / (SECOND_NS / WINDOW_NS);
    ceiling->window_ns = WINDOW_NS;
    if (ceiling->window_count_max < SHARE_MIN && samples_per_second_max > 0) {
        ceiling->window_count_max = SHARE_MIN;
        ceiling->window_ns = SHARE_MIN * SECOND_NS / samples_per_second_max;
    }
    rate_ceiling_set(ceiling, rate_bytes);
    rate_ceiling_restart(ceiling, now_ns);
}

void rate_ceiling_set(struct rate_ceiling *ceiling, uint64_t rate_bytes)
{
    atomic_store_explicit(&ceiling->base_bytes, rate_bytes, memory_order_relaxed);
    atomic_store_explicit(&ceiling->rate_bytes, rate_bytes, memory_order_relaxed);
}

void rate_ceiling_restart(struct rate_ceiling *ceiling, uint64_t now_ns)
{
    atomic_store_explicit(&ceiling->window_start_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&ceiling->window_count, 0, memory_order_relaxed);
}

/* How often `count` samples in `elapsed_ns` fit below the ceiling, at least; 0: they do not. */
static uint64_t times_below(const struct rate_ceiling *ceiling, uint64_t count, uint64_t elapsed_ns)
{
    wide allowed = (wide)ceiling->samples_per_second_max * elapsed_ns;
    wide used = (wide)count * SECOND_NS;
    wide times = allowed / used;
    return times > UINT32_MAX ? UINT32_MAX : (uint64_t)times;
}

static void adapt(struct rate_ceiling *ceiling, uint64_t count, uint64_t elapsed_ns)
{
    uint64_t rate = atomic_load_explicit(&ceiling->rate_bytes, memory_order_relaxed);
    uint64_t base = atomic_load_explicit(&ceiling->base_bytes, memory_order_relaxed);
    uint64_t times = times_below(ceiling, count, elapsed_ns);
    uint64_t adapted = rate;
    if (times == 0) {
        adapted = rate > SAMPLING_RATE_MAX / 2 ? SAMPLING_RATE_MAX : rate * 2;
    }
    /* At a quarter of the ceiling twice as many samples leave room, so that it does not swing. */
    for (; times >= 4 && adapted > base; times /= 2) {
        adapted = adapted / 2 > base ? adapted / 2 : base;
    }
    /* If another rate was set meanwhile, that one holds. */
    (void)atomic_compare_exchange_strong_explicit(&ceiling->rate_bytes, &rate, adapted,
                                                  memory_order_relaxed, memory_order_relaxed);
}

void rate_ceiling_count(struct rate_ceiling *ceiling, uint64_t now_ns)
{
    if (ceiling->samples_per_second_max == 0) {
        return;
    }
    uint64_t count = atomic_fetch_add_explicit(&ceiling->window_count, 1, memory_order_relaxed) + 1;
    uint64_t start = atomic_load_explicit(&ceiling->window_start_ns, memory_order_relaxed);
    bool went_back = now_ns < start;
    bool at_end = !went_back && now_ns - start >= ceiling->window_ns;
    if (!went_back && !at_end && count <= ceiling->window_count_max) {
        return;
    }
    /* One thread ends the window; the others count in the next one. */
    if (atomic_compare_exchange_strong_explicit(&ceiling->window_start_ns, &start, now_ns,
                                                memory_order_relaxed, memory_order_relaxed)) {
        count = atomic_exchange_explicit(&ceiling->window_count, 0, memory_order_relaxed);
        /* While the clock stands still two may end the same window: the second finds few. */
        if (count > ceiling->window_count_max || (at_end && count > 0)) {
            adapt(ceiling, count, went_back ? 0 : now_ns - start);
        }
    }
}
