#include <string.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/lab_cases.h"
#include "codec/json_writer.h"
#include "draw/draw.h"

enum {
    LIST_JSON
};

static const struct option options[] = {
    [LIST_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice lab list", "names, patterns and what is wrong"},
    {"sluice lab list --json | jq -r '.[].name'", "the names, in a script"},
};

static const struct draw_column columns[] = {
    {"name", DRAW_LEFT, DRAW_CUT_NEVER},
    {"pattern", DRAW_LEFT, DRAW_CUT_NEVER},
    {"what happens", DRAW_LEFT, DRAW_CUT_END},
};

static void cell(const void *context, size_t row, uint32_t column, struct sink *out)
{
    const struct lab_case_row *rows = context;
    const char *pattern = rows[row].pattern == NULL ? "-" : rows[row].pattern;
    const char *texts[] = {rows[row].name, pattern, rows[row].title};
    sink_text(out, texts[column]);
}

static void write_json(struct cli *cli, const struct lab_case_row *rows, size_t count)
{
    struct json_writer json;
    json_writer_init(&json, cli->out, JSON_PRETTY);
    json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&json);
        json_write_key(&json, "name");
        json_write_string(&json, rows[i].name);
        json_write_key(&json, "pattern");
        if (rows[i].pattern == NULL) {
            json_write_null(&json);
        } else {
            json_write_string(&json, rows[i].pattern);
        }
        json_write_key(&json, "title");
        json_write_string(&json, rows[i].title);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_writer_end(&json);
}

static int list_run(struct cli *cli, const struct invocation *invocation)
{
    size_t count = 0;
    const struct lab_case_row *rows = lab_cases(&count);
    const struct draw_table table = {
        .columns = columns,
        .column_count = sizeof(columns) / sizeof(columns[0]),
        .row_count = count,
        .cell = cell,
        .context = rows,
    };
    if (invocation->values[LIST_JSON].given) {
        write_json(cli, rows, count);
    } else {
        draw_table(&table, &cli->out_terminal, cli->out);
    }
    return CLI_FINE;
}

const struct command lab_list_command = {
    .name = "lab list",
    .summary = "list the laboratory's cases",
    .description = "The cases of 'sluice lab run': a name, the pattern by which 'sluice heap "
                   "diagnose' knows the faulty form, and what happens. Where the pattern is "
                   "'healthy' nothing is wrong, though it looks so; '-' is a fault that takes no "
                   "memory.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = list_run,
};
