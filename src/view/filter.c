#include "view/filter.h"

#include <string.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "profile/model.h"

/* A profile's patterns fit a whole name. */
static int dropped_init(struct view_filter *filter)
{
    char text[PATTERN_BYTES_MAX];
    struct sink sink;
    const struct model *model = filter->model;
    int err = 0;
    for (uint32_t i = 0; i < model->profiles.count && err == 0 && !filter->drop.is_set; i++) {
        const struct model_profile *profile = model_profile_at(model, i);
        uint32_t strings[] = {profile->drop_frames, profile->keep_frames};
        struct pattern *const patterns[] = {&filter->drop, &filter->keep};
        for (size_t k = 0; k < 2 && err == 0 && profile->drop_frames != 0; k++) {
            struct slu_bytes pattern = model_text(model, strings[k]);
            sink_init_fixed(&sink, text, sizeof(text));
            sink_text(&sink, "^(");
            sink_put(&sink, pattern.data, pattern.len);
            sink_text(&sink, ")$");
            size_t len = pattern.len == 0 || sink.err != 0 ? 0 : sink.len;
            err = pattern_init_foreign(patterns[k], model, (struct slu_bytes){text, len});
        }
    }
    return err;
}

int filter_init(struct view_filter *filter, const struct model *model,
                const struct view_options *options, struct slu_diag *diag)
{
    *filter = (struct view_filter){.model = model};
    int err = pattern_init(&filter->focus, model, options->focus, "--focus", diag);
    if (err == 0) {
        err = pattern_init(&filter->ignore, model, options->ignore, "--ignore", diag);
    }
    if (err == 0) {
        err = pattern_init(&filter->hide, model, options->hide, "--hide", diag);
    }
    if (err == 0) {
        err = pattern_init(&filter->show, model, options->show, "--show", diag);
    }
    if (err == 0) {
        err = tag_init(&filter->tag, model, options->tag, diag);
    }
    if (err == 0) {
        err = dropped_init(filter);
        err = err == 0 ? 0 : diag_fail(diag, err, "no memory for the profile's patterns");
    }
    return err;
}

void filter_deinit(struct view_filter *filter)
{
    struct pattern *const patterns[] = {
        &filter->focus, &filter->ignore, &filter->hide, &filter->show, &filter->drop, &filter->keep,
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        pattern_deinit(patterns[i]);
    }
    tag_deinit(&filter->tag);
}

static bool line_matches(struct view_filter *filter, struct pattern *pattern,
                         const struct model_line *line)
{
    if (line == NULL || line->function == MODEL_NONE) {
        return false;
    }
    const struct model_function *function = model_function_at(filter->model, line->function);
    return pattern_matches(pattern, function->name) || pattern_matches(pattern, function->file);
}

static bool module_matches(struct view_filter *filter, struct pattern *pattern,
                           const struct model_location *location)
{
    return location->mapping != MODEL_NONE &&
           pattern_matches(pattern, model_mapping_at(filter->model, location->mapping)->file);
}

static bool location_matches(struct view_filter *filter, struct pattern *pattern,
                             const struct model_location *location)
{
    const struct model_line *lines = model_lines_of(filter->model, location);
    bool found = false;
    for (uint32_t i = 0; i < location->line_count && !found && pattern->is_set; i++) {
        found = line_matches(filter, pattern, &lines[i]);
    }
    return found || module_matches(filter, pattern, location);
}

/* The name up to its arguments, which patterns of profiles do not have. */
static struct slu_bytes name_without_arguments(struct slu_bytes name)
{
    static const char *const not_arguments[] = {"(anonymous namespace)", "operator()"};
    const char *bytes = name.data;
    size_t at = 0;
    while (at < name.len) {
        size_t skipped = 0;
        for (size_t i = 0; i < 2; i++) {
            size_t len = strlen(not_arguments[i]);
            if (name.len - at >= len && memcmp(bytes + at, not_arguments[i], len) == 0) {
                skipped = len;
            }
        }
        if (skipped == 0 && bytes[at] == '(') {
            return (struct slu_bytes){bytes, at};
        }
        at += skipped == 0 ? 1 : skipped;
    }
    return name;
}

uint32_t filter_first_line(struct view_filter *filter, const struct model_location *location)
{
    const struct model_line *lines = model_lines_of(filter->model, location);
    for (uint32_t i = location->line_count; i > 0 && filter->drop.is_set; i--) {
        if (lines[i - 1].function == MODEL_NONE) {
            continue;
        }
        const struct model_function *function =
            model_function_at(filter->model, lines[i - 1].function);
        struct slu_bytes name = name_without_arguments(model_text(filter->model, function->name));
        if (function->name != 0 && pattern_matches_bytes(&filter->drop, name) &&
            !pattern_matches_bytes(&filter->keep, name)) {
            return i < location->line_count ? i : 0; /* all dropped: the flag says it */
        }
    }
    return 0;
}

/* The same question for the flags: is the outermost function dropped, or one inlined into it? */
static unsigned char dropped_flags(struct view_filter *filter,
                                   const struct model_location *location)
{
    const struct model_line *lines = model_lines_of(filter->model, location);
    if (!filter->drop.is_set || location->line_count == 0) {
        return 0;
    }
    if (filter_first_line(filter, location) > 0) {
        return FILTER_DROPS_BELOW;
    }
    const struct model_line *outermost = &lines[location->line_count - 1];
    if (outermost->function == MODEL_NONE) {
        return 0;
    }
    const struct model_function *function = model_function_at(filter->model, outermost->function);
    struct slu_bytes name = name_without_arguments(model_text(filter->model, function->name));
    bool is_dropped = function->name != 0 && pattern_matches_bytes(&filter->drop, name) &&
                      !pattern_matches_bytes(&filter->keep, name);
    return is_dropped ? FILTER_DROPPED : 0;
}

unsigned char filter_location(struct view_filter *filter, const struct model_location *location)
{
    unsigned char flags = dropped_flags(filter, location);
    if (location_matches(filter, &filter->ignore, location)) {
        return flags | FILTER_IGNORED;
    }
    if (!filter->focus.is_set || location_matches(filter, &filter->focus, location)) {
        flags |= FILTER_FOCUSED;
    }
    return flags;
}

bool filter_keeps_line(struct view_filter *filter, const struct model_location *location,
                       const struct model_line *line)
{
    if (filter->hide.is_set && (module_matches(filter, &filter->hide, location) ||
                                line_matches(filter, &filter->hide, line))) {
        return false;
    }
    if (filter->show.is_set && line == NULL) {
        return false; /* as pprof does, also in a module that matches */
    }
    return !filter->show.is_set || module_matches(filter, &filter->show, location) ||
           line_matches(filter, &filter->show, line);
}

bool filter_labels(const struct view_filter *filter, uint32_t labels)
{
    return tag_matches(&filter->tag, labels);
}
