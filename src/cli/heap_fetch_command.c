#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/host.h"
#include "cli/pages_client.h"
#include "cli/symbolize.h"
#include "draw/text.h"
#include "readers/pprof_symbolize.h"
#include "sys/file.h"

enum {
    FETCH_OUT,
    FETCH_SECONDS,
    FETCH_AGES,
    FETCH_WAIT
};

static const struct option options[] = {
    [FETCH_OUT] = {.name = "out",
                   .letter = 'o',
                   .kind = OPTION_FILE,
                   .value_name = "FILE",
                   .help = "where it is written, - for standard output; without it PAGE.PID.pb.gz"},
    [FETCH_SECONDS] = {.name = "seconds",
                       .letter = 's',
                       .kind = OPTION_INTEGER,
                       .value_name = "N",
                       .min = 1,
                       .max = 3600,
                       .help = "what changes in N seconds (heap, allocs)"},
    [FETCH_AGES] = {.name = "ages",
                    .kind = OPTION_FLAG,
                    .help = "what is in use by age, as the label age (heap, allocs)"},
    [FETCH_WAIT] = {.name = "wait",
                    .letter = 'w',
                    .kind = OPTION_DURATION,
                    .value_name = "TIME",
                    .fallback = "30s",
                    .min = UINT64_C(1000000),
                    .max = UINT64_C(86400000000000),
                    .help = "how long to wait for the answer"},
};

static const struct example examples[] = {
    {"sluice heap fetch 4711", "heap.4711.pb.gz: who holds the memory of process 4711"},
    {"sluice heap fetch 4711 threads --out t.pb.gz && go tool pprof -top t.pb.gz",
     "where its threads are"},
    {"sluice heap fetch 4711 heap --seconds 30", "what 30 seconds have added and freed"},
    {"sluice heap fetch http://127.0.0.1:6070 allocs",
     "from what 'sluice heap run --listen' serves"},
};

struct page_kind {
    const char *name;
    const char *ending;
    bool is_profile;
};

static const struct page_kind kinds[] = {
    {"heap", "pb.gz", true},
    {"allocs", "pb.gz", true},
    {"threads", "pb.gz", true},
    {"memory", "json", false},
};

static const struct page_kind *kind_find(const struct invocation *invocation, struct slu_diag *diag)
{
    const char *wanted = invocation->operand_count > 1 ? invocation->operands[1] : kinds[0].name;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, wanted) == 0) {
            return &kinds[i];
        }
    }
    (void)diag_fail(diag, -EINVAL, "%.60s: there are heap, allocs, threads and memory", wanted);
    return NULL;
}

/* PAGE.PID.pb.gz; of a URL PAGE.pb.gz. */
static void path_make(const struct invocation *invocation, const struct page_kind *kind,
                      char path[PATH_MAX])
{
    const struct option_value *out = &invocation->values[FETCH_OUT];
    const char *source = invocation->operands[0];
    bool is_url = strchr(source, '/') != NULL;
    if (out->given) {
        snprintf(path, PATH_MAX, "%s", out->text);
    } else {
        snprintf(path, PATH_MAX, "%s.%.20s%s%s", kind->name, is_url ? "" : source,
                 is_url ? "" : ".", kind->ending);
    }
}

static int bytes_copy(int from, int to)
{
    char piece[16384];
    ssize_t got = 0;
    int err = 0;
    while (err == 0 && (got = read(from, piece, sizeof(piece))) > 0) {
        err = host_write(&to, piece, (size_t)got);
    }
    return err != 0 ? err : got < 0 ? -errno : 0;
}

static int text_put(int from, const char *path, struct slu_diag *diag)
{
    if (strcmp(path, "-") == 0) {
        int err = bytes_copy(from, STDOUT_FILENO);
        return err == 0 ? 0 : diag_fail(diag, err, "cannot write: %s", strerror(-err));
    }
    struct file_replacement file;
    int err = file_replace_begin(&file, path);
    if (err == 0) {
        err = bytes_copy(from, file.fd);
        if (err != 0) {
            file_replace_cancel(&file);
        } else {
            err = file_replace_end(&file);
        }
    }
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write %.160s: %s", path, strerror(-err));
}

/* Names are put in here: a profile comes without them from a process that serves it itself. */
static int answer_put(int file, const struct page_kind *kind, const char *path,
                      struct slu_diag *diag)
{
    char from[64];
    struct pprof_symbolized result;
    if (lseek(file, 0, SEEK_SET) != 0) {
        return diag_fail(diag, -EIO, "cannot go back in a file in memory");
    }
    if (!kind->is_profile) {
        return text_put(file, path, diag);
    }
    snprintf(from, sizeof(from), "/proc/self/fd/%d", file);
    return symbolize_file(from, path, &result, diag);
}

static void path_told(const struct cli *cli, const char *path)
{
    if (strcmp(path, "-") != 0) {
        sink_text(cli->err, "sluice heap fetch: wrote ");
        draw_text_escape(cli->err, path, strlen(path), cli->err_terminal.utf8);
        sink_char(cli->err, '\n');
        sink_flush(cli->err);
    }
}

static int fetch_run(struct cli *cli, const struct invocation *invocation)
{
    const char *name = invocation->command->name;
    const struct option_value *values = invocation->values;
    struct slu_diag diag;
    char path[PATH_MAX];
    char page[32];
    const struct page_kind *kind = kind_find(invocation, &diag);
    if (kind == NULL) {
        (void)cli_could_not(cli, name, &diag);
        return CLI_WRONG_USE;
    }
    (void)snprintf(page, sizeof(page), "%s%s", kind->name,
                   values[FETCH_AGES].given ? "?ages=1" : "");
    struct pages_wanted wanted = {
        .source = invocation->operands[0],
        .page = page,
        .seconds = values[FETCH_SECONDS].given ? values[FETCH_SECONDS].number : 0,
        .timeout_ns = values[FETCH_WAIT].number,
    };
    int file = memfd_create("sluice-fetch", MFD_CLOEXEC);
    if (file < 0) {
        (void)diag_fail(&diag, -errno, "cannot make a file in memory: %s", strerror(errno));
        return cli_could_not(cli, name, &diag);
    }
    path_make(invocation, kind, path);
    int err = pages_fetch(&wanted, file, &diag);
    err = err != 0 ? err : answer_put(file, kind, path, &diag);
    close(file);
    if (err != 0) {
        return cli_could_not(cli, name, &diag);
    }
    path_told(cli, path);
    return CLI_FINE;
}

const struct command heap_fetch_command = {
    .name = "heap fetch",
    .summary = "take a profile from a running process",
    .description =
        "Asks the profiler inside a process that 'sluice heap run' has started (also in what that "
        "has started itself) for one of its pages, and writes it to a file, with function names "
        "and lines: heap (the usual one), allocs, threads, memory. SOURCE is the number of the "
        "process, or the http URL that 'sluice heap run --listen' has told.\n\n"
        "By its number a process is reached by its own user and by root, in its network namespace; "
        "root enters that by itself. A process with one thread answers at its next sampled "
        "allocation, one with more at once.",
    .operands = {.synopsis = "SOURCE [PAGE]", .kind = OPERAND_TEXT, .min = 1, .max = 2},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = fetch_run,
};
