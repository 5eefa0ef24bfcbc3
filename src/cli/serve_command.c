#include "cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/serve_program.h"

enum {
    SERVE_CONFIG,
    SERVE_DATA,
};

static const struct option options[] = {
    [SERVE_CONFIG] = {.name = "config",
                      .letter = 'c',
                      .kind = OPTION_FILE,
                      .value_name = "FILE",
                      .help = "the configuration, in the shape of the OpenTelemetry Collector's; "
                              "without it OTLP on loopback is kept, and shown on pages"},
    [SERVE_DATA] = {.name = "data",
                    .letter = 'd',
                    .kind = OPTION_FILE,
                    .value_name = "DIRECTORY",
                    .help = "where the store and queues lie: ./data, or $XDG_STATE_HOME/sluice"},
};

static const struct example examples[] = {
    {"sluice serve", "OTLP on 127.0.0.1, kept in ./data, pages on port 7800"},
    {"sluice serve --config collector.yaml --data /var/lib/sluice",
     "with pipelines of your own; `kill -HUP` reads the file again"},
};

static int serve_run(struct cli *cli, const struct invocation *invocation)
{
    char path[PATH_MAX];
    char config_word[] = "--config";
    char data_word[] = "--data";
    char *words[6] = {path};
    size_t count = 1;
    struct slu_diag diag;
    const struct {
        char *word;
        const char *text;
    } pairs[] = {{config_word, invocation->values[SERVE_CONFIG].text},
                 {data_word, invocation->values[SERVE_DATA].text}};
    if (serve_program_find(path, sizeof(path), &diag) != 0) {
        return cli_could_not(cli, "serve", &diag);
    }
    for (size_t i = 0; i < 2; i++) {
        if (pairs[i].text != NULL) {
            words[count++] = pairs[i].word;
            words[count++] = (char *)(uintptr_t)pairs[i].text; /* execv leaves it alone */
        }
    }
    sink_flush(cli->out);
    (void)execv(path, words); /* it returns for a failure alone */
    (void)diag_fail(&diag, 0, "%.200s: %s", path, strerror(errno));
    return cli_could_not(cli, "serve", &diag);
}

const struct command serve_command = {
    .name = "serve",
    .summary = "receive OpenTelemetry's data within a memory limit that holds",
    .description =
        "Receives traces, metrics and logs over OTLP (gRPC and HTTP), processes them and passes "
        "them on. The configuration has the shape of the OpenTelemetry Collector's. What the "
        "memory_limiter says is a bound of the whole process: beyond it senders are told to come "
        "later. What an exporter's other side does not take waits on disk.\n\n"
        "SIGTERM stops it within 10 seconds; SIGHUP reads the configuration again and keeps the "
        "old one if the new one is wrong.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = serve_run,
};
