#include "store/shelf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/random.h>
#include <sluice/scope.h>

#include "base/diag.h"
#include "store/queue.h"
#include "store/store_io.h"
#include "sys/wall_clock.h"

#define MS_NS               UINT64_C(1000000)
#define SEGMENTS_OF_LOG     8
#define KEY_BYTES_A_STREAM  256
#define SAMPLE_MEMORY_SHARE 2  /* of a head's memory, samples have one in so many */
#define LOG_LIVE_PART       4  /* of the log: the rest is for what comes while a head is written */
#define GENERATIONS         3  /* one is filled, one is written, and there is room for the rest */
#define BYTES_A_BLOCK       8  /* of a message, for each block of samples that it may take */
#define BYTES_A_STREAM_MIN  48 /* of a message, for each stream that it may open */
#define ROWS_GROWTH         2  /* of a message, when it becomes rows */
#define MESSAGES_A_HEAD     4  /* of the largest: what has no room goes in halves */

static bool name_write(struct shelf *shelf)
{
    const char *base = shelf->options.store->directory;
    const char *name = store_signal_name(shelf->options.signal);
    int len = snprintf(shelf->path, SHELF_PATH_MAX, "%s/%s", base, name);
    int log_len = snprintf(shelf->log_path, SHELF_PATH_MAX, "%s/%s.log", base, name);
    return len > 0 && len < SHELF_PATH_MAX && log_len > 0 && log_len < SHELF_PATH_MAX;
}

static int samples_init(struct shelf *shelf)
{
    const struct store_options *store = shelf->options.store;
    uint64_t memory_bytes = shelf->options.memory_bytes;
    struct sample_head_options options = {
        .series_max = store->series_max,
        .key_bytes_max = (uint64_t)store->series_max * KEY_BYTES_A_STREAM,
        .sample_bytes_max = memory_bytes / SAMPLE_MEMORY_SHARE,
        .out_of_order_ms = (int64_t)(store->out_of_order_ns / MS_NS),
        .future_ms = (int64_t)(store->future_ns / MS_NS),
    };
    int err = metadata_init(&shelf->metadata, shelf->options.names_max, shelf->options.budget);
    if (err == 0) {
        err = sample_head_init(&shelf->head.samples, shelf->options.budget, &options);
        if (err != 0) {
            metadata_deinit(&shelf->metadata);
        }
    }
    return err;
}

static int rows_init(struct shelf *shelf)
{
    const struct store_options *store = shelf->options.store;
    struct row_head_options options = {
        .stream_max = store->stream_max,
        .key_bytes_max = (uint64_t)store->stream_max * KEY_BYTES_A_STREAM,
        .generation_bytes_max = shelf->options.memory_bytes / GENERATIONS,
        .out_of_order_ns = (int64_t)store->out_of_order_ns,
        .future_ns = (int64_t)store->future_ns,
    };
    return row_head_init(&shelf->head.rows, shelf->options.budget, &options);
}

static int head_init(struct shelf *shelf)
{
    return shelf_has_samples(shelf) ? samples_init(shelf) : rows_init(shelf);
}

static void head_deinit(struct shelf *shelf)
{
    if (shelf_has_samples(shelf)) {
        sample_head_deinit(&shelf->head.samples);
        metadata_deinit(&shelf->metadata);
    } else {
        row_head_deinit(&shelf->head.rows);
    }
}

static int log_open(struct shelf *shelf, uint64_t sequence_min, struct slu_diag *diag)
{
    const struct store_options *store = shelf->options.store;
    struct queue_options options = {
        .budget = shelf->options.budget,
        .scope = store->scope,
        .directory = shelf->log_path,
        .size_bytes_max = store->log_bytes_max,
        .segment_bytes = store->log_bytes_max / SEGMENTS_OF_LOG,
        .staging_bytes_max = shelf->options.staging_bytes,
        .held_max = 1,
        .policy = store->is_relaxed ? QUEUE_RELAXED : QUEUE_SYNC,
        .io = store->io,
        .sequence_min = sequence_min,
    };
    return queue_open(&options, diag, &shelf->log);
}

