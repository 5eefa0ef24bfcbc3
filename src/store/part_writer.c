#include "store/part_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "store/label_index.h"
#include "store/little_endian.h"
#include "store/part_list.h"
#include "store/store_io.h"
#include "store/token_filter.h"

#define FILTER_BITS_A_KEY ((size_t)10)
#define FIRST_BYTES       ((size_t)4096)
#define KEY_DIRECTORY_ROW ((size_t)24)
#define PART_PATH_MAX     4096

struct part_key {
    uint64_t hash;
    uint32_t block;
};

static int path_write(const struct part_writer *writer, char path[PART_PATH_MAX])
{
    char name[PART_NAME_MAX];
    part_name_write(&writer->name, name);
    return segment_path(&writer->directory, name, path, PART_PATH_MAX);
}

static int bytes_write(struct part_writer *writer, unsigned char *bytes, size_t len,
                       uint64_t offset)
{
    struct iovec piece = {.iov_base = bytes, .iov_len = len};
    return segment_write(writer->directory.io, writer->fd, &piece, 1, offset);
}

static int file_begin(struct part_writer *writer, uint64_t salt)
{
    char path[PART_PATH_MAX];
    unsigned char header[PART_HEADER_BYTES];
    const struct store_io *io = writer->directory.io;
    int err = path_write(writer, path);
    if (err == 0) {
        err = io->unlink(io->context, path);
        err = err == -ENOENT ? 0 : err;
    }
    if (err == 0) {
        err = io->open(io->context, path, STORE_OPEN_EXCLUSIVE, &writer->fd);
    }
    if (err == 0) {
        part_header_encode(writer->facts.signal, salt, header);
        err = bytes_write(writer, header, sizeof(header), 0);
    }
    return err;
}

int part_writer_begin(struct part_writer *writer, const struct segment_directory *directory,
                      const struct part_name *name, uint32_t signal, uint64_t salt,
                      struct slu_budget *budget)
{
    *writer =
        (struct part_writer){.directory = *directory,
                             .budget = budget,
                             .facts = {.signal = signal, .min_ns = INT64_MAX, .max_ns = INT64_MIN},
                             .name = *name,
                             .fd = -1};
    int err =
        section_writer_init(&writer->section, directory->io, -1, PART_HEADER_BYTES, salt, budget);
    if (err != 0) {
        return err;
    }
    err = block_begin(budget, FIRST_BYTES, &writer->blocks);
    if (err == 0) {
        err = block_begin(budget, FIRST_BYTES, &writer->keys);
    }
    if (err == 0) {
        err = label_index_writer_create(budget, &writer->section, &writer->index);
    }
    if (err == 0) {
        err = file_begin(writer, salt);
        writer->section.fd = writer->fd;
    }
    if (err != 0) {
        part_writer_abort(writer);
    }
    return err;
}

static void memory_free(struct part_writer *writer)
{
    label_index_writer_destroy(&writer->index);
    block_free(writer->budget, &writer->keys);
    block_free(writer->budget, &writer->blocks);
    section_writer_deinit(&writer->section);
}

void part_writer_abort(struct part_writer *writer)
{
    char path[PART_PATH_MAX];
    const struct store_io *io = writer->directory.io;
    if (writer->fd >= 0) {
        io->close(io->context, writer->fd);
        writer->fd = -1;
        if (path_write(writer, path) == 0) {
            (void)io->unlink(io->context, path); /* what stays is no part, and goes at the start */
        }
    }
    memory_free(writer);
}

int part_writer_block(struct part_writer *writer, struct slu_bytes data, struct slu_bytes filter,
                      int64_t min_ns, int64_t max_ns, uint32_t *block)
{
    unsigned char row[PART_BLOCK_BYTES];
    struct part_block added = {.min_ns = min_ns, .max_ns = max_ns};
    if (writer->facts.block_count == PART_BLOCK_MAX) {
        return -EFBIG;
    }
    int err = section_append(&writer->section, data, 0, &added.data);
    if (err == 0 && filter.len > 0) {
        err = section_append(&writer->section, filter, 0, &added.filter);
    }
    if (err == 0) {
        part_block_encode(&added, row);
        err = block_append(writer->budget, &writer->blocks, row, sizeof(row));
    }
    if (err == 0) {
        struct part_facts *facts = &writer->facts;
        facts->min_ns = min_ns < facts->min_ns ? min_ns : facts->min_ns;
        facts->max_ns = max_ns > facts->max_ns ? max_ns : facts->max_ns;
        *block = facts->block_count++;
    }
    return err;
}

int part_writer_key(struct part_writer *writer, uint64_t hash, uint32_t block)
{
    struct part_key key = {.hash = hash, .block = block};
    const struct part_key *last =
        (const void *)((const char *)writer->keys.data + writer->keys.len - sizeof(key));
    if (writer->keys.len > 0 && last->hash == hash && last->block == block) {
        return 0;
    }
    return block_append(writer->budget, &writer->keys, &key, sizeof(key));
}

