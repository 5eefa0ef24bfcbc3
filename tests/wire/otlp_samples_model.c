#include "otlp_samples_model.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sink.h"
#include "base/sink_number.h"
#include "codec/protobuf_reader.h"
#include "wire/otlp_labels.h"
#include "wire/prometheus_name.h"

#define KEPT_BYTES     ((size_t)16 << 20) /* of names and values, a request */
#define LABELS_MAX     ((size_t)128)
#define ATTRIBUTES_MAX ((size_t)124)
#define STALE_BITS     UINT64_C(0x7ff0000000000002)

struct pair {
    struct slu_bytes name;
    struct slu_bytes value;
};

struct pairs {
    struct pair pairs[LABELS_MAX];
    size_t count;
    bool is_over; /* there are more */
};

/* Which fields a kind of data point has; 0: it has none such. */
struct shape {
    uint32_t attributes;
    uint32_t flags;
    uint32_t exemplars;
};

/* Where the model stands. */
struct model {
    struct otlp_lines *lines;
    struct pairs resource;
    struct pairs identity; /* job, instance */
    struct pairs point;
    char name[PROMETHEUS_NAME_MAX + 16];
    size_t name_len;
    int64_t newest_ns;
    int64_t time_ns;
    bool is_stale;
    size_t kept_len;
    char kept[KEPT_BYTES];
};

static struct slu_bytes literal(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

/* Keep two texts as one for as long as the request is told. */
static struct slu_bytes keep(struct model *model, struct slu_bytes first, struct slu_bytes second)
{
    char *kept = model->kept + model->kept_len;
    if (first.len + second.len > KEPT_BYTES - model->kept_len) {
        model->lines->is_full = true;
        return literal("");
    }
    memcpy(kept, first.len > 0 ? first.data : "", first.len);
    memcpy(kept + first.len, second.len > 0 ? second.data : "", second.len);
    model->kept_len += first.len + second.len;
    return (struct slu_bytes){kept, first.len + second.len};
}

static struct pair *pair_find(struct pairs *pairs, struct slu_bytes name)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (bytes_equal(pairs->pairs[i].name, name)) {
            return &pairs->pairs[i];
        }
    }
    return NULL;
}

static void pair_set(struct pairs *pairs, struct slu_bytes name, struct slu_bytes value)
{
    struct pair *pair = pair_find(pairs, name);
    if (pair == NULL) {
        pair = &pairs->pairs[pairs->count++];
        pair->name = name;
    }
    pair->value = value;
}

static bool is_in(char byte, const char *extra)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr(extra, byte) != NULL);
}

static struct slu_bytes label_name(struct model *model, struct slu_bytes key)
{
    const unsigned char *bytes = key.data;
    char *plain = model->kept + model->kept_len;
    size_t len = 0;
    for (size_t i = 0; i < key.len && len < KEPT_BYTES - model->kept_len; i++) {
        if ((bytes[i] & 0xc0) != 0x80) { /* the key is UTF-8 */
            plain[len++] = is_in((char)bytes[i], "_") ? (char)bytes[i] : '_';
        }
    }
    model->kept_len += len;
    const char *front = "";
    if (len > 0 && plain[0] >= '0' && plain[0] <= '9') {
        front = "key_";
    } else if (len > 0 && plain[0] == '_' && (len == 1 || plain[1] != '_')) {
        front = "key";
    }
    return keep(model, literal(front), (struct slu_bytes){plain, len});
}

static void attribute_add(struct model *model, struct pairs *pairs, struct slu_bytes message)
{
    static char room[OTLP_LABEL_ROOM];
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct slu_bytes key = {"", 0};
    struct slu_bytes any_value = {"", 0};
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        key = field.number == 1 ? field.bytes : key;
        any_value = field.number == 2 ? field.bytes : any_value;
    }
    struct slu_bytes name = label_name(model, key);
    struct slu_bytes value = otlp_value_text(any_value, room, sizeof(room));
    if (value.len > 1024) {
        const unsigned char *bytes = value.data;
        value.len = 1024;
        while ((bytes[value.len] & 0xc0) == 0x80) {
            value.len--;
        }
    }
    if (name.len > 0 && value.len > 0 && pair_find(pairs, name) == NULL &&
        !bytes_equal(name, literal("__name__"))) {
        if (pairs->count < ATTRIBUTES_MAX) {
            pair_set(pairs, name, keep(model, value, literal("")));
        } else {
            pairs->is_over = true;
        }
    }
}

static void attributes_add(struct model *model, struct pairs *pairs, struct slu_bytes message,
                           uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number) {
            attribute_add(model, pairs, field.bytes);
        }
    }
}

static void put(struct otlp_lines *lines, const void *bytes, size_t len)
{
    lines->is_full = lines->is_full || len > OTLP_LINES_BYTES - lines->len;
    if (!lines->is_full && len > 0) {
        memcpy(lines->bytes + lines->len, bytes, len);
        lines->len += len;
    }
}