/*
 * Where the log was let go to. It was never let go where no position was ever written: then all of
 * it is there, unless it was lost as a whole, and parts are all that is left.
 */
static bool position_is_known(struct queue *log)
{
    struct queue_stats stats;
    queue_stats(log, &stats);
    bool is_unwritten = !queue_has_position(log) && stats.position_lost_count == 0;
    return queue_has_position(log) ||
           (is_unwritten && queue_sequence_next(log) > queue_position(log));
}

/* The parts are found before the log, which begins behind them where it was lost. */
static int parts_open(struct shelf *shelf, struct slu_diag *diag)
{
    const struct store_io *io = shelf->directory.io;
    int err = io->make_directory(io->context, shelf->path);
    if (err != 0 && err != -EEXIST) {
        return diag_fail(diag, err, "%.200s: %s", shelf->path, strerror(-err));
    }
    err = log_open(shelf, 0, diag);
    if (err != 0) {
        return err;
    }
    shelf->is_position_known = position_is_known(shelf->log);
    uint64_t end = shelf->is_position_known ? queue_position(shelf->log) : UINT64_MAX;
    err = part_list_init(&shelf->parts, shelf->options.budget, &shelf->directory,
                         shelf->options.signal, end, diag);
    if (err == 0 && part_list_sequence(&shelf->parts) >= queue_sequence_next(shelf->log)) {
        queue_close(&shelf->log);
        err = log_open(shelf, part_list_sequence(&shelf->parts) + 1, diag);
        if (err != 0) {
            part_list_deinit(&shelf->parts);
        }
    }
    if (err != 0) {
        queue_close(&shelf->log);
    }
    return err;
}

void shelf_want_flush(struct shelf *shelf)
{
    if (!shelf->is_flush_wanted) {
        shelf->is_flush_wanted = true;
        shelf->options.wake(shelf->options.wake_arg);
    }
}

/* Whether what a message may bring has room beside what is there. */
static bool head_has_room(const struct shelf *shelf, size_t message_bytes)
{
    if (shelf_has_samples(shelf)) {
        const struct byte_pool *pool = &shelf->head.samples.pool;
        return pool->used_count == 0 || /* then a flush would change nothing */
               byte_pool_free_count(pool) > message_bytes / BYTES_A_BLOCK;
    }
    const struct row_head *rows = &shelf->head.rows;
    return rows->live->row_count == 0 ||
           rows->live->bytes + ROWS_GROWTH * message_bytes <= rows->generation_bytes_max;
}

/* With the lock held: wait until the head has been written. */
static int head_wait(struct shelf *shelf)
{
    shelf_want_flush(shelf);
    if ((shelf->options.store->scope == NULL || shelf->is_replaying) && !shelf->is_closing) {
        mutex_unlock(&shelf->lock); /* nobody else would do it */
        int err = shelf_flush(shelf, wall_clock_ns());
        mutex_lock(&shelf->lock);
        return err;
    }
    if (!shelf->is_closing) {
        (void)condition_wait_until(&shelf->changed, &shelf->lock, SLU_SCOPE_NEVER);
    }
    return shelf->is_closing ? -ECANCELED : 0;
}

static bool head_is_full(const struct shelf *shelf)
{
    return shelf_has_samples(shelf) ? sample_head_is_full(&shelf->head.samples)
                                    : row_head_is_full(&shelf->head.rows);
}

/*
 * Take a message apart into the head, as a whole: a part that a flush writes would be there twice
 * when the log is read again. When the shelf closes, the log has the message for the next time.
 *
 * Returns  0, and the outcome has what it was told; else it has no place: -ECANCELED; an error of
 *          the disk
 */
