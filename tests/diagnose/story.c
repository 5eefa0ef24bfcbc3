#include "story.h"

#include <math.h>
#include <string.h>

#include <sluice/budget.h>

#include "diagnose/evidence.h"
#include "diagnose/sites.h"
#include "profile/age_buckets.h"
#include "profile/model.h"

#define TYPE_COUNT 4

static uint32_t string_of(struct model *model, const char *text)
{
    uint32_t id = 0;
    assert_int_equal(model_string(model, (struct slu_bytes){text, strlen(text)}, &id), 0);
    return id;
}

static uint32_t location_of(struct model *model, const char *function, const char *file,
                            uint64_t address)
{
    struct model_function made = {.name = function == NULL ? 0 : string_of(model, function),
                                  .file = string_of(model, file)};
    struct model_mapping mapping = {
        .start = 4096, .limit = UINT64_C(1) << 40, .file = string_of(model, "/usr/bin/server")};
    struct model_line line = {.line = function == NULL ? 0 : 7};
    uint32_t id = 0;
    uint32_t mapping_id = 0;
    assert_int_equal(model_mapping(model, &mapping, &mapping_id), 0);
    if (function != NULL) {
        assert_int_equal(model_function(model, &made, &line.function), 0);
    }
    assert_int_equal(
        model_location(model, address, mapping_id, &line, function == NULL ? 0 : 1, &id), 0);
    return id;
}

static uint32_t stack_of(struct model *model, const struct story *story, uint32_t number)
{
    const struct story_site *site = &story->sites[number];
    const char *function = story->renamed != NULL ? story->renamed : site->function;
    bool is_go = site->library != NULL && strstr(site->library, "std::") == NULL;
    uint32_t frames[2];
    uint32_t count = 0;
    uint32_t stack = 0;
    if (site->library != NULL) {
        frames[count++] = location_of(model, site->library, is_go ? "/go/x.go" : "map.h", 5000);
    }
    function = story->is_stripped ? NULL : function;
    frames[count++] = location_of(model, function, "server.c", 10000 + 16 * (uint64_t)number);
    assert_int_equal(model_stack(model, frames, count, &stack), 0);
    return stack;
}

/* How many of `count` are seen, each with probability `chance`; by weight. */
static double sampled(struct test_random *random, double count, double chance)
{
    double spread = sqrt(fmax(count * chance * (1 - chance), 0));
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        sum += test_random_unit(random);
    }
    return fmax(floor(count * chance + spread * sum + 0.5), 0) / chance;
}

/* What was seen up to here of a site; what is allocated is seen once. */
struct seen {
    double objects;
    double allocated;
    double true_objects;
    double true_allocated;
};

static void see(const struct story *story, const struct story_site *site, double seconds,
                struct test_random *random, struct seen *seen)
{
    double size = site->size(seconds);
    double objects = floor(site->objects(seconds));
    double allocated = site->allocated == NULL ? objects : floor(site->allocated(seconds));
    double chance = story->period > 0 ? 1 - exp(-size / story->period) : 1;
    if (site->allocated != NULL && allocated < seen->true_allocated) { /* it was started again */
        *seen = (struct seen){0};
    }
    double added = fmax(allocated - seen->true_allocated, 0);
    double added_seen = sampled(random, added, chance);
    double share = seen->true_objects + added > 0 ? objects / (seen->true_objects + added) : 0;
    seen->objects = sampled(random, fmin(share, 1) * (seen->objects + added_seen) * chance, 1);
    seen->objects = floor(seen->objects + 0.5) / chance;
    seen->allocated += added_seen;
    seen->true_objects = objects;
    seen->true_allocated = allocated;
}

static uint32_t label_set_of(struct model *model, int64_t age_seconds)
{
    struct model_label label = {.key = string_of(model, "age"),
                                .unit = string_of(model, "seconds"),
                                .is_number = true,
                                .number = age_seconds};
    uint32_t id = 0;
    assert_int_equal(model_labels(model, &label, 1, &id), 0);
    return id;
}

/* What is in use: one sample, or one for each age. */
static void live_tell(struct model *model, const struct story *story, uint32_t place,
                      double seconds, double objects)
{
    const struct story_site *site = &story->sites[place];
    uint32_t stack = stack_of(model, story, place);
    double size = site->size(seconds);
    double share = site->objects(seconds) > 0 ? objects / site->objects(seconds) : 0;
    for (uint32_t i = 0; story->aged[place] != NULL && i < AGE_BUCKETS; i++) {
        double from = (double)age_bucket_seconds(i);
        double to = i + 1 < AGE_BUCKETS ? (double)age_bucket_seconds(i + 1) : INFINITY;
        double some = floor(share * story->aged[place](seconds, from, to));
        int64_t values[MODEL_TYPES_MAX] = {0, 0, (int64_t)some, (int64_t)(some * size)};
        uint32_t labels = label_set_of(model, age_bucket_seconds(i));
        assert_int_equal(model_sample_add(model, stack, labels, values), 0);
    }
    if (story->aged[place] == NULL) {
        int64_t values[MODEL_TYPES_MAX] = {0, 0, (int64_t)objects, (int64_t)(objects * size)};
        assert_int_equal(model_sample_add(model, stack, 0, values), 0);
    }
}

static void heap_tell(const struct story *story, double seconds, struct test_random *random,
                      struct seen *seen, struct evidence *evidence)
{
    static const char *const types[TYPE_COUNT] = {"alloc_objects", "alloc_space", "inuse_objects",
                                                  "inuse_space"};
    struct model *model = NULL;
    assert_int_equal(model_create(evidence->budget, &model), 0);
    for (uint32_t i = 0; i < TYPE_COUNT; i++) {
        model->types[i].type = string_of(model, types[i]);
    }
    model->type_count = TYPE_COUNT;
    struct model_profile profile = {.time_ns = (int64_t)(seconds * 1e9),
                                    .period = (int64_t)story->period};
    profile.period_type.unit = string_of(model, "bytes");
    assert_int_equal(model_profile_add(model, &profile), 0);
    for (uint32_t i = 0; i < STORY_SITES_MAX && story->sites[i].objects != NULL; i++) {
        see(story, &story->sites[i], seconds, random, &seen[i]);
        double size = story->sites[i].size(seconds);
        uint32_t stack = stack_of(model, story, i);
        int64_t values[MODEL_TYPES_MAX] = {(int64_t)seen[i].allocated,
                                           (int64_t)(seen[i].allocated * size)};
        assert_int_equal(model_sample_add(model, stack, 0, values), 0);
        live_tell(model, story, i, seconds, seen[i].objects);
    }
    assert_int_equal(sites_add(evidence->heap, model, seconds), 0);
    model_destroy(&model);
}

void story_tell(const struct story *story, struct test_random *random, struct evidence *evidence)
{
    struct seen seen[STORY_SITES_MAX] = {0};
    for (uint32_t i = 0; i < story->moments; i++) {
        double seconds = 1000 + i * story->step_seconds;
        if (story->sites[0].objects != NULL) {
            heap_tell(story, seconds, random, seen, evidence);
        }
        if (story->tasks != NULL) {
            (void)record_add(&evidence->thread_count, seconds, story->tasks(seconds));
        }
        if (story->resident != NULL) {
            (void)record_add(&evidence->rss, seconds, story->resident(seconds));
        }
        if (story->requests != NULL) {
            (void)record_add(&evidence->requests, seconds, story->requests(seconds));
        }
    }
}
