/* Rows of options that the subcommands which judge a process have in common. */
#ifndef CLI_DIAGNOSIS_OPTIONS_H
#define CLI_DIAGNOSIS_OPTIONS_H

#include "cli/command.h"

#define OPTION_EVERY                                                                               \
    {                                                                                              \
        .name = "every", .letter = 'e', .kind = OPTION_DURATION, .value_name = "TIME",             \
        .fallback = "5s", .min = UINT64_C(10000000), .help = "between two looks at a process"      \
    }
#define OPTION_FOR                                                                                 \
    {                                                                                              \
        .name = "for", .letter = 't', .kind = OPTION_DURATION, .value_name = "TIME",               \
        .fallback = "1m", .help = "how long a process is observed; 0: one look"                    \
    }
#define OPTION_PID                                                                                 \
    {                                                                                              \
        .name = "pid", .letter = 'p', .kind = OPTION_INTEGER, .value_name = "PID",                 \
        .help = "the URL's process, whose resident memory is looked at too"                        \
    }
#define OPTION_NO_GC                                                                               \
    {                                                                                              \
        .name = "no-gc", .kind = OPTION_FLAG, .help = "never ask Go's collector to run"            \
    }
#define OPTION_LIMIT                                                                               \
    {                                                                                              \
        .name = "limit", .letter = 'l', .kind = OPTION_BYTES, .value_name = "SIZE",                \
        .help = "memory that it may have; else that of its control group"                          \
    }
#define OPTION_GROWTH                                                                              \
    {                                                                                              \
        .name = "rate", .letter = 'r', .kind = OPTION_BYTES, .value_name = "SIZE",                 \
        .fallback = "5MB", .min = 1, .help = "growth a second that is warned of"                   \
    }

#endif
