#include "readers/profile_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/bytes.h"
#include "base/sink.h"
#include "profile/model_validate.h"
#include "profile/pprof_writer.h"

#include "budget.h"
#include "harness.h"
#include "read_profile.h"

#define BUDGET_BYTES ((uint64_t)32 << 20)
#define TEXT_MAX     4096

struct text {
    char bytes[TEXT_MAX];
    struct sink sink;
};

static uint64_t put(struct pprof_writer *writer, const char *string)
{
    return pprof_write_string(writer, (struct slu_bytes){string, strlen(string)});
}

/* Samples stand before what they refer to, and identities are any numbers. */
static void profile_write(struct text *text)
{
    struct pprof_writer writer;
    sink_init_fixed(&text->sink, text->bytes, sizeof(text->bytes));
    pprof_writer_init(&writer, &text->sink);
    uint64_t ids[] = {UINT64_C(1) << 40, 2};
    int64_t values[] = {1, -4096};
    struct pprof_label labels[] = {{.key = 1, .text = 2}, {.key = 2, .number = 64, .unit = 4}};
    struct pprof_sample sample = {ids, 2, values, 2, labels, 2};
    pprof_write_sample(&writer, &sample);
    pprof_write_sample(&writer, &sample);
    struct pprof_line lines[] = {{7, 70}, {9, 90}};
    struct pprof_location location = {UINT64_C(1) << 40, 5, 0x1010, lines, 2, false};
    pprof_write_location(&writer, &location);
    location = (struct pprof_location){.id = 2, .address = 3};
    pprof_write_location(&writer, &location);
    struct pprof_function function = {.id = 7, .name = 2, .file = 3, .start_line = 60};
    pprof_write_function(&writer, &function);
    function.id = 9;
    function.name = 1;
    pprof_write_function(&writer, &function);
    struct pprof_mapping mapping = {.id = 5, .start = 0x1000, .limit = 0x2000, .file = 3};
    pprof_write_mapping(&writer, &mapping);
    put(&writer, "outer");
    put(&writer, "inner");
    put(&writer, "a.c");
    uint64_t bytes = put(&writer, "bytes");
    uint64_t space = put(&writer, "space");
    pprof_write_sample_type(&writer, put(&writer, "objects"), put(&writer, "count"));
    pprof_write_sample_type(&writer, space, bytes);
    pprof_write_default_sample_type(&writer, space);
    pprof_write_period(&writer, space, bytes, 512);
    pprof_write_time(&writer, 12345, 678);
}

static bool text_is(const struct model *model, uint32_t string, const char *expected)
{
    return bytes_equal(model_text(model, string), (struct slu_bytes){expected, strlen(expected)});
}

