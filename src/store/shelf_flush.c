/*
 * Writing a head as parts. The head is sealed under the lock; the parts, one for each day, are
 * written without it; then, under the lock again, they take the sealed head's place for readers,
 * all at once. The log lets go last: what happens before that is done again after a crash.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "store/labels.h"
#include "store/queue.h"
#include "store/row_part.h"
#include "store/sample_part.h"
#include "store/shelf.h"

#define FLUSH_LEVEL   1 /* of zstd: what is merged is compressed again */
#define RETRY_NS      INT64_C(2000000000)
#define MS_NS         INT64_C(1000000)
#define DAY_MS        (PART_DAY_NS / MS_NS)
#define LOG_FULL_PART 2

static bool live_is_empty(const struct shelf *shelf)
{
    return shelf_has_samples(shelf) ? shelf->head.samples.live_count == 0
                                    : shelf->head.rows.live->row_count == 0;
}

static uint64_t log_bytes(const struct shelf *shelf)
{
    struct queue_stats stats;
    queue_stats(shelf->log, &stats);
    return stats.disk_bytes;
}

static bool has_long_log(const struct shelf *shelf)
{
    return log_bytes(shelf) > shelf->options.store->log_bytes_max / LOG_FULL_PART;
}

bool shelf_is_due(struct shelf *shelf, int64_t now_ns)
{
    const struct store_options *store = shelf->options.store;
    bool is_log_long = has_long_log(shelf);
    mutex_lock(&shelf->lock);
    bool is_old =
        shelf->live_since_ns != 0 && now_ns - shelf->live_since_ns > (int64_t)store->head_age_ns;
    bool has_something = shelf->is_sealed || shelf->applied_sequence >= shelf->first_sequence;
    bool may_try = shelf->retry_ns == 0 || now_ns >= shelf->retry_ns ||
                   shelf->retry_ns - now_ns > RETRY_NS; /* the clock was set back */
    bool is_due = has_something && may_try &&
                  (shelf->is_sealed || shelf->is_flush_wanted || is_old || is_log_long);
    mutex_unlock(&shelf->lock);
    return is_due;
}

/* With the lock held: messages are in the live head as wholes. */
static int head_seal(struct shelf *shelf)
{
    if (!shelf_has_samples(shelf)) {
        int err = row_head_seal(&shelf->head.rows);
        if (err != 0) {
            return err;
        }
    } else {
        sample_head_seal(&shelf->head.samples);
    }
    shelf->sealed_first_sequence = shelf->first_sequence;
    shelf->sealed_last_sequence = shelf->applied_sequence;
    shelf->first_sequence = shelf->applied_sequence + 1;
    shelf->sealed_days = shelf->days;
    shelf->sealed_metadata_count = shelf->metadata.change_count;
    shelf->days = (struct day_set){.count = 0};
    shelf->live_since_ns = 0;
    shelf->live_log_bytes = 0;
    shelf->is_flush_wanted = false;
    shelf->is_sealed = true;
    return 0;
}

static void parts_forget(struct shelf *shelf, struct part *parts)
{
    while (parts != NULL) {
        struct part *next = parts->next;
        part_list_forget(&shelf->parts, parts);
        parts = next;
    }
}

/* Places for all parts, in the order of days. */
static int parts_prepare(struct shelf *shelf, struct part **out)
{
    struct part *parts = NULL;
    int err = 0;
    mutex_lock(&shelf->lock);
    for (size_t i = 0; err == 0 && i < shelf->sealed_days.count; i++) {
        struct part_name name = {.day = shelf->sealed_days.days[i],
                                 .first_sequence = shelf->sealed_first_sequence,
                                 .last_sequence = shelf->sealed_last_sequence};
        struct part *part = NULL;
        err = part_list_prepare(&shelf->parts, &name, &part);
        if (err == 0) {
            part->next = parts;
            parts = part;
        }
    }
    if (err != 0) {
        parts_forget(shelf, parts);
    }
    mutex_unlock(&shelf->lock);
    if (err == 0) {
        *out = parts;
    }
    return err;
}

