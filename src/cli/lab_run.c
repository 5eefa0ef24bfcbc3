#include "cli/lab_run.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/clock.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/cli.h"
#include "cli/diagnosis.h"
#include "cli/heap_library.h"
#include "cli/host.h"
#include "cli/lab_programs.h"
#include "cli/lab_redis.h"
#include "cli/target.h"
#include "diagnose/evidence.h"
#include "draw/draw.h"
#include "sys/process.h"
#include "sys/wall_clock.h"

#define SECOND_NS    UINT64_C(1000000000)
#define READY_NS     (30 * SECOND_NS)
#define LAST_WORD_NS (10 * SECOND_NS)
#define LOOKS        40
#define LOOK_NS_MIN  (SECOND_NS / 5)
#define MEMORY_BYTES (UINT64_C(1) << 30)
#define RATE_BYTES   "4K"
#define NUMBER_BYTES 24
#define STATUS_BYTES 4096
#define WORDS_MAX    (LAB_LOAD_WORDS_MAX + 16)

struct running {
    struct cli *cli;
    const struct lab_order *order;
    struct lab_result *result;
    struct lab_process service;
    struct lab_process load;
    struct lab_redis redis;
    struct diagnosis diagnosis;
    struct target target;
    unsigned port;
};

static uint64_t rate_of(const struct lab_order *order)
{
    return order->rate != 0 ? order->rate : order->row->rate;
}

static uint32_t connections_of(const struct lab_order *order)
{
    return order->connections != 0 ? order->connections : order->row->connections;
}

static int service_spawn(struct running *running, const char *path, struct slu_diag *diag)
{
    char connections[NUMBER_BYTES];
    char seed[NUMBER_BYTES];
    char library[PATH_MAX];
    const struct heap_setting settings[] = {
        {"SLUICE_HEAP_RATE", RATE_BYTES}, {"SLUICE_HEAP_EXIT", "0"},
        {"SLUICE_HEAP_PERIOD", "0"},      {"SLUICE_HEAP_CONTROL", "1"},
        {"SLUICE_HEAP_SEED", seed},       {"SLUICE_HEAP_LISTEN", running->order->listen},
    };
    size_t setting_count = sizeof(settings) / sizeof(settings[0]);
    setting_count -= running->order->listen == NULL ? 1 : 0;
    const char *words[WORDS_MAX] = {path, "--connections", connections, "--seed", seed};
    size_t count = 5;
    for (size_t i = 0; running->order->row->service[i] != NULL; i++) {
        words[count++] = running->order->row->service[i];
    }
    if (running->order->row->needs_redis) {
        words[count++] = "--behind";
        words[count++] = running->redis.socket;
    }
    char **environment = NULL;
    snprintf(connections, sizeof(connections), "%" PRIu32, connections_of(running->order));
    snprintf(seed, sizeof(seed), "%" PRIu64, running->order->seed);
    int err = heap_library_find(library, sizeof(library), diag);
    if (err != 0) {
        return err;
    }
    err = heap_environment_make(library, settings, setting_count, &environment);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the environment");
    }
    err = lab_process_start(&running->service, "service", words, environment, diag);
    heap_environment_free(&environment);
    return err;
}

/* Until it says where it listens. */
static int service_start(struct running *running, struct slu_diag *diag)
{
    char name[64];
    char path[PATH_MAX];
    const char *line = NULL;
    const struct lab_order *order = running->order;
    snprintf(name, sizeof(name), "%.40s-%.10s", order->row->name, order->form);
    int err = lab_program_find(name, path, sizeof(path), diag);
    err = err == 0 ? service_spawn(running, path, diag) : err;
    err = err == 0 ? lab_process_line(&running->service, READY_NS, &line, diag) : err;
    if (err == 0 && sscanf(line, "ready %u", &running->port) != 1) {
        err = diag_fail(diag, -EBADMSG, "the service says '%.100s'", line);
    }
    return err;
}

