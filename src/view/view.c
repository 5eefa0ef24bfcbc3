#include "view/view.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/hash.h"
#include "profile/model.h"
#include "view/filter.h"
#include "view/name.h"

#define HASH_SEED     UINT64_C(0x71e) /* probes are bounded */
#define ENTRIES_SHIFT 10
#define FRAMES_SHIFT  12

struct entry_search {
    const struct column *entries;
    const struct view_entry *entry;
};

static bool entry_is(const void *context, uint32_t index)
{
    const struct entry_search *search = context;
    const struct view_entry *known = column_at(search->entries, index);
    const struct view_entry *entry = search->entry;
    return known->address == entry->address && known->name == entry->name &&
           known->file == entry->file && known->line == entry->line &&
           known->module == entry->module;
}

static int entry_intern(struct view *view, struct view_entry *entry, uint32_t *index)
{
    uint64_t key[] = {entry->address, ((uint64_t)entry->name << 32) | entry->file,
                      ((uint64_t)entry->line << 32) | entry->module};
    uint64_t hash = hash_bytes((struct slu_bytes){key, sizeof(key)}, HASH_SEED);
    struct entry_search search = {&view->entries, entry};
    uint32_t found = hash_map_find(&view->entry_index.map, hash, entry_is, &search);
    if (found != HASH_MAP_NONE) {
        *index = found;
        return 0;
    }
    int err = name_label(view->model, entry);
    if (err == 0) {
        err = column_add(&view->entries, entry, index);
    }
    return err != 0 ? err : key_index_add(&view->entry_index, hash, *index);
}

static int clean_file(struct view *view, uint32_t file, uint32_t *clean)
{
    char text[NAME_BYTES_MAX];
    struct slu_bytes path = model_text(view->model, file);
    if (file == 0 || path.len >= sizeof(text)) {
        *clean = file;
        return 0;
    }
    size_t len = name_clean_path(path, text);
    return model_string(view->model, (struct slu_bytes){text, len}, clean);
}

/* What a line, or a location without one (NULL), is at the view's level. */
static int entry_of(struct view *view, const struct model_location *location,
                    const struct model_line *line, uint32_t *index)
{
    enum view_level level = view->options.level;
    const struct model *model = view->model;
    struct view_entry entry = {.function = MODEL_NONE};
    uint32_t module =
        location->mapping == MODEL_NONE ? 0 : model_mapping_at(model, location->mapping)->file;
    entry.address = level == VIEW_ADDRESSES ? location->address : 0;
    if (line == NULL || line->function == MODEL_NONE) {
        entry.module = module;
        return entry_intern(view, &entry, index);
    }
    const struct model_function *function = model_function_at(model, line->function);
    entry.function = line->function;
    entry.name = level == VIEW_FILES ? 0 : function->name;
    entry.line = level == VIEW_LINES || level == VIEW_ADDRESSES ? line->line : 0;
    int err = level == VIEW_FUNCTIONS ? 0 : clean_file(view, function->file, &entry.file);
    if (entry.name == 0 && entry.file == 0) {
        entry.module = module;
    }
    return err != 0 ? err : entry_intern(view, &entry, index);
}

/* The entries of one location, but for lines that the filter leaves out. */
static int location_expand(struct view *view, struct view_filter *filter, uint32_t id)
{
    const struct model_location *location = model_location_at(view->model, id);
    const struct model_line *lines = model_lines_of(view->model, location);
    uint32_t line_count = location->line_count == 0 ? 1 : location->line_count;
    uint32_t kept[MODEL_LINES_MAX];
    uint32_t kept_count = 0;
    view->flags[id] = filter_location(filter, location);
    for (uint32_t i = filter_first_line(filter, location); i < line_count; i++) {
        const struct model_line *line = lines == NULL ? NULL : &lines[i];
        uint32_t entry = 0;
        if (!filter_keeps_line(filter, location, line)) {
            continue;
        }
        int err = entry_of(view, location, line, &entry);
        if (err != 0) {
            return err;
        }
        kept[kept_count++] = entry | VIEW_INLINED;
    }
    struct model_run *run = &view->runs[id];
    void *place = NULL;
    if (kept_count == 0) {
        return 0;
    }
    kept[kept_count - 1] &= ~VIEW_INLINED;
    run->count = kept_count;
    if (kept_count == 1) {
        run->first = kept[0];
        return 0;
    }
    int err = column_add_run(&view->frames, kept_count, &run->first, &place);
    if (err == 0) {
        memcpy(place, kept, kept_count * sizeof(kept[0]));
    }
    return err;
}

static int locations_expand(struct view *view, struct view_filter *filter)
{
    unsigned char all = FILTER_FOCUSED;
    int err = 0;
    for (uint32_t i = 0; i < view->location_count && err == 0; i++) {
        err = location_expand(view, filter, i);
        all &= view->flags[i];
        view->drops = view->drops || (view->flags[i] & (FILTER_DROPPED | FILTER_DROPS_BELOW)) != 0;
        view->all_wanted = view->all_wanted && (view->flags[i] & FILTER_IGNORED) == 0;
    }
    for (uint32_t i = 0; i < view->label_set_count && err == 0; i++) {
        view->label_flags[i] = filter_labels(filter, i);
        view->all_wanted = view->all_wanted && view->label_flags[i] != 0;
    }
    view->all_wanted = view->all_wanted && all != 0;
    return err;
}

