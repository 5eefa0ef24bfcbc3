#include "holders/who_json.h"

#include <stdio.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "holders/chain.h"
#include "holders/heap.h"
#include "holders/holders.h"
#include "holders/image.h"
#include "holders/report.h"

#define SITE_BYTES 512
#define TEXT_BYTES 8192

/* What a function of report.h writes, as a string. */
#define WRITE_TEXT(json, key, call)                                                                \
    do {                                                                                           \
        char text[TEXT_BYTES];                                                                     \
        struct sink sink;                                                                          \
        sink_init_fixed(&sink, text, sizeof(text));                                                \
        struct sink *into = &sink;                                                                 \
        call;                                                                                      \
        json_write_key(json, key);                                                                 \
        json_write_string_bytes(json, text, sink.len);                                             \
    } while (0)

static void write_uint(struct json_writer *json, const char *key, uint64_t value)
{
    json_write_key(json, key);
    json_write_uint(json, value);
}

static void write_text(struct json_writer *json, const char *key, const char *value)
{
    json_write_key(json, key);
    json_write_string(json, value);
}

/* As text: readers that keep numbers as doubles would lose bits. */
static void write_address(struct json_writer *json, const char *key, uint64_t address)
{
    char text[32];
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)address);
    write_text(json, key, text);
}

