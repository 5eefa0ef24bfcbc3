#include "wire/otlp_samples.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "wire/otlp_fields.h"
#include "wire/otlp_labels.h"
#include "wire/otlp_points.h"
#include "wire/prometheus_name.h"

#define RESOURCE_RESOURCE   1
#define RESOURCE_SCOPES     2
#define RESOURCE_ATTRIBUTES 1
#define SCOPE_METRICS       2
#define METRIC_NAME         1
#define METRIC_HELP         2
#define METRIC_UNIT         3
#define DATA_POINTS         1
#define DATA_TEMPORALITY    2
#define DATA_MONOTONIC      3
#define TEMPORALITY_DELTA   1

static const struct slu_bytes name_label = {"__name__", 8};

int otlp_sample_reader_create(struct slu_budget *budget, struct otlp_sample_reader **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct otlp_sample_reader), &memory);
    if (err == 0) {
        struct otlp_sample_reader *reader = memory;
        reader->budget = budget;
        reader->rest = (struct block){0};
        otlp_names_init(&reader->names);
        err = block_begin(budget, OTLP_REST_FIRST, &reader->rest);
        if (err != 0) {
            slu_budget_free(budget, reader, sizeof(*reader));
            return err;
        }
        *out = reader;
    }
    return err;
}

void otlp_sample_reader_destroy(struct otlp_sample_reader **out)
{
    struct otlp_sample_reader *reader = *out;
    *out = NULL;
    if (reader != NULL) {
        block_free(reader->budget, &reader->rest);
        slu_budget_free(reader->budget, reader, sizeof(*reader));
    }
}

/* What a Metric says of itself. */
struct metric {
    struct slu_bytes message;
    struct slu_bytes name;
    struct slu_bytes help;
    struct slu_bytes unit;
    enum otlp_data kind; /* of several, the last */
    uint64_t temporality;
    bool is_monotonic;
};

static void sum_read(struct slu_bytes message, struct metric *metric)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == DATA_TEMPORALITY) {
            metric->temporality = part.value;
        } else if (part.number == DATA_MONOTONIC) {
            metric->is_monotonic = part.value != 0;
        }
    }
}

static int metric_read(struct slu_bytes message, struct metric *metric)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    *metric = (struct metric){.message = message, .kind = OTLP_DATA_NONE};
    while (otlp_fields_next(&fields, &part)) {
        switch (part.number) {
        case METRIC_NAME:
            metric->name = part.bytes;
            break;
        case METRIC_HELP:
            metric->help = part.bytes;
            break;
        case METRIC_UNIT:
            metric->unit = part.bytes;
            break;
        case OTLP_DATA_GAUGE:
        case OTLP_DATA_SUM:
        case OTLP_DATA_HISTOGRAM:
        case OTLP_DATA_EXPONENTIAL:
        case OTLP_DATA_SUMMARY:
            metric->kind = (enum otlp_data)part.number;
            if (metric->kind == OTLP_DATA_SUM) {
                sum_read(part.bytes, metric);
            }
            break;
        default:
            break;
        }
    }
    return fields.is_broken ? -EBADMSG : 0;
}

static bool is_counter(const struct metric *metric)
{
    return metric->kind == OTLP_DATA_SUM && metric->is_monotonic &&
           metric->temporality != TEMPORALITY_DELTA;
}

static const char *type_of(const struct metric *metric)
{
    switch (metric->kind) {
    case OTLP_DATA_GAUGE:
        return "gauge";
    case OTLP_DATA_SUM:
        return is_counter(metric)                         ? "counter"
               : metric->temporality == TEMPORALITY_DELTA ? "unknown"
                                                          : "gauge";
    case OTLP_DATA_HISTOGRAM:
    case OTLP_DATA_EXPONENTIAL:
        return "histogram";
    case OTLP_DATA_SUMMARY:
        return "summary";
    default:
        return "unknown";
    }
}

static int facts_tell(struct otlp_sample_reader *reader, const struct metric *metric)
{
    struct otlp_metric_facts facts = {.name = {reader->name, reader->name_len},
                                      .type = type_of(metric),
                                      .unit = metric->unit,
                                      .help = metric->help};
    return reader->visit->facts == NULL ? 0 : reader->visit->facts(reader->visit->arg, &facts);
}

static int points_visit(struct otlp_sample_reader *reader, const struct metric *metric,
                        struct slu_bytes data, bool *is_told)
{
    struct otlp_fields fields = otlp_fields_of(data);
    struct otlp_part part;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == DATA_POINTS) {
            err = *is_told ? 0 : facts_tell(reader, metric);
            *is_told = true;
            err = err != 0 ? err : otlp_point_visit(reader, metric->kind, part.bytes);
        }
    }
    return err == 0 && fields.is_broken ? -EBADMSG : err;
}

static enum prometheus_kind name_kind(const struct metric *metric)
{
    return is_counter(metric)                ? PROMETHEUS_COUNTER
           : metric->kind == OTLP_DATA_GAUGE ? PROMETHEUS_GAUGE
                                             : PROMETHEUS_OTHER;
}

static uint64_t points_count(struct slu_bytes data)
{
    struct otlp_fields fields = otlp_fields_of(data);
    struct otlp_part part;
    uint64_t count = 0;
    while (otlp_fields_next(&fields, &part)) {
        count += part.number == DATA_POINTS;
    }
    return count;
}

