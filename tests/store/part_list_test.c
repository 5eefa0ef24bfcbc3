#include "store/part_list.h"

#include "part_fixture.h"

static const struct part_item one_row[] = {{1, 0, 5, 1}};

static struct part_name name_of(int64_t day, uint64_t first, uint64_t last)
{
    return (struct part_name){day, first, last};
}

static void add(struct part_bench *bench, int64_t day, uint64_t first, uint64_t last)
{
    assert_int_equal(part_add(bench, name_of(day, first, last), one_row, 1), 0);
}

static void has(const struct part_bench *bench, uint32_t at, int64_t day, uint64_t first,
                uint64_t last)
{
    assert_true(at < bench->list.count);
    const struct part_name *name = &bench->list.parts[at]->name;
    assert_int_equal(name->day, day);
    assert_int_equal(name->first_sequence, first);
    assert_int_equal(name->last_sequence, last);
}

static void reopen(struct part_bench *bench, uint64_t sequence_end)
{
    part_list_deinit(&bench->list);
    assert_int_equal(part_bench_list(bench, sequence_end), 0);
}

static void path_of(const struct part_bench *bench, int64_t day, uint64_t first, uint64_t last,
                    char path[256])
{
    struct part_name name = name_of(day, first, last);
    char text[PART_NAME_MAX];
    part_name_write(&name, text);
    (void)snprintf(path, 256, "%s/%s", bench->path, text);
}

/* As a merge or a flush that did not end left it. */
static void cut(const struct part_bench *bench, int64_t day, uint64_t first, uint64_t last)
{
    char path[256];
    path_of(bench, day, first, last, path);
    assert_int_equal(truncate(path, 100), 0);
}

static void parts_are_found_again_by_day_and_sequence(void **state)
{
    struct part_bench bench;
    (void)state;
    part_bench_open(&bench, 1);
    add(&bench, 3, 1, 4);
    add(&bench, -2, 5, 6);
    add(&bench, 3, 5, 6);
    add(&bench, -2, 1, 4);
    uint64_t disk_bytes = bench.list.disk_bytes;
    for (int life = 0; life < 2; life++) {
        assert_int_equal(bench.list.count, 4);
        has(&bench, 0, -2, 1, 4);
        has(&bench, 1, -2, 5, 6);
        has(&bench, 2, 3, 1, 4);
        has(&bench, 3, 3, 5, 6);
        assert_int_equal(bench.list.disk_bytes, disk_bytes);
        assert_int_equal(part_list_sequence(&bench.list), 6);
        assert_int_equal(bench.list.parts[0]->facts.record_count, 1);
        reopen(&bench, UINT64_MAX);
    }
    part_bench_close(&bench);
}

static void what_the_log_has_still_goes(void **state)
{
    struct part_bench bench;
    (void)state;
    part_bench_open(&bench, 1);
    add(&bench, 1, 1, 4);
    add(&bench, 1, 5, 9);
    add(&bench, 2, 5, 9);
    reopen(&bench, 9);
    assert_int_equal(bench.list.count, 1);
    has(&bench, 0, 1, 1, 4);
    assert_int_equal(part_bench_files(&bench), 1);
    part_bench_close(&bench);
}

static void a_merged_part_goes_while_its_pieces_are_there_and_it_is_not_whole(void **state)
{
    struct part_bench bench;
    (void)state;
    part_bench_open(&bench, 1);
    add(&bench, 1, 1, 9);
    part_list_deinit(&bench.list);
    cut(&bench, 1, 1, 9);
    assert_int_equal(part_bench_list(&bench, UINT64_MAX), 0);
    assert_int_equal(bench.list.damaged_count, 1); /* there are no pieces: it is all that is left */
    assert_int_equal(part_bench_files(&bench), 1);
    add(&bench, 1, 1, 4);
    add(&bench, 1, 5, 9);
    reopen(&bench, UINT64_MAX);
    assert_int_equal(bench.list.count, 2);
    assert_int_equal(bench.list.damaged_count, 0);
    assert_int_equal(part_bench_files(&bench), 2);
    part_bench_close(&bench);
}

static void pieces_go_where_what_they_were_merged_to_is_whole(void **state)
{
    struct part_bench bench;
    struct part_bench other;
    char from[256];
    char to[256];
    (void)state;
    part_bench_open(&bench, 1);
    part_bench_open(&other, 1);
    add(&bench, 1, 1, 4);
    add(&bench, 1, 5, 9);
    add(&bench, 2, 5, 9);
    add(&other, 1, 1, 9);
    path_of(&other, 1, 1, 9, from);
    path_of(&bench, 1, 1, 9, to);
    assert_int_equal(link(from, to), 0);
    reopen(&bench, UINT64_MAX);
    assert_int_equal(bench.list.count, 2);
    has(&bench, 0, 1, 1, 9);
    has(&bench, 1, 2, 5, 9);
    assert_int_equal(part_bench_files(&bench), 2);
    part_bench_close(&other);
    part_bench_close(&bench);
}

