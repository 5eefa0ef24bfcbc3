#include "serve/daemon.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/heap.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "pipeline/config.h"
#include "net/curl_library.h"
#include "pipeline/extensions.h"
#include "pipeline/graph.h"
#include "pipeline/memory_limits.h"
#include "pipeline/refusals.h"
#include "pipeline/store_settings.h"
#include "serve/admin.h"
#include "serve/config_file.h"
#include "serve/daemon_status.h"
#include "serve/daemon_store.h"
#include "serve/memory_watch.h"
#include "serve/sluice_program.h"
#include "serve/verdict_watch.h"
#include "serve/web.h"
#include "sys/wall_clock.h"

#define GRACE_NS         UINT64_C(8000000000)
#define LIMIT_DEFAULT    (UINT64_C(512) << 20)
#define CONFIG_BYTES_MAX (UINT64_C(64) << 20)
#define TASK_STACK_BYTES ((size_t)64 * 1024)
#define DIRECTORY_MODE   0700
#define MALLOC_ARENAS    2
#define SPIKE_SHARE      5
#define QUERIES_SHARE    8 /* of the limit, all queries have one in so many */
#define QUERIES_MIN      (UINT64_C(8) << 20)
#define STORE_LIMIT_MIN  (UINT64_C(64) << 20)

/* Of libsluice-heap.so, which a build with a sanitizer has not. */
#pragma weak slu_heap_start
#pragma weak slu_heap_write

struct daemon {
    const struct serve_options *options;
    char data_path[PATH_MAX];
    char names_program[PATH_MAX]; /* empty: there is none */
    struct slu_budget *root;      /* all memory but the configurations' */
    struct slu_budget *payloads;  /* below it: what is on its way */
    struct slu_budget *queries;   /* below it: of readers, which cannot take all from senders */
    struct slu_budget *configs;   /* of configurations, which are not under pressure */
    struct slu_scope *scope;
    struct memory_watch *watch;
    struct curl_library curl;
    struct config_file file;
    struct daemon_store store;
    struct graph *graph;
    struct refusals refusals;
    struct admin *admin;            /* NULL: none is configured */
    struct web *web;                /* NULL: none is configured */
    struct verdict_watch *verdicts; /* NULL: there is no store */
    int64_t started_ns;             /* since 1970 */
};

static void say(const char *what, const char *text)
{
    (void)fprintf(stderr, "sluice-serve: %s%s\n", what, text);
}

static void say_line(void *arg, const char *text)
{
    (void)arg;
    say("", text);
}

/* The data's folder, made if it is not there. */
static int data_open(struct daemon *daemon)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *path = daemon->options->data_path;
    int len = path != NULL    ? snprintf(daemon->data_path, PATH_MAX, "%s", path)
              : state != NULL ? snprintf(daemon->data_path, PATH_MAX, "%s/sluice", state)
                              : snprintf(daemon->data_path, PATH_MAX, "data");
    if (len < 0 || len >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    if (mkdir(daemon->data_path, DIRECTORY_MODE) != 0 && errno != EEXIST) {
        int err = -errno;
        (void)fprintf(stderr, "sluice-serve: %s: %s; name another folder with --data\n",
                      daemon->data_path, strerror(-err));
        return err;
    }
    return 0;
}

static int budgets_open(struct daemon *daemon)
{
    int err = slu_budget_create(NULL, "sluice-serve", LIMIT_DEFAULT, &daemon->root);
    if (err == 0) {
        err = slu_budget_create(daemon->root, "payloads", LIMIT_DEFAULT, &daemon->payloads);
    }
    if (err == 0) {
        err = slu_budget_create(daemon->root, "queries", LIMIT_DEFAULT, &daemon->queries);
    }
    if (err == 0) {
        err = slu_budget_create(NULL, "configuration", CONFIG_BYTES_MAX, &daemon->configs);
    }
    if (err == 0) {
        struct slu_scope_options options = {.name = "sluice-serve",
                                            .budget = daemon->root,
                                            .task_max = 8,
                                            .callback_max = 64,
                                            .task_stack_bytes = TASK_STACK_BYTES};
        err = slu_scope_create(NULL, &options, NULL, &daemon->scope);
    }
    return err;
}

static void daemon_close(struct daemon *daemon)
{
    graph_destroy(&daemon->graph);
    daemon_store_close(&daemon->store);
    int err = slu_scope_close(&daemon->scope);
    SLU_ASSERT(err == 0); /* this is no task of its */
    memory_watch_destroy(&daemon->watch);
    curl_library_unload(&daemon->curl);
    config_file_close(&daemon->file);
    slu_budget_destroy(&daemon->configs);
    slu_budget_destroy(&daemon->queries);
    slu_budget_destroy(&daemon->payloads);
    slu_budget_destroy(&daemon->root);
    refusals_deinit(&daemon->refusals);
}

