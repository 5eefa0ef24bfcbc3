/*
 * Three passes over the bytes. The first collects what the others need to know: strings, mappings,
 * how many locations there are. The second passes everything on but mappings and locations without
 * lines. The third writes those, and before each what it needs that is new; so new strings come
 * after all old ones, whose numbers are their places.
 */
#include "readers/pprof_symbolize.h"

#include <errno.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/hash_map.h"
#include "base/sink.h"
#include "codec/protobuf_reader.h"
#include "profile/pprof_fields.h"
#include "readers/pprof_additions.h"

struct mapping {
    struct pprof_mapping numbers;
    struct slu_bytes whole; /* as it came */
    bool found;
    bool found_file;
    bool found_line;
    bool found_inlined;
};

struct symbolizing {
    struct slu_bytes profile;
    const struct pprof_symbols *symbols;
    struct slu_arena *arena;
    struct sink *sink;
    struct slu_diag *diag;
    struct pprof_symbolized *result;
    struct slu_bytes *strings;
    uint64_t string_count;
    struct mapping *mappings;
    uint32_t mapping_count;
    struct hash_map mapping_map; /* by identity */
    uint64_t function_id_max;
    struct pprof_writer writer;
    struct pprof_additions additions;
};

static int refuse(const struct symbolizing *run, const struct protobuf_reader *reader,
                  const char *what)
{
    return diag_fail(run->diag, -EBADMSG, "byte %llu: %s",
                     (unsigned long long)protobuf_reader_offset(reader), what);
}

typedef int (*field_visitor)(struct symbolizing *run, const struct protobuf_field *field);

/* Show each field of the profile to `visit`. */
static int each_field(struct symbolizing *run, field_visitor visit)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, run->profile);
    while (protobuf_next(&reader, &field)) {
        int err = visit(run, &field);
        if (err == -EBADMSG) {
            return refuse(run, &reader, "the message before it is damaged");
        }
        if (err != 0) {
            return err;
        }
    }
    return protobuf_reader_end(&reader) == 0 ? 0 : refuse(run, &reader, "no field of a profile");
}

/* The value of the numbered field of a message: 0 if it is absent; the last if there are more. */
static int number_in(struct slu_bytes message, uint32_t number, uint64_t *value)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    *value = 0;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number && field.wire == PROTOBUF_VARINT) {
            *value = field.value;
        }
    }
    return protobuf_reader_end(&reader);
}

static int count_field(struct symbolizing *run, const struct protobuf_field *field)
{
    if (field->wire != PROTOBUF_BYTES) {
        return 0;
    }
    uint64_t id = 0;
    int err = 0;
    switch (field->number) {
    case PROFILE_STRING:
        run->string_count++;
        return 0;
    case PROFILE_MAPPING:
        run->mapping_count++;
        return run->mapping_count == HASH_MAP_CAPACITY_MAX ? -EBADMSG : 0;
    case PROFILE_LOCATION:
        run->result->location_count++;
        return 0;
    case PROFILE_FUNCTION:
        err = number_in(field->bytes, FUNCTION_ID, &id);
        run->function_id_max = id > run->function_id_max ? id : run->function_id_max;
        return err;
    default:
        return 0;
    }
}

static int mapping_read(struct slu_bytes message, struct pprof_mapping *mapping)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        uint64_t *const numbers[] = {
            [MAPPING_ID] = &mapping->id,       [MAPPING_START] = &mapping->start,
            [MAPPING_LIMIT] = &mapping->limit, [MAPPING_FILE_OFFSET] = &mapping->file_offset,
            [MAPPING_FILE] = &mapping->file,   [MAPPING_BUILD_ID] = &mapping->build_id,
        };
        bool *const flags[] = {
            [MAPPING_HAS_FUNCTIONS] = &mapping->has_functions,
            [MAPPING_HAS_FILES] = &mapping->has_files,
            [MAPPING_HAS_LINES] = &mapping->has_lines,
            [MAPPING_HAS_INLINED] = &mapping->has_inlined,
        };
        if (field.wire == PROTOBUF_VARINT && field.number <= MAPPING_BUILD_ID) {
            *numbers[field.number] = field.value;
        } else if (field.wire == PROTOBUF_VARINT && field.number <= MAPPING_HAS_INLINED) {
            *flags[field.number] = field.value != 0;
        }
    }
    return protobuf_reader_end(&reader);
}

