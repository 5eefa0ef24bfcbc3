/* Completion scripts for shells, made from the table: static text, no program is asked later. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

struct command_table;
struct sink;

void completion_write_bash(struct sink *out, const struct command_table *table);
void completion_write_zsh(struct sink *out, const struct command_table *table);
void completion_write_fish(struct sink *out, const struct command_table *table);

#endif
