#include "cli/completion.h"

#include <string.h>

#include "base/sink.h"
#include "cli/command.h"
#include "cli/help.h"

/* Text within single quotes within one of zsh's specifications, where : [ ] have a meaning. */
static void write_quoted(struct sink *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            sink_text(out, "'\\''");
        } else {
            if (strchr(":[]\\", *text) != NULL) {
                sink_char(out, '\\');
            }
            sink_char(out, *text);
        }
    }
}

static void write_choices(struct sink *out, const char *const *choices)
{
    sink_char(out, '(');
    for (size_t i = 0; choices[i] != NULL; i++) {
        sink_format(out, "%s%s", i == 0 ? "" : " ", choices[i]);
    }
    sink_char(out, ')');
}

static void write_value(struct sink *out, const struct option *option)
{
    if (option->kind == OPTION_FLAG) {
        return;
    }
    sink_char(out, ':');
    write_quoted(out, option->value_name);
    sink_char(out, ':');
    if (option->kind == OPTION_CHOICE) {
        write_choices(out, option->choices);
    } else {
        sink_text(out, option->kind == OPTION_FILE ? "_files" : " ");
    }
}

/* '(-s --seconds)-s+[help]:N: ' '(-s --seconds)--seconds=[help]:N: ' */
static void write_option(struct sink *out, const struct option *option)
{
    char exclusive[128];
    struct sink names;
    sink_init_fixed(&names, exclusive, sizeof(exclusive));
    if (option->letter != '\0') {
        sink_format(&names, "(-%c --%s)", option->letter, option->name);
        sink_format(out, " \\\n            '%s-%c%s[", exclusive, option->letter,
                    option->kind == OPTION_FLAG ? "" : "+");
        write_quoted(out, option->help);
        sink_char(out, ']');
        write_value(out, option);
        sink_char(out, '\'');
    }
    sink_format(out, " \\\n            '%s--%s%s[", exclusive, option->name,
                option->kind == OPTION_FLAG ? "" : "=");
    write_quoted(out, option->help);
    sink_char(out, ']');
    write_value(out, option);
    sink_char(out, '\'');
}

static void write_operands(struct sink *out, const struct command_table *table,
                           const struct operands *operands)
{
    if (operands->max == 0) {
        return;
    }
    /* *:: lets what completes a wrapped program see its words alone. */
    const char *place = operands->max == 1                  ? "1:"
                        : operands->kind == OPERAND_PROGRAM ? "*::"
                                                            : "*:";
    sink_format(out, " \\\n            '%s", place);
    write_quoted(out, operands->synopsis);
    sink_char(out, ':');
    switch (operands->kind) {
    case OPERAND_TEXT:
        sink_char(out, ' ');
        break;
    case OPERAND_FILE:
        sink_text(out, "_files");
        break;
    case OPERAND_CHOICE:
        write_choices(out, operands->choices);
        break;
    case OPERAND_COMMAND:
        sink_format(out, "_%s_names", table->program);
        break;
    case OPERAND_PROGRAM:
        sink_text(out, "_normal");
        break;
    }
    sink_char(out, '\'');
}

/* The words that name commands: the first ones, or a group's second ones. */
static void write_names(struct sink *out, const struct command_table *table, const char *group)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        bool listed =
            group == NULL ? strchr(row->name, ' ') == NULL : command_is_member(row, group);
        if (listed && !row->hidden) {
            const char *word = group == NULL ? row->name : row->name + strlen(group) + 1;
            sink_format(out, " \\\n            '%s:", word);
            write_quoted(out, row->summary);
            sink_char(out, '\'');
        }
    }
}

/* _sluice_names completes the words of a name, from the one being typed. */
static void write_names_function(struct sink *out, const struct command_table *table)
{
    sink_format(out,
                "_%s_names() {\n"
                "    local -a names\n"
                "    case $words[CURRENT-1] in\n",
                table->program);
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        if (row->run == NULL && !row->hidden) {
            sink_format(out, "    (%s)\n        names=(", row->name);
            write_names(out, table, row->name);
            sink_text(out, ")\n        ;;\n");
        }
    }
    sink_text(out, "    (*)\n        names=(");
    write_names(out, table, NULL);
    sink_text(out, ")\n        ;;\n    esac\n    _describe -t commands command names\n}\n\n");
}

static void write_command(struct sink *out, const struct command_table *table,
                          const struct command *command)
{
    bool two_words = strchr(command->name, ' ') != NULL;
    sink_format(out, two_words ? "    ('%s')\n" : "    ('%s '*)\n", command->name);
    sink_format(out, "        shift %d words; (( CURRENT -= %d ))\n", two_words ? 2 : 1,
                two_words ? 2 : 1);
    sink_text(out, "        _arguments -s -S");
    for (size_t i = 0; i < command->option_count; i++) {
        write_option(out, &command->options[i]);
    }
    write_option(out, &help_option);
    write_operands(out, table, &command->operands);
    sink_text(out, "\n        ;;\n");
}

static void write_main_function(struct sink *out, const struct command_table *table)
{
    sink_format(out,
                "_%s() {\n"
                "    if (( CURRENT == 2 )); then\n"
                "        _%s_names\n"
                "        return\n"
                "    fi\n",
                table->program, table->program);
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        if (row->run == NULL && !row->hidden) {
            sink_format(out,
                        "    if (( CURRENT == 3 )) && [[ $words[2] == %s ]]; then\n"
                        "        _%s_names\n"
                        "        return\n"
                        "    fi\n",
                        row->name, table->program);
        }
    }
    sink_text(out, "    case \"$words[2] $words[3]\" in\n");
    for (size_t i = 0; i < table->row_count; i++) {
        if (!table->rows[i]->hidden && table->rows[i]->run != NULL) {
            write_command(out, table, table->rows[i]);
        }
    }
    sink_text(out, "    esac\n}\n\n");
}

void completion_write_zsh(struct sink *out, const struct command_table *table)
{
    sink_format(out, "#compdef %s\n# zsh completion for %s\n\n", table->program, table->program);
    write_names_function(out, table);
    write_main_function(out, table);
    /* Autoloaded from $fpath, the file is the function's body; sourced, it registers itself. */
    sink_format(out,
                "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
                "    _%s \"$@\"\n"
                "else\n"
                "    compdef _%s %s\n"
                "fi\n",
                table->program, table->program, table->program);
}
