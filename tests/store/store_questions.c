#include "store_questions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "budget.h"
#include "match/regex.h"
#include "store/labels.h"

#define DAY_NS       INT64_C(86400000000000)
#define MATCHERS_MAX 3
#define TEXTS_MAX    64

/* Patterns, and what takes the same without an expression. */
static bool is_digit_to_4(const char *value)
{
    return strlen(value) == 1 && value[0] >= '0' && value[0] <= '4';
}

static bool is_any(const char *value)
{
    (void)value;
    return true;
}

static bool is_some(const char *value)
{
    return value[0] != '\0';
}

static bool is_ten_to_nineteen(const char *value)
{
    return strlen(value) == 2 && value[0] == '1';
}

static bool is_empty(const char *value)
{
    return value[0] == '\0';
}

static bool is_one_of(const char *value)
{
    return strcmp(value, "1") == 0 || strcmp(value, "7") == 0 || strcmp(value, "even") == 0;
}

static bool is_even_or_empty(const char *value)
{
    return value[0] == '\0' || strcmp(value, "even") == 0;
}

static const struct {
    const char *text;
    bool (*takes)(const char *value);
} patterns[QUESTION_PATTERNS] = {
    {"[0-4]", is_digit_to_4},      {".*", is_any}, {".+", is_some},
    {"1.", is_ten_to_nineteen},    {"", is_empty}, {"1|7|even", is_one_of},
    {"(even)?", is_even_or_empty},
};

void questions_init(struct questions *questions, struct slu_budget *budget)
{
    for (size_t i = 0; i < QUESTION_PATTERNS; i++) {
        struct slu_diag diag = {0};
        struct slu_bytes text = {patterns[i].text, strlen(patterns[i].text)};
        assert_int_equal(regex_create(budget, text, &diag, &questions->regexes[i]), 0);
    }
    questions->budget = budget;
}

void questions_deinit(struct questions *questions)
{
    for (size_t i = 0; i < QUESTION_PATTERNS; i++) {
        regex_destroy(&questions->regexes[i]);
    }
}

/* A matcher as it is asked with, and as the model understands it. */
struct wish {
    enum matcher_kind kind;
    const char *name;
    char value[16];
    size_t pattern;
};

struct question {
    struct questions *all;
    struct wish wishes[MATCHERS_MAX];
    struct matcher matchers[MATCHERS_MAX];
    struct store_query query;
    enum store_signal signal;
};

static uint64_t below(struct questions *all, uint64_t bound)
{
    return test_random_below(&all->random, bound);
}

static void wish_make(struct questions *all, struct wish *wish, struct matcher *matcher)
{
    static const char *const names[] = {"stream", "job", "shape", "absent"};
    static const char *const values[] = {"", "model", "even", "7", "11"};
    *wish = (struct wish){.kind = (enum matcher_kind)below(all, 4), .name = names[below(all, 4)]};
    (void)snprintf(wish->value, sizeof(wish->value), "%s", values[below(all, 5)]);
    wish->pattern = below(all, QUESTION_PATTERNS);
    *matcher = (struct matcher){.kind = wish->kind,
                                .name = {wish->name, strlen(wish->name)},
                                .value = {wish->value, strlen(wish->value)},
                                .regex = all->regexes[wish->pattern]};
}

static int64_t some_time(struct questions *all)
{
    const struct model *model = all->model;
    if (model->record_count > 0 && below(all, 2) == 0) {
        int64_t near = (int64_t)below(all, 3) - 1;
        return model->records[below(all, model->record_count)].time_ns + near;
    }
    return *all->now_ns - 6 * DAY_NS + (int64_t)below(all, 8 * (uint64_t)DAY_NS);
}

static void question_make(struct questions *all, struct question *question)
{
    *question = (struct question){
        .all = all,
        .query = {.budget = all->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX},
        .signal = (enum store_signal)below(all, STORE_SIGNAL_COUNT)};
    question->query.matchers = question->matchers;
    question->query.matcher_count = below(all, 2) * below(all, MATCHERS_MAX + 1);
    for (size_t i = 0; i < question->query.matcher_count; i++) {
        wish_make(all, &question->wishes[i], &question->matchers[i]);
    }
    if (below(all, 3) > 0) {
        int64_t one = some_time(all);
        int64_t other = some_time(all);
        question->query.from_ns = one < other ? one : other;
        question->query.to_ns = one < other ? other : one;
    }
}

