/* Reading a command line by its row of the table. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stddef.h>

#include <sluice/api.h>

struct command;
struct invocation;
struct sink;
struct slu_diag;
struct option;

/*
 * Read the words after the subcommand's name: --key value, --key=value, -k value, -kvalue, -abc
 * for flags; after -- everything is an operand. The last of several wins. With --help or -h,
 * reading stops and `help_wanted` is set.
 *
 * words    reordered: the operands come to stand first, and `out` borrows them
 * Returns  0; -EINVAL with a message that says the option, its value and what is allowed
 */
SLU_MUST_USE int options_read(const struct command *command, char **words, size_t word_count,
                              struct invocation *out, struct slu_diag *diag);

/* Write what an option allows as a phrase: "a whole number from 1 to 3600". */
void options_write_allowed(struct sink *out, const struct option *option);

#endif
