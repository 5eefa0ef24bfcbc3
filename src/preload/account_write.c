#include "preload/account.h"

#include "base/sink.h"
#include "codec/json_writer.h"

struct term_text {
    const char *key; /* part of the interface */
    const char *about;
};

static const struct term_text term_texts[ACCOUNT_TERM_COUNT] = {
    [ACCOUNT_HEAP_IN_USE] = {"heap_in_use", "allocator: blocks in use"},
    [ACCOUNT_HEAP_FREE] = {"heap_free", "allocator: free, and resident (fragmentation)"},
    [ACCOUNT_HEAP_METADATA] = {"heap_metadata", "allocator: its own tables"},
    [ACCOUNT_SAMPLED_IN_USE] = {"sampled_in_use", "sampled blocks in use"},
    [ACCOUNT_SAMPLED_FREE] = {"sampled_free", "sampled blocks: free, and resident"},
    [ACCOUNT_PROFILER] = {"profiler", "the profiler itself"},
    [ACCOUNT_STACKS] = {"thread_stacks", "stacks of threads"},
    [ACCOUNT_FILES] = {"file_private", "variables of programs and libraries"},
    [ACCOUNT_NAMED] = {"named", "mappings with names"},
    [ACCOUNT_MAPPED] = {"mapped", "mapped by the program itself"},
};

static void member(struct json_writer *json, const char *key, uint64_t value)
{
    json_write_key(json, key);
    json_write_uint(json, value);
}

static void resident_json(const struct account *account, struct json_writer *json)
{
    const struct account_totals *totals = &account->totals;
    json_write_key(json, "resident");
    json_begin_object(json);
    member(json, "bytes", totals->resident_bytes);
    member(json, "anonymous", totals->anonymous_bytes);
    member(json, "file", totals->file_bytes);
    member(json, "shared_memory", totals->shared_memory_bytes);
    member(json, "swapped", totals->swapped_bytes);
    member(json, "mappings", totals->mapping_count);
    member(json, "kernel_anonymous", totals->kernel_anonymous_bytes);
    member(json, "kernel_file", totals->kernel_file_bytes);
    member(json, "kernel_shared_memory", totals->kernel_shared_bytes);
    json_end_object(json);
}

static void terms_json(const struct account *account, struct json_writer *json)
{
    json_write_key(json, "anonymous");
    json_begin_object(json);
    for (size_t i = 0; i < ACCOUNT_TERM_COUNT; i++) {
        member(json, term_texts[i].key, account->terms[i]);
    }
    member(json, "unexplained", account->unexplained_bytes);
    json_end_object(json);
}

static void walk_json(const struct account_walk *walk, struct json_writer *json)
{
    json_write_key(json, "walk");
    json_begin_object(json);
    member(json, "heaps", walk->heap_count);
    member(json, "heaps_lost", walk->lost_count);
    member(json, "chunks", walk->chunk_count);
    member(json, "in_use", walk->in_use_bytes);
    member(json, "thread_caches", walk->thread_caches_bytes);
    member(json, "mapped_blocks", walk->mapped_bytes);
    member(json, "free", walk->free_bytes);
    member(json, "free_resident", walk->free_resident_bytes);
    member(json, "free_returned", walk->free_bytes - walk->free_resident_bytes);
    member(json, "top", walk->top_bytes);
    member(json, "top_resident", walk->top_resident_bytes);
    member(json, "metadata", walk->metadata_bytes);
    json_end_object(json);
}

static void allocator_json(const struct account *account, struct json_writer *json)
{
    const struct allocator_stats *stats = &account->allocator;
    json_write_key(json, "allocator");
    json_begin_object(json);
    json_write_key(json, "name");
    json_write_string(json, allocator_name());
    if (account->allocator_told) {
        member(json, "in_use", stats->in_use_bytes);
        member(json, "mapped_in_use", stats->mapped_in_use_bytes);
        member(json, "mapped_blocks", stats->mapped_chunk_count);
        member(json, "free", stats->free_bytes);
        member(json, "top", stats->top_bytes);
        member(json, "fast_lists", stats->fast_bytes);
        member(json, "thread_caches", stats->thread_caches_bytes);
        member(json, "metadata", stats->metadata_bytes);
        member(json, "system", stats->system_bytes);
    }
    if (account->walk.heap_count > 0) {
        walk_json(&account->walk, json);
    }
    json_end_object(json);
}