static const char *value_of(uint32_t stream, const char *name, char text[16])
{
    struct label labels[MODEL_LABELS_MAX];
    size_t count = model_labels(stream, text, labels);
    for (size_t i = 0; i < count; i++) {
        if (strlen(name) == labels[i].name.len &&
            memcmp(name, labels[i].name.data, labels[i].name.len) == 0) {
            return labels[i].value.data;
        }
    }
    return "";
}

static bool takes_stream(const struct question *question, uint32_t stream)
{
    for (size_t i = 0; i < question->query.matcher_count; i++) {
        const struct wish *wish = &question->wishes[i];
        char text[16];
        const char *value = value_of(stream, wish->name, text);
        bool is_regex = wish->kind == MATCH_REGEX || wish->kind == MATCH_NOT_REGEX;
        bool is_same =
            is_regex ? patterns[wish->pattern].takes(value) : strcmp(value, wish->value) == 0;
        if (is_same == (wish->kind == MATCH_NOT_EQUAL || wish->kind == MATCH_NOT_REGEX)) {
            return false;
        }
    }
    return true;
}

static bool is_within(const struct question *question, const struct model_record *record)
{
    return record->time_ns >= question->query.from_ns && record->time_ns <= question->query.to_ns;
}

static uint32_t stream_of(struct slu_bytes labels)
{
    struct slu_bytes value;
    char text[16] = {0};
    unsigned stream = 0;
    assert_true(labels_find(labels, (struct slu_bytes){"stream", 6}, &value));
    assert_true(value.len < sizeof(text));
    memcpy(text, value.data, value.len);
    assert_int_equal(sscanf(text, "%u", &stream), 1);
    assert_true(stream < MODEL_STREAMS);
    return stream;
}

static size_t labels_of(uint32_t stream, unsigned char bytes[LABELS_BYTES_MAX])
{
    struct label labels[MODEL_LABELS_MAX];
    char text[16];
    size_t len = 0;
    size_t count = model_labels(stream, text, labels);
    assert_int_equal(labels_encode(labels, count, bytes, &len), 0);
    return len;
}

/* ---- Samples. ---- */

struct samples_answer {
    const struct question *question;
    enum store_sample_kind kind;
    bool is_seen[MODEL_STREAMS];
    unsigned char last[LABELS_BYTES_MAX]; /* labels */
    size_t last_len;
};

/* Of a stream, kind and time the record that came last, from the `at`-th on backwards. */
static const struct model_record *last_of(const struct samples_answer *answer, uint32_t stream,
                                          int64_t time_ns, size_t end)
{
    const struct model *model = answer->question->all->model;
    for (size_t i = end; i > 0; i--) {
        const struct model_record *record = &model->records[i - 1];
        if (record->signal == STORE_METRICS && record->kind == answer->kind && record->is_kept &&
            record->stream == stream && record->time_ns == time_ns) {
            return record;
        }
    }
    return NULL;
}

static bool is_that(const struct model_record *record, const struct store_series *series, size_t at)
{
    char bytes[MODEL_BYTES_MAX];
    if (series->kind == STORE_NUMBER) {
        return memcmp(&series->samples[at].value, &record->bits, sizeof(record->bits)) == 0;
    }
    struct slu_bytes message = model_message_of(record, bytes);
    return series->messages[at].bytes.len == message.len &&
           memcmp(series->messages[at].bytes.data, message.data, message.len) == 0;
}

static int64_t time_of(const struct store_series *series, size_t at)
{
    return (series->kind == STORE_NUMBER ? series->samples[at].time_ms
                                         : series->messages[at].time_ms) *
           1000000;
}

/* What is doubtful may be an older one, too: the part that had the newest may be gone. */
static void sample_check(const struct samples_answer *answer, uint32_t stream,
                         const struct store_series *series, size_t at)
{
    int64_t time_ns = time_of(series, at);
    size_t end = answer->question->all->model->record_count;
    const struct model_record *record = last_of(answer, stream, time_ns, end);
    while (record != NULL && !is_that(record, series, at)) {
        end = (size_t)(record - answer->question->all->model->records);
        record = record->is_doubtful ? last_of(answer, stream, time_ns, end) : NULL;
    }
    if (record == NULL || !is_within(answer->question, record)) {
        fail_msg("stream %u, kind %d has a sample at %lld that it should not have", stream,
                 (int)answer->kind, (long long)time_ns);
    }
}

