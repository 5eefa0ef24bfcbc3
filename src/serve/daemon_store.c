#include "serve/daemon_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "pipeline/store_intake.h"

#define OTHERS_BYTES   (UINT64_C(40) << 20) /* of the limit are the process's and the servers' */
#define MEMORY_PERCENT 40                   /* of what is left is the store's */
#define BYTES_A_SERIES UINT64_C(600)
#define BYTES_A_STREAM UINT64_C(1500)
#define SERIES_SHARE   4 /* of its memory, open series have one in so many */

static int path_write(struct daemon_store *store, const char *data_path)
{
    const char *directory = store->settings.directory;
    int len = directory != NULL ? snprintf(store->path, sizeof(store->path), "%s", directory)
                                : snprintf(store->path, sizeof(store->path), "%s/store", data_path);
    return len < 0 || (size_t)len >= sizeof(store->path) ? -ENAMETOOLONG : 0;
}

/* So many open ones as their memory allows: the tables are reserved in advance. */
static uint32_t bounded(uint64_t wanted, uint64_t memory_bytes, uint64_t bytes_each)
{
    uint64_t most = memory_bytes / bytes_each;
    return (uint32_t)(wanted < most ? wanted : most);
}

/* A small limit leaves room for what is on its way and for queries, too. */
static uint64_t memory_usual(uint64_t limit_bytes)
{
    uint64_t left = limit_bytes > OTHERS_BYTES ? limit_bytes - OTHERS_BYTES : 0;
    uint64_t bytes = left / 100 * MEMORY_PERCENT;
    return bytes < STORE_MEMORY_MIN ? STORE_MEMORY_MIN : bytes;
}

static int store_start(struct daemon_store *store, const struct daemon_store_options *options,
                       struct slu_diag *diag)
{
    const struct store_settings *settings = &store->settings;
    uint64_t memory_bytes =
        settings->memory_bytes != 0 ? settings->memory_bytes : memory_usual(options->limit_bytes);
    struct store_options opened = {
        .budget = store->budget,
        .scope = options->scope,
        .directory = store->path,
        .apply = store_intake_apply,
        .apply_arg = store->intake,
        .memory_bytes = memory_bytes,
        .size_bytes_max = settings->size_bytes_max,
        .retention_ns = settings->retention_ns,
        .out_of_order_ns = settings->out_of_order_ns,
        .head_age_ns = settings->flush_ns,
        .log_bytes_max = settings->log_bytes_max,
        .series_max = bounded(settings->series_max, memory_bytes / 2, BYTES_A_SERIES),
        .stream_max = bounded(settings->stream_max, memory_bytes / SERIES_SHARE, BYTES_A_STREAM),
        .is_relaxed = strcmp(settings->durability, "relaxed") == 0,
        .say = options->say,
        .say_arg = options->say_arg,
    };
    return store_open(&opened, diag, &store->store);
}

int daemon_store_open(struct daemon_store *store, struct config *config,
                      const struct config_pipelines *pipelines,
                      const struct daemon_store_options *options, struct slu_diag *diag)
{
    struct store_settings settings;
    bool is_there = false;
    int err = store_settings_find(config, pipelines, &settings, &is_there);
    if (err != 0 || !is_there || store->store != NULL) {
        return err;
    }
    store->settings = settings;
    err = path_write(store, options->data_path);
    if (err == 0) {
        err = slu_budget_create(options->root, "store", options->limit_bytes, &store->budget);
    }
    if (err == 0) {
        err = store_intake_create(store->budget, &store->intake);
    }
    if (err == 0) {
        err = store_start(store, options, diag);
    } else {
        err = diag_fail(diag, err, "the store: %s", strerror(-err));
    }
    if (err != 0) {
        daemon_store_close(store);
    }
    return err;
}

void daemon_store_end(struct daemon_store *store)
{
    if (store->store != NULL) {
        store_end(store->store);
    }
}

void daemon_store_close(struct daemon_store *store)
{
    store_close(&store->store);
    store_intake_destroy(&store->intake);
    slu_budget_destroy(&store->budget);
}
