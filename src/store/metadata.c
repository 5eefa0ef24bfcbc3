/*
 * As bytes: for each name a varint of its length, the name, a varint of the text's length, the
 * text.
 */
#include "store/metadata.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/varint.h"

#define NAME_BYTES 64 /* on average */
#define TEXT_BYTES 192

int metadata_init(struct metadata *metadata, uint32_t names_max, struct slu_budget *budget)
{
    struct stream_table_options names = {.stream_max = names_max,
                                         .key_bytes_max = (uint64_t)names_max * NAME_BYTES,
                                         .record_bytes = sizeof(uint64_t)};
    struct byte_log_options texts = {.bytes_max = (uint64_t)names_max * TEXT_BYTES,
                                     .string_bytes_max = (uint32_t)METADATA_TEXT_MAX,
                                     .owner_count = names_max};
    struct layout layout = {0};
    struct byte_log_parts parts = byte_log_plan(&layout, &texts);
    *metadata = (struct metadata){.text_bytes_max = texts.bytes_max, .budget = budget};
    int err = layout_alloc(&layout, budget, &metadata->block_bytes, &metadata->block);
    if (err != 0) {
        return err;
    }
    byte_log_init(&metadata->texts, metadata->block, parts, &texts);
    err = stream_table_init(&metadata->names, budget, &names);
    if (err != 0) {
        slu_budget_free(budget, metadata->block, metadata->block_bytes);
    }
    return err;
}

void metadata_deinit(struct metadata *metadata)
{
    stream_table_deinit(&metadata->names);
    slu_budget_free(metadata->budget, metadata->block, metadata->block_bytes);
    metadata->block = NULL;
}

void metadata_put(struct metadata *metadata, struct slu_bytes name, struct slu_bytes text)
{
    uint64_t hash = hash_bytes(name, 0);
    uint32_t index = stream_table_find(&metadata->names, name, hash);
    text.len = text.len < METADATA_TEXT_MAX ? text.len : METADATA_TEXT_MAX;
    if (index != STREAM_NONE) {
        struct slu_bytes kept = byte_log_get(&metadata->texts, index);
        if (bytes_equal(kept, text)) {
            return;
        }
        metadata->text_bytes -= kept.len;
        byte_log_drop(&metadata->texts, index);
    }
    bool has_room = text.len <= metadata->text_bytes_max - metadata->text_bytes;
    if (index == STREAM_NONE && (!has_room || name.len > METADATA_TEXT_MAX ||
                                 stream_table_add(&metadata->names, name, hash, &index) != 0)) {
        metadata->refused_count++;
        return;
    }
    metadata->change_count++;
    text.len = has_room ? text.len : 0;
    byte_log_put(&metadata->texts, index, text);
    metadata->text_bytes += text.len;
}

int metadata_walk(const struct metadata *metadata, struct slu_bytes name, metadata_fn *visit,
                  void *arg)
{
    int err = 0;
    if (name.len > 0) {
        uint32_t index = stream_table_find(&metadata->names, name, hash_bytes(name, 0));
        return index == STREAM_NONE ? 0 : visit(arg, name, byte_log_get(&metadata->texts, index));
    }
    for (uint32_t i = 0; err == 0 && i < metadata->names.slot_count; i++) {
        if (stream_table_has(&metadata->names, i)) {
            err = visit(arg, stream_table_key(&metadata->names, i),
                        byte_log_get(&metadata->texts, i));
        }
    }
    return err;
}

struct writing {
    struct slu_budget *budget;
    struct block *out;
};

static int text_append(const struct writing *writing, struct slu_bytes text)
{
    unsigned char length[VARINT_BYTES_MAX];
    int err = block_append(writing->budget, writing->out, length, varint_put(length, text.len));
    return err != 0 || text.len == 0
               ? err
               : block_append(writing->budget, writing->out, text.data, text.len);
}

static int pair_append(void *arg, struct slu_bytes name, struct slu_bytes text)
{
    int err = text_append(arg, name);
    return err != 0 ? err : text_append(arg, text);
}

int metadata_write(const struct metadata *metadata, struct slu_budget *budget, struct block *out)
{
    struct writing writing = {.budget = budget, .out = out};
    return metadata_walk(metadata, (struct slu_bytes){NULL, 0}, pair_append, &writing);
}

static bool text_next(struct slu_bytes *rest, struct slu_bytes *text)
{
    uint64_t len = 0;
    if (!varint_next(rest, &len) || len > rest->len) {
        return false;
    }
    *text = (struct slu_bytes){rest->data, (size_t)len};
    *rest = (struct slu_bytes){(const char *)rest->data + len, rest->len - (size_t)len};
    return true;
}

int metadata_read(struct metadata *metadata, struct slu_bytes bytes)
{
    struct slu_bytes name;
    struct slu_bytes text;
    while (bytes.len > 0) {
        if (!text_next(&bytes, &name) || !text_next(&bytes, &text)) {
            return -EBADMSG;
        }
        metadata_put(metadata, name, text);
    }
    return 0;
}