static bool has_time(const struct store_series *series, int64_t time_ns)
{
    for (size_t i = 0; i < series->count; i++) {
        if (time_of(series, i) == time_ns) {
            return true;
        }
    }
    return false;
}

/* All that must be there. */
static void series_complete(const struct samples_answer *answer, uint32_t stream,
                            const struct store_series *series)
{
    const struct model *model = answer->question->all->model;
    for (size_t i = 0; i < model->record_count; i++) {
        const struct model_record *record = &model->records[i];
        if (record->signal == STORE_METRICS && record->kind == answer->kind && record->is_kept &&
            record->stream == stream && is_within(answer->question, record) &&
            !record->is_doubtful && (series == NULL || !has_time(series, record->time_ns))) {
            fail_msg("record %u of stream %u, kind %d is not there", record->number, stream,
                     (int)answer->kind);
        }
    }
}

static int series_visit(void *arg, const struct store_series *series)
{
    struct samples_answer *answer = arg;
    struct slu_bytes last = {answer->last, answer->last_len};
    uint32_t stream = stream_of(series->labels);
    unsigned char labels[LABELS_BYTES_MAX];
    size_t len = labels_of(stream, labels);
    assert_int_equal(series->labels.len, len);
    assert_memory_equal(series->labels.data, labels, len);
    assert_true(answer->last_len == 0 || labels_compare(last, series->labels) < 0);
    memcpy(answer->last, labels, len);
    answer->last_len = len;
    assert_true(takes_stream(answer->question, stream));
    assert_int_equal(series->kind, answer->kind);
    assert_true(series->count > 0);
    answer->is_seen[stream] = true;
    for (size_t i = 0; i < series->count; i++) {
        assert_true(i == 0 || time_of(series, i) > time_of(series, i - 1));
        sample_check(answer, stream, series, i);
    }
    series_complete(answer, stream, series);
    return 0;
}

static void samples_ask(struct question *question)
{
    struct samples_answer answer = {
        .question = question,
        .kind = (enum store_sample_kind)below(question->all, STORE_SAMPLE_KINDS)};
    assert_int_equal(
        store_samples(*question->all->store, &question->query, answer.kind, series_visit, &answer),
        0);
    for (uint32_t i = 0; i < MODEL_STREAMS; i++) {
        if (!answer.is_seen[i] && takes_stream(question, i)) {
            series_complete(&answer, i, NULL);
        }
    }
}

/* ---- Rows. ---- */

struct rows_answer {
    const struct question *question;
    const struct store_row_query *query;
    bool is_seen[MODEL_RECORDS_MAX];
};

static bool text_has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == text || strchr(" -", at[-1]) != NULL;
        if (begins && strchr(" -", at[len]) != NULL) { /* the final zero is one of them */
            return true;
        }
    }
    return false;
}

static bool takes_row(const struct rows_answer *answer, const struct model_record *record)
{
    const struct store_row_query *query = answer->query;
    char bytes[MODEL_BYTES_MAX];
    char text[MODEL_TEXT_MAX] = {0};
    struct row row = model_row(record, bytes);
    memcpy(text, row.text.data, row.text.len);
    return record->signal == answer->question->signal && record->is_kept &&
           is_within(answer->question, record) && takes_stream(answer->question, record->stream) &&
           (query->key.len == 0 || (query->key.len == row.key.len &&
                                    memcmp(query->key.data, row.key.data, row.key.len) == 0)) &&
           (query->needle.len == 0 ||
            memmem(text, row.text.len, query->needle.data, query->needle.len) != NULL) &&
           (query->word.len == 0 || text_has_word(text, query->word.data));
}

static void bytes_check(struct slu_bytes read, struct slu_bytes written)
{
    assert_int_equal(read.len, written.len);
    if (read.len > 0) {
        assert_memory_equal(read.data, written.data, read.len);
    }
}

/* Rows tell their number in `rest`. */
static int row_visit(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct rows_answer *answer = arg;
    const struct model *model = answer->question->all->model;
    uint32_t number = 0;
    char bytes[MODEL_BYTES_MAX];
    assert_true(row->rest.len >= sizeof(number));
    memcpy(&number, row->rest.data, sizeof(number));
    assert_true(number > 0 && number <= model->record_count);
    const struct model_record *record = &model->records[number - 1];
    struct row written = model_row(record, bytes);
    assert_int_equal(row->time_ns, written.time_ns);
    assert_int_equal(row->duration_ns, written.duration_ns);
    bytes_check(row->key, written.key);
    bytes_check(row->text, written.text);
    bytes_check(row->scope, written.scope);
    bytes_check(row->rest, written.rest);
    assert_int_equal(stream_of(labels), record->stream);
    assert_false(answer->is_seen[number - 1]);
    answer->is_seen[number - 1] = true;
    if (!takes_row(answer, record)) {
        fail_msg("row %u was not asked for", number);
    }
    return 0;
}

