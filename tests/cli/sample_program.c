/*
 * A program `sample` with the frame of `sluice` and a table of its own: groups, names of two words,
 * every kind of option and operand. Its subcommands print what they were given as JSON; `heap diff`
 * draws a table of it.
 */
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "codec/json_writer.h"
#include "draw/draw.h"

#include "sample_rows.h"

static void write_value(struct json_writer *json, const struct option *option,
                        const struct option_value *value)
{
    json_write_key(json, option->name);
    if (option->kind == OPTION_FLAG) {
        json_write_bool(json, value->given);
    } else if (value->text == NULL) {
        json_write_null(json);
    } else if (option->kind == OPTION_TEXT || option->kind == OPTION_FILE) {
        json_write_string(json, value->text);
    } else {
        json_write_uint(json, value->number);
    }
}

static int print_invocation(struct cli *cli, const struct invocation *invocation)
{
    const struct command *command = invocation->command;
    struct json_writer json;
    json_writer_init(&json, cli->out, JSON_PRETTY);
    json_begin_object(&json);
    json_write_key(&json, "command");
    json_write_string(&json, command->name);
    for (size_t i = 0; i < command->option_count; i++) {
        write_value(&json, &command->options[i], &invocation->values[i]);
    }
    json_write_key(&json, "operands");
    json_begin_array(&json);
    for (size_t i = 0; i < invocation->operand_count; i++) {
        json_write_string(&json, invocation->operands[i]);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_writer_end(&json);
    return CLI_FINDINGS;
}

static void operand_cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct invocation *invocation = context;
    if (column == 0) {
        sink_format(out, "%zu", row + 1);
    } else {
        sink_text(out, invocation->operands[row]);
    }
}

static int draw_operands(struct cli *cli, const struct invocation *invocation)
{
    static const struct draw_column columns[] = {
        {.title = "#", .align = DRAW_NUMBER},
        {.title = "operand", .cut = DRAW_CUT_START},
    };
    struct draw_table drawn = {.columns = columns,
                               .column_count = 2,
                               .row_count = invocation->operand_count,
                               .cell = operand_cell,
                               .context = invocation};
    draw_table(&drawn, &cli->out_terminal, cli->out);
    return CLI_FINE;
}

static const struct command heap = {
    .name = "heap",
    .summary = "record and read heap profiles",
    .description = "Heap profiles: who holds the memory.",
};

static const struct command heap_diff = {
    .name = "heap diff",
    .summary = "what changed from one profile to another",
    .description = "Compares two profiles.",
    .operands = {.synopsis = "BASE NOW", .kind = OPERAND_FILE, .min = 2, .max = 2},
    .run = draw_operands,
};

static const struct command heap_run = {
    .name = "heap run",
    .summary = "run a program under the profiler",
    .description = "Runs a program.",
    .operands = {.synopsis = "CMD ...", .kind = OPERAND_PROGRAM, .min = 1, .max = UINT32_MAX},
    .run = print_invocation,
};

static const struct command heap_top = {
    .name = "heap top",
    .summary = "the functions that hold most: it's a table",
    .description = "Lists functions.\n\nThe second paragraph begins with what roff would obey:\n\n"
                   ".PP 'and \\fBthis\\fR -- as text.",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = UINT32_MAX},
    .options = sample_options,
    .option_count = SAMPLE_OPTION_COUNT,
    .examples = sample_examples,
    .example_count = sizeof(sample_examples) / sizeof(sample_examples[0]),
    .run = print_invocation,
};

static const struct command *const rows[] = {
    &completion_command, &heap, &heap_diff, &heap_run, &heap_top, &help_command, &man_command,
};

static const struct command_table table = {
    .program = "sample",
    .version = "9.8.7",
    .summary = "a sample for the tests",
    .description = "A sample.",
    .rows = rows,
    .row_count = sizeof(rows) / sizeof(rows[0]),
};

int main(int argc, char **argv)
{
    return cli_main(&table, argc, argv);
}
