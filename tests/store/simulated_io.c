#include "simulated_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "harness.h"

#define FILES_MAX    256
#define OPEN_MAX     64
#define FILE_FIRST   ((size_t)1 << 15) /* room, which doubles */
#define FILE_MAX     ((size_t)1 << 25)
#define NAME_MAX_LEN 63
#define SECTOR_BYTES ((size_t)16) /* finer than any disk: more can be torn */

/* `now` is what reads give; `kept` is what a crash leaves for sure, and `dirty` marks the sectors
 * of `now` that it may leave or not. */
struct simulated_file {
    char name[NAME_MAX_LEN + 1];
    unsigned char *now;
    unsigned char *kept;
    unsigned char *dirty;
    size_t size_bytes; /* of `now` and `kept` */
    size_t len;
    size_t kept_len;
    uint32_t open_count;
    bool has_name;      /* as seen now */
    bool has_kept_name; /* after a crash, for sure */
    bool is_locked;
};

struct simulated_disk {
    struct store_io io;
    struct test_random random;
    struct simulated_file *files[FILES_MAX];
    struct simulated_file *open[OPEN_MAX];
    enum simulated_fault fault;
    uint64_t calls_left; /* until the fault */
    int err;
    bool is_hit;
    size_t write_max;
    uint64_t limit_bytes;
};

static void file_free(struct simulated_file *file)
{
    free(file->now);
    free(file->kept);
    free(file->dirty);
    free(file);
}

static unsigned char *grown(unsigned char *bytes, size_t before, size_t size_bytes)
{
    unsigned char *larger = realloc(bytes, size_bytes);
    assert_non_null(larger);
    memset(larger + before, 0, size_bytes - before);
    return larger;
}

static void file_grow(struct simulated_file *file, size_t size_bytes)
{
    size_t before = file->size_bytes;
    assert_true(size_bytes <= FILE_MAX);
    file->now = grown(file->now, before, size_bytes);
    file->kept = grown(file->kept, before, size_bytes);
    file->dirty = grown(file->dirty, before / SECTOR_BYTES, size_bytes / SECTOR_BYTES);
    file->size_bytes = size_bytes;
}

static struct simulated_file *file_make(const char *name)
{
    struct simulated_file *file = calloc(1, sizeof(*file));
    assert_non_null(file);
    file_grow(file, FILE_FIRST);
    assert_true(strlen(name) <= NAME_MAX_LEN);
    memcpy(file->name, name, strlen(name) + 1);
    return file;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static struct simulated_file **file_find(struct simulated_disk *disk, const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct simulated_file *file = disk->files[i];
        if (file != NULL && file->has_name && strcmp(file->name, name) == 0) {
            return &disk->files[i];
        }
    }
    return NULL;
}

/* A call that changes something: 0, or the fault whose time has come. */
static int change(struct simulated_disk *disk)
{
    if (disk->fault == SIMULATED_NONE || disk->fault == SIMULATED_READ_ERROR) {
        return 0;
    }
    if (disk->calls_left > 1) {
        disk->calls_left--;
        return 0;
    }
    disk->is_hit = true;
    if (disk->fault == SIMULATED_ERROR) {
        disk->fault = SIMULATED_NONE;
    }
    return disk->err;
}

static int simulated_open(void *context, const char *path, enum store_open how, int *fd)
{
    struct simulated_disk *disk = context;
    const char *name = last_part(path);
    struct simulated_file **found = file_find(disk, name);
    if (found != NULL && how == STORE_OPEN_EXCLUSIVE) {
        return -EEXIST;
    }
    if (found == NULL) {
        if (how == STORE_OPEN_READ || how == STORE_OPEN_WRITE) {
            return -ENOENT;
        }
        int err = change(disk);
        if (err != 0) {
            return err;
        }
        found = disk->files;
        while (*found != NULL) {
            found++;
            assert_true(found < disk->files + FILES_MAX);
        }
        *found = file_make(name);
        (*found)->has_name = true;
    }
    int at = 0;
    while (disk->open[at] != NULL) {
        at++;
        assert_true(at < OPEN_MAX);
    }
    disk->open[at] = *found;
    (*found)->open_count++;
    *fd = at;
    return 0;
}

static struct simulated_file *file_of(struct simulated_disk *disk, int fd)
{
    assert_true(fd >= 0 && fd < OPEN_MAX);
    assert_non_null(disk->open[fd]);
    return disk->open[fd];
}

static void simulated_close(void *context, int fd)
{
    struct simulated_disk *disk = context;
    struct simulated_file *file = file_of(disk, fd);
    file->open_count--;
    file->is_locked = file->is_locked && file->open_count > 0;
    disk->open[fd] = NULL;
}