static void sampled_json(const struct account *account, struct json_writer *json)
{
    json_write_key(json, "sampled");
    json_begin_object(json);
    member(json, "in_use", account->sampled.used_bytes);
    member(json, "free", account->sampled.cached_bytes);
    member(json, "tables", account->sampled.table_bytes);
    member(json, "reserved", account->sampled.reserved_bytes);
    json_end_object(json);
}

static void stacks_json(const struct account *account, struct json_writer *json)
{
    json_write_key(json, "stacks");
    json_begin_array(json);
    for (uint32_t i = 0; i < account->stack_count; i++) {
        const struct account_stack *stack = &account->stacks[i];
        json_begin_object(json);
        json_write_key(json, "thread");
        json_write_int(json, stack->thread);
        json_write_key(json, "name");
        json_write_string(json, stack->name);
        member(json, "reserved", stack->reserved_bytes);
        member(json, "resident", stack->resident_bytes);
        json_end_object(json);
    }
    json_end_array(json);
    member(json, "stacks_of_ended_threads", account->stacks_ended_bytes);
}

static void owners_json(const struct account *account, const char *key, const char *name_key,
                        const struct account_owner *owners, uint32_t count,
                        struct json_writer *json)
{
    json_write_key(json, key);
    json_begin_array(json);
    for (uint32_t i = 0; i < count; i++) {
        json_begin_object(json);
        json_write_key(json, name_key);
        json_write_string(json, account_name(account, owners[i].name));
        member(json, "mappings", owners[i].mapping_count);
        member(json, "text", owners[i].text_bytes);
        member(json, "data", owners[i].data_bytes);
        member(json, "private", owners[i].anonymous_bytes);
        json_end_object(json);
    }
    json_end_array(json);
}

static void holes_json(const struct account *account, struct json_writer *json)
{
    json_write_key(json, "unexplained_parts");
    json_begin_array(json);
    for (uint32_t i = 0; i < account->hole_count; i++) {
        json_begin_object(json);
        member(json, "start", account->holes[i].start);
        member(json, "limit", account->holes[i].limit);
        member(json, "resident", account->holes[i].resident_bytes);
        json_end_object(json);
    }
    json_end_array(json);
}

void account_json(const struct account *account, struct json_writer *json)
{
    json_begin_object(json);
    json_write_key(json, "version");
    json_write_uint(json, 1);
    json_write_key(json, "time_ns");
    json_write_int(json, account->time_ns);
    member(json, "took_ns", account->took_ns);
    resident_json(account, json);
    terms_json(account, json);
    allocator_json(account, json);
    sampled_json(account, json);
    stacks_json(account, json);
    owners_json(account, "files", "path", account->files, account->file_count, json);
    owners_json(account, "shared_memory", "name", account->shared, account->shared_count, json);
    owners_json(account, "named", "name", account->named, account->named_count, json);
    owners_json(account, "mapped_by", "path", account->modules, account->module_count, json);
    holes_json(account, json);
    json_write_key(json, "pages_known");
    json_write_bool(json, account->pages_known);
    json_write_key(json, "tables_full");
    json_write_bool(json, account->tables_full);
    json_end_object(json);
}

void account_write_json(const struct account *account, struct sink *sink)
{
    struct json_writer json;
    json_writer_init(&json, sink, JSON_PRETTY);
    account_json(account, &json);
    json_writer_end(&json);
}

/* A figure in KiB, as smaps has them, and its share of all that is resident. */
static void line(const struct account *account, struct sink *sink, uint64_t bytes, const char *text)
{
    uint64_t all = account->totals.resident_bytes >> 10;
    uint64_t tenths = all == 0 ? 0 : (bytes >> 10) * 1000 / all;
    sink_format(sink, "%12llu KiB %4llu.%llu%%  %s\n", (unsigned long long)(bytes >> 10),
                (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10), text);
}

