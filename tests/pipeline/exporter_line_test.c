/* The line before an exporter: order, bounds, tries, cancellation. The exporter is the test's. */
#include "pipeline/exporter.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "budget.h"
#include "config_text.h"
#include "flow.h"
#include "harness.h"

#define SENT_MAX 512
#define MS_NS    UINT64_C(1000000)

struct fake_options {
    struct remote_options remote;
};

/* What the exporter does, and what it was asked to do; one for a program, begun by each test. */
static struct fake {
    _Atomic unsigned begun_count;  /* calls of send */
    _Atomic unsigned permit_count; /* if `needs_permits`: how many may end */
    bool needs_permits;
    bool holds; /* until the scope ends */
    const struct outcome *script;
    size_t script_len; /* the last goes on for ever; 0: TAKEN */
    pthread_mutex_t lock;
    size_t sent_count;
    char sent[SENT_MAX][16];
    uint64_t began_ns[SENT_MAX];
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int fake_create(const struct exporter_context *context, const void *options, void **out)
{
    (void)context;
    (void)options;
    *out = &fake;
    return 0;
}

static void fake_destroy(void *self)
{
    assert_ptr_equal(self, &fake);
}

static void fake_send(void *self, struct slu_scope *scope, const struct export_message *message,
                      struct outcome *outcome)
{
    (void)self;
    (void)pthread_mutex_lock(&fake.lock);
    size_t number = fake.sent_count++;
    if (number < SENT_MAX) {
        fake.began_ns[number] = slu_clock_monotonic_ns();
        (void)snprintf(fake.sent[number], sizeof(fake.sent[0]), "%.*s", (int)message->bytes.len,
                       (const char *)message->bytes.data);
    }
    if (fake.script_len > 0) {
        *outcome = fake.script[number < fake.script_len ? number : fake.script_len - 1];
    }
    (void)pthread_mutex_unlock(&fake.lock);
    unsigned begun = atomic_fetch_add(&fake.begun_count, 1) + 1;
    watch_tell();
    if (fake.needs_permits) {
        watch_await(&fake.permit_count, begun);
    }
    if (fake.holds) {
        int err = slu_scope_sleep_until(scope, SLU_SCOPE_NEVER);
        *outcome =
            (struct outcome){.kind = err != 0 ? OUTCOME_LATER : OUTCOME_TAKEN, .reason = "held"};
    }
}

static const struct fake_options fake_defaults = {.remote = REMOTE_DEFAULTS};

static const struct config_field fake_fields[] = {
    {.key = "sending_queue",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct fake_options, remote.queue),
     .object = &queue_settings_object},
    {.key = "retry_on_failure",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct fake_options, remote.retry),
     .object = &retry_object},
};

static const struct config_object fake_object = {.what = "the fake exporter",
                                                 .fields = fake_fields,
                                                 .field_count = 2,
                                                 .size_bytes = sizeof(struct fake_options)};

static const struct exporter_type remote_type = {.name = "fake",
                                                 .options = &fake_object,
                                                 .defaults = &fake_defaults,
                                                 .is_remote = true,
                                                 .create = fake_create,
                                                 .destroy = fake_destroy,
                                                 .send = fake_send};

static const struct exporter_type local_type = {.name = "fake",
                                                .options = &fake_object,
                                                .defaults = &fake_defaults,
                                                .create = fake_create,
                                                .destroy = fake_destroy,
                                                .send = fake_send};

static const struct exporter_type instant_type = {.name = "fake",
                                                  .options = &fake_object,
                                                  .defaults = &fake_defaults,
                                                  .create = fake_create,
                                                  .destroy = fake_destroy,
                                                  .send = fake_send,
                                                  .is_instant = true};

struct bench {
    struct slu_budget *budget;
    struct slu_scope *scope;
    struct config *config;
    struct exporter *exporter;
    _Atomic unsigned free_count;
};

static int bench_try(struct bench *bench, const struct exporter_type *type)
{
    struct exporter_context context = {.budget = bench->budget,
                                       .scope = bench->scope,
                                       .config = bench->config,
                                       .node = config_root(bench->config),
                                       .name = "fake/1"};
    return exporter_create(type, &context, &bench->exporter);
}

