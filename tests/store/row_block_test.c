#include "store/row_block.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "budget.h"
#include "harness.h"
#include "store/token_filter.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define LEVEL        3
#define ALL_COLUMNS  ((1u << ROW_COLUMN_COUNT) - 1)
#define ROWS_MAX     3000
#define POOL_BYTES   ((size_t)4 << 20)

/* The rows that were written, with their bytes. */
struct model {
    struct row rows[ROWS_MAX];
    unsigned char pool[POOL_BYTES];
    size_t pool_len;
    uint32_t count;
};

static struct model model;

/* How a test's rows are made. */
struct shape {
    uint64_t alphabet;  /* of the bytes */
    uint64_t len_below; /* of the values */
    uint64_t scopes;    /* different ones */
    int64_t unit;       /* that times are multiples of */
    bool is_wild;       /* times are any numbers */
    bool has_keys;
    uint64_t patterns; /* different ones of texts; 0: texts are random bytes */
};

static struct slu_bytes pool_value(struct test_random *random, size_t len, uint64_t alphabet)
{
    assert_true(len <= POOL_BYTES - model.pool_len);
    unsigned char *at = model.pool + model.pool_len;
    for (size_t i = 0; i < len; i++) {
        uint64_t number = test_random_below(random, alphabet);
        at[i] = (unsigned char)(alphabet == 256 ? number : ' ' + 13 * number % 95);
    }
    model.pool_len += len;
    return (struct slu_bytes){at, len};
}

/* A text as logs have them: what stays is told by the pattern's number, what varies is random. */
static struct slu_bytes pattern_text(struct test_random *random, uint64_t pattern)
{
    struct test_random fixed = {.state = pattern};
    struct slu_bytes text = {model.pool + model.pool_len, 0};
    uint64_t part_count = test_random_below(&fixed, pattern % 16 == 0 ? 160 : 12);
    for (uint64_t i = 0; i < part_count; i++) {
        char part[160];
        int len = 0;
        switch (test_random_below(&fixed, 6)) {
        case 0:
            len = snprintf(part, sizeof(part), "%llu", (unsigned long long)i);
            break;
        case 1:
            len = snprintf(part, sizeof(part), "%llx",
                           (unsigned long long)test_random_next(random) >>
                               test_random_below(random, 64));
            break;
        case 2:
            len = snprintf(part, sizeof(part), "%0*d", 1 + (int)test_random_below(random, 130), 7);
            break;
        case 3:
            len =
                snprintf(part, sizeof(part), "%0*d=\"", 1 + (int)test_random_below(&fixed, 70), 7);
            memset(part, 'x', (size_t)len - 2);
            break;
        default:
            len = snprintf(part, sizeof(part), "%s", i % 2 == 0 ? " " : " caller=http.go: ");
            break;
        }
        assert_true(len > 0 && (size_t)len <= POOL_BYTES - model.pool_len);
        memcpy(model.pool + model.pool_len, part, (size_t)len);
        model.pool_len += (size_t)len;
        text.len += (size_t)len;
    }
    return text;
}

static int64_t time_next(struct test_random *random, const struct shape *shape, int64_t last)
{
    if (shape->is_wild) {
        return (int64_t)test_random_next(random);
    }
    return last + shape->unit * ((int64_t)test_random_below(random, 5000) - 500);
}

static void model_make(struct test_random *random, const struct shape *shape, uint32_t count)
{
    int64_t time_ns = shape->is_wild ? 0 : INT64_C(1700000000) * 1000000000;
    struct slu_bytes scopes[64];
    model.pool_len = 0;
    model.count = count;
    for (uint64_t i = 0; i < shape->scopes; i++) {
        scopes[i] = pool_value(random, (size_t)test_random_below(random, 40), shape->alphabet);
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t lens[2];
        lens[0] = (size_t)test_random_below(random, shape->len_below);
        lens[1] = (size_t)test_random_below(random, shape->len_below);
        time_ns = time_next(random, shape, time_ns);
        model.rows[i] = (struct row){
            .time_ns = time_ns,
            .duration_ns = time_next(random, shape, 0),
            .key = pool_value(random, shape->has_keys && i % 8 != 0 ? 16 : 0, 256),
            .text = shape->patterns == 0
                        ? pool_value(random, lens[0], shape->alphabet)
                        : pattern_text(random, 1 + test_random_below(random, shape->patterns)),
            .scope = scopes[test_random_below(random, shape->scopes)],
            .rest = pool_value(random, lens[1], shape->alphabet),
        };
    }
}

