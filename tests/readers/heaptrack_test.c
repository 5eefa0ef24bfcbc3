#include "readers/heaptrack_traces.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/bytes.h"
#include "profile/model_validate.h"
#include "readers/profile_reader.h"

#include "budget.h"
#include "harness.h"
#include "read_profile.h"

#define BUDGET_BYTES ((uint64_t)32 << 20)
#define TYPES        (2 * HEAPTRACK_VALUES)

static const char recording[] = "v 10400 3\n"
                                "X ./app -a\n"
                                "I 1000 5e298f\n"
                                "s 8 /bin/app\n"
                                "s 4 main\n"
                                "s 7 a b.cpp\n"
                                "s 4 leaf\n"
                                "s 4 fill\n"
                                "i 1000 1 2 3 7\n"
                                "t 1 0\n"
                                "i 2001 1 4 3 1f 5 3 20\n"
                                "t 2 1\n"
                                "a 64 2\n"
                                "+ 0\n"
                                "+ 0\n"
                                "i 3001 0\n"
                                "t 3 1\n"
                                "a 10 3\n"
                                "+ 1\n"
                                "c 5\n"
                                "R 3ae\n"
                                "- 0\n"
                                "- 0\n"
                                "+ 0\n"
                                "c 7\n"
                                "\n"
                                "# strings: 5\n";

static int read_alone(const char *bytes, size_t len, struct slu_diag *diag)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    assert_int_equal(model_create(budget, &model), 0);
    int err = read_profile(model, bytes, len, 0, diag);
    model_validate(model);
    model_destroy(&model);
    slu_budget_destroy(&budget);
    return err;
}

static void all_of_a_recording_is_there(void **state)
{
    (void)state;
    static const int64_t expected[2][TYPES] = {{3, 300, 1, 100, 2, 200}, {1, 16, 1, 16, 1, 16}};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    uint32_t count = 0;
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(read_profile(model, recording, sizeof(recording) - 1, 3, NULL), 0);
    model_validate(model);
    assert_int_equal(model->type_count, TYPES);
    assert_int_equal(model->samples.count, 2);
    for (uint32_t type = 0; type < TYPES; type++) {
        assert_int_equal(model_value(model, type, 0), expected[0][type]);
        assert_int_equal(model_value(model, type, 1), expected[1][type]);
    }
    const struct model_profile *profile = model_profile_at(model, 0);
    assert_int_equal(profile->default_type, model_type_find(model, "peak_space"));
    assert_int_equal(profile->duration_ns, 7000000);
    const struct model_sample *sample = column_at(&model->samples, 0);
    const uint32_t *stack = model_stack_at(model, sample->stack, &count);
    assert_int_equal(count, 2);
    const struct model_location *leaf = model_location_at(model, stack[0]);
    const struct model_line *lines = model_lines_of(model, leaf);
    assert_int_equal(leaf->address, 0x2001);
    assert_int_equal(leaf->line_count, 2);
    assert_int_equal(lines[1].line, 0x20);
    const struct model_function *function = model_function_at(model, lines[0].function);
    assert_true(bytes_equal(model_text(model, function->name), (struct slu_bytes){"leaf", 4}));
    assert_true(bytes_equal(model_text(model, function->file), (struct slu_bytes){"a b.cpp", 7}));
    const struct model_label *labels = model_labels_at(model, sample->labels, &count);
    assert_int_equal(count, 1);
    assert_int_equal(labels[0].number, 100);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"v 10400\n", "p: byte 0: a first line unlike 'v 10400 3'"},
        {"v 10400 4\n", "p: byte 0: format 4 of heaptrack, of which 1 to 3 are read"},
        {"v 1 0\n", "p: byte 0: format 0"},
        {"v 1 3\ns 5 main\n", "p: byte 6: a string that is not as long as it says"},
        {"v 1 3\ns ffffffffffffffff main\n", "p: byte 6: a string that is not as long"},
        {"v 1 3\ns main\n", "p: byte 6: a string without its length"},
        {"v 1 3\ns 9 ma\nin\n", "p: byte 6: a string that is not as long"},
        {"v 1 3\ns 4 ma\nin\n", "p: byte 6: a string that is not as long"},
        {"v 1 3\nX app\n", "p: byte 12: a command without an end"},
        {"v 1 3\ni 1\n", "p: byte 6: a line unlike 'i ADDRESS MODULE'"},
        {"v 1 3\ni 1 1\n", "p: byte 6: a place in a module that is not there"},
        {"v 1 3\ni 1 0 1\n", "p: byte 6: a place whose function, file or line is none"},
        {"v 1 3\ni 1 0 0 0\n", "p: byte 6: a place whose function, file or line is none"},
        {"v 1 3\ni 1 0 0 0 x\n", "p: byte 6: a place whose function, file or line is none"},
        {"v 1 3\ni 1 0 0 0 100000000\n", "p: byte 6: a place whose function, file or line"},
        {"v 1 3\nt 1 0\n", "p: byte 6: a trace of a place that is not there"},
        {"v 1 3\ni 1 0\nt 1 1\n", "p: byte 12: a trace whose caller is not there"},
        {"v 1 3\ni 1 0\nt 0 0\n", "p: byte 12: a trace of a place that is not there"},
        {"v 1 3\nt 1\n", "p: byte 6: a line unlike 't PLACE CALLER'"},
        {"v 1 3\na 1 1\n", "p: byte 6: an allocation whose trace is not there"},
        {"v 1 3\na 1\n", "p: byte 6: a line unlike 'a BYTES TRACE'"},
        {"v 1 3\n+ 0\n", "p: byte 6: a block of a kind that is not there"},
        {"v 1 3\na 1 0\n- 0\n", "p: byte 12: a block goes that has not come"},
        {"v 1 3\n+\n", "p: byte 6: a line unlike '+ KIND'"},
        {"v 1 3\na 8000000000000000 0\n+ 0\n", "p: byte 27: more than 8 EiB"},
        {"v 1 3\na 7fffffffffffffff 0\n+ 0\n- 0\n+ 0\n", "p: byte 35: more than 8 EiB"},
        {"v 1 3\nc ffffffffffffffff\n", "p: byte 6: a line unlike 'c MILLISECONDS'"},
        {"v 1 3\nm 1 2\n", "p: byte 6: a raw recording; heaptrack_interpret makes"},
        {"v 1 3\nwhat\n", "p: byte 6: no line of a heaptrack recording"},
        {"v 1 3\na 1 0\n+ 0", "p: byte 12: cut off within a line"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        assert_int_equal(read_alone(cases[i].text, strlen(cases[i].text), &diag), -EBADMSG);
        if (strncmp(diag.message, cases[i].message, strlen(cases[i].message)) != 0) {
            assert_string_equal(diag.message, cases[i].message);
        }
    }
}