static void put_format(struct otlp_lines *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(struct otlp_lines *lines, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    put(lines, text, len > 0 ? (size_t)len : 0);
}

static int compare(struct slu_bytes left, struct slu_bytes right)
{
    size_t len = left.len < right.len ? left.len : right.len;
    int order = len > 0 ? memcmp(left.data, right.data, len) : 0;
    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

static void labels_put(struct otlp_lines *lines, const struct otlp_label *labels, size_t count)
{
    const struct otlp_label *last = NULL;
    for (size_t i = 0; i < count; i++) { /* the next one by name */
        const struct otlp_label *next = NULL;
        for (size_t at = 0; at < count; at++) {
            if ((last == NULL || compare(labels[at].name, last->name) > 0) &&
                (next == NULL || compare(labels[at].name, next->name) < 0)) {
                next = &labels[at];
            }
        }
        if (next == NULL || next->name.len == 0 || next->value.len == 0) {
            lines->is_odd = true;
            return;
        }
        put(lines, next->name.data, next->name.len);
        put(lines, "=", 1);
        put(lines, next->value.data, next->value.len);
        put(lines, ",", 1);
        last = next;
    }
}

int otlp_lines_sample(void *arg, const struct otlp_sample *sample)
{
    struct otlp_lines *lines = arg;
    uint64_t bits = 0;
    memcpy(&bits, &sample->number, sizeof(bits));
    put_format(lines, "%d at %lld: %016llx ", (int)sample->kind, (long long)sample->time_ns,
               sample->kind == OTLP_SAMPLE_NUMBER ? (unsigned long long)bits : 0);
    labels_put(lines, sample->labels, sample->label_count);
    put_format(lines, " %zu:", sample->message.len);
    put(lines, sample->message.data, sample->message.len);
    put(lines, "\n", 1);
    return 0;
}

int otlp_lines_facts(void *arg, const struct otlp_metric_facts *facts)
{
    struct otlp_lines *lines = arg;
    put_format(lines, "metric %s ", facts->type);
    put(lines, facts->name.data, facts->name.len);
    put(lines, "|", 1);
    put(lines, facts->unit.data, facts->unit.len);
    put(lines, "|", 1);
    put(lines, facts->help.data, facts->help.len);
    put(lines, "\n", 1);
    return 0;
}

/* A sample of the pairs, with a name, and a label that wins over an attribute. */
static void sample_tell(struct model *model, const char *suffix, const char *label,
                        struct slu_bytes value, struct otlp_sample sample)
{
    static struct pairs all;
    struct otlp_label labels[LABELS_MAX];
    size_t kept_len = model->kept_len;
    all = model->point;
    if (label != NULL) {
        pair_set(&all, literal(label), value);
    }
    struct slu_bytes name = {model->name, model->name_len};
    pair_set(&all, literal("__name__"), keep(model, name, literal(suffix)));
    for (size_t i = 0; i < all.count; i++) {
        labels[i] = (struct otlp_label){all.pairs[i].name, all.pairs[i].value};
    }
    sample.labels = labels;
    sample.label_count = all.count;
    sample.time_ns = sample.time_ns != 0 ? sample.time_ns : model->time_ns;
    (void)otlp_lines_sample(model->lines, &sample);
    model->kept_len = kept_len;
}

static void number_tell(struct model *model, const char *suffix, double number)
{
    const uint64_t stale = STALE_BITS;
    struct otlp_sample sample = {.number = number};
    if (model->is_stale) {
        memcpy(&sample.number, &stale, sizeof(stale));
    }
    sample_tell(model, suffix, NULL, literal(""), sample);
}

static void keyed_tell(struct model *model, const char *suffix, const char *label, double key,
                       double number)
{
    const uint64_t stale = STALE_BITS;
    struct otlp_sample sample = {.number = number};
    char text[400];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    if (isfinite(key)) {
        sink_double_plain(&sink, key);
    } else {
        sink_text(&sink, isnan(key) ? "NaN" : key > 0 ? "+Inf" : "-Inf");
    }
    if (model->is_stale) {
        memcpy(&sample.number, &stale, sizeof(stale));
    }
    sample_tell(model, suffix, label, (struct slu_bytes){text, sink.len}, sample);
}

static double double_of(uint64_t bits)
{
    double number = 0;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* The last value of a field of 64 bits; false: there is none. */
static bool last_of(struct slu_bytes message, uint32_t number, uint64_t *value)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    bool is_there = false;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number) {
            *value = field.value;
            is_there = true;
        }
    }
    return is_there;
}

static uint64_t last_or_zero(struct slu_bytes message, uint32_t number)
{
    uint64_t value = 0;
    (void)last_of(message, number, &value);
    return value;
}