/* What the configuration asks for; without a word of it, what the machine allows. */
static int limits_read(struct config_file *file, struct memory_limits *out)
{
    uint64_t available = memory_available_bytes();
    struct store_settings store;
    bool has_store = false;
    int err = memory_limits_read(file->config, &file->pipelines, available, out);
    if (err == 0 && out->limit_bytes == 0) {
        out->limit_bytes = available / 2 < LIMIT_DEFAULT ? available / 2 : LIMIT_DEFAULT;
        out->spike_bytes = out->limit_bytes / SPIKE_SHARE;
    }
    err = err != 0 ? err : store_settings_find(file->config, &file->pipelines, &store, &has_store);
    uint64_t least = has_store ? STORE_LIMIT_MIN : MEMORY_LIMIT_MIN;
    if (err == 0 && out->limit_bytes < least) {
        config_mistake(file->config, NULL, "the memory limit must be %llu MiB at least%s",
                       (unsigned long long)(least >> 20), has_store ? " with a store" : "");
        err = -EINVAL;
    }
    return err;
}

static int limits_set(struct daemon *daemon, const struct memory_limits *limits)
{
    uint64_t queries_bytes = limits->limit_bytes / QUERIES_SHARE;
    slu_budget_set_limit(daemon->queries,
                         queries_bytes < QUERIES_MIN ? QUERIES_MIN : queries_bytes);
    if (daemon->watch != NULL) {
        memory_watch_set(daemon->watch, limits->limit_bytes, limits->spike_bytes);
        return 0;
    }
    struct memory_watch_options options = {
        .root = daemon->root,
        .payloads = daemon->payloads,
        .scope = daemon->scope,
        .limit_bytes = limits->limit_bytes,
        .spike_bytes = limits->spike_bytes,
    };
    return memory_watch_create(&options, &daemon->watch);
}

static void memory_metrics(void *arg, self_metric_fn *visit, void *visit_arg)
{
    struct daemon *daemon = arg;
    struct memory_usage usage;
    memory_watch_usage(daemon->watch, &usage);
    const struct self_metric metrics[] = {
        {.name = "sluice_memory_limit_bytes",
         .help = "The bound on resident memory.",
         .value = usage.limit_bytes},
        {.name = "sluice_memory_resident_bytes",
         .help = "Resident memory.",
         .value = usage.resident_bytes},
        {.name = "sluice_memory_budget_bytes",
         .help = "Memory that budgets account for.",
         .value = usage.budget_bytes},
        {.name = "sluice_memory_overhead_bytes",
         .help = "Resident memory that is in no budget, as it is assumed.",
         .value = usage.overhead_bytes},
    };
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        struct self_metric metric = metrics[i];
        metric.unit = "By";
        visit(visit_arg, &metric);
    }
}

static void status_write(void *arg, struct json_writer *json)
{
    struct daemon *daemon = arg;
    struct daemon_status status = {.payloads = daemon->payloads,
                                   .queries = daemon->queries,
                                   .configs = daemon->configs,
                                   .store = &daemon->store,
                                   .watch = daemon->watch,
                                   .graph = daemon->graph,
                                   .refusals = &daemon->refusals,
                                   .started_ns = daemon->started_ns};
    daemon_status_write(&status, json);
}

/* Write the daemon's own heap profile, which is kept from the first call on. */
static int own_heap_write(const char *path)
{
    int err = slu_heap_start();
    return err == 0 || err == -EALREADY ? slu_heap_write(path) : err;
}

static struct graph_options graph_options_of(struct daemon *daemon, struct config_file *file)
{
    return (struct graph_options){
        .budget = daemon->root,
        .payloads = daemon->payloads,
        .scope = daemon->scope,
        .config = file->config,
        .pipelines = &file->pipelines,
        .data_path = daemon->data_path,
        .curl = &daemon->curl,
        .store = daemon->store.store,
        .refusals = &daemon->refusals,
        .output_fd = STDOUT_FILENO,
        .say = say_line,
        .metrics = memory_metrics,
        .metrics_arg = daemon,
        .heap_write = slu_heap_start != NULL ? own_heap_write : NULL,
        .names_program = daemon->names_program[0] != '\0' ? daemon->names_program : NULL,
    };
}

static void places_say(struct graph *graph)
{
    char text[256];
    for (size_t i = 0; graph_place(graph, i, text, sizeof(text)) == 0; i++) {
        say("", text);
    }
}

