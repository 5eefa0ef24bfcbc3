/*
 * OTLP messages for the store, made from a seed: what a load sends is known to the last value, so
 * that what is read back can be compared.
 */
#ifndef BENCH_STORE_LOAD_H
#define BENCH_STORE_LOAD_H

#include <stdint.h>

#include <sluice/bytes.h>

#define LOAD_SERIES_EACH 500 /* of a message */
#define LOAD_JITTER      51  /* a counter's step is 1000 and up to so much less one */
#define LOAD_LINES_EACH  500
#define LOAD_SPANS_EACH  500
#define LOAD_RARE_WORD   "quagga4711"

struct slu_budget;
struct metric_load;
struct log_load;
struct span_load;

/*
 * Half of the series are counters that grow by 1000 to 1050, a quarter gauges that walk in steps
 * of 0.1, a quarter constant.
 *
 * series  a multiple of LOAD_SERIES_EACH
 */
struct metric_load *metric_load_make(struct slu_budget *budget, uint64_t series, int64_t start_ms,
                                     int64_t step_ms);
void metric_load_free(struct metric_load **load);

/* The next message: one step of so many series. Valid until the next call. */
struct slu_bytes metric_load_next(struct metric_load *load, int64_t *time_ms);

/* The same as a WriteRequest of Prometheus' remote write. */
struct slu_bytes metric_load_next_remote(struct metric_load *load, int64_t *time_ms);

/*
 * Log lines (log_lines.h) of so many services, in turn.
 *
 * rare_each  one line in so many has LOAD_RARE_WORD; 0: none
 */
struct log_load *log_load_make(struct slu_budget *budget, uint64_t streams, uint64_t rare_each);
void log_load_free(struct log_load **load);
struct slu_bytes log_load_next(struct log_load *load, int64_t *time_ns, uint64_t *text_bytes);

/* Spans of 10 services, eight a trace, with six attributes each. */
struct span_load *span_load_make(struct slu_budget *budget, int64_t start_ns);
void span_load_free(struct span_load **load);
struct slu_bytes span_load_next(struct span_load *load, int64_t *time_ns);

#endif
