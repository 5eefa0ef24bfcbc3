/*
 * The pipelines of one configuration: receivers, processors and exporters, made and joined.
 */
#ifndef PIPELINE_GRAPH_H
#define PIPELINE_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "pipeline/exporter.h"
#include "pipeline/receiver.h"
#include "pipeline/self_metrics.h"

struct config;
struct config_pipelines;
struct curl_library;
struct graph;
struct refusals;
struct slu_budget;
struct slu_diag;
struct slu_scope;
struct store;

struct graph_options {
    struct slu_budget *budget;   /* of the parts */
    struct slu_budget *payloads; /* of what is on its way; below `budget` or beside it */
    struct slu_scope *scope;
    struct config *config;                    /* outlives the graph */
    const struct config_pipelines *pipelines; /* of it */
    const char *data_path;                    /* where queues lie */
    struct curl_library *curl;
    struct store *store;                      /* NULL: there is none */
    struct refusals *refusals;                /* of receivers; NULL: they are not kept */
    int output_fd;                            /* of `debug` */
    void (*say)(void *arg, const char *text); /* of exporters: exporter.h */
    void *say_arg;

    /* What the process counts; NULL: nothing. */
    void (*metrics)(void *arg, self_metric_fn *visit, void *visit_arg);
    void *metrics_arg;

    int (*heap_write)(const char *path); /* of receivers: receiver.h */
    const char *names_program;           /* of receivers as well */
};

/*
 * Make all parts. Every mistake that a part finds in its options is told to the configuration.
 * Exporters begin to empty their queues; nothing is received before graph_start.
 *
 * Returns  0; -EINVAL if mistakes were told; -EDQUOT; -ENOMEM; a negative errno of the system
 * Owner    the caller, until graph_destroy
 */
SLU_MUST_USE int graph_create(const struct graph_options *options, struct graph **out);

/*
 * Have every component read its options, whether a pipeline uses it or not, and start nothing: all
 * mistakes are told to the configuration.
 *
 * Returns  0, also if there are mistakes; -EDQUOT; -ENOMEM; a negative errno of the system
 */
SLU_MUST_USE int graph_check(const struct graph_options *options);

/* Begin to receive. Returns 0; a negative errno, which `diag` says more of; then stop it. */
SLU_MUST_USE int graph_start(struct graph *graph, struct slu_diag *diag);

/*
 * Stop receiving, and hand on what was received, for `grace_ns` at the most: what is not
 * acknowledged by then is told so. What lies in queues on disk stays there.
 */
void graph_stop(struct graph *graph, uint64_t grace_ns);

/* After graph_stop, or where it was never started; NULL is accepted, `*graph` becomes NULL. */
void graph_destroy(struct graph **graph);

/* The index-th place where it listens, for people. Returns 0; -ENOENT behind the last. */
int graph_place(struct graph *graph, size_t index, char *text, size_t size_bytes);

/* As they were configured; they live as long as the graph. */
const struct config_pipelines *graph_pipelines(const struct graph *graph);

/* All that the graph counts. Threads: any, while it is there */
void graph_metrics(struct graph *graph, self_metric_fn *visit, void *arg);

/* The part of it that the process counts, by graph_options. */
void graph_process_metrics(struct graph *graph, self_metric_fn *visit, void *arg);

/* Say something to people, and to those receivers that listen. Threads: any, while it runs */
void graph_say(struct graph *graph, const char *text);

/* The longest try of the index-th exporter since the last call; NULL behind the last. */
const char *graph_longest(struct graph *graph, size_t index, struct exporter_span *span);

/* The index-th exporter or receiver and its counters; NULL behind the last. Threads: any */
const char *graph_exporter(struct graph *graph, size_t index, struct exporter_stats *stats);
const char *graph_receiver(struct graph *graph, size_t index, struct receiver_stats *stats);

/* The index-th of whom receivers ask. Returns 0; -ENOENT behind the last. Threads: any */
int graph_target(struct graph *graph, size_t index, struct receiver_target *out);

#endif
