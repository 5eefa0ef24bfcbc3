#include "cli/commands.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/completion.h"

static const char *const shells[] = {"bash", "fish", "zsh", NULL};

static const struct example examples[] = {
    {"source <(sluice completion bash)", "in ~/.bashrc"},
    {"sluice completion fish | source", "in ~/.config/fish/config.fish"},
    {"sluice completion zsh > ~/.zfunc/_sluice", "in a folder of $fpath, before compinit runs"},
};

static int completion_run(struct cli *cli, const struct invocation *invocation)
{
    const char *shell = invocation->operands[0];
    if (strcmp(shell, "bash") == 0) {
        completion_write_bash(cli->out, cli->table);
    } else if (strcmp(shell, "fish") == 0) {
        completion_write_fish(cli->out, cli->table);
    } else {
        completion_write_zsh(cli->out, cli->table);
    }
    return CLI_FINE;
}

const struct command completion_command = {
    .name = "completion",
    .summary = "print a completion script for a shell",
    .description = "Prints a script that makes a shell complete subcommands, options and their "
                   "values. The package of your system may have installed it already.",
    .operands =
        {.synopsis = "SHELL", .kind = OPERAND_CHOICE, .min = 1, .max = 1, .choices = shells},
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = completion_run,
};
