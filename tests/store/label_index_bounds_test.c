#include "store/label_index.h"

#include "label_index_fixture.h"

#define MANY             100000
#define WRITER_BYTES_MAX ((uint64_t)25 << 20)
#define SELECT_BYTES_MAX ((uint64_t)1 << 20)
#define SELECT_READS_MAX 4
#define LONG_STREAMS     300
#define FEW              40

/* Ten labels, of which two have a value of their own in each stream. */
static void many_streams(struct test_streams *streams, size_t count)
{
    static const char *const shared[] = {"cluster", "env", "job", "namespace", "node", "team"};
    streams_init(streams, count);
    for (size_t i = 0; i < count; i++) {
        struct label labels[10];
        char texts[10][32];
        int used = snprintf(texts[0], 32, "pod-%06zu-abcde", i);
        labels[0] = (struct label){text_of("pod"), {texts[0], (size_t)used}};
        used = snprintf(texts[1], 32, "10.%zu.%zu.%zu:8080", i / 65536, i / 256 % 256, i % 256);
        labels[1] = (struct label){text_of("instance"), {texts[1], (size_t)used}};
        for (size_t k = 0; k < 6; k++) {
            used = snprintf(texts[k + 2], 32, "%s-%zu", shared[k], i * 7919 % (k * k * 9 + 2));
            labels[k + 2] = (struct label){text_of(shared[k]), {texts[k + 2], (size_t)used}};
        }
        labels[8] = (struct label){text_of("region"), text_of("eu-central-1")};
        labels[9] = (struct label){text_of("__name__"), text_of("http_requests_total")};
        streams_put(streams, labels, 10);
    }
    streams_sort_once(streams);
    assert_int_equal(streams->count, count);
}

static int stream_count_up(void *arg, uint32_t stream, struct slu_bytes labels,
                           struct slu_bytes value)
{
    size_t *count = arg;
    (void)stream;
    (void)labels;
    (void)value;
    (*count)++;
    return 0;
}

static void one_stream_is_found(struct index_file *file, const struct test_stream *wanted)
{
    static const char *const names[] = {"pod", "instance"};
    struct slu_budget *budget = budget_of(SELECT_BYTES_MAX);
    for (size_t i = 0; i < 2; i++) {
        struct matcher matcher = {.kind = MATCH_EQUAL, .name = text_of(names[i])};
        size_t count = 0;
        assert_true(labels_find(stream_labels(wanted), matcher.name, &matcher.value));
        file->read_count = 0;
        assert_int_equal(
            label_index_select(&file->index, &matcher, 1, budget, stream_count_up, &count), 0);
        assert_int_equal(count, 1);
        assert_in_range(file->read_count, 1, SELECT_READS_MAX);
    }
    slu_budget_destroy(&budget);
}

static void a_hundred_thousand_streams_are_written_and_found_in_little_memory(void **state)
{
    struct index_file file;
    struct test_streams streams;
    struct label_index_root root;
    struct slu_budget_stats stats;
    struct slu_budget *budget = budget_of(INDEX_BUDGET_BYTES);
    (void)state;
    many_streams(&streams, MANY);
    index_file_open(&file);
    assert_int_equal(index_try_write(&file, budget, &streams, &root), 0);
    slu_budget_stats(budget, &stats);
    print_message("# the writer held %.1f MiB; the file has %.1f MiB\n",
                  (double)stats.high_water_bytes / 1048576, (double)file.section.offset / 1048576);
    assert_in_range(stats.high_water_bytes, 1, WRITER_BYTES_MAX);
    slu_budget_destroy(&budget);
    index_file_read(&file, &root);
    for (size_t i = 0; i < MANY; i += 997) {
        one_stream_is_found(&file, &streams.list[i]);
    }
    index_file_close(&file);
    streams_deinit(&streams);
}

/* A directory has the first label of each page: it must not become as large as the pages. */
static void labels_as_long_as_they_may_be_leave_the_directory_small(void **state)
{
    static char text[LABELS_BYTES_MAX];
    struct index_file file;
    struct test_streams streams;
    (void)state;
    memset(text, 't', sizeof(text));
    streams_init(&streams, LONG_STREAMS);
    for (size_t i = 0; i < LONG_STREAMS; i++) {
        struct label label = {text_of("a"), {text, LABELS_BYTES_MAX - 16}};
        text[LABELS_BYTES_MAX - 20] = (char)('a' + i % 26);
        text[LABELS_BYTES_MAX - 21] = (char)('a' + i / 26);
        streams_put(&streams, &label, 1);
    }
    streams_sort_once(&streams);
    index_file_open(&file);
    index_write_all(&file, &streams);
    assert_in_range(file.index.root.postings.plain_bytes, 1, LONG_STREAMS * LABELS_BYTES_MAX / 32);
    size_t count = 0;
    assert_int_equal(label_index_select(&file.index, NULL, 0, file.budget, stream_count_up, &count),
                     0);
    assert_int_equal(count, LONG_STREAMS);
    index_file_close(&file);
    streams_deinit(&streams);
}

