#include "store/segment_file.h"

#include "fixture.h"
#include "simulated_io.h"
#include "store/position_file.h"

static struct segment_directory directory_of(struct simulated_disk *disk)
{
    return (struct segment_directory){.io = simulated_disk_io(disk), .path = "simulated"};
}

static void only_names_of_segments_are_taken_for_such(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        ".",
        "LOCK",
        "position",
        "0000000000000000001.segment",   /* 19 digits */
        "000000000000000000001.segment", /* 21 */
        "00000000000000000001.segments",
        "00000000000000000001",
        "-0000000000000000001.segment",
        "18446744073709551616.segment", /* 2 to the 64th */
        "99999999999999999999.segment",
    };
    uint64_t sequence = 5;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(segment_name_parse(others[i], &sequence));
    }
    assert_int_equal(sequence, 5);
    static const uint64_t sequences[] = {0, 1, 12345678901234567890u, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        char name[SEGMENT_NAME_MAX];
        segment_name(sequences[i], name);
        assert_true(segment_name_parse(name, &sequence));
        assert_int_equal(sequence, sequences[i]);
    }
}

static void a_segment_has_its_header_before_it_is_used(void **state)
{
    (void)state;
    struct simulated_disk *disk = simulated_disk_make(3);
    struct segment_directory directory = directory_of(disk);
    struct segment_facts facts;
    int fd = -1;
    assert_int_equal(segment_create(&directory, 9, 77, &fd), 0);
    directory.io->close(directory.io->context, fd);
    simulated_disk_restart(disk);
    assert_int_equal(segment_open(&directory, 9, false, &fd), 0);
    assert_int_equal(segment_facts_read(directory.io, fd, 9, &facts), 0);
    assert_false(facts.is_damaged);
    assert_int_equal(facts.salt, 77);
    assert_int_equal(facts.size_bytes, SEGMENT_HEADER_BYTES);
    assert_int_equal(segment_facts_read(directory.io, fd, 8, &facts), 0);
    assert_true(facts.is_damaged); /* a file that was given another name */
    directory.io->close(directory.io->context, fd);
    assert_int_equal(segment_create(&directory, 9, 77, &fd), -EEXIST);
    simulated_disk_free(&disk);
}

static void a_segment_that_cannot_be_made_is_not_left(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 4; nth++) {
        struct simulated_disk *disk = simulated_disk_make(nth);
        struct segment_directory directory = directory_of(disk);
        int fd = -7;
        simulated_disk_fail(disk, SIMULATED_ERROR, nth, -ENOSPC);
        assert_int_equal(segment_create(&directory, 1, 1, &fd), -ENOSPC);
        assert_int_equal(fd, -7);
        assert_int_equal(simulated_disk_file_count(disk), 0);
        simulated_disk_free(&disk);
    }
}

static void a_position_that_a_crash_tears_leaves_the_one_before_it(void **state)
{
    (void)state;
    struct test_random random = test_random_start(11);
    for (uint64_t round = 0; round < test_rounds(300); round++) {
        struct simulated_disk *disk = simulated_disk_make(test_random_next(&random));
        struct segment_directory directory = directory_of(disk);
        struct position_file file;
        assert_int_equal(position_file_open(&directory, &file), 0);
        assert_int_equal(file.sequence, 0);
        uint64_t written = test_random_below(&random, 5);
        for (uint64_t i = 1; i <= written; i++) {
            assert_int_equal(position_file_write(&directory, &file, 100 * i), 0);
        }
        /* The write, or its sync. */
        simulated_disk_fail(disk, SIMULATED_CRASH, 1 + test_random_below(&random, 2), 0);
        assert_int_equal(position_file_write(&directory, &file, 100 * (written + 1)), -EIO);
        assert_int_equal(file.sequence, 100 * written);
        position_file_close(&directory, &file);
        simulated_disk_restart(disk);
        assert_int_equal(position_file_open(&directory, &file), 0);
        assert_true(file.sequence == 100 * written || file.sequence == 100 * (written + 1));
        position_file_close(&directory, &file);
        simulated_disk_free(&disk);
    }
}

static unsigned char long_bytes[3 * SEGMENT_SCRATCH_BYTES];

static int long_read(void *context, int fd, void *bytes, size_t len, uint64_t offset, size_t *got)
{
    (void)context;
    (void)fd;
    size_t there = offset < sizeof(long_bytes) ? sizeof(long_bytes) - (size_t)offset : 0;
    *got = len < there ? len : there;
    memcpy(bytes, long_bytes + offset, *got);
    return 0;
}

static void a_frame_behind_long_damage_is_found_wherever_pieces_meet(void **state)
{
    (void)state;
    static unsigned char scratch[SEGMENT_SCRATCH_BYTES];
    const struct store_io io = {.read = long_read};
    const struct frame frame = {.sequence = 3, .payload_bytes = 1};
    for (size_t back = 0; back < 2 * FRAME_HEADER_BYTES + 2; back++) {
        size_t at = 2 * SEGMENT_SCRATCH_BYTES - back;
        memset(long_bytes, 'S', sizeof(long_bytes));
        frame_encode(&frame, 1, long_bytes + at);
        struct segment_walk walk = {
            .io = &io, .salt = 1, .end = sizeof(long_bytes), .scratch = scratch};
        struct frame found = {0};
        assert_int_equal(segment_walk_find(&walk, &found), 0);
        assert_int_equal(walk.offset, at);
        assert_int_equal(found.sequence, 3);
        walk.end = at + FRAME_HEADER_BYTES; /* without its payload it is no frame */
        walk.offset = 0;
        assert_int_equal(segment_walk_find(&walk, &found), -ENODATA);
        assert_int_equal(walk.offset, walk.end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_of_segments_are_taken_for_such),
        cmocka_unit_test(a_segment_has_its_header_before_it_is_used),
        cmocka_unit_test(a_segment_that_cannot_be_made_is_not_left),
        cmocka_unit_test(a_frame_behind_long_damage_is_found_wherever_pieces_meet),
        cmocka_unit_test(a_position_that_a_crash_tears_leaves_the_one_before_it),
    };
    return TEST_RUN("segment_file", tests);
}
