#include "diagnose/sites.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "base/sink.h"

#include "diagnose/roles.h"
#include "profile/model.h"

#define VALUES_BYTES (sizeof(double) * MEASURE_COUNT * SERIES_POINTS_MAX)
#define SLOT_COUNT   (2 * SITES_MAX)
#define STACK_SHOWN  12
#define STACK_LOOKED 64 /* frames in which the site is looked for */

#define COUNT_FALL_SHARE 0.9 /* estimates from samples err, but not so much */

/* A profile that is being added. */
struct addition {
    struct sites *sites;
    const struct model *model;
    uint32_t types[MEASURE_COUNT]; /* of the model, or MODEL_NONE */
    uint32_t moment;
    double period;     /* mean distance of samples in bytes; 0: all are counted */
    uint32_t age_key;  /* string of the model; 0: ages are not looked at */
    uint16_t *site_of; /* by stack: the site's number plus one; 0: not yet looked up */
};

/* What the frames of a stack say. */
struct place {
    struct role_frame frame; /* of the site */
    uint32_t line;
    uint64_t address;
    uint32_t roles;
    bool is_go;
    char stack[SITE_STACK_BYTES];
};

static int site_make(struct sites *sites, struct site **out)
{
    void *made = NULL;
    void *values = NULL;
    int err = slu_budget_alloc(sites->budget, sizeof(struct site), &made);
    if (err != 0) {
        return err;
    }
    err = slu_budget_alloc(sites->budget, VALUES_BYTES, &values);
    if (err != 0) {
        slu_budget_free(sites->budget, made, sizeof(struct site));
        return err;
    }
    struct site *site = made;
    site->values = values;
    sites->sites[sites->site_count++] = site;
    *out = site;
    return 0;
}

int sites_create(struct slu_budget *budget, struct sites **out)
{
    void *made = NULL;
    struct site *rest = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct sites), &made);
    if (err != 0) {
        return err;
    }
    struct sites *sites = made;
    sites->budget = budget;
    sites->aged_seconds = -INFINITY;
    err = site_make(sites, &rest);
    if (err != 0) {
        slu_budget_free(budget, sites, sizeof(struct sites));
        return err;
    }
    memcpy(rest->function, "[others]", sizeof("[others]"));
    *out = sites;
    return 0;
}

void sites_destroy(struct sites **sites)
{
    struct sites *gone = *sites;
    if (gone == NULL) {
        return;
    }
    for (uint32_t i = 0; i < gone->site_count; i++) {
        slu_budget_free(gone->budget, gone->sites[i]->values, VALUES_BYTES);
        slu_budget_free(gone->budget, gone->sites[i], sizeof(struct site));
    }
    slu_budget_free(gone->budget, gone, sizeof(struct sites));
    *sites = NULL;
}

/* Profiles of memory tell what is in use; those of tasks count them. */
static bool find_types(struct addition *addition)
{
    static const char *const type_names[] = {"inuse_space", "inuse_objects", "alloc_space",
                                             "alloc_objects"};
    static const char *const task_names[] = {"goroutine", "goroutines", "threads", "thread"};
    for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
        addition->types[i] = model_type_find(addition->model, type_names[i]);
    }
    if (addition->types[MEASURE_BYTES] != MODEL_NONE) {
        return true;
    }
    for (uint32_t i = 0; i < sizeof(task_names) / sizeof(task_names[0]); i++) {
        uint32_t type = model_type_find(addition->model, task_names[i]);
        if (type != MODEL_NONE) {
            addition->types[MEASURE_OBJECTS] = type;
            return true;
        }
    }
    return false;
}

static struct role_frame frame_of(const struct model *model, const struct model_location *location,
                                  uint32_t line)
{
    struct role_frame frame = {0};
    if (location->mapping != MODEL_NONE) {
        frame.module = model_text(model, model_mapping_at(model, location->mapping)->file);
    }
    const struct model_line *lines = model_lines_of(model, location);
    if (lines != NULL && lines[line].function != MODEL_NONE) {
        const struct model_function *function = model_function_at(model, lines[line].function);
        frame.function = model_text(model, function->name);
        frame.file = model_text(model, function->file);
    }
    return frame;
}

