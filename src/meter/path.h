/* The path of a URL, cleaned and made into one of few. */
#ifndef METER_PATH_H
#define METER_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

struct path_templates;

/*
 * Clean a path as slu_label_normalise says; with `identify`, also replace identifiers.
 *
 * raw      not empty
 * Returns  the length written, 1 to size_bytes
 */
size_t path_clean(struct slu_bytes raw, bool identify, char *out, size_t size_bytes);

/*
 * Replace the identifiers of a clean path, and the beginning for which there is a template.
 *
 * Returns  the length written, 1 to size_bytes
 */
size_t path_identify(const struct path_templates *templates, struct slu_bytes clean, char *out,
                     size_t size_bytes);

/* The segment of a clean path at `*at`, which is moved behind it; false after the last. */
bool path_segment_next(struct slu_bytes clean, size_t *at, struct slu_bytes *segment);

#endif