static void all_of_a_profile_is_there(void **state)
{
    (void)state;
    static struct text text;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    profile_write(&text);
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(read_profile(model, text.bytes, text.sink.len, 3, NULL), 0);
    model_validate(model);
    const struct model_profile *profile = model_profile_at(model, 0);
    assert_int_equal(profile->time_ns, 12345);
    assert_int_equal(profile->period, 512);
    assert_int_equal(profile->default_type, 1);
    assert_int_equal(profile->sample_count, 2);
    assert_int_equal(model_value(model, 1, 1), -4096);
    const struct model_sample *sample = column_at(&model->samples, 1);
    uint32_t count = 0;
    const uint32_t *stack = model_stack_at(model, sample->stack, &count);
    assert_int_equal(count, 2);
    const struct model_location *leaf = model_location_at(model, stack[0]);
    const struct model_line *lines = model_lines_of(model, leaf);
    assert_int_equal(leaf->line_count, 2);
    assert_int_equal(leaf->address, 0x1010);
    assert_int_equal(lines[0].line, 70);
    assert_true(text_is(model, model_function_at(model, lines[0].function)->name, "inner"));
    assert_true(text_is(model, model_function_at(model, lines[1].function)->name, "outer"));
    assert_true(text_is(model, model_mapping_at(model, leaf->mapping)->file, "a.c"));
    const struct model_label *labels = model_labels_at(model, sample->labels, &count);
    assert_int_equal(count, 2);
    assert_true(text_is(model, labels[0].key, "outer") && text_is(model, labels[0].text, "inner"));
    assert_true(labels[1].is_number && labels[1].number == 64);
    assert_true(text_is(model, labels[1].unit, "bytes"));
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void a_second_profile_shares_what_is_the_same(void **state)
{
    (void)state;
    static struct text text;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    profile_write(&text);
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(read_profile(model, text.bytes, text.sink.len, 0, NULL), 0);
    uint32_t strings = model->strings.count;
    uint32_t stacks = model->stacks.count;
    assert_int_equal(read_profile(model, text.bytes, text.sink.len, 0, NULL), 0);
    assert_int_equal(model->strings.count, strings);
    assert_int_equal(model->stacks.count, stacks);
    assert_int_equal(model->samples.count, 4);
    assert_int_equal(model_profile_at(model, 1)->sample_first, 2);
    model_validate(model);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static int read_alone(const void *bytes, size_t len, uint64_t budget_bytes, struct slu_diag *diag)
{
    struct slu_budget *budget = budget_of(budget_bytes);
    struct model *model = NULL;
    int err = model_create(budget, &model);
    if (err == 0) {
        err = read_profile(model, bytes, len, 0, diag);
        model_validate(model);
        model_destroy(&model);
    }
    slu_budget_destroy(&budget);
    return err;
}

static void a_profile_that_is_cut_off_is_refused_with_the_place(void **state)
{
    (void)state;
    static struct text text;
    struct slu_diag diag;
    size_t refused = 0;
    profile_write(&text);
    for (size_t len = 0; len < text.sink.len; len++) {
        int err = read_alone(text.bytes, len, BUDGET_BYTES, &diag);
        unsigned long long at = 0;
        assert_true(err == 0 || err == -EBADMSG);
        if (err != 0) {
            assert_int_equal(sscanf(diag.message, "p: byte %llu: ", &at), 1);
            assert_true(at <= len);
            refused++;
        }
    }
    assert_true(refused > text.sink.len * 3 / 4);
}

static void damage_anywhere_does_no_harm(void **state)
{
    (void)state;
    static struct text text;
    struct test_random random = test_random_start(1);
    struct slu_diag diag;
    profile_write(&text);
    for (uint64_t round = 0; round < test_rounds(3000); round++) {
        char damaged[TEXT_MAX];
        memcpy(damaged, text.bytes, text.sink.len);
        damaged[test_random_below(&random, text.sink.len)] = (char)test_random_next(&random);
        (void)read_alone(damaged, text.sink.len, BUDGET_BYTES, &diag); /* any answer will do */
    }
}

struct refusal {
    const char *text;
    size_t len;
    const char *message;
};

#define REFUSAL(text, message)                                                                     \
    {                                                                                              \
        text, sizeof(text) - 1, message                                                            \
    }

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        REFUSAL("", "p: byte 0: empty: no profile"),
        REFUSAL("hello", "p: byte 2: not a profile of a known format"),
        REFUSAL("\x32\x01x", "p: byte 0: a profile without a type of samples"),
        REFUSAL("\x0a\x04\x08\x01\x10\x02", "p: byte 0: a type of samples whose name is not there"),
        REFUSAL("\x0a\x00\x12\x03\x0a\x01\x09",
                "p: byte 2: a sample refers to location 9, which is not there"),
        REFUSAL("\x0a\x00\x12\x04\x12\x02\x01\x02",
                "p: byte 2: a sample has 2 values; 1 are measured"),
        REFUSAL("\x0a\x00\x22\x04\x08\x01\x10\x07",
                "p: byte 2: a location in a mapping that is not there"),
        REFUSAL("\x0a\x00\x22\x06\x08\x01\x22\x02\x08\x05",
                "p: byte 2: a damaged location, or one of a function that is not there"),
        REFUSAL("\x0a\x00\x2a\x02\x08\x01\x2a\x02\x08\x01",
                "p: byte 6: a second function of the same number"),
        REFUSAL("\x0a\x00\x32\xff\xff\x7f", "p: byte 2: cut off, or no field of a profile"),
        REFUSAL("\x1f\x8b\x08\x00garbage", "p: byte 0: what follows does not unpack"),
        REFUSAL("--- mutex:\n", "p: byte 0: a text format that is not read"),
        REFUSAL("heap profile: 1: 2 [3: 4]\n", "p: byte 0: a first line unlike"),
        REFUSAL("heap profile: 1: 2 [3: 4] @ heap/2\n1: 2\n", "p: byte 35: a sample unlike"),
        REFUSAL("goroutine profile: total 1\n1 @ 0xz\n",
                "p: byte 27: an address that is no hexadecimal number"),
        REFUSAL("heap_v2/1\n@ 0x1\n  t*: 1\n", "p: byte 16: a line unlike 't*: 1: 2 [3: 4]'"),
        REFUSAL("heap_v2/1\nwhat\n", "p: byte 10: a line unlike '@ 0x5 0x6'"),
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct slu_diag diag = {0};
        assert_int_equal(read_alone(refusals[i].text, refusals[i].len, BUDGET_BYTES, &diag),
                         -EBADMSG);
        if (strncmp(diag.message, refusals[i].message, strlen(refusals[i].message)) != 0) {
            assert_string_equal(diag.message, refusals[i].message);
        }
    }
}