static const struct shape shapes[] = {
    {.alphabet = 4, .len_below = 40, .scopes = 1, .unit = 1},
    {.alphabet = 256, .len_below = 200, .scopes = 3, .unit = 1000, .has_keys = true},
    {.alphabet = 40, .len_below = 100, .scopes = 64, .unit = 1000000, .has_keys = true},
    {.alphabet = 1, .len_below = 3, .scopes = 2, .unit = 1000000000},
    {.alphabet = 2, .len_below = 1, .scopes = 1, .is_wild = true},
    {.alphabet = 2, .len_below = 9, .scopes = 2, .unit = 1, .patterns = 12},
    {.alphabet = 2, .len_below = 2, .scopes = 1, .unit = 1, .patterns = 5000},
};

#define SHAPE_COUNT (sizeof(shapes) / sizeof(shapes[0]))

static struct row_block_writer *writer_of(struct slu_budget *budget)
{
    struct row_block_writer *writer = NULL;
    assert_int_equal(row_block_writer_create(budget, LEVEL, &writer), 0);
    return writer;
}

/* A block's bytes in memory of exactly their size, so that a sanitizer sees their ends. */
static struct slu_bytes copy_of(struct slu_bytes bytes)
{
    void *copy = malloc(bytes.len);
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.len);
    return (struct slu_bytes){copy, bytes.len};
}

static void copy_free(struct slu_bytes copy)
{
    union {
        const void *read;
        void *owned;
    } at = {.read = copy.data};
    free(at.owned);
}

static void value_check(struct slu_bytes read, struct slu_bytes written, bool is_asked)
{
    assert_true(bytes_equal(read, is_asked ? written : (struct slu_bytes){0}));
}

static void block_check(const struct row_block *block, uint32_t columns, uint32_t from,
                        uint32_t count)
{
    assert_int_equal(block->row_count, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct row *row = &model.rows[from + i];
        struct row read = row_block_row(block, i);
        assert_int_equal(read.time_ns, columns & 1u << ROW_TIME ? row->time_ns : 0);
        assert_int_equal(read.duration_ns, columns & 1u << ROW_DURATION ? row->duration_ns : 0);
        value_check(read.key, row->key, columns & 1u << ROW_KEY);
        value_check(read.text, row->text, columns & 1u << ROW_TEXT);
        value_check(read.scope, row->scope, columns & 1u << ROW_SCOPE);
        value_check(read.rest, row->rest, columns & 1u << ROW_REST);
    }
}

static void rows_check(struct slu_bytes bytes, struct slu_budget *budget, uint32_t columns,
                       uint32_t from, uint32_t count)
{
    struct row_block block;
    assert_int_equal(row_block_open(bytes, budget, columns, &block), 0);
    block_check(&block, columns, from, count);
    row_block_close(&block);
}

static void facts_check(const struct row_block_facts *facts, uint32_t from, uint32_t count)
{
    int64_t least = count == 0 ? 0 : INT64_MAX;
    int64_t most = count == 0 ? 0 : INT64_MIN;
    size_t plain = 0;
    for (uint32_t i = from; i < from + count; i++) {
        const struct row *row = &model.rows[i];
        least = row->time_ns < least ? row->time_ns : least;
        most = row->time_ns > most ? row->time_ns : most;
        plain += 16 + row->key.len + row->text.len + row->scope.len + row->rest.len;
    }
    assert_int_equal(facts->row_count, count);
    assert_int_equal(facts->time_min_ns, least);
    assert_int_equal(facts->time_max_ns, most);
    assert_int_equal(facts->plain_bytes, plain);
}

