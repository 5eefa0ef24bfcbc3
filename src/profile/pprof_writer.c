#include "profile/pprof_writer.h"

#include "base/assert.h"

/* Numbers of the fields, a list for each message. */
enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_DROP_FRAMES = 7,
    PROFILE_KEEP_FRAMES = 8,
    PROFILE_TIME_NS = 9,
    PROFILE_DURATION_NS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};

enum value_type_field {
    VALUE_TYPE_TYPE = 1,
    VALUE_TYPE_UNIT = 2,
};

enum sample_field {
    SAMPLE_LOCATION_ID = 1,
    SAMPLE_VALUE = 2,
    SAMPLE_LABEL = 3,
};

enum label_field {
    LABEL_KEY = 1,
    LABEL_TEXT = 2,
    LABEL_NUMBER = 3,
    LABEL_UNIT = 4,
};

enum mapping_field {
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_FILE_OFFSET = 4,
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILES = 8,
    MAPPING_HAS_LINES = 9,
    MAPPING_HAS_INLINED = 10,
};

enum location_field {
    LOCATION_ID = 1,
    LOCATION_MAPPING_ID = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,
    LOCATION_IS_FOLDED = 5,
};

enum line_field {
    LINE_FUNCTION_ID = 1,
    LINE_LINE = 2,
};

enum function_field {
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILE = 4,
    FUNCTION_START_LINE = 5,
};

struct value_type {
    uint64_t type;
    uint64_t unit;
};

/* A field that is 0 is left out: that is how readers take it. */
static void put_unless_zero(struct protobuf_writer *writer, uint32_t field, uint64_t value)
{
    if (value != 0) {
        protobuf_write_uint(writer, field, value);
    }
}

void pprof_writer_init(struct pprof_writer *writer, struct sink *sink)
{
    protobuf_writer_init(&writer->protobuf, sink);
    writer->string_count = 1;
    protobuf_write_bytes(&writer->protobuf, PROFILE_STRING, (struct slu_bytes){NULL, 0});
}

uint64_t pprof_write_string(struct pprof_writer *writer, struct slu_bytes text)
{
    if (text.len == 0) {
        return 0;
    }
    protobuf_write_bytes(&writer->protobuf, PROFILE_STRING, text);
    return writer->string_count++;
}

static void value_type_message(struct protobuf_writer *writer, const void *context)
{
    const struct value_type *value_type = context;
    put_unless_zero(writer, VALUE_TYPE_TYPE, value_type->type);
    put_unless_zero(writer, VALUE_TYPE_UNIT, value_type->unit);
}

void pprof_write_sample_type(struct pprof_writer *writer, uint64_t type, uint64_t unit)
{
    struct value_type value_type = {type, unit};
    protobuf_write_message(&writer->protobuf, PROFILE_SAMPLE_TYPE, value_type_message, &value_type);
}

void pprof_write_default_sample_type(struct pprof_writer *writer, uint64_t type)
{
    put_unless_zero(&writer->protobuf, PROFILE_DEFAULT_SAMPLE_TYPE, type);
}

static void mapping_message(struct protobuf_writer *writer, const void *context)
{
    const struct pprof_mapping *mapping = context;
    put_unless_zero(writer, MAPPING_ID, mapping->id);
    put_unless_zero(writer, MAPPING_START, mapping->start);
    put_unless_zero(writer, MAPPING_LIMIT, mapping->limit);
    put_unless_zero(writer, MAPPING_FILE_OFFSET, mapping->file_offset);
    put_unless_zero(writer, MAPPING_FILE, mapping->file);
    put_unless_zero(writer, MAPPING_BUILD_ID, mapping->build_id);
    put_unless_zero(writer, MAPPING_HAS_FUNCTIONS, mapping->has_functions);
    put_unless_zero(writer, MAPPING_HAS_FILES, mapping->has_files);
    put_unless_zero(writer, MAPPING_HAS_LINES, mapping->has_lines);
    put_unless_zero(writer, MAPPING_HAS_INLINED, mapping->has_inlined);
}

void pprof_write_mapping(struct pprof_writer *writer, const struct pprof_mapping *mapping)
{
    SLU_ASSERT(mapping->id > 0);
    protobuf_write_message(&writer->protobuf, PROFILE_MAPPING, mapping_message, mapping);
}

