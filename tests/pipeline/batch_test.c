/* Batches: what goes out when, in which sizes, and who is answered. The clock is the test's. */
#include "pipeline/batch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "config_text.h"
#include "flow.h"
#include "harness.h"
#include "log_message.h"
#include "pipeline/flush_clock.h"
#include "wire/otlp_check.h"

#define MS_NS    UINT64_C(1000000)
#define IDS_MAX  4096
#define SINK_MAX 1024

/* In place of the real clock, which this program does not link: one timer, set by hand. */
struct flush_clock {
    struct flush_timer *timer;
    unsigned set_count;
};

void flush_clock_add(struct flush_clock *clock, struct flush_timer *timer,
                     void (*run)(void *arg, uint64_t now_ns), void *arg)
{
    *timer = (struct flush_timer){.run = run, .arg = arg, .due_ns = FLUSH_NEVER};
    clock->timer = timer;
}

void flush_clock_set(struct flush_clock *clock, struct flush_timer *timer, uint64_t due_ns)
{
    assert_ptr_equal(timer, clock->timer);
    timer->due_ns = due_ns;
    clock->set_count++;
}

static void clock_advance(struct flush_clock *clock, uint64_t now_ns)
{
    if (clock->timer->due_ns <= now_ns) {
        clock->timer->due_ns = FLUSH_NEVER;
        clock->timer->run(clock->timer->arg, now_ns);
    }
}

/* The end of the pipeline: writes down the ids of all records, batch by batch. */
struct sink_stage {
    struct stage stage;
    struct outcome outcome;
    struct payload *held; /* if `holds` */
    bool holds;
    size_t batch_count;
    size_t sizes[SINK_MAX];
    size_t id_count;
    uint64_t ids[IDS_MAX];
};

static void sink_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct sink_stage *sink = (struct sink_stage *)stage;
    struct otlp_counts counts = {0};
    (void)now_ns;
    assert_null(payload->next);
    assert_int_equal(otlp_check(payload->signal, payload->bytes, &counts, NULL), 0);
    assert_int_equal(counts.records, payload->record_count);
    assert_true(sink->batch_count < SINK_MAX);
    sink->sizes[sink->batch_count++] = counts.records;
    sink->id_count += log_ids(payload->bytes, sink->ids + sink->id_count, IDS_MAX - sink->id_count);
    if (sink->holds) {
        payload->next = sink->held;
        sink->held = payload;
    } else {
        payload_end(payload, &sink->outcome);
    }
}

struct line {
    struct slu_budget *budget;
    struct flush_clock clock;
    struct sink_stage sink;
    struct stage *batch;
};

static void line_open(struct line *line, uint64_t timeout_ns, uint64_t size, uint64_t size_max)
{
    struct batch_options options = {
        .timeout_ns = timeout_ns, .send_batch_size = size, .send_batch_max_size = size_max};
    memset(line, 0, sizeof(*line));
    line->budget = budget_of(FLOW_BYTES);
    line->sink.stage.consume = sink_consume;
    assert_int_equal(batch_create(line->budget, "batch", &options, &line->clock, &line->sink.stage,
                                  &line->batch),
                     0);
}

/* Every record has come, once, in order. */
static void line_close(struct line *line, uint64_t id_count)
{
    batch_drain(line->batch, 0);
    assert_int_equal(line->sink.id_count, id_count);
    for (uint64_t i = 0; i < id_count; i++) {
        assert_int_equal(line->sink.ids[i], i);
    }
    batch_destroy(line->batch);
    slu_budget_destroy(&line->budget);
}

static void send(struct line *line, uint64_t first_id, uint64_t count, struct sender *sender,
                 uint64_t now_ns)
{
    if (sender != NULL) {
        sender_begin(sender);
    }
    stage_consume(
        line->batch,
        log_payload(line->budget, first_id, count, 7, sender != NULL ? &sender->delivery : NULL),
        now_ns);
    if (sender != NULL) {
        delivery_end(&sender->delivery);
    }
}

static void a_batch_goes_when_it_has_enough_records(void **state)
{
    struct line line;
    struct sender senders[3];
    (void)state;
    line_open(&line, 200 * MS_NS, 30, 0);
    send(&line, 0, 10, &senders[0], 0);
    send(&line, 10, 10, &senders[1], 0);
    assert_int_equal(line.sink.batch_count, 0);
    assert_int_equal(senders[0].answer_count, 0);
    send(&line, 20, 15, &senders[2], 0);
    assert_int_equal(line.sink.batch_count, 1);
    assert_int_equal(line.sink.sizes[0], 35);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(senders[i].answer_count, 1);
        assert_int_equal(senders[i].answer.kind, OUTCOME_TAKEN);
    }
    line_close(&line, 35);
}