/* What is needed to write the samples of one day. */
struct sample_writing {
    struct shelf *shelf;
    struct sample_part_writer writer;
    const uint32_t *order;
    uint32_t count;
    int64_t day;
    struct block items;
    struct block bytes;
    unsigned char labels[LABELS_BYTES_MAX]; /* of the last series */
    size_t labels_len;
};

/* The part of sorted items that falls on the day: both kinds begin with their time. */
static size_t day_cut(const struct sample_writing *writing, size_t item_bytes, size_t *first)
{
    const unsigned char *items = writing->items.data;
    size_t count = writing->items.len / item_bytes;
    int64_t begin_ms = writing->day * DAY_MS;
    size_t from = 0;
    size_t to = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = 0;
        memcpy(&time_ms, items + i * item_bytes, sizeof(time_ms));
        from += time_ms < begin_ms;
        to += time_ms - begin_ms < DAY_MS;
    }
    *first = from;
    return to - from;
}

static int series_write(struct sample_writing *writing, uint32_t series, uint32_t kind)
{
    struct sample_head *head = &writing->shelf->head.samples;
    size_t item_bytes = kind == 0 ? sizeof(struct sample) : sizeof(struct sample_message);
    size_t first = 0;
    int err = sample_head_read(head, series, kind == 0, false, true, writing->shelf->options.budget,
                               &writing->items, &writing->bytes);
    if (err != 0 || writing->items.len == 0) {
        return err;
    }
    size_t count = day_cut(writing, item_bytes, &first);
    if (count == 0) {
        return 0;
    }
    return kind == 0 ? sample_part_add(&writing->writer,
                                       (const struct sample *)writing->items.data + first, count)
                     : sample_part_add_messages(
                           &writing->writer, kind,
                           (const struct sample_message *)writing->items.data + first, count);
}

/* The labels and the kind of the next series, under the lock that keys need. */
static uint32_t key_take(struct sample_writing *writing, uint32_t series, unsigned char *labels,
                         size_t *len)
{
    mutex_lock(&writing->shelf->lock);
    struct slu_bytes key = stream_table_key(&writing->shelf->head.samples.table, series);
    *len = key.len - SAMPLE_KEY_KIND_BYTES;
    memcpy(labels, key.data, *len);
    uint32_t kind = ((const unsigned char *)key.data)[*len];
    mutex_unlock(&writing->shelf->lock);
    return kind;
}

static int all_series_write(struct sample_writing *writing)
{
    unsigned char labels[LABELS_BYTES_MAX];
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < writing->count; i++) {
        size_t len = 0;
        uint32_t kind = key_take(writing, writing->order[i], labels, &len);
        bool is_other = len != writing->labels_len || memcmp(labels, writing->labels, len) != 0;
        if (is_other) {
            err = sample_part_series(&writing->writer,
                                     (struct slu_bytes){writing->labels, writing->labels_len});
            memcpy(writing->labels, labels, len);
            writing->labels_len = len;
        }
        if (err == 0) {
            err = series_write(writing, writing->order[i], kind);
        }
    }
    if (err == 0) {
        err = sample_part_series(&writing->writer,
                                 (struct slu_bytes){writing->labels, writing->labels_len});
    }
    return err;
}

static int metadata_take(struct shelf *shelf, struct block *out)
{
    int err = block_begin(shelf->options.budget, 4096, out);
    if (err == 0) {
        mutex_lock(&shelf->lock);
        err = metadata_write(&shelf->metadata, shelf->options.budget, out);
        mutex_unlock(&shelf->lock);
    }
    return err;
}

