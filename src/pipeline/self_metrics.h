/* What a daemon counts about itself: for its own pipelines, and for who asks over HTTP. */
#ifndef PIPELINE_SELF_METRICS_H
#define PIPELINE_SELF_METRICS_H

#include <stdbool.h>
#include <stdint.h>

struct self_metric {
    const char *name; /* as Prometheus has it, without _total */
    const char *help;
    const char *unit;       /* as OTLP has it: "By", "{record}" */
    const char *label_name; /* NULL: none */
    const char *label;
    uint64_t value;
    bool is_counter;
};

typedef void self_metric_fn(void *arg, const struct self_metric *metric);

#endif
