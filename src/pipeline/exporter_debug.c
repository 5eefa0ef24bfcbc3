/*
 * The exporter `debug`: says on the terminal what arrives.
 *
 * verbosity  basic: a line a message; normal: the same; detailed: the message as OTLP/JSON
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>

#include "base/sink.h"
#include "pipeline/config.h"
#include "pipeline/exporter.h"
#include "pipeline/exporter_types.h"
#include "wire/otlp_json_write.h"

#define STAGING_BYTES 4096

enum verbosity {
    VERBOSITY_BASIC,
    VERBOSITY_NORMAL,
    VERBOSITY_DETAILED
};

static const char *const verbosities[] = {"basic", "normal", "detailed", NULL};

struct debug_options {
    unsigned verbosity;
};

static const struct config_field fields[] = {
    {.key = "verbosity",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(struct debug_options, verbosity),
     .choices = verbosities},
};

static const struct config_object debug_object = {
    .what = "the debug exporter",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .size_bytes = sizeof(struct debug_options),
};

struct debug {
    struct slu_budget *budget;
    const struct debug_options *options;
    const char *name;
    int fd;
};

static int debug_create(const struct exporter_context *context, const void *options, void **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(context->budget, sizeof(struct debug), &memory);
    if (err == 0) {
        struct debug *debug = memory;
        *debug = (struct debug){.budget = context->budget,
                                .options = options,
                                .name = context->name,
                                .fd = context->output_fd};
        *out = debug;
    }
    return err;
}

static void debug_destroy(void *self)
{
    struct debug *debug = self;
    slu_budget_free(debug->budget, debug, sizeof(*debug));
}

static int write_out(void *context, const char *bytes, size_t len)
{
    const struct debug *debug = context;
    while (len > 0) {
        ssize_t written = write(debug->fd, bytes, len);
        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        if (written > 0) {
            bytes += written;
            len -= (size_t)written;
        }
    }
    return 0;
}

static const char *records_name(enum otlp_signal signal)
{
    static const char *const names[] = {[OTLP_TRACES] = "spans",
                                        [OTLP_METRICS] = "data points",
                                        [OTLP_LOGS] = "log records",
                                        [OTLP_PROFILES] = "profiles"};
    return names[signal];
}

static void debug_send(void *self, struct slu_scope *scope, const struct export_message *message,
                       struct outcome *outcome)
{
    struct debug *debug = self;
    char staging[STAGING_BYTES];
    struct sink sink;
    (void)scope;
    (void)outcome;
    sink_init(&sink, write_out, debug, staging, sizeof(staging));
    sink_format(&sink, "%s: %llu %s, %zu bytes\n", debug->name,
                (unsigned long long)message->record_count, records_name(message->signal),
                message->bytes.len);
    if (debug->options->verbosity == VERBOSITY_DETAILED) {
        int err = otlp_json_write(debug->budget, &sink, message->signal, message->bytes);
        if (err != 0) {
            sink_format(&sink, "(not all of it: %s)\n", strerror(-err));
        }
    }
    int err = sink_end(&sink);
    (void)err; /* a terminal that is gone is no reason to stop the pipeline */
}

const struct exporter_type debug_exporter = {
    .name = "debug",
    .options = &debug_object,
    .create = debug_create,
    .destroy = debug_destroy,
    .send = debug_send,
};
