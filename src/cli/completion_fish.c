#include "cli/completion.h"

#include <string.h>

#include "base/sink.h"
#include "cli/command.h"
#include "cli/help.h"

static void write_quoted(struct sink *out, const char *text)
{
    sink_char(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') {
            sink_char(out, '\\');
        }
        sink_char(out, *text);
    }
    sink_char(out, '\'');
}

/* complete -c sluice -n '__sluice_at heap top' */
static void write_condition(struct sink *out, const struct command_table *table,
                            const char *condition, const char *words)
{
    sink_format(out, "complete -c %s -n '__%s_%s%s%s'", table->program, table->program, condition,
                *words == '\0' ? "" : " ", words);
}

static void write_option(struct sink *out, const struct command_table *table,
                         const struct command *command, const struct option *option)
{
    write_condition(out, table, "at", command->name);
    sink_format(out, " -l %s", option->name);
    if (option->letter != '\0') {
        sink_format(out, " -s %c", option->letter);
    }
    if (option->kind == OPTION_FILE) {
        sink_text(out, " -r -F");
    } else if (option->kind != OPTION_FLAG) {
        sink_text(out, " -x");
    }
    if (option->kind == OPTION_CHOICE) {
        sink_text(out, " -a '");
        for (size_t i = 0; option->choices[i] != NULL; i++) {
            sink_format(out, "%s%s", i == 0 ? "" : " ", option->choices[i]);
        }
        sink_char(out, '\'');
    }
    sink_text(out, " -d ");
    write_quoted(out, option->help);
    sink_char(out, '\n');
}

/* Offer the words that follow `before` in the names of commands. */
static void write_names(struct sink *out, const struct command_table *table, const char *before,
                        const char *group)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        bool listed =
            *group == '\0' ? strchr(row->name, ' ') == NULL : command_is_member(row, group);
        if (listed && !row->hidden) {
            write_condition(out, table, "after", before);
            sink_format(out, " -a %s -d ",
                        *group == '\0' ? row->name : row->name + strlen(group) + 1);
            write_quoted(out, row->summary);
            sink_char(out, '\n');
        }
    }
}

static void write_command_operands(struct sink *out, const struct command_table *table,
                                   const struct command *command)
{
    write_names(out, table, command->name, "");
    for (size_t i = 0; i < table->row_count; i++) {
        if (table->rows[i]->run == NULL && !table->rows[i]->hidden) {
            char before[128];
            struct sink words;
            sink_init_fixed(&words, before, sizeof(before));
            sink_format(&words, "%s %s", command->name, table->rows[i]->name);
            write_names(out, table, before, table->rows[i]->name);
        }
    }
}

/* fish's own function skips the words of our name, and options with their values. */
static void write_wrapped_program(struct sink *out, const struct command *command)
{
    int skipped = strchr(command->name, ' ') == NULL ? 2 : 3;
    sink_format(out, " -a '(__fish_complete_subcommand --fcs-skip=%d", skipped);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *option = &command->options[i];
        if (option->kind != OPTION_FLAG) {
            sink_format(out, " --%s", option->name);
        }
        if (option->kind != OPTION_FLAG && option->letter != '\0') {
            sink_format(out, " -%c", option->letter);
        }
    }
    sink_text(out, ")'\n");
}

static void write_operands(struct sink *out, const struct command_table *table,
                           const struct command *command)
{
    const struct operands *operands = &command->operands;
    if (operands->max == 0 || operands->kind == OPERAND_TEXT) {
        return;
    }
    if (operands->kind == OPERAND_COMMAND) {
        write_command_operands(out, table, command);
        return;
    }
    write_condition(out, table, "at", command->name);
    if (operands->kind == OPERAND_CHOICE) {
        sink_text(out, " -a '");
        for (size_t i = 0; operands->choices[i] != NULL; i++) {
            sink_format(out, "%s%s", i == 0 ? "" : " ", operands->choices[i]);
        }
        sink_text(out, "'\n");
    } else if (operands->kind == OPERAND_PROGRAM) {
        write_wrapped_program(out, command);
    } else {
        sink_text(out, " -F\n");
    }
}

/* __sluice_at: the line begins with these words; __sluice_after: these are all words so far. */
static void write_functions(struct sink *out, const struct command_table *table)
{
    sink_format(out,
                "function __%s_at\n"
                "    set -l words (commandline -opc)\n"
                "    set -l last (math (count $argv) + 1)\n"
                "    test (count $words) -ge $last; and test \"$words[2..$last]\" = \"$argv\"\n"
                "end\n\n"
                "function __%s_after\n"
                "    set -l words (commandline -opc)\n"
                "    test (count $words) -eq (math (count $argv) + 1)\n"
                "    and test \"$words[2..-1]\" = \"$argv\"\n"
                "end\n\n",
                table->program, table->program);
}

void completion_write_fish(struct sink *out, const struct command_table *table)
{
    sink_format(out, "# fish completion for %s\n\n", table->program);
    write_functions(out, table);
    sink_format(out, "complete -c %s -f\n", table->program);
    write_names(out, table, "", "");
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        if (row->hidden) {
            continue;
        }
        if (row->run == NULL) {
            write_names(out, table, row->name, row->name);
            continue;
        }
        for (size_t at = 0; at < row->option_count; at++) {
            write_option(out, table, row, &row->options[at]);
        }
        write_option(out, table, row, &help_option);
        write_operands(out, table, row);
    }
}
