#include "profile/profile.h"

#include <errno.h>
#include <fenv.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "fixture.h"

static const struct profile_options small = {
    .rate_bytes = 1,
    .samples_max = 8,
    .stacks_max = 4,
    .pcs_max = 12,
};

static void impossible_options_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        struct profile_options options;
        const char *reason;
    } cases[] = {
        {{0, 0, 8, 4, 12}, "rate_bytes is 0"},
        {{SAMPLING_RATE_MAX + 1, 0, 8, 4, 12}, "rate_bytes is 4294967296"},
        {{1, UINT64_MAX, 8, 4, 12}, "samples_per_second_max is 18446744073709551615"},
        {{1, 0, 0, 4, 12}, "samples_max is 0"},
        {{1, 0, PROFILE_SAMPLES_MAX + 1, 4, 12}, "samples_max is 268435457"},
        {{1, 0, 8, 0, 12}, "stacks_max is 0"},
        {{1, 0, 8, PROFILE_STACKS_MAX + 1, 12}, "stacks_max is 16777217"},
        {{1, 0, 8, 4, 0}, "pcs_max is 0"},
        {{1, 0, 8, 4, PROFILE_PCS_MAX + 1}, "pcs_max is 2147483649"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        size_t bytes = 77;
        assert_int_equal(profile_bytes(&cases[i].options, &diag, &bytes), -EINVAL);
        assert_non_null(strstr(diag.message, cases[i].reason));
        assert_int_equal(bytes, 77);
        assert_int_equal(profile_bytes(&cases[i].options, NULL, &bytes), -EINVAL);
    }
}

static void the_largest_options_have_a_size(void **state)
{
    (void)state;
    struct profile_options largest = {
        .rate_bytes = SAMPLING_RATE_MAX,
        .samples_per_second_max = UINT32_MAX,
        .samples_max = PROFILE_SAMPLES_MAX,
        .stacks_max = PROFILE_STACKS_MAX,
        .pcs_max = PROFILE_PCS_MAX,
    };
    size_t bytes = 0;
    assert_int_equal(profile_bytes(&largest, NULL, &bytes), 0);
    assert_true(bytes > UINT64_C(28) << 30 && bytes < UINT64_C(1) << 40);
}

static void what_is_recorded_is_counted_and_forgotten(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t first = PROFILE_NONE;
    uint32_t second = PROFILE_NONE;
    assert_int_equal(record_at(fixture.profile, 0x10, 100, 1, 0, &first), 0);
    assert_int_equal(record_at(fixture.profile, 0x20, 50, 2, 0, &second), 0);
    assert_int_equal(profile_forget(fixture.profile, first, 0x10), 0);
    struct profile_stats stats = stats_of(fixture.profile);
    assert_int_equal(stats.alloc_objects, 2);
    assert_int_equal(stats.alloc_bytes, 150);
    assert_int_equal(stats.inuse_objects, 1);
    assert_int_equal(stats.inuse_bytes, 50);
    assert_int_equal(stats.samples_recorded, 2);
    assert_int_equal(stats.samples_live, 1);
    assert_int_equal(stats.stack_count, 2);
    fixture_end(&fixture);
}

static void what_is_not_live_cannot_be_forgotten(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t index = PROFILE_NONE;
    assert_int_equal(profile_forget(fixture.profile, 0, 0), -ESTALE);
    assert_int_equal(record_at(fixture.profile, 0x20, 50, 2, 0, &index), 0);
    assert_int_equal(profile_forget(fixture.profile, index, 0x21), -ESTALE);
    assert_int_equal(profile_forget(fixture.profile, index + 1, 0x20), -ESTALE);
    assert_int_equal(profile_forget(fixture.profile, PROFILE_NONE, 0x20), -ESTALE);
    assert_int_equal(stats_of(fixture.profile).inuse_bytes, 50);
    assert_int_equal(profile_forget(fixture.profile, index, 0x20), 0);
    assert_int_equal(profile_forget(fixture.profile, index, 0x20), -ESTALE);
    assert_int_equal(stats_of(fixture.profile).inuse_bytes, 0);
    fixture_end(&fixture);
}

