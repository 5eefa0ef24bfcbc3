#include "store/sample_gather.h"

#include <errno.h>
#include <string.h>

#include "store/time_sort.h"

#define MS_NS       INT64_C(1000000)
#define FIRST_BYTES ((size_t)4096)

int sample_gather_init(struct sample_gather *gather, struct slu_budget *budget, int64_t from_ns,
                       int64_t to_ns)
{
    *gather = (struct sample_gather){.budget = budget, .from_ns = from_ns, .to_ns = to_ns};
    int err = block_begin(budget, FIRST_BYTES, &gather->items);
    return err != 0 ? err : block_begin(budget, FIRST_BYTES, &gather->bytes);
}

void sample_gather_deinit(struct sample_gather *gather)
{
    block_free(gather->budget, &gather->bytes);
    block_free(gather->budget, &gather->items);
    gather->bytes = (struct block){0};
    gather->items = (struct block){0};
}

void sample_gather_begin(struct sample_gather *gather, enum store_sample_kind kind)
{
    gather->kind = kind;
    gather->items.len = 0;
    gather->bytes.len = 0;
    gather->is_placed = false;
}

size_t sample_gather_item_bytes(const struct sample_gather *gather)
{
    return gather->kind == STORE_NUMBER ? sizeof(struct sample) : sizeof(struct sample_message);
}

static bool is_within(const struct sample_gather *gather, int64_t time_ms)
{
    int64_t from_ms = gather->from_ns / MS_NS + (gather->from_ns % MS_NS > 0);
    int64_t to_ms = gather->to_ns / MS_NS - (gather->to_ns % MS_NS < 0);
    return time_ms >= from_ms && time_ms <= to_ms;
}

static int number_take(struct sample_gather *gather, struct sample_cursor *cursor)
{
    struct sample sample;
    int err = sample_next(cursor, &sample);
    if (err == 0 && is_within(gather, sample.time_ms)) {
        err = block_append(gather->budget, &gather->items, &sample, sizeof(sample));
    }
    return err;
}

/* Messages' bytes go to a block that moves: until the series is complete, `data` is their place. */
static int message_take(struct sample_gather *gather, struct sample_cursor *cursor)
{
    struct sample_message message;
    struct slu_budget *budget = gather->budget;
    int err = sample_next_message(cursor, &message);
    if (err != 0 || !is_within(gather, message.time_ms)) {
        return err;
    }
    struct sample_message placed = message;
    placed.bytes.data = (const void *)(uintptr_t)gather->bytes.len;
    if (message.bytes.len > 0) {
        err = block_append(budget, &gather->bytes, message.bytes.data, message.bytes.len);
    }
    return err != 0 ? err : block_append(budget, &gather->items, &placed, sizeof(placed));
}

static int chunk_take(struct sample_gather *gather, struct part_samples *samples,
                      const struct sample_chunk *chunk)
{
    struct sample_cursor cursor;
    enum sample_kind kind = gather->kind == STORE_NUMBER ? SAMPLE_NUMBERS : SAMPLE_MESSAGES;
    int err = part_samples_chunk(samples, chunk, &cursor);
    if (err == 0 && cursor.kind != kind) {
        err = -EBADMSG;
    }
    while (err == 0) {
        err = kind == SAMPLE_NUMBERS ? number_take(gather, &cursor) : message_take(gather, &cursor);
    }
    return err == -ENODATA ? 0 : err;
}

int sample_gather_part(struct sample_gather *gather, struct part_samples *samples)
{
    struct slu_bytes chunks = samples->chunks;
    struct sample_chunk chunk;
    int err = 0;
    while (err == 0 && sample_chunk_next(&chunks, &chunk)) {
        bool is_wanted = chunk.kind == gather->kind && chunk.max_ms >= gather->from_ns / MS_NS &&
                         chunk.min_ms <= gather->to_ns / MS_NS;
        if (is_wanted) {
            err = chunk_take(gather, samples, &chunk);
        }
    }
    return err != 0 || chunks.len == 0 ? err : -EBADMSG;
}

/* Their bytes do not move any more: places become views, once. */
static void messages_place(struct sample_gather *gather)
{
    struct sample_message *messages = gather->items.data;
    if (gather->kind == STORE_NUMBER || gather->is_placed) {
        return;
    }
    for (size_t i = 0; i < gather->items.len / sizeof(*messages); i++) {
        messages[i].bytes.data =
            (const char *)gather->bytes.data + (uintptr_t)messages[i].bytes.data;
    }
    gather->is_placed = true;
}

/* Of the items behind the first `len` bytes, those of the range stay. */
static void range_keep(struct sample_gather *gather, size_t len)
{
    size_t item_bytes = sample_gather_item_bytes(gather);
    unsigned char *items = gather->items.data;
    size_t end = gather->items.len;
    gather->items.len = len;
    for (size_t at = len; at < end; at += item_bytes) {
        int64_t time_ms = 0;
        memcpy(&time_ms, items + at, sizeof(time_ms));
        if (is_within(gather, time_ms)) {
            memmove(items + gather->items.len, items + at, item_bytes);
            gather->items.len += item_bytes;
        }
    }
}

int sample_gather_runs(struct sample_gather *gather, const struct sample_runs *runs,
                       const unsigned char *bytes)
{
    size_t before = gather->items.len;
    size_t count = (size_t)runs->counts[0] + runs->counts[1];
    size_t len = count * sample_gather_item_bytes(gather);
    int err = 0;
    messages_place(gather);
    while (err == 0 && len > gather->items.size_bytes - before) {
        err = block_grow(gather->budget, &gather->items, SIZE_MAX / 2);
    }
    if (err == 0) {
        sample_runs_decode(runs, gather->kind == STORE_NUMBER, bytes,
                           (unsigned char *)gather->items.data + before);
        gather->items.len += len;
        range_keep(gather, before);
    }
    return err;
}

int sample_gather_sort(struct sample_gather *gather, size_t *count)
{
    size_t item_bytes = sample_gather_item_bytes(gather);
    messages_place(gather);
    int err =
        time_sort(gather->items.data, item_bytes, gather->items.len / item_bytes, gather->budget);
    if (err == 0) {
        *count = time_unique(gather->items.data, item_bytes, gather->items.len / item_bytes);
    }
    return err;
}
