/*
 * Four parts that know a string by the same slot: a pool gives the slot and its generation, an
 * ordered hash map finds it, a byte log keeps the bytes, and the entry counts references.
 *
 * Strings without references are in a list in the order of their release. Time never runs
 * backwards in it: `latest_ns` is the greatest value seen.
 */
#include "base/intern.h"

#include <errno.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/hash.h"

#define RECLAIMED_BY_EACH 2 /* new strings; more than one, so that expired ones do not pile up */

static int options_check(const struct slu_intern_options *options, struct slu_diag *diag)
{
    if (options->strings_max == 0 || options->strings_max > SLU_INTERN_STRINGS_MAX) {
        return diag_fail(diag, -EINVAL, "strings_max is %u; it must be 1 to %u",
                         options->strings_max, SLU_INTERN_STRINGS_MAX);
    }
    if (options->string_bytes_max == 0 || options->string_bytes_max > SLU_INTERN_STRING_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "string_bytes_max is %u; it must be 1 to %u",
                         options->string_bytes_max, SLU_INTERN_STRING_BYTES_MAX);
    }
    if (options->bytes_max < options->string_bytes_max ||
        options->bytes_max > SLU_INTERN_BYTES_MAX) {
        return diag_fail(diag, -EINVAL,
                         "bytes_max is %llu; it must be string_bytes_max, which is %u, to %llu",
                         (unsigned long long)options->bytes_max, options->string_bytes_max,
                         (unsigned long long)SLU_INTERN_BYTES_MAX);
    }
    return 0;
}

/* Where everything lies in the block, with the structure itself in front. */
struct plan {
    struct layout layout;
    struct slu_pool_options pool_options;
    struct byte_log_options log_options;
    struct pool_parts pool;
    struct byte_log_parts log;
    size_t map_at;
};

static struct plan plan_of(const struct slu_intern_options *options)
{
    struct plan plan = {
        .pool_options = {.record_bytes = sizeof(struct intern_entry),
                         .capacity = options->strings_max},
        .log_options = {.bytes_max = options->bytes_max,
                        .string_bytes_max = options->string_bytes_max,
                        .owner_count = options->strings_max},
    };
    (void)layout_add(&plan.layout, 1, sizeof(struct slu_intern), GOLDEN_LINE_BYTES);
    plan.pool = pool_plan(&plan.layout, &plan.pool_options);
    plan.log = byte_log_plan(&plan.layout, &plan.log_options);
    plan.map_at = hash_map_plan(&plan.layout, options->strings_max);
    return plan;
}

int slu_intern_create(struct slu_budget *budget, const struct slu_intern_options *options,
                      struct slu_diag *diag, struct slu_intern **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    struct plan plan = plan_of(options);
    size_t block_bytes = 0;
    void *block = NULL;
    err = layout_alloc(&plan.layout, budget, &block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "%u strings of %llu bytes together do not fit budget '%s'",
                         options->strings_max, (unsigned long long)options->bytes_max,
                         slu_budget_name(budget));
    }
    struct slu_intern *intern = block;
    *intern = (struct slu_intern){
        .seed = options->seed,
        .idle_ns = options->idle_ns,
        .bytes_max = options->bytes_max,
        .idle_first = INTERN_SLOT_NONE,
        .idle_last = INTERN_SLOT_NONE,
        .string_bytes_max = options->string_bytes_max,
        .budget = budget,
        .block_bytes = block_bytes,
    };
    pool_init(&intern->pool, block, plan.pool, &plan.pool_options);
    byte_log_init(&intern->log, block, plan.log, &plan.log_options);
    hash_map_init(&intern->map, (unsigned char *)block + plan.map_at, options->strings_max);
    *out = intern;
    return 0;
}

void slu_intern_destroy(struct slu_intern **intern)
{
    struct slu_intern *gone = intern == NULL ? NULL : *intern;
    if (gone == NULL) {
        return;
    }
    pool_deinit(&gone->pool);
    slu_budget_free(gone->budget, gone, gone->block_bytes);
    *intern = NULL;
}

static struct intern_entry *slot_entry(const struct slu_intern *intern, uint32_t slot)
{
    return pool_record(&intern->pool, slot);
}

/* The greatest time seen. */
static uint64_t time_advance(struct slu_intern *intern, uint64_t now_ns)
{
    intern->latest_ns = now_ns > intern->latest_ns ? now_ns : intern->latest_ns;
    return intern->latest_ns;
}