/* What a text says of its first sample: values, and how many locations. */
struct sampled {
    const char *text;
    int64_t values[4];
    uint32_t type_count;
    uint32_t location_count;
    uint64_t leaf_address;
};

static void texts_are_read_and_scaled(void **state)
{
    (void)state;
    static const struct sampled cases[] = {
        /* 1 / (1 - exp(-1)) = 1.58 */
        {"heap profile: 0: 0 [0: 0] @ heap/2048\n10: 10240 [20: 20480] @ 0x11 0x22\n",
         {31, 32398, 15, 16199},
         4,
         2,
         0x10},
        {"heap profile: 0: 0 [0: 0] @ heap_v2/1024\n10: 10240 [0: 0] @ 0x11\n",
         {0, 0, 15, 16199},
         4,
         1,
         0x10},
        {"heap profile: 0: 0 [0: 0] @ heapprofile\n 1:  5 [  2: 9] @ 0x11\n",
         {2, 9, 1, 5},
         4,
         1,
         0x10},
        {"heap_v2/1024\n t*: 9: 9 [0: 0]\n@ 0x31\n  t*: 10: 10240 [0: 0]\n  t1: 1: 1 [0: 0]\n",
         {0, 0, 15, 16199},
         4,
         1,
         0x30},
        {"goroutine profile: total 3\n3 @ 0x11 0x22 0x33\n#\t0x10\tmain.f+0x1\t/a.go:7\n"
         "#\t0x10\tmain.g+0x2\t/a.go:9\n#\t0x22\tmain.h+0x1\t/a.go:11\n\n",
         {3},
         1,
         2,
         0x10},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct model *model = NULL;
        uint32_t count = 0;
        assert_int_equal(model_create(budget, &model), 0);
        assert_int_equal(read_profile(model, cases[i].text, strlen(cases[i].text), 1, NULL), 0);
        assert_int_equal(model->type_count, cases[i].type_count);
        for (uint32_t type = 0; type < model->type_count; type++) {
            assert_int_equal(model_value(model, type, 0), cases[i].values[type]);
        }
        const struct model_sample *sample = column_at(&model->samples, 0);
        const uint32_t *stack = model_stack_at(model, sample->stack, &count);
        assert_int_equal(count, cases[i].location_count);
        assert_int_equal(model_location_at(model, stack[0])->address, cases[i].leaf_address);
        model_destroy(&model);
        slu_budget_destroy(&budget);
    }
}

