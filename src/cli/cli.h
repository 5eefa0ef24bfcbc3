/* What a subcommand is given, and how it ends. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

#include "draw/terminal.h"

struct command;
struct command_table;
struct sink;
struct slu_diag;

enum cli_status {
    CLI_FINE,
    CLI_FINDINGS,
    CLI_WRONG_USE,
    CLI_COULD_NOT,
};

/* Output is gathered; a subcommand that writes over time flushes where a reader waits. */
struct cli {
    const struct command_table *table;
    struct sink *out;
    struct sink *err; /* messages; each is flushed by what writes it */
    struct draw_terminal out_terminal;
    struct draw_terminal err_terminal;
};

/* Run the subcommand that the words name; returns the exit status. Words are reordered. */
int cli_run(struct cli *cli, char **words, size_t word_count);

/*
 * Say that `word`, after the name of `group` or of nothing (NULL), is no subcommand, and which one
 * was probably meant; returns the status.
 */
int cli_refuse_command(struct cli *cli, const struct command *group, const char *word);

/* Say on the error output, as "sluice demo: ...", that it could not be done; returns the status. */
int cli_could_not(struct cli *cli, const char *command, const struct slu_diag *diag);

/* The program: sinks and terminals of the process, then cli_run. The result is main's. */
int cli_main(const struct command_table *table, int argc, char **argv);

#endif