static int message_apply(struct shelf *shelf, struct slu_bytes message, int64_t now_ns,
                         uint64_t sequence, struct store_outcome *outcome)
{
    const struct store_options *store = shelf->options.store;
    struct store_batch batch = {
        .shelf = shelf, .now_ns = now_ns, .sequence = sequence, .outcome = outcome};
    int err = 0;
    mutex_lock(&shelf->lock);
    while (err == 0 && !head_has_room(shelf, message.len)) {
        err = head_wait(shelf);
    }
    err = shelf->is_closing ? -ECANCELED : err;
    if (err == 0) {
        outcome->err =
            store->apply(store->apply_arg, shelf->options.signal, message, now_ns, &batch);
    }
    if (err != -ECANCELED) {
        shelf->applied_sequence = sequence;
    }
    shelf->live_log_bytes += message.len;
    if (head_is_full(shelf) || shelf->live_log_bytes > store->log_bytes_max / LOG_LIVE_PART) {
        shelf_want_flush(shelf);
    }
    mutex_unlock(&shelf->lock);
    return err;
}

struct replaying {
    struct shelf *shelf;
    uint64_t refused_count; /* records */
};

/* The log may be of a larger memory: what a message may open must have room beside what is open. */
static bool streams_are_many(const struct shelf *shelf, size_t message_bytes)
{
    const struct stream_table *table =
        shelf_has_samples(shelf) ? &shelf->head.samples.table : &shelf->head.rows.table;
    return table->count > 0 &&
           table->count + message_bytes / BYTES_A_STREAM_MIN > table->stream_max;
}

static int entry_replay(void *arg, const struct queue_entry *entry)
{
    struct replaying *replaying = arg;
    struct shelf *shelf = replaying->shelf;
    struct store_outcome outcome = {.err = 0};
    int err = 0;
    if (entry->sequence <= part_list_sequence(&shelf->parts) && !shelf->is_position_known) {
        return 0;
    }
    if (streams_are_many(shelf, entry->bytes.len)) {
        err = shelf_flush(shelf, wall_clock_ns());
    }
    if (err == 0) {
        err = message_apply(shelf, (struct slu_bytes){entry->bytes.data, entry->bytes.len},
                            entry->time_ns, entry->sequence, &outcome);
    }
    replaying->refused_count += outcome.refused_count;
    return err;
}

/* Most were refused when they came, which their senders know. */
static void refused_say(const struct replaying *replaying)
{
    char text[160];
    const struct store_options *store = replaying->shelf->options.store;
    if (replaying->refused_count > 0 && store->say != NULL) {
        (void)snprintf(text, sizeof(text),
                       "store: %s: of what the log has, %llu records are refused; where there were "
                       "fewer before, the store has less memory now",
                       store_signal_name(replaying->shelf->options.signal),
                       (unsigned long long)replaying->refused_count);
        store->say(store->say_arg, text);
    }
}

static int last_sequence_compare(const void *left, const void *right)
{
    uint64_t first = (*(struct part *const *)left)->name.last_sequence;
    uint64_t second = (*(struct part *const *)right)->name.last_sequence;
    return (first > second) - (first < second);
}

static int part_metadata_recall(struct shelf *shelf, struct part *part)
{
    struct block bytes = {0};
    if (part->facts.metadata.plain_bytes == 0) {
        return 0;
    }
    int err = part_open(&shelf->parts, part);
    if (err != 0) {
        return err;
    }
    err = section_read(&part->section, &part->facts.metadata, shelf->options.budget, &bytes);
    if (err == 0) {
        err = metadata_read(&shelf->metadata, (struct slu_bytes){bytes.data, bytes.len});
        block_free(shelf->options.budget, &bytes);
    }
    part_close(&shelf->parts, part);
    shelf->counted.damaged_count += err == -EBADMSG;
    return err == -EBADMSG ? 0 : err;
}

