/* The rows that there are, and the table of the program `sluice`. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command check_command;
extern const struct command check_config_command;
extern const struct command completion_command;
extern const struct command demo_command;
extern const struct command heap_command;
extern const struct command heap_capsule_command;
extern const struct command heap_diagnose_command;
extern const struct command heap_diff_command;
extern const struct command heap_fetch_command;
extern const struct command heap_flame_command;
extern const struct command heap_layout_command;
extern const struct command heap_list_command;
extern const struct command heap_peek_command;
extern const struct command heap_run_command;
extern const struct command heap_symbolize_command;
extern const struct command heap_timeline_command;
extern const struct command heap_top_command;
extern const struct command heap_tree_command;
extern const struct command heap_watch_command;
extern const struct command heap_web_command;
extern const struct command heap_who_command;
extern const struct command help_command;
extern const struct command lab_command;
extern const struct command lab_list_command;
extern const struct command lab_run_command;
extern const struct command man_command;
extern const struct command serve_command;
extern const struct command version_command;

extern const struct command_table sluice_commands;

#endif
