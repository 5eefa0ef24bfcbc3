/* Receivers: where pipelines begin. A type is a table of functions, in a file of its own. */
#ifndef PIPELINE_RECEIVER_H
#define PIPELINE_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "wire/otlp.h"

struct config;
struct config_node;
struct graph;
struct refusals;
struct slu_budget;
struct slu_diag;
struct slu_scope;
struct stage;

/* What a receiver is made with. */
struct receiver_context {
    struct slu_budget *budget;   /* of the receiver itself */
    struct slu_budget *payloads; /* of what comes: under pressure nothing more is taken */
    struct slu_scope *scope;
    const char *data_path; /* for what has to be a file for a moment */
    struct config *config;
    const struct config_node *node;
    const char *name;
    const char *const *metadata_keys; /* headers that batches go by, in lower case */
    size_t metadata_count;
    struct refusals *refusals;                /* NULL: they are not kept */
    struct graph *graph;                      /* that it is part of: for its own metrics */
    void (*say)(void *arg, const char *text); /* to people */
    void *say_arg;

    /* Writes the process's heap profile to a file; NULL: it has none. */
    int (*heap_write)(const char *path);
    const char *names_program; /* finds names for profiles: profile_names.h; may be NULL */
    struct stage *next[PIPELINE_SIGNAL_COUNT]; /* NULL: no pipeline wants that signal */
};

struct receiver_stats {
    uint64_t accepted_count; /* records that were handed on */
    uint64_t refused_count;  /* requests that were told to come later */
    uint64_t invalid_count;  /* requests that cannot be read */
};

#define RECEIVER_PLACES_MAX 4
#define RECEIVER_WHY_MAX    128

/* Who a receiver asks, and how that went. */
struct receiver_target {
    const char *endpoint; /* both live as long as the receiver */
    const char *service;  /* NULL: none was named */
    bool is_optional;
    uint64_t taken_count;       /* profiles */
    int64_t answered_ns;        /* since 1970; 0: never */
    char why[RECEIVER_WHY_MAX]; /* of the last try, if that failed */
};

struct receiver_type {
    const char *name;

    /*
     * Read the options: mistakes are told to the configuration. Listens to nothing yet.
     *
     * Returns  0; -EINVAL; -EDQUOT; -ENOMEM
     */
    int (*create)(const struct receiver_context *context, void **out);

    /* Begin. Returns 0; a negative errno, which `diag` says more of. */
    int (*start)(void *receiver, struct slu_diag *diag);

    /* Take nothing more; wait for what is being answered, for `grace_ns` at the most. */
    void (*stop)(void *receiver, uint64_t grace_ns);

    /* After stop, or where it was never started. */
    void (*destroy)(void *receiver);

    void (*stats)(void *receiver, struct receiver_stats *out);

    /* The index-th place where it listens, for people. Returns 0; -ENOENT behind the last. */
    int (*place)(void *receiver, size_t index, char *text, size_t size_bytes);

    /* The index-th of whom it asks. Returns 0; -ENOENT behind the last. NULL: it asks nobody */
    int (*target)(void *receiver, size_t index, struct receiver_target *out);

    /* A message of the daemon, on any thread; NULL: it does not listen to them. */
    void (*hear)(void *receiver, const char *text);
};

/* NULL: there is none of that name. */
const struct receiver_type *receiver_find(const char *name);
const char *const *receiver_names(void);

extern const struct receiver_type otlp_receiver;
extern const struct receiver_type pprof_receiver;
extern const struct receiver_type selfmon_receiver;

#endif
