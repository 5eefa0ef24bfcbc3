/*
 * What the operating system and the load were, as text: copies of /proc/PID/status and
 * /proc/PID/smaps_rollup, lines of a collector's trace, and lines of samples:
 *
 *     TIME BYTES            resident memory
 *     TIME NAME VALUE       rss, limit (bytes); threads; requests (since some beginning)
 *
 * TIME is seconds since any moment, the same for all; VALUE may have a unit (kB, KiB, MiB, GiB,
 * all of 1024). Lines that begin with # are remarks.
 */
#ifndef DIAGNOSE_SAMPLES_H
#define DIAGNOSE_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/bytes.h>

struct evidence;

/* Whether the text is a copy of /proc/PID/status or smaps_rollup. */
bool samples_is_proc(struct slu_bytes text);

/* Take a copy of them in, that was made at `seconds`. */
void samples_add_proc(struct evidence *evidence, struct slu_bytes text, double seconds);

/* The same for the account of memory that the profiler serves, whose resident bytes are taken. */
bool samples_is_account(struct slu_bytes text);
void samples_add_account(struct evidence *evidence, struct slu_bytes text, double seconds);

/* Take a log or lines of samples in. How many lines of a trace, and of samples, there were. */
struct samples_found {
    uint64_t trace_lines;
    uint64_t sample_lines;
};
struct samples_found samples_add_lines(struct evidence *evidence, struct slu_bytes text);

#endif
