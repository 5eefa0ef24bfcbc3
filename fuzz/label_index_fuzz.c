/*
 * Property: pieces that are no index of labels are refused, whatever they are, and what is taken
 * for one is told in order, within its memory, and leaves the budget as it was; streams that are
 * written are found by a matcher as by trying each.
 *
 * The first byte says what the others are. Pieces: two bytes of the count of streams, then parts,
 * each a byte of what it is, a byte of another number and two of the length of its bytes: a page;
 * a row of the directory of streams, of the page with that number; the same of postings; bytes of
 * the directory of postings. Or streams: the kind of the matcher and its value, then for each
 * stream a byte of the count of its labels, and for each label a byte of which name and one of the
 * length of its value.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/hash.h"
#include "store/label_index.h"
#include "store/labels.h"
#include "store/little_endian.h"
#include "store/matcher.h"
#include "store/store_io.h"

#define FILE_MAX    ((size_t)1 << 20)
#define PAGES_MAX   16
#define STREAMS_MAX 64
#define LABELS_MAX  4
#define BUDGET      ((uint64_t)64 << 20)
#define SALT        UINT64_C(0x1234)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory_file {
    size_t len;
    unsigned char bytes[FILE_MAX];
};

static int memory_read(void *context, int fd, void *bytes, size_t len, uint64_t offset, size_t *got)
{
    struct memory_file *file = context;
    (void)fd;
    size_t at = offset < file->len ? (size_t)offset : file->len;
    *got = len < file->len - at ? len : file->len - at;
    memcpy(bytes, file->bytes + at, *got);
    return 0;
}

static int memory_write(void *context, int fd, const struct iovec *pieces, int piece_count,
                        uint64_t offset, size_t *written)
{
    struct memory_file *file = context;
    (void)fd;
    SLU_ASSERT(piece_count == 1 && offset == file->len &&
               pieces[0].iov_len <= FILE_MAX - file->len);
    memcpy(file->bytes + file->len, pieces[0].iov_base, pieces[0].iov_len);
    file->len += pieces[0].iov_len;
    *written = pieces[0].iov_len;
    return 0;
}

static struct piece piece_put(struct memory_file *file, struct slu_bytes bytes)
{
    struct piece piece = {file->len, (uint32_t)bytes.len, (uint32_t)bytes.len};
    SLU_ASSERT(bytes.len + PIECE_CHECK_BYTES <= FILE_MAX - file->len);
    if (bytes.len > 0) {
        memcpy(file->bytes + file->len, bytes.data, bytes.len);
    }
    put_64(file->bytes + file->len + bytes.len, hash_bytes(bytes, SALT ^ piece.offset));
    file->len += bytes.len + PIECE_CHECK_BYTES;
    return piece;
}

static struct slu_bytes bytes_take(struct slu_bytes *rest, size_t len)
{
    struct slu_bytes taken = {rest->data, len < rest->len ? len : rest->len};
    *rest = (struct slu_bytes){(const char *)rest->data + taken.len, rest->len - taken.len};
    return taken;
}

/* Zero behind the end. */
static unsigned byte_take(struct slu_bytes *rest)
{
    struct slu_bytes byte = bytes_take(rest, 1);
    return byte.len == 0 ? 0 : *(const unsigned char *)byte.data;
}

/* What was told last. */
struct told {
    uint32_t stream_count;
    uint32_t next;
    size_t text_len;
    char text[LABELS_BYTES_MAX];
};

static int stream_told(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct told *told = arg;
    SLU_ASSERT(stream >= told->next && stream < told->stream_count);
    SLU_ASSERT(labels_are_right(labels) && value.len <= PIECE_PLAIN_MAX);
    told->next = stream + 1;
    return 0;
}

static int text_told(void *arg, struct slu_bytes text, uint32_t stream_count)
{
    struct told *told = arg;
    (void)stream_count;
    SLU_ASSERT(text.len <= sizeof(told->text));
    SLU_ASSERT(labels_compare((struct slu_bytes){told->text, told->text_len}, text) < 0);
    memcpy(told->text, text.data, text.len);
    told->text_len = text.len;
    return 0;
}

