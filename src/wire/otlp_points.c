#include "wire/otlp_points.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
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
#define NUMBER_TEXT_MAX       352                          /* with all places, and a zero */

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
    double number; /* of gauges and sums */
    bool has_number;
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
        } else if (part.number == NUMBER_DOUBLE) {
            point->number = otlp_double(part.value);
            point->has_number = true;
        } else if (part.number == NUMBER_INT) {
            point->number = (double)(int64_t)part.value;
            point->has_number = true;
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
    return point->has_number || point->is_stale ? number_tell(reader, point, "", point->number) : 0;
}

/* As Prometheus writes numbers in labels of OTLP's points: all places, no exponent. */
static void key_write(struct sink *sink, double key)
{
    if (isnan(key)) {
        sink_text(sink, "NaN");
    } else if (isinf(key)) {
        sink_text(sink, key > 0 ? "+Inf" : "-Inf");
    } else {
        sink_double_plain(sink, key);
    }
}

/*
 * A number with a label that says which one: le, quantile. An attribute of that name gives way for
 * as long.
 */
static int labelled_tell(struct otlp_sample_reader *reader, const struct point *point,
                         const char *suffix, struct slu_bytes label, double key, double number)
{
    struct otlp_labels *labels = &reader->labels;
    struct otlp_labels_mark mark = otlp_labels_mark(labels);
    size_t at = otlp_labels_index(labels, label);
    char text[NUMBER_TEXT_MAX];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    key_write(&sink, key);
    struct slu_bytes value = {text, sink.len};
    struct slu_bytes hidden = {"", 0};
    if (at < labels->count) {
        hidden = labels->labels[at].value;
        labels->labels[at].value = value;
    } else {
        otlp_labels_add(labels, label, value);
    }
    int err = number_tell(reader, point, suffix, number);
    if (hidden.len > 0) {
        labels->labels[at].value = hidden;
    }
    otlp_labels_return(labels, mark);
    return err;
}

/* The words of a repeated field of fixed64 or doubles, in one field or in one each. */
struct words {
    struct otlp_fields fields;
    struct slu_bytes packed;
    uint32_t number;
};

static struct words words_of(struct slu_bytes message, uint32_t number)
{
    return (struct words){.fields = otlp_fields_of(message), .number = number};
}

static bool words_next(struct words *words, uint64_t *word)
{
    struct otlp_part part;
    while (words->packed.len < sizeof(*word)) {
        if (!otlp_fields_next(&words->fields, &part)) {
            return false;
        }
        if (part.number == words->number && part.wire == PROTOBUF_FIXED64) {
            *word = part.value;
            return true;
        }
        words->packed = part.number == words->number ? part.bytes : (struct slu_bytes){NULL, 0};
    }
    memcpy(word, words->packed.data, sizeof(*word));
    words->packed.data = (const char *)words->packed.data + sizeof(*word);
    words->packed.len -= sizeof(*word);
    return true;
}

/*
 * Buckets count what is up to their bounds, so that each has those before it. The last is that of
 * infinity, whose count is the point's.
 */
static int buckets_tell(struct otlp_sample_reader *reader, const struct point *point,
                        uint64_t count)
{
    static const struct slu_bytes label = {"le", 2};
    struct words bounds = words_of(point->message, HISTOGRAM_BOUNDS);
    struct words buckets = words_of(point->message, HISTOGRAM_BUCKETS);
    uint64_t bound = 0;
    uint64_t bucket = 0;
    uint64_t below = 0;
    int err = 0;
    while (err == 0 && words_next(&bounds, &bound) && words_next(&buckets, &bucket)) {
        double key = otlp_double(bound);
        below += bucket;
        if (!isinf(key) || key < 0) {
            err = labelled_tell(reader, point, "_bucket", label, key, (double)below);
        }
    }
    return err != 0 ? err : labelled_tell(reader, point, "_bucket", label, INFINITY, (double)count);
}

static int histogram_visit(struct otlp_sample_reader *reader, const struct point *point)
{
    struct otlp_fields fields = otlp_fields_of(point->message);
    struct otlp_part part;
    uint64_t count = 0;
    double sum = 0;
    bool has_sum = point->is_stale;
    while (otlp_fields_next(&fields, &part)) {
        if (part.number == HISTOGRAM_COUNT) {
            count = part.value;
        } else if (part.number == HISTOGRAM_SUM) {
            sum = otlp_double(part.value);
            has_sum = true;
        }
    }
    int err = buckets_tell(reader, point, count);
    if (err == 0 && has_sum) {
        err = number_tell(reader, point, "_sum", sum);
    }
    return err != 0 ? err : number_tell(reader, point, "_count", (double)count);
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
    static const struct slu_bytes label = {"quantile", 8};
    struct otlp_fields fields = otlp_fields_of(message);
    struct otlp_part part;
    double quantile = 0;
    double value = 0;
    while (otlp_fields_next(&fields, &part)) {
        quantile = part.number == QUANTILE_QUANTILE ? otlp_double(part.value) : quantile;
        value = part.number == QUANTILE_VALUE ? otlp_double(part.value) : value;
    }
    return labelled_tell(reader, point, "", label, quantile, value);
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
    uint64_t time = 0;
    while (otlp_fields_next(&fields, &part)) {
        time = part.number == EXEMPLAR_TIME ? part.value : time;
    }
    return time <= INT64_MAX ? (int64_t)time : 0;
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

int otlp_points_refuse(const struct otlp_sample_reader *reader, uint64_t count, const char *reason)
{
    const struct otlp_sample_visit *visit = reader->visit;
    return visit->refuse == NULL ? 0 : visit->refuse(visit->arg, count, reason);
}

int otlp_point_visit(struct otlp_sample_reader *reader, enum otlp_data kind,
                     struct slu_bytes message)
{
    struct otlp_labels_mark mark = otlp_labels_mark(&reader->labels);
    struct point point;
    int err = point_read(reader, kind, message, &point);
    if (err == 0 && reader->labels.left_out > mark.left_out) {
        otlp_labels_return(&reader->labels, mark);
        return otlp_points_refuse(reader, 1, "a data point has more labels than 124, or 64 KiB");
    }
    err = err != 0 ? err : point_visit(reader, kind, &point);
    if (err == 0 && point.has_exemplars) {
        err = exemplars_visit(reader, &point);
    }
    otlp_labels_return(&reader->labels, mark);
    return err;
}