/* Its points are nobody's samples. */
static int unnamed_tell(const struct otlp_sample_reader *reader, const struct metric *metric,
                        struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    uint64_t count = 0;
    while (otlp_fields_next(&fields, &part)) {
        count += part.number == (uint32_t)metric->kind ? points_count(part.bytes) : 0;
    }
    return count == 0 ? 0
                      : otlp_points_refuse(reader, count,
                                           "a metric's name is empty or longer than 512 bytes");
}

static int metric_visit(struct otlp_sample_reader *reader, struct slu_bytes message)
{
    struct metric metric;
    int err = metric_read(message, &metric);
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    bool is_told = false;
    reader->name_len =
        otlp_names_get(&reader->names, metric.name, metric.unit, name_kind(&metric), reader->name);
    if (err != 0 || metric.kind == OTLP_DATA_NONE) {
        return err;
    }
    if (reader->name_len == 0) {
        return unnamed_tell(reader, &metric, message);
    }
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == (uint32_t)metric.kind) {
            err = points_visit(reader, &metric, part.bytes, &is_told);
        }
    }
    return err;
}

static int metrics_visit(struct otlp_sample_reader *reader, struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == SCOPE_METRICS) {
            err = metric_visit(reader, part.bytes);
        }
    }
    return err == 0 && fields.is_broken ? -EBADMSG : err;
}

static int scopes_visit(struct otlp_sample_reader *reader, struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == RESOURCE_SCOPES) {
            err = metrics_visit(reader, part.bytes);
        }
    }
    return err == 0 && fields.is_broken ? -EBADMSG : err;
}

static struct slu_bytes found_or_empty(const struct slu_bytes *found)
{
    return found != NULL ? *found : (struct slu_bytes){"", 0};
}

/* job, of service.namespace and service.name; instance, of service.instance.id. */
static void identity_take(struct otlp_sample_reader *reader)
{
    const struct otlp_labels *info = &reader->info;
    struct slu_bytes service =
        found_or_empty(otlp_labels_find(info, (struct slu_bytes){"service_name", 12}));
    struct slu_bytes space =
        found_or_empty(otlp_labels_find(info, (struct slu_bytes){"service_namespace", 17}));
    struct slu_bytes instance =
        found_or_empty(otlp_labels_find(info, (struct slu_bytes){"service_instance_id", 19}));
    struct slu_bytes job = service;
    otlp_labels_return(&reader->labels, (struct otlp_labels_mark){0});
    if (space.len > 0 && service.len > 0) {
        char *room = reader->labels.room;
        memcpy(room, space.data, space.len);
        room[space.len] = '/';
        memcpy(room + space.len + 1, service.data, service.len);
        job = (struct slu_bytes){room, space.len + 1 + service.len};
        reader->labels.used = job.len;
    }
    otlp_labels_add(&reader->labels, (struct slu_bytes){"job", 3}, job);
    otlp_labels_add(&reader->labels, (struct slu_bytes){"instance", 8}, instance);
}

static void resource_take(struct otlp_sample_reader *reader, struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    otlp_labels_return(&reader->info, (struct otlp_labels_mark){0});
    while (otlp_fields_next(&fields, &part)) {
        struct otlp_fields resource = otlp_fields_of(part.bytes);
        struct otlp_part attribute;
        while (part.number == RESOURCE_RESOURCE && otlp_fields_next(&resource, &attribute)) {
            if (attribute.number == RESOURCE_ATTRIBUTES) {
                otlp_labels_add_attribute(&reader->info, attribute.bytes);
            }
        }
    }
    identity_take(reader);
    reader->newest_ns = 0;
}

/* What job and instance are made of. */
static bool is_identity(struct slu_bytes name)
{
    static const struct slu_bytes names[] = {
        {"service_name", 12}, {"service_namespace", 17}, {"service_instance_id", 19}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* The resource's other attributes, as a series of their own. */
static int info_visit(struct otlp_sample_reader *reader)
{
    struct otlp_labels *labels = &reader->labels;
    struct otlp_labels_mark mark = otlp_labels_mark(labels);
    size_t own_count = labels->count;
    int err = 0;
    if (own_count == 0 || reader->newest_ns == 0) {
        return 0;
    }
    for (size_t i = 0; i < reader->info.count; i++) {
        const struct otlp_label *label = &reader->info.labels[i];
        if (!is_identity(label->name) && otlp_labels_find(labels, label->name) == NULL) {
            otlp_labels_add(labels, label->name, label->value);
        }
    }
    if (labels->count > own_count) {
        otlp_labels_add(labels, name_label, (struct slu_bytes){"target_info", 11});
        struct otlp_sample sample = {.labels = labels->labels,
                                     .label_count = labels->count,
                                     .time_ns = reader->newest_ns,
                                     .number = 1};
        err = reader->visit->sample(reader->visit->arg, &sample);
    }
    otlp_labels_return(labels, mark);
    return err;
}

int otlp_samples_read(struct otlp_sample_reader *reader, struct slu_bytes message,
                      const struct otlp_sample_visit *visit)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int err = 0;
    reader->visit = visit;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == 1) {
            resource_take(reader, part.bytes);
            err = scopes_visit(reader, part.bytes);
            err = err != 0 ? err : info_visit(reader);
        }
    }
    return fields.is_broken ? -EBADMSG : err;
}