static void idle_append(struct slu_intern *intern, uint32_t slot)
{
    struct intern_entry *entry = slot_entry(intern, slot);
    entry->idle_earlier = intern->idle_last;
    entry->idle_later = INTERN_SLOT_NONE;
    if (intern->idle_last == INTERN_SLOT_NONE) {
        intern->idle_first = slot;
    } else {
        slot_entry(intern, intern->idle_last)->idle_later = slot;
    }
    intern->idle_last = slot;
    intern->idle_count++;
}

static void idle_unlink(struct slu_intern *intern, const struct intern_entry *entry)
{
    if (entry->idle_earlier == INTERN_SLOT_NONE) {
        intern->idle_first = entry->idle_later;
    } else {
        slot_entry(intern, entry->idle_earlier)->idle_later = entry->idle_later;
    }
    if (entry->idle_later == INTERN_SLOT_NONE) {
        intern->idle_last = entry->idle_earlier;
    } else {
        slot_entry(intern, entry->idle_later)->idle_earlier = entry->idle_earlier;
    }
    intern->idle_count--;
}

static int slot_ref(struct slu_intern *intern, uint32_t slot)
{
    struct intern_entry *entry = slot_entry(intern, slot);
    if (entry->ref_count == UINT32_MAX) {
        return -EOVERFLOW;
    }
    if (entry->ref_count++ == 0) {
        idle_unlink(intern, entry);
    }
    return 0;
}

/* Reclaim the string that has been idle longest, if that is long enough. */
static bool longest_idle_reclaim(struct slu_intern *intern)
{
    uint32_t slot = intern->idle_first;
    if (slot == INTERN_SLOT_NONE) {
        return false;
    }
    const struct intern_entry *entry = slot_entry(intern, slot);
    if (intern->latest_ns - entry->released_ns < intern->idle_ns) {
        return false;
    }
    idle_unlink(intern, entry);
    hash_map_remove(&intern->map, (uint64_t)entry->tag << 32, slot);
    intern->used_bytes -= byte_log_get(&intern->log, slot).len;
    byte_log_drop(&intern->log, slot);
    int err = slu_pool_give(&intern->pool, pool_handle(&intern->pool, slot));
    SLU_ASSERT(err == 0);
    intern->reclaimed_count++;
    return true;
}

/*
 * Each reclaimed string frees its slot and, but for the empty one, a byte at least: so the loop
 * ends after at most `len` + 2 of them.
 */
static bool room_make(struct slu_intern *intern, size_t len)
{
    for (int i = 0; i < RECLAIMED_BY_EACH; i++) {
        (void)longest_idle_reclaim(intern); /* often there is none */
    }
    while (intern->map.count == intern->map.capacity ||
           intern->used_bytes + len > intern->bytes_max) {
        if (!longest_idle_reclaim(intern)) {
            return false;
        }
    }
    return true;
}

struct wanted {
    const struct slu_intern *intern;
    struct slu_bytes string;
};

static bool string_matches(const void *context, uint32_t slot)
{
    const struct wanted *wanted = context;
    return bytes_equal(byte_log_get(&wanted->intern->log, slot), wanted->string);
}

static uint32_t string_slot(const struct slu_intern *intern, struct slu_bytes string, uint64_t hash)
{
    struct wanted wanted = {.intern = intern, .string = string};
    return hash_map_find(&intern->map, hash, string_matches, &wanted);
}

static int string_insert(struct slu_intern *intern, struct slu_bytes string, uint64_t hash,
                         slu_intern_id *id)
{
    void *record = NULL;
    slu_pool_handle handle = 0;
    if (!room_make(intern, string.len) || slu_pool_take(&intern->pool, &handle, &record) != 0) {
        return -EDQUOT;
    }
    uint32_t slot = slu_pool_slot(&intern->pool, handle);
    if (hash_map_insert(&intern->map, hash, slot) != 0) {
        int err = slu_pool_give(&intern->pool, handle);
        SLU_ASSERT(err == 0);
        return -EDQUOT;
    }
    byte_log_put(&intern->log, slot, string);
    struct intern_entry *entry = record;
    *entry = (struct intern_entry){.tag = hash_map_tag(hash), .ref_count = 1};
    intern->used_bytes += string.len;
    *id = handle;
    return 0;
}

