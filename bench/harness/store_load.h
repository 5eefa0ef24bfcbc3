/*
 * OTLP messages for the store, made from a seed: what a load sends is known to the last value, so
 * that what is read back can be compared.
 */
#ifndef BENCH_STORE_LOAD_H
#define BENCH_STORE_LOAD_H

#include <stdint.h>

#include <sluice/bytes.h>

#define LOAD_SERIES      5000
#define LOAD_SERIES_EACH 500 /* of a message */
#define LOAD_STEP_MS     15000
#define LOAD_JITTER      51 /* a counter's step is 1000 and up to so much less one */
#define LOAD_STREAMS     20
#define LOAD_LINES_EACH  500
#define LOAD_SPANS_EACH  500

struct slu_budget;
struct metric_load;
struct log_load;
struct span_load;

/*
 * Half of the series are counters that grow by 1000 to 1050, a quarter gauges that walk in steps
 * of 0.1, a quarter constant.
 */
struct metric_load *metric_load_make(struct slu_budget *budget, int64_t start_ms);
void metric_load_free(struct metric_load **load);

/* The next message: one step of so many series. Valid until the next call. */
struct slu_bytes metric_load_next(struct metric_load *load, int64_t *time_ms);

/* Log lines (log_lines.h) of 20 services, in turn. */
struct log_load *log_load_make(struct slu_budget *budget);
void log_load_free(struct log_load **load);
struct slu_bytes log_load_next(struct log_load *load, int64_t *time_ns, uint64_t *text_bytes);

/* Spans of 10 services, eight a trace, with six attributes each. */
struct span_load *span_load_make(struct slu_budget *budget, int64_t start_ns);
void span_load_free(struct span_load **load);
struct slu_bytes span_load_next(struct span_load *load, int64_t *time_ns);

#endif