static bool filter_has(struct slu_bytes filter, uint64_t hash)
{
    return filter.len == 0 ||
           token_line_has((const unsigned char *)filter.data + token_filter_line(filter.len, hash),
                          hash);
}

static void filter_check(struct slu_bytes filter, uint32_t from, uint32_t count)
{
    assert_true(filter.len > 0 && filter.len % TOKEN_FILTER_LINE_BYTES == 0);
    for (uint32_t i = from; i < from + count; i++) {
        struct slu_bytes rest = model.rows[i].text;
        struct slu_bytes token;
        while (token_next(&rest, &token)) {
            assert_true(filter_has(filter, token_hash(token)));
        }
    }
}

static void rows_add(struct row_block_writer *writer, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        assert_int_equal(row_block_add(writer, &model.rows[i]), 0);
    }
    assert_int_equal(row_block_pending_rows(writer), count);
}

static void blocks_round_trip(struct test_random *random, struct row_block_writer *writer,
                              struct slu_budget *budget)
{
    for (uint32_t from = 0; from < model.count;) {
        uint32_t below = 1u << test_random_below(random, 13);
        uint32_t count = (uint32_t)test_random_below(random, below);
        count = count < model.count - from ? count : model.count - from;
        rows_add(writer, from, count);
        struct slu_bytes bytes;
        struct slu_bytes filter;
        struct row_block_facts facts;
        assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
        assert_int_equal(row_block_pending_rows(writer), 0);
        assert_int_equal(row_block_pending_bytes(writer), 0);
        facts_check(&facts, from, count);
        filter_check(filter, from, count);
        struct slu_bytes copy = copy_of(bytes);
        uint32_t some = (uint32_t)test_random_below(random, ALL_COLUMNS + 1);
        rows_check(copy, budget, ALL_COLUMNS, from, count);
        rows_check(copy, budget, some, from, count);
        copy_free(copy);
        from += count;
    }
}

