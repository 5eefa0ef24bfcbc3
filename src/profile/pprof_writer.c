#include "profile/pprof_writer.h"

#include "base/assert.h"
#include "profile/pprof_fields.h"

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

void pprof_writer_continue(struct pprof_writer *writer, struct sink *sink, uint64_t string_count)
{
    protobuf_writer_init(&writer->protobuf, sink);
    writer->string_count = string_count;
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
