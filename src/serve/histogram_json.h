/* An exponential histogram of OpenTelemetry as Prometheus' HTTP interface has native ones. */
#ifndef SERVE_HISTOGRAM_JSON_H
#define SERVE_HISTOGRAM_JSON_H

#include <sluice/api.h>
#include <sluice/bytes.h>

struct json_writer;
struct slu_budget;

/*
 * Write the object of a data point: count, sum, min and max where it has them, and of the buckets
 * that count something, lowest first, the rule of the bounds, both of them and the count.
 *
 * point    an ExponentialHistogramDataPoint
 * Returns  0; -EDQUOT, -ENOMEM: no room for its buckets, which are left out
 * Source   prometheus.io/docs/prometheus/latest/querying/api, "Native histograms"
 */
SLU_MUST_USE int histogram_json_write(struct json_writer *json, struct slu_budget *budget,
                                      struct slu_bytes point);

#endif