int slu_intern_add(struct slu_intern *intern, uint64_t now_ns, struct slu_bytes string,
                   slu_intern_id *id)
{
    if (string.len > intern->string_bytes_max) {
        return -EINVAL;
    }
    (void)time_advance(intern, now_ns); /* for what follows */
    uint64_t hash = hash_bytes(string, intern->seed);
    uint32_t slot = string_slot(intern, string, hash);
    if (slot == HASH_MAP_NONE) {
        int err = string_insert(intern, string, hash, id);
        intern->refused_count += err != 0;
        return err;
    }
    int err = slot_ref(intern, slot);
    if (err == 0) {
        *id = pool_handle(&intern->pool, slot);
    }
    return err;
}

bool slu_intern_find(const struct slu_intern *intern, struct slu_bytes string, slu_intern_id *id)
{
    uint32_t slot = string_slot(intern, string, hash_bytes(string, intern->seed));
    if (slot == HASH_MAP_NONE) {
        return false;
    }
    *id = pool_handle(&intern->pool, slot);
    return true;
}

int slu_intern_ref(struct slu_intern *intern, slu_intern_id id)
{
    if (slu_pool_resolve(&intern->pool, id) == NULL) {
        return -ESTALE;
    }
    return slot_ref(intern, slu_pool_slot(&intern->pool, id));
}

int slu_intern_release(struct slu_intern *intern, uint64_t now_ns, slu_intern_id id)
{
    struct intern_entry *entry = slu_pool_resolve(&intern->pool, id);
    if (entry == NULL || entry->ref_count == 0) {
        return -ESTALE;
    }
    entry->released_ns = time_advance(intern, now_ns);
    if (--entry->ref_count == 0) {
        idle_append(intern, slu_pool_slot(&intern->pool, id));
    }
    return 0;
}

int slu_intern_get(const struct slu_intern *intern, slu_intern_id id, struct slu_bytes *string)
{
    if (slu_pool_resolve(&intern->pool, id) == NULL) {
        return -ESTALE;
    }
    *string = byte_log_get(&intern->log, slu_pool_slot(&intern->pool, id));
    return 0;
}

uint32_t slu_intern_slot(const struct slu_intern *intern, slu_intern_id id)
{
    return slu_pool_slot(&intern->pool, id);
}

uint32_t slu_intern_expire(struct slu_intern *intern, uint64_t now_ns, uint32_t count_max)
{
    (void)time_advance(intern, now_ns); /* for what follows */
    uint32_t count = 0;
    while (count < count_max && longest_idle_reclaim(intern)) {
        count++;
    }
    return count;
}

void slu_intern_stats(const struct slu_intern *intern, struct slu_intern_stats *out)
{
    *out = (struct slu_intern_stats){
        .string_count = intern->map.count,
        .idle_count = intern->idle_count,
        .used_bytes = intern->used_bytes,
        .refused_count = intern->refused_count,
        .reclaimed_count = intern->reclaimed_count,
    };
}

void intern_validate(const struct slu_intern *intern)
{
    pool_validate(&intern->pool);
    hash_map_validate(&intern->map);
    byte_log_validate(&intern->log);
    SLU_ASSERT(intern->map.count == intern->pool.taken_count);
    uint64_t used = 0;
    uint32_t idle = 0;
    uint32_t position = 0;
    slu_pool_handle handle = 0;
    void *record = NULL;
    while (slu_pool_next(&intern->pool, &position, &handle, &record)) {
        const struct intern_entry *entry = record;
        uint32_t slot = slu_pool_slot(&intern->pool, handle);
        struct slu_bytes string = byte_log_get(&intern->log, slot);
        SLU_ASSERT(string_slot(intern, string, (uint64_t)entry->tag << 32) == slot);
        used += string.len;
        idle += entry->ref_count == 0;
    }
    SLU_ASSERT(used == intern->used_bytes && used <= intern->bytes_max);
    uint64_t released_ns = 0;
    for (uint32_t slot = intern->idle_first; slot != INTERN_SLOT_NONE;) {
        const struct intern_entry *entry = slot_entry(intern, slot);
        SLU_ASSERT(entry->ref_count == 0 && entry->released_ns >= released_ns);
        released_ns = entry->released_ns;
        slot = entry->idle_later;
        idle--;
    }
    SLU_ASSERT(idle == 0 && released_ns <= intern->latest_ns);
}
