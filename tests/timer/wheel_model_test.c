/* The wheel beside a list of its timers that is searched from end to end. */
#include <errno.h>
#include <stdbool.h>

#include "wheel_fixture.h"

#define ENTRIES_MAX 96
#define NOT_ARMED   UINT64_MAX

/*
 * The model counts time from 0 and does not wrap; the wheel is told `start_ns` more, modulo 2^64.
 */
struct entry {
    slu_timer_id id;
    uint64_t due_ns; /* the end of the delay; NOT_ARMED for one that never comes */
    bool exists;
    bool was_due;        /* when it was armed: it waits for the next advance */
    uint64_t armed_call; /* the advance whose callback armed it; 0: no callback did */
};

struct model {
    struct test_random random;
    struct slu_wheel *wheel;
    struct entry entries[ENTRIES_MAX];
    uint64_t start_ns;
    uint64_t tick_ns;
    uint64_t now_ns;    /* as the caller's clock shows it */
    uint64_t latest_ns; /* the greatest that was advanced to */
    uint64_t ran_tick;  /* of the last timer that ran */
    slu_timer_id running;
    uint64_t run_count;
    uint64_t call_count; /* of slu_wheel_advance */
    bool in_callback;
    bool is_large;       /* the wheel holds more timers than the model */
    uint32_t calls_left; /* callbacks that may still arm timers, so that an advance ends */
};

/* Ticks are counted from the multiple of the tick at or before the start. */
static uint64_t tick_floor(const struct model *model, uint64_t ns)
{
    return (ns + model->start_ns % model->tick_ns) / model->tick_ns;
}

static uint64_t tick_ceiling(const struct model *model, uint64_t ns)
{
    return (ns + model->start_ns % model->tick_ns + model->tick_ns - 1) / model->tick_ns;
}

static uint64_t wheel_time(const struct model *model, uint64_t ns)
{
    return model->start_ns + ns;
}

/* Uniform in its number of bits, so that all levels are met. */
static uint64_t random_span(struct test_random *random, unsigned bits_max)
{
    uint64_t bits = test_random_below(random, bits_max + 1);
    uint64_t low = test_random_next(random) & ((UINT64_C(1) << bits) - 1);
    return test_random_below(random, 4) == 0 ? UINT64_C(1) << bits : low;
}

static uint64_t random_delay(struct model *model)
{
    if (test_random_below(&model->random, 40) == 0) {
        return SLU_WHEEL_NEVER - test_random_below(&model->random, 2);
    }
    return random_span(&model->random, 61);
}

static void entry_arm(struct model *model, struct entry *entry, uint64_t delay_ns)
{
    if (delay_ns >= SLU_WHEEL_AHEAD_MAX_NS) {
        entry->due_ns = NOT_ARMED;
        return;
    }
    uint64_t lost_ns = (model->start_ns + model->latest_ns) % model->tick_ns;
    uint64_t stands_ns = model->latest_ns > lost_ns ? model->latest_ns - lost_ns : 0;
    uint64_t base_ns = model->now_ns > stands_ns ? model->now_ns : stands_ns;
    entry->due_ns = base_ns + delay_ns;
    uint64_t passed = model->in_callback ? tick_floor(model, model->latest_ns) : model->ran_tick;
    entry->was_due = tick_ceiling(model, entry->due_ns) <= passed;
    entry->armed_call = model->in_callback ? model->call_count : 0;
}

static struct entry *entry_any(struct model *model, bool exists)
{
    uint64_t first = test_random_below(&model->random, ENTRIES_MAX);
    for (uint64_t i = 0; i < ENTRIES_MAX; i++) {
        struct entry *entry = &model->entries[(first + i) % ENTRIES_MAX];
        if (entry->exists == exists) {
            return entry;
        }
    }
    return NULL;
}

static void model_run(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg);

static void model_add(struct model *model)
{
    struct entry *entry = entry_any(model, false);
    slu_timer_id id = 0;
    uint64_t delay_ns = random_delay(model);
    uint64_t now_ns = wheel_time(model, model->now_ns);
    if (entry == NULL && model->is_large) {
        return;
    }
    int err = slu_wheel_add(model->wheel, now_ns, delay_ns, model_run, model, &id);
    assert_int_equal(err, entry == NULL ? -EDQUOT : 0);
    if (entry != NULL) {
        *entry = (struct entry){.id = id, .exists = true};
        entry_arm(model, entry, delay_ns);
    }
}