static void bench_prepare(struct bench *bench, const char *text)
{
    struct slu_scope_options options = {.name = "test", .callback_max = 8};
    memset(bench, 0, sizeof(*bench));
    fake.begun_count = 0;
    fake.permit_count = 0;
    fake.needs_permits = false;
    fake.holds = false;
    fake.script_len = 0;
    fake.sent_count = 0;
    bench->budget = budget_of(FLOW_BYTES);
    options.budget = bench->budget;
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &bench->scope), 0);
    bench->config = config_of(bench->budget, text);
}

static void bench_open(struct bench *bench, const struct exporter_type *type, const char *text)
{
    bench_prepare(bench, text);
    int err = bench_try(bench, type);
    assert_mistakes(bench->config, "");
    assert_int_equal(err, 0);
}

static void bench_close(struct bench *bench)
{
    exporter_destroy(&bench->exporter);
    config_destroy(&bench->config);
    assert_int_equal(slu_scope_close(&bench->scope), 0);
    slu_budget_destroy(&bench->budget); /* asserts that nothing is charged any more */
}

static void send(struct bench *bench, const char *text, struct sender *sender)
{
    sender_begin(sender);
    stage_consume(exporter_stage(bench->exporter),
                  payload_of(bench->budget, text, 2, &bench->free_count, &sender->delivery), 0);
    delivery_end(&sender->delivery);
}

static struct exporter_stats stats_of(struct bench *bench)
{
    struct exporter_stats stats;
    exporter_stats(bench->exporter, &stats);
    return stats;
}

#define ONE_TASK "sending_queue: {enabled: false, num_consumers: 1}\n"

static void messages_are_sent_in_the_order_in_which_they_came(void **state)
{
    static struct sender senders[100];
    char texts[100][16];
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type, ONE_TASK);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "m%d", i);
        send(&bench, texts[i], &senders[i]);
    }
    for (int i = 0; i < 100; i++) {
        watch_await(&senders[i].answer_count, 1);
        assert_int_equal(senders[i].answer.kind, OUTCOME_TAKEN);
        assert_string_equal(fake.sent[i], texts[i]);
    }
    assert_int_equal(fake.sent_count, 100);
    assert_int_equal(stats_of(&bench).sent_count, 200);
    assert_int_equal(bench.free_count, 100);
    bench_close(&bench);
}

static void a_full_line_refuses_with_later_and_goes_on(void **state)
{
    struct sender senders[5];
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type,
               "sending_queue: {enabled: false, num_consumers: 1, queue_size: 2}\n");
    fake.needs_permits = true;
    send(&bench, "0", &senders[0]);
    watch_await(&fake.begun_count, 1);
    send(&bench, "1", &senders[1]);
    send(&bench, "2", &senders[2]);
    assert_int_equal(stats_of(&bench).waiting_count, 2);
    assert_int_equal(stats_of(&bench).waiting_bytes, 2);
    send(&bench, "3", &senders[3]);
    assert_int_equal(senders[3].answer_count, 1);
    assert_int_equal(senders[3].answer.kind, OUTCOME_LATER);
    assert_true(senders[3].answer.retry_ns > 0);
    assert_string_equal(senders[3].answer.reason, "fake/1: its queue is full");
    assert_int_equal(stats_of(&bench).refused_count, 2);
    atomic_store(&fake.permit_count, 100);
    watch_tell();
    for (int i = 0; i < 3; i++) {
        watch_await(&senders[i].answer_count, 1);
        assert_int_equal(senders[i].answer.kind, OUTCOME_TAKEN);
    }
    send(&bench, "4", &senders[4]);
    watch_await(&senders[4].answer_count, 1);
    assert_int_equal(senders[4].answer.kind, OUTCOME_TAKEN);
    assert_int_equal(stats_of(&bench).waiting_count, 0);
    assert_int_equal(stats_of(&bench).waiting_bytes, 0);
    bench_close(&bench);
}

static void what_waits_is_answered_when_the_exporter_goes(void **state)
{
    struct sender senders[4];
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type, ONE_TASK);
    fake.holds = true;
    for (int i = 0; i < 4; i++) {
        send(&bench, "x", &senders[i]);
    }
    watch_await(&fake.begun_count, 1);
    bench_close(&bench);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(senders[i].answer_count, 1);
        assert_int_equal(senders[i].answer.kind, OUTCOME_LATER);
        assert_string_equal(senders[i].answer.reason, i == 0 ? "held" : "the exporter is stopping");
    }
    assert_int_equal(fake.begun_count, 1);
    assert_int_equal(bench.free_count, 4);
}