static void what_is_read_equals_what_was_written_however_it_is_cut(void **state)
{
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(2 * SHAPE_COUNT); round++) {
        model_make(&random, &shapes[round % SHAPE_COUNT], ROWS_MAX);
        blocks_round_trip(&random, writer, budget);
    }
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void any_set_of_columns_is_read_alone(void **state)
{
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    (void)state;
    model_make(&random, &shapes[1], 100);
    rows_add(writer, 0, 100);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    for (uint32_t columns = 0; columns <= ALL_COLUMNS; columns++) {
        rows_check(bytes, budget, columns, 0, 100);
    }
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void every_level_reads_back(void **state)
{
    struct test_random random = test_random_start(3);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    (void)state;
    model_make(&random, &shapes[2], ROWS_MAX);
    for (int level = 1; level <= 9; level++) {
        struct row_block_writer *writer = NULL;
        struct slu_bytes bytes;
        struct slu_bytes filter;
        struct row_block_facts facts;
        assert_int_equal(row_block_writer_create(budget, level, &writer), 0);
        rows_add(writer, 0, ROWS_MAX);
        assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
        rows_check(bytes, budget, ALL_COLUMNS, 0, ROWS_MAX);
        row_block_writer_destroy(&writer);
    }
    slu_budget_destroy(&budget);
}

static bool row_has(const struct row *row, struct slu_bytes needle)
{
    const unsigned char *text = row->text.data;
    for (size_t i = 0; i + needle.len <= row->text.len; i++) {
        if (needle.len == 0 || memcmp(text + i, needle.data, needle.len) == 0) {
            return true;
        }
    }
    return false;
}

static void find_check(const struct row_block *block, struct slu_bytes needle)
{
    uint32_t wanted = block->row_count;
    for (uint32_t from = block->row_count + 1; from-- > 0;) {
        if (from < block->row_count && row_has(&model.rows[from], needle)) {
            wanted = from;
        }
        assert_int_equal(row_block_find(block, needle, from), wanted);
    }
}

static void finding_is_what_a_search_row_by_row_finds(void **state)
{
    struct test_random random = test_random_start(4);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(60); round++) {
        struct shape shape = {.alphabet = 1 + test_random_below(&random, 4),
                              .len_below = 1 + test_random_below(&random, 30),
                              .scopes = 1,
                              .unit = 1};
        uint32_t count = (uint32_t)test_random_below(&random, 300);
        struct slu_bytes bytes;
        struct slu_bytes filter;
        struct row_block_facts facts;
        struct row_block block;
        model_make(&random, &shape, count);
        rows_add(writer, 0, count);
        assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
        assert_int_equal(row_block_open(bytes, budget, 1u << ROW_TEXT, &block), 0);
        for (size_t len = 0; len < 20; len++) {
            find_check(&block, pool_value(&random, len, shape.alphabet));
        }
        row_block_close(&block);
    }
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void one_reader_reads_block_after_block(void **state)
{
    struct test_random random = test_random_start(10);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    struct row_block_reader *reader = NULL;
    (void)state;
    assert_int_equal(row_block_reader_create(budget, &reader), 0);
    for (uint64_t round = 0; round < test_rounds(10 * SHAPE_COUNT); round++) {
        uint32_t count = (uint32_t)test_random_below(&random, 300);
        uint32_t columns = (uint32_t)test_random_below(&random, ALL_COLUMNS + 1);
        struct slu_bytes bytes;
        struct slu_bytes filter;
        struct row_block_facts facts;
        struct row_block block;
        model_make(&random, &shapes[round % SHAPE_COUNT], count);
        rows_add(writer, 0, count);
        assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
        assert_int_equal(row_block_read(reader, bytes, columns, &block), 0);
        block_check(&block, columns, 0, count);
        struct slu_bytes cut = {bytes.data, bytes.len - 1};
        assert_int_equal(row_block_read(reader, cut, columns, &block), -EBADMSG);
        assert_int_equal(row_block_read(reader, bytes, columns, &block), 0);
        uint64_t calls = alloc_count();
        assert_int_equal(row_block_read(reader, bytes, columns, &block), 0);
        assert_int_equal(alloc_count(), calls);
        block_check(&block, columns, 0, count);
        row_block_close(&block); /* does nothing */
    }
    row_block_reader_destroy(&reader);
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void log_lines_take_less_than_what_varies_in_them(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    struct test_random random = test_random_start(11);
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    (void)state;
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        char line[128];
        int len = snprintf(
            line, sizeof(line), "level=info msg=\"request done\" item=%05u trace=%08x",
            (unsigned)test_random_below(&random, 100000), (unsigned)test_random_next(&random));
        const struct row row = {.text = {line, (size_t)len}};
        assert_int_equal(row_block_add(writer, &row), 0);
    }
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    assert_true(bytes.len < ROWS_MAX * (5 + 8));
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void without_texts_nothing_is_found(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    const struct row row = {.text = {"abc", 3}};
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    struct row_block block;
    (void)state;
    assert_int_equal(row_block_add(writer, &row), 0);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    assert_int_equal(row_block_open(bytes, budget, 1u << ROW_TIME, &block), 0);
    assert_int_equal(row_block_find(&block, (struct slu_bytes){"abc", 3}, 0), 1);
    row_block_close(&block);
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void a_full_block_takes_no_row_and_the_next_one_does(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    size_t half = ROW_BLOCK_BYTES_MAX / 2;
    struct row row = {.text = {calloc(1, half + 1), half}, .key = {NULL, 0}};
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    (void)state;
    assert_int_equal(row_block_add(writer, &row), 0);
    assert_int_equal(row_block_add(writer, &row), -ENOBUFS);
    row.text.len = half - 2 * 16;
    assert_int_equal(row_block_add(writer, &row), 0);
    assert_int_equal(row_block_pending_bytes(writer), ROW_BLOCK_BYTES_MAX);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    row.text.len = half + 1;
    assert_int_equal(row_block_add(writer, &row), -E2BIG);
    row.text.len = half;
    row.rest = (struct slu_bytes){"x", 1};
    assert_int_equal(row_block_add(writer, &row), -E2BIG);
    row.rest.len = 0;
    assert_int_equal(row_block_add(writer, &row), 0);
    copy_free(row.text);
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void a_block_holds_as_many_rows_as_it_says(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    struct row_block block;
    (void)state;
    for (uint32_t i = 0; i < ROW_BLOCK_ROWS_MAX; i++) {
        unsigned char scope[4] = {(unsigned char)i, (unsigned char)(i >> 8), 1, 2};
        const struct row row = {.time_ns = (int64_t)i << 40, .scope = {scope, sizeof(scope)}};
        assert_int_equal(row_block_add(writer, &row), 0);
    }
    const struct row row = {0};
    assert_int_equal(row_block_add(writer, &row), -ENOBUFS);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    assert_int_equal(row_block_open(bytes, budget, ALL_COLUMNS, &block), 0);
    for (uint32_t i = 0; i < ROW_BLOCK_ROWS_MAX; i++) {
        unsigned char scope[4] = {(unsigned char)i, (unsigned char)(i >> 8), 1, 2};
        struct row read = row_block_row(&block, i);
        assert_int_equal(read.time_ns, (int64_t)i << 40);
        assert_true(bytes_equal(read.scope, (struct slu_bytes){scope, sizeof(scope)}));
    }
    row_block_close(&block);
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static size_t block_bytes_of(struct row_block_writer *writer, uint32_t count)
{
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    rows_add(writer, 0, count);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    return bytes.len;
}

static void random_keys_cost_their_bytes_and_scopes_next_to_none(void **state)
{
    struct test_random random = test_random_start(5);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    const struct shape shape = {.alphabet = 2, .len_below = 1, .scopes = 1, .unit = 1};
    (void)state;
    model_make(&random, &shape, ROWS_MAX);
    size_t bare = block_bytes_of(writer, ROWS_MAX);
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        model.rows[i].key = pool_value(&random, 16, 256);
    }
    size_t with_keys = block_bytes_of(writer, ROWS_MAX);
    assert_true(with_keys <= bare + ROWS_MAX * 16 + 16);
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        static const char scope[] = "io.opentelemetry.contrib.net/http";
        model.rows[i].scope = (struct slu_bytes){scope, sizeof(scope) - 1};
    }
    assert_true(block_bytes_of(writer, ROWS_MAX) <= with_keys + 64);
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void a_budget_that_is_spent_leaves_the_rows_to_be_ended_later(void **state)
{
    struct test_random random = test_random_start(6);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    struct slu_bytes bytes = {"untouched", 9};
    struct slu_bytes filter;
    struct row_block_facts facts;
    (void)state;
    model_make(&random, &shapes[0], 500);
    rows_add(writer, 0, 500);
    uint64_t used = budget_used(budget);
    slu_budget_set_limit(budget, used + 4096);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), -EDQUOT);
    assert_int_equal(bytes.len, 9);
    assert_int_equal(budget_used(budget), used);
    slu_budget_set_limit(budget, BUDGET_BYTES);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    struct slu_bytes copy = copy_of(bytes);
    rows_check(copy, budget, ALL_COLUMNS, 0, 500);
    copy_free(copy);
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

/* Writing, ending and reading with the n-th allocation failing; true if none did. */
static bool sweep_step(uint64_t nth)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = NULL;
    struct row_block block = {0};
    struct slu_bytes bytes = {0};
    struct slu_bytes filter;
    struct row_block_facts facts;
    uint32_t added = 0;
    alloc_fault_at(nth);
    int err = row_block_writer_create(budget, LEVEL, &writer);
    while (err == 0 && added < 200) {
        err = row_block_add(writer, &model.rows[added]);
        added += err == 0;
    }
    err = err == 0 ? row_block_end(writer, &bytes, &filter, &facts) : err;
    err = err == 0 ? row_block_open(bytes, budget, ALL_COLUMNS, &block) : err;
    bool is_hit = alloc_fault_hit();
    alloc_fault_at(0);
    assert_true(err == 0 || (is_hit && err == -ENOMEM));
    if (err == 0) {
        row_block_close(&block);
        rows_check(bytes, budget, ALL_COLUMNS, 0, 200);
    } else if (writer != NULL && bytes.len == 0) {
        assert_int_equal(row_block_pending_rows(writer), added);
        assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
        rows_check(bytes, budget, ALL_COLUMNS, 0, added);
    }
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
    return !is_hit;
}

static void any_allocation_may_fail_and_no_row_is_lost(void **state)
{
    struct test_random random = test_random_start(7);
    int64_t live = alloc_live_count();
    uint64_t nth = 1;
    (void)state;
    model_make(&random, &shapes[1], 200);
    while (!sweep_step(nth)) {
        nth++;
        assert_int_equal(alloc_live_count(), live);
    }
    assert_true(nth > 20);
}

/* What is not -EBADMSG must read without a fault. */
static void damaged_read(struct slu_bytes bytes, struct slu_budget *budget)
{
    struct slu_bytes copy = copy_of(bytes);
    struct row_block block;
    uint64_t used = budget_used(budget);
    int err = row_block_open(copy, budget, ALL_COLUMNS, &block);
    if (err == 0) {
        for (uint32_t i = 0; i < block.row_count; i++) {
            (void)row_block_row(&block, i);
        }
        (void)row_block_find(&block, (struct slu_bytes){"ab", 2}, 0);
        row_block_close(&block);
    }
    assert_true(err == 0 || err == -EBADMSG);
    assert_int_equal(budget_used(budget), used);
    copy_free(copy);
}

static void a_block_that_is_cut_short_is_refused(void **state)
{
    struct test_random random = test_random_start(8);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    (void)state;
    model_make(&random, &shapes[2], 50);
    rows_add(writer, 0, 50);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    for (size_t len = 1; len < bytes.len; len++) {
        struct slu_bytes copy = copy_of((struct slu_bytes){bytes.data, len});
        struct row_block block;
        assert_int_equal(row_block_open(copy, budget, 0, &block), -EBADMSG);
        copy_free(copy);
    }
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void damage_check(struct test_random *random, const struct shape *shape)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct row_block_writer *writer = writer_of(budget);
    struct slu_bytes bytes;
    struct slu_bytes filter;
    struct row_block_facts facts;
    model_make(random, shape, 120);
    rows_add(writer, 0, 120);
    assert_int_equal(row_block_end(writer, &bytes, &filter, &facts), 0);
    unsigned char *damaged = malloc(bytes.len);
    for (uint64_t round = 0; round < test_rounds(1000); round++) {
        memcpy(damaged, bytes.data, bytes.len);
        for (uint64_t k = 1 + test_random_below(random, 3); k > 0; k--) {
            size_t at = (size_t)test_random_below(random, round % 2 ? bytes.len : 120);
            damaged[at] ^= (unsigned char)(1u << test_random_below(random, 8));
        }
        damaged_read((struct slu_bytes){damaged, bytes.len}, budget);
    }
    free(damaged);
    row_block_writer_destroy(&writer);
    slu_budget_destroy(&budget);
}

static void damage_is_an_error_or_reads_as_something_else(void **state)
{
    struct test_random random = test_random_start(9);
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        damage_check(&random, &shapes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_equals_what_was_written_however_it_is_cut),
        cmocka_unit_test(any_set_of_columns_is_read_alone),
        cmocka_unit_test(every_level_reads_back),
        cmocka_unit_test(finding_is_what_a_search_row_by_row_finds),
        cmocka_unit_test(one_reader_reads_block_after_block),
        cmocka_unit_test(log_lines_take_less_than_what_varies_in_them),
        cmocka_unit_test(without_texts_nothing_is_found),
        cmocka_unit_test(a_full_block_takes_no_row_and_the_next_one_does),
        cmocka_unit_test(a_block_holds_as_many_rows_as_it_says),
        cmocka_unit_test(random_keys_cost_their_bytes_and_scopes_next_to_none),
        cmocka_unit_test(a_budget_that_is_spent_leaves_the_rows_to_be_ended_later),
        cmocka_unit_test(any_allocation_may_fail_and_no_row_is_lost),
        cmocka_unit_test(a_block_that_is_cut_short_is_refused),
        cmocka_unit_test(damage_is_an_error_or_reads_as_something_else),
    };
    return TEST_RUN("row_block", tests);
}
