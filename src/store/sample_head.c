#include "store/sample_head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "store/sample_coding.h"
#include "store/time_sort.h"

#define IDLE_SEARCH_MAX  64
#define IDLE_AFTER_STEPS 2 /* times the out-of-order window: then a series may make room */

struct series {
    int64_t newest_ms;
    struct sample_coder coder; /* of the live run */
    struct sample_run live;
    struct sample_run sealed;
};

static struct series *series_at(const struct sample_head *head, uint32_t index)
{
    return stream_table_record(&head->table, index);
}

int sample_head_init(struct sample_head *head, struct slu_budget *budget,
                     const struct sample_head_options *options)
{
    struct stream_table_options table = {.stream_max = options->series_max,
                                         .key_bytes_max = options->key_bytes_max,
                                         .record_bytes = sizeof(struct series)};
    uint64_t blocks = options->sample_bytes_max / BYTE_BLOCK_BYTES;
    *head = (struct sample_head){.out_of_order_ms = options->out_of_order_ms,
                                 .future_ms = options->future_ms};
    if (blocks == 0 || blocks >= BYTE_BLOCK_NONE) {
        return -EOVERFLOW;
    }
    int err = byte_pool_init(&head->pool, budget, (uint32_t)blocks);
    if (err != 0) {
        return err;
    }
    err = stream_table_init(&head->table, budget, &table);
    if (err != 0) {
        byte_pool_deinit(&head->pool);
    }
    return err;
}

void sample_head_deinit(struct sample_head *head)
{
    stream_table_deinit(&head->table);
    byte_pool_deinit(&head->pool);
}

static void run_begin(struct sample_run *run)
{
    *run = (struct sample_run){.chain = byte_chain_begin()};
}

static bool series_is_idle(const struct series *series, int64_t before_ms)
{
    return series->live.count == 0 && series->sealed.count == 0 && series->newest_ms < before_ms;
}

/* Close an idle series, if one is among the next few. */
static void room_make(struct sample_head *head, int64_t now_ms)
{
    int64_t before_ms = now_ms - IDLE_AFTER_STEPS * head->out_of_order_ms;
    for (uint32_t i = 0; i < IDLE_SEARCH_MAX && head->table.slot_count > 0; i++) {
        uint32_t index = head->idle_hand++ % head->table.slot_count;
        if (stream_table_has(&head->table, index) &&
            series_is_idle(series_at(head, index), before_ms)) {
            stream_table_drop(&head->table, index);
            return;
        }
    }
}

static int series_open(struct sample_head *head, struct slu_bytes key, uint64_t hash,
                       int64_t now_ms, uint32_t *index)
{
    int err = stream_table_add(&head->table, key, hash, index);
    if (err == -EDQUOT) {
        room_make(head, now_ms);
        err = stream_table_add(&head->table, key, hash, index);
    }
    if (err == 0) {
        struct series *series = series_at(head, *index);
        series->newest_ms = INT64_MIN;
        run_begin(&series->live);
        run_begin(&series->sealed);
    }
    return err;
}

static void message_put(struct sample_head *head, struct sample_run *run, int64_t time_ms,
                        struct slu_bytes message)
{
    unsigned char front[SAMPLE_MESSAGE_HEAD_BYTES];
    sample_message_head(time_ms, (uint32_t)message.len, front);
    byte_chain_append(&head->pool, &run->chain, front, sizeof(front));
    byte_chain_append(&head->pool, &run->chain, message.data, message.len);
}

static int time_check(const struct sample_head *head, const struct series *series, int64_t now_ms,
                      int64_t time_ms)
{
    if (time_ms > now_ms && time_ms - now_ms > head->future_ms) {
        return -ETIME;
    }
    if (series == NULL || series->newest_ms == INT64_MIN) {
        return 0;
    }
    /* What a clock that was ahead has left behind makes nothing late. */
    int64_t newest_ms = series->newest_ms < now_ms ? series->newest_ms : now_ms;
    bool is_late = time_ms < newest_ms &&
                   (uint64_t)newest_ms - (uint64_t)time_ms > (uint64_t)head->out_of_order_ms;
    return is_late ? -ESTALE : 0;
}

static void note_added(struct sample_head *head, struct series *series, int64_t time_ms)
{
    bool is_first = head->live_count == 0;
    head->live_min_ms = is_first || time_ms < head->live_min_ms ? time_ms : head->live_min_ms;
    head->live_max_ms = is_first || time_ms > head->live_max_ms ? time_ms : head->live_max_ms;
    head->live_count++;
    series->live.count++;
    series->newest_ms = time_ms > series->newest_ms ? time_ms : series->newest_ms;
}

