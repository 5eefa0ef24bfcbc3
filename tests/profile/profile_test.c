#include "profile/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"

#include "harness.h"

#define SECOND_NS UINT64_C(1000000000)
#define TEXT_MAX  (1 << 20)

static const struct profile_options small = {
    .rate_bytes = 1,
    .samples_max = 8,
    .stacks_max = 4,
    .pcs_max = 16,
};

struct fixture {
    void *block;
    void *scratch;
    char *text;
    struct profile *profile;
};

static void *zeroed(size_t bytes)
{
    size_t whole = (bytes + 63) / 64 * 64;
    void *block = aligned_alloc(64, whole);
    assert_non_null(block);
    memset(block, 0, whole);
    return block;
}

static struct fixture fixture_of(const struct profile_options *options)
{
    struct fixture fixture;
    size_t bytes = 0;
    assert_int_equal(profile_bytes(options, NULL, &bytes), 0);
    fixture.block = zeroed(bytes);
    fixture.profile = profile_init(fixture.block, options, 0);
    fixture.scratch = zeroed(profile_write_bytes(fixture.profile));
    fixture.text = zeroed(TEXT_MAX);
    return fixture;
}

static void fixture_end(struct fixture *fixture)
{
    free(fixture->text);
    free(fixture->scratch);
    free(fixture->block);
}

/* An allocation at an address, through a stack that `path` tells from others. */
static int record(struct fixture *fixture, uint64_t address, uint64_t size_bytes, uint64_t path,
                  uint64_t now_ns, uint32_t *index)
{
    const uint64_t pcs[] = {0x1000 + path, 0x2001, 0x3001};
    struct profile_allocation allocation = {
        .address = address,
        .size_bytes = size_bytes,
        .rate_bytes = 1,
        .thread_id = 7,
        .frame_count = 3,
        .return_pcs = pcs,
    };
    return profile_record(fixture->profile, &allocation, now_ns, index);
}

static struct profile_stats stats_of(const struct fixture *fixture)
{
    struct profile_stats stats;
    profile_stats(fixture->profile, &stats);
    return stats;
}

static void what_is_recorded_is_counted_and_forgotten(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    uint32_t first = PROFILE_NONE;
    uint32_t second = PROFILE_NONE;
    assert_int_equal(record(&fixture, 0x10, 100, 1, 0, &first), 0);
    assert_int_equal(record(&fixture, 0x20, 50, 2, 0, &second), 0);
    assert_int_equal(profile_forget(fixture.profile, first, 0x10), 0);
    assert_int_equal(profile_forget(fixture.profile, first, 0x10), -ESTALE);
    assert_int_equal(profile_forget(fixture.profile, second, 0x21), -ESTALE);
    struct profile_stats stats = stats_of(&fixture);
    assert_int_equal(stats.alloc_objects, 2);
    assert_int_equal(stats.alloc_bytes, 150);
    assert_int_equal(stats.inuse_objects, 1);
    assert_int_equal(stats.inuse_bytes, 50);
    assert_int_equal(stats.samples_live, 1);
    assert_int_equal(stats.stack_count, 2);
    fixture_end(&fixture);
}

static void the_text_tells_totals_and_stacks(void **state)
{
    (void)state;
    struct fixture fixture = fixture_of(&small);
    struct profile_write_options options = {.format = PROFILE_TEXT};
    struct sink sink;
    uint32_t index = PROFILE_NONE;
    assert_int_equal(record(&fixture, 0x10, 100, 1, 0, &index), 0);
    assert_int_equal(record(&fixture, 0x20, 50, 1, 0, &index), 0);
    assert_int_equal(profile_forget(fixture.profile, index, 0x20), 0);
    sink_init_fixed(&sink, fixture.text, TEXT_MAX);
    assert_int_equal(profile_write(fixture.profile, &options, fixture.scratch, &sink), 0);
    const char *expected = "heap profile: 1: 100 [2: 150] @ heap/2\n"
                           "1: 100 [2: 150] @ 0x1000 0x2001 0x3001\n";
    assert_int_equal(strncmp(fixture.text, expected, strlen(expected)), 0);
    fixture_end(&fixture);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_recorded_is_counted_and_forgotten),
        cmocka_unit_test(the_text_tells_totals_and_stacks),
    };
    return TEST_RUN("profile", tests);
}