static void model_stop(struct model *model, struct entry *entry)
{
    if (entry != NULL) {
        assert_int_equal(slu_wheel_stop(model->wheel, entry->id), entry->exists ? 0 : -ESTALE);
        entry->exists = false;
    }
}

static void model_reset(struct model *model, struct entry *entry)
{
    if (entry != NULL) {
        uint64_t delay_ns = random_delay(model);
        uint64_t now_ns = wheel_time(model, model->now_ns);
        assert_int_equal(slu_wheel_reset(model->wheel, entry->id, now_ns, delay_ns),
                         entry->exists ? 0 : -ESTALE);
        if (entry->exists) {
            entry_arm(model, entry, delay_ns);
            model->running = entry->id == model->running ? 0 : model->running;
        }
    }
}

static void model_change(struct model *model)
{
    switch (test_random_below(&model->random, 8)) {
    case 0:
        model_stop(model, entry_any(model, true));
        break;
    case 1:
        model_stop(model, &model->entries[test_random_below(&model->random, ENTRIES_MAX)]);
        break;
    case 2:
    case 3:
        model_reset(model, &model->entries[test_random_below(&model->random, ENTRIES_MAX)]);
        break;
    default:
        model_add(model);
    }
}

static struct entry *entry_find(struct model *model, slu_timer_id id)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        if (model->entries[i].exists && model->entries[i].id == id) {
            return &model->entries[i];
        }
    }
    return NULL;
}

/* Nothing that has a right to run before it is still waiting. */
static void assert_in_order(const struct model *model, uint64_t tick)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        const struct entry *entry = &model->entries[i];
        bool waits = entry->exists && entry->due_ns != NOT_ARMED && !entry->was_due;
        assert_true(!waits || tick_ceiling(model, entry->due_ns) >= tick);
    }
}

static void model_run(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct model *model = arg;
    struct entry *entry = entry_find(model, timer);
    assert_ptr_equal(wheel, model->wheel);
    assert_int_equal(now_ns, wheel_time(model, model->now_ns));
    assert_non_null(entry);
    assert_true(entry->due_ns != NOT_ARMED);
    assert_true(entry->armed_call != model->call_count);
    uint64_t tick = tick_ceiling(model, entry->due_ns);
    assert_true(tick <= tick_floor(model, model->latest_ns));
    assert_in_order(model, entry->was_due ? 0 : tick);
    model->ran_tick = tick > model->ran_tick ? tick : model->ran_tick;
    model->run_count++;
    model->running = timer;
    model->in_callback = true;
    if (model->calls_left > 0) {
        model->calls_left--;
        for (uint64_t n = test_random_below(&model->random, 3); n > 0; n--) {
            model_change(model);
        }
        entry = entry_find(model, timer);
        if (entry != NULL && model->running == timer && test_random_below(&model->random, 4) == 0) {
            model_reset(model, entry);
        }
    }
    entry = entry_find(model, timer);
    if (entry != NULL && model->running == timer) { /* not armed again, nor stopped */
        entry->exists = false;
    }
    model->running = 0;
    model->in_callback = false;
}

static uint64_t first_due_tick(const struct model *model)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        const struct entry *entry = &model->entries[i];
        if (entry->exists && entry->due_ns != NOT_ARMED) {
            uint64_t tick = tick_ceiling(model, entry->due_ns);
            first = tick < first ? tick : first;
        }
    }
    return first;
}

static void assert_next_is_a_bound(const struct model *model)
{
    uint64_t next_ns = slu_wheel_next_ns(model->wheel);
    uint64_t first = first_due_tick(model);
    uint64_t stands = tick_floor(model, model->latest_ns);
    if (first == UINT64_MAX) {
        assert_int_equal(next_ns, SLU_WHEEL_NEVER);
        return;
    }
    assert_true(next_ns != SLU_WHEEL_NEVER);
    uint64_t begin_ns = model->start_ns - model->start_ns % model->tick_ns;
    uint64_t next = (next_ns - begin_ns + model->tick_ns - 1) / model->tick_ns;
    assert_true(next <= first);
    assert_true(next > stands || first <= stands); /* no wake-up without a reason */
    bool same_turn = (first * model->tick_ns + begin_ns) / model->tick_ns / 64 ==
                     (stands * model->tick_ns + begin_ns) / model->tick_ns / 64;
    assert_true(!same_turn || next == first || first <= stands);
}