int part_writer_stream(struct part_writer *writer, struct slu_bytes labels, struct slu_bytes value,
                       uint64_t record_count)
{
    int err = label_index_add(writer->index, labels, value);
    if (err == 0) {
        writer->facts.record_count += record_count;
    }
    return err;
}

static int key_compare(const void *left, const void *right)
{
    const struct part_key *first = left;
    const struct part_key *second = right;
    if (first->hash != second->hash) {
        return first->hash < second->hash ? -1 : 1;
    }
    return (first->block > second->block) - (first->block < second->block);
}

/* Pages of keys, and a row for each in the directory. */
static int key_pages_write(struct part_writer *writer, const struct part_key *keys, size_t count,
                           struct block *directory)
{
    unsigned char page[PART_KEY_PAGE_ROWS * PART_KEY_BYTES];
    for (size_t at = 0; at < count;) {
        unsigned char row[KEY_DIRECTORY_ROW];
        struct piece piece;
        size_t len = 0;
        put_64(row, keys[at].hash);
        for (; at < count && len < sizeof(page); at++) {
            if (len > 0 && key_compare(&keys[at], &keys[at - 1]) == 0) {
                continue;
            }
            put_64(page + len, keys[at].hash);
            put_32(page + len + 8, keys[at].block);
            len += PART_KEY_BYTES;
        }
        int err = section_append(&writer->section, (struct slu_bytes){page, len}, 0, &piece);
        if (err == 0) {
            piece_encode(&piece, row + 8);
            err = block_append(writer->budget, directory, row, sizeof(row));
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int key_filter_write(struct part_writer *writer, const struct part_key *keys, size_t count)
{
    struct block filter;
    size_t bits = count * FILTER_BITS_A_KEY;
    size_t lines = bits / (TOKEN_FILTER_LINE_BYTES * 8) + 1;
    size_t bytes = lines * TOKEN_FILTER_LINE_BYTES;
    if (bytes > PIECE_PLAIN_MAX) { /* an empty one says "perhaps" */
        return 0;
    }
    int err = block_begin(writer->budget, bytes, &filter);
    if (err != 0) {
        return err;
    }
    memset(filter.data, 0, bytes);
    for (size_t i = 0; i < count; i++) {
        unsigned char *line = (unsigned char *)filter.data + token_filter_line(bytes, keys[i].hash);
        token_line_add(line, keys[i].hash);
    }
    err = section_append(&writer->section, (struct slu_bytes){filter.data, bytes}, 0,
                         &writer->facts.key_filter);
    block_free(writer->budget, &filter);
    return err;
}

static int keys_write(struct part_writer *writer)
{
    struct block directory;
    struct part_key *keys = writer->keys.data;
    size_t count = writer->keys.len / sizeof(keys[0]);
    if (count == 0) {
        return 0;
    }
    qsort(keys, count, sizeof(keys[0]), key_compare);
    int err = block_begin(writer->budget, FIRST_BYTES, &directory);
    if (err != 0) {
        return err;
    }
    err = key_pages_write(writer, keys, count, &directory);
    if (err == 0) {
        err = section_append(&writer->section, (struct slu_bytes){directory.data, directory.len}, 0,
                             &writer->facts.keys);
    }
    if (err == 0) {
        err = key_filter_write(writer, keys, count);
    }
    block_free(writer->budget, &directory);
    return err;
}

static int footer_write(struct part_writer *writer)
{
    unsigned char footer[PART_FOOTER_BYTES];
    const struct store_io *io = writer->directory.io;
    int err = section_flush(&writer->section);
    if (err == 0) {
        part_footer_encode(&writer->facts, writer->section.salt, footer);
        err = bytes_write(writer, footer, sizeof(footer), writer->section.offset);
    }
    if (err == 0) {
        err = io->sync(io->context, writer->fd);
    }
    if (err == 0) {
        err = io->sync_directory(io->context, writer->directory.path);
    }
    return err;
}

int part_writer_end(struct part_writer *writer, struct slu_bytes metadata, struct part *part)
{
    int err = label_index_end(writer->index, &writer->facts.index);
    if (err == 0) {
        err = keys_write(writer);
    }
    if (err == 0) {
        err = section_append(&writer->section,
                             (struct slu_bytes){writer->blocks.data, writer->blocks.len}, 0,
                             &writer->facts.blocks);
    }
    if (err == 0 && metadata.len > 0) {
        err =
            section_append(&writer->section, metadata, SECTION_LEVEL_GOOD, &writer->facts.metadata);
    }
    if (err == 0) {
        err = footer_write(writer);
    }
    if (err != 0) {
        part_writer_abort(writer);
        return err;
    }
    writer->directory.io->close(writer->directory.io->context, writer->fd);
    writer->fd = -1;
    part->facts = writer->facts;
    part->section = (struct section_reader){.io = writer->directory.io,
                                            .size_bytes = writer->section.offset,
                                            .salt = writer->section.salt,
                                            .fd = -1};
    part->size_bytes = writer->section.offset + PART_FOOTER_BYTES;
    memory_free(writer);
    return 0;
}
