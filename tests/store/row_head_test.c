#include "store/row_head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "budget.h"
#include "harness.h"
#include "store/labels.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define STREAMS      9
#define ROWS_MAX     3000
#define SECOND_NS    INT64_C(1000000000)
#define WINDOW_NS    (600 * SECOND_NS)
#define NOW_NS       (INT64_C(1700000000) * SECOND_NS)
#define BYTES_MAX    400

struct head {
    struct slu_budget *budget;
    struct row_head head;
    struct test_random random;
    uint64_t used;
    int64_t times_ns[ROWS_MAX]; /* of rows, by their numbers */
    uint32_t streams[ROWS_MAX];
    uint32_t row_count;
};

static struct row_head_options options_of(uint32_t stream_max, uint64_t bytes_max)
{
    return (struct row_head_options){.stream_max = stream_max,
                                     .key_bytes_max = (uint64_t)stream_max * 64,
                                     .generation_bytes_max = bytes_max,
                                     .out_of_order_ns = WINDOW_NS,
                                     .future_ns = WINDOW_NS};
}

static void head_open(struct head *head, uint64_t stream, uint32_t stream_max, uint64_t bytes_max)
{
    struct row_head_options options = options_of(stream_max, bytes_max);
    *head = (struct head){.budget = budget_of(BUDGET_BYTES), .random = test_random_start(stream)};
    head->used = budget_used(head->budget);
    assert_int_equal(row_head_init(&head->head, head->budget, &options), 0);
}

static void head_close(struct head *head)
{
    row_head_deinit(&head->head);
    assert_int_equal(budget_used(head->budget), head->used);
    slu_budget_destroy(&head->budget);
}

/* A row tells its number in `rest`; what else it has follows from that. */
static struct row row_of(const struct head *head, uint32_t number, char bytes[BYTES_MAX])
{
    static const char *const scopes[] = {"", "one", "another scope"};
    memset(bytes, (int)('a' + number % 26), BYTES_MAX);
    memcpy(bytes, &number, sizeof(number));
    const char *scope = scopes[number / 4 % 3];
    return (struct row){.time_ns = head->times_ns[number],
                        .duration_ns = (int64_t)number - 10,
                        .key = {bytes + 100, number % 2 == 0 ? 16 : 0},
                        .text = {bytes + 120, number % 200},
                        .scope = {scope, strlen(scope)},
                        .rest = {bytes, sizeof(number) + number % 50}};
}

static int row_add(struct head *head, uint32_t stream, int64_t time_ns)
{
    char bytes[BYTES_MAX];
    char text[16];
    int len = snprintf(text, sizeof(text), "stream-%u", 97 * stream % 100);
    struct slu_bytes labels = {text, (size_t)len};
    uint32_t number = head->row_count;
    assert_true(number < ROWS_MAX);
    head->times_ns[number] = time_ns;
    head->streams[number] = stream;
    struct row row = row_of(head, number, bytes);
    int err = row_head_add(&head->head, labels, labels_hash(labels), NOW_NS, &row);
    head->row_count += err == 0;
    return err;
}

static void some_rows(struct head *head, uint64_t most)
{
    for (uint64_t i = test_random_below(&head->random, most); i > 0; i--) {
        int64_t ago_ns = (int64_t)test_random_below(&head->random, 300) * SECOND_NS;
        assert_int_equal(
            row_add(head, (uint32_t)test_random_below(&head->random, STREAMS), NOW_NS - ago_ns), 0);
    }
}

static void entry_check(const struct head *head, const struct row_entry *entry, uint32_t number)
{
    char bytes[BYTES_MAX];
    char text[16];
    struct row read = row_entry_row(entry);
    struct row row = row_of(head, number, bytes);
    int len = snprintf(text, sizeof(text), "stream-%u", 97 * head->streams[number] % 100);
    assert_true(bytes_equal(entry->stream->labels, (struct slu_bytes){text, (size_t)len}));
    assert_int_equal(read.time_ns, row.time_ns);
    assert_int_equal(read.duration_ns, row.duration_ns);
    assert_true(bytes_equal(read.key, row.key) && bytes_equal(read.text, row.text));
    assert_true(bytes_equal(read.scope, row.scope) && bytes_equal(read.rest, row.rest));
}

