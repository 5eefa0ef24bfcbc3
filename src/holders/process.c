/*
 * A live process: every thread is stopped by PTRACE_SEIZE and PTRACE_INTERRUPT, which no signal
 * handler of it sees, and goes on as it was.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/arena.h>
#include <sluice/budget.h>
#include <sluice/clock.h>

#include "base/diag.h"
#include "holders/image.h"
#include "holders/registers.h"
#include "holders/snapshot.h"
#include "sys/file.h"

#define PATH_BYTES      64
#define MAPS_BYTES_MAX  ((uint64_t)256 << 20)
#define STOP_ROUNDS_MAX 100 /* looks at the list of threads, until no new one is there */

static int memory_read(struct image *image, const struct image_region *region, uint64_t address,
                       void *bytes, size_t len)
{
    (void)region;
    while (len > 0) {
        struct iovec to = {bytes, len};
        struct iovec from = {(void *)(uintptr_t)address, len}; /* NOLINT: an address over there */
        ssize_t got = process_vm_readv((pid_t)image->memory_id, &to, 1, &from, 1, 0);
        if (got <= 0) {
            return -EFAULT;
        }
        address += (uint64_t)got;
        bytes = (unsigned char *)bytes + got;
        len -= (size_t)got;
    }
    return 0;
}

/*
 * The same of a copy. process_vm_readv pins pages, and the kernel (since 5.19) gives a process a
 * page of its own before it pins one that is shared since fork: all that is read would be there
 * twice. A file pins nothing.
 */
static int copy_read(struct image *image, const struct image_region *region, uint64_t address,
                     void *bytes, size_t len)
{
    (void)region;
    while (len > 0) {
        ssize_t got = pread(image->fd, bytes, len, (off_t)address);
        if (got <= 0) {
            return -EFAULT;
        }
        address += (uint64_t)got;
        bytes = (unsigned char *)bytes + got;
        len -= (size_t)got;
    }
    return 0;
}

static bool is_stopped_by_us(const struct image *image, uint64_t id)
{
    size_t count = 0;
    const struct image_thread *threads = image_threads(image, &count);
    for (size_t i = 0; i < count; i++) {
        if (threads[i].id == id) {
            return true;
        }
    }
    return false;
}

/* A thread that ends meanwhile is none. */
static int thread_stop(struct image *image, uint64_t id)
{
    struct image_thread thread = {.id = id};
    struct user_regs_struct registers;
    int status = 0;
    if (ptrace(PTRACE_SEIZE, (pid_t)id, NULL, NULL) != 0) {
        return errno == ESRCH ? 0 : -errno;
    }
    if (ptrace(PTRACE_INTERRUPT, (pid_t)id, NULL, NULL) != 0 ||
        waitpid((pid_t)id, &status, __WALL) != (pid_t)id || !WIFSTOPPED(status)) {
        return 0;
    }
    /* What stopped it may have been a signal on its way, which is handed on when it goes on. */
    thread.stop_signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
    if (ptrace(PTRACE_GETREGS, (pid_t)id, NULL, &registers) == 0) {
        registers_read(&registers, &thread);
    }
    return image_add_thread(image, &thread);
}

/* Returns how many threads were stopped now, or a negative errno. */
static int threads_stop_round(struct image *image)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "/proc/%llu/task", (unsigned long long)image->process_id);
    DIR *folder = opendir(path);
    int err = folder == NULL ? (errno == ENOENT ? -ESRCH : -errno) : 0;
    size_t before = image->threads.len;
    while (err == 0) {
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            break;
        }
        uint64_t id = strtoull(entry->d_name, NULL, 10);
        if (id != 0 && !is_stopped_by_us(image, id)) {
            err = thread_stop(image, id);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return err != 0 ? err : (int)((image->threads.len - before) / sizeof(struct image_thread));
}

static int threads_stop(struct image *image)
{
    int stopped = 1;
    for (int round = 0; stopped > 0 && round < STOP_ROUNDS_MAX; round++) {
        stopped = threads_stop_round(image);
    }
    return stopped < 0 ? stopped : (image->threads.len == 0 ? -ESRCH : 0);
}

static void threads_release(struct image *image)
{
    size_t count = 0;
    const struct image_thread *threads = image_threads(image, &count);
    for (size_t i = 0; i < count; i++) {
        /* Fails only if it was killed meanwhile. */
        (void)ptrace(PTRACE_DETACH, (pid_t)threads[i].id, NULL,
                     (void *)(uintptr_t)threads[i].stop_signal);
    }
    image->stopped_ns = slu_clock_monotonic_ns() - image->stop_began_ns;
}

