/* Manual pages in man(7) macros, made from the table. */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

struct command;
struct command_table;
struct sink;

/* The program's page, and one of a subcommand or a group. */
void manual_write_program(struct sink *out, const struct command_table *table);
void manual_write_command(struct sink *out, const struct command_table *table,
                          const struct command *command);

/* Its file's name: sluice-heap-top.1; `command` NULL: sluice.1. */
void manual_write_name(struct sink *out, const struct command_table *table,
                       const struct command *command);

#endif
