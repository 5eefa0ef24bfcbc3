/*
 * The text is seen a message at a time, so that a profile of any length needs memory for its
 * samples' messages alone; they are given back while they are resolved.
 */
#include <errno.h>
#include <string.h>

#include "codec/protobuf_reader.h"
#include "profile/pprof_fields.h"
#include "readers/pprof_parts.h"
#include "readers/profile_reader.h"
#include "readers/reading.h"

#define STRINGS_SHIFT  12
#define HEADER_BYTES   (2 * PROTOBUF_VARINT_BYTES_MAX) /* of a field: tag and length, or value */
#define FIELDS_OF_TYPE 2

static uint32_t offset_now(const struct pprof_parts *parts)
{
    return (uint32_t)parts->reading->input.offset;
}

/* Type and unit, as numbers of strings. */
static bool value_type_read(struct slu_bytes message, uint64_t type[FIELDS_OF_TYPE])
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    type[0] = 0;
    type[1] = 0;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.wire == PROTOBUF_VARINT &&
            (field.number == VALUE_TYPE_TYPE || field.number == VALUE_TYPE_UNIT)) {
            type[field.number - 1] = field.value;
        }
    }
    return protobuf_reader_end(&reader) == 0;
}

static int sample_type_take(struct pprof_parts *parts, struct slu_bytes message)
{
    if (parts->type_count == MODEL_TYPES_MAX) {
        return reading_refuse(parts->reading, offset_now(parts), "more than %d types of samples",
                              MODEL_TYPES_MAX);
    }
    if (!value_type_read(message, &parts->types[FIELDS_OF_TYPE * parts->type_count])) {
        return reading_refuse(parts->reading, offset_now(parts), "a damaged type of samples");
    }
    parts->type_count++;
    return 0;
}

static int string_take(struct pprof_parts *parts, struct slu_bytes text)
{
    uint32_t string = 0;
    uint32_t number = 0;
    int err = model_string(parts->reading->model, text, &string);
    return err != 0 ? err : column_add(&parts->strings, &string, &number);
}

static int message_take(struct pprof_parts *parts, uint32_t field, struct slu_bytes message)
{
    uint32_t offset = offset_now(parts);
    switch (field) {
    case PROFILE_SAMPLE:
        return stage_add(&parts->samples, offset, message);
    case PROFILE_MAPPING:
        return stage_add(&parts->mappings, offset, message);
    case PROFILE_LOCATION:
        return stage_add(&parts->locations, offset, message);
    case PROFILE_FUNCTION:
        return stage_add(&parts->functions, offset, message);
    case PROFILE_STRING:
        return string_take(parts, message);
    default:
        return 0;
    }
}

static void number_take(struct pprof_parts *parts, uint32_t field, uint64_t value)
{
    switch (field) {
    case PROFILE_DROP_FRAMES:
        parts->drop_frames = value;
        break;
    case PROFILE_KEEP_FRAMES:
        parts->keep_frames = value;
        break;
    case PROFILE_TIME_NS:
        parts->time_ns = (int64_t)value;
        break;
    case PROFILE_DURATION_NS:
        parts->duration_ns = (int64_t)value;
        break;
    case PROFILE_PERIOD:
        parts->period = (int64_t)value;
        break;
    case PROFILE_DEFAULT_SAMPLE_TYPE:
        parts->default_type = value;
        break;
    default:
        break;
    }
}

/* A field that is in view as a whole. */
static int field_take(struct pprof_parts *parts, const struct protobuf_field *field)
{
    int err = 0;
    if (field->wire == PROTOBUF_VARINT) {
        number_take(parts, field->number, field->value);
    } else if (field->wire == PROTOBUF_BYTES && field->number == PROFILE_SAMPLE_TYPE) {
        err = sample_type_take(parts, field->bytes);
    } else if (field->wire == PROTOBUF_BYTES && field->number == PROFILE_PERIOD_TYPE) {
        if (!value_type_read(field->bytes, parts->period_type)) {
            err = reading_refuse(parts->reading, offset_now(parts), "a damaged type of period");
        }
    } else if (field->wire == PROTOBUF_BYTES) {
        err = message_take(parts, field->number, field->bytes);
        err = err == 0 ? 0 : reading_failed(parts->reading, offset_now(parts), err);
    }
    return err;
}

/* The length of the field that begins in view, header included; 0 if it cannot be told. */
static uint64_t field_length(struct slu_bytes view)
{
    struct protobuf_reader reader;
    struct slu_bytes header = {view.data, view.len < HEADER_BYTES ? view.len : HEADER_BYTES};
    uint64_t tag = 0;
    uint64_t len = 0;
    protobuf_reader_init(&reader, header);
    if (!protobuf_next_packed(&reader, &tag) || (tag & 7) != PROTOBUF_BYTES) {
        return 0;
    }
    if (!protobuf_next_packed(&reader, &len) || len > UINT32_MAX) {
        return 0;
    }
    return protobuf_reader_offset(&reader) + len;
}

static int fields_take(struct pprof_parts *parts, struct slu_bytes view, size_t *taken)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t begin = parts->reading->input.offset;
    int err = 0;
    protobuf_reader_init(&reader, view);
    while (err == 0 && protobuf_next(&reader, &field)) {
        parts->reading->input.offset = begin + protobuf_reader_offset(&reader) - field.whole.len;
        err = field_take(parts, &field);
        *taken = protobuf_reader_offset(&reader);
    }
    parts->reading->input.offset = begin;
    return err;
}

