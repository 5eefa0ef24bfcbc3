#include "cli/commands.h"

static const struct example examples[] = {
    {"sluice heap run -- redis-server --port 7777", "a profile of the program when it has ended"},
    {"sluice heap fetch 4711", "a profile of process 4711 while it runs"},
};

/* The group of what has to do with heap profiles. */
const struct command heap_command = {
    .name = "heap",
    .summary = "heap profiles: record them, take them from processes, give them names",
    .description = "What has to do with a program's memory: who allocated it, who holds it.",
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
};
