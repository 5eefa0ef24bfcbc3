/*
 * Property: whatever lies in segments and in the position's file, opening the queue and draining
 * it end without a crash, sequences only grow, nothing waits afterwards, and the queue takes and
 * gives a record. As a log, it replays the same twice, and nothing that was released.
 *
 * The input: a byte that says how the rest is divided, then a segment whose header is made right
 * or left as it is, then the position's file. Frames that the input marks are given right checks,
 * so that mutations get behind them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "store/frame.h"
#include "store/queue.h"
#include "store/segment_file.h"
#include "store/store_io.h"

#define FILES      8
#define FILE_BYTES ((size_t)16384)
#define SALT       UINT64_C(42)
#define BUDGET     ((uint64_t)4 << 20)

/* Files in memory, without a crash: a descriptor is an index. */
struct memory_disk {
    char names[FILES][64];
    unsigned char bytes[FILES][FILE_BYTES];
    size_t lens[FILES];
    size_t count;
};

static struct memory_disk disk;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static size_t disk_find(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t at = 0;
    while (at < disk.count && strcmp(disk.names[at], name) != 0) {
        at++;
    }
    if (at == disk.count && at < FILES) {
        memcpy(disk.names[at], name, strlen(name) + 1);
        disk.lens[at] = 0;
    }
    return at;
}

static int memory_open(void *context, const char *path, enum store_open how, int *fd)
{
    (void)context;
    size_t at = disk_find(path);
    bool is_there = at < disk.count;
    bool makes = how == STORE_OPEN_CREATE || how == STORE_OPEN_EXCLUSIVE;
    if (is_there && how == STORE_OPEN_EXCLUSIVE) {
        return -EEXIST;
    }
    if (!is_there && (!makes || at == FILES)) {
        return makes ? -ENOSPC : -ENOENT;
    }
    disk.count += !is_there;
    *fd = (int)at;
    return 0;
}

static void memory_close(void *context, int fd)
{
    (void)context;
    (void)fd;
}

static int memory_read(void *context, int fd, void *bytes, size_t len, uint64_t offset, size_t *got)
{
    (void)context;
    size_t there = offset < disk.lens[fd] ? disk.lens[fd] - (size_t)offset : 0;
    *got = len < there ? len : there;
    memcpy(bytes, disk.bytes[fd] + (there > 0 ? offset : 0), *got);
    return 0;
}

static int memory_write(void *context, int fd, const struct iovec *pieces, int piece_count,
                        uint64_t offset, size_t *written)
{
    (void)context;
    (void)piece_count;
    if (offset + pieces[0].iov_len > FILE_BYTES) {
        return -ENOSPC;
    }
    memcpy(disk.bytes[fd] + offset, pieces[0].iov_base, pieces[0].iov_len);
    size_t end = (size_t)offset + pieces[0].iov_len;
    disk.lens[fd] = end > disk.lens[fd] ? end : disk.lens[fd];
    *written = pieces[0].iov_len;
    return 0;
}

static int memory_done(void *context, int fd)
{
    (void)context;
    (void)fd;
    return 0;
}

static int memory_truncate(void *context, int fd, uint64_t size_bytes)
{
    (void)context;
    disk.lens[fd] = (size_t)size_bytes;
    return 0;
}

static int memory_size(void *context, int fd, uint64_t *size_bytes)
{
    (void)context;
    *size_bytes = disk.lens[fd];
    return 0;
}

/* A name that nothing looks for. */
static int memory_unlink(void *context, const char *path)
{
    (void)context;
    size_t at = disk_find(path);
    if (at == disk.count) {
        return -ENOENT;
    }
    disk.names[at][0] = '\0';
    return 0;
}

static int memory_directory(void *context, const char *path)
{
    (void)context;
    (void)path;
    return 0;
}

static int memory_list(void *context, const char *path, store_visit_fn *visit, void *arg)
{
    (void)context;
    (void)path;
    int err = 0;
    for (size_t at = 0; at < disk.count && err == 0; at++) {
        err = visit(arg, disk.names[at]);
    }
    return err;
}

static const struct store_io memory_io = {.open = memory_open,
                                          .close = memory_close,
                                          .read = memory_read,
                                          .write = memory_write,
                                          .sync = memory_done,
                                          .truncate = memory_truncate,
                                          .size = memory_size,
                                          .lock = memory_done,
                                          .unlink = memory_unlink,
                                          .make_directory = memory_directory,
                                          .sync_directory = memory_directory,
                                          .list = memory_list};

static void file_add(const char *name, const uint8_t *bytes, size_t len)
{
    size_t at = disk_find(name);
    disk.count++;
    disk.lens[at] = len < FILE_BYTES ? len : FILE_BYTES;
    memcpy(disk.bytes[at], bytes, disk.lens[at]);
}

/* Where the input has the magic of a frame, its header becomes right, and a payload that fits. */
static void frames_mend(unsigned char *bytes, size_t len)
{
    for (size_t at = 0; at + FRAME_HEADER_BYTES <= len; at++) {
        if (memcmp(bytes + at, "SLQF", 4) != 0) {
            continue;
        }
        struct frame frame = {.payload_bytes = bytes[at + 4],
                              .kind = bytes[at + 8],
                              .sequence = bytes[at + 16],
                              .tag = bytes[at + 24]};
        size_t begin = at + FRAME_HEADER_BYTES;
        if (bytes[at + 40] % 4 != 0 && begin + frame.payload_bytes <= len) {
            const struct slu_bytes payload = {bytes + begin, frame.payload_bytes};
            frame.payload_hash = frame_hash(&payload, 1);
        }
        frame_encode(&frame, SALT, bytes + at);
    }
}

