#include "cli/commands.h"

#include <limits.h>
#include <stddef.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/sink.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/serve_program.h"

static const struct example examples[] = {
    {"sluice check config collector.yaml", "all mistakes at once, with line and column"},
    {"sluice check config deploy/*.yaml", "several files"},
};

static int config_run(struct cli *cli, const struct invocation *invocation)
{
    char path[PATH_MAX];
    char check_word[] = "--check";
    struct slu_diag diag;
    int worst = CLI_FINE;
    if (serve_program_find(path, sizeof(path), &diag) != 0) {
        return cli_could_not(cli, "check config", &diag);
    }
    sink_flush(cli->out);
    for (size_t i = 0; i < invocation->operand_count; i++) {
        char *words[] = {path, check_word, invocation->operands[i], NULL};
        struct child_end end;
        if (child_run(words, environ, &end, &diag) != 0) {
            return cli_could_not(cli, "check config", &diag);
        }
        worst = end.status > worst ? end.status : worst;
    }
    return worst;
}

const struct command check_config_command = {
    .name = "check config",
    .summary = "tell every mistake of a configuration of `sluice serve`",
    .description =
        "Reads configurations as `sluice serve` does, without running them, and prints every "
        "mistake at once, with line, column and the nearest valid key. Variables such as "
        "${env:NAME} are taken from the environment.",
    .operands = {.synopsis = "FILE ...", .kind = OPERAND_FILE, .min = 1, .max = 1000},
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = config_run,
};
