/*
 * What the index keeps of a stream, as varints: the number of its first block, how many blocks it
 * has, how many rows.
 */
#include "store/row_part.h"

#include <errno.h>

#include "base/hash.h"
#include "store/varint.h"

bool row_blocks_read(struct slu_bytes value, struct row_blocks *blocks)
{
    uint64_t fields[3];
    for (size_t i = 0; i < 3; i++) {
        if (!varint_next(&value, &fields[i])) {
            return false;
        }
    }
    if (fields[0] > PART_BLOCK_MAX || fields[1] > PART_BLOCK_MAX) {
        return false;
    }
    *blocks = (struct row_blocks){
        .first = (uint32_t)fields[0], .count = (uint32_t)fields[1], .row_count = fields[2]};
    return true;
}

uint64_t row_key_hash(struct slu_bytes key)
{
    return hash_bytes(key, 0);
}

int row_part_begin(struct row_part_writer *writer, const struct segment_directory *directory,
                   const struct part_name *name, uint32_t signal, int level, uint64_t salt,
                   struct slu_budget *budget)
{
    *writer = (struct row_part_writer){.budget = budget};
    int err = row_block_writer_create(budget, level, &writer->block);
    if (err != 0) {
        return err;
    }
    err = part_writer_begin(&writer->part, directory, name, signal, salt, budget);
    if (err != 0) {
        row_block_writer_destroy(&writer->block);
    }
    return err;
}

static int block_put(struct row_part_writer *writer)
{
    struct slu_bytes bytes = {NULL, 0};
    struct slu_bytes filter = {NULL, 0};
    struct row_block_facts facts = {0};
    uint32_t number = 0;
    if (row_block_pending_rows(writer->block) == 0) {
        return 0;
    }
    int err = row_block_end(writer->block, &bytes, &filter, &facts);
    if (err == 0) {
        err = part_writer_block(&writer->part, bytes, filter, facts.time_min_ns, facts.time_max_ns,
                                &number);
    }
    return err;
}

int row_part_add(struct row_part_writer *writer, const struct row *row)
{
    int err = 0;
    if (row_block_pending_bytes(writer->block) >= ROW_PART_BLOCK_BYTES) {
        err = block_put(writer);
    }
    if (err == 0) {
        err = row_block_add(writer->block, row);
    }
    if (err == -ENOBUFS) {
        err = block_put(writer);
        if (err == 0) {
            err = row_block_add(writer->block, row);
        }
    }
    if (err == 0 && row->key.len > 0) {
        err =
            part_writer_key(&writer->part, row_key_hash(row->key), writer->part.facts.block_count);
    }
    writer->row_count += err == 0;
    return err;
}

int row_part_copy(struct row_part_writer *writer, struct slu_bytes stored, struct slu_bytes filter,
                  const struct part_block *place, const struct row_block *block)
{
    uint32_t number = 0;
    int err = block_put(writer);
    if (err == 0) {
        err =
            part_writer_block(&writer->part, stored, filter, place->min_ns, place->max_ns, &number);
    }
    for (uint32_t i = 0; err == 0 && i < block->row_count; i++) {
        struct slu_bytes key = row_block_row(block, i).key;
        if (key.len > 0) {
            err = part_writer_key(&writer->part, row_key_hash(key), number);
        }
    }
    writer->row_count += err == 0 ? block->row_count : 0;
    return err;
}

int row_part_stream(struct row_part_writer *writer, struct slu_bytes labels)
{
    unsigned char bytes[3 * VARINT_BYTES_MAX];
    int err = block_put(writer);
    if (err != 0 || writer->row_count == 0) {
        return err;
    }
    size_t len = varint_put(bytes, writer->first_block);
    len += varint_put(bytes + len, writer->part.facts.block_count - writer->first_block);
    len += varint_put(bytes + len, writer->row_count);
    err = part_writer_stream(&writer->part, labels, (struct slu_bytes){bytes, len},
                             writer->row_count);
    writer->first_block = writer->part.facts.block_count;
    writer->row_count = 0;
    return err;
}

int row_part_end(struct row_part_writer *writer, struct part *part)
{
    int err = part_writer_end(&writer->part, (struct slu_bytes){NULL, 0}, part);
    row_block_writer_destroy(&writer->block);
    return err;
}

void row_part_abort(struct row_part_writer *writer)
{
    part_writer_abort(&writer->part);
    row_block_writer_destroy(&writer->block);
}
