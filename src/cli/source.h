/*
 * Where profiles come from, as the user names it: a file, - for standard input, a folder of
 * successive profiles, an http URL, or the number of a process.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_diag;

enum source_kind {
    SOURCE_FILE,
    SOURCE_FOLDER,
    SOURCE_HTTP,
    SOURCE_PROCESS,
};

/* Digits alone are a process, unless there is a file of that name. */
enum source_kind source_kind_of(const char *name);

/* Bytes of one profile, one after another. */
struct source {
    const char *name;
    int fd;
    uint64_t size_bytes; /* 0: not known */
    uint64_t read_bytes;
    bool is_part; /* of a file: it ends after size_bytes */
};

/*
 * Open anything but a folder. Of a capsule, what is read is its newest heap profile.
 *
 * name     borrowed until source_close
 * Returns  0; a negative errno, and `diag` says it for people
 */
SLU_MUST_USE int source_open(struct source *source, const char *name, struct slu_diag *diag);

/* The same without a look into capsules. */
SLU_MUST_USE int source_open_whole(struct source *source, const char *name, struct slu_diag *diag);

/* Returns 0, and with `got` 0 the end; a negative errno. */
SLU_MUST_USE int source_read(struct source *source, void *bytes, size_t room, size_t *got);
void source_close(struct source *source);

/* The names of the profiles in a folder, in order. */
struct source_names {
    char **names;
    size_t count;
};

/*
 * Find the profiles of a folder: files that end as profiles do (.pb.gz, .pb, .prof, .pprof, .heap,
 * .hprof), by name.
 *
 * Returns  0; -ENOENT if there are none; a negative errno; `diag` says it
 * Owner    the caller, until source_names_free
 */
SLU_MUST_USE int source_names_list(const char *folder, struct source_names *names,
                                   struct slu_diag *diag);
void source_names_free(struct source_names *names);

/* The heap's page of a process or a URL, fetched: a descriptor to read it from. */
SLU_MUST_USE int source_pages_open(const char *name, int *fd, struct slu_diag *diag);

#endif
