/*
 * The profile beside a model too simple to be wrong: all allocations in one array, counted anew
 * for each question. Time stands still, jumps and goes back.
 */
#include <errno.h>
#include <stdio.h>

#include "fixture.h"

#define LIVE_MAX   24
#define STACKS_MAX 6
#define PCS_MAX    40
#define PATHS      10
#define RATE       1000

struct model_sample {
    uint64_t address;
    uint64_t size_bytes;
    uint64_t birth_ns;
    uint32_t index;
    uint32_t path; /* PATHS: the stack had no room */
};

struct model {
    struct model_sample live[LIVE_MAX];
    uint32_t live_count;
    bool path_known[PATHS + 1];
    struct profile_values_model {
        uint64_t alloc_objects;
        uint64_t alloc_bytes;
        uint64_t inuse_objects;
        uint64_t inuse_bytes;
    } paths[PATHS + 1];
    uint32_t stack_count;
    uint32_t pcs_used;
    uint64_t dropped;
};

/* Deeper for each path, so that both the stacks and their frames run out, in one order or other. */
static uint32_t frames_of(uint32_t path, uint64_t pcs[PATHS])
{
    for (uint32_t i = 0; i <= path; i++) {
        pcs[i] = 0x1000 * (path + 1) + i;
    }
    return path + 1;
}

static uint32_t model_path(struct model *model, uint32_t path)
{
    if (!model->path_known[path]) {
        if (model->stack_count == STACKS_MAX || model->pcs_used + path + 1 > PCS_MAX) {
            return PATHS;
        }
        model->path_known[path] = true;
        model->stack_count++;
        model->pcs_used += path + 1;
    }
    return path;
}

/* Counted in units of 2^-12. */
static uint64_t objects_of(uint64_t weight)
{
    return (weight + 8) / 16;
}

static void count(struct model *model, uint32_t path, uint64_t size_bytes, bool is_kept)
{
    uint64_t weight = sampling_weight(size_bytes, RATE);
    uint64_t bytes = sampling_weighted_bytes(size_bytes, weight);
    model->paths[path].alloc_objects += objects_of(weight);
    model->paths[path].alloc_bytes += bytes;
    if (is_kept) {
        model->paths[path].inuse_objects += objects_of(weight);
        model->paths[path].inuse_bytes += bytes;
    }
}

static void record(struct fixture *fixture, struct model *model, struct test_random *random,
                   uint64_t now_ns)
{
    uint64_t pcs[PATHS];
    uint32_t path = (uint32_t)test_random_below(random, PATHS);
    struct profile_allocation allocation = {
        .address = test_random_next(random),
        .size_bytes = test_random_below(random, 10 * RATE),
        .rate_bytes = RATE,
        .thread_id = 1,
        .frame_count = frames_of(path, pcs),
        .return_pcs = pcs,
    };
    uint32_t index = PROFILE_NONE;
    int err = profile_record(fixture->profile, &allocation, now_ns, &index);
    assert_int_equal(err, model->live_count < LIVE_MAX ? 0 : -ENOBUFS);
    uint32_t counted = model_path(model, path);
    count(model, counted, allocation.size_bytes, err == 0);
    if (err == 0) {
        model->live[model->live_count++] = (struct model_sample){
            allocation.address, allocation.size_bytes, now_ns, index, counted};
    } else {
        model->dropped++;
    }
}

static void forget(struct fixture *fixture, struct model *model, struct test_random *random)
{
    if (model->live_count == 0) {
        return;
    }
    uint32_t at = (uint32_t)test_random_below(random, model->live_count);
    struct model_sample gone = model->live[at];
    assert_int_equal(profile_forget(fixture->profile, gone.index, gone.address + 1), -ESTALE);
    assert_int_equal(profile_forget(fixture->profile, gone.index, gone.address), 0);
    assert_int_equal(profile_forget(fixture->profile, gone.index, gone.address), -ESTALE);
    model->live[at] = model->live[--model->live_count];
    uint64_t weight = sampling_weight(gone.size_bytes, RATE);
    model->paths[gone.path].inuse_objects -= objects_of(weight);
    model->paths[gone.path].inuse_bytes -= sampling_weighted_bytes(gone.size_bytes, weight);
}

static uint64_t whole(uint64_t objects)
{
    return (objects + 2048) / 4096;
}

