/* Samples of a profile in pprof's format: most of its text, so the loops here are short. */
#include <errno.h>

#include <sluice/budget.h>

#include "codec/protobuf_reader.h"
#include "profile/pprof_fields.h"
#include "readers/pprof_parts.h"
#include "readers/reading.h"

struct sample {
    uint64_t hash; /* of the stack */
    uint32_t offset;
    uint32_t location_count;
    uint32_t label_count;
    uint32_t value_count;
    bool too_long;
    bool unknown; /* a location that is not there */
    uint64_t unknown_id;
    int64_t values[MODEL_TYPES_MAX];
    struct model_label labels[MODEL_LABELS_MAX];
    uint32_t locations[MODEL_STACK_MAX];
};

static inline void location_take(const struct pprof_parts *parts, struct sample *sample,
                                 uint64_t id)
{
    uint32_t location = id_map_find(&parts->location_map, id);
    if (__builtin_expect(location == ID_MAP_NONE, 0)) {
        sample->unknown = true;
        sample->unknown_id = id;
    } else if (sample->location_count < MODEL_STACK_MAX) {
        sample->locations[sample->location_count++] = location;
    } else {
        sample->too_long = true;
    }
}

/* A number of a packed field, mostly without a call. Returns its length; 0 at a fault. */
static inline uint32_t packed_number(struct slu_bytes packed, const uint8_t *at, uint64_t *number)
{
    const uint8_t *begin = packed.data;
    const uint8_t *end = begin + packed.len;
    uint32_t len = protobuf_short_varint(begin, at, end, number);
    if (__builtin_expect(len == 0, 0)) {
        struct protobuf_reader reader;
        protobuf_reader_init(&reader, (struct slu_bytes){at, (size_t)(end - at)});
        bool right = protobuf_next_packed(&reader, number);
        len = right ? (uint32_t)protobuf_reader_offset(&reader) : 0;
    }
    return len;
}

static bool locations_take(const struct pprof_parts *parts, struct sample *sample,
                           struct slu_bytes packed)
{
    const uint8_t *begin = packed.data;
    for (size_t at = 0; at < packed.len;) {
        uint64_t id = 0;
        uint32_t len = packed_number(packed, begin + at, &id);
        if (len == 0) {
            return false;
        }
        location_take(parts, sample, id);
        at += len;
    }
    return true;
}

static void value_take(struct sample *sample, uint64_t value)
{
    if (sample->value_count < MODEL_TYPES_MAX) {
        sample->values[sample->value_count] = (int64_t)value;
    }
    sample->value_count++;
}

static bool values_take(struct sample *sample, struct slu_bytes packed)
{
    const uint8_t *begin = packed.data;
    for (size_t at = 0; at < packed.len;) {
        uint64_t value = 0;
        uint32_t len = packed_number(packed, begin + at, &value);
        if (len == 0) {
            return false;
        }
        value_take(sample, value);
        at += len;
    }
    return true;
}

static bool label_take(const struct pprof_parts *parts, struct sample *sample,
                       struct slu_bytes message)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t numbers[LABEL_UNIT + 1] = {0};
    struct model_label label = {0};
    if (sample->label_count == MODEL_LABELS_MAX) {
        sample->too_long = true;
        return true;
    }
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.wire == PROTOBUF_VARINT && field.number <= LABEL_UNIT) {
            numbers[field.number] = field.value;
        }
    }
    label.is_number = numbers[LABEL_TEXT] == 0;
    label.number = (int64_t)numbers[LABEL_NUMBER];
    bool known = pprof_string(parts, numbers[LABEL_KEY], &label.key) &&
                 pprof_string(parts, numbers[LABEL_TEXT], &label.text) &&
                 pprof_string(parts, numbers[LABEL_UNIT], &label.unit);
    sample->labels[sample->label_count++] = label;
    return known && protobuf_reader_end(&reader) == 0;
}