int sample_head_add(struct sample_head *head, struct slu_bytes key, uint64_t hash, int64_t now_ms,
                    int64_t time_ms, double value, struct slu_bytes message)
{
    const unsigned char *key_bytes = key.data;
    bool is_number = key_bytes[key.len - SAMPLE_KEY_KIND_BYTES] == 0;
    size_t len = is_number ? SAMPLE_NUMBER_BYTES_MAX : SAMPLE_MESSAGE_HEAD_BYTES + message.len;
    uint32_t index = stream_table_find(&head->table, key, hash);
    int err =
        time_check(head, index == STREAM_NONE ? NULL : series_at(head, index), now_ms, time_ms);
    if (err == 0 && byte_pool_free_count(&head->pool) < byte_chain_blocks(len)) {
        err = -ENOBUFS;
    }
    if (err == 0 && index == STREAM_NONE) {
        err = series_open(head, key, hash, now_ms, &index);
    }
    if (err != 0) {
        return err;
    }
    struct series *series = series_at(head, index);
    if (is_number) {
        unsigned char bytes[SAMPLE_NUMBER_BYTES_MAX];
        len = sample_number_encode(&series->coder, time_ms, value, bytes);
        byte_chain_append(&head->pool, &series->live.chain, bytes, len);
    } else {
        message_put(head, &series->live, time_ms, message);
    }
    note_added(head, series, time_ms);
    return 0;
}

uint32_t sample_head_sealed_count(const struct sample_head *head, uint32_t series)
{
    return series_at(head, series)->sealed.count;
}

bool sample_head_is_full(const struct sample_head *head)
{
    return head->pool.used_count > head->pool.block_max / 2;
}

void sample_head_seal(struct sample_head *head)
{
    SLU_ASSERT(head->sealed_count == 0);
    for (uint32_t i = 0; i < head->table.slot_count; i++) {
        if (stream_table_has(&head->table, i)) {
            struct series *series = series_at(head, i);
            series->sealed = series->live;
            run_begin(&series->live);
            series->coder = (struct sample_coder){0};
        }
    }
    head->sealed_count = head->live_count;
    head->sealed_min_ms = head->live_min_ms;
    head->sealed_max_ms = head->live_max_ms;
    head->live_count = 0;
}

void sample_head_release(struct sample_head *head, int64_t idle_before_ms)
{
    for (uint32_t i = 0; i < head->table.slot_count; i++) {
        if (stream_table_has(&head->table, i)) {
            struct series *series = series_at(head, i);
            byte_chain_drop(&head->pool, &series->sealed.chain);
            series->sealed.count = 0;
            if (series_is_idle(series, idle_before_ms)) {
                stream_table_drop(&head->table, i);
            }
        }
    }
    head->sealed_count = 0;
}

int64_t sample_head_newest(const struct sample_head *head, uint32_t index)
{
    return series_at(head, index)->newest_ms;
}

struct sample_runs sample_head_runs(const struct sample_head *head, uint32_t index, bool wants_live,
                                    bool wants_sealed)
{
    const struct series *series = series_at(head, index);
    struct sample_runs runs = {.counts = {0}};
    if (wants_sealed) {
        runs.counts[0] = series->sealed.count;
        runs.lens[0] = byte_chain_len(&head->pool, &series->sealed.chain);
    }
    if (wants_live) {
        runs.counts[1] = series->live.count;
        runs.lens[1] = byte_chain_len(&head->pool, &series->live.chain);
    }
    return runs;
}

void sample_head_copy(const struct sample_head *head, uint32_t index,
                      const struct sample_runs *runs, unsigned char *bytes)
{
    const struct series *series = series_at(head, index);
    if (runs->counts[0] > 0) {
        byte_chain_copy(&head->pool, &series->sealed.chain, bytes);
    }
    if (runs->counts[1] > 0) {
        byte_chain_copy(&head->pool, &series->live.chain, bytes + runs->lens[0]);
    }
}

void sample_runs_decode(const struct sample_runs *runs, bool is_number, const unsigned char *bytes,
                        void *out)
{
    const unsigned char *live = bytes + runs->lens[0];
    if (is_number) {
        struct sample *items = out;
        sample_numbers_decode(bytes, runs->counts[0], items);
        sample_numbers_decode(live, runs->counts[1], items + runs->counts[0]);
    } else {
        struct sample_message *items = out;
        sample_messages_decode(bytes, runs->counts[0], items);
        sample_messages_decode(live, runs->counts[1], items + runs->counts[0]);
    }
}

/* Room for `len` bytes in all; what the block has is not kept. */
static int block_reserve(struct slu_budget *budget, struct block *block, size_t len)
{
    block->len = 0;
    if (block->size_bytes >= len && block->size_bytes > 0) {
        return 0;
    }
    if (block->size_bytes > 0) {
        block_free(budget, block);
        *block = (struct block){0};
    }
    return block_begin(budget, len > 0 ? len : 1, block);
}

int sample_head_read(const struct sample_head *head, uint32_t index, bool is_number,
                     bool wants_live, bool wants_sealed, struct slu_budget *budget,
                     struct block *out, struct block *bytes)
{
    struct sample_runs runs = sample_head_runs(head, index, wants_live, wants_sealed);
    size_t item_bytes = is_number ? sizeof(struct sample) : sizeof(struct sample_message);
    size_t count = (size_t)runs.counts[0] + runs.counts[1];
    int err = block_reserve(budget, out, count * item_bytes);
    err = err != 0 ? err : block_reserve(budget, bytes, runs.lens[0] + runs.lens[1]);
    if (err != 0) {
        return err;
    }
    sample_head_copy(head, index, &runs, bytes->data);
    sample_runs_decode(&runs, is_number, bytes->data, out->data);
    err = time_sort(out->data, item_bytes, count, budget);
    if (err == 0) {
        out->len = time_unique(out->data, item_bytes, count) * item_bytes;
    }
    return err;
}
