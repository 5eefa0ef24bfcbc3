/* Identities are the model's places, from 1; strings keep theirs, as 0 is the empty one in both. */
#include "profile/model_pprof.h"

#include <sluice/budget.h>

#include "profile/model.h"
#include "profile/pprof_writer.h"

/* Room for the longest of each, too large for a stack. */
struct room {
    uint64_t locations[MODEL_STACK_MAX];
    struct pprof_line lines[MODEL_LINES_MAX];
    struct pprof_label labels[MODEL_LABELS_MAX];
};

static void strings_write(struct pprof_writer *writer, const struct model *model)
{
    for (uint32_t i = 1; i < model->strings.count; i++) {
        (void)pprof_write_string(writer, model_text(model, i));
    }
}

static void mappings_write(struct pprof_writer *writer, const struct model *model)
{
    for (uint32_t i = 0; i < model->mappings.count; i++) {
        const struct model_mapping *mapping = model_mapping_at(model, i);
        struct pprof_mapping out = {.id = (uint64_t)i + 1,
                                    .start = mapping->start,
                                    .limit = mapping->limit,
                                    .file_offset = mapping->file_offset,
                                    .file = mapping->file,
                                    .build_id = mapping->build_id,
                                    .has_functions = model->functions.count > 0,
                                    .has_files = model->functions.count > 0,
                                    .has_lines = model->functions.count > 0,
                                    .has_inlined = model->functions.count > 0};
        pprof_write_mapping(writer, &out);
    }
}

static void functions_write(struct pprof_writer *writer, const struct model *model)
{
    for (uint32_t i = 0; i < model->functions.count; i++) {
        const struct model_function *function = model_function_at(model, i);
        struct pprof_function out = {.id = (uint64_t)i + 1,
                                     .name = function->name,
                                     .system_name = function->system_name,
                                     .file = function->file,
                                     .start_line = function->start_line};
        pprof_write_function(writer, &out);
    }
}

static uint64_t identity_of(uint32_t place)
{
    return place == MODEL_NONE ? 0 : (uint64_t)place + 1;
}

static void locations_write(struct pprof_writer *writer, const struct model *model,
                            struct room *room)
{
    for (uint32_t i = 0; i < model->locations.count; i++) {
        const struct model_location *location = model_location_at(model, i);
        const struct model_line *lines = model_lines_of(model, location);
        for (uint32_t k = 0; k < location->line_count; k++) {
            room->lines[k] = (struct pprof_line){.function_id = identity_of(lines[k].function),
                                                 .line = lines[k].line};
        }
        struct pprof_location out = {.id = (uint64_t)i + 1,
                                     .mapping_id = identity_of(location->mapping),
                                     .address = location->address,
                                     .lines = room->lines,
                                     .line_count = location->line_count};
        pprof_write_location(writer, &out);
    }
}

static void sample_write(struct pprof_writer *writer, const struct model *model, uint32_t number,
                         struct room *room)
{
    const struct model_sample *sample = column_at(&model->samples, number);
    int64_t values[MODEL_TYPES_MAX];
    struct pprof_sample out = {.location_ids = room->locations,
                               .values = values,
                               .value_count = model->type_count,
                               .labels = room->labels};
    uint32_t count = 0;
    const uint32_t *locations = model_stack_at(model, sample->stack, &count);
    for (uint32_t i = 0; i < count; i++) {
        room->locations[i] = (uint64_t)locations[i] + 1;
    }
    out.location_count = count;
    const struct model_label *labels = model_labels_at(model, sample->labels, &count);
    for (uint32_t i = 0; i < count; i++) {
        room->labels[i] = (struct pprof_label){.key = labels[i].key,
                                               .text = labels[i].text,
                                               .number = labels[i].number,
                                               .unit = labels[i].unit};
    }
    out.label_count = count;
    for (uint32_t type = 0; type < model->type_count; type++) {
        values[type] = model_value(model, type, number);
    }
    pprof_write_sample(writer, &out);
}

static void head_write(struct pprof_writer *writer, const struct model *model,
                       const struct model_profile *profile)
{
    for (uint32_t i = 0; i < model->type_count; i++) {
        pprof_write_sample_type(writer, model->types[i].type, model->types[i].unit);
    }
    if (profile->default_type != MODEL_NONE) {
        pprof_write_default_sample_type(writer, model->types[profile->default_type].type);
    }
    pprof_write_time(writer, profile->time_ns, profile->duration_ns);
    pprof_write_period(writer, profile->period_type.type, profile->period_type.unit,
                       profile->period);
    pprof_write_frame_filters(writer, profile->drop_frames, profile->keep_frames);
}

int model_pprof_write(const struct model *model, uint32_t profile, struct sink *sink)
{
    const struct model_profile *out = model_profile_at(model, profile);
    struct pprof_writer writer;
    void *memory = NULL;
    int err = slu_budget_alloc(model->budget, sizeof(struct room), &memory);
    if (err != 0) {
        return err;
    }
    struct room *room = memory;
    pprof_writer_init(&writer, sink);
    strings_write(&writer, model);
    head_write(&writer, model, out);
    mappings_write(&writer, model);
    functions_write(&writer, model);
    locations_write(&writer, model, room);
    for (uint32_t i = 0; i < out->sample_count; i++) {
        sample_write(&writer, model, out->sample_first + i, room);
    }
    slu_budget_free(model->budget, memory, sizeof(struct room));
    return 0;
}
