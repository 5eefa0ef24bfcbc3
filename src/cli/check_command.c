#include "cli/commands.h"

static const struct example examples[] = {
    {"sluice check config collector.yaml", "every mistake of a configuration, for a CI gate"},
};

/* The group of the gates. */
const struct command check_command = {
    .name = "check",
    .summary = "find mistakes before they run, for CI",
    .description = "Prints each finding as file:line:column: message. Exit status: 0 without a "
                   "finding, 1 with one.",
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
};