static void a_batch_goes_when_its_first_message_has_waited(void **state)
{
    struct line line;
    struct sender senders[3];
    (void)state;
    line_open(&line, 200 * MS_NS, 1000, 0);
    send(&line, 0, 1, &senders[0], 50 * MS_NS);
    assert_int_equal(line.clock.timer->due_ns, 250 * MS_NS);
    send(&line, 1, 1, &senders[1], 240 * MS_NS);
    assert_int_equal(line.clock.set_count, 1);
    clock_advance(&line.clock, 249 * MS_NS);
    assert_int_equal(line.sink.batch_count, 0);
    clock_advance(&line.clock, 250 * MS_NS);
    assert_int_equal(line.sink.batch_count, 1);
    assert_int_equal(line.sink.sizes[0], 2);
    send(&line, 2, 1, &senders[2], 300 * MS_NS);
    assert_int_equal(line.clock.timer->due_ns, 500 * MS_NS);
    line_close(&line, 3);
    assert_int_equal(senders[0].answer_count, 1);
    assert_int_equal(senders[2].answer_count, 1);
}

/* A timer that was set for a batch that has gone by its size finds the next one, or none. */
static void an_old_timer_does_no_harm(void **state)
{
    struct line line;
    (void)state;
    line_open(&line, 200 * MS_NS, 2, 0);
    send(&line, 0, 1, NULL, 0);
    send(&line, 1, 1, NULL, 10 * MS_NS);
    assert_int_equal(line.sink.batch_count, 1);
    clock_advance(&line.clock, 200 * MS_NS);
    assert_int_equal(line.sink.batch_count, 1);
    line_close(&line, 2);
}

static void size_nought_waits_for_time_alone(void **state)
{
    struct line line;
    (void)state;
    line_open(&line, 200 * MS_NS, 0, 0);
    for (uint64_t i = 0; i < 100; i++) {
        send(&line, i * 10, 10, NULL, 0);
    }
    assert_int_equal(line.sink.batch_count, 0);
    clock_advance(&line.clock, 200 * MS_NS);
    assert_int_equal(line.sink.batch_count, 1);
    line_close(&line, 1000);
}

static void timeout_nought_waits_for_nothing(void **state)
{
    struct line line;
    (void)state;
    line_open(&line, 0, 1000, 0);
    send(&line, 0, 3, NULL, 0);
    send(&line, 3, 4, NULL, 0);
    assert_int_equal(line.sink.batch_count, 2);
    assert_int_equal(line.clock.set_count, 0);
    line_close(&line, 7);
}

static void timeout_nought_still_cuts_at_the_largest_size(void **state)
{
    struct line line;
    (void)state;
    line_open(&line, 0, 10, 10);
    send(&line, 0, 35, NULL, 0);
    assert_int_equal(line.sink.batch_count, 4);
    assert_int_equal(line.sink.sizes[0], 10);
    assert_int_equal(line.sink.sizes[3], 5);
    line_close(&line, 35);
}

static void no_batch_is_above_the_largest_size_and_only_the_last_below_the_least(void **state)
{
    struct test_random random = test_random_start(1);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(40); round++) {
        struct line line;
        struct sender senders[40];
        uint64_t most = 1 + test_random_below(&random, 40);
        uint64_t size = 1 + test_random_below(&random, most);
        uint64_t next = 0;
        line_open(&line, 200 * MS_NS, size, most);
        for (int i = 0; i < 40 && next < 500; i++) {
            uint64_t count = 1 + test_random_below(&random, 100);
            send(&line, next, count, &senders[i], 0);
            next += count;
        }
        for (size_t i = 0; i < line.sink.batch_count; i++) {
            assert_true(line.sink.sizes[i] <= most && line.sink.sizes[i] >= size);
        }
        line_close(&line, next);
    }
}

