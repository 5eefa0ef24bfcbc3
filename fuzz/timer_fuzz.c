/*
 * Property: a wheel does what a list of its timers says: a timer runs once its tick has begun and
 * not before, unless it was stopped; outdated handles answer -ESTALE; no call does more work than
 * it was allowed, and no sequence of calls breaks the lists.
 *
 * Input: the first byte is the size of a tick and where the clock begins; then operations of four
 * bytes: what to do, to which timer, and a shift and a factor that make a delay or a step of time.
 * A timer that runs takes its own operations from the same string.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/wheel.h>

#include "base/assert.h"
#include "timer/wheel.h"

#define TIMERS_MAX 24
#define NEVER      UINT64_MAX

/* The clock of this run begins at 0; the wheel's is `start_ns` later, and may wrap. */
struct known {
    slu_timer_id id;
    uint64_t due_tick;
    bool exists;
};

struct run {
    struct slu_wheel *wheel;
    const uint8_t *data;
    size_t size;
    uint64_t start_ns;
    unsigned tick_bits;
    uint64_t now_ns;
    uint64_t latest_ns;
    struct known known[TIMERS_MAX];
    slu_timer_id running;
};

static bool operation_next(struct run *run, const uint8_t **operation)
{
    if (run->size < 4) {
        return false;
    }
    *operation = run->data;
    run->data += 4;
    run->size -= 4;
    return true;
}

static uint64_t span_of(const uint8_t *operation)
{
    return (uint64_t)operation[3] << operation[2] % 48;
}

static uint64_t wheel_ns(const struct run *run, uint64_t ns)
{
    return run->start_ns + ns;
}

/* Counted from the tick that the clock begins in. */
static uint64_t ticks_of(const struct run *run, uint64_t ns)
{
    uint64_t tick_ns = UINT64_C(1) << run->tick_bits;
    return (ns + (run->start_ns & (tick_ns - 1))) >> run->tick_bits;
}

static uint64_t due_tick(const struct run *run, uint64_t delay_ns)
{
    uint64_t tick_ns = UINT64_C(1) << run->tick_bits;
    uint64_t lost_ns = wheel_ns(run, run->latest_ns) & (tick_ns - 1);
    uint64_t stands_ns = run->latest_ns > lost_ns ? run->latest_ns - lost_ns : 0;
    uint64_t base_ns = run->now_ns > stands_ns ? run->now_ns : stands_ns;
    return ticks_of(run, base_ns + delay_ns + tick_ns - 1);
}

static void operate(struct run *run, const uint8_t *operation);

static void run_timer(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct run *run = arg;
    struct known *known = NULL;
    (void)wheel;
    (void)now_ns;
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        bool is_it = run->known[i].exists && run->known[i].id == timer;
        known = is_it ? &run->known[i] : known;
    }
    SLU_ASSERT(known != NULL && known->due_tick <= ticks_of(run, run->latest_ns));
    run->running = timer;
    const uint8_t *operation = NULL;
    if (operation_next(run, &operation)) {
        operate(run, operation);
    }
    if (run->running == timer && known->id == timer) { /* neither stopped nor armed again */
        known->exists = false;
    }
    run->running = 0;
}

static void timer_add(struct run *run, struct known *known, uint64_t delay_ns)
{
    uint32_t count = 0;
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        count += run->known[i].exists;
    }
    if (known->exists) {
        return;
    }
    slu_timer_id id = 0;
    int err = slu_wheel_add(run->wheel, wheel_ns(run, run->now_ns), delay_ns, run_timer, run, &id);
    SLU_ASSERT(err == 0 && count < TIMERS_MAX);
    *known = (struct known){
        .id = id, .exists = true, .due_tick = delay_ns == NEVER ? NEVER : due_tick(run, delay_ns)};
}

static void timer_change(struct run *run, struct known *known, uint64_t delay_ns)
{
    int err = slu_wheel_reset(run->wheel, known->id, wheel_ns(run, run->now_ns), delay_ns);
    SLU_ASSERT(err == (known->exists ? 0 : -ESTALE));
    if (err == 0) {
        known->due_tick = delay_ns == NEVER ? NEVER : due_tick(run, delay_ns);
        run->running = run->running == known->id ? 0 : run->running;
    }
}

static void timer_stop(struct run *run, struct known *known)
{
    int err = slu_wheel_stop(run->wheel, known->id);
    SLU_ASSERT(err == (known->exists ? 0 : -ESTALE));
    known->exists = false;
}

static uint64_t first_tick(const struct run *run)
{
    uint64_t first = NEVER;
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        const struct known *known = &run->known[i];
        first = known->exists && known->due_tick < first ? known->due_tick : first;
    }
    return first;
}

static void time_pass(struct run *run, uint64_t step_ns, bool back, uint32_t work_max)
{
    if (back) {
        run->now_ns -= step_ns < run->now_ns ? step_ns : run->now_ns;
    } else if (step_ns < (UINT64_C(1) << 61) - run->latest_ns) {
        run->now_ns = run->latest_ns + step_ns;
    }
    run->latest_ns = run->now_ns > run->latest_ns ? run->now_ns : run->latest_ns;
    bool more = true;
    for (int calls = 0; more && calls < 4096; calls++) {
        struct slu_wheel_stats was;
        struct slu_wheel_stats is;
        slu_wheel_stats(run->wheel, &was);
        more = slu_wheel_advance(run->wheel, wheel_ns(run, run->now_ns), work_max);
        slu_wheel_stats(run->wheel, &is);
        SLU_ASSERT(is.run_count - was.run_count + is.move_count - was.move_count <= work_max);
        wheel_validate(run->wheel);
    }
    SLU_ASSERT(more || first_tick(run) > ticks_of(run, run->latest_ns));
}

static void operate(struct run *run, const uint8_t *operation)
{
    struct known *known = &run->known[operation[1] % TIMERS_MAX];
    uint64_t span_ns = span_of(operation);
    switch (operation[0] % 8) {
    case 0:
    case 1:
    case 2:
        timer_add(run, known, operation[2] == UINT8_MAX ? NEVER : span_ns);
        break;
    case 3:
        timer_stop(run, known);
        break;
    case 4:
        timer_change(run, known, operation[2] == UINT8_MAX ? NEVER : span_ns);
        break;
    default:
        if (run->running == 0 && !run->wheel->advancing) {
            time_pass(run, span_ns, operation[0] % 8 == 7, 1 + operation[1]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned tick_bits[] = {0, 1, 3, 6, 20, 21, 33, 40};
    struct slu_budget *root = NULL;
    if (size == 0) {
        return 0;
    }
    struct run run = {.data = data + 1, .size = size - 1, .tick_bits = tick_bits[data[0] % 8]};
    run.start_ns = data[0] < 128 ? data[0] : UINT64_MAX - ((uint64_t)data[0] << 20);
    struct slu_wheel_options options = {.start_ns = run.start_ns,
                                        .tick_ns = UINT64_C(1) << run.tick_bits,
                                        .timers_max = TIMERS_MAX};
    int err = slu_budget_create(NULL, "fuzz", 1 << 20, &root);
    SLU_ASSERT(err == 0);
    err = slu_wheel_create(root, &options, NULL, &run.wheel);
    SLU_ASSERT(err == 0);
    const uint8_t *operation = NULL;
    while (operation_next(&run, &operation)) {
        operate(&run, operation);
    }
    wheel_validate(run.wheel);
    slu_wheel_destroy(&run.wheel);
    slu_budget_destroy(&root);
    return 0;
}
