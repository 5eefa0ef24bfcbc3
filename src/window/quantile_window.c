/*
 * The sketch of a sliding span.
 *
 * Invariants: the total plane is the sum of the records in the log; the open plane holds the events
 * of the slots open_epoch .. epoch, of which no record exists yet; a record leaves slot_count slots
 * after the newest slot in it. In the block lie the structure, the table, the pages' area and the
 * log, and the border between the last two moves with what is needed.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/golden.h"
#include "base/layout.h"
#include "window/quantile.h"
#include "window/slot.h"

GOLDEN_LAYOUT(struct quantile_shed, 32, 0, 0, early_count, coarse_until, joined_until, coarse_slots,
              joined_level);
GOLDEN_LAYOUT(struct slu_quantile_window, 208, 0, 0, slot_end_ns, pages, epoch, open_epoch, log,
              slot_ns, begin_ns, total_bound, fitted_epoch, parted_epoch, shed, slot_count,
              relative_error, size_bytes, budget);

#define PAGE_ALIGN ((uint32_t)16)

/* A window has pages for an eighth more than it needs, so that its layout rarely changes. */
#define SPARE_SHARE 8

/* How often in a span joined buckets may be parted. */
#define PARTS_IN_SPAN 4

/* Pages may become a fourth more after that, so that they are not joined at once again. */
#define PART_SHARE 4

int quantile_window_options_check(const struct slu_quantile_window_options *options,
                                  struct slu_diag *diag)
{
    uint64_t slot_ns = 0;
    if (options->size_bytes < SLU_QUANTILE_WINDOW_BYTES_MIN ||
        options->size_bytes > SLU_QUANTILE_WINDOW_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "size_bytes is %zu; it must be %zu to %zu",
                         options->size_bytes, SLU_QUANTILE_WINDOW_BYTES_MIN,
                         SLU_QUANTILE_WINDOW_BYTES_MAX);
    }
    int err = quantile_error_check(options->relative_error, diag);
    return err != 0 ? err : slot_width(options->span_ns, options->slot_count, diag, &slot_ns);
}

/* As many pages as values over 4, 8, 15 or 30 decades need at 1 %. */
static uint32_t window_table_size(size_t size_bytes)
{
    if (size_bytes < 4096) {
        return 32;
    }
    if (size_bytes <= 16384) {
        return 64;
    }
    return size_bytes <= 65536 ? 128 : 256;
}

static uint32_t window_body_bytes(const struct slu_quantile_window *window)
{
    return window->pages.area_bytes + window->log.capacity_bytes;
}

struct slu_quantile_window *quantile_window_init(void *block,
                                                 const struct slu_quantile_window_options *options)
{
    struct slu_quantile_window *window = block;
    uint32_t table_size = window_table_size(options->size_bytes);
    struct layout layout = {0};
    (void)layout_add(&layout, 1, sizeof(*window), GOLDEN_LINE_BYTES);
    size_t table_at = layout_add(&layout, pages_table_bytes(table_size), 1, sizeof(uint32_t));
    size_t area_at = layout_add(&layout, 0, 1, PAGE_ALIGN);
    unsigned char *bytes = block;
    window->relative_error = quantile_error_of(options->relative_error);
    window->size_bytes = options->size_bytes;
    window->slot_count = options->slot_count;
    window->begin_ns = WINDOW_UNBEGUN;
    window->shed.coarse_slots = 1;
    int err = slot_width(options->span_ns, options->slot_count, NULL, &window->slot_ns);
    SLU_ASSERT(err == 0);
    pages_init(&window->pages, window->relative_error, bytes + table_at, table_size, true);
    window->pages.bytes = bytes + area_at;
    window->log.bytes = bytes + area_at;
    window->log.capacity_bytes =
        (uint32_t)(options->size_bytes - area_at - QUANTILE_LOG_SLACK_BYTES);
    return window;
}

int slu_quantile_window_create(struct slu_budget *budget,
                               const struct slu_quantile_window_options *options,
                               struct slu_diag *diag, struct slu_quantile_window **out)
{
    int err = quantile_window_options_check(options, diag);
    if (err != 0) {
        return err;
    }
    void *block = NULL;
    err = slu_budget_alloc(budget, options->size_bytes, &block);
    if (err != 0) {
        return slot_refuse_bytes(budget, options->size_bytes, err, diag);
    }
    struct slu_quantile_window *window = quantile_window_init(block, options);
    window->budget = budget;
    *out = window;
    return 0;
}

void slu_quantile_window_destroy(struct slu_quantile_window **window)
{
    struct slu_quantile_window *gone = window == NULL ? NULL : *window;
    if (gone == NULL) {
        return;
    }
    slu_budget_free(gone->budget, gone, gone->size_bytes);
    *window = NULL;
}