static void a_message_in_many_batches_is_answered_once_after_the_last(void **state)
{
    struct line line;
    struct sender sender;
    struct sender other;
    (void)state;
    line_open(&line, 200 * MS_NS, 10, 10);
    send(&line, 0, 34, &sender, 0);
    assert_int_equal(line.sink.batch_count, 3);
    assert_int_equal(sender.answer_count, 0);
    line.sink.outcome = (struct outcome){.kind = OUTCOME_LATER, .retry_ns = 5, .reason = "full"};
    send(&line, 34, 10, &other, 0);
    assert_int_equal(line.sink.batch_count, 4);
    assert_int_equal(line.sink.sizes[3], 10);
    assert_int_equal(sender.answer_count, 1);
    assert_int_equal(sender.answer.kind, OUTCOME_LATER);
    assert_string_equal(sender.answer.reason, "full");
    assert_int_equal(other.answer_count, 0);
    line.sink.outcome = (struct outcome){.kind = OUTCOME_TAKEN};
    line_close(&line, 44);
    assert_int_equal(other.answer_count, 1);
    assert_int_equal(other.answer.kind, OUTCOME_LATER);
}

static void records_refused_behind_a_batch_are_told_once(void **state)
{
    struct line line;
    struct sender senders[2];
    (void)state;
    line_open(&line, 200 * MS_NS, 20, 0);
    line.sink.outcome =
        (struct outcome){.kind = OUTCOME_TAKEN, .refused_count = 13, .reason = "bad"};
    send(&line, 0, 10, &senders[0], 0);
    send(&line, 10, 10, &senders[1], 0);
    assert_int_equal(senders[0].answer.refused_count + senders[1].answer.refused_count, 13);
    line_close(&line, 20);
}

static void an_empty_message_passes(void **state)
{
    struct line line;
    struct sender sender;
    (void)state;
    line_open(&line, 200 * MS_NS, 10, 10);
    send(&line, 0, 0, &sender, 0);
    send(&line, 0, 10, NULL, 0);
    assert_int_equal(line.sink.batch_count, 1);
    assert_int_equal(sender.answer_count, 1);
    line_close(&line, 10);
}

static void senders_bytes_are_given_back_when_they_are_joined(void **state)
{
    struct line line;
    (void)state;
    line_open(&line, 200 * MS_NS, 1000, 0);
    line.sink.holds = true;
    for (uint64_t i = 0; i < 10; i++) {
        send(&line, i * 100, 100, NULL, 0);
    }
    assert_int_equal(line.sink.batch_count, 1);
    uint64_t bytes = line.sink.held->bytes.len;
    assert_true(budget_used(line.budget) < 2 * bytes + 10 * 1024);
    payload_end_taken(line.sink.held);
    line_close(&line, 1000);
}

/* The limit lets the messages in, and no second copy of them. */
static void without_memory_for_joining_messages_are_handed_on_one_by_one(void **state)
{
    struct line line;
    struct sender senders[10];
    (void)state;
    line_open(&line, 200 * MS_NS, 10000, 0);
    for (uint64_t i = 0; i < 10; i++) {
        send(&line, i * 100, 100, &senders[i], 0);
    }
    slu_budget_set_limit(line.budget, budget_used(line.budget) + 64);
    clock_advance(&line.clock, 200 * MS_NS);
    assert_int_equal(line.sink.batch_count, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(line.sink.sizes[i], 100);
        assert_int_equal(senders[i].answer_count, 1);
        assert_int_equal(senders[i].answer.kind, OUTCOME_TAKEN);
    }
    line_close(&line, 1000);
}

/* Whatever allocation fails, every record comes through, and every sender is answered. */
static void a_failed_allocation_loses_nothing(void **state)
{
    bool was_hit = true;
    (void)state;
    for (uint64_t nth = 1; was_hit; nth++) {
        struct line line;
        struct sender senders[2];
        line_open(&line, 200 * MS_NS, 8, 8);
        sender_begin(&senders[0]);
        sender_begin(&senders[1]);
        struct payload *one = log_payload(line.budget, 0, 5, 7, &senders[0].delivery);
        struct payload *other = log_payload(line.budget, 5, 20, 7, &senders[1].delivery);
        delivery_end(&senders[0].delivery);
        delivery_end(&senders[1].delivery);
        alloc_fault_at(nth);
        stage_consume(line.batch, one, 0);
        stage_consume(line.batch, other, 0);
        batch_drain(line.batch, 0);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(senders[0].answer_count, 1);
        assert_int_equal(senders[1].answer_count, 1);
        line_close(&line, 25);
    }
}

