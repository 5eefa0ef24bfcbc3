#include "profile/model.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/hash.h"

#define HASH_SEED  UINT64_C(0x51ce) /* probes are bounded, so keys that collide are refused */
#define SHIFT      10               /* of most columns */
#define FEW_SHIFT  6
#define LONG_SHIFT 14 /* of what comes in runs of up to MODEL_STACK_MAX */
#define TEXT_SHIFT 20

static void columns_init(struct model *model)
{
    struct slu_budget *budget = model->budget;
    column_init(&model->profiles, budget, sizeof(struct model_profile), FEW_SHIFT);
    column_init(&model->text, budget, 1, TEXT_SHIFT);
    column_init(&model->strings, budget, sizeof(struct model_run), SHIFT);
    column_init(&model->mappings, budget, sizeof(struct model_mapping), FEW_SHIFT);
    column_init(&model->functions, budget, sizeof(struct model_function), SHIFT);
    column_init(&model->lines, budget, sizeof(struct model_line), LONG_SHIFT - 2);
    column_init(&model->locations, budget, sizeof(struct model_location), SHIFT);
    column_init(&model->frames, budget, sizeof(uint32_t), LONG_SHIFT);
    column_init(&model->stacks, budget, sizeof(struct model_run), SHIFT);
    column_init(&model->labels, budget, sizeof(struct model_label), SHIFT);
    column_init(&model->label_sets, budget, sizeof(struct model_run), SHIFT);
    column_init(&model->samples, budget, sizeof(struct model_sample), SHIFT);
    for (uint32_t i = 0; i < MODEL_TYPES_MAX; i++) {
        column_init(&model->values[i], budget, sizeof(int64_t), SHIFT);
    }
}

static int indices_init(struct model *model)
{
    struct key_index *const indices[] = {
        &model->string_index,   &model->mapping_index, &model->function_index,
        &model->location_index, &model->stack_index,   &model->label_index,
    };
    int err = 0;
    for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]) && err == 0; i++) {
        err = key_index_init(indices[i], model->budget);
    }
    return err;
}

int model_create(struct slu_budget *budget, struct model **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct model), &block);
    if (err != 0) {
        return err;
    }
    struct model *model = block;
    uint32_t none = 0;
    model->budget = budget;
    columns_init(model);
    err = indices_init(model);
    if (err == 0) {
        err = model_string(model, (struct slu_bytes){0}, &none);
    }
    if (err == 0) {
        err = model_labels(model, NULL, 0, &none);
    }
    if (err != 0) {
        model_destroy(&model);
        return err;
    }
    *out = model;
    return 0;
}

void model_destroy(struct model **destroyed)
{
    struct model *model = *destroyed;
    if (model == NULL) {
        return;
    }
    struct column *const columns[] = {
        &model->profiles,  &model->text,   &model->strings,    &model->mappings,
        &model->functions, &model->lines,  &model->locations,  &model->frames,
        &model->stacks,    &model->labels, &model->label_sets, &model->samples,
    };
    struct key_index *const indices[] = {
        &model->string_index,   &model->mapping_index, &model->function_index,
        &model->location_index, &model->stack_index,   &model->label_index,
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        column_deinit(columns[i]);
    }
    for (size_t i = 0; i < MODEL_TYPES_MAX; i++) {
        column_deinit(&model->values[i]);
    }
    for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        key_index_deinit(indices[i]);
    }
    slu_budget_free(model->budget, model, sizeof(*model));
    *destroyed = NULL;
}

/* Add an item whose key is not in the index. */
static int item_add(struct column *column, struct key_index *index, uint64_t hash, const void *item,
                    uint32_t *id)
{
    uint32_t added = 0;
    int err = column_add(column, item, &added);
    if (err == 0) {
        err = key_index_add(index, hash, added);
    }
    if (err == 0) {
        *id = added;
    }
    return err;
}

/* Copy `count` items as one run and add that to its own column. */
static int run_add(struct column *items, struct column *runs, struct key_index *index,
                   uint64_t hash, const void *bytes, uint32_t count, uint32_t *id)
{
    struct model_run run = {.count = count};
    void *place = NULL;
    if (count > 0) {
        int err = column_add_run(items, count, &run.first, &place);
        if (err != 0) {
            return err;
        }
        memcpy(place, bytes, (size_t)count * items->item_bytes);
    }
    return item_add(runs, index, hash, &run, id);
}

