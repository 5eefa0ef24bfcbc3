#include "wire/otlp_points.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/sink.h"
#include "base/sink_number.h"
#include "wire/otlp_fields.h"

#define POINT_TIME            3 /* of all kinds */
#define NUMBER_DOUBLE         4
#define NUMBER_EXEMPLARS      5
#define NUMBER_INT            6
#define HISTOGRAM_COUNT       4
#define HISTOGRAM_SUM         5
#define HISTOGRAM_BUCKETS     6
#define HISTOGRAM_BOUNDS      7
#define HISTOGRAM_EXEMPLARS   8
#define EXPONENTIAL_EXEMPLARS 11
#define SUMMARY_QUANTILES     6
#define QUANTILE_QUANTILE     1
#define QUANTILE_VALUE        2
#define EXEMPLAR_TIME         2
#define FLAG_NO_VALUE         1U
#define STALE_BITS            UINT64_C(0x7ff0000000000002) /* Prometheus' marker */
#define NUMBER_TEXT_MAX       40

/* Which fields of a point say what all kinds say. */
struct point_fields {
    uint32_t attributes;
    uint32_t flags;
    uint32_t exemplars; /* 0: it has none */
};

static struct point_fields fields_of(enum otlp_data kind)
{
    switch (kind) {
    case OTLP_DATA_HISTOGRAM:
        return (struct point_fields){9, 10, HISTOGRAM_EXEMPLARS};
    case OTLP_DATA_EXPONENTIAL:
        return (struct point_fields){1, 10, EXPONENTIAL_EXEMPLARS};
    case OTLP_DATA_SUMMARY:
        return (struct point_fields){7, 8, 0};
    default:
        return (struct point_fields){7, 8, NUMBER_EXEMPLARS};
    }
}

/* A point, as far as all kinds have it. */
struct point {
    struct slu_bytes message;
    struct point_fields fields;
    int64_t time_ns;
    bool is_stale;
    bool has_exemplars;
};

static int point_read(struct otlp_sample_reader *reader, enum otlp_data kind,
                      struct slu_bytes message, struct point *point)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    *point = (struct point){.message = message, .fields = fields_of(kind)};
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == point->fields.attributes) {
            otlp_labels_add_attribute(&reader->labels, part.bytes);
        } else if (part.number == POINT_TIME) {
            point->time_ns = part.value <= INT64_MAX ? (int64_t)part.value : 0;
        } else if (part.number == point->fields.flags) {
            point->is_stale = (part.value & FLAG_NO_VALUE) != 0;
        } else if (part.number == point->fields.exemplars) {
            point->has_exemplars = true;
        }
    }
    if (point->time_ns > reader->newest_ns) {
        reader->newest_ns = point->time_ns;
    }
    return fields.is_broken ? -EBADMSG : 0;
}

/* Hand on a sample of the series that the labels are of, with the name and a suffix. */
static int sample_tell(struct otlp_sample_reader *reader, const struct point *point,
                       const char *suffix, struct otlp_sample *sample)
{
    struct otlp_labels_mark mark = otlp_labels_mark(&reader->labels);
    size_t suffix_len = strlen(suffix);
    memcpy(reader->name + reader->name_len, suffix, suffix_len);
    otlp_labels_add(&reader->labels, (struct slu_bytes){"__name__", 8},
                    (struct slu_bytes){reader->name, reader->name_len + suffix_len});
    sample->labels = reader->labels.labels;
    sample->label_count = reader->labels.count;
    sample->time_ns = sample->time_ns != 0 ? sample->time_ns : point->time_ns;
    int err = reader->visit->sample(reader->visit->arg, sample);
    otlp_labels_return(&reader->labels, mark);
    return err;
}

static int number_tell(struct otlp_sample_reader *reader, const struct point *point,
                       const char *suffix, double number)
{
    struct otlp_sample sample = {.number = point->is_stale ? otlp_double(STALE_BITS) : number};
    return sample_tell(reader, point, suffix, &sample);
}

static int number_visit(struct otlp_sample_reader *reader, const struct point *point)
{
    struct otlp_fields fields = otlp_fields_of(point->message);
    struct otlp_part part;
    double number = 0;
    bool has_number = point->is_stale;
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == NUMBER_DOUBLE) {
            number = otlp_double(part.value);
            has_number = true;
        } else if (part.number == NUMBER_INT) {
            number = (double)(int64_t)part.value;
            has_number = true;
        }
    }
    return has_number ? number_tell(reader, point, "", number) : 0;
}

/* A number with a label that says which one: le, quantile. */
static int labelled_tell(struct otlp_sample_reader *reader, const struct point *point,
                         const char *suffix, const char *label, double key, double number)
{
    struct otlp_labels_mark mark = otlp_labels_mark(&reader->labels);
    char text[NUMBER_TEXT_MAX];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    if (isinf(key)) {
        sink_text(&sink, key > 0 ? "+Inf" : "-Inf");
    } else {
        sink_double(&sink, key);
    }
    otlp_labels_add(&reader->labels, (struct slu_bytes){label, strlen(label)},
                    (struct slu_bytes){text, sink.len});
    int err = number_tell(reader, point, suffix, number);
    otlp_labels_return(&reader->labels, mark);
    return err;
}

struct histogram {
    struct slu_bytes buckets; /* packed fixed64 */
    struct slu_bytes bounds;  /* packed doubles */
    uint64_t count;
    double sum;
    bool has_sum;
};

