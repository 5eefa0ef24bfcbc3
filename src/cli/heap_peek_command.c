#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_graph.h"
#include "cli/heap_session.h"

enum {
    PEEK_CUM = HEAP_OWN,
    PEEK_JSON,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [PEEK_CUM] = HEAP_CUM_OPTION,
    [PEEK_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap peek '^cache_' heap.pb.gz", "who calls these functions, and what they call"},
};

static int peek_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    const struct heap_graph_options wanted = {
        .wanted = invocation->operands[0],
        .by_cum = invocation->values[PEEK_CUM].given,
        .json = invocation->values[PEEK_JSON].given,
    };
    int status = heap_session_open(&session, cli, invocation, invocation->operands + 1,
                                   invocation->operand_count - 1, NULL);
    if (status == CLI_FINE) {
        status = heap_graph_write(&session, &wanted);
        heap_session_close(&session);
    }
    return status;
}

const struct command heap_peek_command = {
    .name = "heap peek",
    .summary = "callers and callees of some functions",
    .description = "As 'sluice heap tree', of the functions alone in whose names REGEX is found.",
    .operands = {.synopsis = "REGEX SOURCE ...", .kind = OPERAND_FILE, .min = 2, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = peek_run,
};