static int view_prepare(struct view *view, struct slu_diag *diag)
{
    struct view_filter filter;
    int err = filter_init(&filter, view->model, &view->options, diag);
    if (err == 0) {
        err = locations_expand(view, &filter);
        err = err == 0 ? 0 : diag_fail(diag, err, "no memory for the view of a profile");
    }
    filter_deinit(&filter);
    return err;
}

static int array_alloc(struct view *view, size_t count, size_t item_bytes, void **out)
{
    return slu_budget_alloc(view->model->budget, (count + 1) * item_bytes, out);
}

static int arrays_alloc(struct view *view)
{
    void *runs = NULL;
    void *flags = NULL;
    void *label_flags = NULL;
    void *stack = NULL;
    int err = array_alloc(view, view->location_count, sizeof(*view->runs), &runs);
    view->runs = runs;
    if (err == 0) {
        err = array_alloc(view, view->location_count, 1, &flags);
        view->flags = flags;
    }
    if (err == 0) {
        err = array_alloc(view, view->label_set_count, 1, &label_flags);
        view->label_flags = label_flags;
    }
    if (err == 0) {
        err = array_alloc(view, VIEW_STACK_MAX, sizeof(uint32_t), &stack);
        view->stack = stack;
    }
    return err == 0 ? key_index_init(&view->entry_index, view->model->budget) : err;
}

int view_create(struct model *model, const struct view_options *options, struct slu_diag *diag,
                struct view **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(model->budget, sizeof(struct view), &block);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the view of a profile");
    }
    struct view *view = block;
    view->model = model;
    view->options = *options;
    view->location_count = model->locations.count;
    view->label_set_count = model->label_sets.count;
    view->all_wanted = true;
    column_init(&view->entries, model->budget, sizeof(struct view_entry), ENTRIES_SHIFT);
    column_init(&view->frames, model->budget, sizeof(uint32_t), FRAMES_SHIFT);
    err = arrays_alloc(view);
    err = err == 0 ? view_prepare(view, diag)
                   : diag_fail(diag, err, "no memory for the view of a profile");
    if (err != 0) {
        view_destroy(&view);
        return err;
    }
    *out = view;
    return 0;
}

static void array_free(struct view *view, void *block, size_t count, size_t item_bytes)
{
    if (block != NULL) {
        slu_budget_free(view->model->budget, block, (count + 1) * item_bytes);
    }
}

void view_destroy(struct view **destroyed)
{
    struct view *view = *destroyed;
    if (view == NULL) {
        return;
    }
    column_deinit(&view->entries);
    column_deinit(&view->frames);
    key_index_deinit(&view->entry_index);
    array_free(view, view->runs, view->location_count, sizeof(*view->runs));
    array_free(view, view->flags, view->location_count, 1);
    array_free(view, view->label_flags, view->label_set_count, 1);
    array_free(view, view->stack, VIEW_STACK_MAX, sizeof(uint32_t));
    slu_budget_free(view->model->budget, view, sizeof(*view));
    *destroyed = NULL;
}

struct slu_bytes view_label(const struct view *view, uint32_t entry)
{
    return model_text(view->model, view_entry_at(view, entry)->label);
}

/* How many locations from the leaf on are left out: those below what is dropped, as pprof does. */
static uint32_t dropped_count(const struct view *view, const uint32_t *locations, uint32_t count)
{
    bool found_user = false;
    for (uint32_t i = count; i > 0; i--) {
        unsigned char flags = view->flags[locations[i - 1]];
        if ((flags & (FILTER_DROPPED | FILTER_DROPS_BELOW)) == 0) {
            found_user = true;
        } else if (found_user) {
            return (flags & FILTER_DROPPED) != 0 ? i : i - 1;
        }
    }
    return 0;
}

static bool is_wanted(const struct view *view, const uint32_t *locations, uint32_t count,
                      uint32_t labels)
{
    unsigned char flags = 0;
    if (view->all_wanted) {
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        flags |= view->flags[locations[i]];
    }
    return (flags & (FILTER_FOCUSED | FILTER_IGNORED)) == FILTER_FOCUSED &&
           view->label_flags[labels] != 0;
}

/* Write the entries of a stack into the view's room; returns how many, UINT32_MAX: too many. */
static uint32_t stack_expand(const struct view *view, const uint32_t *locations, uint32_t count)
{
    uint32_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry_count = 0;
        const uint32_t *entries = view_location(view, locations[i], &entry_count);
        if (entry_count > VIEW_STACK_MAX - len) {
            return UINT32_MAX;
        }
        for (uint32_t at = 0; at < entry_count; at++) {
            view->stack[len++] = entries[at];
        }
    }
    return len;
}

bool view_sample(const struct view *view, uint32_t id, const uint32_t **locations, uint32_t *count)
{
    const struct model_sample *sample = column_at(&view->model->samples, id);
    *locations = model_stack_at(view->model, sample->stack, count);
    if (view->drops) {
        uint32_t dropped = dropped_count(view, *locations, *count);
        *locations = dropped == 0 ? *locations : *locations + dropped;
        *count -= dropped;
    }
    return is_wanted(view, *locations, *count, sample->labels);
}

int view_each(const struct view *view, uint32_t sample_first, uint32_t sample_count,
              view_visit visit, void *context)
{
    for (uint32_t i = sample_first; i < sample_first + sample_count; i++) {
        const uint32_t *locations = NULL;
        uint32_t count = 0;
        if (!view_sample(view, i, &locations, &count)) {
            continue;
        }
        uint32_t len = stack_expand(view, locations, count);
        if (len == UINT32_MAX) {
            return -EOVERFLOW;
        }
        struct view_stack stack = {view->stack, len, i};
        int err = visit(context, &stack);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}