/* A run that is looked for: its items' bytes. */
struct run_search {
    const struct column *items;
    const struct column *runs;
    const void *bytes;
    uint32_t count;
};

static bool run_is(const void *context, uint32_t id)
{
    const struct run_search *search = context;
    const struct model_run *run = column_at(search->runs, id);
    return run->count == search->count &&
           (run->count == 0 || memcmp(column_at(search->items, run->first), search->bytes,
                                      (size_t)run->count * search->items->item_bytes) == 0);
}

static uint64_t run_hash(const struct column *items, const void *bytes, uint32_t count)
{
    return hash_bytes((struct slu_bytes){bytes, (size_t)count * items->item_bytes}, HASH_SEED);
}

static int run_intern_hashed(struct column *items, struct column *runs, struct key_index *index,
                             uint64_t hash, const void *bytes, uint32_t count, uint32_t *id)
{
    struct run_search search = {items, runs, bytes, count};
    uint32_t found = hash_map_find(&index->map, hash, run_is, &search);
    if (found != HASH_MAP_NONE) {
        *id = found;
        return 0;
    }
    return run_add(items, runs, index, hash, bytes, count, id);
}

static int run_intern(struct column *items, struct column *runs, struct key_index *index,
                      const void *bytes, uint32_t count, uint32_t *id)
{
    uint64_t hash = run_hash(items, bytes, count);
    return run_intern_hashed(items, runs, index, hash, bytes, count, id);
}

int model_string(struct model *model, struct slu_bytes text, uint32_t *id)
{
    if (text.len > MODEL_STRING_BYTES_MAX) {
        return -EOVERFLOW;
    }
    return run_intern(&model->text, &model->strings, &model->string_index, text.data,
                      (uint32_t)text.len, id);
}

uint64_t model_stack_hash(const struct model *model, const uint32_t *locations, uint32_t count)
{
    const struct hash_map *map = &model->stack_index.map;
    uint64_t hash = run_hash(&model->frames, locations, count);
    __builtin_prefetch(&map->slots[hash_map_home(map, hash_map_tag(hash))]);
    return hash;
}

int model_stack_hashed(struct model *model, uint64_t hash, const uint32_t *locations,
                       uint32_t count, uint32_t *id)
{
    if (count > MODEL_STACK_MAX) {
        return -EOVERFLOW;
    }
    return run_intern_hashed(&model->frames, &model->stacks, &model->stack_index, hash, locations,
                             count, id);
}

int model_stack(struct model *model, const uint32_t *locations, uint32_t count, uint32_t *id)
{
    uint64_t hash = model_stack_hash(model, locations, count);
    return model_stack_hashed(model, hash, locations, count, id);
}

int model_labels(struct model *model, const struct model_label *labels, uint32_t count,
                 uint32_t *id)
{
    if (count > MODEL_LABELS_MAX) {
        return -EOVERFLOW;
    }
    return run_intern(&model->labels, &model->label_sets, &model->label_index, labels, count, id);
}

struct function_search {
    const struct column *functions;
    const struct model_function *function;
};

static bool function_is(const void *context, uint32_t id)
{
    const struct function_search *search = context;
    return memcmp(column_at(search->functions, id), search->function, sizeof(*search->function)) ==
           0;
}

int model_function(struct model *model, const struct model_function *function, uint32_t *id)
{
    struct function_search search = {&model->functions, function};
    uint64_t hash = hash_bytes((struct slu_bytes){function, sizeof(*function)}, HASH_SEED);
    uint32_t found = hash_map_find(&model->function_index.map, hash, function_is, &search);
    if (found != HASH_MAP_NONE) {
        *id = found;
        return 0;
    }
    return item_add(&model->functions, &model->function_index, hash, function, id);
}

/* A file is known by its build-id, or else by its name. */
struct mapping_key {
    uint64_t size_bytes;
    uint64_t file_offset;
    uint32_t file;
    uint32_t build_id;
};

static struct mapping_key mapping_key(const struct model_mapping *mapping)
{
    return (struct mapping_key){
        .size_bytes = mapping->limit - mapping->start,
        .file_offset = mapping->file_offset,
        .file = mapping->build_id == 0 ? mapping->file : 0,
        .build_id = mapping->build_id,
    };
}

