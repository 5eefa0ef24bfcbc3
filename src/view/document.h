/*
 * The documents of a profile's page, as docs/formats/profile-page.md has them. What can fail is
 * done before the first byte is written; after that only the sink can.
 */
#ifndef VIEW_DOCUMENT_H
#define VIEW_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

struct calls;
struct column;
struct json_writer;
struct sink;
struct view;

#define DOCUMENT_VERSION     1
#define DOCUMENT_SITES_MAX   32
#define DOCUMENT_MOMENTS_MAX 4096

/* What is written about: all profiles of the view's model, each of them a moment. */
struct document {
    const struct view *view;       /* by function */
    const char *source;            /* as the user named it */
    const struct column *resident; /* int64_t: bytes by profile, -1: not known; NULL: of none */
    uint64_t generation;
    bool is_live;
    bool has_memory;
    const uint32_t *below; /* entries that stacks have to begin with, the outermost first */
    uint32_t below_count;
};

/*
 * Write one profile of the model.
 *
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW as view_each. On an error nothing is written.
 */
SLU_MUST_USE int document_profile(const struct document *document, uint32_t profile,
                                  struct sink *out);

/* Write two of them in one tree, of one type. Errors as above. */
SLU_MUST_USE int document_diff(const struct document *document, uint32_t a, uint32_t b,
                               uint32_t type, struct sink *out);

/*
 * Write what the functions of one profile hold, or of two (base is not MODEL_NONE, and `type`
 * counts then): all of them, where a tree leaves some out. Errors as above.
 */
SLU_MUST_USE int document_functions(const struct document *document, uint32_t base,
                                    uint32_t profile, uint32_t type, struct sink *out);

/* Write what sites hold and allocate over time. Errors as above. */
SLU_MUST_USE int document_timeline(const struct document *document, uint32_t type,
                                   struct sink *out);

/* The newest profile, by time; there is one. */
uint32_t document_newest(const struct view *view);

/* The type that people want to see first: as the profile says, else the last. */
uint32_t document_default_type(const struct view *view, uint32_t profile);

/* Parts of documents, for the files beside this one. */
void document_begin(const struct document *document, struct json_writer *json, struct sink *out);
void document_string(const struct view *view, struct json_writer *json, const char *key,
                     uint32_t string);
void document_number(struct json_writer *json, const char *key, int64_t value);
void document_types(const struct view *view, struct json_writer *json, uint32_t first,
                    uint32_t count);
void document_moments(const struct document *document, struct json_writer *json,
                      const uint32_t *order);

/* All profiles by their times, into room for as many. */
void document_moments_order(const struct view *view, uint32_t *order);

/* How a tree of calls becomes strings, functions and nodes. */
struct document_columns {
    uint32_t type_count; /* the first columns: `self` */
    bool has_age;        /* then these, if they are there */
    bool has_variance;
};

/* The functions that something is written of, in the order of their numbers. */
struct document_table {
    const struct view *view;
    uint32_t *entries; /* by function */
    uint32_t *modules; /* by entry: string */
    uint32_t function_count;
};

/* Find the modules, into room for as many as there are entries, all zero. */
void document_modules_find(const struct view *view, uint32_t *modules);

/* Write the members `strings` and `functions`. */
void document_table_write(const struct document_table *table, struct json_writer *json);

/* The tables that a tree needs: made before anything is written. */
struct document_tree {
    const struct calls *calls;
    uint32_t *preorder;  /* nodes */
    uint32_t *functions; /* by entry: place in the table, from 1; 0: not in it */
    struct document_table table;
    void *block;
    uint64_t block_bytes;
};

SLU_MUST_USE int document_tree_init(struct document_tree *tree, const struct calls *calls,
                                    uint32_t order_column, uint32_t order_rest);
void document_tree_deinit(struct document_tree *tree);
void document_tree_write(const struct document_tree *tree, struct json_writer *json,
                         const struct document_columns *columns);

#endif
