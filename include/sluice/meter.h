/*
 * Meter: metrics by name and labels, in memory fixed at creation, whatever labels arrive.
 *
 * Label values are normalised (sluice/label.h), kept once, and dropped with their series when it
 * has been idle for long enough. Series are capped in number, by meter and by metric, and in bytes
 * of their values: what is beyond a cap is recorded in one overflow series of the metric, labelled
 * `otel_metric_overflow="true"`, so that totals stay right; slu_meter_exploded names the label that
 * is to blame.
 *
 * Each thread that records has a writer, a number below writer_count, and with it cells of its own:
 * recording is a few plain stores, and nobody waits for anybody. Threads without a writer use
 * SLU_METER_ANY_THREAD, at the price of a lock.
 */
#ifndef SLUICE_METER_H
#define SLUICE_METER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/budget.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>
#include <sluice/label.h>
#include <sluice/quantile.h>

SLU_BEGIN_DECLS

struct slu_meter;

#define SLU_METER_METRICS_MAX      ((uint32_t)1 << 16)
#define SLU_METER_SERIES_MAX       ((uint32_t)1 << 24)
#define SLU_METER_LABELS_MAX       16
#define SLU_METER_WRITERS_MAX      256
#define SLU_METER_VALUES_BYTES_MAX ((uint64_t)1 << 32)
#define SLU_METER_KEY_BYTES_MAX    4096 /* labels_max x (value_bytes_max, rounded up to 8, + 8) */
#define SLU_METER_NAME_BYTES_MAX   255
#define SLU_METER_HELP_BYTES_MAX   1024
#define SLU_METRIC_QUANTILES_MAX   8

/* The writer of threads that have none; any number of them at once. */
#define SLU_METER_ANY_THREAD UINT32_MAX

/* The label of overflow series, and what it is called in OpenTelemetry. */
#define SLU_METER_OVERFLOW_LABEL     "otel_metric_overflow"
#define SLU_METER_OVERFLOW_ATTRIBUTE "otel.metric.overflow"

struct slu_meter_options {
    uint32_t metrics_max; /* 1 to SLU_METER_METRICS_MAX */
    uint32_t series_max;  /* of all metrics, 1 to SLU_METER_SERIES_MAX; overflow ones are free */
    uint32_t labels_max;  /* of one metric, 1 to SLU_METER_LABELS_MAX */
    uint32_t value_bytes_max;  /* of one value, SLU_LABEL_BYTES_MIN to SLU_LABEL_BYTES_MAX */
    uint32_t names_bytes_max;  /* names and help of all metrics and labels together */
    uint32_t writer_count;     /* 1 to SLU_METER_WRITERS_MAX */
    uint64_t values_bytes_max; /* label values of all series, equal ones once, each rounded up to 24
                                  bytes: value_bytes_max to SLU_METER_VALUES_BYTES_MAX */
    uint64_t idle_ns;          /* a series without samples for so long may go; 0 keeps all */
    uint64_t seed;             /* random, and kept from those who choose the label values */
    const struct slu_label_rules *rules; /* may be NULL; must outlive the meter */
    uint32_t windows_max; /* quantile windows: one for each series of a SLU_METRIC_SUMMARY, and one
                             for its overflow; 0 to series_max + metrics_max */
    struct slu_quantile_window_options window; /* of each of them; not looked at without any */
};

enum slu_metric_kind {
    SLU_METRIC_COUNTER = 1, /* a sum that only grows */
    SLU_METRIC_SUM,         /* a sum that also shrinks; a gauge in the exposition */
    SLU_METRIC_GAUGE,       /* the latest value */
    SLU_METRIC_SUMMARY,     /* quantiles of the last span, and count and sum of all */
    SLU_METRIC_PRESENCE,    /* only that the series is there, for filters; not in the exposition */
};

