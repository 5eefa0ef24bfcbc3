/*
 * Log lines as services write them, from a seed: a stream is one service, whose lines come from a
 * few of a dozen templates, as often as is usual. Lines of a request share its trace; a request
 * has four such lines on average, and a service answers eight at a time. 110 bytes on average.
 */
#ifndef BENCH_LOG_LINES_H
#define BENCH_LOG_LINES_H

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX      512
#define LOG_TEMPLATES     12
#define LOG_REQUESTS_OPEN 8

struct log_stream {
    uint64_t random;
    uint64_t number;
    int64_t time_ns;
    uint32_t weights[LOG_TEMPLATES]; /* running sums */
    uint64_t traces[LOG_REQUESTS_OPEN];
    uint64_t offset; /* of a topic, which grows */
    unsigned is_each_traced_anew;
};

/* The service of this number; `is_each_traced_anew`: no two lines share a trace. */
void log_stream_init(struct log_stream *stream, uint64_t number, unsigned is_each_traced_anew);

struct log_line {
    int64_t time_ns; /* since 1970; 2 ms later than the last one on average */
    size_t len;
    unsigned severity; /* of OpenTelemetry */
    unsigned logger;   /* which of the service's */
    char text[LOG_LINE_MAX];
};

void log_line_next(struct log_stream *stream, struct log_line *line);

#endif
