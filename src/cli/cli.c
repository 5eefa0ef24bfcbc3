#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/host.h"
#include "base/nearest.h"
#include "cli/options.h"
#include "draw/text.h"

#define STAGE_BYTES 16384 /* a frame of the live views, so that it is shown at once */

static void write_message(struct cli *cli, const char *command, const char *message)
{
    sink_flush(cli->out);
    sink_text(cli->err, cli->table->program);
    if (command != NULL) {
        sink_format(cli->err, " %s", command);
    }
    sink_text(cli->err, ": ");
    draw_text_escape(cli->err, message, strlen(message), cli->err_terminal.utf8);
    sink_char(cli->err, '\n');
}

static int wrong_use(struct cli *cli, const char *command, const char *message)
{
    write_message(cli, command, message);
    sink_format(cli->err, "Try '%s%s%s --help'.\n", cli->table->program, command == NULL ? "" : " ",
                command == NULL ? "" : command);
    sink_flush(cli->err);
    return CLI_WRONG_USE;
}

int cli_could_not(struct cli *cli, const char *command, const struct slu_diag *diag)
{
    write_message(cli, command, diag->message);
    sink_flush(cli->err);
    return CLI_COULD_NOT;
}

/* Every visible command is offered, and members also by their second word alone. */
static const char *nearest_command(const struct command_table *table, const char *word)
{
    struct nearest nearest = {.wanted = word, .wanted_len = strlen(word)};
    for (size_t i = 0; i < table->row_count; i++) {
        const char *name = table->rows[i]->name;
        const char *space = strchr(name, ' ');
        if (!table->rows[i]->hidden) {
            nearest_offer(&nearest, name, name);
            nearest_offer(&nearest, space == NULL ? name : space + 1, name);
        }
    }
    return nearest.best;
}

int cli_refuse_command(struct cli *cli, const struct command *group, const char *word)
{
    char words[128];
    struct sink sink;
    struct slu_diag diag;
    sink_init_fixed(&sink, words, sizeof(words));
    sink_text(&sink, group == NULL ? "" : group->name);
    sink_text(&sink, group == NULL ? "" : " ");
    sink_text(&sink, word);
    const char *meant = nearest_command(cli->table, words);
    (void)diag_fail(&diag, 0, "unknown command '%.64s'%s%s%s", words,
                    meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
                    meant == NULL ? "" : "'?");
    return wrong_use(cli, group == NULL ? NULL : group->name, diag.message);
}

static bool is_help_word(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_group(struct cli *cli, const struct command *group, char **words, size_t word_count)
{
    if (word_count > 0 && is_help_word(words[0])) {
        help_write_command(cli->out, cli->table, group, cli->out_terminal.width);
        return CLI_FINE;
    }
    if (word_count > 0) {
        return cli_refuse_command(cli, group, words[0]);
    }
    help_write_command(cli->err, cli->table, group, cli->err_terminal.width);
    sink_flush(cli->err);
    return CLI_WRONG_USE;
}

static int run_command(struct cli *cli, const struct command *command, char **words,
                       size_t word_count)
{
    struct invocation invocation;
    struct slu_diag diag;
    if (options_read(command, words, word_count, &invocation, &diag) != 0) {
        return wrong_use(cli, command->name, diag.message);
    }
    if (invocation.help_wanted) {
        help_write_command(cli->out, cli->table, command, cli->out_terminal.width);
        return CLI_FINE;
    }
    return command->run(cli, &invocation);
}

static int run_without_command(struct cli *cli, const char *word)
{
    if (word != NULL && is_help_word(word)) {
        help_write_overview(cli->out, cli->table, cli->out_terminal.width);
        return CLI_FINE;
    }
    if (word != NULL && word[0] == '-') {
        struct slu_diag diag;
        (void)diag_fail(&diag, 0, "unknown option '%.64s' before a command", word);
        return wrong_use(cli, NULL, diag.message);
    }
    help_write_overview(cli->err, cli->table, cli->err_terminal.width);
    sink_flush(cli->err);
    return CLI_WRONG_USE;
}

int cli_run(struct cli *cli, char **words, size_t word_count)
{
    char version_word[] = "version";
    if (word_count > 0 && strcmp(words[0], "--version") == 0) {
        words[0] = version_word;
    }
    if (word_count == 0 || words[0][0] == '-') {
        return run_without_command(cli, word_count == 0 ? NULL : words[0]);
    }
    size_t taken = 0;
    const struct command *command = command_find(cli->table, words, word_count, &taken);
    if (command == NULL) {
        return cli_refuse_command(cli, NULL, words[0]);
    }
    if (command->run == NULL) {
        return run_group(cli, command, words + taken, word_count - taken);
    }
    return run_command(cli, command, words + taken, word_count - taken);
}

int cli_main(const struct command_table *table, int argc, char **argv)
{
    char out_stage[STAGE_BYTES];
    char err_stage[STAGE_BYTES];
    struct sink out;
    struct sink err;
    int out_fd = STDOUT_FILENO;
    int err_fd = STDERR_FILENO;
    sink_init(&out, host_write, &out_fd, out_stage, sizeof(out_stage));
    sink_init(&err, host_write, &err_fd, err_stage, sizeof(err_stage));
    struct cli cli = {
        .table = table,
        .out = &out,
        .err = &err,
        .out_terminal = host_terminal(out_fd),
        .err_terminal = host_terminal(err_fd),
    };
    int status = cli_run(&cli, argv + 1, argc > 0 ? (size_t)argc - 1 : 0);
    if (sink_end(&out) != 0) {
        struct slu_diag diag;
        (void)diag_fail(&diag, 0, "cannot write the output: %s", strerror(-out.err));
        return cli_could_not(&cli, NULL, &diag);
    }
    return status;
}
