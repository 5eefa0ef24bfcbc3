#include "cli/completion.h"

#include <string.h>

#include "base/sink.h"
#include "cli/command.h"

/*
 * A value after = stands alone in COMP_WORDS, because = breaks words there. `value` begins as the
 * option before the word being completed; `options`, `operands` and `list` are what the row of the
 * subcommand offers.
 */
static const char script_start[] =
    "    local word=${COMP_WORDS[COMP_CWORD]} value= command= options= operands= list= at\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        [[ $word == -* ]] && commands='--help --version'\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$word\")\n"
    "        return\n"
    "    fi\n"
    "    if [[ $word == = ]]; then\n"
    "        value=${COMP_WORDS[COMP_CWORD - 1]} word=\n"
    "    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then\n"
    "        value=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    else\n"
    "        value=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    fi\n"
    "    command=${COMP_WORDS[1]}\n";

/* After -- there are operands alone; after that of a wrapped program, its name, then its files. */
static const char script_end[] =
    "    for ((at = 2; at < COMP_CWORD; at++)); do\n"
    "        if [[ ${COMP_WORDS[at]} == -- ]]; then\n"
    "            options=\n"
    "            if [[ $operands == program ]]; then\n"
    "                operands=files\n"
    "                ((at + 1 == COMP_CWORD)) && operands=programs\n"
    "            fi\n"
    "            break\n"
    "        fi\n"
    "    done\n"
    "    if [[ $word == -* && -n $options ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
    "        return\n"
    "    fi\n"
    "    case $operands in\n"
    "    words)\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$word\")\n"
    "        ;;\n"
    "    files)\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        ;;\n"
    "    programs)\n"
    "        mapfile -t COMPREPLY < <(compgen -c -- \"$word\")\n"
    "        ;;\n"
    "    esac\n";

static void write_words(struct sink *out, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        sink_format(out, "%s%s", i == 0 ? "" : " ", words[i]);
    }
}

static void write_names(struct sink *out, const struct command_table *table, const char *group)
{
    const char *gap = "";
    for (size_t i = 0; i < table->row_count; i++) {
        const char *name = table->rows[i]->name;
        bool listed =
            group == NULL ? strchr(name, ' ') == NULL : command_is_member(table->rows[i], group);
        if (listed && !table->rows[i]->hidden) {
            sink_format(out, "%s%s", gap, group == NULL ? name : name + strlen(group) + 1);
            gap = " ";
        }
    }
}

/* Where an option's value is being typed, what it may be is all that is offered. */
static void write_value_case(struct sink *out, const struct option *option)
{
    sink_format(out, "        --%s", option->name);
    if (option->letter != '\0') {
        sink_format(out, " | -%c", option->letter);
    }
    sink_text(out, ") options= ");
    if (option->kind == OPTION_CHOICE) {
        sink_text(out, "operands=words list='");
        write_words(out, option->choices);
        sink_text(out, "'");
    } else {
        sink_text(out, option->kind == OPTION_FILE ? "operands=files" : "operands=");
    }
    sink_text(out, " ;;\n");
}

static void write_operands(struct sink *out, const struct command_table *table,
                           const struct command *command)
{
    if (command->run == NULL || command->operands.kind == OPERAND_COMMAND) {
        sink_text(out, "        operands=words list='");
        write_names(out, table, command->run == NULL ? command->name : NULL);
        sink_text(out, "'\n");
    } else if (command->operands.max > 0 && command->operands.kind == OPERAND_CHOICE) {
        sink_text(out, "        operands=words list='");
        write_words(out, command->operands.choices);
        sink_text(out, "'\n");
    } else if (command->operands.max > 0 && command->operands.kind != OPERAND_TEXT) {
        bool program = command->operands.kind == OPERAND_PROGRAM;
        sink_format(out, "        operands=%s\n", program ? "program" : "files");
    }
}

static void write_command(struct sink *out, const struct command_table *table,
                          const struct command *command)
{
    bool has_values = false;
    sink_format(out, "    '%s')\n        options='", command->name);
    for (size_t i = 0; i < command->option_count; i++) {
        sink_format(out, "--%s ", command->options[i].name);
        has_values |= command->options[i].kind != OPTION_FLAG;
    }
    sink_text(out, "--help'\n");
    write_operands(out, table, command);
    if (has_values) {
        sink_text(out, "        case $value in\n");
        for (size_t i = 0; i < command->option_count; i++) {
            if (command->options[i].kind != OPTION_FLAG) {
                write_value_case(out, &command->options[i]);
            }
        }
        sink_text(out, "        esac\n");
    }
    sink_text(out, "        ;;\n");
}

/* For `help GROUP MEMBER`: the second word is one of the group's. */
static void write_help_of_group(struct sink *out, const struct command_table *table,
                                const struct command *help, const struct command *group)
{
    sink_format(out, "    '%s %s') options='--help' operands=words list='", help->name,
                group->name);
    write_names(out, table, group->name);
    sink_text(out, "' ;;\n");
}

/* A second word belongs to the name where the first is a group, or where names are operands. */
static void write_two_word_names(struct sink *out, const struct command_table *table)
{
    sink_text(out, "    ((COMP_CWORD > 2)) && case \"$command ${COMP_WORDS[2]}\" in\n");
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        if (strchr(row->name, ' ') != NULL && !row->hidden) {
            sink_format(out, "    '%s') command='%s' ;;\n", row->name, row->name);
        }
        bool takes_names = row->operands.kind == OPERAND_COMMAND && !row->hidden;
        for (size_t g = 0; takes_names && g < table->row_count; g++) {
            const struct command *group = table->rows[g];
            if (group->run == NULL && !group->hidden) {
                sink_format(out, "    '%s %s') command='%s %s' ;;\n", row->name, group->name,
                            row->name, group->name);
            }
        }
    }
    sink_text(out, "    esac\n");
}

void completion_write_bash(struct sink *out, const struct command_table *table)
{
    sink_format(out, "# bash completion for %s\n\n_%s()\n{\n    local commands='", table->program,
                table->program);
    write_names(out, table, NULL);
    sink_text(out, "'\n");
    sink_text(out, script_start);
    write_two_word_names(out, table);
    sink_text(out, "    case $command in\n");
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        if (row->hidden) {
            continue;
        }
        write_command(out, table, row);
        for (size_t g = 0; row->operands.kind == OPERAND_COMMAND && g < table->row_count; g++) {
            if (table->rows[g]->run == NULL && !table->rows[g]->hidden) {
                write_help_of_group(out, table, row, table->rows[g]);
            }
        }
    }
    sink_text(out, "    esac\n");
    sink_text(out, script_end);
    sink_format(out, "}\ncomplete -F _%s %s\n", table->program, table->program);
}
