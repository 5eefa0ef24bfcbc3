#include "cli/manual.h"

#include <ctype.h>
#include <string.h>

#include "base/sink.h"
#include "cli/command.h"
#include "cli/help.h"

/* Text as roff takes it literally; a newline becomes a space. */
static void write_part(struct sink *out, const char *text, size_t len)
{
    if (len > 0 && (*text == '.' || *text == '\'')) {
        sink_text(out, "\\&"); /* at the beginning of a line these are requests */
    }
    for (size_t at = 0; at < len; at++) {
        switch (text[at]) {
        case '\\':
            sink_text(out, "\\e");
            break;
        case '-':
            sink_text(out, "\\-");
            break;
        case '\n':
            sink_char(out, ' ');
            break;
        default:
            sink_char(out, text[at]);
        }
    }
}

static void write_literal(struct sink *out, const char *text)
{
    write_part(out, text, strlen(text));
}

/* A phrase of the table as a sentence. */
static void write_sentence(struct sink *out, const char *phrase)
{
    char first[2] = {(char)toupper((unsigned char)phrase[0]), '\0'};
    write_literal(out, first);
    write_literal(out, phrase + 1);
    sink_text(out, ".\n");
}

/* Paragraphs, which an empty line parts. */
static void write_paragraphs(struct sink *out, const char *text)
{
    const char *end = strstr(text, "\n\n");
    while (end != NULL) {
        write_part(out, text, (size_t)(end - text));
        sink_text(out, "\n.PP\n");
        text = end + 2;
        end = strstr(text, "\n\n");
    }
    write_literal(out, text);
    sink_char(out, '\n');
}

/* sluice-heap-top, or `sluice heap top` with spaces. */
static void write_title(struct sink *out, const struct command_table *table,
                        const struct command *command, char gap)
{
    sink_text(out, table->program);
    if (command != NULL) {
        sink_char(out, gap);
        for (const char *at = command->name; *at != '\0'; at++) {
            sink_char(out, *at == ' ' ? gap : *at);
        }
    }
}

void manual_write_name(struct sink *out, const struct command_table *table,
                       const struct command *command)
{
    write_title(out, table, command, '-');
    sink_text(out, ".1");
}

static void write_page_start(struct sink *out, const struct command_table *table,
                             const struct command *command)
{
    char title[128];
    struct sink name;
    sink_init_fixed(&name, title, sizeof(title));
    write_title(&name, table, command, '-');
    for (char *at = title; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    sink_text(out, ".TH ");
    write_literal(out, title);
    sink_format(out, " 1 \"\" \"%s %s\" \"%s manual\"\n", table->program, table->version,
                table->program);
    sink_text(out, ".SH NAME\n");
    sink_init_fixed(&name, title, sizeof(title));
    write_title(&name, table, command, '-');
    write_literal(out, title);
    sink_text(out, " \\- ");
    write_literal(out, command == NULL ? table->summary : command->summary);
    sink_text(out, "\n.SH SYNOPSIS\n.B ");
    write_title(out, table, command, ' ');
    sink_char(out, '\n');
}

static void write_option(struct sink *out, const struct option *option)
{
    char text[HELP_TEXT_MAX];
    struct sink help;
    sink_text(out, ".TP\n");
    if (option->letter != '\0') {
        sink_format(out, "\\fB\\-%c\\fR, ", option->letter);
    }
    sink_text(out, "\\fB\\-\\-");
    write_literal(out, option->name);
    sink_text(out, "\\fR");
    if (option->kind != OPTION_FLAG) {
        sink_format(out, " \\fI%s\\fR", option->value_name);
    }
    sink_char(out, '\n');
    sink_init_fixed(&help, text, sizeof(text));
    help_write_option_text(&help, option);
    write_sentence(out, text);
}

static void write_examples(struct sink *out, const struct command *command)
{
    if (command->example_count > 0) {
        sink_text(out, ".SH EXAMPLES\n");
    }
    for (size_t i = 0; i < command->example_count; i++) {
        sink_text(out, ".TP\n.B ");
        write_literal(out, command->examples[i].line);
        sink_char(out, '\n');
        write_sentence(out, command->examples[i].explanation);
    }
}

static void write_exit_status(struct sink *out)
{
    sink_text(out, ".SH EXIT STATUS\n"
                   ".TP\n.B 0\nFine.\n"
                   ".TP\n.B 1\nFindings: what was asked for was done, and something was found.\n"
                   ".TP\n.B 2\nWrong use: an unknown command or option, or a value out of range.\n"
                   ".TP\n.B 3\nIt could not be done; a message says why.\n");
}

static void write_members(struct sink *out, const struct command_table *table, const char *group)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        bool listed = group == NULL ? row->run != NULL : command_is_member(row, group);
        if (listed && !row->hidden) {
            sink_text(out, ".TP\n.B ");
            write_literal(out, row->name);
            sink_char(out, '\n');
            write_sentence(out, row->summary);
        }
    }
}

static void write_page_reference(struct sink *out, const struct command_table *table,
                                 const struct command *command)
{
    char title[128];
    struct sink name;
    sink_init_fixed(&name, title, sizeof(title));
    write_title(&name, table, command, '-');
    sink_text(out, ".BR ");
    write_literal(out, title);
    sink_text(out, " (1)");
}

/* The pages of the rows without a group, or of a group's members and of the program. */
static void write_references(struct sink *out, const struct command_table *table, const char *group)
{
    const char *gap = "";
    sink_text(out, ".SH SEE ALSO\n");
    for (size_t i = 0; i < table->row_count; i++) {
        const struct command *row = table->rows[i];
        bool listed =
            group == NULL ? strchr(row->name, ' ') == NULL : command_is_member(row, group);
        if (listed && !row->hidden) {
            sink_text(out, gap);
            write_page_reference(out, table, row);
            gap = ",\n";
        }
    }
    if (group != NULL) {
        sink_text(out, gap);
        write_page_reference(out, table, NULL);
    }
    sink_char(out, '\n');
}

void manual_write_program(struct sink *out, const struct command_table *table)
{
    write_page_start(out, table, NULL);
    sink_text(out, ".I COMMAND\n[\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n");
    write_paragraphs(out, table->description);
    sink_text(out, ".SH COMMANDS\n");
    write_members(out, table, NULL);
    sink_text(out, ".SH ENVIRONMENT\n"
                   ".TP\n.B NO_COLOR\nIf set and not empty, nothing is coloured. Output that does "
                   "not go to a terminal never is.\n");
    write_exit_status(out);
    write_references(out, table, NULL);
}

void manual_write_command(struct sink *out, const struct command_table *table,
                          const struct command *command)
{
    write_page_start(out, table, command);
    if (command->run == NULL) {
        sink_text(out, ".I COMMAND\n");
    } else {
        char text[HELP_TEXT_MAX];
        struct sink synopsis;
        sink_init_fixed(&synopsis, text, sizeof(text));
        help_write_synopsis(&synopsis, command);
        write_literal(out, text);
        sink_char(out, '\n');
    }
    sink_text(out, ".SH DESCRIPTION\n");
    write_paragraphs(out, command->description);
    if (command->run == NULL) {
        sink_text(out, ".SH COMMANDS\n");
        write_members(out, table, command->name);
    }
    sink_text(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < command->option_count; i++) {
        write_option(out, &command->options[i]);
    }
    write_option(out, &help_option);
    write_examples(out, command);
    write_exit_status(out);
    write_references(out, table, command->name);
}
