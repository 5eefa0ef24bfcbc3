/* Payloads, their bytes, and what becomes of those who wait for them. */
#include "pipeline/payload.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "flow.h"
#include "harness.h"

static const struct outcome taken = {.kind = OUTCOME_TAKEN};

static void a_delivery_is_answered_when_the_last_that_it_waits_for_has_ended(void **state)
{
    _Atomic unsigned free_count = 0;
    struct sender sender;
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    uint64_t used_bytes = budget_used(budget);
    sender_begin(&sender);
    struct payload *first = payload_of(budget, "one", 1, &free_count, &sender.delivery);
    struct payload *second = payload_of(budget, "two", 2, &free_count, &sender.delivery);
    payload_end(first, &taken);
    delivery_end(&sender.delivery);
    assert_int_equal(sender.answer_count, 0);
    payload_end(second, &taken);
    assert_int_equal(sender.answer_count, 1);
    assert_int_equal(sender.answer.kind, OUTCOME_TAKEN);
    assert_int_equal(free_count, 2);
    assert_int_equal(budget_used(budget), used_bytes);
    slu_budget_destroy(&budget);
}

static void a_delivery_without_payloads_is_answered_at_its_end(void **state)
{
    struct sender sender;
    (void)state;
    sender_begin(&sender);
    assert_int_equal(sender.answer_count, 0);
    delivery_end(&sender.delivery);
    assert_int_equal(sender.answer_count, 1);
    assert_int_equal(sender.answer.kind, OUTCOME_TAKEN);
}

struct merge_case {
    struct outcome outcomes[3];
    struct outcome merged;
};

static void the_worst_outcome_prevails_whatever_the_order(void **state)
{
    static const struct merge_case cases[] = {
        {{{OUTCOME_TAKEN, 0, 0, ""}, {OUTCOME_TAKEN, 0, 0, ""}, {OUTCOME_TAKEN, 0, 0, ""}},
         {OUTCOME_TAKEN, 0, 0, ""}},
        {{{OUTCOME_TAKEN, 0, 2, "bad"}, {OUTCOME_TAKEN, 0, 3, ""}, {OUTCOME_TAKEN, 0, 0, ""}},
         {OUTCOME_TAKEN, 0, 5, "bad"}},
        {{{OUTCOME_TAKEN, 0, 0, ""}, {OUTCOME_LATER, 5, 0, "full"}, {OUTCOME_TAKEN, 0, 0, ""}},
         {OUTCOME_LATER, 5, 0, "full"}},
        {{{OUTCOME_LATER, 5, 0, "full"}, {OUTCOME_LATER, 9, 0, ""}, {OUTCOME_TAKEN, 0, 1, ""}},
         {OUTCOME_LATER, 9, 1, "full"}},
        {{{OUTCOME_LATER, 5, 0, "full"},
          {OUTCOME_REFUSED, 0, 0, "never"},
          {OUTCOME_TAKEN, 0, 0, ""}},
         {OUTCOME_REFUSED, 5, 0, "never"}},
        {{{OUTCOME_TAKEN, 0, 1, "some"}, {OUTCOME_LATER, 1, 0, "full"}, {OUTCOME_TAKEN, 0, 1, ""}},
         {OUTCOME_LATER, 1, 2, "full"}},
    };
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 6; i++) {
        const struct merge_case *one = &cases[i / 6];
        _Atomic unsigned free_count = 0;
        struct sender sender;
        sender_begin(&sender);
        for (int k = 0; k < 3; k++) {
            payload_end(payload_of(budget, "x", 1, &free_count, &sender.delivery),
                        &one->outcomes[orders[i % 6][k]]);
        }
        delivery_end(&sender.delivery);
        assert_int_equal(sender.answer_count, 1);
        assert_int_equal(sender.answer.kind, one->merged.kind);
        assert_int_equal(sender.answer.retry_ns, one->merged.retry_ns);
        assert_int_equal(sender.answer.refused_count, one->merged.refused_count);
        assert_string_equal(sender.answer.reason, one->merged.reason);
    }
    slu_budget_destroy(&budget);
}

