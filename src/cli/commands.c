#include "cli/commands.h"

/* In alphabetical order. A name of two words needs a row of its first word, without `run`. */
static const struct command *const rows[] = {
    &check_command,         &check_config_command, &completion_command,
    &demo_command,          &heap_command,         &heap_capsule_command,
    &heap_diagnose_command, &heap_diff_command,    &heap_fetch_command,
    &heap_flame_command,    &heap_layout_command,  &heap_list_command,
    &heap_peek_command,     &heap_run_command,     &heap_symbolize_command,
    &heap_timeline_command, &heap_top_command,     &heap_tree_command,
    &heap_watch_command,    &heap_web_command,     &heap_who_command,
    &help_command,          &lab_command,          &lab_list_command,
    &lab_run_command,       &man_command,          &serve_command,
    &version_command,
};

const struct command_table sluice_commands = {
    .program = "sluice",
    .version = SLUICE_VERSION,
    .summary = "sliding windows with memory fixed in advance, and a diagnosis when memory grows",
    .description =
        "A sluice is a gate that holds a flow to what the channel below can carry. Sluice does "
        "that for a running service: whatever keeps arriving lives in sliding windows whose "
        "memory is fixed in advance.",
    .rows = rows,
    .row_count = sizeof(rows) / sizeof(rows[0]),
};
