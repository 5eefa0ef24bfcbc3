/* The daemon's store: opened by the configuration that asks for it first, kept across reloads. */
#ifndef SERVE_DAEMON_STORE_H
#define SERVE_DAEMON_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "pipeline/store_settings.h"
#include "store/store.h"

struct config;
struct config_pipelines;
struct slu_budget;
struct slu_diag;
struct slu_scope;
struct store_intake;

/* Lives in the daemon. */
struct daemon_store {
    struct slu_budget *budget; /* NULL: there is no store */
    struct store_intake *intake;
    struct store *store;
    struct store_settings settings;
    char path[4096];
};

struct daemon_store_options {
    struct slu_budget *root;
    struct slu_scope *scope;
    const char *data_path;
    uint64_t limit_bytes; /* of the daemon's memory */
    void (*say)(void *arg, const char *text);
    void *say_arg;
};

/*
 * Open the store that the pipelines ask for, unless it is open.
 *
 * Returns  0, also if they ask for none; -EINVAL if mistakes were told; an error, which `diag` says
 *          more of
 */
SLU_MUST_USE int daemon_store_open(struct daemon_store *store, struct config *config,
                                   const struct config_pipelines *pipelines,
                                   const struct daemon_store_options *options,
                                   struct slu_diag *diag);

/* Let nobody wait for it any more; then, when nothing uses it, close it. */
void daemon_store_end(struct daemon_store *store);
void daemon_store_close(struct daemon_store *store);

#endif
