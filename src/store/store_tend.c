/*
 * What parts need from time to time: to be dropped when they are too old or the disk has too many,
 * and to be merged. Of one day, four parts of about a size that lie one behind the other become
 * one, so that a record is written again once for each fourfold growth; parts of a day that is over
 * become one where that is not too large.
 */
#include <errno.h>
#include <string.h>

#include "store/part_merge.h"
#include "store/queue.h"
#include "store/store_state.h"

#define MERGE_PARTS_MIN 4
#define MERGE_BYTES_MAX ((uint64_t)1 << 30)
#define TIER_BYTES      ((uint64_t)256 << 10) /* parts up to this are of the lowest size */
#define TIER_FACTOR     4
#define TIERS_MAX       8
#define MERGE_RETRY_NS  INT64_C(600000000000) /* after one that failed */
#define MEMORY_RETRY_NS INT64_C(10000000000)  /* after one that had no memory */

static uint64_t disk_bytes(struct store *store)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        struct shelf *shelf = &store->shelves[i];
        struct queue_stats log;
        queue_stats(shelf->log, &log);
        mutex_lock(&shelf->lock);
        sum += shelf->parts.disk_bytes + log.disk_bytes;
        mutex_unlock(&shelf->lock);
    }
    return sum;
}

/* With the lock held. */
static void part_drop(struct shelf *shelf, uint32_t at)
{
    if (part_list_drop(&shelf->parts, at) == 0) {
        shelf->counted.dropped_part_count++;
    } else {
        shelf->counted.disk_error_count++;
    }
}

static void old_drop(struct shelf *shelf, int64_t before_ns)
{
    mutex_lock(&shelf->lock);
    for (uint32_t i = shelf->parts.count; i > 0; i--) {
        if (shelf->parts.parts[i - 1]->facts.max_ns < before_ns) {
            part_drop(shelf, i - 1);
        }
    }
    mutex_unlock(&shelf->lock);
}

/* The part whose newest record is the oldest of all signals'. */
static struct shelf *oldest_find(struct store *store, uint32_t *at)
{
    struct shelf *found = NULL;
    int64_t oldest_ns = INT64_MAX;
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        struct shelf *shelf = &store->shelves[i];
        mutex_lock(&shelf->lock);
        for (uint32_t part = 0; part < shelf->parts.count; part++) {
            if (shelf->parts.parts[part]->facts.max_ns < oldest_ns) {
                oldest_ns = shelf->parts.parts[part]->facts.max_ns;
                found = shelf;
                *at = part;
            }
        }
        mutex_unlock(&shelf->lock);
    }
    return found;
}

/* Flushes only add behind what is there, and merges are made by this thread: a place stays. */
static void surplus_drop(struct store *store)
{
    uint32_t at = 0;
    struct shelf *shelf = NULL;
    while (disk_bytes(store) > store->options.size_bytes_max &&
           (shelf = oldest_find(store, &at)) != NULL) {
        mutex_lock(&shelf->lock);
        uint32_t before = shelf->parts.count;
        part_drop(shelf, at);
        bool is_stuck = shelf->parts.count == before;
        mutex_unlock(&shelf->lock);
        if (is_stuck) {
            return;
        }
    }
}

static uint32_t tier_of(const struct part *part)
{
    uint32_t tier = 0;
    for (uint64_t bytes = TIER_BYTES; part->size_bytes > bytes && tier < TIERS_MAX; tier++) {
        bytes *= TIER_FACTOR;
    }
    return tier;
}

/* A run of parts to be merged. */
struct run {
    uint32_t first;
    uint32_t count;
    uint64_t bytes;
    uint64_t largest_bytes;
};

/* The run from `first` on, of parts of one day that are of this size or smaller. */
static struct run run_from(const struct part_list *list, uint32_t first, uint32_t tier)
{
    struct run run = {.first = first};
    while (first + run.count < list->count && run.count < MERGE_PARTS_MAX) {
        const struct part *part = list->parts[first + run.count];
        if (part->name.day != list->parts[first]->name.day || tier_of(part) > tier ||
            run.bytes + part->size_bytes > MERGE_BYTES_MAX) {
            break;
        }
        run.bytes += part->size_bytes;
        run.largest_bytes =
            part->size_bytes > run.largest_bytes ? part->size_bytes : run.largest_bytes;
        run.count++;
    }
    return run;
}

/* A large part is not written again for a few small ones, but once, when its day is over. */
static bool run_is_due(const struct run *run, bool is_over)
{
    return is_over ? run->count >= 2
                   : run->count >= MERGE_PARTS_MIN && run->bytes >= 2 * run->largest_bytes;
}