static int simulated_read(void *context, int fd, void *bytes, size_t len, uint64_t offset,
                          size_t *got)
{
    struct simulated_disk *disk = context;
    const struct simulated_file *file = file_of(disk, fd);
    if (disk->fault == SIMULATED_READ_ERROR && --disk->calls_left == 0) {
        disk->is_hit = true;
        disk->fault = SIMULATED_NONE;
        return disk->err;
    }
    size_t there = offset < file->len ? file->len - (size_t)offset : 0;
    size_t count = len < there ? len : there;
    memcpy(bytes, file->now + offset, count);
    *got = count;
    return 0;
}

static uint64_t used_bytes(const struct simulated_disk *disk)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < FILES_MAX; i++) {
        sum += disk->files[i] != NULL && disk->files[i]->has_name ? disk->files[i]->len : 0;
    }
    return sum;
}

static size_t write_room(const struct simulated_disk *disk, const struct simulated_file *file,
                         uint64_t offset)
{
    size_t room = disk->write_max == 0 ? SIZE_MAX : disk->write_max;
    if (disk->limit_bytes != 0) {
        uint64_t used = used_bytes(disk);
        uint64_t free_bytes = used < disk->limit_bytes ? disk->limit_bytes - used : 0;
        free_bytes += offset < file->len ? file->len - offset : 0;
        room = free_bytes < room ? (size_t)free_bytes : room;
    }
    return room;
}

static void file_put(struct simulated_file *file, const void *bytes, size_t len, size_t offset)
{
    while (offset + len > file->size_bytes) {
        file_grow(file, file->size_bytes * 2);
    }
    memcpy(file->now + offset, bytes, len);
    file->len = offset + len > file->len ? offset + len : file->len;
    for (size_t at = offset / SECTOR_BYTES; len > 0 && at <= (offset + len - 1) / SECTOR_BYTES;
         at++) {
        file->dirty[at] = 1;
    }
}

static int simulated_write(void *context, int fd, const struct iovec *pieces, int piece_count,
                           uint64_t offset, size_t *written)
{
    struct simulated_disk *disk = context;
    struct simulated_file *file = file_of(disk, fd);
    int err = change(disk);
    /* A write that fails, or that the machine's end interrupts, may have left its beginning. */
    size_t room =
        err != 0 ? (size_t)test_random_below(&disk->random, 2000) : write_room(disk, file, offset);
    size_t done = 0;
    for (int i = 0; i < piece_count && done < room; i++) {
        size_t len = pieces[i].iov_len < room - done ? pieces[i].iov_len : room - done;
        file_put(file, pieces[i].iov_base, len, (size_t)offset + done);
        done += len;
    }
    if (err == 0 && done == 0) {
        err = -ENOSPC;
    }
    if (err == 0) {
        *written = done;
    }
    return err;
}

static void file_keep(struct simulated_file *file)
{
    memcpy(file->kept, file->now, file->size_bytes);
    memset(file->dirty, 0, file->size_bytes / SECTOR_BYTES);
    file->kept_len = file->len;
}

/* After a sync that failed, the kernel takes what it could not write for written. */
static int simulated_sync(void *context, int fd)
{
    struct simulated_disk *disk = context;
    struct simulated_file *file = file_of(disk, fd);
    int err = change(disk);
    if (err == 0) {
        file_keep(file);
    } else {
        memset(file->dirty, 0, file->size_bytes / SECTOR_BYTES);
    }
    return err;
}

static int simulated_truncate(void *context, int fd, uint64_t size_bytes)
{
    struct simulated_disk *disk = context;
    struct simulated_file *file = file_of(disk, fd);
    int err = change(disk);
    if (err == 0) {
        if (size_bytes < file->len) {
            memset(file->now + size_bytes, 0, file->len - (size_t)size_bytes);
        }
        file->len = (size_t)size_bytes;
    }
    return err;
}

static int simulated_size(void *context, int fd, uint64_t *size_bytes)
{
    *size_bytes = file_of(context, fd)->len;
    return 0;
}

static int simulated_lock(void *context, int fd)
{
    struct simulated_file *file = file_of(context, fd);
    if (file->is_locked) {
        return -EWOULDBLOCK;
    }
    file->is_locked = true;
    return 0;
}

static int simulated_unlink(void *context, const char *path)
{
    struct simulated_disk *disk = context;
    struct simulated_file **found = file_find(disk, last_part(path));
    int err = found == NULL ? -ENOENT : change(disk);
    if (err == 0) {
        (*found)->has_name = false;
    }
    return err;
}

static int simulated_make_directory(void *context, const char *path)
{
    (void)context;
    (void)path;
    return -EEXIST;
}

static int simulated_sync_directory(void *context, const char *path)
{
    struct simulated_disk *disk = context;
    (void)path;
    int err = change(disk);
    for (size_t i = 0; i < FILES_MAX && err == 0; i++) {
        if (disk->files[i] != NULL) {
            disk->files[i]->has_kept_name = disk->files[i]->has_name;
        }
    }
    return err;
}

static int simulated_list(void *context, const char *path, store_visit_fn *visit, void *arg)
{
    struct simulated_disk *disk = context;
    (void)path;
    int err = 0;
    for (size_t i = 0; i < FILES_MAX && err == 0; i++) {
        if (disk->files[i] != NULL && disk->files[i]->has_name) {
            err = visit(arg, disk->files[i]->name);
        }
    }
    return err;
}