struct slu_metric_options {
    const char *name; /* as Prometheus has it; of a SLU_METRIC_PRESENCE any UTF-8. Counters may or
                         may not end in `_total`: it is added. */
    const char *help; /* may be NULL */
    enum slu_metric_kind kind;
    double scale;              /* factor in the exposition, above 0; 0 means 1. 1e-9: ns to s */
    const char *const *labels; /* names as Prometheus has them; copied */
    uint32_t label_count;      /* at most labels_max */
    bool open_labels;    /* more labels are added as they are met, up to labels_max of the meter */
    uint32_t series_max; /* of this metric; 0: as the meter */
    const double *quantiles; /* of a SLU_METRIC_SUMMARY, from 0 to 1, ascending */
    uint32_t quantile_count; /* at most SLU_METRIC_QUANTILES_MAX; 0: 0.5, 0.9, 0.99 */
};

/*
 * What a sample is recorded for.
 *
 * names   NULL: the values are those of the labels as registered, all of them; otherwise each
 *         value's label, in any order, not twice
 * values  raw; an empty one says that the label is absent
 */
struct slu_meter_key {
    uint32_t metric;
    uint32_t label_count;
    const struct slu_bytes *names;
    const struct slu_bytes *values;
};

/* A resolved series, to be passed by value. Members are private; all zero never names one. */
struct slu_series {
    uint64_t id;
    uint32_t metric;
    uint32_t kind;
};

struct slu_meter_stats {
    uint32_t metric_count;
    uint32_t series_count;
    uint32_t windows_used_count;
    uint64_t values_used_bytes;
    uint64_t dropped_count; /* series that were idle */
};

struct slu_metric_stats {
    uint32_t series_count;
    uint64_t dropped_count;  /* series that were idle */
    uint64_t overflow_count; /* samples beyond a cap */
};

/* The label to blame for an overflow. */
struct slu_meter_explosion {
    uint32_t metric;
    uint32_t label;          /* its place among the metric's labels */
    struct slu_bytes name;   /* valid as long as the meter */
    uint64_t distinct_count; /* values that were new in this idle time and the last, within about a
                                 third */
    uint64_t overflow_count; /* samples of the metric beyond a cap, since it was registered */
};

/*
 * Make a meter whose memory is one block of `budget`. A series takes 88 bytes, 152 if labels_max is
 * more than 8, and 32 for each writer and one more; a metric as much for its overflow series, and
 * 200 + 136 x labels_max; a quantile window 64 and its size_bytes; values_bytes_max is taken
 * twice.
 *
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option outside its range; -EOVERFLOW if the size passes size_t;
 *          -EDQUOT if the budget has no room; -ENOMEM
 * Owner    the caller, who destroys the meter before the budget and the rules
 * Cost     one allocation; nothing is allocated later
 */
SLU_API SLU_MUST_USE int slu_meter_create(struct slu_budget *budget,
                                          const struct slu_meter_options *options,
                                          struct slu_diag *diag, struct slu_meter **out);

/* Destroy it when no thread uses it any more; NULL is accepted, and `*meter` becomes NULL. */
SLU_API void slu_meter_destroy(struct slu_meter **meter);

/*
 * Register a metric; the options and what they point to are copied.
 *
 * Returns  0 with the metric's number, from 0 in order; -EINVAL for an option outside its range;
 *          -EEXIST if the name is in use; -EDQUOT if metrics_max, names_bytes_max or, for a
 *          summary, windows_max is reached
 * Cost     O(metrics)
 * Threads  any, at any time
 */
SLU_API SLU_MUST_USE int slu_meter_register(struct slu_meter *meter,
                                            const struct slu_metric_options *options,
                                            struct slu_diag *diag, uint32_t *metric);

/*
 * The number of the metric of this name. Counters are found with and without `_total`.
 *
 * Returns  0; -ENOENT
 * Cost     O(metrics)
 * Threads  any, at any time
 */
SLU_API SLU_MUST_USE int slu_meter_find(struct slu_meter *meter, struct slu_bytes name,
                                        uint32_t *metric);