/* START-END PERMISSIONS OFFSET DEVICE INODE [PATH] */
static int mapping_take(struct image *image, const char *line, size_t len)
{
    unsigned long long start = 0;
    unsigned long long end = 0;
    unsigned long long offset = 0;
    char permissions[8] = "";
    char *path = NULL;
    int path_at = 0;
    if (sscanf(line, "%llx-%llx %7s %llx %*s %*s %n", &start, &end, permissions, &offset,
               &path_at) < 4 ||
        start >= end) {
        return 0;
    }
    if (path_at > 0 && (size_t)path_at < len && line[path_at] == '/') {
        int err = slu_arena_copy(image->names, line + path_at, len - (size_t)path_at, &path);
        if (err != 0) {
            return err;
        }
    }
    bool is_special = path == NULL && path_at > 0 && (size_t)path_at < len &&
                      strncmp(line + path_at, "[v", 2) == 0; /* vvar, vdso, vsyscall */
    struct image_region region = {
        .start = start,
        .end = end,
        .stored_bytes = permissions[0] == 'r' && !is_special ? end - start : 0,
        .file_offset = offset,
        .path = path,
        .writable = permissions[1] == 'w',
        .executable = permissions[2] == 'x',
    };
    return image_add_region(image, &region);
}

static int mappings_read(struct image *image, struct slu_diag *diag)
{
    char path[PATH_BYTES];
    struct block text = {0};
    image->regions.len = 0;
    snprintf(path, sizeof(path), "/proc/%llu/maps", (unsigned long long)image->memory_id);
    int err = file_read_all(image->budget, path, MAPS_BYTES_MAX, &text, diag);
    if (err != 0) {
        return err;
    }
    char *line = text.data;
    size_t left = text.len;
    while (err == 0 && left > 0) {
        char *newline = memchr(line, '\n', left);
        if (newline == NULL) {
            break;
        }
        *newline = '\0';
        err = mapping_take(image, line, (size_t)(newline - line));
        left -= (size_t)(newline + 1 - line);
        line = newline + 1;
    }
    block_free(image->budget, &text);
    return err != 0 ? diag_fail(diag, err, "no memory for the mappings")
                    : image_finish(image, diag);
}

static int stop_refused(uint64_t process_id, int err, struct slu_diag *diag)
{
    if (err == -EPERM) {
        return diag_fail(diag, err,
                         "may not look into process %llu: it is another user's, or traced already, "
                         "or ptrace is restricted here (try sudo, or CAP_SYS_PTRACE)",
                         (unsigned long long)process_id);
    }
    return diag_fail(diag, err, "cannot stop process %llu: %s", (unsigned long long)process_id,
                     strerror(-err));
}

static void copy_release(struct image *image)
{
    snapshot_end(image, image->memory_id);
    image->memory_id = image->process_id;
    image->read = memory_read;
    if (image->fd >= 0) {
        close(image->fd);
        image->fd = -1;
    }
}

/* Without its file the copy is read like any process. */
static void copy_take(struct image *image, uint64_t copy)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "/proc/%llu/mem", (unsigned long long)copy);
    image->memory_id = copy;
    image->release = copy_release;
    image->fd = open(path, O_RDONLY | O_CLOEXEC);
    image->read = image->fd >= 0 ? copy_read : memory_read;
}

/* Where no copy can be made, the process stands still until all is read. */
static int process_stop(struct image *image, struct slu_diag *diag)
{
    uint64_t copy = 0;
    uint64_t code = 0;
    bool may_fork = image->may_fork && snapshot_prepare(image, &code) == 0;
    image->release = threads_release;
    image->stop_began_ns = slu_clock_monotonic_ns();
    int err = threads_stop(image);
    if (err != 0) {
        return stop_refused(image->process_id, err, diag);
    }
    if (may_fork && snapshot_make(image, code, &copy) == 0) {
        threads_release(image);
        copy_take(image, copy);
    }
    return mappings_read(image, diag);
}

int image_open_process(struct slu_budget *budget, uint64_t process_id, struct slu_diag *diag,
                       struct image **out)
{
    struct image *image = NULL;
    char path[PATH_BYTES];
    if (process_id == 0 || process_id > INT32_MAX) {
        return diag_fail(diag, -ESRCH, "%llu is no process", (unsigned long long)process_id);
    }
    snprintf(path, sizeof(path), "/proc/%llu", (unsigned long long)process_id);
    if (access(path, F_OK) != 0) {
        return diag_fail(diag, -ESRCH, "there is no process %llu", (unsigned long long)process_id);
    }
    int err = image_create(budget, diag, &image);
    if (err != 0) {
        return err;
    }
    image->process_id = process_id;
    image->memory_id = process_id;
    image->is_live = true;
    image->read = memory_read;
    image->stop = process_stop;
    err = mappings_read(image, diag);
    if (err != 0) {
        image_close(&image);
        return err;
    }
    *out = image;
    return 0;
}
