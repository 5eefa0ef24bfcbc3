/*
 * The exporter `file`: a line of OTLP/JSON for each message, in a file that is rotated by size.
 *
 * Source  the collector's file exporter: `path`, `append`, `rotation`
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "base/sink.h"
#include "pipeline/config.h"
#include "pipeline/exporter.h"
#include "pipeline/exporter_types.h"
#include "wire/otlp_json_write.h"

#define STAGING_BYTES ((size_t)16 * 1024)
#define MEGABYTE      UINT64_C(1000000)
#define FILE_MODE     0640
#define RETRY_NS      UINT64_C(5000000000)

struct rotation {
    uint64_t max_megabytes;
    uint64_t max_backups;
};

struct file_options {
    const char *path;
    bool is_appended;
    struct rotation rotation;
};

static const struct config_field rotation_fields[] = {
    {.key = "max_megabytes",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct rotation, max_megabytes),
     .min = 1,
     .max = 1000000},
    {.key = "max_backups",
     .kind = CONFIG_UINT,
     .offset = offsetof(struct rotation, max_backups),
     .min = 1,
     .max = 1000},
};

static const struct config_object rotation_object = {
    .what = "rotation",
    .fields = rotation_fields,
    .field_count = sizeof(rotation_fields) / sizeof(rotation_fields[0]),
    .size_bytes = sizeof(struct rotation),
};

static const struct config_field fields[] = {
    {.key = "path",
     .kind = CONFIG_STRING,
     .offset = offsetof(struct file_options, path),
     .is_required = true},
    {.key = "append", .kind = CONFIG_BOOL, .offset = offsetof(struct file_options, is_appended)},
    {.key = "rotation",
     .kind = CONFIG_OBJECT,
     .offset = offsetof(struct file_options, rotation),
     .object = &rotation_object},
};

static const struct config_object file_object = {
    .what = "the file exporter",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct file_options),
};

static const struct file_options defaults = {
    .is_appended = true,
    .rotation = {.max_megabytes = 100, .max_backups = 5},
};

struct file_exporter {
    struct slu_budget *budget;
    const struct file_options *options;
    const char *name;
    int fd; /* -1: not open */
    uint64_t size_bytes;
};

static int file_create(const struct exporter_context *context, const void *options, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(context->budget, sizeof(struct file_exporter), &memory);
    if (err == 0) {
        struct file_exporter *file = memory;
        *file = (struct file_exporter){
            .budget = context->budget, .options = options, .name = context->name, .fd = -1};
        *out = file;
    }
    return err;
}

static void file_destroy(void *self)
{
    struct file_exporter *file = self;
    if (file->fd >= 0) {
        close(file->fd);
    }
    slu_budget_free(file->budget, file, sizeof(*file));
}

static int file_open(struct file_exporter *file)
{
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    struct stat status;
    if (file->fd >= 0) {
        return 0;
    }
    if (!file->options->is_appended && file->size_bytes == 0) {
        flags |= O_TRUNC;
    }
    file->fd = open(file->options->path, flags, FILE_MODE);
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        return -errno;
    }
    file->size_bytes = (uint64_t)status.st_size;
    return 0;
}

/* path.1 is the newest that is full, path.N the oldest that is kept. */
static int rotate(struct file_exporter *file)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    const char *path = file->options->path;
    for (uint64_t i = file->options->rotation.max_backups; i > 0; i--) {
        int from_len =
            i > 1 ? snprintf(from, sizeof(from), "%s.%llu", path, (unsigned long long)(i - 1))
                  : snprintf(from, sizeof(from), "%s", path);
        int to_len = snprintf(to, sizeof(to), "%s.%llu", path, (unsigned long long)i);
        if (from_len >= PATH_MAX || to_len >= PATH_MAX) {
            return -ENAMETOOLONG;
        }
        if (rename(from, to) != 0 && errno != ENOENT) {
            return -errno;
        }
    }
    close(file->fd);
    file->fd = -1;
    return file_open(file);
}

static int write_out(void *context, const char *bytes, size_t len)
{
    struct file_exporter *file = context;
    while (len > 0) {
        ssize_t written = write(file->fd, bytes, len);
        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        if (written > 0) {
            file->size_bytes += (uint64_t)written;
            bytes += written;
            len -= (size_t)written;
        }
    }
    return 0;
}

/* A whole line, or nothing of it. */
static int line_write(struct file_exporter *file, const struct export_message *message)
{
    char staging[STAGING_BYTES];
    struct sink sink;
    uint64_t before = file->size_bytes;
    sink_init(&sink, write_out, file, staging, sizeof(staging));
    int err = otlp_json_write(file->budget, &sink, message->signal, message->bytes);
    int failed = sink_end(&sink);
    err = failed != 0 ? failed : err;
    if (err != 0 && file->size_bytes > before && ftruncate(file->fd, (off_t)before) == 0) {
        file->size_bytes = before;
    }
    return err;
}

static void file_send(void *self, struct slu_scope *scope, const struct export_message *message,
                      struct outcome *outcome)
{
    struct file_exporter *file = self;
    (void)scope;
    int err = file_open(file);
    if (err == 0 && file->size_bytes >= file->options->rotation.max_megabytes * MEGABYTE) {
        err = rotate(file);
    }
    if (err == 0) {
        err = line_write(file, message);
    }
    if (err != 0) {
        outcome->kind = OUTCOME_LATER;
        outcome->retry_ns = RETRY_NS;
        (void)snprintf(outcome->reason, sizeof(outcome->reason), "%s: %.100s: %s", file->name,
                       file->options->path, strerror(-err));
    }
}

const struct exporter_type file_exporter = {
    .name = "file",
    .options = &file_object,
    .defaults = &defaults,
    .create = file_create,
    .destroy = file_destroy,
    .send = file_send,
};