static void clones_share_bytes_which_go_with_the_last_once(void **state)
{
    _Atomic unsigned free_count = 0;
    struct payload *clones[8];
    struct sender sender;
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    uint64_t used_bytes = budget_used(budget);
    sender_begin(&sender);
    struct payload *payload = payload_of(budget, "bytes", 3, &free_count, &sender.delivery);
    delivery_end(&sender.delivery);
    assert_true(payload_is_alone(payload));
    for (int i = 0; i < 8; i++) {
        assert_int_equal(payload_clone(i == 0 ? payload : clones[i - 1], &clones[i]), 0);
        assert_ptr_equal(clones[i]->bytes.data, payload->bytes.data);
        assert_int_equal(clones[i]->record_count, 3);
        assert_null(clones[i]->next);
        assert_false(payload_is_alone(payload));
    }
    payload_end(payload, &taken);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(free_count, 0);
        assert_int_equal(sender.answer_count, 0);
        assert_int_equal(payload_is_alone(clones[i]), i == 7);
        payload_end(clones[i], &taken);
    }
    assert_int_equal(free_count, 1);
    assert_int_equal(sender.answer_count, 1);
    assert_int_equal(budget_used(budget), used_bytes);
    slu_budget_destroy(&budget);
}

/* A block with a text, as what is joined lies in. */
static struct block block_of(struct slu_budget *budget, const char *text)
{
    struct block block = {0};
    assert_int_equal(block_begin(budget, strlen(text), &block), 0);
    assert_int_equal(block_append(budget, &block, text, strlen(text)), 0);
    return block;
}

static void a_gathered_payload_frees_its_sources_bytes_and_ends_them_with_itself(void **state)
{
    _Atomic unsigned free_count = 0;
    struct sender senders[3];
    struct payload *list = NULL;
    struct payload *whole = NULL;
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    uint64_t used_bytes = budget_used(budget);
    for (int i = 0; i < 3; i++) {
        sender_begin(&senders[i]);
        struct payload *source = payload_of(budget, "x", 10, &free_count, &senders[i].delivery);
        delivery_end(&senders[i].delivery);
        source->arrived_ns = 7;
        source->next = list;
        list = source;
    }
    struct block block = block_of(budget, "xxx");
    assert_int_equal(payload_gather(budget, list, &block, &whole), 0);
    assert_null(block.data);
    assert_int_equal(free_count, 3);
    assert_int_equal(whole->record_count, 30);
    assert_int_equal(whole->signal, OTLP_LOGS);
    assert_int_equal(whole->arrived_ns, 7);
    assert_memory_equal(whole->bytes.data, "xxx", 3);
    payload_end_later(whole, 99, "no %s", "room");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(senders[i].answer_count, 1);
        assert_int_equal(senders[i].answer.kind, OUTCOME_LATER);
        assert_int_equal(senders[i].answer.retry_ns, 99);
        assert_string_equal(senders[i].answer.reason, "no room");
    }
    assert_int_equal(budget_used(budget), used_bytes);
    slu_budget_destroy(&budget);
}

/* Whose records they were is lost in a batch; that they are as many as were refused is not. */
static void records_refused_of_a_gathered_payload_are_told_once(void **state)
{
    _Atomic unsigned free_count = 0;
    struct sender senders[3];
    struct payload *list = NULL;
    struct payload *whole = NULL;
    struct outcome partly = {.kind = OUTCOME_TAKEN, .refused_count = 14, .reason = "too old"};
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    for (int i = 2; i >= 0; i--) {
        sender_begin(&senders[i]);
        struct payload *source = payload_of(budget, "x", 10, &free_count, &senders[i].delivery);
        delivery_end(&senders[i].delivery);
        source->next = list;
        list = source;
    }
    struct block block = block_of(budget, "xxx");
    assert_int_equal(payload_gather(budget, list, &block, &whole), 0);
    payload_end(whole, &partly);
    assert_int_equal(senders[0].answer.refused_count, 10);
    assert_int_equal(senders[1].answer.refused_count, 4);
    assert_int_equal(senders[2].answer.refused_count, 0);
    assert_string_equal(senders[1].answer.reason, "too old");
    assert_string_equal(senders[2].answer.reason, "");
    slu_budget_destroy(&budget);
}

