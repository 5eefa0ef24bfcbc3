/*
 * The heap profile of a running program: stacks that allocated, and the sampled allocations that
 * are still live.
 *
 * What is called from within malloc and free (profile_record, profile_forget, profile_rate,
 * sampling_next) takes no lock, makes no system call, allocates nothing, and leaves errno and the
 * floating-point state alone. A thread that is interrupted there, forks or ends there harms nobody
 * else: a signal handler may allocate, and a child of fork goes on at once.
 *
 * Everything is in one zeroed block that the caller gives; its tables fill from their beginning, so
 * that of a mapping (with MADV_NOHUGEPAGE) only what is used becomes resident. When a table is full
 * the profile goes on: a stack too many counts in one that says so, a live sample too many counts
 * as allocated and not as in use, and both are told in the profile.
 */
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "profile/sampling.h"

struct profile;
struct profile_snapshot;
struct sink;
struct slu_diag;

#define PROFILE_FRAMES_MAX  128                 /* of one stack */
#define PROFILE_SAMPLES_MAX ((uint32_t)1 << 28) /* bounds of the options below */
#define PROFILE_STACKS_MAX  ((uint32_t)1 << 24)
#define PROFILE_PCS_MAX     ((uint32_t)1 << 31)
#define PROFILE_NONE        UINT32_MAX

struct profile_options {
    uint64_t rate_bytes;             /* mean distance of samples, 1 to SAMPLING_RATE_MAX */
    uint64_t samples_per_second_max; /* the rate doubles while there are more; 0: never */
    uint32_t samples_max;            /* live samples, 48 bytes each once used */
    uint32_t stacks_max;             /* different stacks, 56 bytes each once used ... */
    uint32_t pcs_max;                /* ... and 8 bytes for each frame of all of them */
};

/* 512 KiB; 1,000 samples a second; 131,072 live samples, 32,768 stacks of 24 frames: 13.8 MiB. */
void profile_options_default(struct profile_options *options);

/*
 * How large a block profile_init needs.
 *
 * Returns  0; -EINVAL with a diagnosis that names the option and what is allowed
 */
int profile_bytes(const struct profile_options *options, struct slu_diag *diag, size_t *bytes);

/*
 * Begin an empty profile.
 *
 * block    zeroed, profile_bytes() long, aligned to 64 bytes; better to a page
 * options  as profile_bytes accepted them
 * now_ns   monotonic
 * Returns  the profile: the block's beginning; nothing need be undone before the block is unmapped
 */
struct profile *profile_init(void *block, const struct profile_options *options, uint64_t now_ns);

/*
 * In the child of fork, when only this thread is left: the ceiling of samples begins a new second.
 * Figures and live samples go on, as the child has the parent's memory.
 */
void profile_after_fork_child(struct profile *profile, uint64_t now_ns);

/* The mean distance to draw the next sample with; one atomic load. */
uint64_t profile_rate(const struct profile *profile);

/* Set the rate that the ceiling raises from: 1 to SAMPLING_RATE_MAX, or -EINVAL. */
int profile_set_rate(struct profile *profile, uint64_t rate_bytes);

/* One sampled allocation. */
struct profile_allocation {
    uint64_t address;
    uint64_t size_bytes;
    uint64_t rate_bytes; /* with which the distance to it was drawn: not profile_rate() by now */
    uint32_t thread_id;  /* the kernel's */
    uint32_t frame_count;
    const uint64_t *return_pcs; /* the innermost first; a pc that a signal interrupted plus one */
};

/*
 * Count a sampled allocation and keep it until profile_forget.
 *
 * now_ns   monotonic; it may stand still or go back
 * Returns  0 with the sample's index; -ENOBUFS with the index untouched if samples_max are live:
 *          then there is nothing to forget, and the allocation is counted as allocated alone
 * Cost     about 60 ns for 25 frames; at most 128 slots of the stack table are looked at
 * Threads  any, at once; also a signal handler that interrupts another call
 */
int profile_record(struct profile *profile, const struct profile_allocation *allocation,
                   uint64_t now_ns, uint32_t *index);

/*
 * The sampled allocation is freed.
 *
 * address  as recorded: a wrong or stale index is noticed
 * Returns  0; -ESTALE if no live sample of that address has the index, and nothing has changed
 * Cost     constant: about 40 ns
 * Threads  any, at once; two at once for one sample: one of them gets -ESTALE
 */
int profile_forget(struct profile *profile, uint32_t index, uint64_t address);

/* A live sample, for those who walk all of them: index from 0 to profile_sample_end. */
struct profile_sample {
    uint64_t address;
    uint64_t size_bytes;
    uint64_t weight; /* sampling_weight(size_bytes, rate_bytes) */
    uint64_t birth_ns;
    uint32_t rate_bytes;
    uint32_t thread_id;
    uint32_t stack; /* for profile_stack */
};

