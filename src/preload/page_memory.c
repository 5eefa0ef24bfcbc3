#include "preload/page.h"

#include <errno.h>
#include <stddef.h>

#include "base/sink.h"
#include "codec/json_writer.h"
#include "preload/account.h"
#include "preload/blocks.h"
#include "preload/pages.h"

#define WALK_NS      UINT64_C(10000000000) /* tens of gigabytes */
#define HOOK_WALK_NS UINT64_C(100000000)   /* while the program waits */

/* Made at the first request, and kept: of the one thread that makes pages. */
static struct account_tables *tables_of_pages(void)
{
    static struct account_tables *tables;
    if (tables == NULL) {
        void *block = pages_map(account_bytes());
        tables = block == NULL ? NULL : account_init(block);
    }
    return tables;
}

static void returned(struct json_writer *json, const char *key, uint64_t before, uint64_t after)
{
    json_write_key(json, key);
    json_write_int(json, (int64_t)(before - after)); /* the program may have grown meanwhile */
}

static void returned_json(struct json_writer *json, const struct account *before,
                          const struct account *after)
{
    json_write_key(json, "returned");
    json_begin_object(json);
    returned(json, "bytes", before->totals.resident_bytes, after->totals.resident_bytes);
    returned(json, "anonymous", before->totals.anonymous_bytes, after->totals.anonymous_bytes);
    returned(json, "heap_free", before->terms[ACCOUNT_HEAP_FREE], after->terms[ACCOUNT_HEAP_FREE]);
    returned(json, "sampled_free", before->terms[ACCOUNT_SAMPLED_FREE],
             after->terms[ACCOUNT_SAMPLED_FREE]);
    json_end_object(json);
}

static int trim_json(struct account_tables *tables, struct account *before, struct sink *sink)
{
    struct account_options options = {.walk_ns = WALK_NS, .asks_allocator = true};
    struct account after;
    struct json_writer json;
    json_writer_init(&json, sink, JSON_PRETTY);
    json_begin_object(&json);
    json_write_key(&json, "before");
    account_json(before, &json);
    account_trim();
    int err = account_take(tables, &options, &after);
    if (err != 0) {
        return err;
    }
    json_write_key(&json, "after");
    account_json(&after, &json);
    returned_json(&json, before, &after);
    json_end_object(&json);
    json_writer_end(&json);
    return 0;
}

static int trim_text(struct account_tables *tables, struct account *before, struct sink *sink)
{
    struct account_options options = {.walk_ns = WALK_NS, .asks_allocator = true};
    struct account after;
    sink_text(sink, "before\n\n");
    account_write_text(before, sink);
    account_trim();
    int err = account_take(tables, &options, &after);
    sink_text(sink, "\nafter\n\n");
    account_write_text(&after, sink);
    int64_t bytes = (int64_t)(before->totals.resident_bytes - after.totals.resident_bytes);
    sink_format(sink, "\nreturned %lld KiB\n", (long long)(bytes / 1024));
    return err;
}

/* Only a POST changes anything, and only if it says what. */
static int memory_write(const struct page_source *source, const struct page_query *query,
                        struct sink *sink)
{
    struct account account;
    bool is_hook = source->caller_pc_count > 0; /* the allocator's locks may be this thread's */
    struct account_options options = {.walk_ns = is_hook ? HOOK_WALK_NS : WALK_NS,
                                      .asks_allocator = !is_hook};
    uint64_t trim = 0;
    int found = http_request_number(&query->request, "trim", &trim);
    bool is_post = query->request.method == HTTP_POST;
    if (found == -EBADMSG || trim > 1 || is_post != (trim == 1) || (is_post && is_hook)) {
        return -EINVAL;
    }
    struct account_tables *tables = tables_of_pages();
    int err = tables == NULL ? -ENOMEM : account_take(tables, &options, &account);
    if (err != 0) {
        return err;
    }
    if (is_post) {
        return query->debug > 0 ? trim_text(tables, &account, sink)
                                : trim_json(tables, &account, sink);
    }
    if (query->debug > 0) {
        account_write_text(&account, sink);
    } else {
        account_write_json(&account, sink);
    }
    return 0;
}

const struct page page_memory = {
    .name = "memory",
    .about = "all resident memory, and who holds it; a POST with ?trim=1 returns what is free",
    .takes_post = true,
    .format = PAGE_JSON,
    .debug_format = PAGE_TEXT,
    .write = memory_write,
};