struct mapping_search {
    const struct mapping *mappings;
    uint64_t id;
};

static bool mapping_is(const void *context, uint32_t index)
{
    const struct mapping_search *search = context;
    return search->mappings[index].numbers.id == search->id;
}

static uint64_t id_hash(uint64_t id)
{
    return hash_bytes((struct slu_bytes){&id, sizeof(id)}, 0);
}

static struct mapping *mapping_find(const struct symbolizing *run, uint64_t id)
{
    struct mapping_search search = {run->mappings, id};
    if (run->mapping_count == 0) {
        return NULL;
    }
    uint32_t index = hash_map_find(&run->mapping_map, id_hash(id), mapping_is, &search);
    return index == HASH_MAP_NONE ? NULL : &run->mappings[index];
}

static int collect_field(struct symbolizing *run, const struct protobuf_field *field)
{
    if (field->wire != PROTOBUF_BYTES) {
        return 0;
    }
    if (field->number == PROFILE_STRING) {
        run->strings[run->string_count++] = field->bytes;
        return 0;
    }
    if (field->number != PROFILE_MAPPING) {
        return 0;
    }
    struct mapping *mapping = &run->mappings[run->mapping_count];
    *mapping = (struct mapping){.whole = field->whole};
    int err = mapping_read(field->bytes, &mapping->numbers);
    if (err != 0) {
        return err;
    }
    uint64_t id = mapping->numbers.id;
    bool is_new = mapping_find(run, id) == NULL;
    /* A map with room refuses an entry only to a crowd of equal hashes: no names there, then. */
    if (is_new && hash_map_insert(&run->mapping_map, id_hash(id), run->mapping_count) != 0) {
        mapping->numbers.limit = 0;
    }
    run->mapping_count++;
    return 0;
}

static int tables_create(struct symbolizing *run)
{
    struct layout layout = {0};
    size_t strings = layout_add(&layout, run->string_count, sizeof(run->strings[0]), 16);
    size_t mappings = layout_add(&layout, run->mapping_count, sizeof(run->mappings[0]), 16);
    uint32_t capacity = run->mapping_count == 0 ? 1 : run->mapping_count;
    size_t slots = hash_map_plan(&layout, capacity);
    size_t bytes = 0;
    void *block = NULL;
    int err = layout_size(&layout, &bytes);
    if (err == 0) {
        err = slu_arena_alloc(run->arena, bytes, SLU_ARENA_ALIGN_MAX, &block);
    }
    if (err != 0) {
        return diag_fail(run->diag, err, "a profile with %llu strings needs more memory",
                         (unsigned long long)run->string_count);
    }
    memset(block, 0, bytes);
    run->strings = (struct slu_bytes *)((char *)block + strings);
    run->mappings = (struct mapping *)((char *)block + mappings);
    hash_map_init(&run->mapping_map, (char *)block + slots, capacity);
    return 0;
}

static bool is_rewritten(const struct protobuf_field *field)
{
    return field->wire == PROTOBUF_BYTES &&
           (field->number == PROFILE_MAPPING || field->number == PROFILE_LOCATION);
}

static int copy_field(struct symbolizing *run, const struct protobuf_field *field)
{
    if (!is_rewritten(field)) {
        sink_put(run->sink, field->whole.data, field->whole.len);
    }
    return 0;
}

static int location_read(struct slu_bytes message, struct pprof_location *location)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        switch (field.number) {
        case LOCATION_ID:
            location->id = field.value;
            break;
        case LOCATION_MAPPING_ID:
            location->mapping_id = field.value;
            break;
        case LOCATION_ADDRESS:
            location->address = field.value;
            break;
        case LOCATION_LINE:
            location->line_count++;
            break;
        case LOCATION_IS_FOLDED:
            location->is_folded = field.value != 0;
            break;
        default:
            break;
        }
    }
    return protobuf_reader_end(&reader);
}

