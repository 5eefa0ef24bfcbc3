/*
 * Profiles merged beside an array of sums by stack and label, and the merged one written as pprof
 * and read again.
 */
#include "profile/model_join.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "base/sink.h"
#include "profile/model_pprof.h"
#include "profile/model_validate.h"

#include "budget.h"
#include "harness.h"
#include "read_profile.h"

#define BUDGET_BYTES ((uint64_t)32 << 20)
#define STACKS       40
#define LABELS       3
#define PROFILES     6
#define PROFILE_MAX  ((size_t)1 << 18)

struct sums {
    int64_t values[STACKS][LABELS][2];
};

static uint32_t string_of(struct model *model, const char *text)
{
    uint32_t id = UINT32_MAX;
    assert_int_equal(model_string(model, (struct slu_bytes){text, strlen(text)}, &id), 0);
    return id;
}

static uint32_t stack_of(struct model *model, uint32_t number)
{
    struct model_mapping mapping = {
        .start = 0x1000, .limit = 0x9000, .file = string_of(model, "/bin/service")};
    struct model_function function = {.name = string_of(model, number % 2 == 0 ? "even" : "odd"),
                                      .file = string_of(model, "a.c"),
                                      .start_line = 3};
    uint32_t mapping_id = 0;
    uint32_t function_id = 0;
    uint32_t locations[2];
    uint32_t stack = 0;
    assert_int_equal(model_mapping(model, &mapping, &mapping_id), 0);
    assert_int_equal(model_function(model, &function, &function_id), 0);
    struct model_line line = {function_id, 10 + number};
    assert_int_equal(model_location(model, 0x1000 + number, mapping_id, &line, 1, &locations[0]),
                     0);
    assert_int_equal(model_location(model, 0x8000, MODEL_NONE, NULL, 0, &locations[1]), 0);
    assert_int_equal(model_stack(model, locations, 1 + number % 2, &stack), 0);
    return stack;
}

static uint32_t labels_of(struct model *model, uint32_t number)
{
    struct model_label label = {.key = string_of(model, "bytes"),
                                .unit = string_of(model, "bytes"),
                                .is_number = 1,
                                .number = 64 * (int64_t)number};
    uint32_t set = 0;
    if (number > 0) {
        assert_int_equal(model_labels(model, &label, 1, &set), 0);
    }
    return set;
}

static void profile_add(struct model *model, struct test_random *random, int64_t time_ns,
                        struct sums *sums)
{
    struct model_profile profile = {
        .time_ns = time_ns, .duration_ns = 5, .period = 512, .default_type = 1};
    assert_int_equal(model_profile_add(model, &profile), 0);
    for (uint64_t i = test_random_below(random, 100); i > 0; i--) {
        uint32_t stack = (uint32_t)test_random_below(random, STACKS);
        uint32_t label = (uint32_t)test_random_below(random, LABELS);
        int64_t values[2] = {1, (int64_t)test_random_below(random, 1000) - 10};
        assert_int_equal(
            model_sample_add(model, stack_of(model, stack), labels_of(model, label), values), 0);
        sums->values[stack][label][0] += values[0];
        sums->values[stack][label][1] += values[1];
    }
}

static struct model *model_of(struct slu_budget *budget)
{
    struct model *model = NULL;
    assert_int_equal(model_create(budget, &model), 0);
    model->types[0] = (struct model_type){string_of(model, "objects"), string_of(model, "count")};
    model->types[1] = (struct model_type){string_of(model, "space"), string_of(model, "bytes")};
    model->type_count = 2;
    return model;
}

/* Each pair once, with its sums; those that are not there have none. */
static void sums_check(struct model *model, uint32_t profile, const struct sums *sums)
{
    static bool seen[STACKS][LABELS];
    const struct model_profile *joined = model_profile_at(model, profile);
    uint32_t expected = 0;
    uint32_t found = 0;
    memset(seen, 0, sizeof(seen));
    for (uint32_t stack = 0; stack < STACKS; stack++) {
        for (uint32_t label = 0; label < LABELS; label++) {
            expected += sums->values[stack][label][0] > 0;
            for (uint32_t i = 0; i < joined->sample_count; i++) {
                uint32_t number = joined->sample_first + i;
                const struct model_sample *sample = column_at(&model->samples, number);
                if (sample->stack == stack_of(model, stack) &&
                    sample->labels == labels_of(model, label)) {
                    assert_false(seen[stack][label]);
                    seen[stack][label] = true;
                    found++;
                    assert_int_equal(model_value(model, 0, number), sums->values[stack][label][0]);
                    assert_int_equal(model_value(model, 1, number), sums->values[stack][label][1]);
                }
            }
        }
    }
    assert_int_equal(found, expected);
    assert_int_equal(joined->sample_count, expected);
}

