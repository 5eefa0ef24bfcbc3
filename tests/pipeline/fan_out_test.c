/* Each way gets all, and the sender hears the worst. */
#include "pipeline/fan_out.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "flow.h"
#include "harness.h"

#define WAYS 4

struct fan {
    struct slu_budget *budget;
    struct recorder ways[WAYS];
    struct stage *fan_out;
    _Atomic unsigned free_count;
};

static void fan_open(struct fan *fan, size_t ways)
{
    struct stage *next[WAYS];
    memset(fan, 0, sizeof(*fan));
    fan->budget = budget_of(FLOW_BYTES);
    for (size_t i = 0; i < WAYS; i++) {
        recorder_init(&fan->ways[i]);
        next[i] = &fan->ways[i].stage;
    }
    assert_int_equal(fan_out_create(fan->budget, next, ways, &fan->fan_out), 0);
}

static void fan_close(struct fan *fan)
{
    for (size_t i = 0; i < WAYS; i++) {
        recorder_deinit(&fan->ways[i]);
    }
    fan_out_destroy(fan->fan_out);
    slu_budget_destroy(&fan->budget);
}

static void send(struct fan *fan, const char *text, struct sender *sender)
{
    sender_begin(sender);
    stage_consume(fan->fan_out,
                  payload_of(fan->budget, text, 3, &fan->free_count, &sender->delivery), 0);
    delivery_end(&sender->delivery);
}

static void each_way_gets_all_without_a_copy_of_the_bytes(void **state)
{
    struct fan fan;
    struct sender sender;
    (void)state;
    fan_open(&fan, WAYS);
    for (int i = 0; i < WAYS; i++) {
        fan.ways[i].holds = true;
    }
    send(&fan, "bytes", &sender);
    for (int i = 0; i < WAYS; i++) {
        assert_int_equal(fan.ways[i].count, 1);
        assert_int_equal(fan.ways[i].record_counts[0], 3);
        assert_string_equal(fan.ways[i].texts[0], "bytes");
        assert_ptr_equal(fan.ways[i].held->bytes.data, fan.ways[0].held->bytes.data);
    }
    assert_int_equal(sender.answer_count, 0);
    for (int i = 0; i < WAYS; i++) {
        struct outcome taken = {.kind = OUTCOME_TAKEN};
        assert_int_equal(fan.free_count, 0);
        assert_int_equal(sender.answer_count, 0);
        recorder_release(&fan.ways[i], &taken);
    }
    assert_int_equal(fan.free_count, 1);
    assert_int_equal(sender.answer_count, 1);
    assert_int_equal(sender.answer.kind, OUTCOME_TAKEN);
    fan_close(&fan);
}

static void one_way_is_a_way(void **state)
{
    struct fan fan;
    struct sender sender;
    (void)state;
    fan_open(&fan, 1);
    send(&fan, "x", &sender);
    assert_int_equal(fan.ways[0].count, 1);
    assert_int_equal(fan.ways[1].count, 0);
    assert_int_equal(sender.answer_count, 1);
    fan_close(&fan);
}

static void what_one_way_says_reaches_the_sender_whichever_it_is(void **state)
{
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        struct fan fan;
        struct sender sender;
        fan_open(&fan, WAYS);
        fan.ways[way].outcome =
            (struct outcome){.kind = OUTCOME_LATER, .retry_ns = 7, .reason = "full"};
        send(&fan, "x", &sender);
        assert_int_equal(sender.answer_count, 1);
        assert_int_equal(sender.answer.kind, OUTCOME_LATER);
        assert_int_equal(sender.answer.retry_ns, 7);
        assert_string_equal(sender.answer.reason, "full");
        fan.ways[(way + 1) % WAYS].outcome =
            (struct outcome){.kind = OUTCOME_REFUSED, .reason = "never"};
        send(&fan, "y", &sender);
        assert_int_equal(sender.answer.kind, OUTCOME_REFUSED);
        assert_string_equal(sender.answer.reason, "never");
        fan_close(&fan);
    }
}

static void without_memory_for_a_copy_no_way_gets_it(void **state)
{
    bool was_hit = true;
    (void)state;
    for (uint64_t nth = 1; was_hit; nth++) {
        struct fan fan;
        struct sender sender;
        fan_open(&fan, WAYS);
        sender_begin(&sender);
        struct payload *payload = payload_of(fan.budget, "x", 3, &fan.free_count, &sender.delivery);
        alloc_fault_at(nth);
        stage_consume(fan.fan_out, payload, 0);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        delivery_end(&sender.delivery);
        for (int i = 0; i < WAYS; i++) {
            assert_int_equal(fan.ways[i].count, was_hit ? 0 : 1);
        }
        assert_int_equal(sender.answer_count, 1);
        assert_int_equal(sender.answer.kind, was_hit ? OUTCOME_LATER : OUTCOME_TAKEN);
        assert_int_equal(fan.fan_out->refused_count, was_hit ? 3 : 0);
        assert_int_equal(fan.fan_out->in_count, 3);
        assert_int_equal(fan.free_count, 1);
        fan_close(&fan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_gets_all_without_a_copy_of_the_bytes),
        cmocka_unit_test(one_way_is_a_way),
        cmocka_unit_test(what_one_way_says_reaches_the_sender_whichever_it_is),
        cmocka_unit_test(without_memory_for_a_copy_no_way_gets_it),
    };
    return TEST_RUN("fan_out", tests);
}
