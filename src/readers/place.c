#include "readers/place.h"

#include <string.h>

#include "profile/model.h"
#include "readers/pprof_symbolize.h"
#include "readers/reading.h"

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, text == NULL ? 0 : strlen(text)};
}

static int frame_line(struct model *model, const struct pprof_frame *frame, struct model_line *line)
{
    struct model_function function = {.start_line = frame->start_line};
    int err = model_string(model, text_of(frame->function), &function.name);
    if (err == 0) {
        err = model_string(model, text_of(frame->linkage), &function.system_name);
    }
    if (err == 0) {
        err = model_string(model, text_of(frame->file), &function.file);
    }
    if (err == 0) {
        err = model_function(model, &function, &line->function);
    }
    line->line = frame->line;
    return err;
}

/* What is known of the byte of the file at which an address lies. */
static int lines_find(struct reading *reading, const struct place *place, uint32_t index,
                      uint64_t address, struct model_line *lines, uint32_t *line_count)
{
    struct pprof_frame frames[PPROF_FRAMES_MAX];
    const struct model_mapping *mapping = model_mapping_at(reading->model, place->mapping);
    struct pprof_module module = {
        .index = index,
        .file = model_text(reading->model, mapping->file),
        .build_id = model_text(reading->model, mapping->build_id),
    };
    size_t count = reading->symbols->find(reading->symbols->context, &module,
                                          address - place->start + place->file_offset, frames,
                                          PPROF_FRAMES_MAX);
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = frame_line(reading->model, &frames[i], &lines[i]);
    }
    *line_count = (uint32_t)count;
    return err;
}

int place_location(struct reading *reading, const struct place *place, uint32_t index,
                   uint64_t address, const struct model_line *lines, uint32_t line_count,
                   uint32_t *location)
{
    struct model_line found[PPROF_FRAMES_MAX];
    if (place->mapping == MODEL_NONE) {
        return model_location(reading->model, address, MODEL_NONE, lines, line_count, location);
    }
    bool is_inside = address >= place->start && address < place->limit;
    if (line_count == 0 && !place->has_functions && is_inside && reading->symbols != NULL) {
        int err = lines_find(reading, place, index, address, found, &line_count);
        if (err != 0) {
            return err;
        }
        lines = found;
    }
    uint64_t start = model_mapping_at(reading->model, place->mapping)->start;
    return model_location(reading->model, address - place->start + start, place->mapping, lines,
                          line_count, location);
}
