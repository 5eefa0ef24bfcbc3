/*
 * Names and lines for a profile that has addresses alone, as one written inside a process has.
 *
 * All that the profile holds goes over unchanged, unknown fields too; what is added are functions,
 * strings, the lines of locations that had none, and what mappings say of them.
 *
 * Source  github.com/google/pprof, proto/profile.proto
 */
#ifndef READERS_PPROF_SYMBOLIZE_H
#define READERS_PPROF_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct sink;
struct slu_arena;
struct slu_diag;

#define PPROF_FRAMES_MAX 64 /* functions at one address */

/* A module that was mapped into the process. */
struct pprof_module {
    size_t index; /* the same for each question about one mapping, from 0 */
    struct slu_bytes file;
    struct slu_bytes build_id; /* hexadecimal; empty if not known */
};

/* One function; strings stay valid until pprof_symbolize returns, and may be NULL. */
struct pprof_frame {
    const char *function;
    const char *linkage;
    const char *file;
    uint32_t line;
    uint32_t start_line;
};

/* Who knows the names. */
struct pprof_symbols {
    /* The functions at a byte of the module's file, inlined ones first. Returns how many. */
    size_t (*find)(void *context, const struct pprof_module *module, uint64_t file_offset,
                   struct pprof_frame *frames, size_t frames_max);
    void *context;
};

struct pprof_symbolized {
    uint64_t location_count;
    uint64_t named_count;   /* of them, that had lines already */
    uint64_t found_count;   /* that have got names now */
    uint64_t unknown_count; /* that still have none */
};

/*
 * Write `profile` with names to `sink`, which is the caller's to end.
 *
 * profile  profile.proto, not compressed
 * arena    for tables of the profile's strings and mappings: about 100 bytes for each location
 * Returns  0; -EBADMSG, and `diag` says at which byte; -EDQUOT or -ENOMEM from the arena
 */
SLU_MUST_USE int pprof_symbolize(struct slu_bytes profile, const struct pprof_symbols *symbols,
                                 struct slu_arena *arena, struct sink *sink, struct slu_diag *diag,
                                 struct pprof_symbolized *result);

#endif
