/* Batches with senders on many threads, the real clock, and a drain in the middle. */
#include "pipeline/batch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "budget.h"
#include "flow.h"
#include "harness.h"
#include "log_message.h"
#include "pipeline/flush_clock.h"

#define THREADS  4
#define MESSAGES 50 /* a thread */
#define RECORDS  11 /* a message */
#define IDS      ((size_t)THREADS * MESSAGES * RECORDS)

/* Each record is seen once, whatever batch it came in. */
struct census {
    struct stage stage;
    _Atomic unsigned seen[IDS];
    _Atomic unsigned batch_count;
    uint64_t largest;
    struct mutex lock;
};

static void census_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct census *census = (struct census *)stage;
    uint64_t ids[IDS];
    (void)now_ns;
    size_t count = log_ids(payload->bytes, ids, IDS);
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&census->seen[ids[i]], 1);
    }
    mutex_lock(&census->lock);
    census->largest = count > census->largest ? count : census->largest;
    mutex_unlock(&census->lock);
    atomic_fetch_add(&census->batch_count, 1);
    payload_end_taken(payload);
    watch_tell();
}

struct crowd {
    struct slu_budget *budget;
    struct stage *batch;
    uint64_t number;
    struct sender senders[MESSAGES];
};

static void *send_all(void *arg)
{
    struct crowd *crowd = arg;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        uint64_t first_id = (crowd->number * MESSAGES + i) * RECORDS;
        sender_begin(&crowd->senders[i]);
        stage_consume(crowd->batch,
                      log_payload(crowd->budget, first_id, RECORDS, 5, &crowd->senders[i].delivery),
                      slu_clock_monotonic_ns());
        delivery_end(&crowd->senders[i].delivery);
    }
    return NULL;
}

struct party {
    struct slu_budget *budget;
    struct slu_scope *scope;
    struct flush_clock *clock;
    struct census census;
    struct stage *batch;
    struct crowd crowds[THREADS];
};

static void party_open(struct party *party, const struct batch_options *options)
{
    struct slu_scope_options scope_options = {
        .name = "test", .task_max = 1, .callback_max = 4, .task_stack_bytes = 256 * 1024};
    memset(party, 0, sizeof(*party));
    party->budget = budget_of(FLOW_BYTES);
    scope_options.budget = party->budget;
    assert_int_equal(slu_scope_create(NULL, &scope_options, NULL, &party->scope), 0);
    assert_int_equal(flush_clock_create(party->budget, party->scope, &party->clock), 0);
    party->census.stage.consume = census_consume;
    mutex_init(&party->census.lock);
    assert_int_equal(batch_create(party->budget, "batch", options, party->clock,
                                  &party->census.stage, &party->batch),
                     0);
    for (uint64_t i = 0; i < THREADS; i++) {
        party->crowds[i].budget = party->budget;
        party->crowds[i].batch = party->batch;
        party->crowds[i].number = i;
    }
}

static void party_send(struct party *party, bool drains)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &party->crowds[i]), 0);
    }
    if (drains) {
        batch_drain(party->batch, slu_clock_monotonic_ns());
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void party_close(struct party *party)
{
    assert_int_equal(slu_scope_close(&party->scope), 0);
    batch_drain(party->batch, slu_clock_monotonic_ns());
    for (size_t i = 0; i < IDS; i++) {
        assert_int_equal(party->census.seen[i], 1);
    }
    for (size_t i = 0; i < (size_t)THREADS * MESSAGES; i++) {
        const struct sender *sender = &party->crowds[i / MESSAGES].senders[i % MESSAGES];
        assert_int_equal(sender->answer_count, 1);
        assert_int_equal(sender->answer.kind, OUTCOME_TAKEN);
    }
    batch_destroy(party->batch);
    flush_clock_destroy(&party->clock);
    mutex_deinit(&party->census.lock);
    slu_budget_destroy(&party->budget);
}

static void every_record_of_many_threads_comes_once_and_every_sender_is_answered_once(void **state)
{
    static const struct batch_options options[] = {
        {.timeout_ns = UINT64_C(1000000), .send_batch_size = 64, .send_batch_max_size = 64},
        {.timeout_ns = UINT64_C(1000000), .send_batch_size = 100, .send_batch_max_size = 0},
        {.timeout_ns = UINT64_C(3600000000000), .send_batch_size = 30, .send_batch_max_size = 37},
        {.timeout_ns = 0, .send_batch_size = 0, .send_batch_max_size = 7},
    };
    static struct party party;
    (void)state;
    for (uint64_t round = 0; round < test_rounds(8); round++) {
        const struct batch_options *one = &options[round % 4];
        party_open(&party, one);
        party_send(&party, round % 3 == 2);
        party_close(&party);
        assert_true(one->send_batch_max_size == 0 ||
                    party.census.largest <= one->send_batch_max_size);
    }
}

static void the_clock_hands_on_what_is_not_enough(void **state)
{
    static const struct batch_options options = {
        .timeout_ns = UINT64_C(1000000), .send_batch_size = 1000000, .send_batch_max_size = 0};
    static struct party party;
    (void)state;
    party_open(&party, &options);
    party_send(&party, false);
    for (int i = 0; i < THREADS * MESSAGES; i++) {
        watch_await(&party.crowds[i / MESSAGES].senders[i % MESSAGES].answer_count, 1);
    }
    party_close(&party);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_of_many_threads_comes_once_and_every_sender_is_answered_once),
        cmocka_unit_test(the_clock_hands_on_what_is_not_enough),
    };
    return TEST_RUN("batch_threads", tests);
}
