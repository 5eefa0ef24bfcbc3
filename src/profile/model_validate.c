#include "profile/model_validate.h"

#include "base/assert.h"
#include "profile/model.h"

static void string_check(const struct model *model, uint32_t string)
{
    SLU_ASSERT(string < model->strings.count);
}

static void names_check(const struct model *model)
{
    for (uint32_t i = 0; i < model->strings.count; i++) {
        const struct model_run *run = column_at(&model->strings, i);
        SLU_ASSERT(run->count == 0 || run->first + run->count <= model->text.count);
    }
    for (uint32_t i = 0; i < model->functions.count; i++) {
        const struct model_function *function = model_function_at(model, i);
        string_check(model, function->name);
        string_check(model, function->system_name);
        string_check(model, function->file);
    }
    for (uint32_t i = 0; i < model->mappings.count; i++) {
        string_check(model, model_mapping_at(model, i)->file);
        string_check(model, model_mapping_at(model, i)->build_id);
    }
}

static void locations_check(const struct model *model)
{
    for (uint32_t i = 0; i < model->locations.count; i++) {
        const struct model_location *location = model_location_at(model, i);
        const struct model_line *lines = model_lines_of(model, location);
        SLU_ASSERT(location->mapping == MODEL_NONE || location->mapping < model->mappings.count);
        for (uint32_t line = 0; line < location->line_count; line++) {
            SLU_ASSERT(lines[line].function == MODEL_NONE ||
                       lines[line].function < model->functions.count);
        }
    }
    for (uint32_t i = 0; i < model->stacks.count; i++) {
        uint32_t count = 0;
        const uint32_t *locations = model_stack_at(model, i, &count);
        for (uint32_t at = 0; at < count; at++) {
            SLU_ASSERT(locations[at] < model->locations.count);
        }
    }
}

static void samples_check(const struct model *model)
{
    uint32_t sample = 0;
    for (uint32_t i = 0; i < model->profiles.count; i++) {
        const struct model_profile *profile = model_profile_at(model, i);
        SLU_ASSERT(profile->sample_first == sample);
        SLU_ASSERT(profile->default_type == MODEL_NONE ||
                   profile->default_type < model->type_count);
        sample += profile->sample_count;
    }
    SLU_ASSERT(sample == model->samples.count);
    for (uint32_t i = 0; i < model->samples.count; i++) {
        const struct model_sample *each = column_at(&model->samples, i);
        SLU_ASSERT(each->stack < model->stacks.count && each->labels < model->label_sets.count);
    }
    for (uint32_t i = 0; i < model->type_count; i++) {
        string_check(model, model->types[i].type);
        string_check(model, model->types[i].unit);
        SLU_ASSERT(model->values[i].count >= model->samples.count);
    }
}

void model_validate(const struct model *model)
{
    names_check(model);
    locations_check(model);
    samples_check(model);
    hash_map_validate(&model->string_index.map);
    hash_map_validate(&model->stack_index.map);
}
