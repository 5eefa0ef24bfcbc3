/*
 * Many threads record and forget, and others free what they recorded, while profiles are written:
 * what is read in between fits together, and at the end nothing is lost.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "fixture.h"

#define THREAD_COUNT 4
#define STEP_COUNT   20000
#define OWN_MAX      64
#define PATH_COUNT   300

struct shared {
    struct profile *profile;
    _Atomic uint64_t handed_over[256]; /* index plus one, of a sample that any thread may free */
    _Atomic uint64_t alloc_bytes;
    _Atomic uint64_t freed_bytes;
    _Atomic uint64_t dropped;
    _Atomic uint32_t running;
};

struct worker {
    pthread_t thread;
    struct shared *shared;
    struct test_random random;
    uint32_t number;
};

/* From its address all else of an allocation follows, so that a mixture is noticed. */
static uint64_t size_of(uint64_t address)
{
    return address % 1000 + 1;
}

static uint64_t path_of(uint64_t address)
{
    return address / 1000 % PATH_COUNT;
}

static void forget(struct shared *shared, uint32_t index, uint64_t address)
{
    assert_int_equal(profile_forget(shared->profile, index, address), 0);
    atomic_fetch_add(&shared->freed_bytes, size_of(address));
}

/* Leave a sample for another thread, and free the one that was left there before. */
static void exchange(struct worker *worker, uint32_t index)
{
    struct shared *shared = worker->shared;
    struct profile_sample sample;
    uint64_t at = test_random_below(&worker->random, 256);
    uint64_t found = atomic_exchange(&shared->handed_over[at], index + UINT64_C(1));
    if (found != 0) {
        assert_true(profile_sample_at(shared->profile, (uint32_t)found - 1, &sample));
        forget(shared, (uint32_t)found - 1, sample.address);
    }
}

static void step(struct worker *worker, uint64_t step_number)
{
    struct shared *shared = worker->shared;
    uint64_t address = test_random_next(&worker->random) >> 8;
    uint32_t index = PROFILE_NONE;
    int err = record_at(shared->profile, address, size_of(address), path_of(address), step_number,
                        &index);
    atomic_fetch_add(&shared->alloc_bytes, size_of(address));
    if (err != 0) {
        assert_int_equal(err, -ENOBUFS);
        atomic_fetch_add(&shared->dropped, 1);
        atomic_fetch_add(&shared->freed_bytes, size_of(address));
    } else if (test_random_below(&worker->random, 2) == 0) {
        exchange(worker, index);
    } else {
        forget(shared, index, address);
        assert_int_equal(profile_forget(shared->profile, index, address), -ESTALE);
    }
}

static void *work(void *context)
{
    struct worker *worker = context;
    for (uint64_t i = 0; i < STEP_COUNT; i++) {
        step(worker, i);
    }
    atomic_fetch_sub(&worker->shared->running, 1);
    return NULL;
}

static void assert_samples_fit(const struct profile *profile)
{
    for (uint32_t index = 0; index < profile_sample_end(profile); index++) {
        struct profile_sample sample;
        const uint64_t *pcs = NULL;
        if (profile_sample_at(profile, index, &sample)) {
            assert_int_equal(sample.size_bytes, size_of(sample.address));
            assert_int_equal(profile_stack(profile, sample.stack, &pcs), 3);
            assert_int_equal(pcs[0], 0x1000 + path_of(sample.address));
        }
    }
}

static int drop(void *context, const char *bytes, size_t len)
{
    (void)context;
    (void)bytes;
    (void)len;
    return 0;
}

static void write_once(struct fixture *fixture, bool ages)
{
    struct profile_write_options options = {.ages = ages, .now_ns = STEP_COUNT};
    char stage[512];
    struct sink sink;
    sink_init(&sink, drop, NULL, stage, sizeof(stage));
    assert_int_equal(profile_write(fixture->profile, &options, fixture->scratch, &sink), 0);
    struct profile_stats stats = stats_of(fixture->profile);
    assert_true(stats.inuse_bytes <= stats.alloc_bytes);
    assert_samples_fit(fixture->profile);
}