/* What is searched for: mostly something that a row has. `bytes` and `word` live on. */
static struct store_row_query row_query_make(struct question *question, char bytes[MODEL_BYTES_MAX],
                                             char word[MODEL_TEXT_MAX])
{
    static const char *const words[] = {"alpha",    "order", "a",   "cart7",
                                        "time_out", "never", "time"};
    struct questions *all = question->all;
    struct store_row_query query = {.query = question->query,
                                    .columns = (1U << ROW_COLUMN_COUNT) - 1,
                                    .is_backward = below(all, 2) == 0};
    if (all->model->record_count == 0) {
        return query;
    }
    uint64_t at = below(all, all->model->record_count);
    struct row row = model_row(&all->model->records[at], bytes);
    if (below(all, 4) == 0) {
        query.key = row.key;
    }
    if (below(all, 3) == 0 && row.text.len > 0) {
        size_t from = below(all, row.text.len);
        query.needle = (struct slu_bytes){(const char *)row.text.data + from,
                                          1 + below(all, row.text.len - from)};
    }
    if (below(all, 4) == 0) {
        (void)snprintf(word, MODEL_TEXT_MAX, "%s", words[below(all, 7)]);
        query.word = (struct slu_bytes){word, strlen(word)};
    }
    return query;
}

static void rows_ask(struct question *question)
{
    static struct rows_answer answer;
    char bytes[MODEL_BYTES_MAX];
    char word[MODEL_TEXT_MAX];
    if (question->signal == STORE_METRICS) {
        question->signal = STORE_LOGS;
    }
    struct store_row_query query = row_query_make(question, bytes, word);
    answer = (struct rows_answer){.question = question, .query = &query};
    assert_int_equal(
        store_rows(*question->all->store, question->signal, &query, row_visit, &answer), 0);
    for (size_t i = 0; i < question->all->model->record_count; i++) {
        const struct model_record *record = &question->all->model->records[i];
        if (!answer.is_seen[i] && !record->is_doubtful && takes_row(&answer, record)) {
            fail_msg("row %u is not there", record->number);
        }
    }
}

/* ---- Labels: by part and day, so that more may be told than has records in the range. ---- */

struct texts_answer {
    char texts[TEXTS_MAX][LABELS_BYTES_MAX / 64];
    size_t lens[TEXTS_MAX];
    size_t count;
};

static int text_visit(void *arg, struct slu_bytes text)
{
    struct texts_answer *answer = arg;
    assert_true(answer->count < TEXTS_MAX && text.len < sizeof(answer->texts[0]));
    if (answer->count > 0) {
        struct slu_bytes last = {answer->texts[answer->count - 1], answer->lens[answer->count - 1]};
        assert_true(labels_compare(last, text) < 0);
    }
    memcpy(answer->texts[answer->count], text.data, text.len);
    answer->lens[answer->count++] = text.len;
    return 0;
}

