/* Threads that end the payloads of one delivery, and of one block of bytes, at the same time. */
#include "pipeline/payload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "flow.h"
#include "harness.h"

#define THREADS  4
#define PAYLOADS 16 /* a thread and round */

struct round {
    pthread_barrier_t begin;
    struct payload *payloads[THREADS][PAYLOADS];
    const char *text;
};

struct worker {
    struct round *round;
    unsigned number;
};

/* Reads the bytes, clones, ends both. */
static void *work(void *arg)
{
    const struct worker *worker = arg;
    (void)pthread_barrier_wait(&worker->round->begin);
    for (int i = 0; i < PAYLOADS; i++) {
        struct payload *payload = worker->round->payloads[worker->number][i];
        struct payload *clone = NULL;
        bool is_whole = memcmp(payload->bytes.data, worker->round->text, payload->bytes.len) == 0;
        int err = payload_clone(payload, &clone);
        struct outcome outcome = {.kind = OUTCOME_TAKEN, .refused_count = is_whole ? 1 : 1000000};
        payload_end(payload, &outcome);
        if (err == 0) {
            payload_end(clone, &outcome);
        }
    }
    return NULL;
}

static void run_round(struct round *round)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    assert_int_equal(pthread_barrier_init(&round->begin, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){round, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&round->begin), 0);
}

static void payloads_of_one_delivery_end_on_many_threads_with_one_answer(void **state)
{
    static struct round round = {.text = "shared bytes"};
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    uint64_t used_bytes = budget_used(budget);
    for (uint64_t k = 0; k < test_rounds(30); k++) {
        _Atomic unsigned free_count = 0;
        struct sender sender;
        sender_begin(&sender);
        struct payload *first = payload_of(budget, round.text, 1, &free_count, &sender.delivery);
        for (int i = 0; i < THREADS * PAYLOADS; i++) {
            assert_int_equal(payload_clone(first, &round.payloads[i / PAYLOADS][i % PAYLOADS]), 0);
        }
        payload_end_taken(first);
        delivery_end(&sender.delivery);
        run_round(&round);
        assert_int_equal(sender.answer_count, 1);
        assert_int_equal(sender.answer.refused_count, 2 * THREADS * PAYLOADS);
        assert_int_equal(free_count, 1);
        assert_int_equal(budget_used(budget), used_bytes);
    }
    slu_budget_destroy(&budget);
}

/* Each thread's payloads are batches of two senders: the sender's answer crosses gatherings. */
static void gathered_payloads_of_the_same_senders_end_on_many_threads(void **state)
{
    static struct round round = {.text = "both"};
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    uint64_t used_bytes = budget_used(budget);
    for (uint64_t k = 0; k < test_rounds(10); k++) {
        _Atomic unsigned free_count = 0;
        struct sender senders[2];
        sender_begin(&senders[0]);
        sender_begin(&senders[1]);
        for (int i = 0; i < THREADS * PAYLOADS; i++) {
            struct payload *list = payload_of(budget, "bo", 1, &free_count, &senders[0].delivery);
            list->next = payload_of(budget, "th", 1, &free_count, &senders[1].delivery);
            struct block block = {0};
            assert_int_equal(block_begin(budget, 4, &block), 0);
            assert_int_equal(block_append(budget, &block, "both", 4), 0);
            assert_int_equal(
                payload_gather(budget, list, &block, &round.payloads[i / PAYLOADS][i % PAYLOADS]),
                0);
        }
        delivery_end(&senders[0].delivery);
        delivery_end(&senders[1].delivery);
        run_round(&round);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(senders[i].answer_count, 1);
            assert_int_equal(senders[i].answer.kind, OUTCOME_TAKEN);
            assert_int_equal(senders[i].answer.refused_count, THREADS * PAYLOADS);
        }
        assert_int_equal(free_count, 2 * THREADS * PAYLOADS);
        assert_int_equal(budget_used(budget), used_bytes);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_of_one_delivery_end_on_many_threads_with_one_answer),
        cmocka_unit_test(gathered_payloads_of_the_same_senders_end_on_many_threads),
    };
    return TEST_RUN("payload_threads", tests);
}
