/*
 * store_load_drive FORMAT SERIES STEPS START_MS STEP_MS: bodies of requests on the standard output,
 * each behind its length in 32 bits, little endian, of 5,000 points as batches have them. FORMAT is
 * otlp, or remote-write: Prometheus' message in a block of snappy, the same series and values.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "store_load.h"

#define BUDGET_BYTES ((uint64_t)1 << 30)
#define LITERAL_MAX  ((size_t)65536)
#define BODY_MAX     ((size_t)4 << 20)
#define BODY_EACH    10 /* messages that are one behind another: their fields add up */

static void must(bool is_fine, const char *what)
{
    if (!is_fine) {
        fprintf(stderr, "store_load_drive: %s\n", what);
        exit(1);
    }
}

static void body_print(struct slu_bytes body)
{
    unsigned char len[4] = {(unsigned char)body.len, (unsigned char)(body.len >> 8),
                            (unsigned char)(body.len >> 16), (unsigned char)(body.len >> 24)};
    must(fwrite(len, 1, sizeof(len), stdout) == sizeof(len), "cannot write");
    must(fwrite(body.data, 1, body.len, stdout) == body.len, "cannot write");
}

/* A block of snappy that compresses nothing: its length, then literals. */
static struct slu_bytes snappy_wrap(struct slu_bytes plain, unsigned char *to)
{
    size_t len = 0;
    for (size_t rest = plain.len; rest > 0 || len == 0; rest >>= 7) {
        to[len++] = (unsigned char)((rest & 127) | (rest > 127 ? 128 : 0));
    }
    for (size_t at = 0; at < plain.len;) {
        size_t piece = plain.len - at < LITERAL_MAX ? plain.len - at : LITERAL_MAX;
        to[len++] = 61 << 2; /* a literal whose length less one follows in two bytes */
        to[len++] = (unsigned char)(piece - 1);
        to[len++] = (unsigned char)((piece - 1) >> 8);
        memcpy(to + len, (const char *)plain.data + at, piece);
        len += piece;
        at += piece;
    }
    return (struct slu_bytes){to, len};
}

static struct slu_bytes body_make(struct metric_load *load, bool is_remote, unsigned char *to)
{
    size_t len = 0;
    for (int i = 0; i < BODY_EACH; i++) {
        int64_t time_ms = 0;
        struct slu_bytes more =
            is_remote ? metric_load_next_remote(load, &time_ms) : metric_load_next(load, &time_ms);
        must(more.len <= BODY_MAX - len, "a body is too long");
        memcpy(to + len, more.data, more.len);
        len += more.len;
    }
    return (struct slu_bytes){to, len};
}

int main(int argc, char **argv)
{
    struct slu_budget *budget = NULL;
    static unsigned char plain[BODY_MAX];
    static unsigned char wrapped[2 * BODY_MAX];
    must(argc == 6, "wanted: FORMAT SERIES STEPS START_MS STEP_MS");
    must(slu_budget_create(NULL, "load", BUDGET_BYTES, &budget) == 0, "no memory");
    bool is_remote = strcmp(argv[1], "remote-write") == 0;
    must(is_remote || strcmp(argv[1], "otlp") == 0, "FORMAT is otlp or remote-write");
    uint64_t series = strtoull(argv[2], NULL, 10);
    uint64_t steps = strtoull(argv[3], NULL, 10);
    must(series > 0 && series % (BODY_EACH * LOAD_SERIES_EACH) == 0, "SERIES: not whole bodies");
    struct metric_load *load =
        metric_load_make(budget, series, strtoll(argv[4], NULL, 10), strtoll(argv[5], NULL, 10));
    for (uint64_t i = 0; i < steps * (series / LOAD_SERIES_EACH / BODY_EACH); i++) {
        struct slu_bytes body = body_make(load, is_remote, plain);
        body_print(is_remote ? snappy_wrap(body, wrapped) : body);
    }
    metric_load_free(&load);
    slu_budget_destroy(&budget);
    return fflush(stdout) == 0 ? 0 : 1;
}