static void names_in_the_text_are_functions_and_lines(void **state)
{
    (void)state;
    static const char text[] =
        "goroutine profile: total 1\n1 @ 0x11\n"
        "#\t0x10\tmain.(*T).f+0x1\t\t/a b.go:7\n#\t0x10\tmain.g+0x2\t/a.go:9\n";
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    uint32_t count = 0;
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(read_profile(model, text, sizeof(text) - 1, 0, NULL), 0);
    const struct model_sample *sample = column_at(&model->samples, 0);
    const uint32_t *stack = model_stack_at(model, sample->stack, &count);
    const struct model_location *location = model_location_at(model, stack[0]);
    const struct model_line *lines = model_lines_of(model, location);
    assert_int_equal(location->line_count, 2);
    const struct model_function *inlined = model_function_at(model, lines[0].function);
    assert_true(text_is(model, inlined->name, "main.(*T).f"));
    assert_true(text_is(model, inlined->file, "/a b.go"));
    assert_int_equal(lines[0].line, 7);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void addresses_find_the_files_that_they_lie_in(void **state)
{
    (void)state;
    static const char text[] =
        "heap_v2/1\n@ 0x7f0000000011 0x1011 0x9001\n  t*: 1: 8 [0: 0]\n\nMAPPED_LIBRARIES:\n"
        "00001000-00002000 r-xp 00000400 08:01 123  /bin/my app\n"
        "00009000-0000a000 rw-p 00000000 08:01 123  /bin/data\n"
        "7f0000000000-7f0000002000 r-xp 00001000 08:01 9  /usr/lib/libjemalloc.so.2\n";
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    uint32_t count = 0;
    assert_int_equal(model_create(budget, &model), 0);
    assert_int_equal(read_profile(model, text, sizeof(text) - 1, 0, NULL), 0);
    const struct model_sample *sample = column_at(&model->samples, 0);
    const uint32_t *stack = model_stack_at(model, sample->stack, &count);
    assert_int_equal(count, 2); /* without the allocator's own frame */
    const struct model_location *location = model_location_at(model, stack[0]);
    assert_int_equal(location->address, 0x1010);
    const struct model_mapping *mapping = model_mapping_at(model, location->mapping);
    assert_true(text_is(model, mapping->file, "/bin/my app"));
    assert_int_equal(mapping->file_offset, 0x400);
    assert_int_equal(model_location_at(model, stack[1])->mapping, MODEL_NONE);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static struct text text;
    static const char heap[] = "heap_v2/1\n@ 0x1011\n  t*: 1: 8 [0: 0]\nMAPPED_LIBRARIES:\n"
                               "00001000-00002000 r-xp 00000400 08:01 123  /bin/app\n";
    profile_write(&text);
    for (int round = 0; round < 2; round++) {
        int64_t live = alloc_live_count();
        int err = -ENOMEM;
        for (uint64_t nth = 1; err != 0; nth++) {
            struct slu_budget *budget = budget_of(BUDGET_BYTES);
            struct model *model = NULL;
            struct slu_diag diag = {0};
            assert_int_equal(model_create(budget, &model), 0);
            alloc_fault_at(nth);
            err = round == 0 ? read_profile(model, text.bytes, text.sink.len, 0, &diag)
                             : read_profile(model, heap, sizeof(heap) - 1, 0, &diag);
            assert_true(err == 0 || err == -ENOMEM);
            alloc_fault_at(0);
            model_validate(model);
            model_destroy(&model);
            slu_budget_destroy(&budget);
            assert_int_equal(alloc_live_count(), live);
            assert_true(nth < 1000);
        }
    }
}

static void a_small_budget_is_kept_and_said(void **state)
{
    (void)state;
    static char many[400000]; /* strings of two bytes, all different */
    struct slu_diag diag;
    size_t len = 0;
    for (uint32_t i = 0; len + 6 <= sizeof(many); i++) {
        many[len++] = 0x32;
        many[len++] = 4;
        memcpy(many + len, &i, 4);
        len += 4;
    }
    assert_int_equal(read_alone(many, len, (uint64_t)4 << 20, &diag), -EDQUOT);
    assert_non_null(strstr(diag.message, "needs more memory than the 4 MiB that it may take"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_profile_is_there),
        cmocka_unit_test(a_second_profile_shares_what_is_the_same),
        cmocka_unit_test(a_profile_that_is_cut_off_is_refused_with_the_place),
        cmocka_unit_test(damage_anywhere_does_no_harm),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(texts_are_read_and_scaled),
        cmocka_unit_test(names_in_the_text_are_functions_and_lines),
        cmocka_unit_test(addresses_find_the_files_that_they_lie_in),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_small_budget_is_kept_and_said),
    };
    return TEST_RUN("profile_reader", tests);
}
