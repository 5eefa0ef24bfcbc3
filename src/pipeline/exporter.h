/*
 * Exporters: where pipelines end. A type is a table of functions; what stands before it (a queue in
 * memory or on disk, tries) is the same for all.
 */
#ifndef PIPELINE_EXPORTER_H
#define PIPELINE_EXPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "pipeline/payload.h"
#include "pipeline/retry.h"
#include "pipeline/stage.h"
#include "wire/otlp.h"

struct config;
struct config_components;
struct config_node;
struct config_object;
struct curl_library;
struct slu_budget;
struct slu_scope;
struct store;

/* What an exporter is made with. */
struct exporter_context {
    struct slu_budget *budget;
    struct slu_scope *scope; /* of its tasks; cancelled before it is destroyed */
    struct config *config;   /* that its options lie in, and its mistakes are told to */
    const struct config_node *node;
    const char *name;      /* the component's id */
    const char *data_path; /* where queues lie, unless their storage is named */
    const struct config_components *extensions; /* that they may be named by */
    struct curl_library *curl;                  /* loaded on first use */
    struct store *store;                        /* of `store`; NULL: there is none */
    int output_fd;                              /* of `debug` */
    bool is_check;                              /* only to find mistakes: neither queue nor task */

    /* Told to people, on any thread: that it fails, why, and that it works again. NULL: nobody */
    void (*say)(void *arg, const char *text);
    void *say_arg;
};

struct queue_settings {
    bool is_enabled;
    uint64_t consumer_count;
    uint64_t queue_size;     /* messages that wait in memory */
    uint64_t size_bytes_max; /* on disk */
    bool is_relaxed;         /* acknowledge before the disk has it */
    const char *storage;     /* an extension's id: where on disk; NULL: data_path */
};

/* At the front of the options of every exporter that is remote. */
struct remote_options {
    struct queue_settings queue;
    struct retry_options retry;
    uint64_t timeout_ns; /* of one try */
};

extern const struct config_object queue_settings_object;

#define REMOTE_DEFAULTS                                                                            \
    {                                                                                              \
        .queue = {.is_enabled = true,                                                              \
                  .consumer_count = 2,                                                             \
                  .queue_size = 1000,                                                              \
                  .size_bytes_max = UINT64_C(1) << 30},                                            \
        .retry = RETRY_DEFAULTS, .timeout_ns = UINT64_C(5000000000)                                \
    }

/* A message to be sent. */
struct export_message {
    enum otlp_signal signal;
    uint64_t record_count;
    struct slu_bytes bytes;
};

struct exporter;

struct exporter_type {
    const char *name;
    const struct config_object *options;
    const void *defaults;
    bool is_remote; /* options begin with remote_options */

    /* Returns 0; -EINVAL if mistakes were told; -EDQUOT; -ENOMEM; another negative errno */
    int (*create)(const struct exporter_context *context, const void *options, void **out);
    void (*destroy)(void *exporter);

    /*
     * Send one message and wait for what becomes of it; on several threads at a time if remote.
     * `outcome` begins as OUTCOME_TAKEN. Ends early when the scope is cancelled, as OUTCOME_LATER.
     */
    void (*send)(void *exporter, struct slu_scope *scope, const struct export_message *message,
                 struct outcome *outcome);
    bool is_instant; /* send is short and never blocks: no task stands before it */

    /*
     * In place of send: take a payload over, on any thread and without blocking, and end it when it
     * is kept. NULL: it has send.
     */
    void (*take)(void *self, struct exporter *exporter, struct payload *payload);
};

/* NULL: there is none of that name. */
const struct exporter_type *exporter_find(const char *name);
const char *const *exporter_names(void);

struct exporter_stats {
    uint64_t sent_count;   /* records that the other side took */
    uint64_t failed_count; /* tries */
    uint64_t lost_count;   /* records that the other side refused for good, or that were given up */
    uint64_t refused_count; /* records that there was no room for: their senders were told */
    uint64_t waiting_count; /* messages in the queue */
    uint64_t waiting_bytes;
};

/* One try of an exporter, for the daemon's own traces. Times are since 1970. */
struct exporter_span {
    uint64_t begin_ns;
    uint64_t end_ns; /* 0: there is none */
    uint64_t record_count;
    enum outcome_kind kind;
};

/*
 * Make one with its queue and its tasks.
 *
 * Returns  0; -EINVAL if mistakes were told to the configuration; -EDQUOT; -ENOMEM; another
 *          negative errno
 * Owner    the caller, until exporter_destroy
 */
SLU_MUST_USE int exporter_create(const struct exporter_type *type,
                                 const struct exporter_context *context, struct exporter **out);

/* Where payloads go in. */
struct stage *exporter_stage(struct exporter *exporter);

/* Threads: any */
void exporter_stats(struct exporter *exporter, struct exporter_stats *out);

/* Take the longest try since the last call; `end_ns` is 0 if there was none. Threads: any */
void exporter_longest(struct exporter *exporter, struct exporter_span *out);

/* End its tasks, and wait for them. Before any exporter that they may reach is destroyed. */
void exporter_stop(struct exporter *exporter);

/* When nothing calls it any more; NULL is accepted, and `*exporter` becomes NULL. */
void exporter_destroy(struct exporter **exporter);

#endif