static void segment_add(uint64_t first_sequence, const uint8_t *bytes, size_t len, bool is_mended)
{
    char name[SEGMENT_NAME_MAX];
    const struct segment_directory directory = {.io = &memory_io, .path = "memory"};
    int fd = -1;
    segment_name(first_sequence, name);
    if (!is_mended) {
        file_add(name, bytes, len);
        return;
    }
    SLU_ASSERT(segment_create(&directory, first_sequence, SALT, &fd) == 0);
    size_t room = FILE_BYTES - (size_t)SEGMENT_HEADER_BYTES;
    len = len < room ? len : room;
    memcpy(disk.bytes[fd] + SEGMENT_HEADER_BYTES, bytes, len);
    disk.lens[fd] += len;
    frames_mend(disk.bytes[fd] + SEGMENT_HEADER_BYTES, len);
}

static void drain(struct queue *queue, struct slu_budget *budget)
{
    struct queue_entry entry;
    uint64_t last = 0;
    while (queue_next(queue, NULL, budget, 0, &entry) == 0) {
        SLU_ASSERT(entry.sequence > last || last == 0);
        last = entry.sequence;
        block_free(budget, &entry.bytes);
        queue_ack(queue, &entry);
    }
    struct queue_stats stats;
    queue_stats(queue, &stats);
    SLU_ASSERT(stats.waiting_count == 0 && stats.waiting_bytes == 0);
}

struct seen {
    uint64_t count;
    uint64_t behind_count; /* of those behind the middle */
    uint64_t middle;
    uint64_t last;
};

static int see(void *arg, const struct queue_entry *entry)
{
    struct seen *seen = arg;
    SLU_ASSERT(seen->count == 0 || entry->sequence > seen->last);
    seen->count++;
    seen->behind_count += entry->sequence > seen->middle;
    seen->last = entry->sequence;
    return 0;
}

static struct seen replay(struct queue *queue, struct slu_budget *budget, uint64_t middle)
{
    struct seen seen = {.middle = middle};
    int err = queue_replay(queue, budget, see, &seen);
    SLU_ASSERT(err == 0);
    return seen;
}

static void drain_log(struct queue *queue, struct slu_budget *budget, uint64_t middle)
{
    struct seen seen = replay(queue, budget, middle);
    SLU_ASSERT(replay(queue, budget, middle).count == seen.count);
    uint64_t next = queue_sequence_next(queue);
    SLU_ASSERT(queue_release(queue, middle) == 0);
    if (middle < next) {
        SLU_ASSERT(queue_position(queue) > middle);
        struct seen rest = replay(queue, budget, middle);
        SLU_ASSERT(rest.count == rest.behind_count);
    }
    SLU_ASSERT(queue_release(queue, UINT64_MAX) == 0);
    SLU_ASSERT(queue_position(queue) >= next);
    SLU_ASSERT(replay(queue, budget, 0).count == 0);
}

static void check(struct slu_budget *budget, bool is_log, uint64_t middle)
{
    const struct queue_options options = {.budget = budget,
                                          .directory = "memory",
                                          .size_bytes_max = 1 << 20,
                                          .segment_bytes = 4096,
                                          .staging_bytes_max = 4096,
                                          .held_max = 4,
                                          .io = &memory_io};
    struct queue *queue = NULL;
    if (queue_open(&options, NULL, &queue) != 0) {
        return;
    }
    if (is_log) {
        drain_log(queue, budget, middle);
        queue_close(&queue);
        return;
    }
    drain(queue, budget);
    const struct slu_bytes part = {"taken", 5};
    const struct queue_record record = {.parts = &part, .part_count = 1, .tag = 5};
    struct queue_entry entry;
    if (queue_append(queue, &record, NULL, NULL) == 0) {
        queue_commit(queue, 0);
        if (queue_next(queue, NULL, budget, 0, &entry) == 0) {
            SLU_ASSERT(entry.tag == 5 && memcmp(entry.bytes.data, "taken", 5) == 0);
            block_free(budget, &entry.bytes);
        }
    }
    queue_close(&queue);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2) {
        return 0;
    }
    disk.count = 0;
    size_t body_len = len - 2;
    size_t first_len = body_len * bytes[1] / 256;
    bool is_mended = bytes[0] & 1;
    segment_add(1, bytes + 2, first_len, is_mended);
    if (bytes[0] & 2) {
        segment_add(1 + bytes[0] / 8, bytes + 2 + first_len, body_len - first_len,
                    is_mended && bytes[0] >= 8);
    } else {
        file_add("position", bytes + 2 + first_len, body_len - first_len);
    }
    struct slu_budget *budget = NULL;
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", BUDGET, &budget) == 0);
    check(budget, bytes[0] & 4, bytes[1]);
    slu_budget_destroy(&budget);
    return 0;
}
