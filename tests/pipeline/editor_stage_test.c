/* The stage around an editor: what goes on, what is counted, what the sender hears. */
#include "pipeline/editor_stage.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "config_text.h"
#include "flow.h"
#include "harness.h"
#include "pipeline/editor.h"

struct fake_options {
    uint64_t dropped_count;
    uint64_t refused_count;
    uint64_t error; /* of edit */
    bool is_changed;
    bool is_bad; /* create refuses it */
};

static const struct config_field fields[] = {
    {.key = "dropped", .kind = CONFIG_UINT, .offset = offsetof(struct fake_options, dropped_count)},
    {.key = "refused", .kind = CONFIG_UINT, .offset = offsetof(struct fake_options, refused_count)},
    {.key = "error", .kind = CONFIG_UINT, .offset = offsetof(struct fake_options, error)},
    {.key = "changed", .kind = CONFIG_BOOL, .offset = offsetof(struct fake_options, is_changed)},
    {.key = "bad", .kind = CONFIG_BOOL, .offset = offsetof(struct fake_options, is_bad)},
};

static const struct config_object fake_object = {.what = "the fake editor",
                                                 .fields = fields,
                                                 .field_count = 5,
                                                 .size_bytes = sizeof(struct fake_options)};

static const struct fake_options fake_defaults = {.is_changed = true};

static int fake_create(struct slu_budget *budget, struct config *config,
                       const struct config_node *node, const void *options, void **out)
{
    const struct fake_options *fake = options;
    void *memory = NULL;
    if (fake->is_bad) {
        config_mistake(config, config_child(node, "bad"), "it is bad");
        return -EINVAL;
    }
    int err = slu_budget_alloc(budget, sizeof(struct fake_options), &memory);
    if (err == 0) {
        memcpy(memory, fake, sizeof(*fake));
        *out = memory;
    }
    return err;
}

static void fake_destroy(struct slu_budget *budget, void *editor)
{
    slu_budget_free(budget, editor, sizeof(struct fake_options));
}

static int fake_edit(void *editor, const struct edit_input *input, struct edit_result *result)
{
    const struct fake_options *fake = editor;
    if (fake->error != 0) {
        return -(int)fake->error;
    }
    result->is_changed = fake->is_changed;
    result->dropped_count = fake->dropped_count;
    result->refused_count = fake->refused_count;
    (void)snprintf(result->reason, sizeof(result->reason), "%s",
                   fake->refused_count > 0 ? "too old" : "");
    int err = 0;
    if (fake->is_changed) {
        err = block_begin(input->budget, 16, &result->message);
    }
    return err == 0 && fake->is_changed ? block_append(input->budget, &result->message, "edited", 6)
                                        : err;
}

static const struct editor_type fake_type = {.name = "fake",
                                             .options = &fake_object,
                                             .defaults = &fake_defaults,
                                             .create = fake_create,
                                             .destroy = fake_destroy,
                                             .edit = fake_edit};

struct bench {
    struct slu_budget *budget;
    struct config *config;
    struct recorder end;
    struct stage *stage;
    struct sender sender;
    _Atomic unsigned free_count;
};

static int bench_open(struct bench *bench, const char *text)
{
    memset(bench, 0, sizeof(*bench));
    bench->budget = budget_of(FLOW_BYTES);
    bench->config = config_of(bench->budget, text);
    recorder_init(&bench->end);
    return editor_stage_create(bench->budget, "fake/1", &fake_type, bench->config,
                               config_root(bench->config), &bench->end.stage, &bench->stage);
}

static void bench_close(struct bench *bench)
{
    if (bench->stage != NULL) {
        editor_stage_destroy(bench->stage);
    }
    recorder_deinit(&bench->end);
    config_destroy(&bench->config);
    slu_budget_destroy(&bench->budget);
}

static void send(struct bench *bench)
{
    sender_begin(&bench->sender);
    stage_consume(
        bench->stage,
        payload_of(bench->budget, "original", 10, &bench->free_count, &bench->sender.delivery), 0);
    delivery_end(&bench->sender.delivery);
}

struct edit_case {
    const char *options;
    const char *text; /* what goes on; NULL: nothing */
    uint64_t record_count;
    uint64_t dropped_count;
    uint64_t refused_count; /* counted by the stage */
    enum outcome_kind kind; /* what the sender hears */
    uint64_t told_count;
    const char *reason;
};

