#include "cli/commands.h"

#include "base/sink.h"
#include "cli/cli.h"
#include "codec/json_writer.h"

enum {
    VERSION_JSON
};

static const struct option options[] = {
    [VERSION_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice version", "name and version in one line"},
    {"sluice version --json", "for a bug report: also compiler and target"},
};

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static int version_run(struct cli *cli, const struct invocation *invocation)
{
    if (!invocation->values[VERSION_JSON].given) {
        sink_format(cli->out, "%s %s\n", cli->table->program, cli->table->version);
        return CLI_FINE;
    }
    struct json_writer json;
    json_writer_init(&json, cli->out, JSON_PRETTY);
    json_begin_object(&json);
    json_write_key(&json, "name");
    json_write_string(&json, cli->table->program);
    json_write_key(&json, "version");
    json_write_string(&json, cli->table->version);
    json_write_key(&json, "target");
    json_write_string(&json, SLUICE_TARGET);
    json_write_key(&json, "compiler");
    json_write_string(&json, COMPILER);
    json_end_object(&json);
    json_writer_end(&json);
    return CLI_FINE;
}

const struct command version_command = {
    .name = "version",
    .summary = "show the version",
    .description = "Shows the program's name and version.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = version_run,
};
