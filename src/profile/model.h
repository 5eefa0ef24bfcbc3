/*
 * Profiles in memory, for the tools that read them: strings, functions, locations and stacks once
 * each, samples as columns of numbers. Several profiles may lie in one model, so that they can be
 * merged and compared: what they share is shared.
 *
 * All identities are places in columns, from 0; string 0 is the empty one. Everything is charged to
 * one budget, and a call that it refuses changes nothing that counts.
 *
 * Threads  one at a time
 */
#ifndef PROFILE_MODEL_H
#define PROFILE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "profile/column.h"
#include "profile/key_index.h"

struct slu_budget;

#define MODEL_NONE             UINT32_MAX
#define MODEL_TYPES_MAX        16
#define MODEL_STRING_BYTES_MAX ((uint32_t)1 << 20)
#define MODEL_STACK_MAX        ((uint32_t)1 << 14) /* locations in one */
#define MODEL_LINES_MAX        ((uint32_t)1 << 12) /* of one location */
#define MODEL_LABELS_MAX       ((uint32_t)1 << 10) /* of one sample */

/* What is measured: strings. */
struct model_type {
    uint32_t type;
    uint32_t unit;
};

struct model_mapping {
    uint64_t start;
    uint64_t limit;
    uint64_t file_offset;
    uint32_t file;     /* string */
    uint32_t build_id; /* string, hexadecimal */
};

struct model_function {
    uint32_t name;        /* string */
    uint32_t system_name; /* string */
    uint32_t file;        /* string */
    uint32_t start_line;  /* 0: not known */
};

struct model_line {
    uint32_t function; /* MODEL_NONE: not known */
    uint32_t line;     /* 0: not known */
};

/* Its lines: first what was inlined, last the function that it was inlined into. */
struct model_location {
    uint64_t address;
    uint32_t mapping; /* MODEL_NONE: not known */
    uint32_t line_first;
    uint32_t line_count;
};

struct model_label {
    uint32_t key;
    uint32_t text; /* 0 of a number */
    uint32_t unit; /* of a number */
    uint32_t is_number;
    int64_t number;
};

/* A run of items in a column. */
struct model_run {
    uint32_t first;
    uint32_t count;
};

struct model_sample {
    uint32_t stack;
    uint32_t labels; /* set of labels; 0: none */
};

/* One profile that was read: its samples are a range. */
struct model_profile {
    int64_t time_ns; /* since 1970; 0: not known */
    int64_t duration_ns;
    int64_t period;
    struct model_type period_type;
    uint32_t name; /* string: of the file */
    uint32_t sample_first;
    uint32_t sample_count;
    uint32_t default_type; /* which of the model's types; MODEL_NONE: not said */
    uint32_t drop_frames;  /* string: a pattern of functions that are to be left out */
    uint32_t keep_frames;  /* string: of those, what is to stay all the same */
};

/* Read its members freely; they are changed by the functions below alone. */
struct model {
    struct slu_budget *budget;
    struct model_type types[MODEL_TYPES_MAX];
    uint32_t type_count;
    struct column profiles;                /* struct model_profile */
    struct column text;                    /* char, of all strings */
    struct column strings;                 /* struct model_run of text */
    struct column mappings;                /* struct model_mapping */
    struct column functions;               /* struct model_function */
    struct column lines;                   /* struct model_line */
    struct column locations;               /* struct model_location */
    struct column frames;                  /* uint32_t, locations of all stacks */
    struct column stacks;                  /* struct model_run of frames, leaf first */
    struct column labels;                  /* struct model_label, of all sets */
    struct column label_sets;              /* struct model_run of labels */
    struct column samples;                 /* struct model_sample */
    struct column values[MODEL_TYPES_MAX]; /* int64_t by sample, one column a type */
    struct key_index string_index;
    struct key_index mapping_index;
    struct key_index function_index;
    struct key_index location_index;
    struct key_index stack_index;
    struct key_index label_index;
};