static void stack_write(struct sink *sink, const struct role_frame *frame, uint64_t address,
                        uint32_t shown)
{
    if (shown >= STACK_SHOWN) {
        return;
    }
    sink_text(sink, shown == 0 ? "" : " < ");
    if (frame->function.len > 0) {
        sink_put(sink, frame->function.data, frame->function.len);
    } else {
        sink_format(sink, "0x%llx", (unsigned long long)address);
    }
}

/* In its file, where that is known: the same in each run, wherever the program was loaded. */
static uint64_t address_of(const struct model *model, const struct model_location *location)
{
    if (location->mapping == MODEL_NONE) {
        return location->address;
    }
    const struct model_mapping *mapping = model_mapping_at(model, location->mapping);
    bool is_inside = location->address >= mapping->start && location->address < mapping->limit;
    return is_inside ? location->address - mapping->start + mapping->file_offset
                     : location->address;
}

static void place_take(struct place *place, const struct role_frame *frame, uint64_t address,
                       uint32_t line)
{
    place->frame = *frame;
    place->address = address;
    place->line = line;
}

/* The first frame that is no library's; where all are, the first one. */
static void place_find(const struct model *model, uint32_t stack, struct place *place)
{
    uint32_t count = 0;
    uint32_t shown = 0;
    bool is_found = false;
    struct sink sink;
    const uint32_t *locations = model_stack_at(model, stack, &count);
    *place = (struct place){0};
    sink_init_fixed(&sink, place->stack, sizeof(place->stack));
    for (uint32_t i = 0; i < count && i < STACK_LOOKED; i++) {
        const struct model_location *location = model_location_at(model, locations[i]);
        uint32_t line_count = location->line_count == 0 ? 1 : location->line_count;
        for (uint32_t at = 0; at < line_count; at++) {
            struct role_frame frame = frame_of(model, location, at);
            const struct model_line *lines = model_lines_of(model, location);
            bool is_inner = role_is_inner(&frame);
            uint32_t roles = is_inner ? roles_of(&frame) : 0;
            place->is_go = place->is_go || role_is_go(&frame);
            stack_write(&sink, &frame, address_of(model, location), shown);
            place->roles |= is_found ? roles & ROLE_OBSERVER : roles;
            if ((!is_found && !is_inner) || shown == 0) {
                is_found = !is_inner;
                place_take(place, &frame, address_of(model, location),
                           lines == NULL ? 0 : lines[at].line);
            }
            shown++;
        }
    }
}

static void place_name(const struct place *place, struct site *site)
{
    struct sink sink;
    sink_init_fixed(&sink, site->function, sizeof(site->function));
    if (place->frame.function.len > 0) {
        sink_put(&sink, place->frame.function.data, place->frame.function.len);
    } else if (place->address != 0) {
        const char *module = place->frame.module.data;
        const char *slash =
            place->frame.module.len == 0 ? NULL : memrchr(module, '/', place->frame.module.len);
        size_t folder_len = slash == NULL ? 0 : (size_t)(slash + 1 - module);
        sink_format(&sink, "0x%llx in ", (unsigned long long)place->address);
        if (place->frame.module.len > 0) {
            sink_put(&sink, module + folder_len, place->frame.module.len - folder_len);
        } else {
            sink_text(&sink, "?");
        }
    } else {
        sink_text(&sink, "[unknown]");
    }
    sink_init_fixed(&sink, site->file, sizeof(site->file));
    sink_put(&sink, place->frame.file.data, place->frame.file.len);
    site->line = place->line;
}

static uint64_t place_key(const struct place *place)
{
    uint64_t numbers[3] = {place->line, place->roles,
                           place->frame.function.len == 0 ? place->address : 0};
    uint64_t hash = hash_bytes((struct slu_bytes){numbers, sizeof(numbers)}, 0);
    hash = hash_bytes(place->frame.function, hash);
    return hash_bytes(place->frame.file, hash);
}

/* The slot of a key, or the empty one where it belongs: half of the slots always are. */
static uint16_t *slot_of(struct sites *sites, uint64_t key)
{
    uint64_t at = key % SLOT_COUNT;
    while (sites->slots[at] != 0 && sites->sites[sites->slots[at] - 1]->key != key) {
        at = (at + 1) % SLOT_COUNT;
    }
    return &sites->slots[at];
}