/* All that can be said of a configuration without running it. Returns how many mistakes. */
static size_t mistakes_find(struct daemon *daemon, struct config_file *file)
{
    struct memory_limits limits = {0};
    struct graph_options options = graph_options_of(daemon, file);
    size_t before = config_mistake_count(file->config);
    int err = graph_check(&options);
    if (err != 0) {
        config_mistake(file->config, NULL, "it cannot be built: %s", strerror(-err));
    }
    if (config_mistake_count(file->config) == before && limits_read(file, &limits) != 0 &&
        config_mistake_count(file->config) == before) {
        config_mistake(file->config, NULL, "there is no memory to read it");
    }
    return config_mistake_count(file->config);
}

static int admin_open(struct daemon *daemon, struct config_file *file, struct graph *graph,
                      struct slu_diag *diag)
{
    const char *endpoint = NULL;
    int err = health_check_find(file->config, &file->pipelines.extensions, &endpoint);
    if (err != 0 || endpoint == NULL) {
        return err;
    }
    err = admin_start(daemon->root, daemon->scope, endpoint, graph, diag, &daemon->admin);
    if (err == 0) {
        (void)fprintf(stderr, "sluice-serve: health_check: HTTP on port %u\n",
                      admin_port(daemon->admin));
    }
    return err;
}

static int web_open(struct daemon *daemon, struct config_file *file, struct graph *graph,
                    struct slu_diag *diag)
{
    const char *endpoint = NULL;
    int err = web_find(file->config, &file->pipelines.extensions, &endpoint);
    if (err != 0 || endpoint == NULL) {
        return err;
    }
    struct web_options options = {
        .budget = daemon->root,
        .queries = daemon->queries,
        .scope = daemon->scope,
        .endpoint = endpoint,
        .store = daemon->store.store,
        .graph = graph,
        .version = SLUICE_VERSION,
        .data_path = daemon->data_path,
        .status = status_write,
        .status_arg = daemon,
        .heap_write = slu_heap_start != NULL ? own_heap_write : NULL,
    };
    err = web_start(&options, diag, &daemon->web);
    if (err == 0) {
        (void)fprintf(stderr, "sluice-serve: pages on http://127.0.0.1:%u/\n",
                      web_port(daemon->web));
    }
    return err;
}

static int verdicts_start(struct daemon *daemon, struct graph *graph)
{
    struct verdict_watch_options options = {.budget = daemon->root,
                                            .scope = daemon->scope,
                                            .store = daemon->store.store,
                                            .graph = graph,
                                            .period_ns = daemon->store.settings.verdict_ns};
    bool is_wanted = options.store != NULL && options.period_ns > 0;
    return is_wanted ? verdict_watch_create(&options, &daemon->verdicts) : 0;
}

static void ignored_say(const struct config_file *file)
{
    const char *name = NULL;
    for (size_t i = 0; (name = extension_ignored(&file->pipelines.extensions, i)) != NULL; i++) {
        (void)fprintf(stderr, "sluice-serve: the extension %s does nothing here\n", name);
    }
}

static int store_make(struct daemon *daemon, struct config_file *file,
                      const struct memory_limits *limits, struct slu_diag *diag)
{
    struct daemon_store_options options = {.root = daemon->root,
                                           .scope = daemon->scope,
                                           .data_path = daemon->data_path,
                                           .limit_bytes = limits->limit_bytes,
                                           .say = say_line};
    return daemon_store_open(&daemon->store, file->config, &file->pipelines, &options, diag);
}

/*
 * Run the pipelines of a configuration that has no mistakes.
 *
 * Returns  0; a negative errno, which has been told, and nothing runs
 */
static int pipelines_start(struct daemon *daemon, struct config_file *file)
{
    struct memory_limits limits = {0};
    struct slu_diag diag = {0};
    struct graph *graph = NULL;
    int err = limits_read(file, &limits);
    if (err == 0) {
        err = limits_set(daemon, &limits);
    }
    if (err == 0) {
        err = store_make(daemon, file, &limits, &diag);
    }
    if (err == 0) {
        struct graph_options options = graph_options_of(daemon, file);
        err = graph_create(&options, &graph);
    }
    if (err == 0) {
        err = graph_start(graph, &diag);
    }
    if (err == 0) {
        err = admin_open(daemon, file, graph, &diag);
    }
    if (err == 0) {
        daemon->graph = graph; /* which the status shows */
        err = web_open(daemon, file, graph, &diag);
    }
    if (err == 0) {
        err = verdicts_start(daemon, graph);
    }
    if (err != 0) {
        if (config_file_report(file) == 0) {
            say("cannot start: ", diag.message[0] != '\0' ? diag.message : strerror(-err));
        }
        web_stop(&daemon->web);
        if (graph != NULL) {
            graph_stop(graph, 0);
        }
        admin_stop(&daemon->admin);
        graph_destroy(&graph);
        daemon->graph = NULL;
        return err;
    }
    places_say(graph);
    ignored_say(file);
    return 0;
}