static void a_sample_keeps_what_was_recorded_with_it(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    const uint64_t pcs[] = {11, 22};
    struct profile_allocation allocation = {0x7f0000001000, 1000, 3000, 42, 2, pcs};
    struct profile_sample sample;
    const uint64_t *frames = NULL;
    uint32_t index = PROFILE_NONE;
    assert_false(profile_sample_at(fixture.profile, 0, &sample));
    assert_int_equal(profile_record(fixture.profile, &allocation, 99, &index), 0);
    assert_int_equal(profile_sample_end(fixture.profile), index + 1);
    assert_true(profile_sample_at(fixture.profile, index, &sample));
    assert_int_equal(sample.address, 0x7f0000001000);
    assert_int_equal(sample.size_bytes, 1000);
    assert_int_equal(sample.rate_bytes, 3000);
    assert_int_equal(sample.weight, sampling_weight(1000, 3000));
    assert_int_equal(sample.birth_ns, 99);
    assert_int_equal(sample.thread_id, 42);
    assert_int_equal(profile_stack(fixture.profile, sample.stack, &frames), 2);
    assert_memory_equal(frames, pcs, sizeof(pcs));
    assert_int_equal(profile_forget(fixture.profile, index, sample.address), 0);
    assert_false(profile_sample_at(fixture.profile, index, &sample));
    assert_false(profile_sample_at(fixture.profile, index + 1, &sample));
    fixture_end(&fixture);
}

static void freed_records_are_used_again_before_new_ones(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    for (uint64_t round = 0; round < 1000; round++) {
        uint32_t indices[3];
        for (uint64_t i = 0; i < 3; i++) {
            assert_int_equal(record_at(fixture.profile, i, 1, 0, 0, &indices[i]), 0);
        }
        for (uint64_t i = 0; i < 3; i++) {
            assert_int_equal(profile_forget(fixture.profile, indices[i], i), 0);
        }
    }
    assert_int_equal(profile_sample_end(fixture.profile), 3);
    fixture_end(&fixture);
}

static void one_live_sample_too_many_is_allocated_and_not_in_use(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t index = PROFILE_NONE;
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(record_at(fixture.profile, i, 10, 0, 0, &index), 0);
    }
    uint32_t untouched = 77;
    assert_int_equal(record_at(fixture.profile, 8, 10, 0, 0, &untouched), -ENOBUFS);
    assert_int_equal(untouched, 77);
    struct profile_stats stats = stats_of(fixture.profile);
    assert_int_equal(stats.alloc_bytes, 90);
    assert_int_equal(stats.inuse_bytes, 80);
    assert_int_equal(stats.samples_dropped, 1);
    assert_int_equal(stats.samples_live, 8);
    assert_int_equal(profile_forget(fixture.profile, index, 7), 0);
    assert_int_equal(record_at(fixture.profile, 9, 10, 0, 0, &index), 0);
    fixture_end(&fixture);
}

static void stacks_without_room_count_in_one_that_says_so(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    struct profile_write_options options = {0};
    uint32_t index = PROFILE_NONE;
    for (uint64_t path = 0; path < 6; path++) {
        assert_int_equal(record_at(fixture.profile, path, 10, path, 0, &index), 0);
    }
    struct profile_stats stats = stats_of(fixture.profile);
    assert_int_equal(stats.stack_count, 4);
    assert_int_equal(stats.stacks_dropped, 2);
    assert_int_equal(stats.inuse_bytes, 60);
    assert_non_null(
        strstr(text_of(&fixture, &options), "2: 20 [2: 20] @ 0x0\n# stack table full\n"));
    /* A stack that is there is found all the same. */
    assert_int_equal(record_at(fixture.profile, 7, 10, 0, 0, &index), 0);
    assert_int_equal(stats_of(fixture.profile).stacks_dropped, 2);
    fixture_end(&fixture);
}