static void after_a_drain_everything_goes_at_once(void **state)
{
    struct line line;
    (void)state;
    line_open(&line, 200 * MS_NS, 1000, 0);
    send(&line, 0, 5, NULL, 0);
    batch_drain(line.batch, 0);
    assert_int_equal(line.sink.batch_count, 1);
    send(&line, 5, 5, NULL, 0);
    assert_int_equal(line.sink.batch_count, 2);
    batch_drain(line.batch, 0);
    assert_int_equal(line.sink.batch_count, 2);
    line_close(&line, 10);
}

static void records_that_came_in_are_counted(void **state)
{
    struct line line;
    (void)state;
    line_open(&line, 200 * MS_NS, 10, 10);
    send(&line, 0, 25, NULL, 0);
    send(&line, 25, 5, NULL, 0);
    assert_int_equal(line.batch->in_count, 30);
    assert_int_equal(line.batch->dropped_count, 0);
    assert_int_equal(line.batch->refused_count, 0);
    line_close(&line, 30);
}

struct option_case {
    const char *text;
    const char *mistakes;
    struct batch_options options;
};

static void options_are_read_and_checked(void **state)
{
    static const struct option_case cases[] = {
        {"", "", {.timeout_ns = 200 * MS_NS, .send_batch_size = 8192, .send_batch_max_size = 0}},
        {"timeout: 1s\nsend_batch_size: 100\nsend_batch_max_size: 100",
         "",
         {.timeout_ns = 1000 * MS_NS, .send_batch_size = 100, .send_batch_max_size = 100}},
        {"timeout: 0\nsend_batch_size: 0\nsend_batch_max_size: 5",
         "",
         {.timeout_ns = 0, .send_batch_size = 0, .send_batch_max_size = 5}},
        {"send_batch_max_size: 8191",
         "1:22: send_batch_max_size 8191 is less than send_batch_size 8192\n",
         {0}},
        {"send_batch_size: 4294967296",
         "1:18: send_batch_size: it must be from 0 to 4294967295, and not \"4294967296\"\n",
         {0}},
        {"metadata_keys: [a, b, c, d, e, f, g, h, i]",
         "1:17: there are more than 8 metadata_keys\n",
         {0}},
    };
    (void)state;
    struct slu_budget *budget = budget_of(CONFIG_TEST_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct batch_options options = batch_defaults;
        struct config *config = config_of(budget, cases[i].text);
        int err = config_read(config, config_root(config), &batch_object, &options);
        if (err == 0) {
            err = batch_check(config, config_root(config), &options);
        }
        assert_mistakes(config, cases[i].mistakes);
        assert_int_equal(err, cases[i].mistakes[0] != '\0' ? -EINVAL : 0);
        if (err == 0) {
            assert_int_equal(options.timeout_ns, cases[i].options.timeout_ns);
            assert_int_equal(options.send_batch_size, cases[i].options.send_batch_size);
            assert_int_equal(options.send_batch_max_size, cases[i].options.send_batch_max_size);
            assert_int_equal(options.metadata_keys.count, 0);
            assert_int_equal(options.metadata_cardinality_limit, 1000);
        }
        config_destroy(&config);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_goes_when_it_has_enough_records),
        cmocka_unit_test(a_batch_goes_when_its_first_message_has_waited),
        cmocka_unit_test(an_old_timer_does_no_harm),
        cmocka_unit_test(size_nought_waits_for_time_alone),
        cmocka_unit_test(timeout_nought_waits_for_nothing),
        cmocka_unit_test(timeout_nought_still_cuts_at_the_largest_size),
        cmocka_unit_test(no_batch_is_above_the_largest_size_and_only_the_last_below_the_least),
        cmocka_unit_test(a_message_in_many_batches_is_answered_once_after_the_last),
        cmocka_unit_test(records_refused_behind_a_batch_are_told_once),
        cmocka_unit_test(an_empty_message_passes),
        cmocka_unit_test(senders_bytes_are_given_back_when_they_are_joined),
        cmocka_unit_test(without_memory_for_joining_messages_are_handed_on_one_by_one),
        cmocka_unit_test(a_failed_allocation_loses_nothing),
        cmocka_unit_test(after_a_drain_everything_goes_at_once),
        cmocka_unit_test(records_that_came_in_are_counted),
        cmocka_unit_test(options_are_read_and_checked),
    };
    return TEST_RUN("batch", tests);
}