/*
 * Find or add the series of a key; beyond a cap, give the metric's overflow series. The series
 * counts as used at `now_ns`, but for gauges, which must be set for that.
 *
 * now_ns   monotonic nanoseconds; time that runs backwards drops nothing
 * Returns  0; -EINVAL for a writer, metric or label that there is not, a label twice, or another
 *          number of labels than registered
 * Owner    nothing to give back: a series that went for idleness is told by -ESTALE
 * Cost     normalising and hashing the values, expected constant otherwise, at most 64 series
 *          compared; for a new series, and at the first use by a writer, a lock and at most 130
 *          series examined for idleness; allocates nothing
 * Threads  any number, each with its writer
 */
SLU_API SLU_MUST_USE int slu_meter_resolve(struct slu_meter *meter, uint32_t writer,
                                           const struct slu_meter_key *key, uint64_t now_ns,
                                           struct slu_series *series);

/* True if it is an overflow series. Resolve again now and then: there may be room. */
SLU_API bool slu_meter_is_overflow(const struct slu_meter *meter, struct slu_series series);

/*
 * Count `amount` in a series of a counter.
 *
 * Returns  0; -ESTALE if the series was dropped for idleness: nothing is recorded, resolve again;
 *          -EINVAL for another kind of metric or a writer that there is not; -EOVERFLOW if the
 *          writer's part of the sum would pass UINT64_MAX: nothing is recorded. A sample of the
 *          very moment in which its series is dropped may go with it.
 * Cost     constant, wait-free; a lock at the writer's first use of the series
 * Threads  any number, each with its writer
 */
SLU_API SLU_MUST_USE int slu_meter_count(struct slu_meter *meter, uint32_t writer,
                                         struct slu_series series, uint64_t now_ns,
                                         uint64_t amount);

/* Add to a SLU_METRIC_SUM, or take from it; as slu_meter_count, but for the range of int64_t. */
SLU_API SLU_MUST_USE int slu_meter_shift(struct slu_meter *meter, uint32_t writer,
                                         struct slu_series series, uint64_t now_ns, int64_t amount);

/* Set a gauge; as slu_meter_count. Of several writers the one with the latest `now_ns` is shown. */
SLU_API SLU_MUST_USE int slu_meter_set(struct slu_meter *meter, uint32_t writer,
                                       struct slu_series series, uint64_t now_ns, double value);

/*
 * Record a value in a series of a summary; as slu_meter_count, but -EINVAL also for NaN.
 *
 * Cost  a lock of the series, and slu_quantile_window_add
 */
SLU_API SLU_MUST_USE int slu_meter_observe(struct slu_meter *meter, uint32_t writer,
                                           struct slu_series series, uint64_t now_ns, double value);

/*
 * Drop series that have been idle for long enough, among the `examine_max` that follow those
 * examined last. Adding series does so too, but one that has no new series may want its memory.
 *
 * Returns  how many were dropped
 * Cost     O(examine_max x writer_count), under the lock that new series take
 * Threads  any, at any time
 */
SLU_API uint32_t slu_meter_expire(struct slu_meter *meter, uint64_t now_ns, uint32_t examine_max);

/* Threads: any, at any time. */
SLU_API void slu_meter_stats(struct slu_meter *meter, struct slu_meter_stats *out);

/* Returns 0, or -EINVAL for a metric that there is not. Threads: any, at any time. */
SLU_API SLU_MUST_USE int slu_metric_stats(struct slu_meter *meter, uint32_t metric,
                                          struct slu_metric_stats *out);

/*
 * Name the label whose values are the most, of a metric that has had samples beyond a cap.
 *
 * Returns  0; -ENOENT if the metric has had none; -EINVAL for a metric that there is not
 * Cost     O(labels_max)
 * Threads  any, at any time
 * Source   Flajolet et al., "HyperLogLog", AofA 2007, with 64 registers a label
 */