static void a_cancelled_exporter_takes_nothing_more(void **state)
{
    struct sender sender;
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type, ONE_TASK);
    slu_scope_cancel(bench.scope);
    send(&bench, "x", &sender);
    assert_int_equal(sender.answer_count, 1);
    assert_int_equal(sender.answer.kind, OUTCOME_LATER);
    assert_string_equal(sender.answer.reason, "fake/1: the exporter is stopping");
    bench_close(&bench);
    assert_int_equal(fake.begun_count, 0);
}

static void a_failure_is_tried_again_until_it_is_taken(void **state)
{
    static const struct outcome script[] = {
        {.kind = OUTCOME_LATER, .reason = "busy"},
        {.kind = OUTCOME_LATER, .retry_ns = 3 * MS_NS, .reason = "busy"},
        {.kind = OUTCOME_TAKEN, .refused_count = 1, .reason = "one was old"}};
    struct sender sender;
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type, ONE_TASK "retry_on_failure: {initial_interval: 1ns}\n");
    fake.script = script;
    fake.script_len = 3;
    send(&bench, "x", &sender);
    watch_await(&sender.answer_count, 1);
    assert_int_equal(fake.sent_count, 3);
    assert_int_equal(sender.answer.kind, OUTCOME_TAKEN);
    assert_int_equal(sender.answer.refused_count, 1);
    assert_string_equal(sender.answer.reason, "one was old");
    assert_true(fake.began_ns[2] - fake.began_ns[1] >= 3 * MS_NS);
    assert_int_equal(stats_of(&bench).failed_count, 2);
    assert_int_equal(stats_of(&bench).sent_count, 1);
    assert_int_equal(stats_of(&bench).lost_count, 1);
    bench_close(&bench);
}

static void what_is_refused_is_not_tried_again(void **state)
{
    static const struct outcome script[] = {{.kind = OUTCOME_REFUSED, .reason = "no"}};
    struct sender sender;
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type, ONE_TASK);
    fake.script = script;
    fake.script_len = 1;
    send(&bench, "x", &sender);
    watch_await(&sender.answer_count, 1);
    assert_int_equal(sender.answer.kind, OUTCOME_REFUSED);
    assert_string_equal(sender.answer.reason, "no");
    assert_int_equal(fake.sent_count, 1);
    assert_int_equal(stats_of(&bench).lost_count, 2);
    assert_int_equal(stats_of(&bench).failed_count, 0);
    bench_close(&bench);
}

/* Each by its own reason; the sender, who still has the message, is told to send it again. */
static void what_is_given_up_goes_back_to_the_sender(void **state)
{
    static const struct outcome script[] = {{.kind = OUTCOME_LATER, .reason = "busy"}};
    static const char *const texts[] = {
        ONE_TASK "retry_on_failure: {enabled: false}\n",
        ONE_TASK "retry_on_failure: {max_elapsed_time: 1ns}\n",
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sender sender;
        struct bench bench;
        bench_open(&bench, i == 2 ? &local_type : &remote_type, texts[i % 2]);
        fake.script = script;
        fake.script_len = 1;
        send(&bench, "x", &sender);
        watch_await(&sender.answer_count, 1);
        assert_int_equal(sender.answer.kind, OUTCOME_LATER);
        assert_string_equal(sender.answer.reason, "busy");
        assert_int_equal(fake.sent_count, 1);
        assert_int_equal(stats_of(&bench).lost_count, 0);
        assert_int_equal(stats_of(&bench).failed_count, 1);
        bench_close(&bench);
    }
}

static void a_wait_for_the_next_try_ends_with_the_scope(void **state)
{
    static const struct outcome script[] = {{.kind = OUTCOME_LATER, .reason = "busy"}};
    struct sender senders[2];
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type,
               ONE_TASK "retry_on_failure: {initial_interval: 24h, max_interval: 24h}\n");
    fake.script = script;
    fake.script_len = 1;
    send(&bench, "x", &senders[0]);
    send(&bench, "y", &senders[1]);
    watch_await(&fake.begun_count, 1);
    bench_close(&bench);
    assert_int_equal(senders[0].answer_count, 1);
    assert_int_equal(senders[0].answer.kind, OUTCOME_LATER);
    assert_int_equal(senders[1].answer_count, 1);
    assert_int_equal(fake.sent_count, 1);
}

