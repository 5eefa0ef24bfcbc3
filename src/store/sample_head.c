/*
 * A series' samples as bytes. Of a number:
 *
 *      bytes
 *          1  bits 7-6: how the step in time, this one less the one before, is kept: 0, it is the
 *             step before; 1, 2, 3: in 2, 4, 8 bytes. bits 5-3 and 2-0: bytes of zeros in front of
 *             and behind what follows of the value, XORed with the one before; both 7: it is the
 *             same value
 *    0 2 4 8  the step, in milliseconds
 *        0-8  what is left of the value
 *
 * Of a message: its time (8), its length (4), its bytes. Both are in memory only, and in the order
 * of the machine.
 *
 * Source  Pelkonen et al., "Gorilla: a fast, scalable, in-memory time series database", VLDB 2015,
 *         by bytes instead of bits
 */
#include "store/sample_head.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "store/time_sort.h"

#define NUMBER_BYTES_MAX 17
#define MESSAGE_HEAD     12
#define SAME_VALUE       0x3fU
#define IDLE_SEARCH_MAX  64
#define IDLE_AFTER_STEPS 2 /* times the out-of-order window: then a series may make room */
#define VALUE_BYTES      8U

/* What a number is kept in relation to. */
struct coder {
    int64_t time_ms;
    int64_t step_ms;
    uint64_t bits;
};

struct series {
    int64_t newest_ms;
    struct coder coder; /* of the live run */
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

static size_t step_put(const struct coder *coder, int64_t step_ms, unsigned char *bytes,
                       unsigned *code)
{
    if (step_ms == coder->step_ms) {
        *code = 0;
        return 0;
    }
    if (step_ms >= INT16_MIN && step_ms <= INT16_MAX) {
        int16_t step = (int16_t)step_ms;
        memcpy(bytes, &step, sizeof(step));
        *code = 1;
        return sizeof(step);
    }
    if (step_ms >= INT32_MIN && step_ms <= INT32_MAX) {
        int32_t step = (int32_t)step_ms;
        memcpy(bytes, &step, sizeof(step));
        *code = 2;
        return sizeof(step);
    }
    memcpy(bytes, &step_ms, sizeof(step_ms));
    *code = 3;
    return sizeof(step_ms);
}

/* Times wrap where they are absurd, and wrap back when they are read. */
static int64_t wrapping_sum(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left + (uint64_t)right);
}

static int64_t wrapping_difference(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left - (uint64_t)right);
}

static size_t number_encode(struct coder *coder, int64_t time_ms, uint64_t bits,
                            unsigned char *bytes)
{
    unsigned code = 0;
    int64_t step_ms = wrapping_difference(time_ms, coder->time_ms);
    size_t len = 1 + step_put(coder, step_ms, bytes + 1, &code);
    uint64_t changed = bits ^ coder->bits;
    unsigned zeros = SAME_VALUE;
    if (changed != 0) {
        unsigned front = (unsigned)__builtin_clzll(changed) / CHAR_BIT;
        unsigned behind = (unsigned)__builtin_ctzll(changed) / CHAR_BIT;
        zeros = front << 3 | behind;
        changed >>= behind * CHAR_BIT;
        memcpy(bytes + len, &changed, VALUE_BYTES - front - behind);
        len += VALUE_BYTES - front - behind;
    }
    bytes[0] = (unsigned char)(code << 6 | zeros);
    *coder = (struct coder){.time_ms = time_ms, .step_ms = step_ms, .bits = bits};
    return len;
}

static int64_t step_read(struct byte_cursor *cursor, const struct coder *coder, unsigned code)
{
    int16_t small = 0;
    int32_t middle = 0;
    int64_t large = 0;
    switch (code) {
    case 0:
        return coder->step_ms;
    case 1:
        byte_cursor_read(cursor, &small, sizeof(small));
        return small;
    case 2:
        byte_cursor_read(cursor, &middle, sizeof(middle));
        return middle;
    default:
        byte_cursor_read(cursor, &large, sizeof(large));
        return large;
    }
}