static bool has_content(const struct pprof_parts *parts)
{
    return parts->type_count > 0 || parts->strings.count > 0 || parts->samples.count > 0;
}

/* Take what is whole in view, and bring into view what is not. */
static int text_take(struct pprof_parts *parts)
{
    struct input *input = &parts->reading->input;
    size_t wanted = INPUT_WINDOW_BYTES / 4;
    for (;;) {
        struct slu_bytes view;
        size_t taken = 0;
        int err = input_view(input, wanted, &view);
        if (err != 0) {
            return reading_failed(parts->reading, input->offset, err);
        }
        if (view.len == 0) {
            return 0;
        }
        err = fields_take(parts, view, &taken);
        if (err != 0) {
            return err;
        }
        input_take(input, taken);
        if (taken == 0 && view.len < wanted) {
            return reading_refuse(parts->reading, input->offset,
                                  has_content(parts) ? "cut off, or no field of a profile"
                                                     : "not a profile of a known format");
        }
        uint64_t len = taken == 0 ? field_length(view) : 0;
        if (taken == 0 && (len <= view.len || len > INPUT_WINDOW_BYTES)) {
            return reading_refuse(parts->reading, input->offset,
                                  len > view.len ? "a message that is longer than 1 MiB"
                                                 : "no field of a profile");
        }
        wanted = len > INPUT_WINDOW_BYTES / 4 ? (size_t)len : INPUT_WINDOW_BYTES / 4;
    }
}

static int types_resolve(struct pprof_parts *parts, uint32_t *default_type)
{
    struct reading *reading = parts->reading;
    struct slu_bytes names[FIELDS_OF_TYPE * MODEL_TYPES_MAX];
    uint32_t wanted = 0;
    if (parts->type_count == 0) {
        return reading_refuse(reading, 0,
                              has_content(parts) ? "a profile without a type of samples"
                                                 : "not a profile of a known format");
    }
    for (uint32_t i = 0; i < FIELDS_OF_TYPE * parts->type_count; i++) {
        uint32_t string = 0;
        if (!pprof_string(parts, parts->types[i], &string)) {
            return reading_refuse(reading, 0, "a type of samples whose name is not there");
        }
        names[i] = model_text(reading->model, string);
    }
    int err = reading_types(reading, names, parts->type_count);
    if (err != 0) {
        return err;
    }
    (void)pprof_string(parts, parts->default_type, &wanted); /* else none is said */
    for (uint32_t i = 0; i < parts->type_count; i++) {
        if (wanted != 0 && reading->model->types[i].type == wanted) {
            *default_type = i;
        }
    }
    return 0;
}

static int parts_resolve(struct pprof_parts *parts)
{
    struct model_profile profile = {
        .time_ns = parts->time_ns,
        .duration_ns = parts->duration_ns,
        .period = parts->period,
        .name = parts->reading->name_string,
        .default_type = MODEL_NONE,
    };
    int err = types_resolve(parts, &profile.default_type);
    (void)pprof_string(parts, parts->drop_frames, &profile.drop_frames); /* else nothing is */
    (void)pprof_string(parts, parts->keep_frames, &profile.keep_frames);
    if (err == 0 && (!pprof_string(parts, parts->period_type[0], &profile.period_type.type) ||
                     !pprof_string(parts, parts->period_type[1], &profile.period_type.unit))) {
        err = reading_refuse(parts->reading, 0, "a type of period whose name is not there");
    }
    if (err == 0) {
        err = pprof_mappings_resolve(parts);
    }
    if (err == 0) {
        err = pprof_functions_resolve(parts);
    }
    if (err == 0) {
        err = pprof_locations_resolve(parts);
    }
    if (err == 0) {
        err = model_profile_add(parts->reading->model, &profile);
        err = err == 0 ? 0 : reading_failed(parts->reading, 0, err);
    }
    return err == 0 ? pprof_samples_resolve(parts) : err;
}

static void parts_init(struct pprof_parts *parts, struct reading *reading)
{
    struct slu_budget *budget = reading->budget;
    *parts = (struct pprof_parts){.reading = reading};
    column_init(&parts->strings, budget, sizeof(uint32_t), STRINGS_SHIFT);
    column_init(&parts->places, budget, sizeof(struct place), COLUMN_SHIFT_MIN);
    stage_init(&parts->mappings, budget);
    stage_init(&parts->functions, budget);
    stage_init(&parts->locations, budget);
    stage_init(&parts->samples, budget);
}

static void parts_deinit(struct pprof_parts *parts)
{
    column_deinit(&parts->strings);
    column_deinit(&parts->places);
    stage_deinit(&parts->mappings);
    stage_deinit(&parts->functions);
    stage_deinit(&parts->locations);
    stage_deinit(&parts->samples);
    id_map_deinit(&parts->mapping_map);
    id_map_deinit(&parts->function_map);
    id_map_deinit(&parts->location_map);
}

int pprof_read(struct reading *reading)
{
    struct pprof_parts parts;
    parts_init(&parts, reading);
    int err = text_take(&parts);
    if (err == 0) {
        err = parts_resolve(&parts);
    }
    parts_deinit(&parts);
    return err;
}
