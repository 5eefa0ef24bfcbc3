#include "store/queue.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fixture.h"

struct bench {
    struct store_directory directory;
    struct slu_budget *budget;
    uint64_t used_bytes;
    struct queue_options options;
};

static struct bench bench_begin(void)
{
    struct bench bench = {.directory = store_directory_make(),
                          .budget = budget_of(STORE_BUDGET_BYTES)};
    bench.used_bytes = budget_used(bench.budget);
    return bench;
}

static void bench_end(struct bench *bench)
{
    assert_int_equal(budget_used(bench->budget), bench->used_bytes);
    slu_budget_destroy(&bench->budget);
    store_directory_remove(&bench->directory);
}

static struct queue *bench_queue(const struct bench *bench)
{
    return store_queue(store_options(bench->budget, bench->directory.path));
}

static void append_all(struct queue *queue, uint64_t from, uint64_t to)
{
    struct store_told told = {0};
    for (uint64_t tag = from; tag <= to; tag++) {
        assert_int_equal(store_append(queue, tag, store_tell, &told), 0);
        if (tag % 7 == 0) {
            queue_commit(queue, 0);
        }
    }
    queue_commit(queue, 0);
    assert_int_equal(told.good_count, to - from + 1);
}

static void records_come_out_as_they_went_in_and_in_order(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    append_all(queue, 1, 200);
    assert_int_equal(store_stats(queue).waiting_count, 200);
    assert_int_equal(store_stats(queue).oldest_time_ns, 1000);
    for (uint64_t tag = 1; tag <= 200; tag++) {
        assert_int_equal(store_take_ack(queue, bench.budget), tag);
    }
    assert_int_equal(store_take_ack(queue, bench.budget), 0);
    struct queue_stats stats = store_stats(queue);
    assert_int_equal(stats.waiting_count, 0);
    assert_int_equal(stats.waiting_bytes, 0);
    assert_int_equal(stats.damaged_count, 0);
    assert_int_equal(stats.acked_count, 200);
    queue_close(&queue);
    assert_null(queue);
    bench_end(&bench);
}

static void what_was_not_acked_comes_again_after_a_restart(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    append_all(queue, 1, 100);
    for (uint64_t tag = 1; tag <= 60; tag++) {
        assert_int_equal(store_take_ack(queue, bench.budget), tag);
    }
    struct queue_entry held;
    assert_int_equal(store_take(queue, bench.budget, &held), 61);
    queue_close(&queue);
    queue = bench_queue(&bench);
    assert_int_equal(store_stats(queue).waiting_count, 40);
    append_all(queue, 101, 120);
    for (uint64_t tag = 61; tag <= 120; tag++) {
        assert_int_equal(store_take_ack(queue, bench.budget), tag);
    }
    assert_int_equal(store_take_ack(queue, bench.budget), 0);
    queue_close(&queue);
    bench_end(&bench);
}

static void returned_records_come_first_and_lowest_first(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    append_all(queue, 1, 10);
    struct queue_entry entries[6];
    for (uint64_t i = 0; i < 6; i++) {
        assert_int_equal(store_take(queue, bench.budget, &entries[i]), i + 1);
    }
    queue_return(queue, &entries[4]);
    queue_return(queue, &entries[1]);
    queue_ack(queue, &entries[0]);
    assert_int_equal(store_stats(queue).held_count, 3);
    assert_int_equal(store_take_ack(queue, bench.budget), 2);
    assert_int_equal(store_take_ack(queue, bench.budget), 5);
    assert_int_equal(store_take_ack(queue, bench.budget), 7);
    assert_int_equal(store_stats(queue).waiting_count, 6);
    queue_close(&queue);
    queue = bench_queue(&bench);
    assert_int_equal(store_take_ack(queue, bench.budget), 3);
    queue_close(&queue);
    bench_end(&bench);
}

static void segments_behind_the_position_are_unlinked(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    append_all(queue, 1, 300);
    uint64_t full_bytes = store_stats(queue).disk_bytes;
    while (store_take_ack(queue, bench.budget) != 0) {
    }
    queue_commit(queue, 0);
    assert_true(full_bytes > 10 * store_stats(queue).disk_bytes);
    queue_close(&queue);
    bench_end(&bench);
}