static void a_part_of_another_signal_is_counted_and_left(void **state)
{
    struct part_bench bench;
    (void)state;
    part_bench_open(&bench, 1);
    add(&bench, 1, 1, 4);
    bench.signal = 2;
    reopen(&bench, UINT64_MAX);
    assert_int_equal(bench.list.count, 0);
    assert_int_equal(bench.list.damaged_count, 1);
    assert_int_equal(part_bench_files(&bench), 1);
    part_bench_close(&bench);
}

static void a_part_takes_the_place_of_what_it_covers_and_readers_keep_that(void **state)
{
    struct part_bench bench;
    unsigned char header[PART_HEADER_BYTES];
    size_t got = 0;
    (void)state;
    part_bench_open(&bench, 1);
    add(&bench, 1, 1, 4);
    add(&bench, 1, 5, 9);
    add(&bench, 1, 10, 12);
    struct part *open = part_keep(bench.list.parts[0]);
    struct part *unopened = part_keep(bench.list.parts[1]);
    assert_int_equal(part_open(&bench.list, open), 0);
    add(&bench, 1, 1, 9);
    assert_int_equal(bench.list.count, 2);
    has(&bench, 0, 1, 1, 9);
    has(&bench, 1, 1, 10, 12);
    assert_int_equal(part_bench_files(&bench), 2);
    assert_int_equal(part_open(&bench.list, unopened), 0);
    assert_int_equal(
        store_io_real.read(NULL, unopened->section.fd, header, sizeof(header), 0, &got), 0);
    assert_int_equal(store_io_real.read(NULL, open->section.fd, header, sizeof(header), 0, &got),
                     0);
    part_close(&bench.list, open);
    part_close(&bench.list, unopened);
    part_give_back(&bench.list, open);
    part_give_back(&bench.list, unopened);
    part_bench_close(&bench);
}

static void a_dropped_part_is_gone_and_no_bytes_of_it_are_counted(void **state)
{
    struct part_bench bench;
    (void)state;
    part_bench_open(&bench, 1);
    add(&bench, 1, 1, 4);
    add(&bench, 2, 1, 4);
    assert_int_equal(part_list_drop(&bench.list, 0), 0);
    assert_int_equal(bench.list.disk_bytes, bench.list.parts[0]->size_bytes);
    assert_int_equal(part_list_drop(&bench.list, 0), 0);
    assert_int_equal(bench.list.disk_bytes, 0);
    assert_int_equal(part_bench_files(&bench), 0);
    assert_int_equal(part_list_sequence(&bench.list), 0);
    part_bench_close(&bench);
}

static void places_that_are_prepared_need_no_memory_to_be_filled(void **state)
{
    struct part_bench bench;
    struct part *parts[40];
    (void)state;
    part_bench_open(&bench, 1);
    for (uint32_t i = 0; i < 40; i++) {
        struct part_name name = name_of(i % 3, i + 1, i + 1);
        assert_int_equal(part_list_prepare(&bench.list, &name, &parts[i]), 0);
        assert_int_equal(rows_write(&bench, one_row, 1, parts[i]), 0);
    }
    uint64_t calls = alloc_count();
    for (uint32_t i = 0; i < 40; i++) {
        part_list_put(&bench.list, parts[39 - i]);
    }
    assert_int_equal(alloc_count(), calls);
    for (uint32_t i = 1; i < 40; i++) {
        const struct part_name *left = &bench.list.parts[i - 1]->name;
        const struct part_name *right = &bench.list.parts[i]->name;
        assert_true(left->day < right->day ||
                    (left->day == right->day && left->first_sequence < right->first_sequence));
    }
    part_bench_close(&bench);
}

static void an_allocation_that_fails_leaves_nothing_behind(void **state)
{
    struct part_bench bench;
    (void)state;
    part_bench_open(&bench, 1);
    for (uint64_t i = 1; i <= 20; i++) {
        add(&bench, 1, i, i);
    }
    part_list_deinit(&bench.list);
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = part_bench_list(&bench, UINT64_MAX);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        assert_true(err == 0 || budget_used(bench.budget) == bench.used);
        assert_true(nth < 200);
    }
    assert_int_equal(bench.list.count, 20);
    err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = part_add(&bench, name_of(2, 1, 1), one_row, 1);
        alloc_fault_at(0);
        assert_true(err == 0 || err == -ENOMEM);
        assert_int_equal(part_bench_files(&bench), err == 0 ? 21 : 20);
        assert_true(nth < 200);
    }
    part_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_again_by_day_and_sequence),
        cmocka_unit_test(what_the_log_has_still_goes),
        cmocka_unit_test(a_merged_part_goes_while_its_pieces_are_there_and_it_is_not_whole),
        cmocka_unit_test(pieces_go_where_what_they_were_merged_to_is_whole),
        cmocka_unit_test(a_part_of_another_signal_is_counted_and_left),
        cmocka_unit_test(a_part_takes_the_place_of_what_it_covers_and_readers_keep_that),
        cmocka_unit_test(a_dropped_part_is_gone_and_no_bytes_of_it_are_counted),
        cmocka_unit_test(places_that_are_prepared_need_no_memory_to_be_filled),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing_behind),
    };
    return TEST_RUN("part list", tests);
}
