/*
 * What a profile says, as people ask for it: its samples by function, line, file or address, some
 * of them or all. Stacks become lists of entries; an entry is what a row of a table or a box of a
 * flame graph stands for.
 *
 * Which samples and frames count, what an entry is called, and what counts once where a stack
 * passes it twice is as `go tool pprof` has it, so that figures can be compared.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "profile/column.h"
#include "profile/key_index.h"
#include "profile/model.h"

struct slu_diag;
struct view;

#define VIEW_STACK_MAX ((uint32_t)1 << 20) /* entries of one stack, inlined ones included */
#define VIEW_INLINED   (UINT32_C(1) << 31) /* in a stack: inlined into the entry that follows */
#define VIEW_ENTRY(x)  ((x) & ~VIEW_INLINED)

enum view_level {
    VIEW_FUNCTIONS,
    VIEW_LINES,
    VIEW_FILES,
    VIEW_ADDRESSES,
};

/* Patterns are POSIX extended regular expressions, found anywhere; NULL: not asked for. */
struct view_options {
    enum view_level level;
    const char *focus;  /* stacks alone that have a function, file or module like this */
    const char *ignore; /* and those not that have one */
    const char *hide;   /* frames that are left out */
    const char *show;   /* frames that alone are shown */
    const char *tag;    /* samples alone with such a label, see view/tag.h */
};

/* Strings of the model; 0 where the level does not tell them apart. */
struct view_entry {
    uint64_t address;
    uint32_t name;
    uint32_t file;
    uint32_t line;
    uint32_t module;   /* file of the mapping, where there is no name */
    uint32_t label;    /* all of it, as people read it */
    uint32_t function; /* of the model; MODEL_NONE: none */
};

struct view {
    struct model *model;
    struct view_options options;
    struct column entries; /* struct view_entry */
    struct column frames;  /* uint32_t: entries of locations, VIEW_INLINED in them */
    struct key_index entry_index;
    struct model_run *runs;     /* of `frames`, by location; in place of one alone, the entry */
    unsigned char *flags;       /* by location */
    unsigned char *label_flags; /* by set of labels */
    uint32_t *stack;            /* room for one */
    uint32_t location_count;
    uint32_t label_set_count;
    bool all_wanted; /* no sample is left out, and no frame dropped */
    bool drops;
};

/*
 * Prepare a view of a model, which must stay as it is but for new strings.
 *
 * Returns  0; -EINVAL with a message for a pattern; -EDQUOT; -ENOMEM
 * Owner    the caller, until view_destroy; the model must outlive it
 */
SLU_MUST_USE int view_create(struct model *model, const struct view_options *options,
                             struct slu_diag *diag, struct view **out);
void view_destroy(struct view **view);

/*
 * The locations of a sample, leaf first, but for those that are dropped; false if the sample is not
 * wanted. view_location has the entries of each, leaf first too.
 */
bool view_sample(const struct view *view, uint32_t sample, const uint32_t **locations,
                 uint32_t *count);

/* A sample's stack, leaf first. */
struct view_stack {
    const uint32_t *entries;
    uint32_t count;
    uint32_t sample;
};

/* Returns 0 to go on. */
typedef int (*view_visit)(void *context, const struct view_stack *stack);

/*
 * Show each sample that is wanted, of `sample_count` from `sample_first` on.
 *
 * Returns  0; -EOVERFLOW for a stack of more than VIEW_STACK_MAX entries; what `visit` returned
 * Cost     linear in the frames; allocates nothing
 */
SLU_MUST_USE int view_each(const struct view *view, uint32_t sample_first, uint32_t sample_count,
                           view_visit visit, void *context);

static inline const struct view_entry *view_entry_at(const struct view *view, uint32_t entry)
{
    return column_at(&view->entries, entry);
}

/* The entries of a location, leaf first. Most have one, which takes a look at one place. */
static inline const uint32_t *view_location(const struct view *view, uint32_t location,
                                            uint32_t *count)
{
    const struct model_run *run = &view->runs[location];
    *count = run->count;
    if (run->count <= 1) {
        return &run->first;
    }
    return column_at(&view->frames, run->first);
}

/* As people read it; valid as long as the model. */
struct slu_bytes view_label(const struct view *view, uint32_t entry);

#endif