static void as_many_messages_are_under_way_as_there_are_consumers(void **state)
{
    struct sender senders[6];
    struct bench bench;
    (void)state;
    bench_open(&bench, &remote_type, "sending_queue: {enabled: false, num_consumers: 4}\n");
    fake.needs_permits = true;
    for (int i = 0; i < 6; i++) {
        send(&bench, "x", &senders[i]);
    }
    watch_await(&fake.begun_count, 4);
    assert_int_equal(stats_of(&bench).waiting_count, 2);
    atomic_store(&fake.permit_count, 100);
    watch_tell();
    for (int i = 0; i < 6; i++) {
        watch_await(&senders[i].answer_count, 1);
    }
    bench_close(&bench);
}

static void an_instant_exporter_answers_on_the_senders_thread(void **state)
{
    struct sender sender;
    struct bench bench;
    (void)state;
    bench_open(&bench, &instant_type, "");
    send(&bench, "x", &sender);
    assert_int_equal(sender.answer_count, 1);
    assert_int_equal(sender.answer.kind, OUTCOME_TAKEN);
    bench_close(&bench);
}

struct many {
    struct bench *bench;
    struct sender senders[60];
};

static void *send_many(void *arg)
{
    struct many *many = arg;
    for (int i = 0; i < 60; i++) {
        send(many->bench, "m", &many->senders[i]);
    }
    return NULL;
}

/* Some are sent, some refused by a line of three, some find it stopping: each is answered once. */
static void every_sender_of_many_threads_is_answered_once(void **state)
{
    static struct many many[4];
    (void)state;
    for (uint64_t round = 0; round < test_rounds(10); round++) {
        pthread_t threads[4];
        struct bench bench;
        bench_open(&bench, &remote_type,
                   "sending_queue: {enabled: false, num_consumers: 3, queue_size: 3}\n");
        for (int i = 0; i < 4; i++) {
            many[i].bench = &bench;
            assert_int_equal(pthread_create(&threads[i], NULL, send_many, &many[i]), 0);
        }
        watch_await(&fake.begun_count, 2);
        if (round % 2 == 1) {
            slu_scope_cancel(bench.scope);
        }
        for (int i = 0; i < 4; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        bench_close(&bench);
        for (int i = 0; i < 240; i++) {
            assert_int_equal(many[i / 60].senders[i % 60].answer_count, 1);
        }
        assert_int_equal(bench.free_count, 240);
    }
}

static void an_exporter_that_cannot_be_made_leaves_nothing(void **state)
{
    bool was_hit = true;
    (void)state;
    for (uint64_t nth = 1; was_hit; nth++) {
        struct bench bench;
        bench_prepare(&bench, ONE_TASK);
        int64_t live_count = alloc_live_count();
        uint64_t used_bytes = budget_used(bench.budget);
        alloc_fault_at(nth);
        int err = bench_try(&bench, &remote_type);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err != 0, was_hit);
        if (err != 0) {
            assert_null(bench.exporter);
            assert_int_equal(budget_used(bench.budget), used_bytes);
            assert_int_equal(alloc_live_count(), live_count);
        }
        bench_close(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_sent_in_the_order_in_which_they_came),
        cmocka_unit_test(a_full_line_refuses_with_later_and_goes_on),
        cmocka_unit_test(what_waits_is_answered_when_the_exporter_goes),
        cmocka_unit_test(a_cancelled_exporter_takes_nothing_more),
        cmocka_unit_test(a_failure_is_tried_again_until_it_is_taken),
        cmocka_unit_test(what_is_refused_is_not_tried_again),
        cmocka_unit_test(what_is_given_up_goes_back_to_the_sender),
        cmocka_unit_test(a_wait_for_the_next_try_ends_with_the_scope),
        cmocka_unit_test(as_many_messages_are_under_way_as_there_are_consumers),
        cmocka_unit_test(an_instant_exporter_answers_on_the_senders_thread),
        cmocka_unit_test(every_sender_of_many_threads_is_answered_once),
        cmocka_unit_test(an_exporter_that_cannot_be_made_leaves_nothing),
    };
    return TEST_RUN("exporter_line", tests);
}
