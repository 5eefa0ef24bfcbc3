#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/capsule_chains.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_who_view.h"
#include "cli/host.h"
#include "cli/quantity.h"
#include "holders/holders.h"
#include "holders/report.h"
#include "holders/who_json.h"
#include "holders/who_pprof.h"
#include "profile/gzip_writer.h"
#include "sys/file.h"

#define STAGE_BYTES     16384
#define SIZE_BYTES      64
#define ROUNDING_BYTES  15 /* what malloc's blocks are larger than what was asked for, at most */
#define BLOCK_BYTES_MIN 24

enum {
    WHO_TYPE,
    WHO_SIZE,
    WHO_ADDRESS,
    WHO_SITE,
    WHO_TOP,
    WHO_PPROF,
    WHO_HTML,
    WHO_STOP,
    WHO_MEMORY,
    WHO_JSON
};

static const struct option options[] = {
    [WHO_TYPE] = {.name = "type",
                  .letter = 't',
                  .kind = OPTION_TEXT,
                  .value_name = "REGEX",
                  .help = "blocks whose type's name matches alone"},
    [WHO_SITE] = {.name = "site",
                  .kind = OPTION_TEXT,
                  .value_name = "REGEX",
                  .help = "blocks alone that a function like this has allocated, of those that the "
                          "profiler inside the program has sampled"},
    [WHO_SIZE] = {.name = "size",
                  .letter = 's',
                  .kind = OPTION_TEXT,
                  .value_name = "SIZE",
                  .help = "blocks that malloc gives for SIZE alone, or for MIN-MAX"},
    [WHO_ADDRESS] = {.name = "address",
                     .letter = 'a',
                     .kind = OPTION_TEXT,
                     .value_name = "ADDRESS",
                     .help = "the block that 0xADDRESS lies in alone"},
    [WHO_TOP] = {.name = "top",
                 .letter = 'n',
                 .kind = OPTION_INTEGER,
                 .value_name = "N",
                 .fallback = "10",
                 .min = 1,
                 .max = REPORT_TOP_MAX,
                 .help = "how many rows each table has"},
    [WHO_PPROF] = {.name = "pprof",
                   .letter = 'p',
                   .kind = OPTION_FILE,
                   .value_name = "FILE",
                   .help = "also write a profile whose stacks are the chains"},
    [WHO_HTML] = {.name = "html",
                  .kind = OPTION_FILE,
                  .value_name = "FILE",
                  .help = "also write a page that stands alone"},
    [WHO_STOP] = {.name = "stop",
                  .kind = OPTION_FLAG,
                  .help = "let a process stand still until all is read, and not fork"},
    [WHO_MEMORY] = {.name = "memory",
                    .letter = 'm',
                    .kind = OPTION_BYTES,
                    .value_name = "SIZE",
                    .fallback = "4GiB",
                    .min = UINT64_C(1) << 20,
                    .help = "the most that is taken to work in"},
    [WHO_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap who 4711", "what holds the memory of process 4711, which stands still meanwhile"},
    {"sluice heap who core.4711 --type '^window$'", "the chains that lead to blocks of that type"},
    {"sluice heap who core.4711 --size 4800",
     "to blocks of that size: no debug information needed"},
    {"sluice heap who 4711 --site '^cache_fill$'",
     "to what a function has allocated, of a program under 'sluice heap run'"},
    {"sluice heap who core.4711 --address 0x55d0c0a12340", "how that block is held"},
    {"sluice heap who 4711 --html owners.html", "a page for a report"},
    {"sluice heap who 4711 --pprof owners.pb.gz",
     "and go tool pprof -http : owners.pb.gz draws it"},
};

struct work {
    struct slu_budget *budget;
    struct who *who;
    struct report report;
};

/* SIZE: what malloc gives for it; MIN-MAX: usable bytes. */
static int size_read(const char *text, struct report_query *query, struct slu_diag *diag)
{
    char least[SIZE_BYTES];
    const char *dash = strchr(text, '-');
    size_t len = dash == NULL ? strlen(text) : (size_t)(dash - text);
    if (len >= sizeof(least)) {
        return diag_fail(diag, -EINVAL, "--size %.60s: no size", text);
    }
    memcpy(least, text, len);
    least[len] = '\0';
    if (quantity_read_bytes(least, &query->size_min) != 0 ||
        (dash != NULL && quantity_read_bytes(dash + 1, &query->size_max) != 0)) {
        return diag_fail(diag, -EINVAL, "--size %.60s: say 4800, or 4KiB-1MiB", text);
    }
    if (dash == NULL) {
        query->size_max = query->size_min + ROUNDING_BYTES;
        query->size_max = query->size_max < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : query->size_max;
    }
    return 0;
}

static int query_read(const struct option_value *values, struct report_query *query,
                      struct slu_diag *diag)
{
    query->type = values[WHO_TYPE].given ? values[WHO_TYPE].text : NULL;
    query->site = values[WHO_SITE].given ? values[WHO_SITE].text : NULL;
    query->top = (uint32_t)values[WHO_TOP].number;
    if (values[WHO_ADDRESS].given) {
        char *end = NULL;
        errno = 0;
        query->address = strtoull(values[WHO_ADDRESS].text, &end, 16);
        if (errno != 0 || *end != '\0' || query->address == 0) {
            return diag_fail(diag, -EINVAL, "--address %.60s: no address; say 0x55d0c0a12340",
                             values[WHO_ADDRESS].text);
        }
    }
    return values[WHO_SIZE].given ? size_read(values[WHO_SIZE].text, query, diag) : 0;
}

/* A number is a process, unless there is a file of that name. */
static int source_open(struct work *work, const char *source, bool may_fork, struct slu_diag *diag)
{
    size_t digits = strspn(source, "0123456789");
    if (digits > 0 && source[digits] == '\0' && access(source, F_OK) != 0) {
        return who_open_process(work->budget, strtoull(source, NULL, 10), may_fork, diag,
                                &work->who);
    }
    return who_open_core(work->budget, source, diag, &work->who);
}

static int profile_write(const struct report *report, const char *path, struct slu_diag *diag)
{
    struct file_replacement file;
    struct sink bytes;
    struct gzip_writer gzip;
    struct sink text;
    char bytes_stage[STAGE_BYTES];
    char text_stage[STAGE_BYTES];
    int err = file_replace_begin(&file, path);
    if (err != 0) {
        return diag_fail(diag, err, "cannot write %.160s: %s", path, strerror(-err));
    }
    sink_init(&bytes, host_write, &file.fd, bytes_stage, sizeof(bytes_stage));
    gzip_writer_init(&gzip, &bytes);
    sink_init(&text, gzip_write, &gzip, text_stage, sizeof(text_stage));
    who_pprof_write(report, &text);
    err = sink_end(&text);
    gzip_writer_end(&gzip);
    err = err != 0 ? err : sink_end(&bytes);
    if (err != 0) {
        file_replace_cancel(&file);
    } else {
        err = file_replace_end(&file);
    }
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write %.160s: %s", path, strerror(-err));
}

static int page_write(struct cli *cli, const struct report *report, const char *source,
                      const char *path, struct slu_diag *diag)
{
    struct file_replacement file;
    struct sink sink;
    char stage[STAGE_BYTES];
    int err = file_replace_begin(&file, path);
    if (err != 0) {
        return diag_fail(diag, err, "cannot write %.160s: %s", path, strerror(-err));
    }
    sink_init(&sink, host_write, &file.fd, stage, sizeof(stage));
    heap_who_page(cli, report, source, &sink);
    err = sink_end(&sink);
    if (err != 0) {
        file_replace_cancel(&file);
    } else {
        err = file_replace_end(&file);
    }
    return err == 0 ? 0 : diag_fail(diag, err, "cannot write %.160s: %s", path, strerror(-err));
}

static int work_do(struct work *work, struct cli *cli, const struct invocation *invocation,
                   struct slu_diag *diag)
{
    const struct option_value *values = invocation->values;
    const char *source = invocation->operands[0];
    struct report_query query = {0};
    bool is_capsule = false;
    int err = capsule_chains_write(source, cli->out, &is_capsule, diag);
    if (err != 0 || is_capsule) {
        return err;
    }
    err = query_read(values, &query, diag);
    if (err != 0 || (err = source_open(work, source, !values[WHO_STOP].given, diag)) != 0 ||
        (err = report_make(&work->report, work->who, &query, diag)) != 0) {
        return err;
    }
    if (values[WHO_PPROF].given) {
        err = profile_write(&work->report, values[WHO_PPROF].text, diag);
    }
    if (err == 0 && values[WHO_HTML].given) {
        err = page_write(cli, &work->report, source, values[WHO_HTML].text, diag);
    }
    if (err == 0 && values[WHO_JSON].given) {
        who_json_write(&work->report, source, cli->out);
    } else if (err == 0) {
        heap_who_view(cli, &work->report, source);
    }
    return err;
}

static int who_run(struct cli *cli, const struct invocation *invocation)
{
    struct slu_diag diag = {0};
    struct slu_budget *budget = NULL;
    void *block = NULL;
    int err = slu_budget_create(NULL, "heap who", invocation->values[WHO_MEMORY].number, &budget);
    if (err == 0) {
        err = slu_budget_alloc(budget, sizeof(struct work), &block);
    }
    if (err != 0) {
        slu_budget_destroy(&budget);
        (void)diag_fail(&diag, err, "no memory");
        return cli_could_not(cli, invocation->command->name, &diag);
    }
    struct work *work = block;
    work->budget = budget;
    err = work_do(work, cli, invocation, &diag);
    report_free(&work->report);
    who_close(&work->who);
    slu_budget_free(budget, work, sizeof(*work));
    slu_budget_destroy(&budget);
    if (err == -EINVAL) {
        (void)cli_could_not(cli, invocation->command->name, &diag);
        return CLI_WRONG_USE;
    }
    return err == 0 ? CLI_FINE : cli_could_not(cli, invocation->command->name, &diag);
}

const struct command heap_who_command = {
    .name = "heap who",
    .summary = "say who holds the memory of a process or a core",
    .description =
        "Walks the heap of glibc's malloc in a live process, or in its ELF core, and says by which "
        "variables, stacks and registers each block is reached, what each of them alone keeps, and "
        "what nothing leads to any more. Types come from the program's debug information; without "
        "it, places are numbers.\n\n"
        "A process is stopped, made to fork, and goes on as it was, while the copy is read; where "
        "that cannot be (system calls are filtered, less than a quarter of its memory is free), or "
        "with --stop, it stands still until all is read. It takes the rights of a debugger. SOURCE "
        "is a process id, a core's path, or a capsule, of which the chains that it holds are "
        "written as they are kept: as JSON.\n\n"
        "How sure a chain is: exact (pointers to beginnings of blocks), interior (a pointer into "
        "one), conservative (a word that looks like a pointer), stale (a word behind what is in "
        "use of its block).",
    .operands = {.synopsis = "SOURCE", .kind = OPERAND_FILE, .min = 1, .max = 1},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = who_run,
};
