/*
 * Parts whose bits flip on disk: what is answered is true, what is not damaged is there, and damage
 * is told. A query that does not forgive ends with an error, or was not touched.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "store/labels.h"
#include "store/store.h"

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define SECOND_NS    INT64_C(1000000000)
#define NOW_NS       (INT64_C(1700000000) * SECOND_NS)
#define STREAMS      7
#define ROUNDS       2000 /* records of each signal */
#define PARTS        4
#define FLIPS        150

/* Record i is of stream i modulo STREAMS, at second i, and says so itself. */
struct record {
    uint32_t number;
};

static int record_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                        int64_t now_ns, struct store_batch *batch)
{
    struct record record;
    char stream[16];
    char text[64];
    (void)arg;
    (void)now_ns;
    memcpy(&record, message.data, sizeof(record));
    int stream_len = snprintf(stream, sizeof(stream), "%u", record.number % STREAMS);
    struct label labels[] = {{{"stream", 6}, {stream, (size_t)stream_len}}};
    int64_t time_ns = NOW_NS + record.number * SECOND_NS;
    if (signal == STORE_METRICS) {
        struct store_sample sample = {.labels = labels,
                                      .label_count = 1,
                                      .time_ms = time_ns / 1000000,
                                      .number = record.number * 1.5};
        return store_add_sample(batch, &sample);
    }
    int len = snprintf(text, sizeof(text), "record %u of the test", record.number);
    struct row row = {
        .time_ns = time_ns, .key = {"0123456789abcdef", 16}, .text = {text, (size_t)len}};
    return store_add_row(batch, labels, 1, &row);
}

struct bench {
    struct slu_budget *budget;
    struct store *store;
    struct store_options options;
    char directory[64];
    unsigned told_count;
};

static void damage_told(void *arg, const char *text)
{
    struct bench *bench = arg;
    bench->told_count += strstr(text, "is damaged") != NULL;
}

static void bench_reopen(struct bench *bench)
{
    bench->store = store_opened(&bench->options);
}

static void put_done(void *arg, const struct store_outcome *outcome)
{
    (void)arg;
    assert_int_equal(outcome->err, 0);
    assert_int_equal(outcome->refused_count, 0);
}

static void records_put(struct bench *bench)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct record record = {.number = i};
        struct slu_bytes message = {&record, sizeof(record)};
        int64_t now_ns = NOW_NS + i * SECOND_NS;
        assert_int_equal(store_put(bench->store, STORE_METRICS, message, now_ns, put_done, NULL),
                         0);
        assert_int_equal(store_put(bench->store, STORE_LOGS, message, now_ns, put_done, NULL), 0);
        store_commit(bench->store, 0);
        if (i % (ROUNDS / PARTS) == ROUNDS / PARTS - 1) {
            assert_int_equal(store_flush(bench->store), 0);
        }
    }
}

static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.directory = "/tmp/sluice-damage-XXXXXX"};
    folder_make(bench->directory);
    bench->budget = budget_of(BUDGET_BYTES);
    bench->options = (struct store_options){.budget = bench->budget,
                                            .directory = bench->directory,
                                            .apply = record_apply,
                                            .memory_bytes = (uint64_t)24 << 20,
                                            .log_bytes_max = (uint64_t)8 << 20,
                                            .series_max = 100,
                                            .stream_max = 100,
                                            .say = damage_told,
                                            .say_arg = bench};
    bench_reopen(bench);
    records_put(bench);
}

static void bench_close(struct bench *bench)
{
    store_close(&bench->store);
    slu_budget_destroy(&bench->budget);
    folder_remove(bench->directory);
}

struct found {
    bool has[ROUNDS];
    size_t count;
};

static void found_note(struct found *found, int64_t time_ns, struct slu_bytes labels)
{
    struct slu_bytes value;
    char stream[16];
    int64_t number = (time_ns - NOW_NS) / SECOND_NS;
    assert_true(number >= 0 && number < ROUNDS && !found->has[number]);
    int len = snprintf(stream, sizeof(stream), "%d", (int)(number % STREAMS));
    assert_true(labels_find(labels, (struct slu_bytes){"stream", 6}, &value));
    assert_int_equal(value.len, len);
    assert_memory_equal(value.data, stream, value.len);
    found->has[number] = true;
    found->count++;
}

static int series_note(void *arg, const struct store_series *series)
{
    struct found *found = arg;
    for (size_t i = 0; i < series->count; i++) {
        int64_t time_ns = series->samples[i].time_ms * 1000000;
        found_note(found, time_ns, series->labels);
        double wanted = (double)((time_ns - NOW_NS) / SECOND_NS) * 1.5;
        assert_true(series->samples[i].value == wanted);
    }
    return 0;
}

static int row_note(void *arg, struct slu_bytes labels, const struct row *row)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "record %d of the test",
                       (int)((row->time_ns - NOW_NS) / SECOND_NS));
    found_note(arg, row->time_ns, labels);
    assert_int_equal(row->text.len, len);
    assert_memory_equal(row->text.data, text, row->text.len);
    return 0;
}