static void rest_take(struct site *rest, const struct site *from)
{
    for (uint32_t i = 0; i < MEASURE_COUNT * SERIES_POINTS_MAX; i++) {
        rest->values[i] += from->values[i];
    }
    for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
        rest->sum[i] += from->sum[i];
        rest->variance[i] += from->variance[i];
    }
    for (uint32_t i = 0; i < AGE_BUCKETS; i++) {
        rest->aged[i] += from->aged[i];
    }
}

static double weight(const struct site *site)
{
    return site->sum[MEASURE_BYTES] + site->sum[MEASURE_OBJECTS];
}

static int by_weight(const void *left, const void *right)
{
    const struct site *const *a = left;
    const struct site *const *b = right;
    return (weight(*a) < weight(*b)) - (weight(*a) > weight(*b));
}

/* Before a profile is added to a full table, the smallest quarter goes to the rest. */
static void make_room(struct sites *sites)
{
    if (sites->site_count < SITES_MAX) {
        return;
    }
    qsort(sites->sites + 1, sites->site_count - 1, sizeof(sites->sites[0]), by_weight);
    while (sites->site_count > SITES_MAX - SITES_MAX / 4) {
        struct site *site = sites->sites[--sites->site_count];
        rest_take(sites->sites[SITE_REST], site);
        slu_budget_free(sites->budget, site->values, VALUES_BYTES);
        slu_budget_free(sites->budget, site, sizeof(struct site));
    }
    memset(sites->slots, 0, sizeof(sites->slots));
    for (uint32_t i = 1; i < sites->site_count; i++) {
        *slot_of(sites, sites->sites[i]->key) = (uint16_t)(i + 1);
    }
}

static int site_find(struct sites *sites, const struct place *place, uint16_t *number)
{
    uint64_t key = place_key(place);
    uint16_t *slot = slot_of(sites, key);
    struct site *site = NULL;
    if (*slot == 0 && sites->site_count == SITES_MAX) {
        *number = SITE_REST + 1;
        return 0;
    }
    if (*slot == 0) {
        int err = site_make(sites, &site);
        if (err != 0) {
            return err;
        }
        site->key = key;
        site->roles = place->roles;
        memcpy(site->stack, place->stack, sizeof(site->stack));
        place_name(place, site);
        *slot = (uint16_t)sites->site_count;
    }
    *number = *slot;
    return 0;
}

/*
 * Of a sum of samples, each of which had the probability of its size.
 *
 * Source  Horvitz and Thompson's estimator, for samples taken by a Poisson process over bytes
 */
static double variance_of(double period, double bytes, double objects, enum measure measure)
{
    if (period <= 1 || objects <= 0 || bytes <= 0) {
        return 0;
    }
    double size = bytes / objects;
    double missed = exp(-size / period);
    double odds = missed / (1 - missed);
    bool is_bytes = measure == MEASURE_BYTES || measure == MEASURE_ALLOCATED_BYTES;
    return odds * (is_bytes ? bytes * size : objects);
}

/* The key of labels that tell ages, if samples have it. */
static uint32_t age_key_of(const struct model *model)
{
    for (uint32_t i = 0; i < model->labels.count; i++) {
        const struct model_label *label = column_at(&model->labels, i);
        struct slu_bytes key = model_text(model, label->key);
        if (label->is_number && key.len == 3 && memcmp(key.data, "age", 3) == 0) {
            return label->key;
        }
    }
    return 0;
}

static void age_count(const struct addition *addition, struct site *site, uint32_t label_set,
                      double bytes)
{
    uint32_t count = 0;
    const struct model_label *labels = model_labels_at(addition->model, label_set, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (labels[i].key == addition->age_key && labels[i].is_number) {
            site->aged[age_bucket_of(labels[i].number)] += bytes;
        }
    }
}

/* What is newest replaces what was. */
static void ages_begin(struct addition *addition, double seconds)
{
    struct sites *sites = addition->sites;
    bool is_newest = addition->moment + 1 == sites->moment_count;
    sites->period = is_newest ? addition->period : sites->period;
    addition->age_key = is_newest ? age_key_of(addition->model) : 0;
    if (addition->age_key == 0) {
        return;
    }
    sites->aged_seconds = seconds;
    for (uint32_t i = 0; i < sites->site_count; i++) {
        memset(sites->sites[i]->aged, 0, sizeof(sites->sites[i]->aged));
    }
}