/* A walk that expects the rows from `next` on. */
struct walk {
    const struct head *head;
    uint32_t next;
    uint32_t end;
};

static int entry_visit(void *arg, const struct row_entry *entry)
{
    struct walk *walk = arg;
    if (walk->next == walk->end) {
        return -ECANCELED;
    }
    entry_check(walk->head, entry, walk->next++);
    return 0;
}

static void walk_check(const struct head *head, const struct row_generation *generation,
                       struct row_mark from, struct row_mark to, uint32_t first, uint32_t end)
{
    struct walk walk = {head, first, end};
    assert_int_equal(row_generation_walk(generation, from, to, entry_visit, &walk), 0);
    assert_int_equal(walk.next, end);
}

static void a_walk_sees_the_rows_between_two_marks_in_the_order_they_came(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 87, STREAMS, (uint64_t)16 << 20);
    struct row_mark marks[12] = {{0}};
    uint32_t counts[12] = {0};
    for (size_t i = 1; i < 12; i++) {
        some_rows(&head, 250);
        marks[i] = row_generation_mark(head.head.live);
        counts[i] = head.row_count;
    }
    for (size_t from = 0; from < 12; from++) {
        for (size_t to = from == 0 ? 1 : from; to < 12; to++) {
            walk_check(&head, head.head.live, marks[from], marks[to], counts[from], counts[to]);
        }
    }
    struct walk walk = {&head, 0, 5};
    assert_int_equal(row_generation_walk(head.head.live, marks[0], marks[11], entry_visit, &walk),
                     -ECANCELED);
    head_close(&head);
}

static void a_generation_stays_as_long_as_a_reader_keeps_it(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 88, STREAMS, (uint64_t)16 << 20);
    some_rows(&head, 500);
    uint32_t first = head.row_count;
    struct row_generation *kept = row_generation_keep(head.head.live);
    struct row_mark mark = row_generation_mark(kept);
    assert_int_equal(row_head_seal(&head.head), 0);
    some_rows(&head, 500);
    row_head_release(&head.head, INT64_MAX);
    assert_null(head.head.sealed);
    walk_check(&head, kept, (struct row_mark){0}, mark, 0, first);
    walk_check(&head, head.head.live, (struct row_mark){0}, row_generation_mark(head.head.live),
               first, head.row_count);
    row_generation_drop(&kept);
    assert_null(kept);
    head_close(&head);
}

static void a_sealed_generation_is_sorted_by_stream_and_time(void **state)
{
    static struct head head;
    const struct row_entry **entries = NULL;
    (void)state;
    head_open(&head, 89, STREAMS, (uint64_t)16 << 20);
    some_rows(&head, ROWS_MAX);
    assert_int_equal(row_head_seal(&head.head), 0);
    struct row_generation *sealed = head.head.sealed;
    for (int again = 0; again < 2; again++) { /* as after a flush that failed */
        bool is_there[ROWS_MAX] = {false};
        assert_int_equal(row_generation_sort(sealed, head.budget, &entries), 0);
        for (uint64_t i = 0; i < sealed->row_count; i++) {
            uint32_t number = 0;
            memcpy(&number, row_entry_row(entries[i]).rest.data, sizeof(number));
            assert_false(is_there[number]);
            is_there[number] = true;
            entry_check(&head, entries[i], number);
            if (i > 0) {
                int order =
                    labels_compare(entries[i - 1]->stream->labels, entries[i]->stream->labels);
                assert_true(order < 0 ||
                            (order == 0 && entries[i - 1]->time_ns <= entries[i]->time_ns));
            }
        }
        slu_budget_free(head.budget, entries, sealed->row_count * sizeof(entries[0]));
    }
    assert_int_equal(sealed->row_count, head.row_count);
    head_close(&head);
}