static struct slu_bytes string_at(const struct symbolizing *run, uint64_t number)
{
    return number < run->string_count ? run->strings[number] : (struct slu_bytes){0};
}

static size_t frames_find(struct symbolizing *run, const struct pprof_location *location,
                          struct pprof_frame *frames)
{
    struct mapping *mapping = mapping_find(run, location->mapping_id);
    if (mapping == NULL || location->address < mapping->numbers.start ||
        location->address >= mapping->numbers.limit) {
        return 0;
    }
    const struct pprof_mapping *numbers = &mapping->numbers;
    struct pprof_module module = {
        .index = (size_t)(mapping - run->mappings),
        .file = string_at(run, numbers->file),
        .build_id = string_at(run, numbers->build_id),
    };
    uint64_t offset = location->address - numbers->start + numbers->file_offset;
    size_t count =
        run->symbols->find(run->symbols->context, &module, offset, frames, PPROF_FRAMES_MAX);
    mapping->found |= count > 0;
    mapping->found_inlined |= count > 1;
    for (size_t i = 0; i < count; i++) {
        mapping->found_file |= frames[i].file != NULL;
        mapping->found_line |= frames[i].line != 0;
    }
    return count;
}

static int location_field(struct symbolizing *run, const struct protobuf_field *field)
{
    if (field->wire != PROTOBUF_BYTES || field->number != PROFILE_LOCATION) {
        return 0;
    }
    struct pprof_location location = {0};
    int err = location_read(field->bytes, &location);
    if (err != 0) {
        return err;
    }
    struct pprof_frame frames[PPROF_FRAMES_MAX];
    struct pprof_line lines[PPROF_FRAMES_MAX];
    bool had_lines = location.line_count > 0;
    size_t count = had_lines ? 0 : frames_find(run, &location, frames);
    run->result->named_count += had_lines;
    run->result->found_count += count > 0;
    run->result->unknown_count += !had_lines && count == 0;
    if (count == 0) {
        sink_put(run->sink, field->whole.data, field->whole.len);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        lines[i] = (struct pprof_line){
            .function_id = pprof_additions_function(&run->additions, &frames[i]),
            .line = frames[i].line,
        };
    }
    location.lines = lines;
    location.line_count = count;
    pprof_write_location(&run->writer, &location);
    return 0;
}

static void mappings_write(struct symbolizing *run)
{
    for (uint32_t i = 0; i < run->mapping_count; i++) {
        struct mapping *mapping = &run->mappings[i];
        if (!mapping->found) {
            sink_put(run->sink, mapping->whole.data, mapping->whole.len);
            continue;
        }
        mapping->numbers.has_functions = true;
        mapping->numbers.has_files |= mapping->found_file;
        mapping->numbers.has_lines |= mapping->found_line;
        mapping->numbers.has_inlined |= mapping->found_inlined;
        pprof_write_mapping(&run->writer, &mapping->numbers);
    }
}

int pprof_symbolize(struct slu_bytes profile, const struct pprof_symbols *symbols,
                    struct slu_arena *arena, struct sink *sink, struct slu_diag *diag,
                    struct pprof_symbolized *result)
{
    struct pprof_symbolized counts = {0};
    struct symbolizing run = {.profile = profile,
                              .symbols = symbols,
                              .arena = arena,
                              .sink = sink,
                              .diag = diag,
                              .result = &counts};
    int err = each_field(&run, count_field);
    if (err == 0) {
        err = tables_create(&run);
    }
    if (err != 0) {
        return err;
    }
    run.string_count = 0;
    run.mapping_count = 0;
    err = each_field(&run, collect_field);
    if (err != 0) {
        return err;
    }
    pprof_writer_continue(&run.writer, sink, run.string_count);
    err = pprof_additions_init(&run.additions, arena, counts.location_count, run.function_id_max,
                               &run.writer);
    if (err != 0) {
        return diag_fail(diag, err, "a profile with %llu locations needs more memory",
                         (unsigned long long)counts.location_count);
    }
    err = each_field(&run, copy_field);
    if (err == 0) {
        err = each_field(&run, location_field);
    }
    if (err == 0) {
        mappings_write(&run);
        *result = counts;
    }
    return err;
}