static void index_ask(const struct label_index *index, struct slu_budget *budget)
{
    static const struct matcher matchers[] = {
        {.kind = MATCH_EQUAL, .name = {"a", 1}, .value = {"x", 1}},
        {.kind = MATCH_NOT_EQUAL, .name = {"a", 1}, .value = {"x", 1}},
        {.kind = MATCH_EQUAL, .name = {"b", 1}, .value = {"", 0}},
        {.kind = MATCH_NOT_EQUAL, .name = {"b", 1}, .value = {"", 0}},
    };
    static struct told told;
    for (size_t i = 0; i <= sizeof(matchers) / sizeof(matchers[0]); i++) {
        told.stream_count = index->root.stream_count;
        told.next = 0;
        int err =
            label_index_select(index, &matchers[i % 4], i < 4 ? 1 : 0, budget, stream_told, &told);
        SLU_ASSERT(err == 0 || err == -EBADMSG);
    }
    for (size_t i = 0; i < 2; i++) {
        told.text_len = 0;
        int err = i == 0 ? label_index_names(index, budget, text_told, &told)
                         : label_index_values(index, matchers[0].name, budget, text_told, &told);
        SLU_ASSERT(err == 0 || err == -EBADMSG);
    }
}

/* A directory, and room for one row more. */
struct directory {
    size_t len;
    unsigned char bytes[FILE_MAX / 4];
};

static void directory_put(struct directory *directory, struct slu_bytes bytes,
                          const struct piece *piece)
{
    if (bytes.len + PIECE_BYTES > sizeof(directory->bytes) - directory->len) {
        return;
    }
    if (bytes.len > 0) {
        memcpy(directory->bytes + directory->len, bytes.data, bytes.len);
    }
    directory->len += bytes.len;
    if (piece != NULL) {
        piece_encode(piece, directory->bytes + directory->len);
        directory->len += PIECE_BYTES;
    }
}

static void pieces_put(struct memory_file *file, struct slu_bytes rest,
                       struct label_index_root *root)
{
    static struct directory streams;
    static struct directory postings;
    struct piece pages[PAGES_MAX] = {{0}};
    size_t page_count = 0;
    streams.len = 0;
    postings.len = 0;
    root->stream_count = byte_take(&rest);
    root->stream_count |= byte_take(&rest) << 8;
    while (rest.len > 0 && file->len < FILE_MAX / 4) {
        unsigned what = byte_take(&rest) % 4;
        unsigned number = byte_take(&rest);
        unsigned len = byte_take(&rest);
        len |= byte_take(&rest) << 8;
        struct slu_bytes bytes = bytes_take(&rest, len);
        if (what == 0) {
            pages[page_count++ % PAGES_MAX] = piece_put(file, bytes);
        } else {
            directory_put(what == 1 ? &streams : &postings, bytes,
                          what == 3 ? NULL : &pages[number % PAGES_MAX]);
        }
    }
    root->streams = piece_put(file, (struct slu_bytes){streams.bytes, streams.len});
    root->postings = piece_put(file, (struct slu_bytes){postings.bytes, postings.len});
}

struct stream {
    size_t len;
    unsigned char labels[2048];
};

static int stream_compare(const void *left, const void *right)
{
    const struct stream *first = left;
    const struct stream *second = right;
    return labels_compare((struct slu_bytes){first->labels, first->len},
                          (struct slu_bytes){second->labels, second->len});
}

static bool stream_take(struct slu_bytes *rest, struct stream *stream)
{
    static const char names[] = "abcd";
    struct label labels[LABELS_MAX];
    unsigned char bytes[LABELS_BYTES_MAX];
    size_t count = byte_take(rest) % (LABELS_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        labels[i].name = (struct slu_bytes){&names[byte_take(rest) % 4], 1};
        labels[i].value = bytes_take(rest, byte_take(rest));
    }
    if (labels_encode(labels, count, bytes, &stream->len) != 0) {
        return false;
    }
    memcpy(stream->labels, bytes, stream->len);
    return true;
}

