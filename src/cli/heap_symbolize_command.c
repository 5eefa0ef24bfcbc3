#include <sluice/diag.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/symbolize.h"
#include "readers/pprof_symbolize.h"

enum {
    SYMBOLIZE_OUT
};

static const struct option options[] = {
    [SYMBOLIZE_OUT] = {.name = "out",
                       .letter = 'o',
                       .kind = OPTION_FILE,
                       .value_name = "FILE",
                       .help = "where it is written; without it, the profile is replaced"},
};

static const struct example examples[] = {
    {"sluice heap symbolize sluice-heap.4711.pb.gz", "names for a profile that was left by a "
                                                     "process that was killed"},
    {"curl -s localhost:6070/debug/pprof/heap | sluice heap symbolize - > heap.pb.gz",
     "names for what another machine sent, from the programs on this one"},
};

static int symbolize_run(struct cli *cli, const struct invocation *invocation)
{
    const char *from = invocation->operands[0];
    const struct option_value *out = &invocation->values[SYMBOLIZE_OUT];
    struct pprof_symbolized result = {0};
    struct slu_diag diag;
    if (symbolize_file(from, out->given ? out->text : from, &result, &diag) != 0) {
        return cli_could_not(cli, invocation->command->name, &diag);
    }
    sink_format(cli->err,
                "sluice heap symbolize: of %llu locations %llu got names, %llu had them, "
                "%llu have none\n",
                (unsigned long long)result.location_count, (unsigned long long)result.found_count,
                (unsigned long long)result.named_count, (unsigned long long)result.unknown_count);
    sink_flush(cli->err);
    return CLI_FINE;
}

const struct command heap_symbolize_command = {
    .name = "heap symbolize",
    .summary = "give a profile function names and lines",
    .description =
        "Reads a profile in pprof's format and writes it with function names, files, lines and "
        "inlined functions, from the symbol tables and debug information of the programs and "
        "libraries that it names, if they are still the builds that ran.\n\n"
        "'sluice heap run' does this by itself when the program has ended. PROFILE may be -, "
        "standard input; then the result goes to standard output.",
    .operands = {.synopsis = "PROFILE", .kind = OPERAND_FILE, .min = 1, .max = 1},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = symbolize_run,
};
