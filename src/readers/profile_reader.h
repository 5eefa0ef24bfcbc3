/*
 * Profiles of all formats that are known, read into a model: pprof's profile.proto; the text of
 * Go's heap and goroutine pages (debug=1); jemalloc's heap_v2; gperftools' heap profiles;
 * heaptrack's recordings; each plain, or packed by gzip or zstd. The format is seen from the first
 * bytes.
 *
 * Whatever comes in, sizes that it declares are not believed, memory is bounded by the model's
 * budget, and a fault is told with its place.
 */
#ifndef READERS_PROFILE_READER_H
#define READERS_PROFILE_READER_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct model;
struct pprof_symbols;
struct slu_diag;

#define PROFILE_TEXT_BYTES_MAX UINT32_MAX /* of one profile, unpacked */

/* Where the bytes come from. */
struct profile_source {
    /* Read up to `room` bytes; `got` 0 is the end. Returns 0 or a negative errno. */
    int (*read)(void *context, void *bytes, size_t room, size_t *got);
    void *context;
    const char *name; /* for messages */
};

struct profile_read_options {
    const struct pprof_symbols *symbols; /* for addresses without names; NULL: they stay so */
};

/*
 * Add the source's profile to the model.
 *
 * A model's first profile decides which types of samples there are; another with other types is
 * refused.
 *
 * Returns  0; -EBADMSG, and `diag` says what is wrong at which byte, as "name: byte 12: ..."
 *          (of the unpacked text where it was packed); -EINVAL for other types; -EDQUOT; -ENOMEM;
 *          what the source returned. After an error the model holds a part of the profile.
 * Cost     linear in the text; about 100 bytes of memory for each sample, and its stack if it is
 *          new
 */
SLU_MUST_USE int profile_read(struct model *model, const struct profile_source *source,
                              const struct profile_read_options *options, struct slu_diag *diag);

#endif