static void joined_profiles_are_the_sums_by_stack_and_label(void **state)
{
    struct test_random random = test_random_start(1);
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct model *model = model_of(budget);
        struct sums base = {0};
        struct sums sums = {0};
        profile_add(model, &random, 3, &base);
        assert_int_equal(model_join(model, 0), 0);
        for (int i = 0; i < PROFILES; i++) {
            profile_add(model, &random, (int64_t)test_random_below(&random, 1000), &sums);
            /* Now and then, or all at the end. */
            if (round % 2 == 0) {
                assert_int_equal(model_join(model, 1), 0);
            }
        }
        assert_int_equal(model_join(model, 1), 0);
        assert_int_equal(model->profiles.count, 2);
        assert_int_equal(model_profile_at(model, 1)->duration_ns, 5 * PROFILES);
        model_validate(model);
        sums_check(model, 0, &base);
        sums_check(model, 1, &sums);
        model_destroy(&model);
        slu_budget_destroy(&budget);
    }
}

static void the_newest_time_is_kept_and_sums_saturate(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = model_of(budget);
    const int64_t times[] = {20, 90, 30};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct model_profile profile = {.time_ns = times[i], .default_type = MODEL_NONE};
        int64_t values[2] = {INT64_MAX - 1, INT64_MIN + 1};
        assert_int_equal(model_profile_add(model, &profile), 0);
        assert_int_equal(model_sample_add(model, stack_of(model, 1), 0, values), 0);
    }
    assert_int_equal(model_join(model, 3), -EINVAL);
    assert_int_equal(model_join(model, 0), 0);
    assert_int_equal(model_profile_at(model, 0)->time_ns, 90);
    assert_int_equal(model_value(model, 0, 0), INT64_MAX);
    assert_int_equal(model_value(model, 1, 0), INT64_MIN);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void what_is_written_as_pprof_reads_back(void **state)
{
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = model_of(budget);
    struct model *back = NULL;
    struct sums sums = {0};
    static char bytes[PROFILE_MAX];
    struct sink sink;
    (void)state;
    for (int i = 0; i < PROFILES; i++) {
        profile_add(model, &random, 10 + i, &sums);
    }
    assert_int_equal(model_join(model, 0), 0);
    sink_init_fixed(&sink, bytes, sizeof(bytes));
    assert_int_equal(model_pprof_write(model, 0, &sink), 0);
    assert_int_equal(sink_end(&sink), 0);
    assert_int_equal(model_create(budget, &back), 0);
    assert_int_equal(read_profile(back, bytes, sink.len, 0, NULL), 0);
    model_validate(back);
    assert_int_equal(model_profile_at(back, 0)->time_ns, 10 + PROFILES - 1);
    assert_int_equal(model_profile_at(back, 0)->period, 512);
    assert_int_equal(model_profile_at(back, 0)->default_type, 1);
    sums_check(back, 0, &sums);
    model_destroy(&model);
    model_destroy(&back);
    slu_budget_destroy(&budget);
}

static void a_budget_without_room_changes_nothing(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct test_random random = test_random_start(3);
    struct model *model = model_of(budget);
    struct sums sums = {0};
    struct sink sink;
    char bytes[64];
    (void)state;
    profile_add(model, &random, 1, &sums);
    profile_add(model, &random, 2, &sums);
    uint32_t samples = model->samples.count;
    alloc_fault_at(1);
    assert_int_equal(model_join(model, 0), -ENOMEM);
    assert_int_equal(model->profiles.count, 2);
    assert_int_equal(model->samples.count, samples);
    sink_init_fixed(&sink, bytes, sizeof(bytes));
    alloc_fault_at(1);
    assert_int_equal(model_pprof_write(model, 0, &sink), -ENOMEM);
    alloc_fault_at(0);
    assert_int_equal(sink.len, 0);
    assert_int_equal(model_join(model, 0), 0);
    sums_check(model, 0, &sums);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_profiles_are_the_sums_by_stack_and_label),
        cmocka_unit_test(the_newest_time_is_kept_and_sums_saturate),
        cmocka_unit_test(what_is_written_as_pprof_reads_back),
        cmocka_unit_test(a_budget_without_room_changes_nothing),
    };
    return TEST_RUN("model_join", tests);
}