static int samples_write(struct sample_writing *writing, struct part *part)
{
    struct shelf *shelf = writing->shelf;
    struct block metadata = {0};
    int err = metadata_take(shelf, &metadata);
    if (err == 0) {
        err = sample_part_begin(&writing->writer, &shelf->directory, &part->name, FLUSH_LEVEL,
                                shelf->salt, shelf->options.budget);
    }
    if (err == 0) {
        err = all_series_write(writing);
        if (err == 0) {
            err = sample_part_end(&writing->writer, (struct slu_bytes){metadata.data, metadata.len},
                                  part);
        } else {
            sample_part_abort(&writing->writer);
        }
    }
    block_free(shelf->options.budget, &metadata);
    return err;
}

/*
 * The series that have sealed samples, in the order of their labels. They stay in the table until
 * those are released.
 */
static int order_make(struct shelf *shelf, struct block *out)
{
    struct sample_head *head = &shelf->head.samples;
    mutex_lock(&shelf->lock);
    size_t len = head->table.count * sizeof(uint32_t);
    int err = block_begin(shelf->options.budget, len > 0 ? len : 1, out);
    if (err == 0) {
        uint32_t *order = out->data;
        uint32_t kept = 0;
        stream_table_sort(&head->table, SAMPLE_KEY_KIND_BYTES, order);
        for (uint32_t i = 0; i < head->table.count; i++) {
            if (sample_head_sealed_count(head, order[i]) > 0) {
                order[kept++] = order[i];
            }
        }
        out->len = kept * sizeof(uint32_t);
    }
    mutex_unlock(&shelf->lock);
    return err;
}

static int sample_parts_write(struct shelf *shelf, struct part *parts)
{
    struct slu_budget *budget = shelf->options.budget;
    struct block order = {0};
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct sample_writing), &memory);
    if (err != 0) {
        return err;
    }
    struct sample_writing *writing = memory;
    err = order_make(shelf, &order);
    for (struct part *part = parts; err == 0 && part != NULL; part = part->next) {
        *writing = (struct sample_writing){.shelf = shelf,
                                           .order = order.data,
                                           .count = (uint32_t)(order.len / sizeof(uint32_t)),
                                           .day = part->name.day};
        err = samples_write(writing, part);
        block_free(budget, &writing->items);
        block_free(budget, &writing->bytes);
    }
    block_free(budget, &order);
    slu_budget_free(budget, writing, sizeof(*writing));
    return err;
}

static int rows_write(struct shelf *shelf, const struct row_entry *const *entries, uint64_t count,
                      struct part *part)
{
    struct row_part_writer writer;
    const struct row_stream *stream = NULL;
    int err = row_part_begin(&writer, &shelf->directory, &part->name, shelf->options.signal,
                             FLUSH_LEVEL, shelf->salt, shelf->options.budget);
    if (err != 0) {
        return err;
    }
    for (uint64_t i = 0; err == 0 && i < count; i++) {
        if (part_day(entries[i]->time_ns) != part->name.day) {
            continue;
        }
        if (stream != NULL && entries[i]->stream != stream) {
            err = row_part_stream(&writer, stream->labels);
        }
        stream = entries[i]->stream;
        struct row row = row_entry_row(entries[i]);
        err = err != 0 ? err : row_part_add(&writer, &row);
    }
    if (err == 0 && stream != NULL) {
        err = row_part_stream(&writer, stream->labels);
    }
    if (err != 0) {
        row_part_abort(&writer);
        return err;
    }
    return row_part_end(&writer, part);
}

static int row_parts_write(struct shelf *shelf, struct part *parts)
{
    const struct row_entry **entries = NULL;
    struct row_generation *sealed = shelf->head.rows.sealed;
    uint64_t count = sealed->row_count;
    int err = row_generation_sort(sealed, shelf->options.budget, &entries);
    for (struct part *part = parts; err == 0 && part != NULL; part = part->next) {
        err = rows_write(shelf, entries, count, part);
    }
    slu_budget_free(shelf->options.budget, entries, count * sizeof(struct row_entry *));
    return err;
}

