/*
 * The data points of an ExportMetricsServiceRequest as samples of series, with the names and labels
 * that Prometheus would give them.
 *
 * Source  opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics
 */
#ifndef WIRE_OTLP_SAMPLES_H
#define WIRE_OTLP_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

struct otlp_sample_reader;
struct slu_budget;

enum otlp_sample_kind {
    OTLP_SAMPLE_NUMBER,
    OTLP_SAMPLE_HISTOGRAM, /* an ExponentialHistogramDataPoint without attributes and time */
    OTLP_SAMPLE_EXEMPLAR,  /* an Exemplar as it came */
};

struct otlp_label {
    struct slu_bytes name;
    struct slu_bytes value;
};

struct otlp_sample {
    const struct otlp_label *labels; /* in no order; no name twice, no value empty */
    size_t label_count;
    int64_t time_ns; /* since 1970 */
    enum otlp_sample_kind kind;
    double number;            /* of NUMBER */
    struct slu_bytes message; /* of the others */
};

/* What is known of a metric, told once for each that has a data point. */
struct otlp_metric_facts {
    struct slu_bytes name; /* as its series have it, without _bucket, _sum, _count */
    const char *type;      /* counter, gauge, histogram, summary, unknown, as Prometheus says */
    struct slu_bytes unit;
    struct slu_bytes help;
};

/* Called in the order of the message; all is valid for the call. 0, or what ends the reading. */
struct otlp_sample_visit {
    int (*sample)(void *arg, const struct otlp_sample *sample);
    int (*facts)(void *arg, const struct otlp_metric_facts *facts); /* NULL: not wanted */

    /* Points that can be no samples, and why; NULL: they are left out */
    int (*refuse)(void *arg, uint64_t point_count, const char *reason);
    void *arg;
};

/*
 * Make a reader, with room for the labels of one data point and a memory of names that it has
 * translated, about 250 KiB; used for message after message by one thread at a time.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int otlp_sample_reader_create(struct slu_budget *budget,
                                           struct otlp_sample_reader **out);
void otlp_sample_reader_destroy(struct otlp_sample_reader **reader);

/*
 * Read a message that otlp_check has accepted.
 *
 * Names: characters that Prometheus does not allow become '_'; the unit and, for monotonic sums,
 * _total are appended as the specification says. job and instance come from service.name (with
 * service.namespace) and service.instance.id, before attributes of a point that are called so; the
 * resource's other attributes make a series target_info with value 1, at the time of the resource's
 * newest point, if there are any beside those and a job or an instance. What
 * is refused: points of a metric without a name, or with one of more than 512 bytes, and those with
 * more labels than there is room for.
 *
 * A histogram becomes _bucket (with le), _sum if it has one, and _count; a summary its quantiles,
 * _sum and _count; exemplars are of the series without a suffix, at their own time or else their
 * point's. Points with the flag "no recorded value" have Prometheus' stale marker; those without a
 * value and the flag have no sample. Sums with delta temporality keep their values, without _total.
 *
 * Returns  0; -EBADMSG; what a visitor returned; -EDQUOT, -ENOMEM: no room for a histogram
 * Cost     linear; allocates nothing when exponential histograms are no larger than those before;
 *          under 150 ns a data point of a gauge with five attributes
 */
SLU_MUST_USE int otlp_samples_read(struct otlp_sample_reader *reader, struct slu_bytes message,
                                   const struct otlp_sample_visit *visit);

#endif
