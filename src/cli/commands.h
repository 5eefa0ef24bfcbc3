/* The table of the program `sluice`. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

struct command_table;

extern const struct command_table sluice_commands;

#endif