SLU_API SLU_MUST_USE int slu_meter_exploded(struct slu_meter *meter, uint32_t metric,
                                            uint64_t now_ns, struct slu_meter_explosion *out);

enum slu_meter_format {
    SLU_METER_PROMETHEUS,  /* text/plain; version=0.0.4; charset=utf-8 */
    SLU_METER_OPENMETRICS, /* application/openmetrics-text; version=1.0.0; charset=utf-8 */
};

/* Take `len` bytes, all or not: 0, or a negative errno that ends the exposition. */
typedef int (*slu_meter_write)(void *context, const char *bytes, size_t len);

/*
 * Write all metrics in the order of their registration, each with its series in the order of theirs
 * and its overflow last if there was one. Series that have been idle for too long are dropped.
 *
 * write    gets pieces of at most 4 KiB; no lock is held meanwhile
 * Returns  0; what `write` returned
 * Cost     O(metrics + series x writer_count), the lock that new series take for each series by
 *          itself; 16 KiB of stack; allocates nothing
 * Threads  any number, while others record, resolve and register; what is added meanwhile may be
 *          missing
 * Source   Prometheus exposition formats, text 0.0.4; OpenMetrics 1.0
 */
SLU_API SLU_MUST_USE int slu_meter_expose(struct slu_meter *meter, uint64_t now_ns,
                                          enum slu_meter_format format, slu_meter_write write,
                                          void *context);

/* Resolve and count. A series that is dropped in between is resolved once more. */
SLU_MUST_USE static inline int slu_meter_count_key(struct slu_meter *meter, uint32_t writer,
                                                   const struct slu_meter_key *key, uint64_t now_ns,
                                                   uint64_t amount)
{
    struct slu_series series;
    int err = -ESTALE;
    for (int tries = 0; tries < 2 && err == -ESTALE; tries++) {
        err = slu_meter_resolve(meter, writer, key, now_ns, &series);
        err = err != 0 ? err : slu_meter_count(meter, writer, series, now_ns, amount);
    }
    return err;
}

/* Resolve and shift, as slu_meter_count_key. */
SLU_MUST_USE static inline int slu_meter_shift_key(struct slu_meter *meter, uint32_t writer,
                                                   const struct slu_meter_key *key, uint64_t now_ns,
                                                   int64_t amount)
{
    struct slu_series series;
    int err = -ESTALE;
    for (int tries = 0; tries < 2 && err == -ESTALE; tries++) {
        err = slu_meter_resolve(meter, writer, key, now_ns, &series);
        err = err != 0 ? err : slu_meter_shift(meter, writer, series, now_ns, amount);
    }
    return err;
}

/* Resolve and set, as slu_meter_count_key. */
SLU_MUST_USE static inline int slu_meter_set_key(struct slu_meter *meter, uint32_t writer,
                                                 const struct slu_meter_key *key, uint64_t now_ns,
                                                 double value)
{
    struct slu_series series;
    int err = -ESTALE;
    for (int tries = 0; tries < 2 && err == -ESTALE; tries++) {
        err = slu_meter_resolve(meter, writer, key, now_ns, &series);
        err = err != 0 ? err : slu_meter_set(meter, writer, series, now_ns, value);
    }
    return err;
}

/* Resolve and observe, as slu_meter_count_key. */
SLU_MUST_USE static inline int slu_meter_observe_key(struct slu_meter *meter, uint32_t writer,
                                                     const struct slu_meter_key *key,
                                                     uint64_t now_ns, double value)
{
    struct slu_series series;
    int err = -ESTALE;
    for (int tries = 0; tries < 2 && err == -ESTALE; tries++) {
        err = slu_meter_resolve(meter, writer, key, now_ns, &series);
        err = err != 0 ? err : slu_meter_observe(meter, writer, series, now_ns, value);
    }
    return err;
}

SLU_END_DECLS

#endif