struct simulated_disk *simulated_disk_make(uint64_t seed)
{
    struct simulated_disk *disk = calloc(1, sizeof(*disk));
    assert_non_null(disk);
    disk->random.state = seed;
    disk->io = (struct store_io){.context = disk,
                                 .open = simulated_open,
                                 .close = simulated_close,
                                 .read = simulated_read,
                                 .write = simulated_write,
                                 .sync = simulated_sync,
                                 .truncate = simulated_truncate,
                                 .size = simulated_size,
                                 .lock = simulated_lock,
                                 .unlink = simulated_unlink,
                                 .make_directory = simulated_make_directory,
                                 .sync_directory = simulated_sync_directory,
                                 .list = simulated_list};
    return disk;
}

void simulated_disk_free(struct simulated_disk **disk_at)
{
    struct simulated_disk *disk = *disk_at;
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (disk->files[i] != NULL) {
            assert_int_equal(disk->files[i]->open_count, 0);
            file_free(disk->files[i]);
        }
    }
    free(disk);
    *disk_at = NULL;
}

const struct store_io *simulated_disk_io(struct simulated_disk *disk)
{
    return &disk->io;
}

void simulated_disk_fail(struct simulated_disk *disk, enum simulated_fault fault, uint64_t nth,
                         int err)
{
    disk->fault = fault;
    disk->calls_left = nth;
    disk->err = fault == SIMULATED_CRASH ? -EIO : err;
    disk->is_hit = false;
}

bool simulated_disk_hit(const struct simulated_disk *disk)
{
    return disk->is_hit;
}

void simulated_disk_short_writes(struct simulated_disk *disk, size_t bytes_max)
{
    disk->write_max = bytes_max;
}

void simulated_disk_limit(struct simulated_disk *disk, uint64_t bytes)
{
    disk->limit_bytes = bytes;
}

/* Of what was not synced, each sector is there or is not; so is the new length. */
static void file_tear(struct simulated_disk *disk, struct simulated_file *file)
{
    bool is_longer = test_random_below(&disk->random, 4) != 0;
    size_t len = is_longer ? file->len : file->kept_len;
    if (is_longer && file->len > file->kept_len && test_random_below(&disk->random, 2) == 0) {
        len = file->kept_len +
              (size_t)test_random_below(&disk->random, file->len - file->kept_len + 1);
    }
    for (size_t at = 0; at < file->size_bytes / SECTOR_BYTES; at++) {
        if (!file->dirty[at] || test_random_below(&disk->random, 2) == 0) {
            memcpy(file->now + at * SECTOR_BYTES, file->kept + at * SECTOR_BYTES, SECTOR_BYTES);
        }
    }
    memset(file->now + len, 0, file->size_bytes - len);
    file->len = len;
    file_keep(file);
}

static void disk_restart(struct simulated_disk *disk, bool is_kind)
{
    simulated_disk_fail(disk, SIMULATED_NONE, 0, 0);
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct simulated_file *file = disk->files[i];
        if (file == NULL) {
            continue;
        }
        assert_int_equal(file->open_count, 0);
        if (!is_kind) {
            file_tear(disk, file);
            bool is_sure = file->has_name == file->has_kept_name;
            file->has_name = is_sure ? file->has_name : test_random_below(&disk->random, 2) == 0;
        }
        file_keep(file);
        file->has_kept_name = file->has_name;
        if (!file->has_name) {
            file_free(file);
            disk->files[i] = NULL;
        }
    }
}

void simulated_disk_restart(struct simulated_disk *disk)
{
    disk_restart(disk, false);
}

void simulated_disk_restart_kindly(struct simulated_disk *disk)
{
    disk_restart(disk, true);
}

size_t simulated_disk_file_count(const struct simulated_disk *disk)
{
    size_t count = 0;
    for (size_t i = 0; i < FILES_MAX; i++) {
        count += disk->files[i] != NULL && disk->files[i]->has_name;
    }
    return count;
}

unsigned char *simulated_disk_bytes(struct simulated_disk *disk, size_t nth, size_t *len,
                                    const char **name)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct simulated_file *file = disk->files[i];
        if (file != NULL && file->has_name && nth-- == 0) {
            *len = file->len;
            *name = file->name;
            return file->now;
        }
    }
    return NULL;
}

struct simulated_disk *simulated_disk_copy(const struct simulated_disk *disk)
{
    struct simulated_disk *copy = simulated_disk_make(disk->random.state);
    for (size_t i = 0; i < FILES_MAX; i++) {
        const struct simulated_file *file = disk->files[i];
        if (file != NULL && file->has_name) {
            copy->files[i] = file_make(file->name);
            file_put(copy->files[i], file->now, file->len, 0);
            file_keep(copy->files[i]);
            copy->files[i]->has_name = true;
            copy->files[i]->has_kept_name = true;
        }
    }
    return copy;
}
