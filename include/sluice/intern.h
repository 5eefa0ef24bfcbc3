/*
 * Interned strings: equal strings are kept once, counted, and named by a small handle. Their number
 * and their bytes are capped at creation.
 *
 * A string whose last reference is released stays for an idle time, so that it can be found again;
 * after that its place may be reclaimed, a bounded bit in each call that adds. Strings are kept
 * without fragmentation: as long as both caps hold, any string fits.
 */
#ifndef SLUICE_INTERN_H
#define SLUICE_INTERN_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

SLU_BEGIN_DECLS

struct slu_intern;

/*
 * Names one interned string until it is reclaimed; 0 is never given out. A handle would be mistaken
 * for a later one only as slu_pool_handle describes.
 */
typedef uint64_t slu_intern_id;

#define SLU_INTERN_STRINGS_MAX      ((uint32_t)1 << 28)
#define SLU_INTERN_BYTES_MAX        ((uint64_t)1 << 33)
#define SLU_INTERN_STRING_BYTES_MAX ((uint32_t)1 << 16)

/* Meant for the stack. */
struct slu_intern_options {
    uint32_t strings_max;      /* 1 to SLU_INTERN_STRINGS_MAX; idle ones count */
    uint32_t string_bytes_max; /* the longest string, 1 to SLU_INTERN_STRING_BYTES_MAX */
    uint64_t bytes_max;        /* all together, string_bytes_max to SLU_INTERN_BYTES_MAX */
    uint64_t idle_ns;          /* how long a string without references stays; 0 is allowed */
    uint64_t seed;             /* random, and kept from those who choose the strings */
};

struct slu_intern_stats {
    uint32_t string_count; /* idle ones among them */
    uint32_t idle_count;   /* without references */
    uint64_t used_bytes;   /* lengths of all strings */
    uint64_t refused_count;
    uint64_t reclaimed_count;
};

/*
 * Make a table whose memory is one block of `budget`: about 68 bytes for each of strings_max, 4/3
 * of bytes_max, and 16 times string_bytes_max.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range; -EOVERFLOW if the size passes size_t;
 *          -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys the table before the budget
 * Cost     one allocation
 */
SLU_API SLU_MUST_USE int slu_intern_create(struct slu_budget *budget,
                                           const struct slu_intern_options *options,
                                           struct slu_diag *diag, struct slu_intern **out);

/*
 * Destroy a table with all its strings; NULL is accepted, and `*intern` becomes NULL.
 */
SLU_API void slu_intern_destroy(struct slu_intern **intern);

/*
 * Find or add `string`, and take a reference to it.
 *
 * now_ns   monotonic nanoseconds; an older value than one seen before counts as the latest seen
 * Returns  0; -EINVAL if the string is longer than string_bytes_max; -EOVERFLOW at UINT32_MAX
 *          references; -EDQUOT (counted) if it is new and a cap is reached although what has been
 *          idle for long enough was reclaimed, or if the hash table's probe bound is reached. On
 *          error no reference was taken.
 * Owner    the caller releases the reference
 * Cost     found: one hash and expected one comparison, at most 128 slots of the table. New: a copy
 *          of the string, moving at most about 8 times its length, and reclaiming at most
 *          string.len + 2 others. Allocates nothing.
 * Threads  one at a time for each table
 */
SLU_API SLU_MUST_USE int slu_intern_add(struct slu_intern *intern, uint64_t now_ns,
                                        struct slu_bytes string, slu_intern_id *id);

/*
 * Find `string` without adding it or taking a reference.
 *
 * Returns  true with its handle; false, and `*id` untouched, if it is not there
 * Cost     as for slu_intern_add when it is found
 * Threads  any, while nobody adds, references, releases or expires
 */
SLU_API bool slu_intern_find(const struct slu_intern *intern, struct slu_bytes string,
                             slu_intern_id *id);

/*
 * Take one more reference; a string that is idle comes back to use.
 *
 * Returns  0; -ESTALE if the string has been reclaimed; -EOVERFLOW at UINT32_MAX references
 * Cost     constant
 * Threads  one at a time for each table
 */
SLU_API SLU_MUST_USE int slu_intern_ref(struct slu_intern *intern, slu_intern_id id);

/*
 * Give one reference back. After the last one the string is idle from `now_ns` on.
 *
 * Returns  0; -ESTALE if the string has been reclaimed, or has no reference left
 * Cost     constant
 * Threads  one at a time for each table
 */
SLU_API SLU_MUST_USE int slu_intern_release(struct slu_intern *intern, uint64_t now_ns,
                                            slu_intern_id id);

/*
 * The bytes of a string.
 *
 * Returns  0; -ESTALE if the string has been reclaimed
 * Owner    borrowed until the next slu_intern_add or slu_intern_expire: strings move
 * Cost     constant
 * Threads  any, while nobody adds or expires
 */
SLU_API SLU_MUST_USE int slu_intern_get(const struct slu_intern *intern, slu_intern_id id,
                                        struct slu_bytes *string);

/*
 * A number from 0 to strings_max - 1 that the string of `id` has to itself while it is there, for
 * arrays that run beside the table.
 */
SLU_API uint32_t slu_intern_slot(const struct slu_intern *intern, slu_intern_id id);

/*
 * Reclaim strings that have been idle for long enough, the longest idle first, at most `count_max`.
 *
 * Returns  how many
 * Cost     constant for each
 * Threads  one at a time for each table
 */
SLU_API uint32_t slu_intern_expire(struct slu_intern *intern, uint64_t now_ns, uint32_t count_max);

SLU_API void slu_intern_stats(const struct slu_intern *intern, struct slu_intern_stats *out);

SLU_END_DECLS

#endif
