/* Questions about all series of a head at once: what they take of memory. */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define MEMORY_BYTES ((uint64_t)96 << 20)
#define QUERY_BYTES  ((uint64_t)10 << 20) /* samples as numbers would take 12.8 MB */
#define SERIES       20000
#define ROUNDS       40
#define STEP_MS      INT64_C(15000)
#define START_MS     INT64_C(1700000000000)
#define MS_NS        INT64_C(1000000)

/* A message is the number of a round: a sample of each series, of a counter that jitters. */
static int round_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                       int64_t now_ns, struct store_batch *batch)
{
    uint32_t round = 0;
    int err = 0;
    (void)arg;
    (void)now_ns;
    assert_int_equal(signal, STORE_METRICS);
    memcpy(&round, message.data, sizeof(round));
    for (uint32_t i = 0; err == 0 && i < SERIES; i++) {
        char number[16];
        int len = snprintf(number, sizeof(number), "%05u", i);
        struct label labels[] = {{{"__name__", 8}, {"http_requests_total", 19}},
                                 {{"instance", 8}, {number, (size_t)len}},
                                 {{"job", 3}, {"shop", 4}}};
        struct store_sample sample = {.labels = labels,
                                      .label_count = 3,
                                      .time_ms = START_MS + round * STEP_MS + i % 7,
                                      .number = i + round * 100 + (i ^ round) % 13};
        err = store_add_sample(batch, &sample);
    }
    return err;
}

static void told(void *arg, const struct store_outcome *outcome)
{
    (void)arg;
    assert_int_equal(outcome->err, 0);
    assert_int_equal(outcome->refused_count, 0);
}

struct answer {
    uint32_t series_count;
    uint32_t sample_count;
};

static int series_check(void *arg, const struct store_series *series)
{
    struct answer *answer = arg;
    for (size_t i = 0; i < series->count; i++) {
        uint32_t round = ROUNDS - (uint32_t)series->count + (uint32_t)i;
        uint32_t at = answer->series_count;
        assert_int_equal(series->samples[i].time_ms, START_MS + round * STEP_MS + at % 7);
        assert_true(series->samples[i].value == at + round * 100 + (at ^ round) % 13);
    }
    answer->series_count++;
    answer->sample_count += (uint32_t)series->count;
    return 0;
}

/* Ask for what came from a time on. Returns the most memory that it took. */
static uint64_t ask(struct store *store, int64_t from_ms, struct answer *answer)
{
    struct slu_budget *budget = budget_of(QUERY_BYTES);
    struct slu_budget_stats stats;
    struct store_query query = {.budget = budget, .from_ns = from_ms * MS_NS, .to_ns = INT64_MAX};
    *answer = (struct answer){.series_count = 0};
    assert_int_equal(store_samples(store, &query, STORE_NUMBER, series_check, answer), 0);
    slu_budget_stats(budget, &stats);
    slu_budget_destroy(&budget);
    return stats.high_water_bytes;
}

static void a_head_is_copied_as_it_is_kept(void **state)
{
    char directory[] = "/tmp/sluice-store-XXXXXX";
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct answer answer;
    (void)state;
    folder_make(directory);
    struct store_options options = {.budget = budget,
                                    .directory = directory,
                                    .apply = round_apply,
                                    .memory_bytes = MEMORY_BYTES,
                                    .log_bytes_max = (uint64_t)8 << 20,
                                    .series_max = SERIES};
    struct store *store = store_opened(&options);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct slu_bytes message = {&round, sizeof(round)};
        int64_t now_ns = (START_MS + round * STEP_MS + 10) * MS_NS;
        assert_int_equal(store_put(store, STORE_METRICS, message, now_ns, told, NULL), 0);
        store_commit(store, 0);
    }
    (void)ask(store, START_MS, &answer);
    assert_int_equal(answer.series_count, SERIES);
    assert_int_equal(answer.sample_count, SERIES * ROUNDS);
    (void)ask(store, START_MS + (ROUNDS - 3) * STEP_MS, &answer);
    assert_int_equal(answer.series_count, SERIES);
    assert_int_equal(answer.sample_count, SERIES * 3);
    uint64_t most = ask(store, START_MS + ROUNDS * STEP_MS, &answer);
    assert_int_equal(answer.series_count, 0);
    assert_true(most < QUERY_BYTES / 16);
    store_close(&store);
    folder_remove(directory);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_copied_as_it_is_kept),
    };
    return TEST_RUN("broad questions", tests);
}