struct mapping_search {
    const struct column *mappings;
    struct mapping_key key;
};

static bool mapping_is(const void *context, uint32_t id)
{
    const struct mapping_search *search = context;
    struct mapping_key key = mapping_key(column_at(search->mappings, id));
    return memcmp(&key, &search->key, sizeof(key)) == 0;
}

int model_mapping(struct model *model, const struct model_mapping *mapping, uint32_t *id)
{
    struct mapping_search search = {&model->mappings, mapping_key(mapping)};
    uint64_t hash = hash_bytes((struct slu_bytes){&search.key, sizeof(search.key)}, HASH_SEED);
    uint32_t found = hash_map_find(&model->mapping_index.map, hash, mapping_is, &search);
    if (found != HASH_MAP_NONE) {
        *id = found;
        return 0;
    }
    return item_add(&model->mappings, &model->mapping_index, hash, mapping, id);
}

struct location_search {
    const struct model *model;
    struct model_location location;
    const struct model_line *lines;
};

static bool location_is(const void *context, uint32_t id)
{
    const struct location_search *search = context;
    const struct model_location *known = model_location_at(search->model, id);
    return known->address == search->location.address &&
           known->mapping == search->location.mapping &&
           known->line_count == search->location.line_count &&
           (known->line_count == 0 || memcmp(model_lines_of(search->model, known), search->lines,
                                             known->line_count * sizeof(struct model_line)) == 0);
}

static uint64_t location_hash(const struct location_search *search)
{
    uint64_t lines = hash_bytes(
        (struct slu_bytes){search->lines, search->location.line_count * sizeof(struct model_line)},
        HASH_SEED);
    uint64_t key[] = {search->location.address, search->location.mapping, lines};
    return hash_bytes((struct slu_bytes){key, sizeof(key)}, HASH_SEED);
}

int model_location(struct model *model, uint64_t address, uint32_t mapping,
                   const struct model_line *lines, uint32_t line_count, uint32_t *id)
{
    if (line_count > MODEL_LINES_MAX) {
        return -EOVERFLOW;
    }
    struct location_search search = {
        .model = model,
        .location = {.address = address, .mapping = mapping, .line_count = line_count},
        .lines = lines,
    };
    uint64_t hash = location_hash(&search);
    uint32_t found = hash_map_find(&model->location_index.map, hash, location_is, &search);
    if (found != HASH_MAP_NONE) {
        *id = found;
        return 0;
    }
    void *place = NULL;
    if (line_count > 0) {
        int err = column_add_run(&model->lines, line_count, &search.location.line_first, &place);
        if (err != 0) {
            return err;
        }
        memcpy(place, lines, line_count * sizeof(*lines));
    }
    return item_add(&model->locations, &model->location_index, hash, &search.location, id);
}

int model_profile_add(struct model *model, const struct model_profile *profile)
{
    uint32_t id = 0;
    struct model_profile added = *profile;
    added.sample_first = model->samples.count;
    added.sample_count = 0;
    return column_add(&model->profiles, &added, &id);
}

int model_sample_add(struct model *model, uint32_t stack, uint32_t labels, const int64_t *values)
{
    SLU_ASSERT(model->profiles.count > 0);
    struct model_sample sample = {stack, labels};
    uint32_t id = 0;
    for (uint32_t i = 0; i < model->type_count; i++) {
        /* Left over where the budget refused a later column. */
        column_shorten(&model->values[i], model->samples.count);
        int err = column_add(&model->values[i], &values[i], &id);
        if (err != 0) {
            return err;
        }
    }
    int err = column_add(&model->samples, &sample, &id);
    if (err == 0) {
        struct model_profile *profile = column_at(&model->profiles, model->profiles.count - 1);
        profile->sample_count++;
    }
    return err;
}

uint32_t model_type_find(const struct model *model, const char *name)
{
    for (uint32_t i = 0; i < model->type_count; i++) {
        struct slu_bytes text = model_text(model, model->types[i].type);
        if (text.len == strlen(name) && memcmp(text.data, name, text.len) == 0) {
            return i;
        }
    }
    return MODEL_NONE;
}
