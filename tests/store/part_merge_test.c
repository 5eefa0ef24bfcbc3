/* Merging parts, and what reads them: part_samples.h, sample_gather.h. */
#include "store/metadata.h"
#include "store/part_merge.h"

#include "base/bytes.h"
#include "part_fixture.h"
#include "store/part_keys.h"
#include "store/part_samples.h"
#include "store/sample_gather.h"

#define SERIES     7
#define PIECES_MAX 6
#define ITEMS_MAX  400
#define DAY        19675
#define DAY_MS     INT64_C(86400000)
#define BEGIN_MS   (DAY * DAY_MS)
#define MS_NS      INT64_C(1000000)

/* All items of all parts, part after part. */
struct known {
    struct part_item items[PIECES_MAX * ITEMS_MAX];
    size_t count;
    size_t ends[PIECES_MAX];
    size_t part_count;
};

static int item_compare(const void *left, const void *right)
{
    const struct part_item *first = left;
    const struct part_item *second = right;
    if (first->series != second->series) {
        return first->series < second->series ? -1 : 1;
    }
    if (first->kind != second->kind) {
        return first->kind < second->kind ? -1 : 1;
    }
    return (first->time > second->time) - (first->time < second->time);
}

/* A part's items, with each time of a series once. */
static size_t some_items(struct test_random *random, struct part_item *items, bool has_samples,
                         uint32_t number)
{
    size_t count = 1 + test_random_below(random, ITEMS_MAX - 1);
    uint64_t spread = 1 + test_random_below(random, 1000);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = BEGIN_MS + (int64_t)test_random_below(random, spread) * 50;
        items[i] = (struct part_item){
            .series = (uint32_t)test_random_below(random, SERIES),
            .kind = has_samples ? (uint32_t)test_random_below(random, STORE_SAMPLE_KINDS) : 0,
            .time = has_samples ? time_ms : time_ms * MS_NS,
            .number = number + (uint32_t)i};
    }
    qsort(items, count, sizeof(items[0]), item_compare);
    for (size_t i = 0; i < count; i++) {
        if (!has_samples || kept == 0 || item_compare(&items[kept - 1], &items[i]) != 0) {
            items[kept++] = items[i];
        }
    }
    return kept;
}

static void parts_make(struct part_bench *bench, struct known *known, struct test_random *random)
{
    known->count = 0;
    known->part_count = 2 + test_random_below(random, PIECES_MAX - 1);
    for (size_t i = 0; i < known->part_count; i++) {
        struct part_item *items = &known->items[known->count];
        size_t count = some_items(random, items, bench->signal == 0, (uint32_t)(i * ITEMS_MAX));
        struct part_name name = {DAY, i * 10 + 1, i * 10 + 10};
        assert_int_equal(part_add(bench, name, items, count), 0);
        known->count += count;
        known->ends[i] = known->count;
    }
}

static int merge_try(struct part_bench *bench, int64_t from_ns)
{
    struct part_list *list = &bench->list;
    struct part *parts[PIECES_MAX];
    struct part *out = NULL;
    uint32_t count = list->count;
    struct part_name name = list->parts[0]->name;
    name.last_sequence = list->parts[count - 1]->name.last_sequence;
    int err = part_list_prepare(list, &name, &out);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; i < count; i++) {
        parts[i] = part_keep(list->parts[i]);
        assert_int_equal(part_open(list, parts[i]), 0);
    }
    struct part_merge merge = {.directory = &bench->directory,
                               .budget = bench->budget,
                               .salt = PART_SALT,
                               .signal = bench->signal,
                               .parts = parts,
                               .part_count = count,
                               .from_ns = from_ns,
                               .names_max = METADATA_NAMES_MIN};
    err = bench->signal == 0 ? part_merge_samples(&merge, out) : part_merge_rows(&merge, out);
    if (err == 0) {
        part_list_put(list, out);
    } else {
        part_list_forget(list, out);
    }
    for (uint32_t i = 0; i < count; i++) {
        part_close(list, parts[i]);
        part_give_back(list, parts[i]);
    }
    return err;
}

/* ---- Samples. ---- */

/* The newest part's item of a series, kind and time. */
static const struct part_item *item_find(const struct known *known, uint32_t series, uint32_t kind,
                                         int64_t time)
{
    for (size_t i = known->count; i > 0; i--) {
        const struct part_item *item = &known->items[i - 1];
        if (item->series == series && item->kind == kind && item->time == time) {
            return item;
        }
    }
    return NULL;
}