static int load_start(struct running *running, struct slu_diag *diag)
{
    char path[PATH_MAX];
    char port[NUMBER_BYTES];
    char rate[NUMBER_BYTES];
    char connections[NUMBER_BYTES];
    char seed[NUMBER_BYTES];
    const char *line = NULL;
    const struct lab_order *order = running->order;
    const char *words[WORDS_MAX] = {path,        "--port", port, "--rate", rate, "--connections",
                                    connections, "--seed", seed};
    size_t count = 9;
    for (size_t i = 0; order->row->load[i] != NULL; i++) {
        words[count++] = order->row->load[i];
    }
    snprintf(port, sizeof(port), "%u", running->port);
    snprintf(rate, sizeof(rate), "%" PRIu64, rate_of(order));
    snprintf(connections, sizeof(connections), "%" PRIu32, connections_of(order));
    snprintf(seed, sizeof(seed), "%" PRIu64, order->seed);
    int err = lab_program_find("load", path, sizeof(path), diag);
    err = err == 0 ? lab_process_start(&running->load, "load", words, NULL, diag) : err;
    return err == 0 ? lab_process_line(&running->load, READY_NS, &line, diag) : err;
}

static double live_bytes(const struct sites *sites)
{
    double sum = 0;
    for (uint32_t i = 0; i < sites->site_count; i++) {
        sum += site_last(sites, sites->sites[i], MEASURE_BYTES);
    }
    return sum;
}

static double anonymous_bytes(pid_t pid)
{
    char text[STATUS_BYTES];
    size_t len = 0;
    double kib = 0;
    const char *line = process_file_read(pid, "status", text, sizeof(text), &len) == 0
                           ? strstr(text, "RssAnon:")
                           : NULL;
    return line != NULL && sscanf(line, "RssAnon: %lf kB", &kib) == 1 ? kib * 1024 : 0;
}

static void moment_take(struct running *running, double seconds)
{
    struct lab_result *result = running->result;
    const struct evidence *evidence = running->diagnosis.evidence;
    if (result->moment_count < LAB_MOMENTS_MAX) {
        result->moments[result->moment_count++] = (struct lab_moment){
            .seconds = seconds,
            .resident_bytes = record_last(&evidence->rss),
            .anonymous_bytes = anonymous_bytes(running->service.pid),
            .live_bytes = live_bytes(evidence->heap),
        };
    }
}

/* Until the next look. Returns 0; -ECANCELED at an interrupt; -EPIPE if a program has ended. */
static int pause_until(const struct running *running, uint64_t next_ns, struct slu_diag *diag)
{
    int err = 0;
    for (uint64_t now_ns = slu_clock_monotonic_ns(); err == 0 && now_ns < next_ns;
         now_ns = slu_clock_monotonic_ns()) {
        uint64_t turn_ns = next_ns - now_ns < LOOK_NS_MIN ? next_ns : now_ns + LOOK_NS_MIN;
        err = host_wait(turn_ns) ? diag_fail(diag, -ECANCELED, "interrupted") : 0;
        err = err == 0 ? lab_process_check(&running->service, diag) : err;
        err = err == 0 ? lab_process_check(&running->load, diag) : err;
    }
    return err;
}

/* Look at it again and again, until its time is over. */
static int observe(struct running *running, struct slu_diag *diag)
{
    const struct lab_order *order = running->order;
    struct draw_progress progress;
    char label[96];
    uint64_t begun_ns = slu_clock_monotonic_ns();
    uint64_t every_ns = order->for_ns / LOOKS < LOOK_NS_MIN ? LOOK_NS_MIN : order->for_ns / LOOKS;
    uint64_t now_ns = begun_ns;
    int err = 0;
    snprintf(label, sizeof(label), "%.40s, %.10s", order->row->name, order->form);
    draw_progress_begin(&progress, &running->cli->err_terminal, running->cli->err, label,
                        order->for_ns, DRAW_NANOSECONDS, begun_ns);
    while (err == 0 && now_ns - begun_ns <= order->for_ns) {
        err = target_look(&running->target, &running->diagnosis, (double)wall_clock_ns() / 1e9,
                          NULL, diag);
        moment_take(running, (double)(now_ns - begun_ns) / 1e9);
        draw_progress_update(&progress, slu_clock_monotonic_ns(), now_ns - begun_ns);
        uint64_t next_ns = begun_ns + ((now_ns - begun_ns) / every_ns + 1) * every_ns;
        err = err == 0 ? pause_until(running, next_ns, diag) : err;
        now_ns = slu_clock_monotonic_ns();
    }
    draw_progress_end(&progress);
    return err;
}

