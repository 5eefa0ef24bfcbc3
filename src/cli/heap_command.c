#include "cli/commands.h"

static const struct example examples[] = {
    {"sluice heap run -- redis-server --port 7777", "a profile of the program when it has ended"},
    {"sluice heap fetch 4711", "a profile of process 4711 while it runs"},
    {"sluice heap top sluice-heap.4711.pb.gz", "which functions hold its memory"},
    {"sluice heap web sluice-heap.4711.pb.gz", "the same on a page, with a flame graph"},
    {"sluice heap diagnose profiles/", "what grows in a folder of profiles, and why"},
    {"sluice heap who 4711", "by which variables, locals and threads its memory is held"},
};

/* The group of what has to do with heap profiles. */
const struct command heap_command = {
    .name = "heap",
    .summary = "heap profiles: record, read, compare, draw",
    .description = "What has to do with a program's memory: who allocated it, who holds it.",
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
};