static void histogram_read(struct slu_bytes message, struct histogram *histogram)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    *histogram = (struct histogram){.count = 0};
    while (otlp_fields_next(&fields, &part)) {
        switch (part.number) {
        case HISTOGRAM_COUNT:
            histogram->count = part.value;
            break;
        case HISTOGRAM_SUM:
            histogram->sum = otlp_double(part.value);
            histogram->has_sum = true;
            break;
        case HISTOGRAM_BUCKETS:
            histogram->buckets = part.bytes;
            break;
        case HISTOGRAM_BOUNDS:
            histogram->bounds = part.bytes;
            break;
        default:
            break;
        }
    }
}

static uint64_t word_at(struct slu_bytes packed, size_t at)
{
    uint64_t word = 0;
    memcpy(&word, (const char *)packed.data + at * sizeof(word), sizeof(word));
    return word;
}

/* Buckets count what is below their bounds, so that each has those before it. */
static int buckets_tell(struct otlp_sample_reader *reader, const struct point *point,
                        const struct histogram *histogram)
{
    size_t bounds = histogram->bounds.len / sizeof(uint64_t);
    size_t buckets = histogram->buckets.len / sizeof(uint64_t);
    uint64_t below = 0;
    int err = 0;
    for (size_t i = 0; err == 0 && i < bounds && i < buckets; i++) {
        below += word_at(histogram->buckets, i);
        err = labelled_tell(reader, point, "_bucket", "le",
                            otlp_double(word_at(histogram->bounds, i)), (double)below);
    }
    return err != 0
               ? err
               : labelled_tell(reader, point, "_bucket", "le", INFINITY, (double)histogram->count);
}

static int histogram_visit(struct otlp_sample_reader *reader, const struct point *point)
{
    struct histogram histogram;
    histogram_read(point->message, &histogram);
    int err = buckets_tell(reader, point, &histogram);
    if (err == 0 && (histogram.has_sum || point->is_stale)) {
        err = number_tell(reader, point, "_sum", histogram.sum);
    }
    return err != 0 ? err : number_tell(reader, point, "_count", (double)histogram.count);
}

/* The point without what the series and the sample say, and without its exemplars. */
static int exponential_visit(struct otlp_sample_reader *reader, const struct point *point)
{
    struct otlp_fields fields = otlp_fields_of(point->message);
    struct otlp_part part;
    int err = 0;
    reader->rest.len = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number != point->fields.attributes && part.number != POINT_TIME &&
            part.number != point->fields.exemplars) {
            err = block_append(reader->budget, &reader->rest, part.whole.data, part.whole.len);
        }
    }
    if (err != 0) {
        return err;
    }
    struct otlp_sample sample = {.kind = OTLP_SAMPLE_HISTOGRAM,
                                 .message = {reader->rest.data, reader->rest.len}};
    return sample_tell(reader, point, "", &sample);
}

static int quantile_tell(struct otlp_sample_reader *reader, const struct point *point,
                         struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    double quantile = 0;
    double value = 0;
    while (otlp_fields_next(&fields, &part)) {
        quantile = part.number == QUANTILE_QUANTILE ? otlp_double(part.value) : quantile;
        value = part.number == QUANTILE_VALUE ? otlp_double(part.value) : value;
    }
    return labelled_tell(reader, point, "", "quantile", quantile, value);
}

static int summary_visit(struct otlp_sample_reader *reader, const struct point *point)
{
    struct otlp_fields fields = otlp_fields_of(point->message);
    struct otlp_part part;
    uint64_t count = 0;
    double sum = 0;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        count = part.number == HISTOGRAM_COUNT ? part.value : count;
        sum = part.number == HISTOGRAM_SUM ? otlp_double(part.value) : sum;
        if (part.number == SUMMARY_QUANTILES) {
            err = quantile_tell(reader, point, part.bytes);
        }
    }
    err = err != 0 ? err : number_tell(reader, point, "_sum", sum);
    return err != 0 ? err : number_tell(reader, point, "_count", (double)count);
}

static int64_t exemplar_time(struct slu_bytes message)
{
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    int64_t time_ns = 0;
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == EXEMPLAR_TIME && part.value <= INT64_MAX) {
            time_ns = (int64_t)part.value;
        }
    }
    return time_ns;
}

static int exemplars_visit(struct otlp_sample_reader *reader, const struct point *point)
{
    struct otlp_fields fields = otlp_fields_of(point->message);
    struct otlp_part part;
    int err = 0;
    while (err == 0 && otlp_fields_next(&fields, &part)) {
        if (part.number == point->fields.exemplars) {
            struct otlp_sample sample = {.kind = OTLP_SAMPLE_EXEMPLAR,
                                         .time_ns = exemplar_time(part.bytes),
                                         .message = part.bytes};
            err = sample_tell(reader, point, "", &sample);
        }
    }
    return err;
}

static int point_visit(struct otlp_sample_reader *reader, enum otlp_data kind,
                       const struct point *point)
{
    switch (kind) {
    case OTLP_DATA_HISTOGRAM:
        return histogram_visit(reader, point);
    case OTLP_DATA_EXPONENTIAL:
        return exponential_visit(reader, point);
    case OTLP_DATA_SUMMARY:
        return summary_visit(reader, point);
    default:
        return number_visit(reader, point);
    }
}

int otlp_point_visit(struct otlp_sample_reader *reader, enum otlp_data kind,
                     struct slu_bytes message)
{
    struct otlp_labels_mark mark = otlp_labels_mark(&reader->labels);
    struct point point;
    int err = point_read(reader, kind, message, &point);
    err = err != 0 ? err : point_visit(reader, kind, &point);
    if (err == 0 && point.has_exemplars) {
        err = exemplars_visit(reader, &point);
    }
    otlp_labels_return(&reader->labels, mark);
    return err;
}