static void frames_without_room_do_not_lose_the_stack_records(void **state)
{
    (void)state;
    struct profile_options options = {
        .rate_bytes = 1, .samples_max = 8, .stacks_max = 8, .pcs_max = 5};
    struct fixture fixture = fixture_of(&options);
    const uint64_t pcs[] = {1, 2, 3, 4};
    struct profile_allocation allocation = {1, 1, 1, 1, 4, pcs};
    uint32_t index = PROFILE_NONE;
    assert_int_equal(profile_record(fixture.profile, &allocation, 0, &index), 0);
    allocation.frame_count = 3;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(profile_record(fixture.profile, &allocation, 0, &index), 0);
    }
    allocation.frame_count = 1;
    assert_int_equal(profile_record(fixture.profile, &allocation, 0, &index), 0);
    struct profile_stats stats = stats_of(fixture.profile);
    assert_int_equal(stats.stack_count, 2);
    assert_int_equal(stats.stacks_dropped, 4);
    fixture_end(&fixture);
}

static void stacks_differ_by_each_frame_and_by_depth(void **state)
{
    (void)state;
    struct profile_options options = {
        .rate_bytes = 1, .samples_max = 1, .stacks_max = 1000, .pcs_max = 100000};
    struct fixture fixture = fixture_of(&options);
    uint64_t pcs[PROFILE_FRAMES_MAX + 10];
    struct profile_allocation allocation = {.size_bytes = 1, .rate_bytes = 1, .return_pcs = pcs};
    uint32_t index = PROFILE_NONE;
    for (uint64_t i = 0; i < PROFILE_FRAMES_MAX + 10; i++) {
        pcs[i] = 5;
    }
    for (int round = 0; round < 2; round++) {
        for (uint32_t count = 0; count <= PROFILE_FRAMES_MAX + 10; count++) {
            allocation.frame_count = count;
            (void)profile_record(fixture.profile, &allocation, 0, &index); /* full */
        }
        for (uint32_t i = 0; i < PROFILE_FRAMES_MAX; i++) {
            pcs[i] = 6;
            (void)profile_record(fixture.profile, &allocation, 0, &index); /* full */
            pcs[i] = 5;
        }
    }
    /* Depths from 0 to the greatest, beyond which frames are cut, and one for each frame. */
    assert_int_equal(stats_of(fixture.profile).stack_count, 2 * PROFILE_FRAMES_MAX + 1);
    fixture_end(&fixture);
}

static void check_first_frame(const struct fixture *fixture, uint32_t index, uint64_t expected)
{
    struct profile_sample sample;
    const uint64_t *frames = NULL;
    assert_true(profile_sample_at(fixture->profile, index, &sample));
    assert_int_equal(profile_stack(fixture->profile, sample.stack, &frames), 3);
    assert_int_equal(frames[0], expected);
    assert_int_equal(frames[1], 0x2001);
}

static void stacks_follow_their_code_and_later_ones_do_not(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t below = PROFILE_NONE;
    uint32_t within = PROFILE_NONE;
    uint32_t last = PROFILE_NONE;
    uint32_t later = PROFILE_NONE;
    uint32_t again = PROFILE_NONE;
    /* A call's return address is behind it: code of [0x1100, 0x1200) returns to the next 0x100. */
    assert_int_equal(record_at(fixture.profile, 0x10, 1, 0x100, 0, &below), 0);
    assert_int_equal(record_at(fixture.profile, 0x20, 1, 0x101, 0, &within), 0);
    assert_int_equal(record_at(fixture.profile, 0x30, 1, 0x200, 0, &last), 0);
    uint32_t stack_end = profile_stack_end(fixture.profile);
    assert_int_equal(record_at(fixture.profile, 0x40, 1, 0x180, 0, &later), 0);
    profile_move_code(fixture.profile, 0x1100, 0x1200, 0x900000, stack_end);
    check_first_frame(&fixture, below, 0x1100);
    check_first_frame(&fixture, within, 0x900001);
    check_first_frame(&fixture, last, 0x900100);
    check_first_frame(&fixture, later, 0x1180);
    assert_int_equal(stats_of(fixture.profile).stack_count, 4);
    assert_int_equal(record_at(fixture.profile, 0x50, 1, 0x180, 0, &again), 0);
    assert_int_equal(stats_of(fixture.profile).stack_count, 4);
    assert_int_equal(profile_forget(fixture.profile, within, 0x20), 0);
    assert_int_equal(stats_of(fixture.profile).inuse_bytes, 4);
    fixture_end(&fixture);
}

