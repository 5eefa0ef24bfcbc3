#include "limit/sliding_counter.h"

#include <errno.h>

#include "limit/rate.h"

static uint64_t window_end(uint64_t period_ns, uint64_t now_ns)
{
    return now_ns - now_ns % period_ns + period_ns; /* both far below 2^63 */
}

void counter_init(struct sliding_counter *counter, const struct slu_limit *limit)
{
    *counter = (struct sliding_counter){.period_ns = limit->period_ns, .count_max = limit->count};
}

/* Let COUNTER_NOW be the window of `now_ns`. */
static void counter_advance(struct sliding_counter *counter, uint64_t now_ns)
{
    if (__builtin_expect(now_ns < counter->window_end_ns, 1)) {
        return;
    }
    uint64_t end_ns = window_end(counter->period_ns, now_ns);
    uint64_t passed = (end_ns - counter->window_end_ns) / counter->period_ns;
    for (uint64_t i = 0; i < COUNTER_WINDOWS; i++) {
        counter->counts[i] = passed < COUNTER_WINDOWS - i ? counter->counts[i + passed] : 0;
    }
    counter->window_end_ns = end_ns;
}

/* The last window that holds something, and not before COUNTER_NOW. */
static uint32_t window_last(const struct sliding_counter *counter)
{
    uint32_t window = COUNTER_WINDOWS - 1;
    while (window > COUNTER_NOW && counter->counts[window] == 0) {
        window--;
    }
    return window;
}

static uint64_t window_start_ns(const struct sliding_counter *counter, uint32_t window)
{
    return counter->window_end_ns + window * counter->period_ns - 2 * counter->period_ns;
}

/*
 * How far into a window `events` more may happen: from then on, what the window before still weighs
 * leaves room for them. The period, if not within this window.
 */
static uint64_t room_after_ns(const struct sliding_counter *counter, uint32_t window,
                              uint64_t events)
{
    uint64_t before = counter->counts[window - 1];
    uint64_t taken = counter->counts[window];
    if (taken > counter->count_max || events > counter->count_max - taken) {
        return counter->period_ns;
    }
    uint64_t room = counter->count_max - taken - events;
    if (before <= room) {
        return 0;
    }
    return counter->period_ns - (uint64_t)((rate_wide)room * counter->period_ns / before);
}

/* The window and the time at which `events` may happen; COUNTER_WINDOWS if none is near enough. */
static uint32_t counter_find(const struct sliding_counter *counter, uint64_t now_ns,
                             uint64_t events, uint64_t *at_ns)
{
    uint32_t window = window_last(counter);
    for (; window < COUNTER_WINDOWS; window++) {
        uint64_t after_ns = room_after_ns(counter, window, events);
        uint64_t start_ns = window_start_ns(counter, window);
        if (after_ns < counter->period_ns) {
            *at_ns = start_ns + after_ns > now_ns ? start_ns + after_ns : now_ns;
            break;
        }
    }
    return window;
}

int counter_reserve(struct sliding_counter *counter, uint64_t now_ns, uint64_t events,
                    uint64_t delay_max_ns, uint64_t *delay_ns)
{
    if (events > counter->count_max) {
        return -EINVAL;
    }
    counter_advance(counter, now_ns);
    uint64_t at_ns = 0;
    uint32_t window = counter_find(counter, now_ns, events, &at_ns);
    if (window == COUNTER_WINDOWS || at_ns - now_ns > delay_max_ns) {
        return -EAGAIN;
    }
    counter->counts[window] += events;
    *delay_ns = at_ns - now_ns;
    return 0;
}

void counter_give_back(struct sliding_counter *counter, uint64_t now_ns, uint64_t at_ns,
                       uint64_t events)
{
    counter_advance(counter, now_ns);
    uint64_t ahead = at_ns < counter->window_end_ns
                         ? 0
                         : (at_ns - counter->window_end_ns) / counter->period_ns + 1;
    uint64_t window = COUNTER_NOW + ahead;
    window = window < COUNTER_WINDOWS ? window : COUNTER_WINDOWS - 1;
    /* After a change of the period they may lie in an earlier one. */
    for (; events > 0 && window >= COUNTER_NOW; window--) {
        uint64_t taken = counter->counts[window] < events ? counter->counts[window] : events;
        counter->counts[window] -= taken;
        events -= taken;
    }
}

/* What the window before still weighs at `now_ns`, rounded up. */
static uint64_t weight_before(const struct sliding_counter *counter, uint64_t now_ns)
{
    uint64_t left_ns = counter->window_end_ns - now_ns;
    rate_wide scaled = (rate_wide)counter->counts[COUNTER_BEFORE] * left_ns;
    return (uint64_t)((scaled + counter->period_ns - 1) / counter->period_ns);
}

void counter_change(struct sliding_counter *counter, uint64_t now_ns, const struct slu_limit *limit)
{
    counter_advance(counter, now_ns);
    counter->count_max = limit->count;
    if (limit->period_ns != counter->period_ns) {
        counter->counts[COUNTER_NOW] += weight_before(counter, now_ns);
        counter->counts[COUNTER_BEFORE] = 0;
        counter->period_ns = limit->period_ns;
        counter->window_end_ns = window_end(limit->period_ns, now_ns);
    }
}

void counter_report(struct sliding_counter *counter, uint64_t now_ns, uint64_t events,
                    struct slu_limit_state *out)
{
    counter_advance(counter, now_ns);
    *out = (struct slu_limit_state){
        .quota = counter->count_max, .window_ns = counter->period_ns, .retry_ns = SLU_LIMIT_NEVER};
    uint64_t at_ns = 0;
    if (events <= counter->count_max &&
        counter_find(counter, now_ns, events, &at_ns) < COUNTER_WINDOWS) {
        out->retry_ns = at_ns - now_ns;
    }
    uint32_t last = window_last(counter);
    uint64_t taken = counter->counts[COUNTER_NOW] + weight_before(counter, now_ns);
    if (last == COUNTER_NOW && taken < counter->count_max) {
        out->remaining = counter->count_max - taken;
    }
    if (counter->counts[last] != 0) {
        out->reset_ns = window_start_ns(counter, last) + 2 * counter->period_ns - now_ns;
    } else if (counter->counts[COUNTER_BEFORE] != 0) {
        out->reset_ns = counter->window_end_ns - now_ns;
    }
}
