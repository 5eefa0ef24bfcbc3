#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/lab_cases.h"
#include "cli/lab_redis.h"
#include "cli/lab_run.h"
#include "cli/lab_view.h"
#include "sys/address.h"

#define PAGES_USUAL "127.0.0.1:6070"

enum {
    RUN_FAULTY,
    RUN_FIXED,
    RUN_BOTH,
    RUN_ALL,
    RUN_SECONDS,
    RUN_RATE,
    RUN_CONNECTIONS,
    RUN_SEED,
    RUN_LISTEN,
    RUN_JSON,
};

static const struct option options[] = {
    [RUN_FAULTY] = {.name = "faulty", .kind = OPTION_FLAG, .help = "the faulty form"},
    [RUN_FIXED] = {.name = "fixed", .kind = OPTION_FLAG, .help = "the fixed form"},
    [RUN_BOTH] = {.name = "both", .kind = OPTION_FLAG, .help = "one after the other (default)"},
    [RUN_ALL] = {.name = "all", .kind = OPTION_FLAG, .help = "all cases, in turn"},
    [RUN_SECONDS] = {.name = "seconds",
                     .letter = 's',
                     .kind = OPTION_INTEGER,
                     .value_name = "N",
                     .fallback = "30",
                     .min = 2,
                     .max = 86400,
                     .help = "how long each form runs"},
    [RUN_RATE] = {.name = "rate",
                  .letter = 'r',
                  .kind = OPTION_INTEGER,
                  .value_name = "N",
                  .min = 1,
                  .max = 1000000,
                  .help = "requests a second (each case has its own)"},
    [RUN_CONNECTIONS] = {.name = "connections",
                         .letter = 'c',
                         .kind = OPTION_INTEGER,
                         .value_name = "N",
                         .min = 1,
                         .max = 18000,
                         .help = "clients at a time (each case has its own)"},
    [RUN_SEED] = {.name = "seed",
                  .kind = OPTION_INTEGER,
                  .value_name = "N",
                  .fallback = "1",
                  .min = 1,
                  .max = UINT32_MAX,
                  .help = "of the load and of the profiler's samples"},
    [RUN_LISTEN] = {.name = "listen",
                    .letter = 'l',
                    .kind = OPTION_TEXT,
                    .value_name = "ADDRESS",
                    .help =
                        "where the profiler's pages are meanwhile, or none; default " PAGES_USUAL
                        ", where `sluice serve` asks, if it is free"},
    [RUN_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice lab run gateway --both", "faulty and fixed, side by side"},
    {"sluice lab run metrics --faulty --seconds 60", "a minute of one of them"},
    {"sluice lab run metrics --faulty",
     "with `sluice serve` beside it: the verdict is on its page Profiles"},
    {"sluice lab run --all --both --seconds 10", "all that is there"},
    {"sluice lab run gateway --json | jq '.verdicts[0].pattern'", "in a script: a line a run"},
};

struct session {
    struct cli *cli;
    const struct invocation *invocation;
    struct lab_result results[2];
    bool is_surprised; /* a verdict was not the one that its form deserves */
};

static bool wants(const struct session *session, const struct lab_case_row *row, const char *form)
{
    const struct option_value *values = session->invocation->values;
    bool is_faulty = strcmp(form, "faulty") == 0;
    bool both = values[RUN_BOTH].given || (!values[RUN_FAULTY].given && !values[RUN_FIXED].given);
    if (row->is_single) {
        return !is_faulty;
    }
    return both || values[is_faulty ? RUN_FAULTY : RUN_FIXED].given;
}

/* Where the pages are; if nobody said it and another run has the usual place, nowhere. */
static const char *pages_of(const struct option_value *wanted)
{
    struct address address;
    bool is_free = false;
    if (wanted->given) {
        return strcmp(wanted->text, "none") == 0 ? NULL : wanted->text;
    }
    if (address_read(PAGES_USUAL, &address) != 0) {
        return NULL;
    }
    int fd = socket(address.socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        int yes = 1;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        is_free = bind(fd, &address.socket.any, address.len) == 0;
        close(fd);
    }
    return is_free ? PAGES_USUAL : NULL;
}

static int case_run(struct session *session, const struct lab_case_row *row, struct slu_diag *diag)
{
    static const char *const forms[] = {"faulty", "fixed"};
    const struct option_value *values = session->invocation->values;
    size_t count = 0;
    int err = 0;
    for (size_t i = 0; i < 2 && err == 0; i++) {
        struct lab_order order = {
            .row = row,
            .form = forms[i],
            .for_ns = values[RUN_SECONDS].number * UINT64_C(1000000000),
            .rate = values[RUN_RATE].given ? values[RUN_RATE].number : 0,
            .connections =
                values[RUN_CONNECTIONS].given ? (uint32_t)values[RUN_CONNECTIONS].number : 0,
            .seed = values[RUN_SEED].number,
            .listen = pages_of(&values[RUN_LISTEN]),
        };
        if (!wants(session, row, forms[i])) {
            continue;
        }
        err = lab_run(session->cli, session->invocation, &order, &session->results[count], diag);
        if (err == 0) {
            session->is_surprised |= !lab_view_is_right(&session->results[count]);
            if (values[RUN_JSON].given) {
                lab_view_json(session->cli, &session->results[count]);
                sink_flush(session->cli->out);
            }
            count++;
        }
    }
    if (count > 0 && !values[RUN_JSON].given) {
        lab_view_show(session->cli, session->results, count);
        sink_flush(session->cli->out);
    }
    return err;
}

static int cases_run(struct session *session, struct slu_diag *diag)
{
    const struct invocation *invocation = session->invocation;
    size_t count = 0;
    const struct lab_case_row *rows = lab_cases(&count);
    int err = 0;
    for (size_t i = 0; i < count && err == 0 && invocation->values[RUN_ALL].given; i++) {
        if (rows[i].needs_redis && !lab_redis_is_there()) {
            sink_format(session->cli->err, "sluice lab run: left out: %s needs redis-server\n",
                        rows[i].name);
            sink_flush(session->cli->err);
        } else {
            err = case_run(session, &rows[i], diag);
        }
    }
    for (size_t i = 0; i < invocation->operand_count && err == 0; i++) {
        err = case_run(session, lab_case_find(invocation->operands[i]), diag);
    }
    return err;
}

/* All that is named is there, and something is. */
static int names_check(const struct invocation *invocation, struct slu_diag *diag)
{
    if (invocation->operand_count == 0 && !invocation->values[RUN_ALL].given) {
        return diag_fail(diag, -EINVAL, "name a case, or --all; 'sluice lab list' names them");
    }
    for (size_t i = 0; i < invocation->operand_count; i++) {
        if (lab_case_find(invocation->operands[i]) == NULL) {
            return diag_fail(diag, -EINVAL, "no case '%.60s'; 'sluice lab list' names them",
                             invocation->operands[i]);
        }
    }
    return 0;
}

static int lab_run_run(struct cli *cli, const struct invocation *invocation)
{
    static struct session session;
    struct slu_diag diag;
    session = (struct session){.cli = cli, .invocation = invocation};
    if (names_check(invocation, &diag) != 0) {
        (void)cli_could_not(cli, invocation->command->name, &diag);
        return CLI_WRONG_USE;
    }
    if (cases_run(&session, &diag) != 0) {
        return cli_could_not(cli, invocation->command->name, &diag);
    }
    return session.is_surprised ? CLI_FINDINGS : CLI_FINE;
}

const struct command lab_run_command = {
    .name = "lab run",
    .summary = "run a fault as a real service, faulty and fixed",
    .description =
        "Starts the service with the heap profiler inside, drives it with real clients from a "
        "process of their own, watches it as 'sluice heap diagnose' does, and ends with memory "
        "against time, what was served, and the verdict. The faulty form should be known by its "
        "pattern, the fixed form healthy.\n\n"
        "With --json each run is a line: name, form, requests, memory (t in seconds, rss, "
        "anonymous and live in bytes), and verdicts as 'heap diagnose' has them.\n\n"
        "The exit status is 1 if a verdict is not the one that its form deserves. An interrupt "
        "ends all that was started.",
    .operands = {.synopsis = "CASE ...", .kind = OPERAND_TEXT, .min = 0, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = lab_run_run,
};