static void run_workers(struct fixture *fixture, struct shared *shared)
{
    struct worker workers[THREAD_COUNT];
    atomic_store(&shared->running, THREAD_COUNT);
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        workers[i] =
            (struct worker){.shared = shared, .number = i, .random = test_random_start(i + 1)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (bool ages = false; atomic_load(&shared->running) > 0; ages = !ages) {
        write_once(fixture, ages);
    }
    for (uint32_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    }
}

static void free_the_rest(struct shared *shared)
{
    for (size_t i = 0; i < 256; i++) {
        struct profile_sample sample;
        uint64_t left = atomic_load(&shared->handed_over[i]);
        if (left != 0) {
            assert_true(profile_sample_at(shared->profile, (uint32_t)left - 1, &sample));
            forget(shared, (uint32_t)left - 1, sample.address);
        }
    }
}

static void threads_lose_nothing(const struct profile_options *options, bool may_drop)
{
    struct fixture fixture = fixture_of(options);
    struct shared *shared = zeroed(sizeof(*shared));
    shared->profile = fixture.profile;
    run_workers(&fixture, shared);
    struct profile_stats stats = stats_of(fixture.profile);
    assert_int_equal(stats.alloc_bytes, atomic_load(&shared->alloc_bytes));
    assert_int_equal(stats.alloc_bytes - stats.inuse_bytes, atomic_load(&shared->freed_bytes));
    assert_int_equal(stats.samples_recorded, THREAD_COUNT * STEP_COUNT);
    assert_int_equal(stats.samples_dropped, atomic_load(&shared->dropped));
    assert_true(may_drop || stats.samples_dropped == 0);
    assert_int_equal(stats.stack_count, PATH_COUNT);
    free_the_rest(shared);
    stats = stats_of(fixture.profile);
    assert_int_equal(stats.inuse_bytes, 0);
    assert_int_equal(stats.inuse_objects, 0);
    assert_int_equal(stats.samples_live, 0);
    for (uint32_t i = 0; i < options->samples_max; i++) {
        uint32_t index = PROFILE_NONE;
        assert_int_equal(record_at(fixture.profile, i, 1, 0, 0, &index), 0);
    }
    free(shared);
    fixture_end(&fixture);
}

/* A record that lost a race for its slot is given back or left unused, so there is more room. */
static const struct profile_options roomy = {
    .rate_bytes = 1,
    .samples_per_second_max = 1000000,
    .samples_max = 256 + OWN_MAX * THREAD_COUNT,
    .stacks_max = 2 * PATH_COUNT,
    .pcs_max = 2 * PATH_COUNT * 3,
};

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    threads_lose_nothing(&roomy, false);
}

static void a_full_table_loses_nothing_between_threads(void **state)
{
    (void)state;
    struct profile_options options = roomy;
    options.samples_max = 40;
    threads_lose_nothing(&options, true);
}

struct race {
    pthread_t thread;
    struct profile *profile;
    pthread_barrier_t *barrier;
};

static void *add_all_paths(void *context)
{
    struct race *race = context;
    uint32_t index = PROFILE_NONE;
    for (uint64_t path = 0; path < PATH_COUNT; path++) {
        (void)pthread_barrier_wait(race->barrier);
        assert_int_equal(record_at(race->profile, path, 1, path, 0, &index), 0);
    }
    return NULL;
}

static void a_stack_that_all_add_at_once_is_there_once(void **state)
{
    (void)state;
    struct profile_options options = roomy;
    options.samples_max = THREAD_COUNT * PATH_COUNT;
    options.stacks_max = THREAD_COUNT * PATH_COUNT;
    options.pcs_max = THREAD_COUNT * PATH_COUNT * 3;
    struct fixture fixture = fixture_of(&options);
    struct race races[THREAD_COUNT];
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREAD_COUNT), 0);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        races[i] = (struct race){.profile = fixture.profile, .barrier = &barrier};
        assert_int_equal(pthread_create(&races[i].thread, NULL, add_all_paths, &races[i]), 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(races[i].thread, NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
    struct profile_stats stats = stats_of(fixture.profile);
    assert_int_equal(stats.stack_count, PATH_COUNT);
    assert_int_equal(stats.inuse_bytes, THREAD_COUNT * PATH_COUNT);
    fixture_end(&fixture);
}

static struct profile *interrupted;
static _Atomic uint64_t handled;

/* Whatever the thread was doing. */
static void record_and_forget(int signal_number)
{
    (void)signal_number;
    uint64_t address = UINT64_C(1) << 60 | atomic_fetch_add(&handled, 1);
    uint32_t index = PROFILE_NONE;
    if (record_at(interrupted, address, 3, address % PATH_COUNT, 0, &index) == 0) {
        assert_int_equal(profile_forget(interrupted, index, address), 0);
    }
}

static void a_signal_handler_may_record_in_the_midst(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&roomy);
    struct shared *shared = zeroed(sizeof(*shared));
    struct worker worker = {.shared = shared, .random = test_random_start(9)};
    struct sigaction action = {.sa_handler = record_and_forget};
    interrupted = fixture.profile;
    shared->profile = fixture.profile;
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    atomic_store(&shared->running, 1);
    assert_int_equal(pthread_create(&worker.thread, NULL, work, &worker), 0);
    while (atomic_load(&shared->running) > 0) {
        assert_int_equal(pthread_kill(worker.thread, SIGUSR1), 0); /* not joined: still there */
        write_once(&fixture, false);
    }
    assert_int_equal(pthread_join(worker.thread, NULL), 0);
    struct profile_stats stats = stats_of(fixture.profile);
    assert_int_equal(stats.alloc_bytes,
                     atomic_load(&shared->alloc_bytes) + 3 * atomic_load(&handled));
    free_the_rest(shared);
    assert_int_equal(stats_of(fixture.profile).inuse_bytes, 0);
    assert_int_equal(stats_of(fixture.profile).samples_live, 0);
    free(shared);
    fixture_end(&fixture);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(a_full_table_loses_nothing_between_threads),
        cmocka_unit_test(a_stack_that_all_add_at_once_is_there_once),
        cmocka_unit_test(a_signal_handler_may_record_in_the_midst),
    };
    return TEST_RUN("profile threads", tests);
}