static void the_text_tells_totals_stacks_and_mappings(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    static const struct profile_mapping mappings[] = {
        {0x1000, 0x2000, 0, {"/bin/a\nb", 8}, {NULL, 0}},
        {0x2000, 0x4000, 0x500, {NULL, 0}, {NULL, 0}},
    };
    struct profile_write_options options = {
        .mappings = mappings, .mapping_count = 2, .comment = "a\tcomment"};
    uint32_t index = PROFILE_NONE;
    assert_int_equal(record_at(fixture.profile, 0x10, 100, 1, 0, &index), 0);
    assert_int_equal(record_at(fixture.profile, 0x20, 50, 1, 0, &index), 0);
    assert_int_equal(profile_forget(fixture.profile, index, 0x20), 0);
    assert_string_equal(text_of(&fixture, &options), "heap profile: 1: 100 [2: 150] @ heap/2\n"
                                                     "1: 100 [2: 150] @ 0x1000 0x2001 0x3001\n"
                                                     "\n"
                                                     "# rate_bytes = 1\n"
                                                     "# samples_recorded = 2\n"
                                                     "# samples_live = 1\n"
                                                     "# samples_dropped = 0\n"
                                                     "# stack_count = 1\n"
                                                     "# stacks_dropped = 0\n"
                                                     "# a?comment\n"
                                                     "\n"
                                                     "MAPPED_LIBRARIES:\n"
                                                     "1000-2000 r-xp 0 00:00 0 /bin/a?b\n"
                                                     "2000-4000 r-xp 500 00:00 0 \n");
    fixture_end(&fixture);
}

static void a_difference_tells_what_changed_since(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t before = PROFILE_NONE;
    uint32_t after = PROFILE_NONE;
    uint32_t other = PROFILE_NONE;
    assert_int_equal(record_at(fixture.profile, 0x10, 100, 1, 0, &before), 0);
    assert_int_equal(record_at(fixture.profile, 0x20, 30, 2, 0, &other), 0);
    void *block = zeroed(profile_snapshot_bytes(fixture.profile));
    struct profile_write_options options = {.since = profile_snapshot_take(fixture.profile, block)};
    assert_non_null(strstr(text_of(&fixture, &options), "heap profile: 0: 0 [0: 0] @ heap/2\n\n"));
    assert_int_equal(profile_forget(fixture.profile, before, 0x10), 0);
    assert_int_equal(record_at(fixture.profile, 0x11, 40, 1, 0, &after), 0);
    assert_int_equal(record_at(fixture.profile, 0x12, 7, 3, 0, &after), 0);
    const char *text = text_of(&fixture, &options);
    assert_non_null(strstr(text, "heap profile: 1: -53 [2: 47] @ heap/2\n"));
    assert_non_null(strstr(text, "0: -60 [1: 40] @ 0x1000 "));
    assert_non_null(strstr(text, "1: 7 [1: 7] @ 0x1002 "));
    assert_null(strstr(text, "0x1001 ")); /* nothing changed there */
    free(block);
    fixture_end(&fixture);
}

static void mappings_out_of_order_and_ages_of_a_difference_are_refused(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    static const struct profile_mapping mappings[] = {{.start = 2}, {.start = 1}};
    struct profile_write_options options = {.mappings = mappings, .mapping_count = 2};
    void *block = zeroed(profile_snapshot_bytes(fixture.profile));
    struct sink sink;
    sink_init_fixed(&sink, fixture.text, TEXT_MAX);
    assert_int_equal(profile_write(fixture.profile, &options, fixture.scratch, &sink), -EINVAL);
    options = (struct profile_write_options){
        .ages = true, .since = profile_snapshot_take(fixture.profile, block)};
    assert_int_equal(profile_write(fixture.profile, &options, fixture.scratch, &sink), -EINVAL);
    assert_int_equal(sink.len, 0);
    free(block);
    fixture_end(&fixture);
}

