#include "serve/serve_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include <sluice/diag.h>

const char serve_help[] =
    "Usage: sluice serve [--config FILE] [--data DIRECTORY]\n"
    "       sluice serve --check FILE\n"
    "\n"
    "Receives OpenTelemetry's traces, metrics and logs, processes them, keeps them or passes them\n"
    "on, within a limit of memory that holds whatever arrives. The configuration has the shape of\n"
    "the OpenTelemetry Collector's.\n"
    "\n"
    "  --config FILE     the configuration; without it OTLP on the loopback interface (4317 gRPC,\n"
    "                    4318 HTTP) is kept, and shown on http://127.0.0.1:7800/\n"
    "  --data DIRECTORY  where the store and queues on disk lie (./data, or\n"
    "                    $XDG_STATE_HOME/sluice)\n"
    "  --check FILE      tell every mistake of a configuration, and exit with 1 if there is one\n"
    "  --version         show the version\n"
    "  -h, --help        show this\n"
    "\n"
    "Signals: TERM and INT stop it within 10 seconds; HUP reads the configuration again, and\n"
    "keeps the old one if the new one is wrong.\n"
    "\n"
    "Examples:\n"
    "  sluice serve\n"
    "      then, in an instrumented program's environment:\n"
    "      OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317\n"
    "  sluice serve --config collector.yaml --data /var/lib/sluice\n"
    "  sluice serve --check collector.yaml\n";

enum {
    OPTION_CONFIG = 1000,
    OPTION_DATA,
    OPTION_CHECK,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"data", required_argument, NULL, OPTION_DATA},
    {"check", required_argument, NULL, OPTION_CHECK},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int refuse(struct slu_diag *diag, const char *word, const char *what)
{
    *diag = (struct slu_diag){0};
    (void)snprintf(diag->message, sizeof(diag->message), "%s %s; see sluice serve --help", word,
                   what);
    return -EINVAL;
}

int serve_options_read(int argc, char **argv, struct serve_options *out, struct slu_diag *diag)
{
    struct serve_options options = {0};
    int option = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG:
            options.config_path = optarg;
            break;
        case OPTION_DATA:
            options.data_path = optarg;
            break;
        case OPTION_CHECK:
            options.config_path = optarg;
            options.is_check = true;
            break;
        case OPTION_VERSION:
            options.wants_version = true;
            break;
        case 'h':
            options.wants_help = true;
            break;
        case ':':
            return refuse(diag, argv[optind - 1], "needs a value");
        default:
            return refuse(diag, argv[optind - 1], "is no option");
        }
    }
    if (optind < argc) {
        return refuse(diag, argv[optind], "is one word too many");
    }
    *out = options;
    return 0;
}
