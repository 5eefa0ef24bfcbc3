/*
 * Property: parts whose checks are right and whose indexes say anything are asked for rows,
 * samples, names, values and streams, and what is answered is of the range and what was asked for,
 * in the order that is promised; what is damaged is left out and counted, and the budget is left as
 * it was.
 *
 * The first byte's lowest bit is the signal's, and the others are the question's; the second is its
 * range; the rest are the parts, as part_forge.h has them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "part_forge.h"
#include "store/block_cache.h"
#include "store/labels.h"
#include "store/shelf.h"
#include "store/store.h"
#include "store/store_state.h"

#define BUDGET    ((uint64_t)64 << 20)
#define INPUT_MAX ((size_t)1 << 13)
#define MS_NS     INT64_C(1000000)
#define QUARTER   25 /* of the times that forged rows have */

enum question {
    ASKS_KEY = 2,
    ASKS_NEEDLE = 4,
    ASKS_WORD = 8,
    ASKS_BACKWARD = 16,
    ASKS_FOR_TIMES = 32,
    ASKS_MATCHERS = 64,
    STOPS_AT_DAMAGE = 128
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory_file files[FORGED_PARTS];
static const struct store_options no_words = {.say = NULL};

struct asking {
    struct store store;
    struct part parts[FORGED_PARTS];
    struct part *places[FORGED_PARTS];
    struct store_io ios[FORGED_PARTS];
    struct slu_budget *budget;
    struct store_query query;
    uint64_t damage;
    unsigned questions;
    unsigned char labels[LABELS_BYTES_MAX]; /* of the last answer */
    size_t labels_len;
    bool has_labels;
};

static bool is_end(const struct asking *asking, int err)
{
    return err == 0 || err == -EDQUOT ||
           (err == -EBADMSG && (asking->questions & STOPS_AT_DAMAGE) != 0);
}

/* An answer behind the one before. */
static void order_check(struct asking *asking, struct slu_bytes labels)
{
    struct slu_bytes last = {asking->labels, asking->labels_len};
    SLU_ASSERT(!asking->has_labels || labels_compare(last, labels) < 0);
    SLU_ASSERT(labels.len <= sizeof(asking->labels));
    memcpy(asking->labels, labels.data, labels.len);
    asking->labels_len = labels.len;
    asking->has_labels = true;
}

static int row_check(void *arg, struct slu_bytes labels, const struct row *row)
{
    const struct asking *asking = arg;
    SLU_ASSERT(labels_are_right(labels));
    SLU_ASSERT(row->time_ns >= asking->query.from_ns && row->time_ns <= asking->query.to_ns);
    if ((asking->questions & ASKS_KEY) != 0 && (asking->questions & ASKS_FOR_TIMES) == 0) {
        SLU_ASSERT(row->key.len == 16 && memcmp(row->key.data, "0123456789abcdef", 16) == 0);
    }
    if ((asking->questions & ASKS_NEEDLE) != 0 && (asking->questions & ASKS_FOR_TIMES) == 0) {
        SLU_ASSERT(memmem(row->text.data, row->text.len, "ab", 2) != NULL);
    }
    return 0;
}

static void rows_ask(struct asking *asking)
{
    unsigned questions = asking->questions;
    struct store_row_query rows = {.query = asking->query,
                                   .columns = (questions & ASKS_FOR_TIMES) != 0
                                                  ? 1U << ROW_TIME
                                                  : (1U << ROW_COLUMN_COUNT) - 1,
                                   .is_backward = (questions & ASKS_BACKWARD) != 0};
    if ((questions & ASKS_KEY) != 0) {
        rows.key = (struct slu_bytes){"0123456789abcdef", 16};
    }
    if ((questions & ASKS_NEEDLE) != 0) {
        rows.needle = (struct slu_bytes){"ab", 2};
    }
    if ((questions & ASKS_WORD) != 0) {
        rows.word = (struct slu_bytes){"cd", 2};
    }
    SLU_ASSERT(is_end(asking, store_rows(&asking->store, STORE_LOGS, &rows, row_check, asking)));
}

static int series_check(void *arg, const struct store_series *series)
{
    struct asking *asking = arg;
    order_check(asking, series->labels);
    SLU_ASSERT(labels_are_right(series->labels) && series->count > 0);
    for (size_t i = 0; i < series->count; i++) {
        int64_t time_ms =
            series->kind == STORE_NUMBER ? series->samples[i].time_ms : series->messages[i].time_ms;
        SLU_ASSERT(time_ms >= asking->query.from_ns / MS_NS);
        SLU_ASSERT(time_ms <= asking->query.to_ns / MS_NS);
        if (i > 0) {
            int64_t before_ms = series->kind == STORE_NUMBER ? series->samples[i - 1].time_ms
                                                             : series->messages[i - 1].time_ms;
            SLU_ASSERT(time_ms > before_ms);
        }
    }
    return 0;
}

static void samples_ask(struct asking *asking)
{
    for (int kind = 0; kind < STORE_SAMPLE_KINDS; kind++) {
        asking->has_labels = false;
        int err = store_samples(&asking->store, &asking->query, (enum store_sample_kind)kind,
                                series_check, asking);
        SLU_ASSERT(is_end(asking, err));
    }
}

static int text_check(void *arg, struct slu_bytes text)
{
    struct asking *asking = arg;
    SLU_ASSERT(text.len <= LABELS_BYTES_MAX);
    asking->has_labels = true;
    return 0;
}

static int stream_check(void *arg, struct slu_bytes labels)
{
    SLU_ASSERT(labels_are_right(labels));
    order_check(arg, labels);
    return 0;
}

static void texts_ask(struct asking *asking, enum store_signal signal)
{
    struct store *store = &asking->store;
    const struct store_query *query = &asking->query;
    SLU_ASSERT(is_end(asking, store_label_names(store, signal, query, text_check, asking)));
    SLU_ASSERT(is_end(asking, store_label_values(store, signal, query, (struct slu_bytes){"a", 1},
                                                 text_check, asking)));
    asking->has_labels = false;
    SLU_ASSERT(is_end(asking, store_streams(store, signal, query, stream_check, asking)));
}

/* A head without anything, and the parts, open. */
static void shelf_make(struct asking *asking, enum store_signal signal)
{
    struct shelf *shelf = &asking->store.shelves[signal];
    struct row_head_options rows = {
        .stream_max = 16, .key_bytes_max = 4096, .generation_bytes_max = 1 << 20};
    struct sample_head_options samples = {
        .series_max = 16, .key_bytes_max = 4096, .sample_bytes_max = 1 << 20};
    shelf->options =
        (struct shelf_options){.store = &no_words, .signal = signal, .budget = asking->budget};
    mutex_init(&shelf->lock);
    mutex_init(&shelf->parts.lock);
    condition_init(&shelf->changed);
    shelf->parts.budget = asking->budget;
    shelf->parts.parts = asking->places;
    shelf->parts.count = FORGED_PARTS;
    int err = signal == STORE_METRICS
                  ? sample_head_init(&shelf->head.samples, asking->budget, &samples)
                  : row_head_init(&shelf->head.rows, asking->budget, &rows);
    SLU_ASSERT(err == 0);
}

static void shelf_free(struct asking *asking, enum store_signal signal)
{
    struct shelf *shelf = &asking->store.shelves[signal];
    if (signal == STORE_METRICS) {
        sample_head_deinit(&shelf->head.samples);
    } else {
        row_head_deinit(&shelf->head.rows);
    }
    condition_deinit(&shelf->changed);
    mutex_deinit(&shelf->parts.lock);
    mutex_deinit(&shelf->lock);
}

static void parts_forge(struct asking *asking, struct slu_bytes input, enum store_signal signal)
{
    for (size_t i = 0; i < FORGED_PARTS; i++) {
        struct part *part = &asking->parts[i];
        struct part written = {.section = {.fd = -1}};
        asking->ios[i] = memory_file_io(&files[i]);
        const struct segment_directory directory = {&asking->ios[i], "d"};
        part_forge(input, i, signal, &directory, asking->budget, &written);
        *part = (struct part){.number = i + 1, .reference_count = 1, .open_count = 1};
        SLU_ASSERT(part_facts_read(&asking->ios[i], 0, &part->section, &part->facts) == 0);
        asking->places[i] = part;
    }
}

static void ask(struct asking *asking, struct slu_bytes input, enum store_signal signal)
{
    parts_forge(asking, input, signal);
    shelf_make(asking, signal);
    SLU_ASSERT(block_cache_create(asking->budget, BLOCK_CACHE_MIN, &asking->store.cache) == 0);
    texts_ask(asking, signal);
    if (signal == STORE_METRICS) {
        samples_ask(asking);
    } else {
        rows_ask(asking);
    }
    block_cache_destroy(&asking->store.cache);
    shelf_free(asking, signal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct asking asking;
    static const struct matcher any = {
        .name = {"a", 1}, .value = {"001", 3}, .kind = MATCH_NOT_EQUAL};
    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    asking = (struct asking){.questions = data[0]};
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", BUDGET, &asking.budget) == 0);
    enum store_signal signal = data[0] % 2 == 0 ? STORE_METRICS : STORE_LOGS;
    int64_t unit_ns = signal == STORE_METRICS ? MS_NS : 1;
    asking.query = (struct store_query){
        .budget = asking.budget,
        .matchers = &any,
        .matcher_count = (data[0] & ASKS_MATCHERS) != 0,
        .from_ns = data[1] % 4 == 0 ? INT64_MIN : data[1] % 4 * QUARTER * unit_ns,
        .to_ns = data[1] / 4 % 4 == 0 ? INT64_MAX : data[1] / 4 % 4 * QUARTER * unit_ns,
        .damage = (data[0] & STOPS_AT_DAMAGE) != 0 ? NULL : &asking.damage};
    ask(&asking, (struct slu_bytes){data + 2, size - 2}, signal);
    slu_budget_destroy(&asking.budget);
    return 0;
}