/* The parts take the sealed head's place. Readers that copy from it are waited for. */
static void parts_publish(struct shelf *shelf, struct part *parts, int64_t now_ns)
{
    int64_t idle_before_ns = shelf->is_replaying /* there, room for others is all that counts */
                                 ? INT64_MAX
                                 : now_ns - (int64_t)shelf->options.store->out_of_order_ns;
    mutex_lock(&shelf->lock);
    shelf->is_publishing = true;
    while (shelf->copying_count > 0) {
        (void)condition_wait_until(&shelf->changed, &shelf->lock, SLU_SCOPE_NEVER);
    }
    shelf->is_publishing = false;
    while (parts != NULL) {
        struct part *next = parts->next;
        part_list_put(&shelf->parts, parts);
        parts = next;
    }
    if (shelf_has_samples(shelf)) {
        sample_head_release(&shelf->head.samples, idle_before_ns / MS_NS);
    } else {
        row_head_release(&shelf->head.rows, idle_before_ns);
    }
    shelf->kept_metadata_count = shelf->sealed_metadata_count;
    shelf->is_sealed = false;
    shelf->counted.flush_count++;
    condition_broadcast(&shelf->changed);
    mutex_unlock(&shelf->lock);
}

static void failure_note(struct shelf *shelf, int err, int64_t now_ns)
{
    const struct store_options *store = shelf->options.store;
    char text[256];
    mutex_lock(&shelf->lock);
    bool is_news = shelf->is_disk_failing != (err != 0);
    shelf->is_disk_failing = err != 0;
    shelf->retry_ns = err != 0 ? now_ns + RETRY_NS : 0;
    shelf->counted.disk_error_count += err != 0;
    mutex_unlock(&shelf->lock);
    if (is_news && store->say != NULL) {
        (void)snprintf(text, sizeof(text), "store: %s: %s",
                       store_signal_name(shelf->options.signal),
                       err != 0 ? strerror(-err) : "the disk takes it again");
        store->say(store->say_arg, text);
    }
}

static int sealed_write(struct shelf *shelf, int64_t now_ns)
{
    struct part *parts = NULL;
    int err = parts_prepare(shelf, &parts);
    if (err != 0) {
        return err;
    }
    err =
        shelf_has_samples(shelf) ? sample_parts_write(shelf, parts) : row_parts_write(shelf, parts);
    if (err != 0) {
        mutex_lock(&shelf->lock);
        parts_forget(shelf, parts);
        mutex_unlock(&shelf->lock);
        return err;
    }
    parts_publish(shelf, parts, now_ns);
    return 0;
}

/*
 * With the lock held: messages without a record are let go, but not while the log alone has texts
 * that they brought; unless it becomes full, because then nothing would come to be written.
 */
static void empty_release(struct shelf *shelf, bool is_log_long)
{
    if (is_log_long || shelf->metadata.change_count == shelf->kept_metadata_count) {
        shelf->sealed_last_sequence = shelf->applied_sequence;
        shelf->first_sequence = shelf->applied_sequence + 1;
    }
    shelf->is_flush_wanted = false;
}

int shelf_flush(struct shelf *shelf, int64_t now_ns)
{
    int err = 0;
    bool is_log_long = has_long_log(shelf);
    mutex_lock(&shelf->lock);
    bool has_news = !live_is_empty(shelf);
    if (!shelf->is_sealed && has_news) {
        err = head_seal(shelf);
    }
    bool is_sealed = shelf->is_sealed;
    if (err == 0 && !is_sealed) {
        empty_release(shelf, is_log_long);
    }
    mutex_unlock(&shelf->lock);
    if (err == 0 && is_sealed) {
        err = sealed_write(shelf, now_ns);
    }
    if (err == 0) {
        err = queue_release(shelf->log, shelf->sealed_last_sequence);
    }
    failure_note(shelf, err, now_ns);
    return err;
}