struct failing {
    uint64_t left;
};

static int fail_after(void *context, const char *bytes, size_t len)
{
    struct failing *failing = context;
    (void)bytes;
    if (len > failing->left) {
        return -EPIPE;
    }
    failing->left -= len;
    return 0;
}

static void an_error_of_the_sink_is_reported_wherever_it_happens(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t index = PROFILE_NONE;
    assert_int_equal(record_at(fixture.profile, 0x10, 100, 1, 0, &index), 0);
    for (int format = PROFILE_PPROF_GZIP; format <= PROFILE_TEXT; format++) {
        struct profile_write_options options = {.format = (enum profile_format)format};
        int err = -EPIPE;
        for (uint64_t room = 0; err != 0; room++) {
            char stage[7];
            struct failing failing = {room};
            struct sink sink;
            assert_true(room < 1000);
            sink_init(&sink, fail_after, &failing, stage, sizeof(stage));
            err = profile_write(fixture.profile, &options, fixture.scratch, &sink);
            assert_true(err == 0 || err == -EPIPE);
        }
    }
    fixture_end(&fixture);
}

static void nothing_is_allocated_and_errno_and_rounding_stay(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint64_t before = alloc_count();
    uint32_t index = PROFILE_NONE;
    feclearexcept(FE_ALL_EXCEPT);
    fesetround(FE_DOWNWARD);
    errno = 78;
    for (uint64_t i = 0; i < 20; i++) {
        uint64_t pcs[] = {i + 1};
        struct profile_allocation allocation = {i, 1000 * i, 524288, 1, 1, pcs};
        if (profile_record(fixture.profile, &allocation, i, &index) == 0 && i % 2 == 0) {
            assert_int_equal(profile_forget(fixture.profile, index, i), 0);
        }
    }
    assert_int_equal(profile_forget(fixture.profile, 1234, 1), -ESTALE);
    assert_int_equal(profile_set_rate(fixture.profile, 0), -EINVAL);
    (void)text_of(&fixture, &(struct profile_write_options){0});
    assert_int_equal(errno, 78);
    assert_int_equal(fetestexcept(FE_ALL_EXCEPT), 0);
    assert_int_equal(fegetround(), FE_DOWNWARD);
    assert_int_equal(alloc_count(), before);
    fesetround(FE_TONEAREST);
    fixture_end(&fixture);
}

static void the_ceiling_raises_the_rate_that_is_asked_for(void **state)
{
    (void)state;
    struct profile_options options = {.rate_bytes = 1000,
                                      .samples_per_second_max = 100,
                                      .samples_max = 1,
                                      .stacks_max = 1,
                                      .pcs_max = 10};
    struct fixture fixture = fixture_of(&options);
    uint32_t index = PROFILE_NONE;
    assert_int_equal(profile_rate(fixture.profile), 1000);
    for (uint64_t i = 0; i < 100; i++) {
        (void)record_at(fixture.profile, i, 1, 0, i, &index); /* full */
    }
    assert_true(profile_rate(fixture.profile) > 1000);
    assert_int_equal(profile_set_rate(fixture.profile, 5000), 0);
    assert_int_equal(profile_rate(fixture.profile), 5000);
    assert_int_equal(profile_set_rate(fixture.profile, 0), -EINVAL);
    assert_int_equal(profile_set_rate(fixture.profile, SAMPLING_RATE_MAX + 1), -EINVAL);
    assert_int_equal(profile_rate(fixture.profile), 5000);
    fixture_end(&fixture);
}