static struct sample number_decode(struct byte_cursor *cursor, struct coder *coder)
{
    unsigned char control = 0;
    byte_cursor_read(cursor, &control, 1);
    coder->step_ms = step_read(cursor, coder, control >> 6);
    coder->time_ms = wrapping_sum(coder->time_ms, coder->step_ms);
    unsigned zeros = control & SAME_VALUE;
    if (zeros != SAME_VALUE) {
        uint64_t changed = 0;
        unsigned front = zeros >> 3;
        unsigned behind = zeros & 7;
        byte_cursor_read(cursor, &changed, VALUE_BYTES - front - behind);
        coder->bits ^= changed << (behind * CHAR_BIT);
    }
    struct sample sample = {.time_ms = coder->time_ms};
    memcpy(&sample.value, &coder->bits, sizeof(sample.value));
    return sample;
}

static void message_put(struct sample_head *head, struct sample_run *run, int64_t time_ms,
                        struct slu_bytes message)
{
    unsigned char front[MESSAGE_HEAD];
    uint32_t len = (uint32_t)message.len;
    memcpy(front, &time_ms, sizeof(time_ms));
    memcpy(front + sizeof(time_ms), &len, sizeof(len));
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
    size_t len = is_number ? NUMBER_BYTES_MAX : MESSAGE_HEAD + message.len;
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
        unsigned char bytes[NUMBER_BYTES_MAX];
        uint64_t bits = 0;
        memcpy(&bits, &value, sizeof(bits));
        len = number_encode(&series->coder, time_ms, bits, bytes);
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
            series->coder = (struct coder){0};
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

static void numbers_read(const struct sample_head *head, const struct sample_run *run,
                         struct sample *out)
{
    struct byte_cursor cursor = byte_cursor_begin(&head->pool, &run->chain);
    struct coder coder = {0};
    for (uint32_t i = 0; i < run->count; i++) {
        out[i] = number_decode(&cursor, &coder);
    }
}

/* Message after message into `bytes`, where they have room; without it, how much they need. */
static size_t messages_read(const struct sample_head *head, const struct sample_run *run,
                            struct sample_message *out, unsigned char *bytes)
{
    struct byte_cursor cursor = byte_cursor_begin(&head->pool, &run->chain);
    size_t total = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        int64_t time_ms = 0;
        uint32_t len = 0;
        byte_cursor_read(&cursor, &time_ms, sizeof(time_ms));
        byte_cursor_read(&cursor, &len, sizeof(len));
        if (bytes == NULL) {
            byte_cursor_read(&cursor, NULL, len);
        } else {
            byte_cursor_read(&cursor, bytes + total, len);
            out[i] = (struct sample_message){time_ms, {bytes + total, len}};
        }
        total += len;
    }
    return total;
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

static void run_read(const struct sample_head *head, const struct sample_run *run, bool is_number,
                     struct block *out, struct block *bytes)
{
    unsigned char *to = (unsigned char *)out->data + out->len;
    if (is_number) {
        numbers_read(head, run, (struct sample *)(void *)to);
        out->len += run->count * sizeof(struct sample);
    } else {
        unsigned char *from = (unsigned char *)bytes->data + bytes->len;
        bytes->len += messages_read(head, run, (struct sample_message *)(void *)to, from);
        out->len += run->count * sizeof(struct sample_message);
    }
}

int sample_head_read(const struct sample_head *head, uint32_t index, bool is_number,
                     bool wants_live, bool wants_sealed, struct slu_budget *budget,
                     struct block *out, struct block *bytes)
{
    static const struct sample_run nothing = {.count = 0};
    const struct series *series = series_at(head, index);
    size_t item_bytes = is_number ? sizeof(struct sample) : sizeof(struct sample_message);
    const struct sample_run *runs[2] = {wants_sealed ? &series->sealed : &nothing,
                                        wants_live ? &series->live : &nothing};
    size_t count = (size_t)runs[0]->count + runs[1]->count;
    int err = block_reserve(budget, out, count * item_bytes);
    if (err == 0 && !is_number) {
        size_t total = messages_read(head, runs[0], NULL, NULL);
        total += messages_read(head, runs[1], NULL, NULL);
        err = block_reserve(budget, bytes, total);
    }
    if (err != 0) {
        return err;
    }
    run_read(head, runs[0], is_number, out, bytes);
    run_read(head, runs[1], is_number, out, bytes);
    err = time_sort(out->data, item_bytes, count, budget);
    if (err == 0) {
        out->len = time_unique(out->data, item_bytes, count) * item_bytes;
    }
    return err;
}
