/*
 * Random export requests, made from the schema's tables: always well formed, as plain as our own
 * writers make them, or with all that a reader has to bear.
 */
#ifndef TESTS_OTLP_RANDOM_H
#define TESTS_OTLP_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#include "wire/otlp.h"

#define OTLP_MADE_BYTES_MAX ((size_t)256 * 1024)

struct test_random;

enum otlp_style {
    OTLP_PLAIN, /* fields once and in order, numbers packed and in range, nothing unknown */
    OTLP_WILD, /* any order, again and again, packed or not, unknown fields, long varints, groups */
};

/* Meant for static storage: it is large. */
struct otlp_made {
    uint8_t bytes[OTLP_MADE_BYTES_MAX];
    size_t len;
    uint64_t record_count;
    struct test_random *random;
    enum otlp_style style;
    size_t enough_bytes; /* nothing is begun from here on */
};

/* Make a request of about `enough_bytes` at the most, far below OTLP_MADE_BYTES_MAX. */
void otlp_make(struct otlp_made *made, struct test_random *random, enum otlp_signal signal,
               enum otlp_style style, size_t enough_bytes);

/* What was made. */
static inline struct slu_bytes otlp_made_view(const struct otlp_made *made)
{
    return (struct slu_bytes){made->bytes, made->len};
}

#endif
