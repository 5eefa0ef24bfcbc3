#include "cli/demo_race.h"

#include <math.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/window.h>

#include "cli/host.h"

#define BATCH_MAX    4096
#define TIMED_MIN    256 /* below it, reading the clock would be most of what is timed */
#define BUDGET_BYTES (64 * 1024)
#define SECOND_NS    UINT64_C(1000000000)
#define VALUE_BOUND  1000

/* Each event's value and time follow from its number alone, so that both windows see the same. */
static uint64_t event_value(uint64_t number)
{
    return number * UINT64_C(2654435761) % VALUE_BOUND;
}

static uint64_t event_time(const struct race *race, uint64_t number)
{
    uint64_t rate = race->options.rate;
    return race->start_ns + number / rate * SECOND_NS + number % rate * SECOND_NS / rate;
}

static uint64_t due_count(const struct race *race, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns > race->start_ns ? now_ns - race->start_ns : 0;
    uint64_t rate = race->options.rate;
    return elapsed_ns / SECOND_NS * rate + elapsed_ns % SECOND_NS * rate / SECOND_NS;
}

/*
 * The ring has no allocator of its own to count: whatever the library allocates is charged to the
 * budget, so a change of use or of the high-water mark is at least one allocation.
 */
static void watch_ring(struct race *race)
{
    struct slu_budget_stats stats;
    slu_budget_stats(race->budget, &stats);
    if (stats.used_bytes != race->seen_used_bytes ||
        stats.high_water_bytes != race->seen_high_water_bytes) {
        race->ring_allocation_count++;
        race->seen_used_bytes = stats.used_bytes;
        race->seen_high_water_bytes = stats.high_water_bytes;
    }
}

int race_init(struct race *race, const struct race_options *options, uint64_t now_ns)
{
    struct slu_window_options ring_options = {.span_ns = RACE_SPAN_NS,
                                              .slot_count = RACE_SLOT_COUNT};
    *race = (struct race){
        .options = *options,
        .start_ns = now_ns,
        .growing = {.span_ns = RACE_SPAN_NS, .limit_bytes = options->limit_bytes},
    };
    int err = slu_budget_create(NULL, "demo", BUDGET_BYTES, &race->budget);
    if (err != 0) {
        return err;
    }
    struct slu_budget_stats stats;
    slu_budget_stats(race->budget, &stats);
    race->seen_used_bytes = stats.used_bytes;
    race->seen_high_water_bytes = stats.high_water_bytes;
    err = slu_window_create(race->budget, &ring_options, NULL, &race->ring);
    if (err != 0) {
        slu_budget_destroy(&race->budget);
        return err;
    }
    watch_ring(race);
    return 0;
}

void race_deinit(struct race *race)
{
    growing_window_deinit(&race->growing);
    slu_window_destroy(&race->ring);
    slu_budget_destroy(&race->budget);
}

static void add_to_growing(struct race *race, uint64_t end)
{
    for (uint64_t number = race->event_count; number < end && !race->growing_is_full; number++) {
        int err = growing_window_add(&race->growing, event_time(race, number), event_value(number));
        race->growing_is_full = err != 0;
        race->growing_event_count += err == 0;
    }
}

static void add_to_ring(struct race *race, uint64_t end)
{
    for (uint64_t number = race->event_count; number < end; number++) {
        int err = slu_window_add(race->ring, event_time(race, number), event_value(number));
        race->ring_event_count += err == 0;
    }
}

bool race_advance(struct race *race, uint64_t now_ns, uint64_t until_ns)
{
    uint64_t due = due_count(race, now_ns);
    while (race->event_count < due && now_ns < until_ns) {
        uint64_t left = due - race->event_count;
        uint64_t batch = left < BATCH_MAX ? left : BATCH_MAX;
        uint64_t before_ns = slu_clock_monotonic_ns();
        add_to_growing(race, race->event_count + batch);
        uint64_t between_ns = slu_clock_monotonic_ns();
        add_to_ring(race, race->event_count + batch);
        now_ns = slu_clock_monotonic_ns();
        if (batch >= TIMED_MIN && !race->growing_is_full) {
            race->timed_count += batch;
            race->growing_add_ns += between_ns - before_ns;
            race->ring_add_ns += now_ns - between_ns;
        }
        race->event_count += batch;
    }
    watch_ring(race);
    return race->event_count >= due;
}

static struct race_side ask_growing(struct race *race, uint64_t now_ns)
{
    struct growing_answer answer;
    uint64_t before_ns = slu_clock_monotonic_ns();
    growing_window_answer(&race->growing, now_ns, &answer);
    return (struct race_side){
        .held_bytes = race->growing.held_bytes,
        .allocation_count = race->growing.allocation_count,
        .event_count = race->growing_event_count,
        .rate = answer.rate,
        .mean = answer.mean,
        .add_ns =
            race->timed_count == 0 ? NAN : (double)race->growing_add_ns / (double)race->timed_count,
        .answer_ns = (double)(slu_clock_monotonic_ns() - before_ns),
    };
}

static struct race_side ask_ring(struct race *race, uint64_t now_ns)
{
    struct slu_window_snapshot answer;
    struct slu_budget_stats stats;
    uint64_t before_ns = slu_clock_monotonic_ns();
    slu_window_snapshot(race->ring, now_ns, &answer);
    double answer_ns = (double)(slu_clock_monotonic_ns() - before_ns);
    slu_budget_stats(race->budget, &stats);
    return (struct race_side){
        .held_bytes = stats.used_bytes,
        .allocation_count = race->ring_allocation_count,
        .event_count = race->ring_event_count,
        .rate = answer.rate,
        .mean = answer.mean,
        .add_ns =
            race->timed_count == 0 ? NAN : (double)race->ring_add_ns / (double)race->timed_count,
        .answer_ns = answer_ns,
    };
}

void race_take_sample(struct race *race, uint64_t now_ns, struct race_sample *out)
{
    watch_ring(race);
    *out = (struct race_sample){
        .elapsed_ns = now_ns - race->start_ns,
        .growing = ask_growing(race, now_ns),
        .ring = ask_ring(race, now_ns),
        .stale_bytes = growing_window_stale_bytes(&race->growing),
        .resident_bytes = host_resident_bytes(),
        .growing_is_full = race->growing_is_full,
    };
    race->timed_count = 0;
    race->growing_add_ns = 0;
    race->ring_add_ns = 0;
}