static void a_child_of_fork_goes_on_with_what_it_inherits(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t index = PROFILE_NONE;
    uint32_t second = PROFILE_NONE;
    assert_int_equal(record_at(fixture.profile, 0x10, 100, 1, 0, &index), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        profile_after_fork_child(fixture.profile, SECOND_NS);
        int failed = record_at(fixture.profile, 0x20, 11, 2, SECOND_NS, &second);
        failed |= profile_forget(fixture.profile, index, 0x10);
        failed |= stats_of(fixture.profile).inuse_bytes != 11;
        failed |= stats_of(fixture.profile).alloc_bytes != 111;
        _exit(failed != 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(stats_of(fixture.profile).inuse_bytes, 100);
    fixture_end(&fixture);
}

static size_t resident_bytes(void *block, size_t bytes)
{
    static unsigned char pages[1 << 16];
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = (bytes + page_bytes - 1) / page_bytes;
    size_t resident = 0;
    assert_true(count <= sizeof(pages));
    assert_int_equal(mincore(block, bytes, pages), 0);
    for (size_t i = 0; i < count; i++) {
        resident += pages[i] & 1;
    }
    return resident * page_bytes;
}

/* Live samples through so many stacks of 25 frames, of which 20 are shared. */
static void fill(struct profile *profile, uint64_t sample_count, uint64_t stack_count)
{
    uint64_t pcs[25];
    uint32_t index = PROFILE_NONE;
    struct profile_allocation allocation = {
        .size_bytes = 100, .rate_bytes = 524288, .frame_count = 25, .return_pcs = pcs};
    for (uint64_t i = 0; i < sample_count; i++) {
        for (uint64_t k = 0; k < 25; k++) {
            pcs[k] = 0x7f0000000000 + 64 * k + (k < 5 ? 4096 * (i % stack_count + 1) : 0);
        }
        allocation.address = 16 * i;
        assert_int_equal(profile_record(profile, &allocation, i, &index), 0);
    }
}

static void memory_is_touched_as_far_as_it_is_used(void **state)
{
    (void)state;
    struct profile_options options;
    size_t bytes = 0;
    profile_options_default(&options);
    assert_int_equal(profile_bytes(&options, NULL, &bytes), 0);
    assert_true(bytes < 16 << 20);
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    /* A large page would make all of it resident at once. */
    assert_int_equal(madvise(block, bytes, MADV_NOHUGEPAGE), 0);
    struct profile *profile = profile_init(block, &options, 0);
    assert_true(resident_bytes(block, bytes) <= 32 << 10);
    fill(profile, 1000, 100);
    assert_true(resident_bytes(block, bytes) <= 512 << 10);
    fill(profile, 99000, 10000);
    size_t resident = resident_bytes(block, bytes);
    struct profile_stats stats = stats_of(profile);
    assert_true(resident <= stats.used_bytes + (32 << 10));
    assert_true(resident <= 9 << 20);
    assert_int_equal(stats.samples_live, 100000);
    assert_int_equal(stats.block_bytes, bytes);
    assert_int_equal(munmap(block, bytes), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_options_are_refused_with_the_reason),
        cmocka_unit_test(the_largest_options_have_a_size),
        cmocka_unit_test(what_is_recorded_is_counted_and_forgotten),
        cmocka_unit_test(what_is_not_live_cannot_be_forgotten),
        cmocka_unit_test(a_sample_keeps_what_was_recorded_with_it),
        cmocka_unit_test(freed_records_are_used_again_before_new_ones),
        cmocka_unit_test(one_live_sample_too_many_is_allocated_and_not_in_use),
        cmocka_unit_test(stacks_without_room_count_in_one_that_says_so),
        cmocka_unit_test(frames_without_room_do_not_lose_the_stack_records),
        cmocka_unit_test(stacks_differ_by_each_frame_and_by_depth),
        cmocka_unit_test(stacks_follow_their_code_and_later_ones_do_not),
        cmocka_unit_test(the_text_tells_totals_stacks_and_mappings),
        cmocka_unit_test(a_difference_tells_what_changed_since),
        cmocka_unit_test(mappings_out_of_order_and_ages_of_a_difference_are_refused),
        cmocka_unit_test(an_error_of_the_sink_is_reported_wherever_it_happens),
        cmocka_unit_test(nothing_is_allocated_and_errno_and_rounding_stay),
        cmocka_unit_test(the_ceiling_raises_the_rate_that_is_asked_for),
        cmocka_unit_test(a_child_of_fork_goes_on_with_what_it_inherits),
        cmocka_unit_test(memory_is_touched_as_far_as_it_is_used),
    };
    return TEST_RUN("profile", tests);
}
