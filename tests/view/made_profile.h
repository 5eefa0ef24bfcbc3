/* Profiles made in tests, a function a location. */
#ifndef TESTS_MADE_PROFILE_H
#define TESTS_MADE_PROFILE_H

#include <stdio.h>
#include <string.h>

#include "profile/model.h"

#include "budget.h"

static inline uint32_t made_string(struct model *model, const char *text)
{
    uint32_t id = 0;
    assert_int_equal(model_string(model, (struct slu_bytes){text, strlen(text)}, &id), 0);
    return id;
}

/* A model that measures objects and bytes. */
static inline struct model *made_model(struct slu_budget *budget)
{
    struct model *model = NULL;
    assert_int_equal(model_create(budget, &model), 0);
    model->types[0] =
        (struct model_type){made_string(model, "inuse_objects"), made_string(model, "count")};
    model->types[1] =
        (struct model_type){made_string(model, "inuse_space"), made_string(model, "bytes")};
    model->type_count = 2;
    return model;
}

static inline void made_profile(struct model *model, int64_t period, int64_t time_ns)
{
    struct model_profile profile = {
        .period = period, .time_ns = time_ns, .default_type = MODEL_NONE};
    assert_int_equal(model_profile_add(model, &profile), 0);
}

static inline struct model_line made_line(struct model *model, const char *name, uint32_t line)
{
    struct model_function function = {.name = made_string(model, name),
                                      .file = made_string(model, "./src/../a.c")};
    struct model_line made = {.line = line};
    assert_int_equal(model_function(model, &function, &made.function), 0);
    return made;
}

/* A location of functions called f0, f1 ...: the first is inlined into the second, and so on. */
static inline uint32_t made_location(struct model *model, const uint32_t *functions, uint32_t count)
{
    struct model_line lines[8];
    uint32_t id = 0;
    for (uint32_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%u", functions[i]);
        lines[i] = made_line(model, name, 10 + functions[i]);
    }
    assert_int_equal(model_location(model, 0, MODEL_NONE, lines, count, &id), 0);
    return id;
}

static inline void made_sample(struct model *model, const uint32_t *locations, uint32_t count,
                               int64_t objects, int64_t bytes)
{
    int64_t values[] = {objects, bytes};
    uint32_t stack = 0;
    assert_int_equal(model_stack(model, locations, count, &stack), 0);
    assert_int_equal(model_sample_add(model, stack, 0, values), 0);
}

#endif