static void write_heap(struct json_writer *json, const struct heap *heap)
{
    json_write_key(json, "heap");
    json_begin_object(json);
    write_uint(json, "blocks", heap->block_count);
    write_uint(json, "bytes", heap->used_bytes);
    write_uint(json, "mapped_bytes", heap->mapped_bytes);
    write_uint(json, "cached_bytes", heap->cached_bytes);
    write_uint(json, "unseen_bytes", heap->unseen_bytes);
    write_uint(json, "arenas", heap->arenas.len / sizeof(struct heap_arena));
    write_uint(json, "damage_count", heap->damage_count);
    json_write_key(json, "damages");
    json_begin_array(json);
    for (uint32_t i = 0; i < heap->damage_count && i < HEAP_DAMAGES_MAX; i++) {
        json_begin_object(json);
        write_address(json, "address", heap->damages[i].address);
        write_text(json, "what", heap->damages[i].what);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}

static void write_roots(struct json_writer *json, const struct report *report)
{
    static const char *const kinds[] = {"variable", "thread",   "local",
                                        "stack",    "register", "mapping"};
    struct who *who = report->who;
    json_write_key(json, "roots");
    json_begin_array(json);
    for (uint32_t i = 0; i < report->roots.count; i++) {
        uint32_t index = report->roots.rows[i] - who->graph->block_count;
        const struct root *root = roots_at(&who->roots, index);
        json_begin_object(json);
        WRITE_TEXT(json, "name", chain_write_root(who, index, into));
        write_text(json, "kind", kinds[root->kind]);
        if (root->module != NULL) {
            write_text(json, "module", root->module->path);
        }
        if (root->thread != 0) {
            write_uint(json, "thread", root->thread);
        }
        write_uint(json, "retained_bytes", report->roots.values[i]);
        json_end_object(json);
    }
    json_end_array(json);
}

/* Where the type comes from, if that is no root. */
static void write_type_from(struct json_writer *json, const struct report *report, uint32_t block)
{
    if (typing_is_sown(&report->who->typing, block)) {
        write_text(json, "type_from", "site");
    }
}

static void write_example(struct json_writer *json, const struct report *report, uint32_t block)
{
    struct chain chain;
    if (!chain_find(report->who, block, &chain)) {
        return;
    }
    write_text(json, "confidence", edge_kind_name(chain.kind));
    json_write_key(json, "example");
    json_begin_object(json);
    write_address(json, "address", heap_block_address(report->who->heap, block));
    write_uint(json, "bytes", heap_block_bytes(report->who->heap, block));
    WRITE_TEXT(json, "chain", report_write_block_chain(report, block, into));
    write_type_from(json, report, block);
    write_uint(json, "length", chain.length);
    json_end_object(json);
}

/* Where it is known. */
static void write_site(struct json_writer *json, const struct report *report, uint32_t group)
{
    char text[SITE_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    if (report_write_site(report, group, &sink)) {
        json_write_key(json, "allocated_at");
        json_write_string(json, text);
    }
}

static void write_chains(struct json_writer *json, const struct report *report)
{
    json_write_key(json, "chains");
    json_begin_array(json);
    for (uint32_t i = 0; i < report->chains.count; i++) {
        const struct group *row = groups_at(&report->groups, report->chains.rows[i]);
        json_begin_object(json);
        WRITE_TEXT(json, "chain", report_write_chain(report, report->chains.rows[i], into));
        write_site(json, report, report->chains.rows[i]);
        write_uint(json, "blocks", row->count);
        write_uint(json, "bytes", row->bytes);
        write_uint(json, "retained_bytes", row->retained_bytes);
        json_write_key(json, "repeats");
        json_write_bool(json, row->repeats);
        write_example(json, report, row->asked);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_labels(struct json_writer *json, const struct report *report, const char *key,
                         const struct report_top *top)
{
    const struct group_label *labels = report->groups.labels.data;
    json_write_key(json, key);
    json_begin_array(json);
    for (uint32_t i = 0; i < top->count; i++) {
        const struct group_label *label = &labels[top->rows[i]];
        json_begin_object(json);
        WRITE_TEXT(json, "type", report_write_what(report, label->what, into));
        write_uint(json, "blocks", label->count);
        write_uint(json, "bytes", label->bytes);
        write_uint(json, "retained_bytes", label->retained_bytes);
        write_uint(json, "leaked_blocks", label->leaked_count);
        write_uint(json, "leaked_bytes", label->leaked_bytes);
        write_address(json, "example", heap_block_address(report->who->heap, label->example));
        write_type_from(json, report, label->example);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_sites(struct json_writer *json, const struct report *report)
{
    json_write_key(json, "sites");
    json_begin_array(json);
    for (uint32_t i = 0; i < report->sites.count; i++) {
        const struct site_row *row = report_site(report, report->sites.rows[i]);
        json_begin_object(json);
        WRITE_TEXT(json, "site", report_write_site_name(report, report->sites.rows[i], into));
        write_uint(json, "blocks", row->count);
        write_uint(json, "bytes", row->bytes);
        write_uint(json, "retained_bytes", row->retained_bytes);
        write_uint(json, "leaked_blocks", row->leaked_count);
        write_uint(json, "leaked_bytes", row->leaked_bytes);
        write_address(json, "example", heap_block_address(report->who->heap, row->example));
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_source(struct json_writer *json, const struct who *who, const char *source)
{
    size_t threads = 0;
    (void)image_threads(who->image, &threads);
    write_text(json, "source", source);
    write_uint(json, "process_id", who->image->process_id);
    json_write_key(json, "live");
    json_write_bool(json, who->image->is_live);
    if (who->image->is_live) {
        write_uint(json, "stopped_ns", who->image->stopped_ns);
    }
    write_uint(json, "missing_bytes", who->image->missing_bytes);
    write_uint(json, "threads", threads);
    write_uint(json, "modules_without_names", who->modules.unnamed_count);
}

static void write_growing(struct json_writer *json, const struct report *growing, const char *site)
{
    json_write_key(json, "growing");
    json_begin_object(json);
    write_text(json, "site", site);
    write_uint(json, "blocks", growing->groups.asked_count);
    write_uint(json, "bytes", growing->groups.asked_bytes);
    write_uint(json, "leaked_blocks", growing->groups.leaked_count);
    write_uint(json, "leaked_bytes", growing->groups.leaked_bytes);
    write_chains(json, growing);
    json_end_object(json);
}

void who_json_write(const struct report *report, const char *source, struct sink *out)
{
    who_json_write_growing(report, NULL, NULL, source, out);
}

void who_json_write_growing(const struct report *report, const struct report *growing,
                            const char *growing_site, const char *source, struct sink *out)
{
    struct json_writer json;
    json_writer_init(&json, out, JSON_PRETTY);
    json_begin_object(&json);
    write_source(&json, report->who, source);
    write_heap(&json, report->who->heap);
    json_write_key(&json, "asked");
    json_begin_object(&json);
    write_uint(&json, "blocks", report->groups.asked_count);
    write_uint(&json, "bytes", report->groups.asked_bytes);
    json_end_object(&json);
    json_write_key(&json, "leaked");
    json_begin_object(&json);
    write_uint(&json, "blocks", report->groups.leaked_count);
    write_uint(&json, "bytes", report->groups.leaked_bytes);
    write_labels(&json, report, "types", &report->leaks);
    json_end_object(&json);
    write_uint(&json, "shared_bytes", report->shared_bytes);
    write_roots(&json, report);
    write_chains(&json, report);
    write_labels(&json, report, "types", &report->types);
    write_sites(&json, report);
    if (growing != NULL) {
        write_growing(&json, growing, growing_site);
    }
    if (report->block != HEAP_BLOCK_NONE) {
        json_write_key(&json, "block");
        json_begin_object(&json);
        write_address(&json, "address", heap_block_address(report->who->heap, report->block));
        write_uint(&json, "bytes", heap_block_bytes(report->who->heap, report->block));
        write_uint(&json, "retained_bytes",
                   dominators_retained(&report->dominators, report->block));
        WRITE_TEXT(&json, "chain", report_write_block_chain(report, report->block, into));
        write_type_from(&json, report, report->block);
        json_end_object(&json);
    }
    json_end_object(&json);
    json_writer_end(&json);
}