static bool has_text(const struct texts_answer *answer, struct slu_bytes text)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (answer->lens[i] == text.len && memcmp(answer->texts[i], text.data, text.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Streams that have records in the range, and those that had any. */
static void streams_expect(const struct question *question, bool must[MODEL_STREAMS],
                           bool may[MODEL_STREAMS])
{
    const struct model *model = question->all->model;
    memset(must, 0, MODEL_STREAMS * sizeof(bool));
    for (uint32_t i = 0; i < MODEL_STREAMS; i++) {
        may[i] = model->was_open[question->signal][i] && takes_stream(question, i);
    }
    for (size_t i = 0; i < model->record_count; i++) {
        const struct model_record *record = &model->records[i];
        if (record->signal == question->signal && record->is_kept && !record->is_doubtful &&
            is_within(question, record) && takes_stream(question, record->stream)) {
            must[record->stream] = true;
        }
    }
}

static void streams_ask(const struct question *question, const bool *must, const bool *may)
{
    static struct texts_answer answer;
    unsigned char labels[LABELS_BYTES_MAX];
    size_t told = 0;
    answer.count = 0;
    assert_int_equal(store_streams(*question->all->store, question->signal, &question->query,
                                   text_visit, &answer),
                     0);
    for (uint32_t i = 0; i < MODEL_STREAMS; i++) {
        bool is_told = has_text(&answer, (struct slu_bytes){labels, labels_of(i, labels)});
        if (is_told ? !may[i] : must[i]) {
            fail_msg("stream %u of %s is told %d times", i, store_signal_name(question->signal),
                     (int)is_told);
        }
        told += is_told;
    }
    assert_int_equal(told, answer.count);
}

static void values_ask(const struct question *question, const bool *must, const bool *may)
{
    static const char *const names[] = {"stream", "job", "shape", "absent"};
    static struct texts_answer answer;
    const char *name = names[below(question->all, 4)];
    answer.count = 0;
    assert_int_equal(store_label_values(*question->all->store, question->signal, &question->query,
                                        (struct slu_bytes){name, strlen(name)}, text_visit,
                                        &answer),
                     0);
    bool is_right[TEXTS_MAX] = {false};
    for (uint32_t i = 0; i < MODEL_STREAMS; i++) {
        char text[16];
        const char *value = value_of(i, name, text);
        struct slu_bytes bytes = {value, strlen(value)};
        assert_true(!must[i] || bytes.len == 0 || has_text(&answer, bytes));
        for (size_t k = 0; k < answer.count; k++) {
            is_right[k] = is_right[k] || (may[i] && answer.lens[k] == bytes.len &&
                                          memcmp(answer.texts[k], bytes.data, bytes.len) == 0);
        }
    }
    for (size_t k = 0; k < answer.count; k++) {
        assert_true(is_right[k]);
    }
}

static void names_ask(const struct question *question, const bool *must, const bool *may)
{
    static const char *const names[] = {"stream", "job", "shape"};
    static struct texts_answer answer;
    size_t told = 0;
    answer.count = 0;
    assert_int_equal(store_label_names(*question->all->store, question->signal, &question->query,
                                       text_visit, &answer),
                     0);
    for (size_t name = 0; name < 3; name++) {
        bool must_be = false;
        bool may_be = false;
        for (uint32_t i = 0; i < MODEL_STREAMS; i++) {
            bool has_it = name < 2 || i % 2 == 0;
            must_be = must_be || (must[i] && has_it);
            may_be = may_be || (may[i] && has_it);
        }
        bool is_told = has_text(&answer, (struct slu_bytes){names[name], strlen(names[name])});
        assert_true(is_told ? may_be : !must_be);
        told += is_told;
    }
    assert_int_equal(told, answer.count);
}

static void labels_ask(const struct question *question)
{
    bool must[MODEL_STREAMS];
    bool may[MODEL_STREAMS];
    streams_expect(question, must, may);
    streams_ask(question, must, may);
    values_ask(question, must, may);
    names_ask(question, must, may);
}

/* ---- What metrics are. ---- */

static int metadata_visit(void *arg, struct slu_bytes name, struct slu_bytes text)
{
    const struct questions *all = ((const struct question *)arg)->all;
    for (uint32_t i = 0; i < MODEL_STREAMS; i++) {
        char own[16];
        int own_len = snprintf(own, sizeof(own), "%u", i);
        if (name.len != (size_t)own_len || memcmp(name.data, own, name.len) != 0) {
            continue;
        }
        char number[16];
        int len = snprintf(number, sizeof(number), "%u", all->model->texts[i]);
        if (text.len != (size_t)len || memcmp(text.data, number, text.len) != 0) {
            fail_msg("metric %u is \"%.*s\", and should be %s", i, (int)text.len,
                     (const char *)text.data, number);
        }
        return 1; /* told, and stop */
    }
    fail_msg("a metric that nobody told of");
    return 0;
}

static void metadata_ask(struct question *question)
{
    for (uint32_t i = 0; question->all->is_metadata_sure && i < MODEL_STREAMS; i++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "%u", i);
        int told = store_metadata(*question->all->store, (struct slu_bytes){name, (size_t)len},
                                  metadata_visit, question);
        assert_int_equal(told, question->all->model->texts[i] != 0);
    }
}

void questions_ask(struct questions *all)
{
    struct question question;
    uint64_t before = budget_used(all->budget);
    question_make(all, &question);
    samples_ask(&question);
    labels_ask(&question);
    question_make(all, &question);
    rows_ask(&question);
    labels_ask(&question);
    metadata_ask(&question);
    assert_int_equal(budget_used(all->budget), before);
}
