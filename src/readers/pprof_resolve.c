/* Mappings, functions and locations of a profile in pprof's format, once all of it is there. */
#include <errno.h>

#include <sluice/budget.h>

#include "codec/protobuf_reader.h"
#include "profile/pprof_fields.h"
#include "readers/pprof_parts.h"
#include "readers/place.h"
#include "readers/reading.h"

static int refuse(struct pprof_parts *parts, uint32_t offset, const char *what)
{
    return reading_refuse(parts->reading, offset, "%s", what);
}

static int added(struct pprof_parts *parts, uint32_t offset, int err, const char *kind)
{
    if (err == -EEXIST) {
        return reading_refuse(parts->reading, offset, "a second %s of the same number", kind);
    }
    return err == 0 ? 0 : reading_failed(parts->reading, offset, err);
}

static bool mapping_read(struct pprof_parts *parts, struct slu_bytes message, uint64_t *id,
                         struct model_mapping *mapping, bool *has_functions)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t file = 0;
    uint64_t build_id = 0;
    uint64_t functions = 0;
    uint64_t *const numbers[] = {
        [MAPPING_ID] = id,
        [MAPPING_START] = &mapping->start,
        [MAPPING_LIMIT] = &mapping->limit,
        [MAPPING_FILE_OFFSET] = &mapping->file_offset,
        [MAPPING_FILE] = &file,
        [MAPPING_BUILD_ID] = &build_id,
        [MAPPING_HAS_FUNCTIONS] = &functions,
    };
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.wire == PROTOBUF_VARINT && field.number <= MAPPING_HAS_FUNCTIONS) {
            *numbers[field.number] = field.value;
        }
    }
    *has_functions = functions != 0;
    return protobuf_reader_end(&reader) == 0 && pprof_string(parts, file, &mapping->file) &&
           pprof_string(parts, build_id, &mapping->build_id);
}

int pprof_mappings_resolve(struct pprof_parts *parts)
{
    uint32_t offset = 0;
    struct slu_bytes message;
    int err = id_map_init(&parts->mapping_map, parts->reading->budget, parts->mappings.count);
    err = err == 0 ? 0 : reading_failed(parts->reading, 0, err);
    while (err == 0 && stage_next(&parts->mappings, &offset, &message)) {
        struct model_mapping mapping = {0};
        struct place place = {0};
        uint32_t index = 0;
        uint64_t id = 0;
        if (!mapping_read(parts, message, &id, &mapping, &place.has_functions) || id == 0) {
            return refuse(parts, offset, "a damaged mapping");
        }
        place.start = mapping.start;
        place.limit = mapping.limit;
        place.file_offset = mapping.file_offset;
        err = model_mapping(parts->reading->model, &mapping, &place.mapping);
        if (err == 0) {
            err = column_add(&parts->places, &place, &index);
        }
        if (err == 0) {
            err = id_map_add(&parts->mapping_map, id, index);
        }
        err = added(parts, offset, err, "mapping");
    }
    return err;
}

static bool function_read(struct pprof_parts *parts, struct slu_bytes message, uint64_t *id,
                          struct model_function *function)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t numbers[FUNCTION_START_LINE + 1] = {0};
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.wire == PROTOBUF_VARINT && field.number <= FUNCTION_START_LINE) {
            numbers[field.number] = field.value;
        }
    }
    *id = numbers[FUNCTION_ID];
    function->start_line =
        numbers[FUNCTION_START_LINE] > UINT32_MAX ? 0 : (uint32_t)numbers[FUNCTION_START_LINE];
    return protobuf_reader_end(&reader) == 0 &&
           pprof_string(parts, numbers[FUNCTION_NAME], &function->name) &&
           pprof_string(parts, numbers[FUNCTION_SYSTEM_NAME], &function->system_name) &&
           pprof_string(parts, numbers[FUNCTION_FILE], &function->file);
}