/* Indices in use are below. */
uint32_t profile_sample_end(const struct profile *profile);

/*
 * Copy the sample.
 *
 * Returns  false if the index is free, or its sample changed meanwhile
 */
bool profile_sample_at(const struct profile *profile, uint32_t index,
                       struct profile_sample *sample);

/* The frames of a sample's stack; they are valid as long as the profile. */
uint32_t profile_stack(const struct profile *profile, uint32_t stack, const uint64_t **return_pcs);

/* Stacks seen so far have lower numbers, further ones have not. */
uint32_t profile_stack_end(const struct profile *profile);

/*
 * Other code is now where a module was: let the stacks below `stack_end` name the module's code by
 * addresses from `to` on, which nothing else has.
 *
 * Cost     O(frames of all stacks)
 * Threads  any, but one call at a time; who writes a profile meanwhile finds a stack before or
 *          after it
 */
void profile_move_code(struct profile *profile, uint64_t start, uint64_t limit, uint64_t to,
                       uint32_t stack_end);

struct profile_stats {
    uint64_t alloc_objects; /* weighted, so estimates of the whole program's figures */
    uint64_t alloc_bytes;
    uint64_t inuse_objects;
    uint64_t inuse_bytes;
    uint64_t samples_recorded;
    uint64_t samples_dropped; /* samples_max were live */
    uint64_t stacks_dropped;  /* samples whose stack found no room */
    uint64_t rate_bytes;      /* now */
    uint32_t samples_live;
    uint32_t stack_count;
    size_t block_bytes;
    size_t used_bytes; /* of the block: what has been touched, to within a page a table */
};

/* The sums of all stacks, and how full the tables are. Cost: O(stacks_max + samples_max). */
void profile_stats(const struct profile *profile, struct profile_stats *stats);

/*
 * Figures of a moment, for the difference between two moments.
 *
 * block  zeroed, profile_snapshot_bytes() long; it becomes resident as far as there are stacks
 * Cost   O(stacks_max)
 */
size_t profile_snapshot_bytes(const struct profile *profile);
struct profile_snapshot *profile_snapshot_take(const struct profile *profile, void *block);

/* What is mapped where; `file` and `build_id` (in hexadecimal) may be empty. */
struct profile_mapping {
    uint64_t start;
    uint64_t limit;
    uint64_t file_offset; /* of `start` */
    struct slu_bytes file;
    struct slu_bytes build_id;
};

enum profile_format {
    PROFILE_PPROF_GZIP, /* profile.proto as pprof takes it from files and over HTTP */
    PROFILE_PPROF,      /* the same uncompressed */
    PROFILE_TEXT,       /* the older format of ?debug=1 */
};

enum profile_sample_type {
    PROFILE_INUSE_SPACE, /* what pprof shows first */
    PROFILE_INUSE_OBJECTS,
    PROFILE_ALLOC_SPACE,
    PROFILE_ALLOC_OBJECTS,
};

struct profile_write_options {
    enum profile_format format;
    enum profile_sample_type default_sample_type;
    const struct profile_mapping *mappings; /* ascending by start; the program itself may be any */
    uint32_t mapping_count;
    bool ages;           /* in-use samples by a label `age`, the least age in seconds */
    int64_t time_ns;     /* the wall clock */
    int64_t duration_ns; /* since profiling began, or since `since` */
    uint64_t now_ns;     /* monotonic, for ages */
    const struct profile_snapshot *since; /* only what changed since then; in use may be negative */
    const struct profile_snapshot *at;    /* what it would have been then; NULL: now */
    const char *comment;                  /* a line for `pprof -comments`, or NULL */
};

/*
 * The scratch memory of one profile_write, zeroed or used by another one before; it becomes
 * resident as far as it is used.
 */
size_t profile_write_bytes(const struct profile *profile);

/*
 * Write the profile while the program goes on; each stack's figures are of one moment.
 *
 * Values are weighted: sums over all samples estimate the program's true figures, so that the text
 * format says `heap/2`, which readers take as values that need no scaling.
 *
 * scratch  of this call alone, profile_write_bytes() long, aligned to 64 bytes
 * Returns  0; -EINVAL if mappings are not ascending, or ages are asked of a difference or of a
 *          moment that is past; an error
 *          of the sink
 * Threads  any, also at once with different scratch memory and sinks
 */
int profile_write(const struct profile *profile, const struct profile_write_options *options,
                  void *scratch, struct sink *sink);

/* What is mapped where, a line each as in /proc/PID/maps: the end of a profile in text. */
void profile_write_mappings(const struct profile_mapping *mappings, uint32_t count,
                            struct sink *sink);

#endif
