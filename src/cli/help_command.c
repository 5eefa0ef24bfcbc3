#include "cli/commands.h"

#include "cli/cli.h"
#include "cli/help.h"

static const struct example examples[] = {
    {"sluice help", "what the program is, and its subcommands"},
    {"sluice help demo", "the same as 'sluice demo --help'"},
};

static int help_run(struct cli *cli, const struct invocation *invocation)
{
    size_t taken = 0;
    size_t word_count = invocation->operand_count;
    const struct command *command =
        command_find(cli->table, invocation->operands, word_count, &taken);
    if (word_count == 0) {
        help_write_overview(cli->out, cli->table, cli->out_terminal.width);
        return CLI_FINE;
    }
    if (command == NULL || taken < word_count) {
        return cli_refuse_command(cli, command, invocation->operands[taken]);
    }
    help_write_command(cli->out, cli->table, command, cli->out_terminal.width);
    return CLI_FINE;
}

const struct command help_command = {
    .name = "help",
    .summary = "show what a subcommand does, with examples",
    .description = "Shows the help of a subcommand, or the list of subcommands.",
    .operands = {.synopsis = "[COMMAND]", .kind = OPERAND_COMMAND, .min = 0, .max = 2},
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = help_run,
};
