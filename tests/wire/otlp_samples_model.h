/*
 * The samples of a request said by code too simple to be wrong, as lines of text; and what a reader
 * tells as the same lines.
 */
#ifndef TESTS_OTLP_SAMPLES_MODEL_H
#define TESTS_OTLP_SAMPLES_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include <sluice/bytes.h>

#include "wire/otlp_samples.h"

#define OTLP_LINES_BYTES ((size_t)8 << 20)

/* Meant for static storage. */
struct otlp_lines {
    char bytes[OTLP_LINES_BYTES];
    size_t len;
    bool is_full; /* what comes is left out */
    bool is_odd;  /* a sample had a name twice, no name or an empty value */
};

/* Add the lines of a request that otlp_check takes. */
void otlp_lines_model(struct otlp_lines *lines, struct slu_bytes message);

/* Visitors for a reader; `arg` is a struct otlp_lines. */
int otlp_lines_sample(void *arg, const struct otlp_sample *sample);
int otlp_lines_facts(void *arg, const struct otlp_metric_facts *facts);

#endif