static void sample_count(struct addition *addition, struct site *site, uint32_t sample)
{
    double read[MEASURE_COUNT] = {0};
    for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
        if (addition->types[i] != MODEL_NONE) {
            read[i] = (double)model_value(addition->model, addition->types[i], sample);
        }
    }
    for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
        uint32_t pair = i & ~UINT32_C(1); /* bytes, then objects of the same kind */
        site->values[i * SERIES_POINTS_MAX + addition->moment] += read[i];
        site->sum[i] += read[i];
        site->variance[i] +=
            variance_of(addition->period, read[pair], read[pair + 1], (enum measure)i);
    }
}

static int samples_add(struct addition *addition, const struct model_profile *profile)
{
    struct sites *sites = addition->sites;
    for (uint32_t i = 0; i < profile->sample_count; i++) {
        uint32_t id = profile->sample_first + i;
        const struct model_sample *sample = column_at(&addition->model->samples, id);
        uint16_t *number = &addition->site_of[sample->stack];
        if (*number == 0) {
            struct place place;
            place_find(addition->model, sample->stack, &place);
            sites->is_go = sites->is_go || place.is_go;
            int err = site_find(sites, &place, number);
            if (err != 0) {
                return err;
            }
        }
        sample_count(addition, sites->sites[*number - 1], id);
        if (addition->age_key != 0 && sample->labels != 0) {
            age_count(addition, sites->sites[*number - 1], sample->labels,
                      (double)model_value(addition->model, addition->types[MEASURE_BYTES], id));
        }
    }
    return 0;
}

/* Move all columns, so that `to` is where `from` was; what is left free is zeroed. */
static void columns_move(struct sites *sites, uint32_t from, uint32_t to)
{
    uint32_t count = sites->moment_count - from;
    memmove(sites->seconds + to, sites->seconds + from, count * sizeof(double));
    memmove(sites->modules + to, sites->modules + from, count * sizeof(uint64_t));
    memmove(sites->bases + to, sites->bases + from, count * sizeof(uint64_t));
    for (uint32_t i = 0; i < sites->site_count * MEASURE_COUNT; i++) {
        double *column =
            sites->sites[i / MEASURE_COUNT]->values + i % MEASURE_COUNT * SERIES_POINTS_MAX;
        memmove(column + to, column + from, count * sizeof(double));
        if (to > from) {
            memset(column + from, 0, (to - from) * sizeof(double));
        } else {
            memset(column + to + count, 0, (from - to) * sizeof(double));
        }
    }
    sites->moment_count = to + count;
}

static void moments_thin(struct sites *sites)
{
    for (uint32_t i = 1; i < sites->moment_count; i++) {
        columns_move(sites, i + 1, i);
    }
}

/* Returns false if there is a profile of that moment. */
static bool moment_begin(struct sites *sites, double seconds, uint32_t *moment)
{
    uint32_t at = sites->moment_count;
    while (at > 0 && sites->seconds[at - 1] >= seconds) {
        at--;
    }
    if (at < sites->moment_count && sites->seconds[at] == seconds) {
        return false;
    }
    columns_move(sites, at, at + 1);
    sites->seconds[at] = seconds;
    *moment = at;
    return true;
}

static double sum_at(const struct sites *sites, enum measure measure, uint32_t moment)
{
    double sum = 0;
    for (uint32_t i = 0; i < sites->site_count; i++) {
        sum += site_values(sites->sites[i], measure)[moment];
    }
    return sum;
}

/* Go's profiles are those of the last collection: two of one collection are one. */
static bool is_stale(const struct sites *sites, uint32_t moment)
{
    if (!sites->is_go || !sites->has[MEASURE_BYTES] || moment == 0) {
        return false;
    }
    for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
        enum measure measure = (enum measure)i;
        if (sum_at(sites, measure, moment) != sum_at(sites, measure, moment - 1)) {
            return false;
        }
    }
    return true;
}