/*
 * Make an empty model.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until model_destroy; the budget must outlive it
 */
SLU_MUST_USE int model_create(struct slu_budget *budget, struct model **out);
void model_destroy(struct model **model);

/*
 * The identity of a string, function, and so on, which is added if it is new.
 *
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW past a MAX above or 2^32 - 1 items. On error the model
 *          is as it was, but for memory that may stay unused.
 * Cost     expected linear in the bytes given
 */
SLU_MUST_USE int model_string(struct model *model, struct slu_bytes text, uint32_t *id);
SLU_MUST_USE int model_function(struct model *model, const struct model_function *function,
                                uint32_t *id);

/* Mappings of one file are the same wherever they begin: addresses are those of the first. */
SLU_MUST_USE int model_mapping(struct model *model, const struct model_mapping *mapping,
                               uint32_t *id);
SLU_MUST_USE int model_location(struct model *model, uint64_t address, uint32_t mapping,
                                const struct model_line *lines, uint32_t line_count, uint32_t *id);
SLU_MUST_USE int model_stack(struct model *model, const uint32_t *locations, uint32_t count,
                             uint32_t *id);

/* The same in two steps, for whoever has something else to do while memory is asked for. */
uint64_t model_stack_hash(const struct model *model, const uint32_t *locations, uint32_t count);
SLU_MUST_USE int model_stack_hashed(struct model *model, uint64_t hash, const uint32_t *locations,
                                    uint32_t count, uint32_t *id);
SLU_MUST_USE int model_labels(struct model *model, const struct model_label *labels, uint32_t count,
                              uint32_t *id);

/*
 * Begin a profile; the samples that follow are its own.
 *
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW
 */
SLU_MUST_USE int model_profile_add(struct model *model, const struct model_profile *profile);

/* Add a sample with a value for each of the model's types. Errors as above. */
SLU_MUST_USE int model_sample_add(struct model *model, uint32_t stack, uint32_t labels,
                                  const int64_t *values);

/* The number of the type of that name; MODEL_NONE if there is none. */
uint32_t model_type_find(const struct model *model, const char *name);

static inline struct slu_bytes model_text(const struct model *model, uint32_t string)
{
    const struct model_run *run = column_at(&model->strings, string);
    return (struct slu_bytes){run->count == 0 ? "" : column_at(&model->text, run->first),
                              run->count};
}

static inline const struct model_function *model_function_at(const struct model *model, uint32_t id)
{
    return column_at(&model->functions, id);
}

static inline const struct model_mapping *model_mapping_at(const struct model *model, uint32_t id)
{
    return column_at(&model->mappings, id);
}

static inline const struct model_location *model_location_at(const struct model *model, uint32_t id)
{
    return column_at(&model->locations, id);
}

static inline const struct model_line *model_lines_of(const struct model *model,
                                                      const struct model_location *location)
{
    return location->line_count == 0 ? NULL : column_at(&model->lines, location->line_first);
}

/* The locations of a stack, leaf first. */
static inline const uint32_t *model_stack_at(const struct model *model, uint32_t id,
                                             uint32_t *count)
{
    const struct model_run *run = column_at(&model->stacks, id);
    *count = run->count;
    return run->count == 0 ? NULL : column_at(&model->frames, run->first);
}

static inline const struct model_label *model_labels_at(const struct model *model, uint32_t id,
                                                        uint32_t *count)
{
    const struct model_run *run = column_at(&model->label_sets, id);
    *count = run->count;
    return run->count == 0 ? NULL : column_at(&model->labels, run->first);
}

static inline const struct model_profile *model_profile_at(const struct model *model, uint32_t id)
{
    return column_at(&model->profiles, id);
}

static inline int64_t model_value(const struct model *model, uint32_t type, uint32_t sample)
{
    return *(const int64_t *)column_at(&model->values[type], sample);
}

#endif
