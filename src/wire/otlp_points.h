/* The data points of one metric; private to otlp_samples. */
#ifndef WIRE_OTLP_POINTS_H
#define WIRE_OTLP_POINTS_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "base/block.h"
#include "wire/otlp_labels.h"
#include "wire/otlp_names.h"
#include "wire/otlp_samples.h"
#include "wire/prometheus_name.h"

#define OTLP_REST_FIRST ((size_t)4096)
#define OTLP_SUFFIX_MAX 16

/* By the field of Metric that has them. */
enum otlp_data {
    OTLP_DATA_NONE = 0,
    OTLP_DATA_GAUGE = 5,
    OTLP_DATA_SUM = 7,
    OTLP_DATA_HISTOGRAM = 9,
    OTLP_DATA_EXPONENTIAL = 10,
    OTLP_DATA_SUMMARY = 11,
};

struct otlp_sample_reader {
    struct slu_budget *budget;
    const struct otlp_sample_visit *visit;
    struct otlp_labels info;   /* all attributes of the resource */
    struct otlp_labels labels; /* of the series: those of the resource, then of the point */
    int64_t newest_ns;         /* of the resource's points */
    struct otlp_names names;
    size_t name_len;
    char name[PROMETHEUS_NAME_MAX + OTLP_SUFFIX_MAX];
    struct block rest; /* of an exponential histogram's point */
};

/* Tell of points that can be no samples. Returns what the visitor returned; 0 without one */
SLU_MUST_USE int otlp_points_refuse(const struct otlp_sample_reader *reader, uint64_t count,
                                    const char *reason);

/* Visit the samples of a data point. Returns 0; -EBADMSG; what the visitor returned */
SLU_MUST_USE int otlp_point_visit(struct otlp_sample_reader *reader, enum otlp_data kind,
                                  struct slu_bytes point);

#endif
