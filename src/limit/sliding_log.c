#include "limit/sliding_log.h"

#include <errno.h>

void log_init(struct sliding_log *log, uint64_t *times, uint64_t capacity,
              const struct slu_limit *limit)
{
    *log = (struct sliding_log){.times = times,
                                .capacity = capacity,
                                .period_ns = limit->period_ns,
                                .count_max = limit->count};
}

static uint64_t *log_entry(const struct sliding_log *log, uint64_t nth)
{
    uint64_t place = log->first + nth;
    return &log->times[place < log->capacity ? place : place - log->capacity];
}

/* How many entries are before `time_ns`; they are in order. */
static uint64_t entries_before(const struct sliding_log *log, uint64_t time_ns)
{
    uint64_t low = 0;
    uint64_t high = log->used;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (*log_entry(log, middle) < time_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void log_advance(struct sliding_log *log, uint64_t now_ns)
{
    if (log->used == 0 || now_ns < log->period_ns || *log_entry(log, 0) > now_ns - log->period_ns) {
        return;
    }
    uint64_t passed = entries_before(log, now_ns - log->period_ns + 1);
    log->first = (log->first + passed) % log->capacity;
    log->used -= passed;
}

static uint64_t later(uint64_t left_ns, uint64_t right_ns)
{
    return left_ns > right_ns ? left_ns : right_ns;
}

/* When `events` more may happen, which are at most count_max. */
static uint64_t log_find(const struct sliding_log *log, uint64_t now_ns, uint64_t events)
{
    uint64_t beside = log->count_max - events; /* others that may lie within the same period */
    uint64_t at_ns = now_ns;
    if (log->used > beside) {
        at_ns = later(at_ns, *log_entry(log, log->used - beside - 1) + log->period_ns);
    }
    return log->used > 0 ? later(at_ns, *log_entry(log, log->used - 1)) : at_ns;
}

int log_reserve(struct sliding_log *log, uint64_t now_ns, uint64_t events, uint64_t delay_max_ns,
                uint64_t *delay_ns)
{
    if (events > log->count_max) {
        return -EINVAL;
    }
    log_advance(log, now_ns);
    uint64_t at_ns = log_find(log, now_ns, events);
    if (at_ns - now_ns > delay_max_ns || events > log->capacity - log->used) {
        return -EAGAIN;
    }
    for (uint64_t i = 0; i < events; i++) {
        *log_entry(log, log->used++) = at_ns;
    }
    *delay_ns = at_ns - now_ns;
    return 0;
}

void log_give_back(struct sliding_log *log, uint64_t at_ns, uint64_t events)
{
    uint64_t from = entries_before(log, at_ns);
    for (uint64_t i = from; i + events < log->used; i++) {
        *log_entry(log, i) = *log_entry(log, i + events);
    }
    log->used -= events;
}

void log_change(struct sliding_log *log, const struct slu_limit *limit)
{
    log->period_ns = limit->period_ns;
    log->count_max = limit->count;
}

void log_report(struct sliding_log *log, uint64_t now_ns, uint64_t events,
                struct slu_limit_state *out)
{
    log_advance(log, now_ns);
    *out = (struct slu_limit_state){
        .quota = log->count_max, .window_ns = log->period_ns, .retry_ns = SLU_LIMIT_NEVER};
    if (events <= log->count_max) {
        out->retry_ns = log_find(log, now_ns, events) - now_ns;
    }
    uint64_t last_ns = log->used > 0 ? *log_entry(log, log->used - 1) : 0;
    if (last_ns <= now_ns && log->used < log->count_max) {
        out->remaining = log->count_max - log->used;
    }
    if (log->used > 0) {
        out->reset_ns = last_ns + log->period_ns - now_ns;
    }
}