static void model_advance(struct model *model, bool in_slices)
{
    model->latest_ns = model->now_ns > model->latest_ns ? model->now_ns : model->latest_ns;
    model->calls_left = 2 * ENTRIES_MAX;
    uint64_t now_ns = wheel_time(model, model->now_ns);
    bool more = true;
    while (more) {
        uint32_t work = in_slices ? (uint32_t)test_random_below(&model->random, 4) : UINT32_MAX;
        uint64_t before = model->run_count;
        struct slu_wheel_stats was;
        struct slu_wheel_stats is;
        slu_wheel_stats(model->wheel, &was);
        model->call_count++;
        more = slu_wheel_advance(model->wheel, now_ns, work);
        slu_wheel_stats(model->wheel, &is);
        assert_true(is.run_count - was.run_count + is.move_count - was.move_count <= work);
        assert_int_equal(is.run_count - was.run_count, model->run_count - before);
        wheel_validate(model->wheel);
        if (more && in_slices && model->now_ns >= model->latest_ns) {
            model_change(model);
        }
    }
    assert_true(first_due_tick(model) > tick_floor(model, model->latest_ns));
    model->ran_tick = tick_floor(model, model->latest_ns);
}

static void clock_move(struct model *model)
{
    if (test_random_below(&model->random, 10) == 0) {
        uint64_t back_ns = random_span(&model->random, 58);
        model->now_ns -= back_ns < model->now_ns ? back_ns : model->now_ns;
    } else {
        uint64_t room_ns = (UINT64_C(1) << 62) - 1 - model->latest_ns;
        uint64_t step_ns = random_span(&model->random, 58);
        model->now_ns = model->latest_ns + (step_ns < room_ns ? step_ns : 0);
    }
}

static void behave_like_the_model(uint64_t stream, uint64_t start_ns, uint64_t tick_ns,
                                  bool is_large)
{
    static struct model model;
    model = (struct model){.random = test_random_start(stream),
                           .start_ns = start_ns,
                           .tick_ns = tick_ns,
                           .is_large = is_large};
    struct slu_budget *budget = budget_of(4 << 20);
    model.wheel = wheel_of(budget, start_ns, tick_ns, is_large ? CHAIN_TIMERS_MIN : ENTRIES_MAX);
    uint64_t allocations = alloc_count();
    int steps = is_large ? 100 : 300; /* the validation of a large one takes longer */
    for (int step = 0; step < steps; step++) {
        for (uint64_t n = test_random_below(&model.random, 12); n > 0; n--) {
            model_change(&model);
        }
        wheel_validate(model.wheel);
        assert_next_is_a_bound(&model);
        clock_move(&model);
        model_advance(&model, test_random_below(&model.random, 2) == 0);
    }
    assert_int_equal(alloc_count(), allocations);
    assert_true(model.run_count > (uint64_t)steps);
    slu_wheel_destroy(&model.wheel);
    slu_budget_destroy(&budget);
}

static void a_wheel_equals_the_list_of_its_timers(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 12345, UINT64_MAX, UINT64_MAX - (UINT64_C(1) << 50),
                                      UINT64_C(1) << 63};
    static const unsigned tick_bits[] = {0, 1, 3, 6, 9, 20, 21, 40};
    uint64_t stream = 100;
    for (uint64_t round = 0; round < test_rounds(1); round++) {
        for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
            for (size_t j = 0; j < sizeof(tick_bits) / sizeof(tick_bits[0]); j++) {
                uint64_t tick_ns = UINT64_C(1) << tick_bits[j];
                behave_like_the_model(stream++, starts[i], tick_ns, false);
                behave_like_the_model(stream++, starts[i], tick_ns, j % 3 == i % 3);
            }
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wheel_equals_the_list_of_its_timers),
    };
    return TEST_RUN("wheel_model", tests);
}