static void times_are_refused_by_stream_and_a_refused_row_opens_none(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 90, STREAMS, (uint64_t)16 << 20);
    assert_int_equal(row_add(&head, 0, NOW_NS), 0);
    assert_int_equal(row_add(&head, 0, NOW_NS - WINDOW_NS), 0);
    assert_int_equal(row_add(&head, 0, NOW_NS - WINDOW_NS - 1), -ESTALE);
    assert_int_equal(row_add(&head, 0, INT64_MIN), -ESTALE);
    assert_int_equal(row_add(&head, 0, NOW_NS + WINDOW_NS + 1), -ETIME);
    assert_int_equal(row_add(&head, 1, NOW_NS + WINDOW_NS + 1), -ETIME);
    assert_int_equal(row_add(&head, 1, INT64_MAX), -ETIME);
    assert_int_equal(head.head.table.count, 1);
    assert_int_equal(head.head.live->row_count, 2);
    assert_int_equal(head.head.live->min_ns, NOW_NS - WINDOW_NS);
    head_close(&head);
}

static void an_idle_stream_makes_room_for_another_and_a_busy_one_does_not(void **state)
{
    static struct head head;
    (void)state;
    head_open(&head, 91, 2, (uint64_t)16 << 20);
    assert_int_equal(row_add(&head, 0, NOW_NS), 0);
    assert_int_equal(row_add(&head, 1, NOW_NS - 3 * WINDOW_NS), 0);
    assert_int_equal(row_add(&head, 2, NOW_NS), -EDQUOT);
    assert_int_equal(row_head_seal(&head.head), 0);
    assert_int_equal(row_add(&head, 2, NOW_NS), -EDQUOT);
    row_head_release(&head.head, INT64_MIN);
    assert_int_equal(row_add(&head, 2, NOW_NS), 0);
    assert_int_equal(row_add(&head, 1, NOW_NS), -EDQUOT);
    assert_int_equal(row_head_seal(&head.head), 0);
    row_head_release(&head.head, NOW_NS + 1);
    assert_int_equal(head.head.table.count, 0);
    head_close(&head);
}

static void a_row_that_no_block_takes_is_refused(void **state)
{
    static struct head head;
    static char text[ROW_BLOCK_BYTES_MAX / 2 + 1];
    struct slu_bytes labels = {"l", 1};
    (void)state;
    head_open(&head, 92, STREAMS, (uint64_t)16 << 20);
    struct row row = {.time_ns = NOW_NS, .text = {text, sizeof(text)}};
    assert_int_equal(row_head_add(&head.head, labels, 1, NOW_NS, &row), -E2BIG);
    row.text.len--;
    assert_int_equal(row_head_add(&head.head, labels, 1, NOW_NS, &row), 0);
    assert_false(row_head_is_full(&head.head));
    head_close(&head);
}

static int life(struct slu_budget *budget, struct row_head *head)
{
    struct row_head_options options = options_of(STREAMS, (uint64_t)1 << 20);
    const struct row_entry **entries = NULL;
    struct slu_bytes labels = {"l", 1};
    struct row row = {.time_ns = NOW_NS, .text = {"t", 1}, .scope = {"s", 1}};
    int err = row_head_init(head, budget, &options);
    if (err != 0) {
        return err;
    }
    err = row_head_add(head, labels, 1, NOW_NS, &row);
    err = err != 0 ? err : row_head_seal(head);
    err = err != 0 ? err : row_generation_sort(head->sealed, budget, &entries);
    if (err == 0) {
        slu_budget_free(budget, entries, head->sealed->row_count * sizeof(entries[0]));
    }
    row_head_deinit(head);
    return err;
}

static void an_allocation_that_fails_leaves_nothing_behind(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    struct row_head head;
    int err = -ENOMEM;
    (void)state;
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = life(budget, &head);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM || err == -ENOBUFS);
        assert_int_equal(budget_used(budget), used);
        assert_true(nth < 100);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_sees_the_rows_between_two_marks_in_the_order_they_came),
        cmocka_unit_test(a_generation_stays_as_long_as_a_reader_keeps_it),
        cmocka_unit_test(a_sealed_generation_is_sorted_by_stream_and_time),
        cmocka_unit_test(times_are_refused_by_stream_and_a_refused_row_opens_none),
        cmocka_unit_test(an_idle_stream_makes_room_for_another_and_a_busy_one_does_not),
        cmocka_unit_test(a_row_that_no_block_takes_is_refused),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing_behind),
    };
    return TEST_RUN("row head", tests);
}
