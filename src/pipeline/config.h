/*
 * Configuration in YAML, read into structs by tables, with every mistake told at once.
 *
 *     static const struct config_field fields[] = {
 *         {"timeout", CONFIG_DURATION, offsetof(struct batch_options, timeout_ns)},
 *         {"send_batch_size", CONFIG_UINT, offsetof(struct batch_options, size), .max = 1000000},
 *     };
 *     static const struct config_object batch = {"the batch processor", fields, 2, sizeof(...)};
 *     struct batch_options options = {.timeout_ns = SECOND_NS}; (the defaults)
 *     err = config_read(config, node, &batch, &options);
 *
 * A mistake is told with line, column and, for a key that is not known, the nearest that is; the
 * reading goes on after it.
 */
#ifndef PIPELINE_CONFIG_H
#define PIPELINE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/diag.h>

struct config;
struct config_node; /* a value in the document; lives as long as the configuration */
struct slu_budget;

/* What a field's value is, and what lies at its offset in the struct. */
enum config_kind {
    CONFIG_BOOL,     /* bool */
    CONFIG_UINT,     /* uint64_t, within min and max */
    CONFIG_DOUBLE,   /* double */
    CONFIG_DURATION, /* uint64_t, nanoseconds: "200ms", "1h30m", "0s" */
    CONFIG_SIZE,     /* uint64_t, bytes: 1048576, "64MiB", "1GB" */
    CONFIG_STRING,   /* const char * */
    CONFIG_CHOICE,   /* unsigned: an index in `choices` */
    CONFIG_STRINGS,  /* struct config_strings */
    CONFIG_MAP,      /* struct config_map: keys and scalar values, in the order of the file */
    CONFIG_OBJECT,   /* the struct that `object` describes, embedded */
    CONFIG_OBJECTS,  /* struct config_objects: a list of such structs */
    CONFIG_SCALAR,   /* struct config_scalar */
    CONFIG_NODE,     /* const struct config_node *, to be read with another table */
};

enum config_scalar_kind {
    CONFIG_NO_SCALAR, /* not there, or null */
    CONFIG_SCALAR_STRING,
    CONFIG_SCALAR_BOOL,
    CONFIG_SCALAR_INT,
    CONFIG_SCALAR_DOUBLE,
};

/* By YAML's core schema; what is quoted is a string. */
struct config_scalar {
    enum config_scalar_kind kind;
    const char *text; /* as written */
    union {
        bool boolean;
        int64_t integer;
        double number;
    };
};

struct config_strings {
    const char *const *items;
    const struct config_node *const *nodes; /* where each stands */
    size_t count;
};

struct config_entry {
    const char *key;
    struct config_scalar value;
    const struct config_node *node; /* of the value */
};

struct config_map {
    const struct config_entry *entries;
    size_t count;
};

struct config_objects {
    const void *items;                      /* structs, each begun with zeros */
    const struct config_node *const *nodes; /* where each stands */
    size_t count;
};

struct config_object;

struct config_field {
    const char *key;
    enum config_kind kind;
    size_t offset;
    uint64_t min;                       /* of UINT, DURATION, SIZE; of DOUBLE if it has one */
    uint64_t max;                       /* 0: none but the type's */
    const char *const *choices;         /* of CHOICE; ends with NULL */
    const struct config_object *object; /* of OBJECT, OBJECTS */
    bool is_required;
};

struct config_object {
    const char *what; /* for mistakes: "the batch processor" */
    const struct config_field *fields;
    size_t field_count;
    size_t size_bytes; /* of the struct */
};

#define CONFIG_MISTAKES_MAX 100 /* that are kept; more are counted */

/* A variable's value for ${NAME} and ${env:NAME}; NULL: it is not set. getenv, or a test's. */
typedef const char *config_variable_fn(void *arg, const char *name);

struct config_source {
    const char *name; /* of the file, for mistakes */
    struct slu_bytes text;
    config_variable_fn *variable; /* NULL: none is set */
    void *variable_arg;
};

/*
 * Parse a document, with variables put in: ${NAME}, ${env:NAME}, ${env:NAME:-default}; $$ is $.
 *
 * Returns  0, and mistakes of the syntax are among its mistakes; -EDQUOT; -ENOMEM
 * Owner    the caller, until config_destroy
 */
SLU_MUST_USE int config_parse(struct slu_budget *budget, const struct config_source *source,
                              struct config **out);

/* NULL is accepted, and `*config` becomes NULL. */
void config_destroy(struct config **config);

/* The top of the document; NULL if it could not be parsed, or is empty. */
const struct config_node *config_root(const struct config *config);

/*
 * Read a mapping into a struct that holds the defaults. NULL, and null, is an empty mapping. Views
 * in it live as long as the configuration.
 *
 * Returns  0; -EINVAL if mistakes were found; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int config_read(struct config *config, const struct config_node *node,
                             const struct config_object *object, void *out);

/*
 * Take the next entry of a mapping whose keys are names, as `receivers` is.
 *
 * at       0 at the beginning; private
 * Returns  false at the end, or if `node` is NULL, null or no mapping (a mistake is told once), or
 *          without memory for the key: config_failure
 */
bool config_next(struct config *config, const struct config_node *node, size_t *at,
                 const char **key, const struct config_node **key_node,
                 const struct config_node **value);

/* What kept config_next from going on: 0; -EDQUOT; -ENOMEM. config_read tells it, too. */
int config_failure(const struct config *config);

/* A node's value by key in a mapping; NULL if there is none. */
const struct config_node *config_child(const struct config_node *node, const char *key);

/* Tell a mistake at a node, or with NULL of the whole file. */
void config_mistake(struct config *config, const struct config_node *node, const char *format, ...)
    SLU_PRINTF(3, 4);

/* The one of `names`, which end with NULL, that is nearest to `name`; NULL if none is near. */
const char *config_nearest(const char *name, const char *const *names);

/* In the order of the file. */
size_t config_mistake_count(const struct config *config);
const struct slu_diag *config_mistakes(struct config *config, size_t *kept_count);

const char *config_name(const struct config *config);

#endif
