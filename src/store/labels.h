/*
 * Labels of a stream or series as bytes: pairs in the order of their names, each a varint of its
 * length and the text, name and value in turn. Equal sets are equal bytes.
 */
#ifndef STORE_LABELS_H
#define STORE_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#define LABELS_COUNT_MAX ((size_t)128)
#define LABELS_BYTES_MAX ((size_t)16384) /* encoded */

struct label {
    struct slu_bytes name;
    struct slu_bytes value;
};

/*
 * Sort the labels by name, which changes the array, and write them. Those without a value are left
 * out.
 *
 * bytes    of LABELS_BYTES_MAX
 * Returns  0; -EINVAL if a name is empty or comes twice; -E2BIG past one of the limits
 */
SLU_MUST_USE int labels_encode(struct label *labels, size_t count, unsigned char *bytes,
                               size_t *len);

/* Take the next label off the front of `rest`; false at the end, or where it is not well formed. */
bool labels_next(struct slu_bytes *rest, struct label *label);

/* Whether the bytes are what labels_encode writes. */
bool labels_are_right(struct slu_bytes encoded);

/* The value of a name; empty and false if there is none. */
bool labels_find(struct slu_bytes encoded, struct slu_bytes name, struct slu_bytes *value);

/* The order of streams in a part: as memcmp, shorter first where one begins the other. */
int labels_compare(struct slu_bytes left, struct slu_bytes right);

uint64_t labels_hash(struct slu_bytes encoded);

#endif