/* In the order that texts came in, which is not that of days: the newest of a name stays. */
static int metadata_recall(struct shelf *shelf)
{
    struct block order = {0};
    size_t count = shelf->parts.count;
    if (!shelf_has_samples(shelf) || count == 0) {
        return 0;
    }
    int err = block_begin(shelf->options.budget, count * sizeof(struct part *), &order);
    if (err != 0) {
        return err;
    }
    struct part **parts = order.data;
    memcpy(parts, shelf->parts.parts, count * sizeof(struct part *));
    qsort(parts, count, sizeof(struct part *), last_sequence_compare);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = part_metadata_recall(shelf, parts[i]);
    }
    block_free(shelf->options.budget, &order);
    return err;
}

static int log_replay(struct shelf *shelf, struct slu_diag *diag)
{
    struct replaying replaying = {.shelf = shelf};
    shelf->first_sequence = queue_position(shelf->log);
    shelf->applied_sequence = shelf->first_sequence - 1;
    shelf->is_replaying = true;
    int err = metadata_recall(shelf); /* before the log, which has newer texts */
    if (err == 0) {
        shelf->kept_metadata_count = shelf->metadata.change_count;
        err = queue_replay(shelf->log, shelf->options.budget, entry_replay, &replaying);
    }
    shelf->is_replaying = false;
    refused_say(&replaying);
    return err == 0 ? 0
                    : diag_fail(diag, err, "%.200s: the log cannot be read again: %s",
                                shelf->log_path, strerror(-err));
}

size_t shelf_message_max(const struct shelf *shelf)
{
    uint64_t most = shelf_has_samples(shelf)
                        ? (uint64_t)shelf->head.samples.pool.block_max * BYTES_A_BLOCK
                        : shelf->head.rows.generation_bytes_max;
    uint64_t staging = shelf->options.staging_bytes / 2;
    most /= MESSAGES_A_HEAD;
    return (size_t)(most < staging ? most : staging);
}

int shelf_open(struct shelf *shelf, const struct shelf_options *options, struct slu_diag *diag)
{
    *shelf = (struct shelf){.options = *options};
    if (!name_write(shelf)) {
        return diag_fail(diag, -ENAMETOOLONG, "the store's path is too long");
    }
    shelf->directory = (struct segment_directory){options->store->io, shelf->path};
    int err = slu_random_seed(&shelf->salt);
    if (err == 0) {
        err = head_init(shelf);
    }
    if (err != 0) {
        return diag_fail(diag, err, "the store of %s has no memory",
                         store_signal_name(options->signal));
    }
    mutex_init(&shelf->lock);
    condition_init(&shelf->changed);
    err = parts_open(shelf, diag);
    if (err != 0) {
        head_deinit(shelf);
        condition_deinit(&shelf->changed);
        mutex_deinit(&shelf->lock);
        return err;
    }
    shelf->is_open = true;
    err = log_replay(shelf, diag);
    if (err != 0) {
        shelf_end(shelf);
        shelf_close(shelf);
    }
    return err;
}

void shelf_end(struct shelf *shelf)
{
    if (shelf->is_open) {
        mutex_lock(&shelf->lock);
        shelf->is_closing = true;
        condition_broadcast(&shelf->changed);
        mutex_unlock(&shelf->lock);
    }
}

void shelf_close(struct shelf *shelf)
{
    if (shelf->is_open) {
        queue_close(&shelf->log);
        part_list_deinit(&shelf->parts);
        head_deinit(shelf);
        condition_deinit(&shelf->changed);
        mutex_deinit(&shelf->lock);
        shelf->is_open = false;
    }
}

uint64_t shelf_head_bytes(const struct shelf *shelf)
{
    if (shelf_has_samples(shelf)) {
        const struct sample_head *samples = &shelf->head.samples;
        return (uint64_t)samples->pool.used_count * BYTE_BLOCK_BYTES + samples->table.key_bytes;
    }
    const struct row_head *rows = &shelf->head.rows;
    return rows->live->bytes + (rows->sealed != NULL ? rows->sealed->bytes : 0) +
           rows->table.key_bytes;
}

