/* The queue beside an array that does the same: random appends, takes, acks, returns, restarts. */
#include "fixture.h"
#include "simulated_io.h"

#define TAG_MAX   20000
#define HELD_MOST 12

enum model_state {
    MODEL_WAITING,
    MODEL_OUT,
    MODEL_RETURNED,
    MODEL_ACKED,
};

struct model {
    struct simulated_disk *disk;
    struct slu_budget *budget;
    struct test_random random;
    struct queue *queue;
    struct queue_entry out[HELD_MOST];
    size_t out_count;
    uint64_t appended;  /* the highest tag */
    uint64_t committed; /* the highest that can come out */
    uint64_t now_ns;
    enum model_state states[TAG_MAX];
};

static void model_open(struct model *model)
{
    struct queue_options options = store_options(model->budget, "simulated");
    options.segment_bytes = 4096 + 512 * test_random_below(&model->random, 24);
    options.size_bytes_max = 1 << 17;
    options.staging_bytes_max = 1 << 14;
    options.held_max = HELD_MOST;
    options.policy = test_random_below(&model->random, 2) == 0 ? QUEUE_SYNC : QUEUE_RELAXED;
    options.io = simulated_disk_io(model->disk);
    model->queue = store_queue(options);
}

static void model_append(struct model *model)
{
    if (model->appended + 1 < TAG_MAX &&
        store_append(model->queue, model->appended + 1, NULL, NULL) == 0) {
        model->appended++;
    }
}

static void model_commit(struct model *model)
{
    model->now_ns += test_random_below(&model->random, UINT64_C(200000000));
    queue_commit(model->queue, model->now_ns);
    model->committed = model->appended;
}

/* The lowest returned one, else the lowest waiting one if the table has room for it. */
static uint64_t expected_next(const struct model *model)
{
    uint64_t oldest = 0;
    for (uint64_t tag = 1; tag <= model->committed; tag++) {
        if (model->states[tag] == MODEL_RETURNED) {
            return tag;
        }
    }
    for (uint64_t tag = 1; tag <= model->committed; tag++) {
        if (oldest == 0 && model->states[tag] != MODEL_ACKED) {
            oldest = tag;
        }
        if (model->states[tag] == MODEL_WAITING) {
            return tag - oldest < HELD_MOST ? tag : 0;
        }
    }
    return 0;
}

static void model_take(struct model *model)
{
    struct queue_entry entry;
    uint64_t expected = expected_next(model);
    assert_int_equal(store_take(model->queue, model->budget, &entry), expected);
    if (expected != 0) {
        model->states[expected] = MODEL_OUT;
        model->out[model->out_count++] = entry;
    }
}

static void model_give_back(struct model *model, bool is_ack)
{
    if (model->out_count == 0) {
        return;
    }
    size_t at = (size_t)test_random_below(&model->random, model->out_count);
    uint64_t tag = model->out[at].tag;
    if (is_ack) {
        queue_ack(model->queue, &model->out[at]);
    } else {
        queue_return(model->queue, &model->out[at]);
    }
    model->states[tag] = is_ack ? MODEL_ACKED : MODEL_RETURNED;
    model->out[at] = model->out[--model->out_count];
}

/* Acks behind one that is missing are forgotten: the position is one number. */
static void model_restart(struct model *model)
{
    queue_close(&model->queue);
    simulated_disk_restart(model->disk); /* closing left nothing unsynced */
    model->committed = model->appended;
    bool is_acked = true;
    for (uint64_t tag = 1; tag <= model->appended; tag++) {
        is_acked = is_acked && model->states[tag] == MODEL_ACKED;
        model->states[tag] = is_acked ? MODEL_ACKED : MODEL_WAITING;
    }
    model->out_count = 0;
    model_open(model);
}

static void model_check(struct model *model)
{
    struct queue_stats stats = store_stats(model->queue);
    uint64_t waiting_count = 0;
    uint64_t oldest = 0;
    for (uint64_t tag = 1; tag <= model->committed; tag++) {
        bool is_waiting = model->states[tag] != MODEL_ACKED;
        oldest = oldest == 0 && is_waiting ? tag : oldest;
        waiting_count += is_waiting;
    }
    assert_int_equal(stats.waiting_count, waiting_count);
    assert_int_equal(stats.waiting_bytes == 0, waiting_count == 0);
    assert_int_equal(stats.oldest_time_ns, oldest * 1000);
    assert_int_equal(stats.held_count, model->out_count);
    assert_int_equal(stats.staged_count, model->appended - model->committed);
    assert_true(stats.disk_bytes >= stats.waiting_bytes && stats.disk_bytes <= 1 << 17);
    assert_int_equal(stats.damaged_count + stats.disk_error_count + stats.torn_bytes, 0);
}

static void model_act(struct model *model)
{
    switch (test_random_below(&model->random, 12)) {
    case 0:
    case 1:
    case 2:
        model_append(model);
        break;
    case 3:
    case 4:
        model_commit(model);
        break;
    case 5:
    case 6:
    case 7:
        model_take(model);
        break;
    case 8:
    case 9:
        model_give_back(model, true);
        break;
    case 10:
        model_give_back(model, test_random_below(&model->random, 3) != 0);
        break;
    default:
        if (test_random_below(&model->random, 12) == 0) {
            model_restart(model);
        }
        model_check(model);
    }
}

static void the_queue_does_what_an_array_would_do(void **state)
{
    (void)state;
    struct test_random random = test_random_start(7);
    for (uint64_t round = 0; round < test_rounds(30); round++) {
        static struct model model;
        model = (struct model){.disk = simulated_disk_make(round),
                               .budget = budget_of(STORE_BUDGET_BYTES),
                               .random = {.state = test_random_next(&random)}};
        uint64_t used_bytes = budget_used(model.budget);
        model_open(&model);
        for (int act = 0; act < 2000; act++) {
            model_act(&model);
        }
        queue_close(&model.queue);
        assert_int_equal(budget_used(model.budget), used_bytes);
        slu_budget_destroy(&model.budget);
        simulated_disk_free(&model.disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_does_what_an_array_would_do),
    };
    return TEST_RUN("queue_model", tests);
}
