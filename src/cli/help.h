/* The help texts, made from the table's rows. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stddef.h>
#include <stdint.h>

struct command;
struct command_table;
struct option;
struct sink;

#define HELP_TEXT_MAX 512

/* width: columns to wrap at; 0: HELP_WIDTH_DEFAULT */
#define HELP_WIDTH_DEFAULT 80

/* What the program is, and its subcommands. */
void help_write_overview(struct sink *out, const struct command_table *table, uint32_t width);

/* One subcommand, or a group with its members. */
void help_write_command(struct sink *out, const struct command_table *table,
                        const struct command *command, uint32_t width);

/* The same parts for the manual: "[OPTIONS] SOURCE ...", and an option's help with what its value
 * may be and its default. */
void help_write_synopsis(struct sink *out, const struct command *command);
void help_write_option_text(struct sink *out, const struct option *option);

/* The option that every subcommand has beside its own. */
extern const struct option help_option;

#endif