static void range_widen(int64_t from_ns, int64_t to_ns, bool is_there, int64_t *min_ns,
                        int64_t *max_ns)
{
    if (is_there) {
        *min_ns = from_ns < *min_ns ? from_ns : *min_ns;
        *max_ns = to_ns > *max_ns ? to_ns : *max_ns;
    }
}

bool shelf_head_range(const struct shelf *shelf, int64_t *min_ns, int64_t *max_ns)
{
    int64_t min = INT64_MAX;
    int64_t max = INT64_MIN;
    if (shelf_has_samples(shelf)) {
        const struct sample_head *head = &shelf->head.samples;
        range_widen(head->live_min_ms * (int64_t)MS_NS, head->live_max_ms * (int64_t)MS_NS,
                    head->live_count > 0, &min, &max);
        range_widen(head->sealed_min_ms * (int64_t)MS_NS, head->sealed_max_ms * (int64_t)MS_NS,
                    head->sealed_count > 0, &min, &max);
    } else {
        const struct row_generation *live = shelf->head.rows.live;
        const struct row_generation *sealed = shelf->head.rows.sealed;
        range_widen(live->min_ns, live->max_ns, live->row_count > 0, &min, &max);
        if (sealed != NULL) {
            range_widen(sealed->min_ns, sealed->max_ns, sealed->row_count > 0, &min, &max);
        }
    }
    *min_ns = min;
    *max_ns = max;
    return min <= max;
}

/* A message between its put and its `done`. */
struct put {
    struct shelf *shelf;
    struct slu_bytes message;
    int64_t now_ns;
    store_done_fn *done;
    void *arg;
};

static void put_count_add(struct shelf *shelf, int change)
{
    mutex_lock(&shelf->lock);
    shelf->put_count += (uint64_t)(int64_t)change;
    if (shelf->put_count == 0) {
        condition_broadcast(&shelf->changed);
    }
    mutex_unlock(&shelf->lock);
}

static void put_done(void *arg, int err, uint64_t sequence)
{
    struct put put = *(struct put *)arg;
    struct store_outcome outcome = {.err = err};
    slu_budget_free(put.shelf->options.budget, arg, sizeof(put));
    if (err == 0) {
        err = message_apply(put.shelf, put.message, put.now_ns, sequence, &outcome);
        outcome.err = err != 0 && err != -ECANCELED ? err : outcome.err;
    }
    if (put.done != NULL) {
        put.done(put.arg, &outcome);
    }
    put_count_add(put.shelf, -1);
}

void shelf_drain(struct shelf *shelf)
{
    mutex_lock(&shelf->lock);
    while (shelf->put_count > 0) {
        (void)condition_wait_until(&shelf->changed, &shelf->lock, SLU_SCOPE_NEVER);
    }
    mutex_unlock(&shelf->lock);
}

int shelf_put(struct shelf *shelf, struct slu_bytes message, int64_t now_ns, store_done_fn *done,
              void *arg)
{
    void *memory = NULL;
    if (message.len > shelf_message_max(shelf)) {
        return -EMSGSIZE;
    }
    int err = slu_budget_alloc(shelf->options.budget, sizeof(struct put), &memory);
    if (err != 0) {
        return -EDQUOT;
    }
    struct put *put = memory;
    *put = (struct put){
        .shelf = shelf, .message = message, .now_ns = now_ns, .done = done, .arg = arg};
    struct queue_record record = {
        .parts = &message, .part_count = 1, .time_ns = now_ns, .kind = shelf->options.signal};
    put_count_add(shelf, 1);
    err = queue_append(shelf->log, &record, put_done, put);
    if (err != 0) {
        put_count_add(shelf, -1);
        slu_budget_free(shelf->options.budget, put, sizeof(*put));
    }
    if (err == -ENOSPC) {
        mutex_lock(&shelf->lock);
        shelf_want_flush(shelf);
        mutex_unlock(&shelf->lock);
    }
    return err;
}
