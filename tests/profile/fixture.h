/* A profile in a block of its own, and allocations to record in it. */
#ifndef TESTS_PROFILE_FIXTURE_H
#define TESTS_PROFILE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "base/sink.h"
#include "profile/profile.h"

#include "harness.h"

#define SECOND_NS UINT64_C(1000000000)
#define TEXT_MAX  (1 << 20)

struct fixture {
    void *block;
    void *scratch;
    char *text;
    struct profile *profile;
};

static inline void *zeroed(size_t bytes)
{
    size_t whole = (bytes + 63) / 64 * 64;
    void *block = aligned_alloc(64, whole);
    assert_non_null(block);
    memset(block, 0, whole);
    return block;
}

static inline struct fixture fixture_of(const struct profile_options *options)
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

static inline void fixture_end(struct fixture *fixture)
{
    free(fixture->text);
    free(fixture->scratch);
    free(fixture->block);
}

/* An allocation of weight 1 at an address, through a stack that `path` tells from others. */
static inline int record_at(struct profile *profile, uint64_t address, uint64_t size_bytes,
                            uint64_t path, uint64_t now_ns, uint32_t *index)
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
    return profile_record(profile, &allocation, now_ns, index);
}

static inline struct profile_stats stats_of(const struct profile *profile)
{
    struct profile_stats stats;
    profile_stats(profile, &stats);
    return stats;
}

/* The profile as text, in fixture->text. */
static inline const char *text_of(struct fixture *fixture,
                                  const struct profile_write_options *options)
{
    struct profile_write_options as_text = *options;
    struct sink sink;
    as_text.format = PROFILE_TEXT;
    sink_init_fixed(&sink, fixture->text, TEXT_MAX);
    assert_int_equal(profile_write(fixture->profile, &as_text, fixture->scratch, &sink), 0);
    return fixture->text;
}

#endif
