#include "preload/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/sink.h"
#include "preload/file_put.h"
#include "preload/held_signals.h"
#include "preload/modules.h"
#include "preload/record_file.h"
#include "preload/said.h"
#include "preload/settings.h"
#include "profile/profile.h"
#include "sys/mutex.h"
#include "sys/wall_clock.h"

#define STAGE_BYTES 16384

struct output {
    struct mutex mutex; /* of all that follows */
    const struct profile *profile;
    struct modules *modules;
    uint64_t start_ns;
    uint64_t written_count; /* into the ring */
    uint64_t files_max;
    bool ages;
    char prefix[PATH_MAX];
    char path[PATH_MAX];
    char temporary[PATH_MAX];
    char stage[STAGE_BYTES];
    struct profile_mapping mappings[MODULES_MAX];
    _Alignas(64) char scratch[]; /* profile_write_bytes() */
};

size_t output_bytes(const struct profile *profile)
{
    return sizeof(struct output) + profile_write_bytes(profile);
}

/* The program may change its directory later. */
static void prefix_make(struct output *output, const char *out)
{
    char directory[PATH_MAX];
    bool relative = out[0] != '/' && getcwd(directory, sizeof(directory)) != NULL;
    int len = snprintf(output->prefix, sizeof(output->prefix), "%s%s%s", relative ? directory : "",
                       relative ? "/" : "", out);
    if (len < 0 || (size_t)len >= sizeof(output->prefix)) {
        (void)snprintf(output->prefix, sizeof(output->prefix), "%s", out); /* it is shorter */
    }
    struct stat found;
    size_t end = strlen(output->prefix);
    if (stat(output->prefix, &found) == 0 && S_ISDIR(found.st_mode) && end + 6 < PATH_MAX) {
        memcpy(output->prefix + end, "/heap", 6);
    }
}

struct output *output_init(void *block, const struct settings *settings,
                           const struct profile *profile, struct modules *modules,
                           uint64_t start_ns)
{
    struct output *output = block;
    mutex_init(&output->mutex);
    output->profile = profile;
    output->modules = modules;
    output->start_ns = start_ns;
    output->files_max = settings->files_max;
    output->ages = settings->ages != 0;
    prefix_make(output, settings->out);
    return output;
}

/* Of now, or, with `past`, of then. */
static int profile_put(struct output *output, const struct output_moment *past, bool ages, int file)
{
    struct sink sink;
    uint64_t now_ns = past != NULL ? past->now_ns : slu_clock_monotonic_ns();
    struct profile_write_options options = {
        .format = PROFILE_PPROF_GZIP,
        .default_sample_type = PROFILE_INUSE_SPACE,
        .ages = ages && past == NULL,
        .time_ns = past != NULL ? past->time_ns : wall_clock_ns(),
        .duration_ns = (int64_t)(now_ns - output->start_ns),
        .now_ns = now_ns,
        .at = past != NULL ? past->snapshot : NULL,
        .mappings = output->mappings,
        .mapping_count = modules_mappings(output->modules, output->mappings),
    };
    sink_init(&sink, file_put, &file, output->stage, sizeof(output->stage));
    int err = profile_write(output->profile, &options, output->scratch, &sink);
    int end_err = sink_end(&sink);
    return err != 0 ? err : end_err;
}

static int own_profile_put(void *context, int file)
{
    struct output *output = context;
    return profile_put(output, NULL, output->ages, file);
}

static int file_write_through(const struct output_writing *writing, const char *path)
{
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        return -errno;
    }
    int err = writing->put(writing->context, file);
    if (close(file) != 0 && err == 0) {
        err = -errno;
    }
    return err;
}

static int file_replace(struct output *output, const struct output_writing *writing,
                        const char *path)
{
    int len =
        snprintf(output->temporary, sizeof(output->temporary), "%s.%ld.part", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(output->temporary)) {
        return -ENAMETOOLONG;
    }
    /* In a folder that others may write into, what has this name already may be theirs. */
    (void)unlink(output->temporary);
    int file = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return -errno;
    }
    int err = writing->put(writing->context, file);
    if (close(file) != 0 && err == 0) {
        err = -errno;
    }
    if (err == 0 && rename(output->temporary, path) != 0) {
        err = -errno;
    }
    if (err != 0) {
        (void)unlink(output->temporary); /* half a profile is of no use to anyone */
    }
    return err;
}

static int file_write(struct output *output, const struct output_writing *writing, const char *path)
{
    struct stat found;
    bool special = stat(path, &found) == 0 && !S_ISREG(found.st_mode);
    return special ? file_write_through(writing, path) : file_replace(output, writing, path);
}

static int file_write_undisturbed(struct output *output, const struct output_writing *writing,
                                  const char *path)
{
    struct held_signals held;
    int err = signals_hold(&held);
    if (err != 0) {
        return err;
    }
    err = file_write(output, writing, path);
    signals_release(&held);
    return err;
}

