#include <sluice/pulse.h>

#include <errno.h>
#include <stdlib.h>

#include "wheel_fixture.h"

#define TICK (UINT64_C(1) << 20)

struct patient {
    struct slu_pulse pulse;
    uint64_t last_beat_ns;
    uint64_t timeout_ns;
    uint64_t silences;
    uint64_t silent_ns; /* when the last silence was told */
    bool revived;       /* on silence */
};

static void tell_silence(struct slu_wheel *wheel, struct slu_pulse *pulse, uint64_t now_ns,
                         void *arg)
{
    struct patient *patient = arg;
    assert_ptr_equal(pulse, &patient->pulse);
    patient->silences++;
    patient->silent_ns = now_ns;
    if (patient->revived) {
        patient->last_beat_ns = now_ns;
        assert_int_equal(slu_pulse_restart(pulse, wheel, now_ns, patient->timeout_ns), 0);
    }
}

static void pulse_begin(struct patient *patient, struct slu_wheel *wheel, uint64_t now_ns,
                        uint64_t timeout_ns)
{
    patient->timeout_ns = timeout_ns;
    patient->last_beat_ns = now_ns;
    assert_int_equal(
        slu_pulse_start(&patient->pulse, wheel, now_ns, timeout_ns, tell_silence, patient), 0);
}

static void silence_is_told_within_one_tick_of_the_time_out(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 4);
    struct patient patient = {0};
    pulse_begin(&patient, wheel, 0, 300 * SECOND);
    uint64_t allocations = alloc_count();
    uint64_t now_ns = 0;
    for (int beat = 0; beat < 1000; beat++) {
        now_ns += 5 * SECOND + 17;
        slu_pulse_beat(&patient.pulse, now_ns);
        assert_false(slu_wheel_advance(wheel, now_ns, UINT32_MAX));
    }
    struct slu_wheel_stats stats;
    slu_wheel_stats(wheel, &stats);
    assert_int_equal(stats.timer_high, 1);
    assert_in_range(stats.run_count, 1000 * 5 / 300, 1000 * 5 / 295 + 1);
    assert_false(slu_wheel_advance(wheel, now_ns + 300 * SECOND - 1, UINT32_MAX));
    assert_int_equal(patient.silences, 0);
    assert_false(slu_wheel_advance(wheel, now_ns + 300 * SECOND + TICK - 1, UINT32_MAX));
    assert_int_equal(patient.silences, 1);
    assert_int_equal(alloc_count(), allocations);
    assert_int_equal(slu_wheel_next_ns(wheel), SLU_WHEEL_NEVER);
    assert_int_equal(slu_pulse_stop(&patient.pulse, wheel), -ESTALE);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_pulse_is_refused_or_changed_as_its_header_says(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 1);
    struct patient patient = {0};
    struct patient other = {0};
    struct slu_pulse *pulse = &patient.pulse;
    assert_int_equal(slu_pulse_start(pulse, wheel, 0, 0, tell_silence, NULL), -EINVAL);
    assert_int_equal(slu_pulse_start(pulse, wheel, 0, 1, NULL, NULL), -EINVAL);
    assert_int_equal(slu_pulse_stop(pulse, wheel), -ESTALE);
    assert_int_equal(slu_pulse_restart(pulse, wheel, 0, 1), -ESTALE);
    slu_pulse_beat(pulse, 77); /* not running: nothing comes of it */
    pulse_begin(&patient, wheel, 0, SECOND);
    assert_int_equal(slu_pulse_start(pulse, wheel, 0, 1, tell_silence, NULL), -EALREADY);
    assert_int_equal(slu_pulse_start(&other.pulse, wheel, 0, 1, tell_silence, NULL), -EDQUOT);
    assert_int_equal(other.pulse.timer, 0);
    assert_int_equal(slu_pulse_restart(pulse, wheel, 0, 0), -EINVAL);
    assert_int_equal(slu_pulse_stop(pulse, wheel), 0);
    assert_int_equal(slu_pulse_stop(pulse, wheel), -ESTALE);
    assert_false(slu_wheel_advance(wheel, 2 * SECOND, UINT32_MAX));
    assert_int_equal(patient.silences, 0);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_time_out_can_be_made_shorter_and_longer(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 1);
    struct patient patient = {0};
    pulse_begin(&patient, wheel, 0, 60 * SECOND);
    assert_int_equal(slu_pulse_restart(&patient.pulse, wheel, SECOND, 5 * SECOND), 0);
    assert_false(slu_wheel_advance(wheel, 6 * SECOND - 1, UINT32_MAX));
    assert_int_equal(patient.silences, 0);
    assert_int_equal(slu_pulse_restart(&patient.pulse, wheel, 6 * SECOND, 100 * SECOND), 0);
    assert_false(slu_wheel_advance(wheel, 106 * SECOND - 1, UINT32_MAX));
    assert_int_equal(patient.silences, 0);
    assert_false(slu_wheel_advance(wheel, 106 * SECOND + TICK, UINT32_MAX));
    assert_int_equal(patient.silences, 1);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_callback_may_let_the_pulse_go_on(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 1);
    struct patient patient = {.revived = true};
    pulse_begin(&patient, wheel, 0, SECOND);
    for (uint64_t n = 1; n <= 10; n++) {
        assert_false(slu_wheel_advance(wheel, n * (SECOND + TICK), UINT32_MAX));
        assert_int_equal(patient.silences, n);
    }
    assert_int_equal(slu_pulse_stop(&patient.pulse, wheel), 0);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

