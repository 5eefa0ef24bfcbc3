/* The model of profiles that were read. */
#include "profile/model.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model_validate.h"

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)16 << 20)

static uint32_t string_of(struct model *model, const char *text)
{
    uint32_t id = UINT32_MAX;
    assert_int_equal(model_string(model, (struct slu_bytes){text, strlen(text)}, &id), 0);
    return id;
}

static void equal_things_are_one(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(string_of(model, ""), 0);
    uint32_t name = string_of(model, "main");
    assert_int_equal(string_of(model, "main"), name);
    assert_int_not_equal(string_of(model, "main2"), name);
    struct model_function function = {.name = name, .start_line = 3};
    uint32_t first = 0;
    uint32_t second = 0;
    assert_int_equal(model_function(model, &function, &first), 0);
    assert_int_equal(model_function(model, &function, &second), 0);
    assert_int_equal(first, second);
    function.start_line = 4;
    assert_int_equal(model_function(model, &function, &second), 0);
    assert_int_not_equal(first, second);
    struct model_line lines[] = {{first, 1}, {second, 2}};
    uint32_t one = 0;
    uint32_t two = 0;
    uint32_t same = 0;
    assert_int_equal(model_location(model, 5, MODEL_NONE, lines, 2, &two), 0);
    assert_int_equal(model_location(model, 5, MODEL_NONE, lines, 1, &one), 0);
    assert_int_equal(model_location(model, 5, MODEL_NONE, lines, 2, &same), 0);
    assert_int_not_equal(one, two);
    assert_int_equal(two, same);
    model_validate(model);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void mappings_of_one_file_are_one_wherever_they_begin(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    uint32_t first = 0;
    uint32_t second = 0;
    assert_int_equal(model_create(budget, &model), 0);
    struct model_mapping mapping = {
        .start = 0x1000, .limit = 0x3000, .file_offset = 16, .file = string_of(model, "/bin/a")};
    assert_int_equal(model_mapping(model, &mapping, &first), 0);
    mapping.start += 0x7000;
    mapping.limit += 0x7000;
    assert_int_equal(model_mapping(model, &mapping, &second), 0);
    assert_int_equal(first, second);
    mapping.file_offset = 32;
    assert_int_equal(model_mapping(model, &mapping, &second), 0);
    assert_int_not_equal(first, second);
    mapping.build_id = string_of(model, "abcd");
    assert_int_equal(model_mapping(model, &mapping, &first), 0);
    mapping.file = string_of(model, "/elsewhere/a");
    assert_int_equal(model_mapping(model, &mapping, &second), 0);
    assert_int_equal(first, second);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void what_is_longer_than_a_chunk_is_refused(void **state)
{
    (void)state;
    static char text[MODEL_STRING_BYTES_MAX + 1];
    static uint32_t stack[MODEL_STACK_MAX + 1];
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    uint32_t id = 0;
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(model_location(model, 1, MODEL_NONE, NULL, 0, &stack[0]), 0);
    assert_int_equal(model_string(model, (struct slu_bytes){text, sizeof(text)}, &id), -EOVERFLOW);
    assert_int_equal(model_string(model, (struct slu_bytes){text, sizeof(text) - 1}, &id), 0);
    assert_int_equal(model_text(model, id).len, MODEL_STRING_BYTES_MAX);
    assert_int_equal(model_stack(model, stack, MODEL_STACK_MAX + 1, &id), -EOVERFLOW);
    assert_int_equal(model_stack(model, stack, MODEL_STACK_MAX, &id), 0);
    model_validate(model);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

/* A profile of three samples; the first error. */
static int model_fill(struct model *model)
{
    const struct model_profile profile = {.default_type = MODEL_NONE};
    const int64_t values[] = {1, 100};
    uint32_t stack = 0;
    uint32_t location = 0;
    int err = model_string(model, (struct slu_bytes){"count", 5}, &model->types[0].type);
    model->type_count = err == 0 ? 2 : 0;
    if (err == 0) {
        err = model_profile_add(model, &profile);
    }
    for (uint64_t i = 0; i < 3000 && err == 0; i++) {
        err = model_location(model, i, MODEL_NONE, NULL, 0, &location);
        if (err == 0) {
            err = model_stack(model, &location, 1, &stack);
        }
        if (err == 0) {
            err = model_sample_add(model, stack, 0, values);
        }
    }
    return err;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int64_t live = alloc_live_count();
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct model *model = NULL;
        alloc_fault_at(nth);
        err = model_create(budget, &model);
        if (err == 0) {
            err = model_fill(model);
            model_validate(model);
            model_destroy(&model);
        }
        assert_true(err == 0 ? !alloc_fault_hit() : err == -ENOMEM);
        alloc_fault_at(0);
        slu_budget_destroy(&budget);
        assert_int_equal(alloc_live_count(), live);
        assert_true(nth < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_things_are_one),
        cmocka_unit_test(mappings_of_one_file_are_one_wherever_they_begin),
        cmocka_unit_test(what_is_longer_than_a_chunk_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return TEST_RUN("stored_profile", tests);
}