static int profile_write_undisturbed(struct output *output, const char *path)
{
    struct output_writing writing = {own_profile_put, output};
    return file_write_undisturbed(output, &writing, path);
}

static int told(const char *path, int err)
{
    static struct said failed;
    if (err != 0) {
        const char *name = strerrorname_np(-err);
        said_once(&failed, "%s: no profile written: %s", path, name == NULL ? "?" : name);
    }
    return err;
}

static int path_make(struct output *output, uint64_t number)
{
    long process = (long)getpid();
    int len = number == 0 ? snprintf(output->path, sizeof(output->path), "%s.%ld.pb.gz",
                                     output->prefix, process)
                          : snprintf(output->path, sizeof(output->path), "%s.%ld.%06llu.pb.gz",
                                     output->prefix, process, (unsigned long long)number);
    return len < 0 || (size_t)len >= sizeof(output->path) ? -ENAMETOOLONG : 0;
}

int output_write(struct output *output, const char *path)
{
    int saved = errno;
    mutex_lock(&output->mutex);
    modules_refresh(output->modules);
    int err = path == NULL ? path_make(output, 0) : 0;
    if (err == 0) {
        err = profile_write_undisturbed(output, path == NULL ? output->path : path);
    }
    if (path == NULL) {
        err = told(output->path, err);
    }
    mutex_unlock(&output->mutex);
    errno = saved;
    return err;
}

static int ring_advance(struct output *output)
{
    uint64_t number = output->written_count + 1;
    int err = path_make(output, number);
    if (err == 0) {
        err = profile_write_undisturbed(output, output->path);
    }
    if (told(output->path, err) != 0) {
        return err;
    }
    output->written_count = number;
    if (number > output->files_max && path_make(output, number - output->files_max) == 0) {
        (void)unlink(output->path); /* somebody may have taken it away */
    }
    return 0;
}

int output_write_ring(struct output *output)
{
    int saved = errno;
    mutex_lock(&output->mutex);
    modules_refresh(output->modules);
    int err = ring_advance(output);
    mutex_unlock(&output->mutex);
    errno = saved;
    return err;
}

int output_write_ring_in_hook(struct output *output)
{
    if (!mutex_try_lock(&output->mutex)) {
        return -EBUSY;
    }
    int saved = errno;
    int err = ring_advance(output);
    mutex_unlock(&output->mutex);
    errno = saved;
    return err;
}

struct record_profile {
    struct output *output;
    const struct output_moment *past;
};

static int record_profile_put(void *context, int file)
{
    const struct record_profile *profile = context;
    return profile_put(profile->output, profile->past, true, file);
}

int output_record_add(struct output *output, const char *path, const char *name, int64_t time_ns,
                      const struct output_writing *writing, bool waits)
{
    struct held_signals held;
    if (waits) {
        mutex_lock(&output->mutex);
    } else if (!mutex_try_lock(&output->mutex)) {
        return -EBUSY;
    }
    int err = signals_hold(&held);
    if (err == 0) {
        err = record_file_add(path, name, time_ns, writing);
        signals_release(&held);
    }
    mutex_unlock(&output->mutex);
    return err;
}

int output_record_profile(struct output *output, const char *path, const struct output_moment *past,
                          bool waits)
{
    struct record_profile profile = {output, past};
    const struct output_writing writing = {record_profile_put, &profile};
    int64_t time_ns = past != NULL ? past->time_ns : wall_clock_ns();
    return output_record_add(output, path, "heap.pb.gz", time_ns, &writing, waits);
}

size_t output_moment_bytes(const struct output *output)
{
    return profile_snapshot_bytes(output->profile);
}

void output_moment_take(const struct output *output, void *block, struct output_moment *moment)
{
    moment->time_ns = wall_clock_ns();
    moment->now_ns = slu_clock_monotonic_ns();
    moment->snapshot = profile_snapshot_take(output->profile, block);
}

int output_path(const struct output *output, const char *ending, char path[PATH_MAX])
{
    int len = snprintf(path, PATH_MAX, "%s.%ld.%s", output->prefix, (long)getpid(), ending);
    return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

void output_look_for_modules(struct output *output)
{
    if (mutex_try_lock(&output->mutex)) {
        modules_refresh(output->modules);
        mutex_unlock(&output->mutex);
    }
}

int output_rehearse(struct output *output, bool looks_for_modules)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) {
        return -errno;
    }
    int err = -EBUSY;
    if (mutex_try_lock(&output->mutex)) {
        if (looks_for_modules) {
            modules_refresh(output->modules);
        }
        err = profile_put(output, NULL, true, nowhere);
        mutex_unlock(&output->mutex);
    }
    close(nowhere);
    return err;
}

void output_after_fork_child(struct output *output, uint64_t now_ns)
{
    mutex_init(&output->mutex);
    output->written_count = 0;
    output->start_ns = now_ns;
}