/* Forget all events, and with them that buckets were joined. */
static void window_empty(struct slu_quantile_window *window)
{
    pages_clear(&window->pages);
    window->log.tail = 0;
    window->log.head = 0;
    window->total_bound = 0;
    window->shed.joined_until = 0;
}

/* Let the oldest record go before its time. */
static void window_drop_early(struct slu_quantile_window *window)
{
    uint64_t end_ns = slot_end(window->log.oldest_epoch, window->slot_ns);
    window->begin_ns = end_ns > window->begin_ns ? end_ns : window->begin_ns;
    window->shed.early_count += quantile_log_drop(&window->log, &window->pages);
}

/* Move the border between pages and log so that the area has `area_bytes`. */
static void window_divide(struct slu_quantile_window *window, uint32_t area_bytes)
{
    uint32_t body_bytes = window_body_bytes(window);
    while (quantile_log_used_bytes(&window->log) > body_bytes - area_bytes) {
        window_drop_early(window);
    }
    quantile_log_move(&window->log, window->pages.bytes + area_bytes, body_bytes - area_bytes);
    window->pages.area_bytes = area_bytes;
}

/* Half of the block at most is for pages, and the log holds a record of all of them. */
static bool need_fits(const struct slu_quantile_window *window, const struct pages_need *need)
{
    uint32_t body_bytes = window_body_bytes(window);
    uint32_t bytes = need->page_count * need->page_bytes;
    return need->page_count <= window->pages.page_max && bytes <= body_bytes / 2 &&
           bytes + quantile_log_record_max(need->page_count) <= body_bytes;
}

/* The area for `need`, with some pages to spare if the log leaves room for them. */
static uint32_t need_area(const struct slu_quantile_window *window, const struct pages_need *need)
{
    uint32_t page_count = need->page_count + need->page_count / SPARE_SHARE + 1;
    uint32_t least = need->page_count * need->page_bytes;
    uint32_t wanted = page_count * need->page_bytes;
    uint32_t free_bytes = window_body_bytes(window) - quantile_log_used_bytes(&window->log);
    bool room = wanted + quantile_log_record_max(page_count) <= free_bytes;
    return room ? wanted : least;
}

/*
 * Change the layout so that the total is as wide as it must become, and `events` more fit into the
 * open plane at a bucket: by dropping empty pages, by moving the border, by joining buckets.
 */
static void window_fit(struct slu_quantile_window *window, int32_t bucket, uint64_t events)
{
    struct quantile_pages *pages = &window->pages;
    unsigned shift = 0;
    struct pages_need need = pages_need(pages, shift, bucket, events);
    while (!need_fits(window, &need)) {
        shift++;
        SLU_ASSERT(pages->level + shift <= QUANTILE_LEVEL_MAX);
        need = pages_need(pages, shift, bucket, events);
    }
    if (need.page_count * need.page_bytes > pages->area_bytes) {
        window_divide(window, need_area(window, &need));
    }
    pages_rebuild(pages, shift, &need);
    window_divide(window, need_area(window, &need));
    window->total_bound = pages_total_max(pages);
}

/* The open plane may be closed: the total is wide enough. */
static struct quantile_record window_measure(struct slu_quantile_window *window)
{
    struct quantile_pages *pages = &window->pages;
    struct quantile_record record = quantile_log_measure(&window->log, pages, window->epoch);
    if (record.count_max + window->total_bound <= counter_max(pages->total_bytes)) {
        return record;
    }
    window->total_bound = pages_total_max(pages);
    if (record.count_max + window->total_bound > counter_max(pages->total_bytes)) {
        window_fit(window, 0, 0);
        record = quantile_log_measure(&window->log, pages, window->epoch);
    }
    return record;
}

/*
 * Whether a record may be written now, or the slots that it stands for must first become more. Its
 * share of the log is that of the slots since the record before it, and a sixteenth of it stays
 * free. A fourth above the share is chance while there is room for two such; small records may come
 * at once while half of the log is free for bursts. After a whole span the log is empty.
 */
static bool window_affords(const struct slu_quantile_window *window,
                           const struct quantile_record *record)
{
    const struct quantile_log *log = &window->log;
    uint64_t passed = window->epoch - log->newest_epoch;
    if (quantile_log_is_empty(log) || passed >= window->slot_count) {
        return true;
    }
    uint64_t capacity = log->capacity_bytes;
    uint64_t used = quantile_log_used_bytes(log) + record->size_bytes;
    uint64_t demand = (uint64_t)record->size_bytes * window->slot_count;
    uint64_t share = (passed == 0 ? 1 : passed) * capacity; /* 0: another record of the same slot */
    bool burst = used * 2 <= capacity && demand <= 4 * capacity;
    bool chance = used + record->size_bytes <= capacity && demand <= share + share / 4;
    return burst || chance || demand + demand / 16 <= share;
}