/* The `at`-th word of a repeated field; false: there are not so many. */
static bool word_of(struct slu_bytes message, uint32_t number, size_t at, uint64_t *word)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number != number) {
            continue;
        }
        size_t count = field.wire == PROTOBUF_FIXED64 ? 1 : field.bytes.len / 8;
        if (at < count) {
            memcpy(word,
                   field.wire == PROTOBUF_FIXED64 ? (const char *)&field.value
                                                  : (const char *)field.bytes.data + 8 * at,
                   8);
            return true;
        }
        at -= count;
    }
    return false;
}

static void histogram_tell(struct model *model, struct slu_bytes point)
{
    uint64_t bound = 0;
    uint64_t bucket = 0;
    uint64_t sum = 0;
    uint64_t below = 0;
    double count = (double)last_or_zero(point, 4);
    for (size_t i = 0; word_of(point, 7, i, &bound) && word_of(point, 6, i, &bucket); i++) {
        below += bucket;
        if (double_of(bound) != INFINITY) {
            keyed_tell(model, "_bucket", "le", double_of(bound), (double)below);
        }
    }
    keyed_tell(model, "_bucket", "le", INFINITY, count);
    if (last_of(point, 5, &sum) || model->is_stale) {
        number_tell(model, "_sum", double_of(sum));
    }
    number_tell(model, "_count", count);
}

static void summary_tell(struct model *model, struct slu_bytes point)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, point);
    while (protobuf_next(&reader, &field)) {
        if (field.number == 6) {
            keyed_tell(model, "", "quantile", double_of(last_or_zero(field.bytes, 1)),
                       double_of(last_or_zero(field.bytes, 2)));
        }
    }
    number_tell(model, "_sum", double_of(last_or_zero(point, 5)));
    number_tell(model, "_count", (double)last_or_zero(point, 4));
}

static void exponential_tell(struct model *model, struct slu_bytes point)
{
    static char rest[1 << 20];
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct otlp_sample sample = {.kind = OTLP_SAMPLE_HISTOGRAM, .message = {rest, 0}};
    protobuf_reader_init(&reader, point);
    while (protobuf_next(&reader, &field)) {
        if (field.number != 1 && field.number != 3 && field.number != 11) {
            memcpy(rest + sample.message.len, field.whole.data, field.whole.len);
            sample.message.len += field.whole.len;
        }
    }
    sample_tell(model, "", NULL, literal(""), sample);
}

static void number_point_tell(struct model *model, struct slu_bytes point)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    double number = 0;
    bool is_there = model->is_stale;
    protobuf_reader_init(&reader, point);
    while (protobuf_next(&reader, &field)) {
        if (field.number == 4 || field.number == 6) {
            number = field.number == 4 ? double_of(field.value) : (double)(int64_t)field.value;
            is_there = true;
        }
    }
    if (is_there) {
        number_tell(model, "", number);
    }
}

static void exemplars_tell(struct model *model, struct slu_bytes point, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, point);
    while (protobuf_next(&reader, &field)) {
        if (number != 0 && field.number == number) {
            uint64_t time = last_or_zero(field.bytes, 2);
            sample_tell(model, "", NULL, literal(""),
                        (struct otlp_sample){.kind = OTLP_SAMPLE_EXEMPLAR,
                                             .message = field.bytes,
                                             .time_ns = time <= INT64_MAX ? (int64_t)time : 0});
        }
    }
}

static void point_tell(struct model *model, uint32_t kind, struct slu_bytes point)
{
    const struct shape shape = kind == 9    ? (struct shape){9, 10, 8}
                               : kind == 10 ? (struct shape){1, 10, 11}
                               : kind == 11 ? (struct shape){7, 8, 0}
                                            : (struct shape){7, 8, 5};
    uint64_t time = last_or_zero(point, 3);
    model->time_ns = time <= INT64_MAX ? (int64_t)time : 0;
    model->newest_ns = model->time_ns > model->newest_ns ? model->time_ns : model->newest_ns;
    model->is_stale = (last_or_zero(point, shape.flags) & 1) != 0;
    size_t kept_len = model->kept_len;
    model->point = model->identity;
    attributes_add(model, &model->point, point, shape.attributes);
    if (model->point.is_over) { /* which is refused */
        model->kept_len = kept_len;
        return;
    }
    switch (kind) {
    case 9:
        histogram_tell(model, point);
        break;
    case 10:
        exponential_tell(model, point);
        break;
    case 11:
        summary_tell(model, point);
        break;
    default:
        number_point_tell(model, point);
    }
    exemplars_tell(model, point, shape.exemplars);
    model->kept_len = kept_len;
}

/* What a Metric says before its points. */
struct metric {
    struct slu_bytes name;
    struct slu_bytes help;
    struct slu_bytes unit;
    uint32_t kind;
    uint64_t temporality; /* of the sum, if that is the kind */
    uint64_t is_monotonic;
};

