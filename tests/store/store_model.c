#include "store_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
#define MS_NS     INT64_C(1000000)
#define HOUR_NS   (3600 * SECOND_NS)
#define DAY_NS    (24 * HOUR_NS)
#define STALE     UINT64_C(0x7ff0000000000002)

size_t model_labels(uint32_t stream, char text[16], struct label labels[MODEL_LABELS_MAX])
{
    int len = snprintf(text, 16, "%u", stream);
    size_t count = 0;
    labels[count++] = (struct label){{"stream", 6}, {text, (size_t)len}};
    labels[count++] = (struct label){{"job", 3}, {"model", 5}};
    if (stream % 2 == 0) {
        labels[count++] = (struct label){{"shape", 5}, {"even", 4}};
    }
    return count;
}

struct row model_row(const struct model_record *record, char bytes[MODEL_BYTES_MAX])
{
    static const char *const words[] = {"alpha", "beta",  "gamma", "delta",
                                        "order", "cart7", "a",     "time_out"};
    static const char *const scopes[] = {"", "net/http", "sql"};
    uint32_t number = record->number;
    const char *scope = scopes[number % 3];
    char *text = bytes + 16;
    int len = number % 11 == 0
                  ? 0
                  : snprintf(text, MODEL_TEXT_MAX, "n%u %s-%s %s", number, words[number % 8],
                             words[number / 8 % 8], words[number / 64 % 8]);
    char *rest = text + MODEL_TEXT_MAX;
    memset(bytes, 'k', 16);
    uint32_t key = number / 5;
    memcpy(bytes, &key, sizeof(key));
    memcpy(rest, &number, sizeof(number));
    memset(rest + sizeof(number), 'r', 40);
    return (struct row){.time_ns = record->time_ns,
                        .duration_ns = (int64_t)(number % 7) * 1001 - 1500,
                        .key = {bytes, number % 3 == 0 ? 0 : 16},
                        .text = {text, (size_t)len},
                        .scope = {scope, strlen(scope)},
                        .rest = {rest, sizeof(number) + number % 40}};
}

struct slu_bytes model_message_of(const struct model_record *record, char bytes[MODEL_BYTES_MAX])
{
    size_t len = record->number * 7 % MODEL_BYTES_MAX;
    memset(bytes, (int)(record->number % 251), len);
    return (struct slu_bytes){bytes, len};
}

