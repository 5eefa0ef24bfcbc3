/*
 * The load: clients with real sockets, in a process of their own, at a rate that does not wait for
 * answers. It ends at SIGTERM or when its time is over, and tells in one line of JSON what it has
 * sent and what came back.
 *
 *   lab-load --port PORT [--path TEMPLATE] [--rate N] [--seconds N] [--connections N] [--ids N]
 *            [--clients N] [--hold N] [--abandon PERCENT] [--wave SECONDS] [--herd 1] [--beats 1]
 *            [--seed N]
 *
 * In the template {id} is a random number below --ids, {client} one below --clients, {seq} counts,
 * {connection} is the connection's number, {session} that of a client who came. --hold: requests
 * before a connection is made anew. --abandon: so many clients in a hundred go without waiting for
 * the answer. --wave: the rate goes up and down by half of it. --herd: all connections ask at
 * once first, as when a service has come back. --beats: WebSockets that send beats in place of
 * requests.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sluice/budget.h>
#include <sluice/clock.h>

#include "base/sink.h"
#include "codec/json_writer.h"

#include "load_client.h"
#include "options.h"

#define TURN_NS      UINT64_C(1000000)
#define LINE_BYTES   1024
#define BUDGET_BYTES (UINT64_C(64) << 20)

struct asked {
    const char *path;
    double port;
    double rate;
    double seconds;
    double connections;
    double ids;
    double clients;
    double hold;
    double abandon;
    double wave;
    double herd;
    double beats;
    double seed;
};

static int options_read(struct asked *asked, int argc, char **argv)
{
    const struct lab_option options[] = {
        {"path", NULL, &asked->path},
        {"port", &asked->port, NULL},
        {"rate", &asked->rate, NULL},
        {"seconds", &asked->seconds, NULL},
        {"connections", &asked->connections, NULL},
        {"ids", &asked->ids, NULL},
        {"clients", &asked->clients, NULL},
        {"hold", &asked->hold, NULL},
        {"abandon", &asked->abandon, NULL},
        {"wave", &asked->wave, NULL},
        {"herd", &asked->herd, NULL},
        {"beats", &asked->beats, NULL},
        {"seed", &asked->seed, NULL},
    };
    int err = lab_options_read(options, sizeof(options) / sizeof(options[0]), argc, argv);
    if (err == 0 && (asked->port < 1 || asked->port > 65535 || asked->connections < 1 ||
                     asked->ids < 1 || asked->clients < 1)) {
        fprintf(stderr, "%s: --port 1 to 65535, and at least one connection, id and client\n",
                argv[0]);
        err = -EINVAL;
    }
    return err;
}

/* How many are due by now: a wave is half a period high, half a period low. */
static uint64_t due_by(const struct asked *asked, double seconds)
{
    double flat = asked->rate * seconds;
    if (asked->wave <= 0) {
        return (uint64_t)flat;
    }
    double periods = seconds / asked->wave;
    double within = periods - (double)(uint64_t)periods;
    double ahead = within < 0.5 ? within : 1 - within;
    return (uint64_t)(flat + asked->rate * asked->wave * 0.5 * ahead);
}

static void run(const struct asked *asked, struct load_clients *clients, const sigset_t *ends)
{
    const struct timespec none = {0};
    uint64_t begun_ns = slu_clock_monotonic_ns();
    uint64_t end_ns =
        asked->seconds <= 0 ? UINT64_MAX : begun_ns + (uint64_t)(asked->seconds * 1e9);
    uint64_t now_ns = begun_ns;
    uint64_t herd = asked->herd > 0 ? (uint64_t)asked->connections : 0;
    while (now_ns < end_ns && sigtimedwait(ends, NULL, &none) < 0) {
        uint64_t due = due_by(asked, (double)(now_ns - begun_ns) / 1e9);
        load_clients_turn(clients, herd + due, TURN_NS);
        now_ns = slu_clock_monotonic_ns();
    }
}

static int write_output(void *context, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, context) == len ? 0 : -EIO;
}

static void tell(const struct load_clients *clients)
{
    struct load_count count = load_clients_count(clients);
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"sent", count.sent},       {"answered", count.answered},
                  {"refused", count.refused}, {"abandoned", count.abandoned},
                  {"failed", count.failed},   {"late", count.late}};
    const struct {
        const char *name;
        double value;
    } times[] = {{"p50_ms", count.p50_ms}, {"p99_ms", count.p99_ms}, {"p999_ms", count.p999_ms}};
    struct json_writer json;
    struct sink sink;
    char stage[LINE_BYTES];
    sink_init(&sink, write_output, stdout, stage, sizeof(stage));
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_write_key(&json, counts[i].name);
        json_write_uint(&json, counts[i].value);
    }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        json_write_key(&json, times[i].name);
        json_write_double(&json, times[i].value);
    }
    json_end_object(&json);
    json_writer_end(&json);
    if (sink_end(&sink) == 0) { /* else whoever reads has gone */
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct asked asked = {
        .path = "/", .rate = 1000, .connections = 16, .ids = 1000, .clients = 100, .seed = 1};
    sigset_t ends;
    if (options_read(&asked, argc, argv) != 0) {
        return 2;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct load_options options = {
        .path = asked.path,
        .port = (uint16_t)asked.port,
        .connections = (uint32_t)asked.connections,
        .ids = (uint64_t)asked.ids,
        .clients = (uint64_t)asked.clients,
        .hold = (uint64_t)asked.hold,
        .abandon_percent = (uint32_t)asked.abandon,
        .beats = asked.beats > 0,
        .seed = (uint64_t)asked.seed,
    };
    struct load_clients *clients = NULL;
    struct slu_budget *budget = NULL;
    int err = slu_budget_create(NULL, "load", BUDGET_BYTES, &budget);
    err = err == 0 ? load_clients_create(budget, &options, &clients) : err;
    if (err != 0) {
        fprintf(stderr, "%s: cannot connect to port %u: %s\n", argv[0], options.port,
                strerror(-err));
        return 3;
    }
    printf("ready\n");
    fflush(stdout);
    run(&asked, clients, &ends);
    load_clients_finish(clients);
    tell(clients);
    load_clients_destroy(&clients);
    slu_budget_destroy(&budget);
    return 0;
}