static void what_an_editor_does_goes_on_is_counted_and_told(void **state)
{
    static const struct edit_case cases[] = {
        {"{changed: false}", "original", 10, 0, 0, OUTCOME_TAKEN, 0, ""},
        {"{}", "edited", 10, 0, 0, OUTCOME_TAKEN, 0, ""},
        {"{dropped: 4}", "edited", 6, 4, 0, OUTCOME_TAKEN, 0, ""},
        {"{refused: 3}", "edited", 7, 0, 3, OUTCOME_TAKEN, 3, "too old"},
        {"{dropped: 4, refused: 3}", "edited", 3, 4, 3, OUTCOME_TAKEN, 3, "too old"},
        {"{dropped: 10}", NULL, 0, 10, 0, OUTCOME_TAKEN, 0, ""},
        {"{dropped: 4, refused: 6}", NULL, 0, 4, 6, OUTCOME_TAKEN, 6, "too old"},
        {"{error: 122}", NULL, 0, 0, 10, OUTCOME_LATER, 0, "fake/1: no memory left"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct edit_case *one = &cases[i];
        struct bench bench;
        assert_int_equal(bench_open(&bench, one->options), 0);
        send(&bench);
        assert_int_equal(bench.end.count, one->text != NULL);
        assert_string_equal(bench.end.texts[0], one->text != NULL ? one->text : "");
        assert_int_equal(bench.end.record_count, one->record_count);
        assert_int_equal(bench.stage->in_count, 10);
        assert_int_equal(bench.stage->dropped_count, one->dropped_count);
        assert_int_equal(bench.stage->refused_count, one->refused_count);
        assert_int_equal(bench.sender.answer_count, 1);
        assert_int_equal(bench.sender.answer.kind, one->kind);
        assert_int_equal(bench.sender.answer.refused_count, one->told_count);
        assert_string_equal(bench.sender.answer.reason, one->reason);
        assert_int_equal(bench.free_count, 1);
        bench_close(&bench);
    }
}

static void the_sender_waits_for_what_was_edited(void **state)
{
    struct outcome refused = {.kind = OUTCOME_REFUSED, .reason = "never"};
    struct bench bench;
    (void)state;
    assert_int_equal(bench_open(&bench, "{refused: 1}"), 0);
    bench.end.holds = true;
    send(&bench);
    assert_int_equal(bench.sender.answer_count, 0);
    assert_int_equal(bench.free_count, 1);
    recorder_release(&bench.end, &refused);
    assert_int_equal(bench.sender.answer_count, 1);
    assert_int_equal(bench.sender.answer.kind, OUTCOME_REFUSED);
    assert_string_equal(bench.sender.answer.reason, "never");
    bench_close(&bench);
}

static void mistakes_in_the_options_are_told(void **state)
{
    struct bench bench;
    (void)state;
    assert_int_equal(bench_open(&bench, "droped: 1"), -EINVAL);
    assert_mistakes(bench.config,
                    "1:1: there is no \"droped\" in the fake editor; did you mean \"dropped\"?\n");
    bench_close(&bench);
    assert_int_equal(bench_open(&bench, "bad: true"), -EINVAL);
    assert_mistakes(bench.config, "1:6: it is bad\n");
    bench_close(&bench);
}

static void without_memory_the_sender_is_told_to_come_later(void **state)
{
    bool was_hit = true;
    (void)state;
    for (uint64_t nth = 1; was_hit; nth++) {
        struct bench bench;
        assert_int_equal(bench_open(&bench, "{dropped: 1}"), 0);
        sender_begin(&bench.sender);
        struct payload *payload =
            payload_of(bench.budget, "original", 10, &bench.free_count, &bench.sender.delivery);
        alloc_fault_at(nth);
        stage_consume(bench.stage, payload, 0);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        delivery_end(&bench.sender.delivery);
        assert_int_equal(bench.sender.answer_count, 1);
        assert_int_equal(bench.sender.answer.kind, was_hit ? OUTCOME_LATER : OUTCOME_TAKEN);
        assert_int_equal(bench.end.count, was_hit ? 0 : 1);
        assert_int_equal(bench.stage->dropped_count, was_hit ? 0 : 1);
        assert_int_equal(bench.free_count, 1);
        bench_close(&bench);
    }
}

static void a_stage_that_cannot_be_made_leaves_nothing(void **state)
{
    bool was_hit = true;
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    struct config *config = config_of(budget, "{}");
    struct recorder end;
    recorder_init(&end);
    for (uint64_t nth = 1; was_hit; nth++) {
        struct stage *stage = NULL;
        uint64_t used_bytes = budget_used(budget);
        alloc_fault_at(nth);
        int err = editor_stage_create(budget, "fake/1", &fake_type, config, config_root(config),
                                      &end.stage, &stage);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        if (err == 0) {
            editor_stage_destroy(stage);
        }
        assert_int_equal(budget_used(budget), used_bytes);
    }
    recorder_deinit(&end);
    config_destroy(&config);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_editor_does_goes_on_is_counted_and_told),
        cmocka_unit_test(the_sender_waits_for_what_was_edited),
        cmocka_unit_test(mistakes_in_the_options_are_told),
        cmocka_unit_test(without_memory_the_sender_is_told_to_come_later),
        cmocka_unit_test(a_stage_that_cannot_be_made_leaves_nothing),
    };
    return TEST_RUN("editor_stage", tests);
}
