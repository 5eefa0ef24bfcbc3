/* Whole numbers, sizes and durations as they are typed on a command line. */
#ifndef CLI_QUANTITY_H
#define CLI_QUANTITY_H

#include <stdint.h>

#include <sluice/api.h>

struct sink;

/* Digits alone. Returns 0; -EINVAL; -EOVERFLOW. */
SLU_MUST_USE int quantity_read_integer(const char *text, uint64_t *out);

/*
 * A size in bytes: digits, perhaps a decimal fraction, and B, KiB, MiB, GiB, TiB (or K, M, G, T in
 * either case: the same), kB, KB, MB, GB, TB (powers of 1000), or nothing. A fraction of a byte is
 * cut off.
 *
 * Returns  0; -EINVAL; -EOVERFLOW
 */
SLU_MUST_USE int quantity_read_bytes(const char *text, uint64_t *out);

/*
 * A duration in nanoseconds: numbers with ns, us, ms, s, m, h, d, one after another (1h30m), each
 * perhaps with a decimal fraction. 0 needs no unit.
 *
 * Returns  0; -EINVAL; -EOVERFLOW
 */
SLU_MUST_USE int quantity_read_duration(const char *text, uint64_t *out);

/* Write a size or a duration exactly, as the functions above read it. */
void quantity_write_bytes(struct sink *out, uint64_t bytes);
void quantity_write_duration(struct sink *out, uint64_t nanoseconds);

#endif
