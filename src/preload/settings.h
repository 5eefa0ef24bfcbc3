/*
 * What the environment asks for: one table of SLUICE_HEAP_ variables, read once, without
 * allocating. A value that cannot be is told on standard error, and the usual one taken.
 */
#ifndef PRELOAD_SETTINGS_H
#define PRELOAD_SETTINGS_H

#include <stdint.h>

#define SETTINGS_TEXT_MAX 3072 /* of a path, with the final zero */

#define FLIGHT_THREAD 2

#define AT_EXIT_USUAL      2 /* of at_exit: nothing was said */
#define SETTINGS_OUT_USUAL "sluice-heap"

/* Numbers are of one type, so that the table may point at them. */
struct settings {
    uint64_t start;      /* 1: profile from the beginning; 0: wait for slu_heap_start */
    uint64_t rate_bytes; /* mean distance of samples */
    uint64_t samples_per_second_max;
    uint64_t samples_max;
    uint64_t stacks_max;
    uint64_t frames_max; /* of all stacks together */
    uint64_t cache_bytes_max;
    uint64_t ranges; /* 0: sampled blocks stay where the allocator below has put them */
    uint64_t at_exit;
    uint64_t period_ns; /* 0: no periodic profiles */
    uint64_t files_max; /* of the ring */
    uint64_t signal;    /* 0: none */
    uint64_t ages;
    uint64_t flight;       /* when memory runs out: 0: nothing; FLIGHT_THREAD: a thread watches */
    uint64_t memory_limit; /* that flight.h takes */
    uint64_t seed;         /* 0: a random one */
    uint64_t anywhere;     /* 1: pages also where others reach them */
    uint64_t control;      /* 1: pages by the process's number, for its user */
    char out[SETTINGS_TEXT_MAX];        /* what the names of files begin with */
    char listen[SETTINGS_TEXT_MAX];     /* where the pages are; "": there are none */
    char symbolizer[SETTINGS_TEXT_MAX]; /* the program `sluice`, for names in them; or "" */
};

/*
 * Fill in the usual values, then what the environment says.
 *
 * environment  NAME=VALUE ..., NULL at the end; nothing points into it afterwards
 */
void settings_read(struct settings *settings, char *const *environment);

#endif
