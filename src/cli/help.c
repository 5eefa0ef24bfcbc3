#include "cli/help.h"

#include <string.h>

#include "base/sink.h"
#include "cli/command.h"
#include "cli/options.h"
#include "draw/text.h"

#define INDENT          2
#define USAGE_INDENT    7 /* "Usage: " stands there already */
#define GAP             2
#define LABEL_WIDTH_MAX 26 /* a longer label has its text on the next line */

const struct option help_option = {
    .name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "show this help"};

static uint32_t wrap_width(uint32_t width)
{
    uint32_t most = 100; /* longer lines are hard to read */
    return width == 0 ? HELP_WIDTH_DEFAULT : width > most ? most : width;
}

static uint32_t label_write(struct sink *out, const struct option *option)
{
    char text[HELP_TEXT_MAX];
    struct sink label;
    sink_init_fixed(&label, text, sizeof(text));
    if (option->letter != '\0') {
        sink_format(&label, "-%c, ", option->letter);
    } else {
        sink_text(&label, "    ");
    }
    sink_format(&label, "--%s", option->name);
    if (option->kind != OPTION_FLAG) {
        sink_format(&label, " %s", option->value_name);
    }
    sink_put(out, text, label.len);
    return (uint32_t)label.len;
}

void help_write_option_text(struct sink *out, const struct option *option)
{
    sink_text(out, option->help);
    bool limited =
        option->kind != OPTION_FLAG && option->kind != OPTION_TEXT && option->kind != OPTION_FILE;
    if (limited || option->fallback != NULL) {
        sink_text(out, " (");
        if (limited) {
            options_write_allowed(out, option);
        }
        if (option->fallback != NULL) {
            sink_format(out, "%sdefault %s", limited ? "; " : "", option->fallback);
        }
        sink_char(out, ')');
    }
}

/* A label of `taken` columns is written; the text stands beside it, or below when it is too long.
 */
static void write_beside(struct sink *out, uint32_t taken, uint32_t label_width, const char *text,
                         uint32_t width)
{
    uint32_t column = INDENT + label_width + GAP;
    if (taken > label_width) {
        sink_char(out, '\n');
        sink_repeat(out, ' ', column);
    } else {
        sink_repeat(out, ' ', label_width + GAP - taken);
    }
    draw_text_wrapped(out, text, column, width);
}

static void option_write(struct sink *out, const struct option *option, uint32_t label_width,
                         uint32_t width)
{
    char text[HELP_TEXT_MAX];
    struct sink help;
    sink_init_fixed(&help, text, sizeof(text));
    help_write_option_text(&help, option);
    sink_repeat(out, ' ', INDENT);
    uint32_t taken = label_write(out, option);
    write_beside(out, taken, label_width, text, width);
}

static void options_write(struct sink *out, const struct command *command, uint32_t width)
{
    uint32_t label_width = 0;
    for (size_t i = 0; i <= command->option_count; i++) {
        char room[HELP_TEXT_MAX];
        struct sink unseen;
        sink_init_fixed(&unseen, room, sizeof(room));
        uint32_t taken =
            label_write(&unseen, i < command->option_count ? &command->options[i] : &help_option);
        if (taken > label_width && taken <= LABEL_WIDTH_MAX) {
            label_width = taken;
        }
    }
    sink_text(out, "\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        option_write(out, &command->options[i], label_width, width);
    }
    option_write(out, &help_option, label_width, width);
}

static void rows_write(struct sink *out, const struct command_table *table, const char *group,
                       uint32_t width)
{
    uint32_t label_width = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < table->row_count; i++) {
            const struct command *row = table->rows[i];
            uint32_t taken = (uint32_t)strlen(row->name);
            bool listed = group == NULL ? row->run != NULL : command_is_member(row, group);
            if (row->hidden || !listed) {
                continue;
            }
            if (pass == 0) {
                label_width = taken > label_width ? taken : label_width;
            } else {
                sink_format(out, "  %s", row->name);
                write_beside(out, taken, label_width, row->summary, width);
            }
        }
    }
}

static void examples_write(struct sink *out, const struct command *command, uint32_t width)
{
    if (command->example_count > 0) {
        sink_text(out, "\nExamples:\n");
    }
    for (size_t i = 0; i < command->example_count; i++) {
        sink_repeat(out, ' ', INDENT);
        sink_text(out, command->examples[i].line);
        sink_text(out, "\n      ");
        draw_text_wrapped(out, command->examples[i].explanation, 6, width);
    }
}

void help_write_synopsis(struct sink *out, const struct command *command)
{
    sink_text(out, "[OPTIONS]");
    if (command->operands.max > 0) {
        const char *before = command->operands.kind == OPERAND_PROGRAM ? " -- " : " ";
        sink_text(out, before);
        sink_text(out, command->operands.synopsis);
    }
}

void help_write_overview(struct sink *out, const struct command_table *table, uint32_t width)
{
    width = wrap_width(width);
    char text[HELP_TEXT_MAX];
    struct sink title;
    sink_init_fixed(&title, text, sizeof(text));
    sink_format(&title, "%s: %s", table->program, table->summary);
    draw_text_wrapped(out, text, 0, width);
    sink_format(out, "\nUsage: %s COMMAND [OPTIONS]\n\nCommands:\n", table->program);
    rows_write(out, table, NULL, width);
    sink_text(out, "\nOptions:\n  -h, --help     show this help\n"
                   "      --version  show the version\n\n");
    sink_init_fixed(&title, text, sizeof(text));
    sink_format(&title, "'%s help COMMAND' or '%s COMMAND --help' says more, with examples.",
                table->program, table->program);
    draw_text_wrapped(out, text, 0, width);
    draw_text_wrapped(out, "Exit status: 0 fine, 1 findings, 2 wrong use, 3 could not do it.", 0,
                      width);
}

void help_write_command(struct sink *out, const struct command_table *table,
                        const struct command *command, uint32_t width)
{
    width = wrap_width(width);
    char text[HELP_TEXT_MAX];
    struct sink usage;
    sink_init_fixed(&usage, text, sizeof(text));
    sink_format(&usage, "Usage: %s %s ", table->program, command->name);
    if (command->run == NULL) {
        sink_text(&usage, "COMMAND");
    } else {
        help_write_synopsis(&usage, command);
    }
    draw_text_wrapped(out, text, USAGE_INDENT, width);
    sink_char(out, '\n');
    draw_text_wrapped(out, command->description, 0, width);
    if (command->run == NULL) {
        sink_text(out, "\nCommands:\n");
        rows_write(out, table, command->name, width);
    }
    options_write(out, command, width);
    examples_write(out, command, width);
}