/* What has the pulse is freed by its callback, as a connection would be. */
static void free_patient(struct slu_wheel *wheel, struct slu_pulse *pulse, uint64_t now_ns,
                         void *arg)
{
    (void)wheel;
    (void)now_ns;
    (void)pulse;
    free(arg);
}

static void a_callback_may_free_what_has_the_pulse(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 1);
    struct patient *patient = calloc(1, sizeof(*patient));
    assert_non_null(patient);
    int err = slu_pulse_start(&patient->pulse, wheel, 0, SECOND, free_patient, patient);
    assert_int_equal(err, 0);
    assert_false(slu_wheel_advance(wheel, 2 * SECOND, UINT32_MAX));
    struct slu_wheel_stats stats;
    slu_wheel_stats(wheel, &stats);
    assert_int_equal(stats.timer_count, 0);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void an_ended_pulse_starts_on_another_wheel(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *first = wheel_of(budget, 0, TICK, 1);
    struct slu_wheel *second = wheel_of(budget, 0, TICK, 2);
    uint64_t runs = 0;
    struct patient patient = {0};
    pulse_begin(&patient, first, 0, SECOND);
    assert_false(slu_wheel_advance(first, 2 * SECOND, UINT32_MAX));
    assert_int_equal(patient.silences, 1);
    slu_timer_id stranger = timer_of(second, 0, SECOND, &runs);
    patient.pulse.timer = stranger; /* as handles of two wheels may be equal */
    assert_int_equal(slu_pulse_stop(&patient.pulse, second), -ESTALE);
    pulse_begin(&patient, second, 0, SECOND);
    assert_false(slu_wheel_advance(second, 2 * SECOND, UINT32_MAX));
    assert_int_equal(runs, 1);
    assert_int_equal(patient.silences, 2);
    slu_wheel_destroy(&first);
    slu_wheel_destroy(&second);
    slu_budget_destroy(&budget);
}

#define PATIENTS 200