static uint64_t number_bits(struct test_random *random)
{
    double value = 0;
    uint64_t bits = 0;
    switch (test_random_below(random, 6)) {
    case 0:
        return STALE;
    case 1:
        return test_random_next(random);
    case 2:
        value = (double)test_random_below(random, 1000) / 10;
        break;
    case 3:
        value = test_random_below(random, 2) == 0 ? -0.0 : -INFINITY;
        break;
    default:
        value = (double)test_random_below(random, 100000);
        break;
    }
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Mostly a moment ago; also late, early, and at a time that another record is likely to have. */
static int64_t some_time(struct test_random *random, int64_t now_ns)
{
    int64_t time_ns = now_ns;
    switch (test_random_below(random, 12)) {
    case 0:
        time_ns -= (int64_t)test_random_below(random, (uint64_t)(5 * DAY_NS));
        break;
    case 1:
        time_ns += (int64_t)test_random_below(random, (uint64_t)(2 * DAY_NS));
        break;
    case 2:
        time_ns -= (int64_t)test_random_below(random, (uint64_t)(2 * HOUR_NS));
        break;
    case 3:
    case 4:
        return time_ns / HOUR_NS * HOUR_NS;
    default:
        time_ns -= (int64_t)test_random_below(random, (uint64_t)(20 * SECOND_NS));
        break;
    }
    return time_ns;
}

struct model_record model_record_make(struct test_random *random, enum store_signal signal,
                                      int64_t now_ns)
{
    struct model_record record = {.time_ns = some_time(random, now_ns),
                                  .bits = number_bits(random),
                                  .signal = (uint8_t)signal,
                                  .stream = (uint8_t)test_random_below(random, MODEL_STREAMS)};
    if (signal == STORE_METRICS) {
        static const uint8_t kinds[] = {STORE_NUMBER,    STORE_NUMBER,   STORE_NUMBER,
                                        STORE_HISTOGRAM, STORE_EXEMPLAR, MODEL_METADATA};
        record.time_ns = record.time_ns / MS_NS * MS_NS;
        record.kind = kinds[test_random_below(random, sizeof(kinds))];
    }
    return record;
}

static bool is_admitted(const struct model *model, const struct model_record *record,
                        int64_t now_ns)
{
    bool is_open = model->is_open[record->signal][record->kind][record->stream];
    int64_t newest_ns = model->newest_ns[record->signal][record->kind][record->stream];
    bool is_old = model->retention_ns != 0 && now_ns - record->time_ns > model->retention_ns;
    newest_ns = newest_ns < now_ns ? newest_ns : now_ns;
    bool is_late = is_open && newest_ns - record->time_ns > model->out_of_order_ns;
    return !is_old && !is_late && record->time_ns - now_ns <= model->future_ns;
}

uint64_t model_apply(struct model *model, const struct model_message *message)
{
    uint64_t refused = 0;
    for (size_t i = message->first; i < message->first + message->count; i++) {
        struct model_record *record = &model->records[i];
        record->sequence = message->sequence;
        if (record->kind == MODEL_METADATA) {
            model->texts[record->stream] = record->number;
            model->is_text_new = true;
            continue;
        }
        record->is_kept = is_admitted(model, record, message->now_ns);
        record->is_in_head = record->is_kept;
        refused += !record->is_kept;
        if (record->is_kept) {
            bool *is_open = &model->is_open[record->signal][record->kind][record->stream];
            int64_t *newest = &model->newest_ns[record->signal][record->kind][record->stream];
            *newest = !*is_open || record->time_ns > *newest ? record->time_ns : *newest;
            *is_open = true;
            model->was_open[record->signal][record->stream] = true;
        }
    }
    return refused;
}

/* A stream whose newest is behind the window is closed, and begins anew with what comes. */
static void idle_close(struct model *model, enum store_signal signal, int64_t now_ns)
{
    int64_t before_ns = now_ns - model->out_of_order_ns;
    before_ns = signal == STORE_METRICS ? before_ns / MS_NS * MS_NS : before_ns;
    for (size_t kind = 0; kind < STORE_SAMPLE_KINDS; kind++) {
        for (size_t stream = 0; stream < MODEL_STREAMS; stream++) {
            if (model->newest_ns[signal][kind][stream] < before_ns) {
                model->is_open[signal][kind][stream] = false;
            }
        }
    }
}

static bool has_in_head(const struct model *model, enum store_signal signal)
{
    for (size_t i = 0; i < model->record_count; i++) {
        if (model->records[i].signal == signal && model->records[i].is_in_head) {
            return true;
        }
    }
    return false;
}

/* Without a record nothing is written, and texts stay in the log. */
void model_flush(struct model *model, enum store_signal signal, int64_t now_ns)
{
    bool has_records = has_in_head(model, signal);
    if (!has_records && signal == STORE_METRICS && model->is_text_new) {
        return;
    }
    for (size_t i = 0; i < model->record_count; i++) {
        struct model_record *record = &model->records[i];
        if (record->signal == signal) {
            record->is_in_head = false;
            model->released[signal] = record->sequence;
        }
    }
    if (has_records) {
        idle_close(model, signal, now_ns);
        model->is_text_new = model->is_text_new && signal != STORE_METRICS;
    }
}

void model_reopen(struct model *model)
{
    memset(model->is_open, 0, sizeof(model->is_open));
    model->is_text_new = false;
    for (size_t i = 0; i < model->message_count; i++) {
        const struct model_message *message = &model->messages[i];
        if (message->sequence > model->released[message->signal]) {
            model_apply(model, message);
        }
    }
}

void model_age(struct model *model, int64_t from_ns)
{
    for (size_t i = 0; i < model->record_count; i++) {
        struct model_record *record = &model->records[i];
        record->is_doubtful =
            record->is_doubtful || (!record->is_in_head && record->time_ns < from_ns);
    }
}

static int64_t day_of(int64_t time_ns)
{
    return time_ns / DAY_NS - (time_ns % DAY_NS < 0);
}

void model_drop(struct model *model, enum store_signal signal, int64_t day, uint64_t first_sequence,
                uint64_t last_sequence)
{
    for (size_t i = 0; i < model->record_count; i++) {
        struct model_record *record = &model->records[i];
        if (record->signal == signal && !record->is_in_head && day_of(record->time_ns) == day &&
            record->sequence >= first_sequence && record->sequence <= last_sequence) {
            record->is_kept = false;
        }
    }
}
