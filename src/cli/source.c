#include "cli/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/source_capsule.h"

enum source_kind source_kind_of(const char *name)
{
    struct stat status;
    if (strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0) {
        return SOURCE_HTTP;
    }
    if (stat(name, &status) == 0) {
        return S_ISDIR(status.st_mode) ? SOURCE_FOLDER : SOURCE_FILE;
    }
    return name[0] != '\0' && strspn(name, "0123456789") == strlen(name) ? SOURCE_PROCESS
                                                                         : SOURCE_FILE;
}

static int file_open(struct source *source, struct slu_diag *diag)
{
    struct stat status;
    bool is_input = strcmp(source->name, "-") == 0;
    source->fd = is_input ? dup(STDIN_FILENO) : open(source->name, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0) {
        return diag_fail(diag, -errno, "%.160s: %s", source->name, strerror(errno));
    }
    if (fstat(source->fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
        source->size_bytes = (uint64_t)status.st_size;
    }
    return 0;
}

int source_open_whole(struct source *source, const char *name, struct slu_diag *diag)
{
    *source = (struct source){.name = name, .fd = -1};
    switch (source_kind_of(name)) {
    case SOURCE_HTTP:
    case SOURCE_PROCESS:
        return source_pages_open(name, &source->fd, diag);
    case SOURCE_FOLDER:
        return diag_fail(diag, -EISDIR, "%.160s: a folder, where one profile is wanted", name);
    case SOURCE_FILE:
        break;
    }
    return file_open(source, diag);
}

int source_open(struct source *source, const char *name, struct slu_diag *diag)
{
    int err = source_open_whole(source, name, diag);
    if (err != 0) {
        return err;
    }
    err = source_capsule_enter(source, diag);
    if (err != 0) {
        source_close(source);
    }
    return err;
}

int source_read(struct source *source, void *bytes, size_t room, size_t *got)
{
    if (source->is_part && room > source->size_bytes - source->read_bytes) {
        room = (size_t)(source->size_bytes - source->read_bytes);
    }
    for (;;) {
        ssize_t len = read(source->fd, bytes, room);
        if (len >= 0) {
            source->read_bytes += (uint64_t)len;
            *got = (size_t)len;
            return 0;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

void source_close(struct source *source)
{
    if (source->fd >= 0) {
        close(source->fd);
    }
    source->fd = -1;
}

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name);
    size_t ending_len = strlen(ending);
    return len > ending_len && strcmp(name + len - ending_len, ending) == 0;
}

/* heaptrack.PROGRAM.NUMBER.zst is heaptrack's; other files that are packed are anything. */
static bool ends_as_profile(const char *name)
{
    static const char *const endings[] = {".pb.gz",   ".pb",    ".prof",   ".pprof",   ".heap",
                                          ".heap.gz", ".hprof", ".pb.zst", ".heap.zst"};
    bool is_named =
        strncmp(name, "heaptrack.", 10) == 0 && (ends_with(name, ".zst") || ends_with(name, ".gz"));
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && !is_named; i++) {
        is_named = name[0] != '.' && ends_with(name, endings[i]);
    }
    return is_named;
}

static int is_profile(const struct dirent *entry)
{
    return ends_as_profile(entry->d_name);
}

/* sluice-heap.9.pb.gz before sluice-heap.10.pb.gz */
static int by_version(const struct dirent **left, const struct dirent **right)
{
    return versionsort(left, right);
}

static int names_take(const char *folder, struct dirent **entries, size_t count,
                      struct source_names *names)
{
    names->names = calloc(count + 1, sizeof(char *));
    for (size_t i = 0; i < count && names->names != NULL; i++) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        names->names[i] = len > 0 && (size_t)len < sizeof(path) ? strdup(path) : NULL;
        if (names->names[i] == NULL) {
            return -ENOMEM;
        }
        names->count = i + 1;
    }
    return names->names == NULL ? -ENOMEM : 0;
}

int source_names_list(const char *folder, struct source_names *names, struct slu_diag *diag)
{
    struct dirent **entries = NULL;
    *names = (struct source_names){0};
    int count = scandir(folder, &entries, is_profile, by_version);
    if (count < 0) {
        return diag_fail(diag, -errno, "%.160s: %s", folder, strerror(errno));
    }
    int err = count == 0 ? -ENOENT : names_take(folder, entries, (size_t)count, names);
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
    if (err == -ENOENT) {
        return diag_fail(diag, err,
                         "%.160s: no profiles in it (.pb.gz, .pb, .prof, .heap, "
                         "heaptrack.*.zst)",
                         folder);
    }
    if (err != 0) {
        source_names_free(names);
        return diag_fail(diag, err, "%.160s: no memory for its profiles' names", folder);
    }
    return 0;
}

void source_names_free(struct source_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
    }
    free(names->names);
    *names = (struct source_names){0};
}