/* Advanced tick by tick, so that each silence must be told in its own tick. */
static void pulses_equal_the_list_of_their_last_beats(void **state)
{
    (void)state;
    static struct patient patients[PATIENTS];
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t start_ns = UINT64_MAX - 500 * TICK; /* which passes 0 on the way */
    struct slu_wheel *wheel = wheel_of(budget, start_ns, TICK, PATIENTS);
    for (size_t i = 0; i < PATIENTS; i++) {
        patients[i] = (struct patient){.revived = true};
        pulse_begin(&patients[i], wheel, start_ns, (1 + test_random_below(&random, 300)) * TICK);
    }
    for (uint64_t step = 1; step < 2000 * test_rounds(1); step++) {
        uint64_t now_ns = start_ns + step * TICK;
        for (int n = 0; n < 20; n++) {
            struct patient *patient = &patients[test_random_below(&random, PATIENTS)];
            uint64_t beat_ns = now_ns - test_random_below(&random, TICK);
            slu_pulse_beat(&patient->pulse, beat_ns);
            patient->last_beat_ns = beat_ns;
        }
        uint64_t told_before[PATIENTS];
        uint64_t due_ns[PATIENTS];
        for (size_t i = 0; i < PATIENTS; i++) {
            told_before[i] = patients[i].silences;
            due_ns[i] = patients[i].last_beat_ns + patients[i].timeout_ns;
        }
        assert_false(slu_wheel_advance(wheel, now_ns, UINT32_MAX));
        for (size_t i = 0; i < PATIENTS; i++) {
            uint64_t told = patients[i].silences - told_before[i];
            bool must = (int64_t)((now_ns & ~(TICK - 1)) - due_ns[i]) >= 0;
            bool may = (int64_t)(now_ns - due_ns[i]) >= 0;
            assert_in_range(told, must, may);
        }
    }
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

#define CONNECTIONS  10000
#define BEAT_SECONDS 5
#define TIMEOUT      300

/* What services write first: a timer at every beat, which does nothing if a later beat came. */
static uint64_t timers_at_each_beat(uint64_t *bytes)
{
    struct slu_budget *budget = budget_of(UINT64_C(1) << 30);
    uint64_t before = budget_used(budget);
    struct slu_wheel *wheel =
        wheel_of(budget, 0, SECOND, CONNECTIONS * (TIMEOUT / BEAT_SECONDS + 1));
    *bytes = budget_used(budget) - before;
    uint64_t runs = 0;
    for (uint64_t second = 0; second < 2 * TIMEOUT; second++) {
        (void)slu_wheel_advance(wheel, second * SECOND, UINT32_MAX);
        for (uint64_t i = second % BEAT_SECONDS; i < CONNECTIONS; i += BEAT_SECONDS) {
            (void)timer_of(wheel, second * SECOND, TIMEOUT * SECOND, &runs);
        }
    }
    uint64_t end_ns = (2 * TIMEOUT - 1) * SECOND + slu_wheel_tick_ns(wheel);
    assert_false(slu_wheel_advance(wheel, end_ns, UINT32_MAX));
    struct slu_wheel_stats stats;
    slu_wheel_stats(wheel, &stats);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
    return stats.timer_count;
}

static uint64_t timers_with_pulses(uint64_t *bytes)
{
    struct slu_budget *budget = budget_of(UINT64_C(1) << 30);
    uint64_t before = budget_used(budget);
    struct slu_wheel *wheel = wheel_of(budget, 0, SECOND, CONNECTIONS);
    *bytes = budget_used(budget) - before + CONNECTIONS * sizeof(struct slu_pulse);
    static struct patient patients[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++) {
        patients[i] = (struct patient){0};
        pulse_begin(&patients[i], wheel, 0, TIMEOUT * SECOND);
    }
    for (uint64_t second = 0; second < 2 * TIMEOUT; second++) {
        assert_false(slu_wheel_advance(wheel, second * SECOND, UINT32_MAX));
        for (uint64_t i = second % BEAT_SECONDS; i < CONNECTIONS; i += BEAT_SECONDS) {
            slu_pulse_beat(&patients[i].pulse, second * SECOND);
        }
    }
    struct slu_wheel_stats stats;
    slu_wheel_stats(wheel, &stats);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
    return stats.timer_high;
}

static void a_pulse_is_one_timer_where_a_timer_a_beat_is_sixty(void **state)
{
    (void)state;
    uint64_t naive_bytes = 0;
    uint64_t pulse_bytes = 0;
    assert_int_equal(timers_at_each_beat(&naive_bytes), 600000);
    assert_int_equal(timers_with_pulses(&pulse_bytes), 10000);
    assert_true(naive_bytes >= 30 * pulse_bytes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_told_within_one_tick_of_the_time_out),
        cmocka_unit_test(a_pulse_is_refused_or_changed_as_its_header_says),
        cmocka_unit_test(a_time_out_can_be_made_shorter_and_longer),
        cmocka_unit_test(a_callback_may_let_the_pulse_go_on),
        cmocka_unit_test(a_callback_may_free_what_has_the_pulse),
        cmocka_unit_test(an_ended_pulse_starts_on_another_wheel),
        cmocka_unit_test(pulses_equal_the_list_of_their_last_beats),
        cmocka_unit_test(a_pulse_is_one_timer_where_a_timer_a_beat_is_sixty),
    };
    return TEST_RUN("pulse", tests);
}
