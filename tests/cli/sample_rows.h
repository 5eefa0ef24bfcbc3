/* Rows with every kind of option and operand, for the tests and the fuzz target of the frame. */
#ifndef TESTS_CLI_SAMPLE_ROWS_H
#define TESTS_CLI_SAMPLE_ROWS_H

#include "cli/command.h"

enum sample_option {
    SAMPLE_COUNT,
    SAMPLE_SIZE,
    SAMPLE_EVERY,
    SAMPLE_FORMAT,
    SAMPLE_OUT,
    SAMPLE_SITE,
    SAMPLE_VERBOSE,
    SAMPLE_JSON,
    SAMPLE_OPTION_COUNT,
};

static const char *const sample_formats[] = {"text", "json", "pprof", NULL};

static const struct option sample_options[SAMPLE_OPTION_COUNT] = {
    [SAMPLE_COUNT] = {.name = "count",
                      .letter = 'n',
                      .kind = OPTION_INTEGER,
                      .value_name = "N",
                      .fallback = "10",
                      .min = 1,
                      .max = 3600,
                      .help = "how many rows"},
    [SAMPLE_SIZE] = {.name = "size",
                     .letter = 's',
                     .kind = OPTION_BYTES,
                     .value_name = "SIZE",
                     .fallback = "512KiB",
                     .min = 4096,
                     .help = "the room: it's [fixed], as \"said\""},
    [SAMPLE_EVERY] = {.name = "every",
                      .kind = OPTION_DURATION,
                      .value_name = "TIME",
                      .fallback = "5s",
                      .min = 1000000,
                      .max = UINT64_C(86400000000000),
                      .help = "how often"},
    [SAMPLE_FORMAT] = {.name = "format",
                       .letter = 'f',
                       .kind = OPTION_CHOICE,
                       .value_name = "FORMAT",
                       .fallback = "text",
                       .choices = sample_formats,
                       .help = "how it is written"},
    [SAMPLE_OUT] = {.name = "out",
                    .letter = 'o',
                    .kind = OPTION_FILE,
                    .value_name = "FILE",
                    .help = "where it goes"},
    [SAMPLE_SITE] = {.name = "site",
                     .kind = OPTION_TEXT,
                     .value_name = "REGEX",
                     .help = "only sites whose name matches; the first part of it is enough, and "
                             "several words may be joined"},
    [SAMPLE_VERBOSE] = {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .help = "say more"},
    [SAMPLE_JSON] = OPTION_JSON,
};

static const struct example sample_examples[] = {
    {"sample heap top app.heap", "what holds most"},
    {"sample heap top --site 'a\\.b' -n 5 .", "five rows of one site"},
};

#endif
