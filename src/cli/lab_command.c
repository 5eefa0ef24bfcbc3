#include "cli/commands.h"

static const struct example examples[] = {
    {"sluice lab list", "the faults that are there"},
    {"sluice lab run gateway --both", "one of them, faulty and fixed, side by side"},
};

/* The group of what has to do with the laboratory. */
const struct command lab_command = {
    .name = "lab",
    .summary = "the faults that kill services by memory, run for real",
    .description = "Small real services, each in a faulty and a fixed form, driven by real load "
                   "and watched by the heap profiler.",
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
};
