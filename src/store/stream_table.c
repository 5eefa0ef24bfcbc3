#include "store/stream_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "store/labels.h"

struct wanted {
    const struct stream_table *table;
    struct slu_bytes key;
    uint64_t hash;
};

static uint64_t hash_kept(uint64_t hash)
{
    return hash == 0 ? 1 : hash;
}

int stream_table_init(struct stream_table *table, struct slu_budget *budget,
                      const struct stream_table_options *options)
{
    struct byte_log_options keys = {.bytes_max = options->key_bytes_max,
                                    .string_bytes_max = BYTE_LOG_STRING_BYTES_MAX,
                                    .owner_count = options->stream_max};
    struct layout layout = {0};
    size_t map_at = hash_map_plan(&layout, options->stream_max);
    struct byte_log_parts keys_at = byte_log_plan(&layout, &keys);
    size_t hashes_at = layout_add(&layout, options->stream_max, sizeof(uint64_t), 8);
    size_t free_at = layout_add(&layout, options->stream_max, sizeof(uint32_t), 8);
    size_t records_at = layout_add(&layout, options->stream_max, options->record_bytes, 8);
    *table = (struct stream_table){.budget = budget,
                                   .record_bytes = options->record_bytes,
                                   .key_bytes_max = options->key_bytes_max,
                                   .stream_max = options->stream_max};
    int err = layout_alloc(&layout, budget, &table->block_bytes, &table->block);
    if (err != 0) {
        return err;
    }
    unsigned char *block = table->block;
    hash_map_init(&table->map, block + map_at, options->stream_max);
    byte_log_init(&table->keys, block, keys_at, &keys);
    table->hashes = (uint64_t *)(void *)(block + hashes_at);
    table->free_at = (uint32_t *)(void *)(block + free_at);
    table->records = block + records_at;
    return 0;
}

void stream_table_deinit(struct stream_table *table)
{
    slu_budget_free(table->budget, table->block, table->block_bytes);
    table->block = NULL;
}

static bool is_wanted(const void *context, uint32_t stream)
{
    const struct wanted *wanted = context;
    return wanted->table->hashes[stream] == wanted->hash &&
           bytes_equal(byte_log_get(&wanted->table->keys, stream), wanted->key);
}

uint32_t stream_table_find(const struct stream_table *table, struct slu_bytes key, uint64_t hash)
{
    struct wanted wanted = {.table = table, .key = key, .hash = hash_kept(hash)};
    return hash_map_find(&table->map, wanted.hash, is_wanted, &wanted);
}

int stream_table_add(struct stream_table *table, struct slu_bytes key, uint64_t hash,
                     uint32_t *stream)
{
    uint64_t kept = hash_kept(hash);
    if (table->count == table->stream_max || key.len > BYTE_LOG_STRING_BYTES_MAX ||
        key.len > table->key_bytes_max - table->key_bytes) {
        return -EDQUOT;
    }
    uint32_t slot =
        table->free_count > 0 ? table->free_at[table->free_count - 1] : table->slot_count;
    int err = hash_map_insert(&table->map, kept, slot);
    if (err != 0) {
        return err;
    }
    table->free_count -= table->free_count > 0;
    table->slot_count += slot == table->slot_count;
    table->count++;
    table->key_bytes += key.len;
    table->hashes[slot] = kept;
    memset(table->records + slot * table->record_bytes, 0, table->record_bytes);
    byte_log_put(&table->keys, slot, key);
    *stream = slot;
    return 0;
}

void stream_table_drop(struct stream_table *table, uint32_t stream)
{
    table->key_bytes -= byte_log_get(&table->keys, stream).len;
    byte_log_drop(&table->keys, stream);
    hash_map_remove(&table->map, table->hashes[stream], stream);
    table->hashes[stream] = 0;
    table->free_at[table->free_count++] = stream;
    table->count--;
}

struct slu_bytes stream_table_key(const struct stream_table *table, uint32_t stream)
{
    return byte_log_get(&table->keys, stream);
}

struct ordering {
    const struct stream_table *table;
    size_t suffix_len;
};

static int key_compare(const void *left, const void *right, void *arg)
{
    const struct ordering *ordering = arg;
    struct slu_bytes first = byte_log_get(&ordering->table->keys, *(const uint32_t *)left);
    struct slu_bytes second = byte_log_get(&ordering->table->keys, *(const uint32_t *)right);
    first.len -= ordering->suffix_len;
    second.len -= ordering->suffix_len;
    int order = labels_compare(first, second);
    if (order == 0 && ordering->suffix_len > 0) {
        order = memcmp((const char *)first.data + first.len, (const char *)second.data + second.len,
                       ordering->suffix_len);
    }
    return order;
}

void stream_table_sort(const struct stream_table *table, size_t suffix_len, uint32_t *streams)
{
    struct ordering ordering = {.table = table, .suffix_len = suffix_len};
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->slot_count; i++) {
        if (table->hashes[i] != 0) {
            streams[count++] = i;
        }
    }
    qsort_r(streams, count, sizeof(streams[0]), key_compare, &ordering);
}
