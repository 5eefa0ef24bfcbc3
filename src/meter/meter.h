/* The meter's inside: what its parts share. */
#ifndef METER_METER_H
#define METER_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/meter.h>

#include "base/golden.h"
#include "base/pool.h"
#include "meter/distinct.h"
#include "meter/label_key.h"
#include "meter/strings.h"
#include "meter/summary.h"
#include "sys/mutex.h"

#define SLOT_NONE UINT32_MAX

/*
 * What one writer has recorded for one series. Only the writer stores into the last three members.
 * `series` tells whose they are; it is set by the writer, and wiped when the series is dropped,
 * both under the meter's lock. A writer that did not see the wiping yet records for a series that
 * is gone, never for its successor: that one's cell begins when this same writer opens it.
 */
struct cell {
    _Atomic uint64_t series; /* a handle, or 0 */
    _Atomic uint64_t value;  /* a sum, or the bits of a double: a gauge, or a summary's sum */
    _Atomic uint64_t at_ns;  /* of the latest sample */
    _Atomic uint64_t sample_count;
};
GOLDEN_LAYOUT(struct cell, 32, 0, 0, series, value, at_ns, sample_count);

/*
 * A series, found by readers without a lock: they compare, then look at `handle` again. All other
 * members change only while `handle` is 0.
 */
struct record {
    _Atomic uint64_t handle; /* 0 in a free slot */
    _Atomic uint64_t hash;
    _Atomic uint32_t next; /* in the bucket */
    _Atomic uint32_t metric;
    _Atomic uint32_t present;  /* bits of the label positions that have values */
    _Atomic uint32_t summary;  /* the window of a summary, or SUMMARY_NONE */
    _Atomic uint32_t values[]; /* strings by label position, labels_max of them */
};

/* A series' neighbours in its metric, older and newer. */
struct neighbours {
    uint32_t older;
    uint32_t newer;
};

/*
 * The search for idle series goes round and round. When a whole round found none, nothing is idle
 * before `clean_until_ns`. If there is no room besides, new series need not ask before
 * `closed_until_ns`.
 */
struct rotation {
    uint32_t next;
    uint32_t seen_count; /* in this round */
    uint64_t oldest_ns;  /* of the series seen in this round */
    uint64_t clean_until_ns;
    _Atomic uint64_t closed_until_ns;
};

struct metric_label {
    uint32_t name_at;
    uint16_t name_len;
    uint16_t form;
};

struct metric {
    struct slu_bytes name; /* of a counter without `_total` */
    struct slu_bytes help;
    double scale;
    uint64_t seed;
    uint64_t overflow; /* the handle of its overflow series */
    uint64_t dropped_count;
    struct rotation rotation; /* through its own series */
    _Atomic uint64_t period;  /* of the distinct values */
    uint32_t kind;
    _Atomic uint32_t label_count; /* grows if labels are open */
    uint32_t series_max;
    uint32_t series_count;
    uint32_t oldest; /* SLOT_NONE in an empty list */
    uint32_t newest;
    bool open_labels;
    uint32_t quantile_count;
    double quantiles[SLU_METRIC_QUANTILES_MAX];
};

/* An exposition that stands at a series while others are dropped. */
struct walk {
    uint32_t next; /* SLOT_NONE at the end */
    uint32_t last;
    struct walk *other;
};

struct slu_meter {
    struct cell *cells; /* slot_count of each writer, one writer after another */
    unsigned char *records;
    _Atomic uint32_t *buckets;
    struct metric *metrics;
    size_t record_bytes;
    uint64_t slot_mask; /* of a handle */
    uint32_t slot_count;
    uint32_t bucket_mask;
    uint32_t writer_count; /* without the shared one, which comes last */
    uint32_t labels_max;
    uint32_t value_bytes_max;
    _Atomic uint32_t metric_count;
    _Atomic uint64_t removal_count; /* grows before a series is taken out of its bucket */
    struct metric_label *labels;    /* labels_max of each metric */
    struct distinct *distincts;     /* likewise */
    const struct slu_label_rules *rules;
    char *names;
    uint64_t idle_ns; /* UINT64_MAX keeps all */
    uint64_t seed;
    struct mutex any_thread_lock; /* for the shared writer; taken before `lock` */
    struct mutex lock;            /* for all that follows, and for opening cells */
    struct slu_pool pool;         /* of neighbours; gives out slots and handles */
    struct strings strings;
    struct summaries summaries; /* taken and given under it; each has its own besides */
    struct rotation rotation;   /* through all slots */
    struct walk *walks;
    uint64_t latest_ns;
    uint64_t dropped_count;
    uint32_t metrics_max;
    uint32_t series_max;
    uint32_t series_count;
    uint32_t names_bytes_max;
    uint32_t names_used_bytes;
    struct slu_budget *budget;
    size_t block_bytes;
};

static inline struct record *meter_record(const struct slu_meter *meter, uint32_t slot)
{
    void *record = meter->records + slot * meter->record_bytes;
    return record;
}

static inline struct cell *meter_cell(const struct slu_meter *meter, uint32_t writer, uint32_t slot)
{
    return &meter->cells[(size_t)writer * meter->slot_count + slot];
}

static inline struct metric_label *metric_labels(const struct slu_meter *meter, uint32_t metric)
{
    return &meter->labels[(size_t)metric * meter->labels_max];
}

static inline struct slu_bytes label_name(const struct slu_meter *meter,
                                          const struct metric_label *label)
{
    return (struct slu_bytes){meter->names + label->name_at, label->name_len};
}

static inline uint32_t handle_slot(const struct slu_meter *meter, uint64_t handle)
{
    return (uint32_t)(handle & meter->slot_mask);
}

#endif