static size_t times_count(const struct known *known, uint32_t series, uint32_t kind,
                          int64_t from_ms, int64_t to_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < known->count; i++) {
        const struct part_item *item = &known->items[i];
        count += item->series == series && item->kind == kind && item->time >= from_ms &&
                 item->time <= to_ms && item_find(known, series, kind, item->time) == item;
    }
    return count;
}

static void gathered_check(const struct known *known, const struct sample_gather *gather,
                           size_t count, uint32_t series)
{
    const struct sample *samples = gather->items.data;
    const struct sample_message *messages = gather->items.data;
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[PART_MESSAGE_MOST];
        bool is_number = gather->kind == STORE_NUMBER;
        int64_t time = is_number ? samples[i].time_ms : messages[i].time_ms;
        const struct part_item *item = item_find(known, series, gather->kind, time);
        assert_non_null(item);
        if (is_number) {
            assert_true(samples[i].value == (double)item->number / 4);
        } else {
            assert_true(bytes_equal(messages[i].bytes, item_message(item, bytes)));
        }
    }
}

/* Gather the current series of all parts, of one kind. */
static void series_gather(struct part_bench *bench, const struct known *known,
                          struct part_samples *samples, uint32_t count, uint32_t series,
                          enum store_sample_kind kind, int64_t from_ms, int64_t to_ms)
{
    struct sample_gather gather;
    size_t gathered = 0;
    assert_int_equal(
        sample_gather_init(&gather, bench->budget, from_ms * MS_NS - 5, to_ms * MS_NS + 5), 0);
    sample_gather_begin(&gather, kind);
    for (uint32_t i = 0; i < count; i++) {
        if (!samples[i].is_at_end && labels_series(samples[i].labels) == series) {
            assert_int_equal(sample_gather_part(&gather, &samples[i]), 0);
        }
    }
    assert_int_equal(sample_gather_sort(&gather, &gathered), 0);
    assert_int_equal(gathered, times_count(known, series, kind, from_ms, to_ms));
    gathered_check(known, &gather, gathered, series);
    sample_gather_deinit(&gather);
}

static void samples_check(struct part_bench *bench, const struct known *known, int64_t from_ms,
                          int64_t to_ms)
{
    struct part_samples samples[PIECES_MAX];
    uint32_t count = bench->list.count;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(part_open(&bench->list, bench->list.parts[i]), 0);
        assert_int_equal(
            part_samples_open(&samples[i], bench->list.parts[i], NULL, 0, NULL, bench->budget), 0);
    }
    for (uint32_t series = 0; series < SERIES; series++) {
        for (uint32_t kind = 0; kind < STORE_SAMPLE_KINDS; kind++) {
            series_gather(bench, known, samples, count, series, (enum store_sample_kind)kind,
                          from_ms, to_ms);
        }
        for (uint32_t i = 0; i < count; i++) {
            if (!samples[i].is_at_end && labels_series(samples[i].labels) == series) {
                assert_int_equal(part_samples_next(&samples[i]), 0);
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_true(samples[i].is_at_end);
        part_samples_close(&samples[i]);
        part_close(&bench->list, bench->list.parts[i]);
    }
}

static void samples_are_the_same_before_and_after_a_merge(void **state)
{
    static struct known known;
    struct test_random random = test_random_start(93);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(25); round++) {
        struct part_bench bench;
        part_bench_open(&bench, 0);
        parts_make(&bench, &known, &random);
        int64_t from_ms = BEGIN_MS + (int64_t)test_random_below(&random, 20000);
        int64_t to_ms = from_ms + (int64_t)test_random_below(&random, 30000);
        samples_check(&bench, &known, INT64_MIN / MS_NS + 1, INT64_MAX / MS_NS - 1);
        samples_check(&bench, &known, from_ms, to_ms);
        bool is_cut = test_random_below(&random, 3) == 0;
        assert_int_equal(merge_try(&bench, is_cut ? from_ms * MS_NS : INT64_MIN), 0);
        assert_int_equal(bench.list.count, 1);
        samples_check(&bench, &known, from_ms, to_ms);
        samples_check(&bench, &known, is_cut ? from_ms : BEGIN_MS, INT64_MAX / MS_NS - 1);
        part_bench_close(&bench);
    }
}

/* ---- Rows. ---- */

