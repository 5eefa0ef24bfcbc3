#include "store/label_census.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "store/labels.h"
#include "store/store_state.h"

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define NOW_NS       INT64_C(1700000000000000000)
#define NAMES        100
#define STREAMS      3000

/* Streams with a hundred labels: one has a value for each stream, one has seven, the others one. */
struct bench {
    char directory[64];
    struct slu_budget *budget;
    struct store *store;
    uint32_t exploding; /* which label */
    uint32_t next;
    uint64_t refused_count;
    char reason[SLU_DIAG_MESSAGE_MAX];
};

static struct label label_make(const struct bench *bench, uint32_t name, uint32_t stream,
                               char text[24])
{
    (void)snprintf(text, 12, "l%03u", name);
    uint32_t value = name == bench->exploding                 ? stream
                     : name == (bench->exploding + 1) % NAMES ? stream % 7
                                                              : 0;
    int len = snprintf(text + 12, 12, "v%u", value);
    return (struct label){{text, 4}, {text + 12, (size_t)len}};
}

static int stream_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                        int64_t now_ns, struct store_batch *batch)
{
    struct bench *bench = arg;
    struct label labels[NAMES];
    char texts[NAMES][24];
    for (uint32_t i = 0; i < NAMES; i++) {
        labels[i] = label_make(bench, i, bench->next, texts[i]);
    }
    bench->next++;
    if (signal == STORE_METRICS) {
        struct store_sample sample = {
            .labels = labels, .label_count = NAMES, .time_ms = now_ns / 1000000};
        return store_add_sample(batch, &sample);
    }
    struct row row = {.time_ns = now_ns, .text = message};
    return store_add_row(batch, labels, NAMES, &row);
}

static void told(void *arg, const struct store_outcome *outcome)
{
    struct bench *bench = arg;
    assert_int_equal(outcome->err, 0);
    bench->refused_count += outcome->refused_count;
    memcpy(bench->reason, outcome->reason, sizeof(bench->reason));
}

static void bench_open(struct bench *bench, uint32_t exploding)
{
    *bench = (struct bench){.directory = "/tmp/sluice-census-XXXXXX", .exploding = exploding};
    folder_make(bench->directory);
    bench->budget = budget_of(BUDGET_BYTES);
    const struct store_options options = {.budget = bench->budget,
                                          .directory = bench->directory,
                                          .apply = stream_apply,
                                          .apply_arg = bench,
                                          .memory_bytes = (uint64_t)64 << 20,
                                          .series_max = STREAMS,
                                          .stream_max = STREAMS,
                                          .is_relaxed = true};
    bench->store = store_opened(&options);
}

static void bench_close(struct bench *bench)
{
    store_close(&bench->store);
    slu_budget_destroy(&bench->budget);
    folder_remove(bench->directory);
}

/* As many as there is room for, and one more. */
static void fill(struct bench *bench, enum store_signal signal)
{
    struct slu_bytes message = {"m", 1};
    while (bench->refused_count == 0) {
        assert_true(bench->next <= STREAMS);
        assert_int_equal(store_put(bench->store, signal, message, NOW_NS, told, bench), 0);
        store_commit(bench->store, 0);
    }
}

static void the_label_with_the_most_values_is_named_wherever_it_stands(void **state)
{
    static const uint32_t places[] = {0, 40, NAMES - 1};
    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        for (int signal = STORE_METRICS; signal <= STORE_LOGS; signal++) {
            struct bench bench;
            char name[16];
            bench_open(&bench, places[i]);
            fill(&bench, (enum store_signal)signal);
            (void)snprintf(name, sizeof(name), "\"l%03u\"", places[i]);
            if (strstr(bench.reason, name) == NULL) {
                fail_msg("%s: %s", name, bench.reason);
            }
            assert_non_null(strstr(bench.reason, signal == STORE_METRICS ? "series" : "streams"));
            bench_close(&bench);
        }
    }
}

static void a_text_without_room_is_cut_and_one_of_nothing_names_none(void **state)
{
    struct bench bench;
    char text[32];
    char whole[SLU_DIAG_MESSAGE_MAX];
    (void)state;
    bench_open(&bench, 0);
    memset(text, 'x', sizeof(text));
    label_census_say(&bench.store->shelves[STORE_LOGS], text, sizeof(text));
    label_census_say(&bench.store->shelves[STORE_LOGS], whole, sizeof(whole));
    assert_int_equal(strlen(text), sizeof(text) - 1);
    assert_memory_equal(text, whole, sizeof(text) - 1);
    assert_non_null(strstr(whole, "\"\""));
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_label_with_the_most_values_is_named_wherever_it_stands),
        cmocka_unit_test(a_text_without_room_is_cut_and_one_of_nothing_names_none),
    };
    return TEST_RUN("label census", tests);
}