static void an_allocation_that_fails_while_writing_leaves_nothing_behind(void **state)
{
    struct test_streams streams;
    struct slu_budget *budget = budget_of(INDEX_BUDGET_BYTES);
    struct label_index_root root;
    uint64_t used = budget_used(budget);
    int err = -ENOMEM;
    (void)state;
    many_streams(&streams, FEW * 20);
    for (uint64_t nth = 1; err != 0; nth++) {
        struct index_file file;
        index_file_open(&file);
        memset(&root, 0x5a, sizeof(root));
        struct label_index_root before = root;
        alloc_fault_at(nth);
        err = index_try_write(&file, budget, &streams, &root);
        bool was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        assert_int_equal(memcmp(&root, &before, sizeof(root)) != 0, err == 0);
        assert_int_equal(budget_used(budget), used);
        index_file_close(&file);
    }
    slu_budget_destroy(&budget);
    streams_deinit(&streams);
}

static int text_count_up(void *arg, struct slu_bytes text, uint32_t stream_count)
{
    size_t *count = arg;
    (void)text;
    (void)stream_count;
    (*count)++;
    return 0;
}

static int all_read(const struct label_index *index, struct slu_budget *budget)
{
    const struct matcher matchers[] = {
        {.kind = MATCH_EQUAL, .name = text_of("env"), .value = text_of("env-1")},
        {.kind = MATCH_NOT_EQUAL, .name = text_of("pod"), .value = text_of("")},
    };
    size_t count = 0;
    int err = label_index_select(index, matchers, 2, budget, stream_count_up, &count);
    if (err == 0) {
        err = label_index_names(index, budget, text_count_up, &count);
    }
    return err != 0 ? err
                    : label_index_values(index, text_of("pod"), budget, text_count_up, &count);
}

static void what_fails_while_reading_leaves_nothing_behind(void **state)
{
    struct index_file file;
    struct test_streams streams;
    int err = -ENOMEM;
    (void)state;
    many_streams(&streams, FEW * 20);
    index_file_open(&file);
    index_write_all(&file, &streams);
    uint64_t used = budget_used(file.budget);
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = all_read(&file.index, file.budget);
        bool was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err, was_hit ? -ENOMEM : 0);
        assert_int_equal(budget_used(file.budget), used);
    }
    err = -EIO;
    for (uint64_t nth = 1; err != 0; nth++) {
        simulated_disk_fail(file.disk, SIMULATED_READ_ERROR, nth, -EIO);
        err = all_read(&file.index, file.budget);
        assert_int_equal(err, simulated_disk_hit(file.disk) ? -EIO : 0);
        assert_int_equal(budget_used(file.budget), used);
    }
    index_file_close(&file);
    streams_deinit(&streams);
}

static void a_budget_that_is_spent_is_told(void **state)
{
    struct index_file file;
    struct test_streams streams;
    struct label_index_root root;
    uint64_t limit_bytes = 1024;
    int err = -EDQUOT;
    (void)state;
    many_streams(&streams, FEW);
    index_file_open(&file);
    index_write_all(&file, &streams);
    for (; err != 0; limit_bytes += 1024) {
        struct slu_budget *budget = budget_of(limit_bytes);
        err = index_try_write(&file, budget, &streams, &root);
        assert_true(err == 0 || err == -EDQUOT);
        slu_budget_destroy(&budget);
    }
    err = -EDQUOT;
    for (limit_bytes = 1024; err != 0; limit_bytes += 1024) {
        struct slu_budget *budget = budget_of(limit_bytes);
        err = all_read(&file.index, budget);
        assert_true(err == 0 || err == -EDQUOT);
        slu_budget_destroy(&budget);
    }
    index_file_close(&file);
    streams_deinit(&streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_streams_are_written_and_found_in_little_memory),
        cmocka_unit_test(labels_as_long_as_they_may_be_leave_the_directory_small),
        cmocka_unit_test(an_allocation_that_fails_while_writing_leaves_nothing_behind),
        cmocka_unit_test(what_fails_while_reading_leaves_nothing_behind),
        cmocka_unit_test(a_budget_that_is_spent_is_told),
    };
    return TEST_RUN("label_index_bounds", tests);
}