struct rows {
    const struct known *known;
    int64_t from_ns;
    bool is_seen[PIECES_MAX * ITEMS_MAX];
    struct block directory;
    const struct part *part;
    struct slu_budget *budget;
    struct row_block_reader *reader;
    size_t count;
};

static void row_check(struct rows *rows, uint32_t series, const struct row *row)
{
    uint32_t number = 0;
    char bytes[64];
    assert_int_equal(row->rest.len, sizeof(number));
    memcpy(&number, row->rest.data, sizeof(number));
    for (size_t i = 0; i < rows->known->count; i++) {
        const struct part_item *item = &rows->known->items[i];
        if (item->number == number) {
            struct row wanted = item_row(item, bytes);
            assert_int_equal(item->series, series);
            assert_int_equal(row->time_ns, wanted.time_ns);
            assert_true(bytes_equal(row->text, wanted.text) && bytes_equal(row->key, wanted.key));
            assert_true(bytes_equal(row->scope, wanted.scope));
            assert_false(rows->is_seen[i]);
            rows->is_seen[i] = true;
            rows->count++;
            return;
        }
    }
    fail_msg("row %u is not known", number);
}

static int stream_visit(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct rows *rows = arg;
    struct row_blocks blocks;
    size_t before = rows->count;
    (void)stream;
    assert_true(row_blocks_read(value, &blocks));
    for (uint32_t i = blocks.first; i < blocks.first + blocks.count; i++) {
        struct part_block place;
        struct block stored = {0};
        struct row_block block;
        part_block_decode((const unsigned char *)rows->directory.data + i * PART_BLOCK_BYTES,
                          &place);
        assert_int_equal(section_read(&rows->part->section, &place.data, rows->budget, &stored), 0);
        assert_int_equal(row_block_read(rows->reader, (struct slu_bytes){stored.data, stored.len},
                                        (1U << ROW_COLUMN_COUNT) - 1, &block),
                         0);
        for (uint32_t at = 0; at < block.row_count; at++) {
            struct row row = row_block_row(&block, at);
            assert_true(row.time_ns >= place.min_ns && row.time_ns <= place.max_ns);
            row_check(rows, labels_series(labels), &row);
        }
        block_free(rows->budget, &stored);
    }
    assert_int_equal(rows->count - before, blocks.row_count);
    return 0;
}

/* Rows of a key are in the blocks that the index of keys tells. */
static void keys_check(struct rows *rows)
{
    char bytes[64];
    for (size_t i = 0; i < rows->known->count; i += 37) {
        struct row row = item_row(&rows->known->items[i], bytes);
        struct block found = {0};
        if (row.key.len == 0 || row.time_ns < rows->from_ns) {
            continue;
        }
        assert_int_equal(part_keys_find(rows->part, row_key_hash(row.key), rows->budget, &found),
                         0);
        assert_true(found.len > 0);
        block_free(rows->budget, &found);
    }
}

static void rows_check(struct part_bench *bench, const struct known *known, int64_t from_ns)
{
    static struct rows rows;
    rows = (struct rows){.known = known, .from_ns = from_ns, .budget = bench->budget};
    assert_int_equal(row_block_reader_create(bench->budget, &rows.reader), 0);
    for (uint32_t i = 0; i < bench->list.count; i++) {
        struct part *part = bench->list.parts[i];
        rows.part = part;
        assert_int_equal(part_open(&bench->list, part), 0);
        assert_int_equal(
            section_read(&part->section, &part->facts.blocks, bench->budget, &rows.directory), 0);
        struct label_index index = part_index(part);
        assert_int_equal(label_index_select(&index, NULL, 0, bench->budget, stream_visit, &rows),
                         0);
        if (bench->list.count == 1) {
            keys_check(&rows);
        }
        block_free(bench->budget, &rows.directory);
        part_close(&bench->list, part);
    }
    row_block_reader_destroy(&rows.reader);
    for (size_t i = 0; i < known->count; i++) {
        assert_int_equal(rows.is_seen[i], known->items[i].time >= from_ns);
    }
}

static void rows_are_the_same_before_and_after_a_merge(void **state)
{
    static struct known known;
    struct test_random random = test_random_start(94);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(25); round++) {
        struct part_bench bench;
        part_bench_open(&bench, 1);
        parts_make(&bench, &known, &random);
        rows_check(&bench, &known, INT64_MIN);
        int64_t from_ns = (BEGIN_MS + (int64_t)test_random_below(&random, 30000)) * MS_NS;
        from_ns = test_random_below(&random, 3) == 0 ? from_ns : INT64_MIN;
        assert_int_equal(merge_try(&bench, from_ns), 0);
        assert_int_equal(bench.list.count, 1);
        rows_check(&bench, &known, from_ns);
        part_bench_close(&bench);
    }
}

