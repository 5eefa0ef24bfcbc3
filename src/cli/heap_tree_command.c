#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_graph.h"
#include "cli/heap_session.h"

enum {
    TREE_NODECOUNT = HEAP_OWN,
    TREE_CUM,
    TREE_JSON,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [TREE_NODECOUNT] = HEAP_NODECOUNT_OPTION("80", 0, UINT32_MAX),
    [TREE_CUM] = HEAP_CUM_OPTION,
    [TREE_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap tree heap.pb.gz", "each function between its callers and what it calls"},
    {"sluice heap tree --focus cache_fill --cum -n 10 heap.pb.gz", "around one function"},
};

static int tree_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    const struct heap_graph_options wanted = {
        .entry_max = invocation->values[TREE_NODECOUNT].number,
        .by_cum = invocation->values[TREE_CUM].given,
        .json = invocation->values[TREE_JSON].given,
    };
    int status = heap_session_open(&session, cli, invocation, invocation->operands,
                                   invocation->operand_count, NULL);
    if (status == CLI_FINE) {
        status = heap_graph_write(&session, &wanted);
        heap_session_close(&session);
    }
    return status;
}

const struct command heap_tree_command = {
    .name = "heap tree",
    .summary = "each function with its callers and what it calls",
    .description =
        "Each function stands between its callers, above, and the functions that it calls, below; "
        "beside those is what passes along the call, also as part of the function's own. A SOURCE "
        "is what 'sluice heap top' takes.",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = tree_run,
};