static void pipelines_stop(struct daemon *daemon)
{
    verdict_watch_stop(&daemon->verdicts);
    web_stop(&daemon->web);
    admin_stop(&daemon->admin);
    if (daemon->graph != NULL) {
        graph_stop(daemon->graph, GRACE_NS);
        graph_destroy(&daemon->graph);
    }
}

/* What has not been acknowledged when the store ends is acknowledged then, or told so. */
static void daemon_stop(struct daemon *daemon)
{
    verdict_watch_stop(&daemon->verdicts);
    web_stop(&daemon->web);
    admin_stop(&daemon->admin);
    if (daemon->graph != NULL) {
        graph_stop(daemon->graph, GRACE_NS);
        daemon_store_end(&daemon->store);
        graph_destroy(&daemon->graph);
    }
}

/* HUP: the new configuration takes the old one's place if it can run; otherwise nothing changes. */
static int daemon_reload(struct daemon *daemon)
{
    struct config_file file = {0};
    if (daemon->options->config_path == NULL ||
        config_file_open(daemon->configs, daemon->options->config_path, &file) != 0) {
        say("", "the old configuration stays");
        return 0;
    }
    if (mistakes_find(daemon, &file) > 0) {
        (void)config_file_report(&file);
        say("", "the old configuration stays");
        config_file_close(&file);
        return 0;
    }
    pipelines_stop(daemon);
    int err = pipelines_start(daemon, &file);
    if (err == 0) {
        config_file_close(&daemon->file);
        daemon->file = file;
        say("", "the new configuration runs");
        return 0;
    }
    config_file_close(&file);
    say("", "back to the old configuration");
    return pipelines_start(daemon, &daemon->file);
}

static void signals_of(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

/* Until a signal says to stop, or a reload has left nothing that runs. */
static int signals_wait(struct daemon *daemon)
{
    sigset_t signals;
    signals_of(&signals);
    int err = 0;
    while (err == 0) {
        int number = 0;
        int failed = sigwait(&signals, &number);
        SLU_ASSERT(failed == 0);
        if (number != SIGHUP) {
            break;
        }
        err = daemon_reload(daemon);
    }
    return err;
}

/* For who starts it with nothing but its name. */
static void hints_say(const struct daemon *daemon)
{
    if (daemon->options->config_path == NULL && daemon->web != NULL) {
        (void)fprintf(stderr,
                      "sluice-serve: try:\n"
                      "    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 my-program\n"
                      "    curl -H 'Content-Type: application/json' http://127.0.0.1:4318/v1/logs "
                      "-d '{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":"
                      "{\"stringValue\":\"hello\"}}]}]}]}'\n"
                      "    xdg-open http://127.0.0.1:%u/\n",
                      web_port(daemon->web));
    }
}

static enum serve_status status_of(int err)
{
    return err == 0 ? SERVE_FINE : err == -EINVAL ? SERVE_FINDINGS : SERVE_FAILED;
}

/* Everything but the pipelines. */
static int daemon_open(struct daemon *daemon, const struct serve_options *options)
{
    daemon->options = options;
    refusals_init(&daemon->refusals);
    int err = budgets_open(daemon);
    if (err != 0) {
        say("cannot start: ", strerror(-err));
        return err;
    }
    return config_file_open(daemon->configs, options->config_path, &daemon->file);
}

enum serve_status daemon_run(const struct serve_options *options)
{
    struct daemon daemon = {.started_ns = wall_clock_ns()};
    (void)mallopt(M_ARENA_MAX, MALLOC_ARENAS); /* otherwise there are more, and nothing is lost */
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 20);
    int err = daemon_open(&daemon, options);
    if (err == 0 && mistakes_find(&daemon, &daemon.file) > 0) {
        (void)config_file_report(&daemon.file);
        err = -EINVAL;
    }
    if (err == 0) {
        err = data_open(&daemon);
    }
    if (err == 0 && sluice_program_find(daemon.names_program, sizeof(daemon.names_program)) != 0) {
        say("",
            "no program sluice beside this one: profiles of native programs stay without names");
    }
    if (err == 0) {
        err = pipelines_start(&daemon, &daemon.file);
    }
    if (err == 0) {
        say("", "ready");
        hints_say(&daemon);
        err = signals_wait(&daemon);
        say("", "stopping");
        daemon_stop(&daemon);
    }
    daemon_close(&daemon);
    return status_of(err);
}

enum serve_status daemon_check(const struct serve_options *options)
{
    struct daemon daemon = {0};
    int err = daemon_open(&daemon, options);
    if (err == 0 && mistakes_find(&daemon, &daemon.file) > 0) {
        err = -EINVAL;
    }
    if (daemon.file.config != NULL) {
        (void)config_file_report(&daemon.file);
    }
    daemon_close(&daemon);
    return status_of(err);
}