static size_t streams_take(struct slu_bytes *rest, struct stream *streams)
{
    size_t count = 0;
    size_t kept = 0;
    while (rest->len > 0 && count < STREAMS_MAX) {
        count += stream_take(rest, &streams[count]);
    }
    qsort(streams, count, sizeof(streams[0]), stream_compare);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || stream_compare(&streams[kept - 1], &streams[i]) != 0) {
            streams[kept++] = streams[i];
        }
    }
    return kept;
}

struct wanted {
    const struct stream *streams;
    size_t count;
    size_t next;
    struct matcher matcher;
};

static void wanted_skip(struct wanted *wanted)
{
    while (wanted->next < wanted->count &&
           !matchers_take(&wanted->matcher, 1,
                          (struct slu_bytes){wanted->streams[wanted->next].labels,
                                             wanted->streams[wanted->next].len})) {
        wanted->next++;
    }
}

static int stream_wanted(void *arg, uint32_t stream, struct slu_bytes labels,
                         struct slu_bytes value)
{
    struct wanted *wanted = arg;
    wanted_skip(wanted);
    SLU_ASSERT(stream == wanted->next && stream < wanted->count);
    SLU_ASSERT(labels.len == wanted->streams[stream].len && value.len == labels.len);
    wanted->next++;
    return 0;
}

static void streams_round_trip(struct memory_file *file, struct slu_bytes rest,
                               struct label_index *index, struct slu_budget *budget)
{
    static struct stream streams[STREAMS_MAX];
    struct section_writer section;
    struct label_index_writer *writer = NULL;
    struct wanted wanted = {.streams = streams};
    unsigned kind = byte_take(&rest);
    wanted.matcher = (struct matcher){.kind = kind % 2 == 0 ? MATCH_EQUAL : MATCH_NOT_EQUAL,
                                      .name = {kind % 4 < 2 ? "a" : "b", 1}};
    wanted.matcher.value = bytes_take(&rest, kind / 4 % 4);
    wanted.count = streams_take(&rest, streams);
    SLU_ASSERT(section_writer_init(&section, index->section.io, 0, 0, SALT, budget) == 0);
    SLU_ASSERT(label_index_writer_create(budget, &section, &writer) == 0);
    for (size_t i = 0; i < wanted.count; i++) {
        struct slu_bytes labels = {streams[i].labels, streams[i].len};
        SLU_ASSERT(label_index_add(writer, labels, labels) == 0);
    }
    SLU_ASSERT(label_index_end(writer, &index->root) == 0 && section_flush(&section) == 0);
    label_index_writer_destroy(&writer);
    section_writer_deinit(&section);
    index->section.size_bytes = file->len;
    SLU_ASSERT(label_index_select(index, &wanted.matcher, 1, budget, stream_wanted, &wanted) == 0);
    wanted_skip(&wanted);
    SLU_ASSERT(wanted.next == wanted.count);
}

static uint64_t used_bytes(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return stats.used_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct memory_file file;
    struct store_io io = {.context = &file, .read = memory_read, .write = memory_write};
    struct label_index index = {.section = {.io = &io, .salt = SALT}};
    struct slu_budget *budget = NULL;
    if (size == 0 || size > FILE_MAX / 8 || slu_budget_create(NULL, "fuzz", BUDGET, &budget) != 0) {
        return 0;
    }
    struct slu_bytes rest = {data + 1, size - 1};
    uint64_t used = used_bytes(budget);
    file.len = 0;
    if (data[0] % 2 == 0) {
        pieces_put(&file, rest, &index.root);
    } else {
        streams_round_trip(&file, rest, &index, budget);
    }
    index.section.size_bytes = file.len;
    index_ask(&index, budget);
    SLU_ASSERT(used_bytes(budget) == used);
    slu_budget_destroy(&budget);
    return 0;
}