/* With the lock held: what should be merged next; false: nothing. */
static bool run_find(const struct part_list *list, int64_t today, struct run *out)
{
    for (uint32_t tier = 0; tier <= TIERS_MAX; tier++) {
        for (uint32_t i = 0; i < list->count; i++) {
            bool is_over = list->parts[i]->name.day < today;
            struct run run = run_from(list, i, tier);
            if (run_is_due(&run, is_over && tier == TIERS_MAX)) {
                *out = run;
                return true;
            }
            i += run.count > 1 ? run.count - 1 : 0;
        }
    }
    return false;
}

/* What is merged, kept for the while. */
struct merging {
    struct part *parts[MERGE_PARTS_MAX];
    uint32_t count;
    struct part *out;
};

static int run_keep(struct shelf *shelf, int64_t today, struct merging *merging)
{
    struct run run;
    int err = -ENODATA;
    mutex_lock(&shelf->lock);
    if (run_find(&shelf->parts, today, &run)) {
        const struct part *last = shelf->parts.parts[run.first + run.count - 1];
        struct part_name name = shelf->parts.parts[run.first]->name;
        name.last_sequence = last->name.last_sequence;
        err = part_list_prepare(&shelf->parts, &name, &merging->out);
        for (uint32_t i = 0; err == 0 && i < run.count; i++) {
            merging->parts[merging->count++] = part_keep(shelf->parts.parts[run.first + i]);
        }
    }
    mutex_unlock(&shelf->lock);
    return err;
}

static int run_write(struct shelf *shelf, struct slu_scope *scope, int64_t from_ns,
                     struct merging *merging)
{
    struct part_merge merge = {.directory = &shelf->directory,
                               .budget = shelf->options.budget,
                               .scope = scope,
                               .salt = shelf->salt,
                               .signal = shelf->options.signal,
                               .parts = merging->parts,
                               .part_count = merging->count,
                               .from_ns = from_ns,
                               .names_max = shelf->options.names_max};
    uint32_t opened = 0;
    int err = 0;
    while (err == 0 && opened < merging->count) {
        err = part_open(&shelf->parts, merging->parts[opened]);
        opened += err == 0;
    }
    if (err == 0) {
        err = shelf_has_samples(shelf) ? part_merge_samples(&merge, merging->out)
                                       : part_merge_rows(&merge, merging->out);
    }
    for (uint32_t i = 0; i < opened; i++) {
        part_close(&shelf->parts, merging->parts[i]);
    }
    return err;
}

static void run_end(struct shelf *shelf, struct merging *merging, int err, int64_t now_ns)
{
    mutex_lock(&shelf->lock);
    if (err == 0) {
        part_list_put(&shelf->parts, merging->out);
        shelf->counted.merge_count++;
    } else {
        part_list_forget(&shelf->parts, merging->out);
        bool is_memory = err == -EDQUOT || err == -ENOMEM;
        shelf->merge_retry_ns = now_ns + (is_memory ? MEMORY_RETRY_NS : MERGE_RETRY_NS);
        shelf->counted.damaged_count += err == -EBADMSG;
        shelf->counted.disk_error_count += err != -EBADMSG && err != -ECANCELED && err != -EDQUOT;
    }
    for (uint32_t i = 0; i < merging->count; i++) {
        part_give_back(&shelf->parts, merging->parts[i]);
    }
    mutex_unlock(&shelf->lock);
}

/* Returns false if there was nothing to merge, or it failed. */
static bool merge_one(struct shelf *shelf, struct slu_scope *scope, int64_t from_ns, int64_t now_ns)
{
    struct merging merging = {.count = 0};
    int64_t settled_ns = now_ns - (int64_t)shelf->options.store->out_of_order_ns;
    if (shelf->merge_retry_ns > now_ns || run_keep(shelf, part_day(settled_ns), &merging) != 0) {
        return false;
    }
    int err = run_write(shelf, scope, from_ns, &merging);
    run_end(shelf, &merging, err, now_ns);
    return err == 0;
}

void shelf_merge(struct shelf *shelf, struct slu_scope *scope, int64_t from_ns, int64_t now_ns)
{
    while (merge_one(shelf, scope, from_ns, now_ns)) {
    }
}

void store_parts_tend(struct store *store, struct slu_scope *scope, int64_t now_ns)
{
    uint64_t retention_ns = store->options.retention_ns;
    int64_t from_ns = retention_ns == 0 ? INT64_MIN : now_ns - (int64_t)retention_ns;
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        if (retention_ns != 0) {
            old_drop(&store->shelves[i], from_ns);
        }
    }
    surplus_drop(store);
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        shelf_merge(&store->shelves[i], scope, from_ns, now_ns);
    }
}