static void window_write(struct slu_quantile_window *window, const struct quantile_record *record)
{
    struct quantile_log *log = &window->log;
    while (log->capacity_bytes - quantile_log_used_bytes(log) < record->size_bytes) {
        window_drop_early(window);
    }
    quantile_log_close(log, &window->pages, window->epoch, record);
    window->total_bound += record->count_max;
    uint64_t slots = window->epoch - window->open_epoch + 1;
    if (slots == 1) {
        return;
    }
    bool outdated = window->epoch > window->shed.coarse_until;
    if (outdated || slots > window->shed.coarse_slots) {
        window->shed.coarse_slots = (uint32_t)slots;
    }
    window->shed.coarse_until = window->epoch + window->slot_count;
}

/* Give the log what empty pages and wide counters take, if that was not tried just now. */
static bool window_tidy(struct slu_quantile_window *window)
{
    if (window->epoch < window->fitted_epoch) {
        return false;
    }
    window->fitted_epoch = window->epoch + window->slot_count / 8 + 1;
    window_fit(window, 0, 0);
    return true;
}

/* Close the open slots; without `force` only if the log can afford it. */
static bool window_close(struct slu_quantile_window *window, bool force)
{
    struct quantile_record record = window_measure(window);
    while (record.page_count != 0) {
        if (!force && !window_affords(window, &record)) {
            if (!window_tidy(window)) {
                return false;
            }
            record = window_measure(window);
            continue;
        }
        window_write(window, &record);
        force = true; /* what passes one record's counts follows in another */
        record = window_measure(window);
    }
    return true;
}

/* Let go what has left the span at `epoch`. */
static void window_expire(struct slu_quantile_window *window, uint64_t epoch)
{
    if (epoch - window->epoch >= window->slot_count) {
        window_empty(window);
        return;
    }
    while (!quantile_log_is_empty(&window->log) &&
           epoch - window->log.oldest_epoch >= window->slot_count) {
        (void)quantile_log_drop(&window->log, &window->pages);
    }
}

/*
 * Lower the level of joined buckets by one, if the pages then fit: the total is counted anew from
 * the records. The open plane must be empty.
 */
static void window_part(struct slu_quantile_window *window)
{
    struct quantile_pages *pages = &window->pages;
    unsigned level = pages->level;
    uint32_t body_bytes = window_body_bytes(window);
    uint32_t free_bytes = body_bytes - quantile_log_used_bytes(&window->log);
    uint32_t area_bytes =
        (body_bytes / 2 < free_bytes ? body_bytes / 2 : free_bytes) & ~(PAGE_ALIGN - 1);
    window->parted_epoch = window->epoch + window->slot_count / PARTS_IN_SPAN + 1;
    if (area_bytes > pages->area_bytes) {
        window_divide(window, area_bytes);
    }
    pages_restart(pages, level - 1);
    bool fits = quantile_log_replay(&window->log, pages);
    struct pages_need need = {.page_bytes = pages->page_bytes};
    need.page_count = pages->page_count + pages->page_count / PART_SHARE + 1U;
    if (!fits || !need_fits(window, &need)) {
        pages_restart(pages, level);
        fits = quantile_log_replay(&window->log, pages);
        SLU_ASSERT(fits);
    } else {
        bool outdated = window->epoch > window->shed.joined_until;
        if (outdated || level > window->shed.joined_level) {
            window->shed.joined_level = level;
        }
        window->shed.joined_until = window->epoch + window->slot_count;
    }
    need.page_count = pages->page_count;
    window_divide(window, need_area(window, &need));
    window->total_bound = pages_total_max(pages);
}

/* The first event in a slot, and later ones after another had its time. */
static void window_roll(struct slu_quantile_window *window, uint64_t now_ns)
{
    uint64_t epoch = now_ns / window->slot_ns;
    if (window->begin_ns == WINDOW_UNBEGUN) {
        window->begin_ns = now_ns;
        window->open_epoch = epoch;
    } else if (epoch != window->epoch) {
        window_expire(window, epoch);
        if (window_close(window, false)) {
            window->open_epoch = epoch;
            if (window->pages.level != 0 && epoch >= window->parted_epoch) {
                window_part(window);
            }
        }
    }
    window->epoch = epoch;
    window->slot_end_ns = slot_end(epoch, window->slot_ns);
}

/* Make room for an event whose page is missing or whose counter is full. */
static void window_make_room(struct slu_quantile_window *window, int32_t bucket)
{
    struct quantile_pages *pages = &window->pages;
    if (pages_find(pages, bucket >> PAGE_BUCKETS_LOG2) == NULL) {
        if (!pages_have_room(pages)) {
            window_fit(window, bucket, 1);
        }
        return;
    }
    struct pages_need need = pages_need(pages, 0, bucket, 1);
    if (need.open_bytes <= sizeof(uint16_t) && need_fits(window, &need)) {
        window_fit(window, bucket, 1);
    } else {
        (void)window_close(window, true);
    }
}