static double period_of(const struct model *model, const struct model_profile *profile)
{
    struct slu_bytes unit = model_text(model, profile->period_type.unit);
    bool is_bytes = unit.len == 5 && memcmp(unit.data, "bytes", 5) == 0;
    return is_bytes && profile->period > 0 ? (double)profile->period : 0;
}

static void module_take(struct sites *sites, const struct model *model, uint32_t moment)
{
    sites->modules[moment] = 0;
    sites->bases[moment] = 0;
    if (model->mappings.count > 0) {
        const struct model_mapping *first = model_mapping_at(model, 0);
        sites->modules[moment] = hash_bytes(model_text(model, first->file), 0);
        sites->bases[moment] = first->start;
    }
}

static int moment_add(struct addition *addition, double seconds)
{
    struct sites *sites = addition->sites;
    const struct model_profile *profile = model_profile_at(addition->model, 0);
    make_room(sites);
    if (sites->moment_count == SERIES_POINTS_MAX) {
        moments_thin(sites);
    }
    if (!moment_begin(sites, seconds, &addition->moment)) {
        sites->stale_count++;
        return 0;
    }
    module_take(sites, addition->model, addition->moment);
    addition->period = period_of(addition->model, profile);
    ages_begin(addition, seconds);
    int err = samples_add(addition, profile);
    if (err != 0 || is_stale(sites, addition->moment)) {
        sites->stale_count += err == 0 ? 1 : 0;
        columns_move(sites, addition->moment + 1, addition->moment);
    }
    return err;
}

int sites_add(struct sites *sites, const struct model *model, double seconds)
{
    struct addition addition = {.sites = sites, .model = model};
    size_t room = (size_t)model->stacks.count + 1;
    void *site_of = NULL;
    if (model->profiles.count == 0 || !find_types(&addition)) {
        return -ENOENT;
    }
    int err = slu_budget_alloc(sites->budget, room * sizeof(uint16_t), &site_of);
    if (err != 0) {
        return err;
    }
    addition.site_of = site_of;
    for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
        sites->has[i] = sites->has[i] || addition.types[i] != MODEL_NONE;
    }
    err = moment_add(&addition, seconds);
    slu_budget_free(sites->budget, site_of, room * sizeof(uint16_t));
    return err;
}

void sites_forget(struct sites *sites, double seconds)
{
    uint32_t gone = 0;
    while (gone < sites->moment_count && sites->seconds[gone] < seconds) {
        gone++;
    }
    if (gone > 0) {
        columns_move(sites, gone, 0);
    }
}

static bool is_loaded_elsewhere(const struct sites *sites, uint32_t moment)
{
    return sites->modules[moment] == sites->modules[moment - 1] &&
           sites->bases[moment] != sites->bases[moment - 1];
}

static bool begins_again(const struct sites *sites, uint32_t moment)
{
    double before = sum_at(sites, MEASURE_ALLOCATED_BYTES, moment - 1);
    bool is_a_count = before > sum_at(sites, MEASURE_BYTES, moment - 1);
    return is_a_count && sum_at(sites, MEASURE_ALLOCATED_BYTES, moment) < COUNT_FALL_SHARE * before;
}

double sites_restart(const struct sites *sites)
{
    for (uint32_t i = sites->moment_count; i-- > 1;) {
        if (is_loaded_elsewhere(sites, i) || begins_again(sites, i)) {
            return sites->seconds[i];
        }
    }
    return -INFINITY;
}

static double grain_of(const struct site *site, enum measure measure)
{
    return site->sum[measure] > 0 ? site->variance[measure] / site->sum[measure] : 0;
}

struct series sites_series(const struct sites *sites, const struct site *site, enum measure measure,
                           double room[SERIES_POINTS_MAX])
{
    struct series series = {.seconds = sites->seconds, .count = sites->moment_count};
    if (site != NULL) {
        series.values = site_values(site, measure);
        series.grain = grain_of(site, measure);
        return series;
    }
    double variance = 0;
    double sum = 0;
    for (uint32_t i = 0; i < sites->site_count; i++) {
        variance += sites->sites[i]->variance[measure];
        sum += sites->sites[i]->sum[measure];
    }
    for (uint32_t i = 0; i < sites->moment_count; i++) {
        room[i] = sum_at(sites, measure, i);
    }
    series.values = room;
    series.grain = sum > 0 ? variance / sum : 0;
    return series;
}