static void assert_totals(const struct fixture *fixture, const struct model *model)
{
    struct profile_stats stats = stats_of(fixture->profile);
    struct profile_values_model sums = {0};
    for (uint32_t path = 0; path <= PATHS; path++) {
        sums.alloc_objects += model->paths[path].alloc_objects;
        sums.alloc_bytes += model->paths[path].alloc_bytes;
        sums.inuse_objects += model->paths[path].inuse_objects;
        sums.inuse_bytes += model->paths[path].inuse_bytes;
    }
    assert_int_equal(stats.alloc_objects, whole(sums.alloc_objects));
    assert_int_equal(stats.alloc_bytes, sums.alloc_bytes);
    assert_int_equal(stats.inuse_objects, whole(sums.inuse_objects));
    assert_int_equal(stats.inuse_bytes, sums.inuse_bytes);
    assert_int_equal(stats.samples_live, model->live_count);
    assert_int_equal(stats.samples_dropped, model->dropped);
    assert_int_equal(stats.stack_count, model->stack_count);
}

/* Each live sample is in the profile, and nothing else. */
static void assert_samples(const struct fixture *fixture, const struct model *model)
{
    uint32_t found_count = 0;
    for (uint32_t index = 0; index < profile_sample_end(fixture->profile); index++) {
        struct profile_sample sample;
        found_count += profile_sample_at(fixture->profile, index, &sample);
    }
    assert_int_equal(found_count, model->live_count);
    for (uint32_t i = 0; i < model->live_count; i++) {
        struct profile_sample sample;
        const struct model_sample *expected = &model->live[i];
        const uint64_t *pcs = NULL;
        uint64_t expected_pcs[PATHS];
        assert_true(profile_sample_at(fixture->profile, expected->index, &sample));
        assert_int_equal(sample.address, expected->address);
        assert_int_equal(sample.size_bytes, expected->size_bytes);
        assert_int_equal(sample.birth_ns, expected->birth_ns);
        uint32_t frame_count = profile_stack(fixture->profile, sample.stack, &pcs);
        if (expected->path == PATHS) {
            assert_int_equal(frame_count, 0);
        } else {
            assert_int_equal(frame_count, frames_of(expected->path, expected_pcs));
            assert_memory_equal(pcs, expected_pcs, frame_count * sizeof(pcs[0]));
        }
    }
}

/* The line that the text has for a path. */
static void assert_text(struct fixture *fixture, const struct model *model)
{
    const char *text = text_of(fixture, &(struct profile_write_options){0});
    for (uint32_t path = 0; path < PATHS; path++) {
        char line[160];
        const struct profile_values_model *values = &model->paths[path];
        uint64_t pcs[PATHS];
        (void)frames_of(path, pcs);
        int len = snprintf(line, sizeof(line), "\n%llu: %llu [%llu: %llu] @ 0x%llx",
                           (unsigned long long)whole(values->inuse_objects),
                           (unsigned long long)values->inuse_bytes,
                           (unsigned long long)whole(values->alloc_objects),
                           (unsigned long long)values->alloc_bytes, (unsigned long long)pcs[0] - 1);
        assert_true(len > 0 && (size_t)len < sizeof(line));
        bool is_told = strstr(text, line) != NULL;
        assert_int_equal(is_told, values->alloc_objects > 0);
    }
}

static uint64_t next_time(struct test_random *random, uint64_t now_ns)
{
    switch (test_random_below(random, 10)) {
    case 0:
        return now_ns - test_random_below(random, SECOND_NS); /* also below 0 */
    case 1:
        return test_random_next(random);
    case 2:
        return now_ns;
    default:
        return now_ns + test_random_below(random, SECOND_NS / 100);
    }
}

static void it_agrees_with_an_array_of_all_allocations(void **state)
{
    (void)state;
    struct profile_options options = {.rate_bytes = RATE,
                                      .samples_per_second_max = 50,
                                      .samples_max = LIVE_MAX,
                                      .stacks_max = STACKS_MAX,
                                      .pcs_max = PCS_MAX};
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        struct test_random random = test_random_start(round);
        struct fixture fixture = fixture_of(&options);
        struct model model = {0};
        uint64_t now_ns = SECOND_NS;
        for (int step = 0; step < 400; step++) {
            now_ns = next_time(&random, now_ns);
            /* Phases that fill and phases that empty. */
            if (test_random_below(&random, 100) < (step / 100 % 2 == 0 ? 65 : 35)) {
                record(&fixture, &model, &random, now_ns);
            } else {
                forget(&fixture, &model, &random);
            }
            assert_totals(&fixture, &model);
            assert_samples(&fixture, &model);
            assert_true(profile_rate(fixture.profile) >= RATE);
        }
        assert_text(&fixture, &model);
        fixture_end(&fixture);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_an_array_of_all_allocations),
    };
    return TEST_RUN("profile model", tests);
}