static uint64_t number_of(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

static double time_of(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    char *end = NULL;
    double value = at == NULL ? NAN : strtod(at + strlen(key), &end);
    return at == NULL || end == at + strlen(key) ? NAN : value;
}

static void load_take(struct lab_result *result, const char *line)
{
    result->sent_count = number_of(line, "\"sent\":");
    result->answered_count = number_of(line, "\"answered\":");
    result->refused_count = number_of(line, "\"refused\":");
    result->abandoned_count = number_of(line, "\"abandoned\":");
    result->failed_count = number_of(line, "\"failed\":");
    result->late_count = number_of(line, "\"late\":");
    result->p50_ms = time_of(line, "\"p50_ms\":");
    result->p99_ms = time_of(line, "\"p99_ms\":");
    result->p999_ms = time_of(line, "\"p999_ms\":");
}

/* The load first, so that the service has served all of it. */
static int last_words(struct running *running, struct slu_diag *diag)
{
    struct lab_result *result = running->result;
    const char *line = NULL;
    lab_process_stop(&running->load);
    int err = lab_process_line(&running->load, LAST_WORD_NS, &line, diag);
    if (err != 0) {
        return err;
    }
    load_take(result, line);
    lab_process_end(&running->load);
    lab_process_stop(&running->service);
    err = lab_process_line(&running->service, LAST_WORD_NS, &line, diag);
    if (err == 0) {
        result->served_count = number_of(line, "\"served\":");
        const char *figures = strstr(line, "\"figures\":");
        const char *begin = figures == NULL ? "{}" : figures + strlen("\"figures\":");
        size_t len = strcspn(begin, "}") + 1;
        snprintf(result->figures, sizeof(result->figures), "%.*s", (int)len, begin);
    }
    return err;
}

static int run_to_verdict(struct running *running, struct slu_diag *diag)
{
    char pid[NUMBER_BYTES];
    const struct verdict_options judged = {.rate_max = VERDICT_RATE_DEFAULT};
    int err = running->order->row->needs_redis ? lab_redis_start(&running->redis, diag) : 0;
    err = err == 0 ? service_start(running, diag) : err;
    err = err == 0 ? load_start(running, diag) : err;
    if (err != 0) {
        return err;
    }
    snprintf(pid, sizeof(pid), "%d", (int)running->service.pid);
    err = target_open(&running->target, pid, false, diag);
    err = err == 0 ? observe(running, diag) : err;
    err = err == 0 ? last_words(running, diag) : err;
    if (err == 0) {
        verdict_judge(running->diagnosis.evidence, &judged, &running->result->report);
    }
    return err;
}

int lab_run(struct cli *cli, const struct invocation *invocation, const struct lab_order *order,
            struct lab_result *result, struct slu_diag *diag)
{
    struct running running = {.cli = cli, .order = order, .result = result};
    *result = (struct lab_result){.row = order->row, .form = order->form};
    host_hold_interrupts();
    int err = diagnosis_open(&running.diagnosis, cli, invocation, MEMORY_BYTES, diag);
    err = err == 0 ? run_to_verdict(&running, diag) : err;
    lab_process_stop(&running.load);
    lab_process_end(&running.load);
    lab_process_stop(&running.service);
    lab_process_end(&running.service);
    lab_redis_end(&running.redis);
    diagnosis_close(&running.diagnosis);
    return err;
}