int pprof_functions_resolve(struct pprof_parts *parts)
{
    uint32_t offset = 0;
    struct slu_bytes message;
    int err = id_map_init(&parts->function_map, parts->reading->budget, parts->functions.count);
    err = err == 0 ? 0 : reading_failed(parts->reading, 0, err);
    while (err == 0 && stage_next(&parts->functions, &offset, &message)) {
        struct model_function function = {0};
        uint32_t known = 0;
        uint64_t id = 0;
        if (!function_read(parts, message, &id, &function) || id == 0) {
            return refuse(parts, offset, "a damaged function");
        }
        err = model_function(parts->reading->model, &function, &known);
        if (err == 0) {
            err = id_map_add(&parts->function_map, id, known);
        }
        err = added(parts, offset, err, "function");
    }
    return err;
}

/* A location as it is read. */
struct location {
    uint64_t id;
    uint64_t address;
    uint64_t mapping_id;
    uint32_t line_count;
    struct model_line lines[MODEL_LINES_MAX];
};

static bool line_read(struct pprof_parts *parts, struct slu_bytes message, struct model_line *line)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t numbers[LINE_LINE + 1] = {0};
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.wire == PROTOBUF_VARINT && field.number <= LINE_LINE) {
            numbers[field.number] = field.value;
        }
    }
    *line = (struct model_line){
        .function = id_map_find(&parts->function_map, numbers[LINE_FUNCTION_ID]),
        .line = numbers[LINE_LINE] > UINT32_MAX ? 0 : (uint32_t)numbers[LINE_LINE],
    };
    return protobuf_reader_end(&reader) == 0 &&
           (line->function != ID_MAP_NONE || numbers[LINE_FUNCTION_ID] == 0);
}

static bool location_read(struct pprof_parts *parts, struct slu_bytes message,
                          struct location *location)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    location->id = 0;
    location->address = 0;
    location->mapping_id = 0;
    location->line_count = 0;
    uint64_t *const numbers[] = {[LOCATION_ID] = &location->id,
                                 [LOCATION_MAPPING_ID] = &location->mapping_id,
                                 [LOCATION_ADDRESS] = &location->address};
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.wire == PROTOBUF_VARINT && field.number <= LOCATION_ADDRESS) {
            *numbers[field.number] = field.value;
        } else if (field.wire == PROTOBUF_BYTES && field.number == LOCATION_LINE) {
            if (location->line_count == MODEL_LINES_MAX ||
                !line_read(parts, field.bytes, &location->lines[location->line_count])) {
                return false;
            }
            location->line_count++;
        }
    }
    return protobuf_reader_end(&reader) == 0 && location->id != 0;
}

/* The model's identity of a location that has been read. */
static int location_resolve(struct pprof_parts *parts, uint32_t offset,
                            const struct location *location)
{
    struct place unknown = {.mapping = MODEL_NONE};
    const struct place *place = &unknown;
    uint32_t known = 0;
    uint32_t index = id_map_find(&parts->mapping_map, location->mapping_id);
    if (index == ID_MAP_NONE && location->mapping_id != 0) {
        return refuse(parts, offset, "a location in a mapping that is not there");
    }
    if (index != ID_MAP_NONE) {
        place = column_at(&parts->places, index);
    }
    int err = place_location(parts->reading, place, index, location->address, location->lines,
                             location->line_count, &known);
    if (err == 0) {
        err = id_map_add(&parts->location_map, location->id, known);
    }
    return added(parts, offset, err, "location");
}

int pprof_locations_resolve(struct pprof_parts *parts)
{
    uint32_t offset = 0;
    struct slu_bytes message;
    struct reading *reading = parts->reading;
    void *block = NULL;
    int err = id_map_init(&parts->location_map, reading->budget, parts->locations.count);
    if (err == 0) {
        err = slu_budget_alloc(reading->budget, sizeof(struct location), &block);
    }
    err = err == 0 ? 0 : reading_failed(reading, 0, err);
    struct location *location = block;
    while (err == 0 && stage_next(&parts->locations, &offset, &message)) {
        err = location_read(parts, message, location)
                  ? location_resolve(parts, offset, location)
                  : refuse(parts, offset,
                           "a damaged location, or one of a function that is not there");
    }
    if (location != NULL) {
        slu_budget_free(reading->budget, location, sizeof(*location));
    }
    return err;
}
