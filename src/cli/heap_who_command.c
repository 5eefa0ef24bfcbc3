#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "holders/chain.h"
#include "holders/heap.h"
#include "holders/holders.h"

static int who_run(struct cli *cli, const struct invocation *invocation)
{
    struct slu_budget *budget = NULL;
    struct who *who = NULL;
    struct slu_diag diag = {0};
    if (slu_budget_create(NULL, "who", (uint64_t)4 << 30, &budget) != 0) {
        return CLI_COULD_NOT;
    }
    int err = who_open_core(budget, invocation->operands[0], &diag, &who);
    if (err != 0) {
        return cli_could_not(cli, "heap who", &diag);
    }
    sink_format(cli->out, "%u blocks, %llu bytes, %u reached\n", who->heap->block_count,
                (unsigned long long)who->heap->used_bytes, who->reach.count);
    for (uint32_t i = 0; i < who->heap->damage_count && i < HEAP_DAMAGES_MAX; i++) {
        sink_format(cli->out, "damage 0x%llx %s\n",
                    (unsigned long long)who->heap->damages[i].address, who->heap->damages[i].what);
    }
    for (uint32_t i = 0; i < who->heap->block_count && i < 40; i++) {
        struct chain chain;
        sink_format(cli->out, "0x%llx %llu: ", (unsigned long long)heap_block_address(who->heap, i),
                    (unsigned long long)heap_block_bytes(who->heap, i));
        if (chain_find(who, i, &chain)) {
            chain_write_root(who, chain.steps[0].node - who->graph->block_count, cli->out);
            for (uint32_t j = 0; j < chain.count; j++) {
                chain_write_place(who, chain.steps[j].node, chain.steps[j].offset, false, cli->out);
                sink_text(cli->out, " -> ");
                typing_write_block(&who->typing, chain.steps[j].target, cli->out);
            }
            sink_format(cli->out, " (%s)", edge_kind_name(chain.kind));
        }
        sink_char(cli->out, '\n');
    }
    who_close(&who);
    slu_budget_destroy(&budget);
    return CLI_FINE;
}

const struct command heap_who_command = {
    .name = "heap who",
    .summary = "say who holds the memory of a process or core",
    .description = "x",
    .operands = {.synopsis = "CORE", .kind = OPERAND_FILE, .min = 1, .max = 1},
    .run = who_run,
};