/* Apart, so that the usual case needs no stack frame. */
static __attribute__((noinline)) int window_add_slowly(struct slu_quantile_window *window,
                                                       uint64_t now_ns, double value)
{
    struct quantile_pages *pages = &window->pages;
    if (isnan(value)) {
        return -EINVAL;
    }
    if (now_ns >= window->slot_end_ns) {
        window_roll(window, now_ns);
    }
    int32_t ordinal = quantile_ordinal(pages->octave_buckets, value);
    if (pages_add(pages, ordinal >> pages->level, 1)) {
        return 0;
    }
    window_make_room(window, ordinal >> pages->level);
    int32_t bucket = ordinal >> pages->level; /* the level may have risen */
    int32_t id = bucket >> PAGE_BUCKETS_LOG2;
    if (pages_find(pages, id) == NULL) {
        (void)pages_insert(pages, id);
    }
    bool added = pages_add(pages, bucket, 1);
    SLU_ASSERT(added);
    return 0;
}

int slu_quantile_window_add(struct slu_quantile_window *window, uint64_t now_ns, double value)
{
    if (__builtin_expect(now_ns < window->slot_end_ns, 1) &&
        __builtin_expect(pages_add_quickly(&window->pages, value), 1)) {
        return 0;
    }
    return window_add_slowly(window, now_ns, value);
}

/* The slot of a time, the newest one for times before it. */
static uint64_t window_epoch_at(const struct slu_quantile_window *window, uint64_t now_ns)
{
    return now_ns < window->slot_end_ns ? window->epoch : now_ns / window->slot_ns;
}

int slu_quantile_window_get(struct slu_quantile_window *window, uint64_t now_ns,
                            const double *quantiles, size_t quantile_count, double *values)
{
    window_expire(window, window_epoch_at(window, now_ns));
    return pages_quantiles(&window->pages, quantiles, quantile_count, values);
}

int slu_quantile_window_collect(struct slu_quantile_window *window, uint64_t now_ns,
                                struct slu_quantile_sketch *into)
{
    window_expire(window, window_epoch_at(window, now_ns));
    return quantile_sketch_merge_pages(into, &window->pages);
}

void slu_quantile_window_stats(struct slu_quantile_window *window, uint64_t now_ns,
                               struct slu_quantile_window_stats *out)
{
    uint64_t epoch = window_epoch_at(window, now_ns);
    window_expire(window, epoch);
    uint64_t covered_ns = 0;
    if (window->begin_ns != WINDOW_UNBEGUN) {
        uint64_t before = window->slot_count - 1;
        uint64_t start_ns = epoch > before ? (epoch - before) * window->slot_ns : 0;
        start_ns = start_ns > window->begin_ns ? start_ns : window->begin_ns;
        covered_ns = now_ns > start_ns ? now_ns - start_ns : 0;
    }
    uint64_t coarse_slots = epoch <= window->shed.coarse_until ? window->shed.coarse_slots : 1;
    uint64_t open_slots = window->epoch - window->open_epoch + 1;
    coarse_slots = coarse_slots > open_slots ? coarse_slots : open_slots;
    double error = quantile_level_error(window->relative_error, window->pages.level);
    if (epoch < window->shed.joined_until) {
        double parted = quantile_parted_error(window->relative_error, window->shed.joined_level);
        error = parted > error ? parted : error;
    }
    *out = (struct slu_quantile_window_stats){
        .count = pages_event_count(&window->pages),
        .covered_ns = covered_ns > window->slot_ns ? covered_ns : window->slot_ns,
        .slot_ns = coarse_slots * window->slot_ns,
        .early_count = window->shed.early_count,
        .relative_error = error,
        .size_bytes = window->size_bytes,
        .used_bytes = window->size_bytes - window_body_bytes(window) - QUANTILE_LOG_SLACK_BYTES +
                      (size_t)window->pages.page_count * window->pages.page_bytes +
                      quantile_log_used_bytes(&window->log),
    };
}

void quantile_window_validate(const struct slu_quantile_window *window)
{
    const struct quantile_pages *pages = &window->pages;
    pages_validate(pages);
    SLU_ASSERT(window->log.bytes == pages->bytes + pages->area_bytes);
    SLU_ASSERT(window->log.head <= window->log.capacity_bytes);
    uint64_t total = 0;
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        struct page_counts counts;
        pages_read(pages, pages_at(pages, n, &id), &counts);
        for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
            total += counts.total[at];
        }
    }
    SLU_ASSERT(total == quantile_log_event_count(&window->log));
}