static void a_reason_that_is_too_long_is_cut(void **state)
{
    _Atomic unsigned free_count = 0;
    struct sender sender;
    char reason[1000];
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    memset(reason, 'r', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    sender_begin(&sender);
    struct payload *payload = payload_of(budget, "x", 1, &free_count, &sender.delivery);
    delivery_end(&sender.delivery);
    payload_end_later(payload, 0, "%s", reason);
    assert_int_equal(strlen(sender.answer.reason), SLU_DIAG_MESSAGE_MAX - 1);
    slu_budget_destroy(&budget);
}

static void a_payload_that_nobody_waits_for_ends_all_the_same(void **state)
{
    _Atomic unsigned free_count = 0;
    struct payload *clone = NULL;
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    struct payload *payload = payload_of(budget, "x", 1, &free_count, NULL);
    assert_int_equal(payload_clone(payload, &clone), 0);
    payload_end_taken(payload);
    assert_int_equal(free_count, 0);
    payload_end_later(clone, 1, "later");
    assert_int_equal(free_count, 1);
    slu_budget_destroy(&budget);
}

/* create_block, clone, gather: 0 if all could be done; everything is ended whatever happens. */
static int make_all(struct slu_budget *budget, struct sender *sender)
{
    struct payload *payload = NULL;
    struct payload *clone = NULL;
    struct payload *whole = NULL;
    struct block block = {0};
    int err = block_begin(budget, 16, &block);
    if (err == 0) {
        err = payload_create_block(budget, &block, &payload);
    }
    if (err == 0) {
        assert_null(block.data);
        payload_deliver(payload, &sender->delivery);
        err = payload_clone(payload, &clone);
    }
    if (err == 0) {
        payload->next = clone;
        err = block_begin(budget, 16, &block);
    }
    if (err == 0) {
        err = payload_gather(budget, payload, &block, &whole);
    }
    if (err == 0) {
        payload_end_taken(whole);
    } else if (payload != NULL) {
        payload_end_all(payload, &taken);
    }
    block_free(budget, &block);
    return err;
}

static void without_memory_nothing_changes(void **state)
{
    struct sender sender;
    bool was_hit = true;
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    uint64_t used_bytes = budget_used(budget);
    for (uint64_t nth = 1; was_hit; nth++) {
        sender_begin(&sender);
        alloc_fault_at(nth);
        int err = make_all(budget, &sender);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        assert_int_equal(sender.answer_count, 0);
        delivery_end(&sender.delivery);
        assert_int_equal(sender.answer_count, 1);
        assert_int_equal(budget_used(budget), used_bytes);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delivery_is_answered_when_the_last_that_it_waits_for_has_ended),
        cmocka_unit_test(a_delivery_without_payloads_is_answered_at_its_end),
        cmocka_unit_test(the_worst_outcome_prevails_whatever_the_order),
        cmocka_unit_test(clones_share_bytes_which_go_with_the_last_once),
        cmocka_unit_test(a_gathered_payload_frees_its_sources_bytes_and_ends_them_with_itself),
        cmocka_unit_test(records_refused_of_a_gathered_payload_are_told_once),
        cmocka_unit_test(a_reason_that_is_too_long_is_cut),
        cmocka_unit_test(a_payload_that_nobody_waits_for_ends_all_the_same),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return TEST_RUN("payload", tests);
}
