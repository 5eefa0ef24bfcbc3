#include "cli/commands.h"

#include <errno.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/host.h"
#include "cli/manual.h"

#define PATH_BYTES_MAX 4096

enum {
    MAN_DIRECTORY
};

static const struct option options[] = {
    [MAN_DIRECTORY] = {.name = "directory",
                       .letter = 'd',
                       .kind = OPTION_FILE,
                       .value_name = "DIR",
                       .help = "write every page into this directory, as NAME.1"},
};

static const struct example examples[] = {
    {"sluice man demo | man -l -", "read the page of one subcommand"},
    {"sluice man --directory share/man/man1", "write all pages"},
};

static void write_page(struct sink *out, const struct command_table *table,
                       const struct command *command)
{
    if (command == NULL) {
        manual_write_program(out, table);
    } else {
        manual_write_command(out, table, command);
    }
}

static int write_file(const struct command_table *table, const struct command *command,
                      const char *directory, struct slu_diag *diag)
{
    char path[PATH_BYTES_MAX];
    char stage[4096];
    struct sink name;
    struct sink page;
    sink_init_fixed(&name, path, sizeof(path));
    sink_text(&name, directory);
    sink_char(&name, '/');
    manual_write_name(&name, table, command);
    int fd = 0;
    int err = name.err != 0 ? -ENAMETOOLONG : host_create_file(path, &fd);
    if (err == 0) {
        sink_init(&page, host_write, &fd, stage, sizeof(stage));
        write_page(&page, table, command);
        err = sink_end(&page);
        int close_err = host_close_file(fd);
        err = err != 0 ? err : close_err;
    }
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write '%.160s': %s", path, strerror(-err));
}

static int write_directory(struct cli *cli, const char *directory)
{
    struct slu_diag diag;
    int err = write_file(cli->table, NULL, directory, &diag);
    for (size_t i = 0; i < cli->table->row_count && err == 0; i++) {
        if (!cli->table->rows[i]->hidden) {
            err = write_file(cli->table, cli->table->rows[i], directory, &diag);
        }
    }
    return err == 0 ? CLI_FINE : cli_could_not(cli, "man", &diag);
}

static int man_run(struct cli *cli, const struct invocation *invocation)
{
    if (invocation->values[MAN_DIRECTORY].given) {
        return write_directory(cli, invocation->values[MAN_DIRECTORY].text);
    }
    size_t taken = 0;
    size_t word_count = invocation->operand_count;
    const struct command *command =
        command_find(cli->table, invocation->operands, word_count, &taken);
    if (taken < word_count) {
        return cli_refuse_command(cli, command, invocation->operands[taken]);
    }
    write_page(cli->out, cli->table, command);
    return CLI_FINE;
}

const struct command man_command = {
    .name = "man",
    .summary = "print a manual page",
    .description = "Prints the manual page of the program or of a subcommand, for man(1).",
    .operands = {.synopsis = "[COMMAND]", .kind = OPERAND_COMMAND, .min = 0, .max = 2},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .hidden = true,
    .run = man_run,
};