static struct metric metric_of(struct slu_bytes message)
{
    struct metric metric = {.kind = 0};
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        metric.name = field.number == 1 ? field.bytes : metric.name;
        metric.help = field.number == 2 ? field.bytes : metric.help;
        metric.unit = field.number == 3 ? field.bytes : metric.unit;
        if (field.number == 5 || field.number == 7 || (field.number >= 9 && field.number <= 11)) {
            metric.kind = field.number;
        }
        if (field.number == 7) {
            (void)last_of(field.bytes, 2, &metric.temporality);
            (void)last_of(field.bytes, 3, &metric.is_monotonic);
        }
    }
    return metric;
}

static const char *type_of(const struct metric *metric, bool is_counter)
{
    return metric->kind == 5          ? "gauge"
           : metric->kind == 11       ? "summary"
           : metric->kind != 7        ? "histogram"
           : is_counter               ? "counter"
           : metric->temporality == 1 ? "unknown"
                                      : "gauge";
}

static void metric_tell(struct model *model, struct slu_bytes message)
{
    const struct metric metric = metric_of(message);
    bool is_counter = metric.kind == 7 && metric.is_monotonic != 0 && metric.temporality != 1;
    bool is_told = false;
    struct protobuf_reader reader;
    struct protobuf_field data;
    enum prometheus_kind kind = is_counter         ? PROMETHEUS_COUNTER
                                : metric.kind == 5 ? PROMETHEUS_GAUGE
                                                   : PROMETHEUS_OTHER;
    model->name_len =
        prometheus_metric_name(metric.name, metric.unit, kind, model->name, PROMETHEUS_NAME_MAX);
    protobuf_reader_init(&reader, message);
    while (model->name_len > 0 && protobuf_next(&reader, &data)) {
        struct protobuf_reader points;
        struct protobuf_field point;
        protobuf_reader_init(&points, data.bytes);
        while (data.number == metric.kind && protobuf_next(&points, &point)) {
            if (point.number == 1 && !is_told) {
                struct otlp_metric_facts facts = {{model->name, model->name_len},
                                                  type_of(&metric, is_counter),
                                                  metric.unit,
                                                  metric.help};
                (void)otlp_lines_facts(model->lines, &facts);
                is_told = true;
            }
            if (point.number == 1) {
                point_tell(model, metric.kind, point.bytes);
            }
        }
    }
}

static void identity_set(struct model *model)
{
    const struct pair *service = pair_find(&model->resource, literal("service_name"));
    const struct pair *space = pair_find(&model->resource, literal("service_namespace"));
    const struct pair *instance = pair_find(&model->resource, literal("service_instance_id"));
    model->identity.count = 0;
    if (service != NULL && space != NULL) {
        struct slu_bytes front = keep(model, space->value, literal("/"));
        pair_set(&model->identity, literal("job"), keep(model, front, service->value));
    } else if (service != NULL) {
        pair_set(&model->identity, literal("job"), service->value);
    }
    if (instance != NULL) {
        pair_set(&model->identity, literal("instance"), instance->value);
    }
}

static void target_info_tell(struct model *model)
{
    model->point = model->identity;
    for (size_t i = 0; i < model->resource.count; i++) {
        const struct pair *pair = &model->resource.pairs[i];
        if (!bytes_equal(pair->name, literal("service_name")) &&
            !bytes_equal(pair->name, literal("service_namespace")) &&
            !bytes_equal(pair->name, literal("service_instance_id")) &&
            pair_find(&model->point, pair->name) == NULL) {
            pair_set(&model->point, pair->name, pair->value);
        }
    }
    if (model->newest_ns != 0 && model->identity.count > 0 &&
        model->point.count > model->identity.count) {
        model->is_stale = false;
        model->time_ns = model->newest_ns;
        model->name_len = 0;
        number_tell(model, "target_info", 1);
    }
}

static void resource_tell(struct model *model, struct slu_bytes message)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    model->resource.count = 0;
    model->newest_ns = 0;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == 1) {
            attributes_add(model, &model->resource, field.bytes, 1);
        }
    }
    identity_set(model);
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        struct protobuf_reader scope;
        struct protobuf_field metric;
        protobuf_reader_init(&scope, field.bytes);
        while (field.number == 2 && protobuf_next(&scope, &metric)) {
            if (metric.number == 2) {
                metric_tell(model, metric.bytes);
            }
        }
    }
    target_info_tell(model);
}

void otlp_lines_model(struct otlp_lines *lines, struct slu_bytes message)
{
    static struct model model;
    struct protobuf_reader reader;
    struct protobuf_field field;
    model.lines = lines;
    model.kept_len = 0;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == 1) {
            resource_tell(&model, field.bytes);
        }
    }
}