static void damage_anywhere_does_no_harm(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    struct slu_diag diag;
    size_t version_end = (size_t)(strchr(recording, 'X') - recording);
    size_t command_end = (size_t)(strchr(recording, 's') - recording);
    for (size_t len = 0; len < sizeof(recording) - 1; len++) {
        int err = read_alone(recording, len, &diag);
        bool is_whole = len == version_end || (len >= command_end && recording[len - 1] == '\n');
        assert_int_equal(err, is_whole ? 0 : -EBADMSG);
    }
    for (uint64_t round = 0; round < test_rounds(3000); round++) {
        char damaged[sizeof(recording)];
        memcpy(damaged, recording, sizeof(recording));
        damaged[test_random_below(&random, sizeof(recording) - 1)] =
            (char)test_random_next(&random);
        (void)read_alone(damaged, sizeof(recording) - 1, &diag); /* any answer will do */
    }
}

static void formats_before_the_third_have_no_lengths_and_attaching_begins_anew(void **state)
{
    (void)state;
    static const char text[] = "v 10100 1\ns my main\ni 1 0 1\nt 1 0\na 8 1\n+ 0\n+ 0\nA\n+ 0\n";
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(read_profile(model, text, sizeof(text) - 1, 0, NULL), 0);
    assert_true(bytes_equal(model_text(model, model_function_at(model, 0)->name),
                            (struct slu_bytes){"my main", 7}));
    for (uint32_t type = 0; type < TYPES; type++) {
        assert_int_equal(model_value(model, type, 0), type % 2 == 0 ? 1 : 8);
    }
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void commands_and_names_may_have_ends_of_lines_in_them(void **state)
{
    (void)state;
    static const char text[] =
        "v 1 3\nX app -c\na b\nI\n- 1\nI 1000 5e\ns 5 ma\nin\ni 1 0 1\nt 1 0\n"
        "a 8 1\n+ 0\n";
    for (size_t step = 0; step < sizeof(text); step++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct model *model = NULL;
        assert_int_equal(model_create(budget, &model), 0);
        assert_int_equal(read_profile(model, text, sizeof(text) - 1, step, NULL), 0);
        assert_true(bytes_equal(model_text(model, model_function_at(model, 0)->name),
                                (struct slu_bytes){"ma\nin", 5}));
        model_destroy(&model);
        slu_budget_destroy(&budget);
    }
}

/* The model: all counts are copied at each new peak. */
static void the_peak_is_what_a_copy_of_all_at_that_moment_says(void **state)
{
    (void)state;
    enum {
        KINDS = 7
    };
    struct test_random random = test_random_start(2);
    for (uint64_t round = 0; round < test_rounds(100); round++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct model *model = NULL;
        struct heaptrack_traces traces;
        int64_t live[KINDS] = {0};
        int64_t peak[KINDS] = {0};
        int64_t most = 0;
        int64_t sum = 0;
        assert_int_equal(model_create(budget, &model), 0);
        assert_int_equal(heaptrack_traces_init(&traces, model), 0);
        model->type_count = TYPES;
        assert_int_equal(model_profile_add(model, &(struct model_profile){0}), 0);
        for (uint32_t kind = 0; kind < KINDS; kind++) {
            assert_int_equal(heaptrack_allocation_add(&traces, kind + 1, 0), 0);
            assert_int_equal(heaptrack_take(&traces, kind), 0);
            live[kind] = 1;
            sum += kind + 1;
            most = sum;
            memcpy(peak, live, sizeof(peak));
        }
        for (int event = 0; event < 200; event++) {
            uint32_t kind = (uint32_t)test_random_below(&random, KINDS);
            bool comes = test_random_below(&random, 2) == 0;
            int err = comes ? heaptrack_take(&traces, kind) : heaptrack_give(&traces, kind);
            assert_int_equal(err, comes || live[kind] > 0 ? 0 : -EINVAL);
            live[kind] += err != 0 ? 0 : comes ? 1 : -1;
            sum += err != 0 ? 0 : comes ? (int64_t)kind + 1 : -((int64_t)kind + 1);
            if (sum > most) {
                most = sum;
                memcpy(peak, live, sizeof(peak));
            }
        }
        assert_int_equal(heaptrack_samples_add(&traces), 0);
        for (uint32_t kind = 0; kind < KINDS; kind++) {
            assert_int_equal(model_value(model, 2 * HEAPTRACK_LIVE, kind), live[kind]);
            assert_int_equal(model_value(model, 2 * HEAPTRACK_PEAK, kind), peak[kind]);
            assert_int_equal(model_value(model, 2 * HEAPTRACK_PEAK + 1, kind),
                             peak[kind] * (kind + 1));
        }
        heaptrack_traces_deinit(&traces);
        model_destroy(&model);
        slu_budget_destroy(&budget);
    }
}

static void the_same_callers_and_places_are_one_and_depth_is_bounded(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    struct heaptrack_traces traces;
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(heaptrack_traces_init(&traces, model), 0);
    for (uint32_t depth = 0; depth < MODEL_STACK_MAX; depth++) {
        assert_int_equal(heaptrack_trace_add(&traces, 5, depth), 0);
    }
    uint32_t count = traces.traces.count;
    assert_int_equal(count, MODEL_STACK_MAX);
    assert_int_equal(heaptrack_trace_add(&traces, 5, MODEL_STACK_MAX), -EOVERFLOW);
    for (int again = 0; again < 1000; again++) {
        assert_int_equal(heaptrack_trace_add(&traces, 5, MODEL_STACK_MAX - 1), 0);
    }
    assert_int_equal(traces.traces.count, count);
    heaptrack_traces_deinit(&traces);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int64_t live = alloc_live_count();
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct model *model = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(model_create(budget, &model), 0);
        alloc_fault_at(nth);
        err = read_profile(model, recording, sizeof(recording) - 1, 0, &diag);
        assert_true(err == 0 || err == -ENOMEM);
        alloc_fault_at(0);
        model_validate(model);
        model_destroy(&model);
        slu_budget_destroy(&budget);
        assert_int_equal(alloc_live_count(), live);
        assert_true(nth < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_recording_is_there),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(damage_anywhere_does_no_harm),
        cmocka_unit_test(formats_before_the_third_have_no_lengths_and_attaching_begins_anew),
        cmocka_unit_test(commands_and_names_may_have_ends_of_lines_in_them),
        cmocka_unit_test(the_peak_is_what_a_copy_of_all_at_that_moment_says),
        cmocka_unit_test(the_same_callers_and_places_are_one_and_depth_is_bounded),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return TEST_RUN("heaptrack", tests);
}