/* ---- What fails. ---- */

static void a_merge_that_fails_leaves_its_pieces(uint32_t signal, uint64_t stream)
{
    static struct known known;
    struct test_random random = test_random_start(stream);
    struct part_bench bench;
    int err = -ENOMEM;
    part_bench_open(&bench, signal);
    parts_make(&bench, &known, &random);
    uint32_t count = bench.list.count;
    for (uint64_t nth = 1; err != 0; nth++) {
        uint64_t used = budget_used(bench.budget);
        alloc_fault_at(nth);
        err = merge_try(&bench, INT64_MIN);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        if (err != 0) {
            assert_int_equal(bench.list.count, count);
            assert_int_equal(part_bench_files(&bench), count);
            assert_true(nth < 5 || budget_used(bench.budget) == used);
        }
        assert_true(nth < 2000);
    }
    assert_int_equal(part_bench_files(&bench), 1);
    if (signal == 0) {
        samples_check(&bench, &known, BEGIN_MS, BEGIN_MS + DAY_MS);
    } else {
        rows_check(&bench, &known, INT64_MIN);
    }
    part_bench_close(&bench);
}

static void a_merge_of_samples_that_fails_leaves_its_pieces(void **state)
{
    (void)state;
    a_merge_that_fails_leaves_its_pieces(0, 95);
}

static void a_merge_of_rows_that_fails_leaves_its_pieces(void **state)
{
    (void)state;
    a_merge_that_fails_leaves_its_pieces(1, 96);
}

/* Change a byte of the first part's file. */
static void byte_change(const struct part_bench *bench, off_t at)
{
    char path[256];
    char name[PART_NAME_MAX];
    unsigned char byte = 0;
    int fd = -1;
    part_name_write(&bench->list.parts[0]->name, name);
    (void)snprintf(path, sizeof(path), "%s/%s", bench->path, name);
    assert_int_equal(store_io_real.open(NULL, path, STORE_OPEN_WRITE, &fd), 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    store_io_real.close(NULL, fd);
}

/* Damage at many places of a piece: it is told, or it is where nothing is read, as in a filter. */
static void a_merge_of_damaged_parts(uint32_t signal, uint64_t stream)
{
    static struct known known;
    size_t len = PART_HEADER_BYTES + 1;
    size_t told = 0;
    for (size_t at = PART_HEADER_BYTES; at < len; at += 1 + len / 60) {
        struct test_random random = test_random_start(stream);
        struct part_bench bench;
        part_bench_open(&bench, signal);
        parts_make(&bench, &known, &random);
        uint32_t count = bench.list.count;
        len = (size_t)bench.list.parts[0]->section.size_bytes;
        byte_change(&bench, (off_t)at);
        int err = merge_try(&bench, INT64_MIN);
        assert_true(err == 0 || err == -EBADMSG);
        assert_int_equal(bench.list.count, err == 0 ? 1 : count);
        assert_int_equal(part_bench_files(&bench), bench.list.count);
        if (err == 0 && signal == 0) {
            samples_check(&bench, &known, BEGIN_MS, BEGIN_MS + DAY_MS);
        } else if (err == 0) {
            rows_check(&bench, &known, INT64_MIN);
        }
        told += err != 0;
        part_bench_close(&bench);
    }
    assert_true(told > 20);
}

static void damage_of_a_piece_ends_a_merge_of_samples(void **state)
{
    (void)state;
    a_merge_of_damaged_parts(0, 97);
}

static void damage_of_a_piece_ends_a_merge_of_rows(void **state)
{
    (void)state;
    a_merge_of_damaged_parts(1, 98);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_the_same_before_and_after_a_merge),
        cmocka_unit_test(rows_are_the_same_before_and_after_a_merge),
        cmocka_unit_test(a_merge_of_samples_that_fails_leaves_its_pieces),
        cmocka_unit_test(a_merge_of_rows_that_fails_leaves_its_pieces),
        cmocka_unit_test(damage_of_a_piece_ends_a_merge_of_samples),
        cmocka_unit_test(damage_of_a_piece_ends_a_merge_of_rows),
    };
    return TEST_RUN("part merge", tests);
}