/* Returns the error; what is found is true. */
static int all_find(struct bench *bench, enum store_signal signal, uint64_t *damage,
                    struct found *found)
{
    struct store_row_query rows = {.query = {.budget = bench->budget,
                                             .from_ns = INT64_MIN,
                                             .to_ns = INT64_MAX,
                                             .damage = damage},
                                   .columns = (1U << ROW_COLUMN_COUNT) - 1};
    memset(found, 0, sizeof(*found));
    return signal == STORE_METRICS
               ? store_samples(bench->store, &rows.query, STORE_NUMBER, series_note, found)
               : store_rows(bench->store, signal, &rows, row_note, found);
}

static int label_note(void *arg, struct slu_bytes text)
{
    unsigned *count = arg;
    assert_true(text.len == 1 && *(const char *)text.data >= '0' &&
                *(const char *)text.data < '0' + STREAMS);
    (*count)++;
    return 0;
}

static unsigned labels_find_all(struct bench *bench, enum store_signal signal, uint64_t *damage)
{
    unsigned count = 0;
    struct store_query query = {
        .budget = bench->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX, .damage = damage};
    assert_int_equal(store_label_values(bench->store, signal, &query,
                                        (struct slu_bytes){"stream", 6}, label_note, &count),
                     0);
    return count;
}

/* A part of a signal, the n-th of those that are there. */
static void part_find(const struct bench *bench, const char *signal, uint64_t n, char path[512])
{
    char folder[128];
    struct dirent **entries = NULL;
    uint64_t seen = 0;
    (void)snprintf(folder, sizeof(folder), "%s/%s", bench->directory, signal);
    int count = scandir(folder, &entries, NULL, alphasort);
    assert_true(count > 0);
    path[0] = '\0';
    for (int i = 0; i < count; i++) {
        bool is_part = strstr(entries[i]->d_name, ".part") != NULL;
        if (is_part && seen++ == n % PARTS) {
            (void)snprintf(path, 512, "%s/%s", folder, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(path[0] != '\0');
}

static void bit_flip(const char *path, off_t at, unsigned bit)
{
    unsigned char byte = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= (unsigned char)(1U << bit);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    assert_int_equal(close(fd), 0);
}

/*
 * Of a part of four, at the most its own quarter is missing, and whatever is missing was told.
 * Returns whether anything is.
 */
static bool flipped_check(struct bench *bench, enum store_signal signal)
{
    static struct found found;
    uint64_t damage = 0;
    struct store_signal_stats stats;
    unsigned told_before = bench->told_count;
    int strict = all_find(bench, signal, NULL, &found);
    assert_true(strict == 0 || strict == -EBADMSG);
    assert_int_equal(all_find(bench, signal, &damage, &found), 0);
    assert_true(found.count >= ROUNDS - ROUNDS / PARTS);
    store_stats(bench->store, signal, &stats);
    bool is_told = damage > 0 || stats.damaged_count > 0;
    assert_true(found.count == ROUNDS || is_told);
    assert_true(strict == 0 || damage > 0);
    assert_int_equal(bench->told_count - told_before, damage > 0 ? 1 : 0);
    assert_int_equal(labels_find_all(bench, signal, &damage), STREAMS);
    assert_int_equal(all_find(bench, signal, &damage, &found), 0);
    assert_int_equal(bench->told_count - told_before, damage > 0 ? 1 : 0); /* once */
    return found.count < ROUNDS;
}

static void flips_run(enum store_signal signal, const char *name, uint64_t stream)
{
    struct bench bench;
    struct stat status;
    char path[512];
    struct test_random random = test_random_start(stream);
    int missing_count = 0;
    bench_open(&bench);
    store_close(&bench.store);
    for (int i = 0; i < FLIPS; i++) {
        part_find(&bench, name, test_random_next(&random), path);
        assert_int_equal(stat(path, &status), 0);
        off_t at = (off_t)test_random_below(&random, (uint64_t)status.st_size);
        unsigned bit = (unsigned)test_random_below(&random, 8);
        bit_flip(path, at, bit);
        bench_reopen(&bench);
        missing_count += flipped_check(&bench, signal) ? 1 : 0;
        store_close(&bench.store);
        bit_flip(path, at, bit);
    }
    assert_true(missing_count > FLIPS / 2); /* few bits do not matter */
    bench_reopen(&bench);
    bench_close(&bench);
}

static void samples_of_flipped_parts_are_true_or_told(void **state)
{
    (void)state;
    flips_run(STORE_METRICS, "metrics", 310);
}

static void rows_of_flipped_parts_are_true_or_told(void **state)
{
    (void)state;
    flips_run(STORE_LOGS, "logs", 311);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_flipped_parts_are_true_or_told),
        cmocka_unit_test(rows_of_flipped_parts_are_true_or_told),
    };
    return TEST_RUN("store damage", tests);
}