static void totals_text(const struct account *account, struct sink *sink)
{
    sink_text(sink, "resident memory, and who holds it\n\n");
    for (size_t i = 0; i < ACCOUNT_TERM_COUNT; i++) {
        line(account, sink, account->terms[i], term_texts[i].about);
    }
    line(account, sink, account->unexplained_bytes, "anonymous, and nobody's");
    line(account, sink, account->totals.file_bytes, "pages of files");
    line(account, sink, account->totals.shared_memory_bytes, "shared memory");
    line(account, sink, account->totals.resident_bytes, "all");
    if (account->totals.swapped_bytes > 0) {
        line(account, sink, account->totals.swapped_bytes, "swapped out besides");
    }
}

static void figure(struct sink *sink, uint64_t bytes, const char *text)
{
    sink_format(sink, "%12llu KiB         %s\n", (unsigned long long)(bytes >> 10), text);
}

static void allocator_text(const struct account *account, struct sink *sink)
{
    const struct allocator_stats *stats = &account->allocator;
    const struct account_walk *walk = &account->walk;
    sink_format(sink, "\nallocator (%s)\n\n", allocator_name());
    if (account->allocator_told) {
        figure(sink, stats->system_bytes, "taken from the system");
        figure(sink, stats->in_use_bytes, "in use");
        figure(sink, stats->mapped_in_use_bytes, "in use: in mappings of their own");
        figure(sink, stats->free_bytes, "free");
        figure(sink, stats->top_bytes, "free: at the end of the heap");
        figure(sink, stats->fast_bytes, "free: in lists of small blocks");
    }
    if (walk->heap_count > 0) {
        figure(sink, walk->thread_caches_bytes, "in use: kept by threads for their next blocks");
        figure(sink, walk->free_resident_bytes, "free, and resident");
        figure(sink, walk->free_bytes - walk->free_resident_bytes, "free, and given back");
        figure(sink, walk->metadata_bytes, "tables of arenas");
    }
    if (walk->lost_count > 0) {
        sink_format(sink, "             %u heaps could not be walked: by the allocator's figures\n",
                    walk->lost_count);
    }
}

static void stacks_text(const struct account *account, struct sink *sink)
{
    sink_text(sink, "\nstacks\n\n");
    for (uint32_t i = 0; i < account->stack_count; i++) {
        const struct account_stack *stack = &account->stacks[i];
        sink_format(sink, "%12llu KiB of %llu  %d %s\n",
                    (unsigned long long)(stack->resident_bytes >> 10),
                    (unsigned long long)(stack->reserved_bytes >> 10), stack->thread, stack->name);
    }
    if (account->stacks_ended_bytes > 0) {
        figure(sink, account->stacks_ended_bytes, "of threads that have ended");
    }
}

static void owners_text(const struct account *account, const char *title,
                        const struct account_owner *owners, uint32_t count, struct sink *sink)
{
    if (count == 0) {
        return;
    }
    sink_format(sink, "\n%s\n\n        text         data      private\n", title);
    for (uint32_t i = 0; i < count; i++) {
        sink_format(sink, "%8llu KiB %8llu KiB %8llu KiB  ",
                    (unsigned long long)(owners[i].text_bytes >> 10),
                    (unsigned long long)(owners[i].data_bytes >> 10),
                    (unsigned long long)(owners[i].anonymous_bytes >> 10));
        sink_text(sink, account_name(account, owners[i].name));
        sink_char(sink, '\n');
    }
}

void account_write_text(const struct account *account, struct sink *sink)
{
    totals_text(account, sink);
    allocator_text(account, sink);
    stacks_text(account, sink);
    owners_text(account, "files", account->files, account->file_count, sink);
    owners_text(account, "shared memory", account->shared, account->shared_count, sink);
    owners_text(account, "named", account->named, account->named_count, sink);
    owners_text(account, "mapped by", account->modules, account->module_count, sink);
}