static bool sample_read(const struct pprof_parts *parts, struct slu_bytes message,
                        struct sample *sample)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    bool right = true;
    sample->location_count = 0;
    sample->label_count = 0;
    sample->value_count = 0;
    sample->too_long = false;
    sample->unknown = false;
    protobuf_reader_init(&reader, message);
    while (right && protobuf_next(&reader, &field)) {
        bool is_bytes = field.wire == PROTOBUF_BYTES;
        bool is_number = field.wire == PROTOBUF_VARINT;
        if (field.number == SAMPLE_LOCATION_ID && is_bytes) {
            right = locations_take(parts, sample, field.bytes);
        } else if (field.number == SAMPLE_VALUE && is_bytes) {
            right = values_take(sample, field.bytes);
        } else if (field.number == SAMPLE_LABEL && is_bytes) {
            right = label_take(parts, sample, field.bytes);
        } else if (field.number == SAMPLE_LOCATION_ID && is_number) {
            location_take(parts, sample, field.value);
        } else if (field.number == SAMPLE_VALUE && is_number) {
            value_take(sample, field.value);
        }
    }
    return right && protobuf_reader_end(&reader) == 0;
}

static int sample_refuse(struct pprof_parts *parts, bool right, const struct sample *sample)
{
    struct reading *reading = parts->reading;
    uint32_t offset = sample->offset;
    if (!right) {
        return reading_refuse(reading, offset, "a damaged sample");
    }
    if (sample->unknown) {
        return reading_refuse(reading, offset,
                              "a sample refers to location %llu, which is not there",
                              (unsigned long long)sample->unknown_id);
    }
    if (sample->too_long) {
        return reading_refuse(reading, offset, "a sample of more than %u locations or %u labels",
                              MODEL_STACK_MAX, MODEL_LABELS_MAX);
    }
    return reading_refuse(reading, offset, "a sample has %u values; %u are measured",
                          sample->value_count, parts->type_count);
}

static int sample_add(struct pprof_parts *parts, const struct sample *sample)
{
    struct model *model = parts->reading->model;
    uint32_t stack = 0;
    uint32_t labels = 0;
    int err =
        model_stack_hashed(model, sample->hash, sample->locations, sample->location_count, &stack);
    if (err == 0 && sample->label_count > 0) {
        err = model_labels(model, sample->labels, sample->label_count, &labels);
    }
    if (err == 0) {
        err = model_sample_add(model, stack, labels, sample->values);
    }
    return err == 0 ? 0 : reading_failed(parts->reading, sample->offset, err);
}

/* Read the next sample; `found` is false behind the last. */
static int sample_next(struct pprof_parts *parts, struct sample *sample, bool *found)
{
    struct slu_bytes message;
    *found = stage_next(&parts->samples, &sample->offset, &message);
    if (!*found) {
        return 0;
    }
    bool right = sample_read(parts, message, sample);
    if (!right || sample->unknown || sample->too_long || sample->value_count != parts->type_count) {
        return sample_refuse(parts, right, sample);
    }
    sample->hash =
        model_stack_hash(parts->reading->model, sample->locations, sample->location_count);
    return 0;
}

/* A sample is added when the next one has been read: what it needs of the index has come then. */
static int samples_add(struct pprof_parts *parts, struct sample samples[2])
{
    bool found = false;
    int err = sample_next(parts, &samples[0], &found);
    for (uint32_t at = 0; err == 0 && found; at ^= 1) {
        int next_err = sample_next(parts, &samples[at ^ 1], &found);
        err = sample_add(parts, &samples[at]);
        err = err == 0 ? next_err : err;
    }
    return err;
}

int pprof_samples_resolve(struct pprof_parts *parts)
{
    void *samples = NULL;
    int err = slu_budget_alloc(parts->reading->budget, 2 * sizeof(struct sample), &samples);
    if (err != 0) {
        return reading_failed(parts->reading, 0, err);
    }
    err = samples_add(parts, samples);
    slu_budget_free(parts->reading->budget, samples, 2 * sizeof(struct sample));
    return err;
}
