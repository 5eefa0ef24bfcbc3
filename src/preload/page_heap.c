#include "preload/page.h"

#include <stddef.h>

#include <sluice/clock.h>

#include "preload/modules.h"
#include "profile/profile.h"
#include "sys/wall_clock.h"

static int profile_put(const struct page_source *source, const struct page_query *query,
                       enum profile_sample_type type, struct sink *sink)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    modules_refresh(source->modules);
    struct profile_write_options options = {
        .format = query->debug > 0 ? PROFILE_TEXT : PROFILE_PPROF_GZIP,
        .default_sample_type = type,
        .ages = query->ages,
        .time_ns = wall_clock_ns(),
        .duration_ns =
            (int64_t)(now_ns - (query->since == NULL ? source->start_ns : query->since_ns)),
        .now_ns = now_ns,
        .since = query->since,
        .mappings = source->mappings,
        .mapping_count = modules_mappings(source->modules, source->mappings),
    };
    return profile_write(source->profile, &options, source->scratch, sink);
}

static int heap_write(const struct page_source *source, const struct page_query *query,
                      struct sink *sink)
{
    return profile_put(source, query, PROFILE_INUSE_SPACE, sink);
}

static int allocs_write(const struct page_source *source, const struct page_query *query,
                        struct sink *sink)
{
    return profile_put(source, query, PROFILE_ALLOC_SPACE, sink);
}

static uint64_t heap_count(const struct page_source *source)
{
    struct profile_stats stats;
    profile_stats(source->profile, &stats);
    return stats.samples_live;
}

static uint64_t allocs_count(const struct page_source *source)
{
    struct profile_stats stats;
    profile_stats(source->profile, &stats);
    return stats.samples_recorded;
}

const struct page page_heap = {
    .name = "heap",
    .about = "sampled allocations that are in use",
    .has_seconds = true,
    .has_ages = true,
    .format = PAGE_PROFILE,
    .debug_format = PAGE_TEXT,
    .count = heap_count,
    .write = heap_write,
};

/* The same samples, by what was allocated first. */
const struct page page_allocs = {
    .name = "allocs",
    .about = "all sampled allocations since the start",
    .has_seconds = true,
    .has_ages = true,
    .format = PAGE_PROFILE,
    .debug_format = PAGE_TEXT,
    .count = allocs_count,
    .write = allocs_write,
};
