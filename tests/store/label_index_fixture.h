/*
 * What the tests of the index of labels share: a file of its own on a simulated disk, an index in
 * it, and streams to be put into it.
 */
#ifndef TESTS_STORE_LABEL_INDEX_FIXTURE_H
#define TESTS_STORE_LABEL_INDEX_FIXTURE_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "budget.h"
#include "harness.h"
#include "simulated_io.h"
#include "store/label_index.h"
#include "store/labels.h"
#include "store/matcher.h"

#define INDEX_SALT         UINT64_C(0x8877665544332211)
#define INDEX_BUDGET_BYTES ((uint64_t)256 << 20)
#define INDEX_BEGIN        64

/* Reads are counted on their way to the disk. */
struct index_file {
    struct slu_budget *budget;
    struct simulated_disk *disk;
    struct store_io io;
    uint64_t used_before;
    uint64_t read_count;
    struct section_writer section;
    struct label_index index;
    int fd;
};

static inline int index_read(void *context, int fd, void *bytes, size_t len, uint64_t offset,
                             size_t *got)
{
    struct index_file *file = context;
    const struct store_io *io = simulated_disk_io(file->disk);
    file->read_count++;
    return io->read(io->context, fd, bytes, len, offset, got);
}

static inline int index_write(void *context, int fd, const struct iovec *pieces, int piece_count,
                              uint64_t offset, size_t *written)
{
    struct index_file *file = context;
    const struct store_io *io = simulated_disk_io(file->disk);
    return io->write(io->context, fd, pieces, piece_count, offset, written);
}

static inline void index_file_open(struct index_file *file)
{
    *file = (struct index_file){.budget = budget_of(INDEX_BUDGET_BYTES),
                                .disk = simulated_disk_make(1)};
    const struct store_io *io = simulated_disk_io(file->disk);
    file->used_before = budget_used(file->budget);
    assert_int_equal(io->open(io->context, "d/part", STORE_OPEN_EXCLUSIVE, &file->fd), 0);
    file->io = (struct store_io){.context = file, .read = index_read, .write = index_write};
    assert_int_equal(section_writer_init(&file->section, &file->io, file->fd, INDEX_BEGIN,
                                         INDEX_SALT, file->budget),
                     0);
}

static inline void index_file_close(struct index_file *file)
{
    const struct store_io *io = simulated_disk_io(file->disk);
    io->close(io->context, file->fd);
    section_writer_deinit(&file->section);
    simulated_disk_free(&file->disk);
    assert_int_equal(budget_used(file->budget), file->used_before);
    slu_budget_destroy(&file->budget);
}

/* Let `file->index` read what the section has by now. */
static inline void index_file_read(struct index_file *file, const struct label_index_root *root)
{
    unsigned char bytes[LABEL_INDEX_ROOT_BYTES];
    assert_int_equal(section_flush(&file->section), 0);
    label_index_root_encode(root, bytes);
    file->index = (struct label_index){.section = {.io = &file->io,
                                                   .size_bytes = file->section.offset,
                                                   .salt = INDEX_SALT,
                                                   .fd = file->fd}};
    label_index_root_decode(bytes, &file->index.root);
}

static inline struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

/* A stream: its labels encoded, and what is kept of it. */
struct test_stream {
    unsigned char *labels;
    size_t len;
    uint64_t value;
};

struct test_streams {
    struct test_stream *list;
    size_t count;
    size_t count_max;
};

static inline struct slu_bytes stream_labels(const struct test_stream *stream)
{
    return (struct slu_bytes){stream->labels, stream->len};
}

/* As many bytes as the number's lowest digits say: none for some. */
static inline struct slu_bytes stream_value(const struct test_stream *stream)
{
    return (struct slu_bytes){&stream->value, stream->value % 9};
}

static inline void streams_init(struct test_streams *streams, size_t count_max)
{
    *streams = (struct test_streams){.list = calloc(count_max, sizeof(*streams->list)),
                                     .count_max = count_max};
    assert_non_null(streams->list);
}

static inline void streams_deinit(struct test_streams *streams)
{
    for (size_t i = 0; i < streams->count; i++) {
        free(streams->list[i].labels);
    }
    free(streams->list);
}

static inline void streams_put(struct test_streams *streams, struct label *labels, size_t count)
{
    unsigned char bytes[LABELS_BYTES_MAX];
    size_t len = 0;
    assert_true(streams->count < streams->count_max);
    assert_int_equal(labels_encode(labels, count, bytes, &len), 0);
    struct test_stream *stream = &streams->list[streams->count++];
    stream->labels = malloc(len > 0 ? len : 1);
    assert_non_null(stream->labels);
    memcpy(stream->labels, bytes, len);
    stream->len = len;
}

static inline int stream_compare(const void *left, const void *right)
{
    return labels_compare(stream_labels(left), stream_labels(right));
}

/* In the order of the index, each once. */
static inline void streams_sort_once(struct test_streams *streams)
{
    size_t kept = 0;
    qsort(streams->list, streams->count, sizeof(streams->list[0]), stream_compare);
    for (size_t i = 0; i < streams->count; i++) {
        if (kept > 0 && stream_compare(&streams->list[kept - 1], &streams->list[i]) == 0) {
            free(streams->list[i].labels);
        } else {
            streams->list[kept++] = streams->list[i];
        }
    }
    streams->count = kept;
    for (size_t i = 0; i < kept; i++) {
        streams->list[i].value = i * UINT64_C(0x9e3779b97f4a7c15);
    }
}

/* Returns what a call of the writer returned. */
static inline int index_try_write(struct index_file *file, struct slu_budget *budget,
                                  const struct test_streams *streams, struct label_index_root *root)
{
    struct label_index_writer *writer = NULL;
    int err = label_index_writer_create(budget, &file->section, &writer);
    for (size_t i = 0; err == 0 && i < streams->count; i++) {
        const struct test_stream *stream = &streams->list[i];
        err = label_index_add(writer, stream_labels(stream), stream_value(stream));
    }
    if (err == 0) {
        err = label_index_end(writer, root);
    }
    label_index_writer_destroy(&writer);
    return err;
}

static inline void index_write_all(struct index_file *file, const struct test_streams *streams)
{
    struct label_index_root root;
    assert_int_equal(index_try_write(file, file->budget, streams, &root), 0);
    assert_int_equal(root.stream_count, streams->count);
    index_file_read(file, &root);
}

#endif