static void a_full_queue_refuses_and_takes_again_after_acks(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue_options options = store_options(bench.budget, bench.directory.path);
    options.size_bytes_max = 4 * options.segment_bytes;
    struct queue *queue = store_queue(options);
    uint64_t next = 1;
    uint64_t expected = 1;
    for (int round = 0; round < 20; round++) {
        while (store_append(queue, next, NULL, NULL) == 0) {
            next++;
            queue_commit(queue, 0);
        }
        assert_int_equal(store_append(queue, next, NULL, NULL), -ENOSPC);
        assert_true(store_stats(queue).disk_bytes <= options.size_bytes_max);
        assert_true(store_stats(queue).full_count > 0);
        for (uint64_t left = store_stats(queue).waiting_count; left > 0; left--) {
            assert_int_equal(store_take_ack(queue, bench.budget), expected++);
        }
        assert_int_equal(store_take_ack(queue, bench.budget), 0);
        queue_commit(queue, 0);
    }
    assert_true(next > 500);
    queue_close(&queue);
    bench_end(&bench);
}

static void the_files_never_pass_their_size_however_much_is_staged(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue_options options = store_options(bench.budget, bench.directory.path);
    options.segment_bytes = 4096;
    options.size_bytes_max = 4 * options.segment_bytes;
    options.staging_bytes_max = options.size_bytes_max;
    struct queue *queue = store_queue(options);
    unsigned char bytes[2000] = {0};
    const struct slu_bytes part = {bytes, sizeof(bytes)}; /* one to a segment, almost two */
    const struct queue_record record = {.parts = &part, .part_count = 1};
    for (int round = 0; round < 20; round++) {
        struct queue_entry entry;
        while (queue_append(queue, &record, NULL, NULL) == 0) {
        }
        assert_int_equal(queue_append(queue, &record, NULL, NULL), -ENOSPC);
        queue_commit(queue, 0);
        assert_true(store_stats(queue).disk_bytes <= options.size_bytes_max);
        for (int i = 0; i < 1 + round % 3; i++) {
            assert_int_equal(queue_next(queue, NULL, bench.budget, 0, &entry), 0);
            block_free(bench.budget, &entry.bytes);
            queue_ack(queue, &entry);
        }
        queue_commit(queue, 0);
    }
    queue_close(&queue);
    bench_end(&bench);
}

static void a_full_staging_ring_refuses_until_a_commit(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    uint64_t next = 1;
    while (store_append(queue, next, NULL, NULL) == 0) {
        next++;
    }
    assert_int_equal(store_append(queue, next, NULL, NULL), -EDQUOT);
    assert_int_equal(store_stats(queue).staged_count, next - 1);
    assert_int_equal(store_take_ack(queue, bench.budget), 0); /* nothing is committed */
    queue_commit(queue, 0);
    assert_int_equal(store_append(queue, next, NULL, NULL), 0);
    queue_close(&queue);
    bench_end(&bench);
}

static void a_record_that_fits_no_segment_is_refused(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    static unsigned char bytes[1 << 17];
    size_t largest = (16 << 10) - 64 - 48;
    struct slu_bytes part = {bytes, largest + 1};
    struct queue_record record = {.parts = &part, .part_count = 1};
    assert_int_equal(queue_append(queue, &record, NULL, NULL), -EMSGSIZE);
    const struct slu_bytes huge[] = {{bytes, SIZE_MAX}, {bytes, SIZE_MAX}};
    record = (struct queue_record){.parts = huge, .part_count = 2};
    assert_int_equal(queue_append(queue, &record, NULL, NULL), -EMSGSIZE);
    part.len = largest;
    record = (struct queue_record){.parts = &part, .part_count = 1};
    assert_int_equal(queue_append(queue, &record, NULL, NULL), 0);
    queue_commit(queue, 0);
    struct queue_entry entry;
    assert_int_equal(queue_next(queue, NULL, bench.budget, 0, &entry), 0);
    assert_int_equal(entry.bytes.len, largest);
    block_free(bench.budget, &entry.bytes);
    queue_close(&queue);
    bench_end(&bench);
}

static void without_room_for_its_bytes_a_record_stays_next(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    append_all(queue, 1, 3);
    struct slu_budget *none = budget_of(1 << 16);
    slu_budget_set_limit(none, budget_used(none));
    struct queue_entry entry;
    assert_int_equal(queue_next(queue, NULL, none, 0, &entry), -EDQUOT);
    assert_int_equal(store_take(queue, bench.budget, &entry), 1);
    queue_return(queue, &entry);
    assert_int_equal(queue_next(queue, NULL, none, 0, &entry), -EDQUOT);
    assert_int_equal(store_take_ack(queue, bench.budget), 1);
    assert_int_equal(store_take_ack(queue, bench.budget), 2);
    slu_budget_destroy(&none);
    queue_close(&queue);
    bench_end(&bench);
}