static void function_message(struct protobuf_writer *writer, const void *context)
{
    const struct pprof_function *function = context;
    put_unless_zero(writer, FUNCTION_ID, function->id);
    put_unless_zero(writer, FUNCTION_NAME, function->name);
    put_unless_zero(writer, FUNCTION_SYSTEM_NAME, function->system_name);
    put_unless_zero(writer, FUNCTION_FILE, function->file);
    put_unless_zero(writer, FUNCTION_START_LINE, (uint64_t)function->start_line);
}

void pprof_write_function(struct pprof_writer *writer, const struct pprof_function *function)
{
    SLU_ASSERT(function->id > 0);
    protobuf_write_message(&writer->protobuf, PROFILE_FUNCTION, function_message, function);
}

static void line_message(struct protobuf_writer *writer, const void *context)
{
    const struct pprof_line *line = context;
    put_unless_zero(writer, LINE_FUNCTION_ID, line->function_id);
    put_unless_zero(writer, LINE_LINE, (uint64_t)line->line);
}

static void location_message(struct protobuf_writer *writer, const void *context)
{
    const struct pprof_location *location = context;
    put_unless_zero(writer, LOCATION_ID, location->id);
    put_unless_zero(writer, LOCATION_MAPPING_ID, location->mapping_id);
    put_unless_zero(writer, LOCATION_ADDRESS, location->address);
    for (size_t i = 0; i < location->line_count; i++) {
        protobuf_write_message(writer, LOCATION_LINE, line_message, &location->lines[i]);
    }
    put_unless_zero(writer, LOCATION_IS_FOLDED, location->is_folded);
}

void pprof_write_location(struct pprof_writer *writer, const struct pprof_location *location)
{
    SLU_ASSERT(location->id > 0);
    protobuf_write_message(&writer->protobuf, PROFILE_LOCATION, location_message, location);
}

static void label_message(struct protobuf_writer *writer, const void *context)
{
    const struct pprof_label *label = context;
    put_unless_zero(writer, LABEL_KEY, label->key);
    put_unless_zero(writer, LABEL_TEXT, label->text);
    put_unless_zero(writer, LABEL_NUMBER, (uint64_t)label->number);
    put_unless_zero(writer, LABEL_UNIT, label->unit);
}

static void sample_message(struct protobuf_writer *writer, const void *context)
{
    const struct pprof_sample *sample = context;
    protobuf_write_packed_uints(writer, SAMPLE_LOCATION_ID, sample->location_ids,
                                sample->location_count);
    protobuf_write_packed_ints(writer, SAMPLE_VALUE, sample->values, sample->value_count);
    for (size_t i = 0; i < sample->label_count; i++) {
        protobuf_write_message(writer, SAMPLE_LABEL, label_message, &sample->labels[i]);
    }
}

void pprof_write_sample(struct pprof_writer *writer, const struct pprof_sample *sample)
{
    protobuf_write_message(&writer->protobuf, PROFILE_SAMPLE, sample_message, sample);
}

void pprof_write_time(struct pprof_writer *writer, int64_t time_ns, int64_t duration_ns)
{
    put_unless_zero(&writer->protobuf, PROFILE_TIME_NS, (uint64_t)time_ns);
    put_unless_zero(&writer->protobuf, PROFILE_DURATION_NS, (uint64_t)duration_ns);
}

void pprof_write_period(struct pprof_writer *writer, uint64_t type, uint64_t unit, int64_t period)
{
    struct value_type value_type = {type, unit};
    protobuf_write_message(&writer->protobuf, PROFILE_PERIOD_TYPE, value_type_message, &value_type);
    put_unless_zero(&writer->protobuf, PROFILE_PERIOD, (uint64_t)period);
}

void pprof_write_frame_filters(struct pprof_writer *writer, uint64_t drop, uint64_t keep)
{
    put_unless_zero(&writer->protobuf, PROFILE_DROP_FRAMES, drop);
    put_unless_zero(&writer->protobuf, PROFILE_KEEP_FRAMES, keep);
}

void pprof_write_comment(struct pprof_writer *writer, uint64_t text)
{
    protobuf_write_uint(&writer->protobuf, PROFILE_COMMENT, text);
}