static void consumers_wait_for_acks_when_the_table_is_full(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue_options options = store_options(bench.budget, bench.directory.path);
    options.held_max = 2;
    struct queue *queue = store_queue(options);
    append_all(queue, 1, 4);
    struct queue_entry first;
    assert_int_equal(store_take(queue, bench.budget, &first), 1);
    assert_int_equal(store_take_ack(queue, bench.budget), 2);
    assert_int_equal(store_take_ack(queue, bench.budget), 0);
    queue_ack(queue, &first);
    assert_int_equal(store_take_ack(queue, bench.budget), 3);
    queue_close(&queue);
    bench_end(&bench);
}

static void a_directory_has_one_queue_at_a_time(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    struct queue_options options = store_options(bench.budget, bench.directory.path);
    struct queue *second = NULL;
    struct slu_diag diag;
    assert_int_equal(queue_open(&options, &diag, &second), -EBUSY);
    assert_non_null(strstr(diag.message, "in use by another process"));
    assert_null(second);
    queue_close(&queue);
    queue = bench_queue(&bench);
    queue_close(&queue);
    bench_end(&bench);
}

static void the_directory_is_made_for_its_owner_alone(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    char path[128];
    assert_true(snprintf(path, sizeof(path), "%s/queue/", bench.directory.path) < 128);
    struct queue *queue = store_queue(store_options(bench.budget, path));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    queue_close(&queue);
    assert_int_equal(store_io_real.list(NULL, path, store_remove_one, path), 0);
    assert_int_equal(rmdir(path), 0);
    bench_end(&bench);
}

static void options_out_of_range_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    const struct queue_options good = store_options(bench.budget, bench.directory.path);
    struct queue_options bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].budget = NULL;
    bad[1].directory = NULL;
    bad[2].directory = "";
    bad[3].segment_bytes = 4095;
    bad[4].size_bytes_max = 4 * bad[4].segment_bytes - 1;
    bad[5].staging_bytes_max = 100;
    bad[6].held_max = QUEUE_HELD_MAX + 1;
    bad[7].size_bytes_max = UINT64_MAX;
    for (size_t i = 0; i < 8; i++) {
        struct slu_diag diag = {.message = ""};
        struct queue *queue = NULL;
        assert_int_equal(queue_open(&bad[i], &diag, &queue), -EINVAL);
        assert_true(strlen(diag.message) > 10);
        assert_null(queue);
    }
    bench_end(&bench);
}

static void creation_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue_options options = store_options(bench.budget, bench.directory.path);
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct queue *queue = NULL;
        alloc_fault_at(nth);
        err = queue_open(&options, NULL, &queue);
        alloc_fault_at(0);
        if (err != 0) {
            assert_null(queue);
            assert_int_equal(budget_used(bench.budget), bench.used_bytes);
        }
        queue_close(&queue);
    }
    bench_end(&bench);
}

static void in_steady_state_only_entries_are_allocated(void **state)
{
    (void)state;
    struct bench bench = bench_begin();
    struct queue *queue = bench_queue(&bench);
    append_all(queue, 1, 50);
    uint64_t before = alloc_count();
    append_all(queue, 51, 60);
    assert_int_equal(alloc_count(), before);
    queue_close(&queue);
    bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_they_went_in_and_in_order),
        cmocka_unit_test(what_was_not_acked_comes_again_after_a_restart),
        cmocka_unit_test(returned_records_come_first_and_lowest_first),
        cmocka_unit_test(segments_behind_the_position_are_unlinked),
        cmocka_unit_test(a_full_queue_refuses_and_takes_again_after_acks),
        cmocka_unit_test(the_files_never_pass_their_size_however_much_is_staged),
        cmocka_unit_test(a_full_staging_ring_refuses_until_a_commit),
        cmocka_unit_test(a_record_that_fits_no_segment_is_refused),
        cmocka_unit_test(without_room_for_its_bytes_a_record_stays_next),
        cmocka_unit_test(consumers_wait_for_acks_when_the_table_is_full),
        cmocka_unit_test(a_directory_has_one_queue_at_a_time),
        cmocka_unit_test(the_directory_is_made_for_its_owner_alone),
        cmocka_unit_test(options_out_of_range_are_refused_with_a_reason),
        cmocka_unit_test(creation_that_fails_leaves_nothing),
        cmocka_unit_test(in_steady_state_only_entries_are_allocated),
    };
    return TEST_RUN("queue", tests);
}
