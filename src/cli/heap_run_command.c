#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_library.h"
#include "cli/quantity.h"
#include "cli/symbolize.h"
#include "draw/text.h"
#include "readers/pprof_symbolize.h"
#include "sys/wall_clock.h"

#define NUMBER_BYTES  32
#define SECOND_NS     INT64_C(1000000000)
#define FILE_CLOCK_NS INT64_C(20000000)

enum {
    RUN_RATE,
    RUN_OUT,
    RUN_EVERY,
    RUN_FILES,
    RUN_AGES,
    RUN_LISTEN,
    RUN_MEMORY_LIMIT
};

static const struct option options[] = {
    [RUN_RATE] = {.name = "rate",
                  .letter = 'r',
                  .kind = OPTION_BYTES,
                  .value_name = "SIZE",
                  .fallback = "512KiB",
                  .min = 1,
                  .max = UINT64_C(1) << 30,
                  .help = "mean distance of samples, in allocated bytes"},
    [RUN_OUT] = {.name = "out",
                 .letter = 'o',
                 .kind = OPTION_FILE,
                 .value_name = "NAME",
                 .fallback = "sluice-heap",
                 .help = "what the names of profiles begin with"},
    [RUN_EVERY] = {.name = "every",
                   .letter = 'e',
                   .kind = OPTION_DURATION,
                   .value_name = "TIME",
                   .min = UINT64_C(1000000),
                   .help = "also write a profile at this interval"},
    [RUN_FILES] = {.name = "files",
                   .letter = 'n',
                   .kind = OPTION_INTEGER,
                   .value_name = "N",
                   .fallback = "20",
                   .min = 1,
                   .max = 1000000,
                   .help = "how many of those are kept"},
    [RUN_AGES] = {.name = "ages",
                  .letter = 'a',
                  .kind = OPTION_FLAG,
                  .help = "say of what is in use how old it is (label 'age')"},
    [RUN_LISTEN] = {.name = "listen",
                    .letter = 'l',
                    .kind = OPTION_TEXT,
                    .value_name = "ADDRESS",
                    .help = "serve /debug/pprof/ inside the program, as 127.0.0.1:6070"},
    [RUN_MEMORY_LIMIT] = {.name = "memory-limit",
                          .letter = 'm',
                          .kind = OPTION_TEXT,
                          .value_name = "MAX",
                          .help = "record what holds memory near this size, as 2GiB or 80%"},
};

static const struct example examples[] = {
    {"sluice heap run -- redis-server --port 7777", "sluice-heap.PID.pb.gz when it has ended"},
    {"sluice heap run --every 10s --out /tmp/redis -- redis-server --port 7777",
     "and /tmp/redis.PID.NUMBER.pb.gz for the last 20 times ten seconds"},
    {"sluice heap run --listen 127.0.0.1:6070 -- redis-server --port 7777",
     "and meanwhile go tool pprof reads its /debug/pprof/heap"},
    {"sluice heap run --memory-limit 2GiB -- ./server",
     "and sluice-heap.PID.flight.1.capsule when nine tenths of that are reached, to diagnose"},
    {"sluice heap run --rate 64KiB -- ./build.sh", "eight times as many samples; what a script "
                                                   "starts is profiled too"},
};

struct run {
    struct cli *cli;
    const struct invocation *invocation;
    int64_t begun_ns; /* by the wall clock, as times of files are */
    uint64_t written_count;
    char first_path[PATH_MAX];
};

static int could_not(const struct run *run, const struct slu_diag *diag)
{
    return cli_could_not(run->cli, run->invocation->command->name, diag);
}

static void setting_add(struct heap_setting *settings, size_t *count, const char *name,
                        const struct option_value *value)
{
    if (value->given) {
        settings[(*count)++] = (struct heap_setting){name, value->text};
    }
}

/* A size as everywhere on the command line, or "80%" as the library reads it. */
static int memory_limit_add(struct heap_setting *settings, size_t *count,
                            const struct option_value *value, char limit[NUMBER_BYTES],
                            struct slu_diag *diag)
{
    if (!value->given) {
        return 0;
    }
    uint64_t bytes = 0;
    size_t digits = strspn(value->text, "0123456789");
    bool is_percent = digits > 0 && digits <= 3 && strcmp(value->text + digits, "%") == 0;
    int err = is_percent ? 0 : quantity_read_bytes(value->text, &bytes);
    if (is_percent) {
        uint64_t percent = strtoull(value->text, NULL, 10);
        err = percent < 1 || percent > 100 ? -EINVAL : 0;
        snprintf(limit, NUMBER_BYTES, "%s", value->text);
    } else {
        err = err == 0 && bytes == 0 ? -EINVAL : err;
        snprintf(limit, NUMBER_BYTES, "%" PRIu64, bytes);
    }
    if (err != 0) {
        return diag_fail(diag, err,
                         "--memory-limit %.40s: a size above 0 is allowed, as 2GiB, or "
                         "1%% to 100%%",
                         value->text);
    }
    settings[(*count)++] = (struct heap_setting){"SLUICE_HEAP_MEMORY_LIMIT", limit};
    return 0;
}

static int watched_run(struct run *run, struct child_end *end, struct slu_diag *diag)
{
    const struct option_value *values = run->invocation->values;
    char library[PATH_MAX];
    char program[PATH_MAX];
    char rate[NUMBER_BYTES];
    char every[NUMBER_BYTES];
    char files[NUMBER_BYTES];
    char limit[NUMBER_BYTES];
    snprintf(rate, sizeof(rate), "%" PRIu64, values[RUN_RATE].number);
    snprintf(every, sizeof(every), "%" PRIu64 "ms", values[RUN_EVERY].number / 1000000);
    snprintf(files, sizeof(files), "%" PRIu64, values[RUN_FILES].number);
    struct heap_setting settings[HEAP_ENVIRONMENT_MAX] = {
        {"SLUICE_HEAP_RATE", rate},
        {"SLUICE_HEAP_OUT", values[RUN_OUT].text},
        {"SLUICE_HEAP_PERIOD", values[RUN_EVERY].given ? every : "0"},
        {"SLUICE_HEAP_FILES", files},
        {"SLUICE_HEAP_AGES", values[RUN_AGES].given ? "1" : "0"},
        {"SLUICE_HEAP_SYMBOLIZER", program},
    };
    size_t setting_count = 6;
    setting_add(settings, &setting_count, "SLUICE_HEAP_LISTEN", &values[RUN_LISTEN]);
    char **environment = NULL;
    heap_program_find(program, sizeof(program));
    int err = memory_limit_add(settings, &setting_count, &values[RUN_MEMORY_LIMIT], limit, diag);
    if (err == 0) {
        err = heap_library_find(library, sizeof(library), diag);
    }
    if (err != 0) {
        return err;
    }
    err = heap_environment_make(library, settings, setting_count, &environment);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the environment");
    }
    err = child_run(run->invocation->operands, environment, end, diag);
    heap_environment_free(&environment);
    return err;
}

/* The file system's clock ticks a few milliseconds behind the one that is asked. */
static bool is_older(const struct stat *status, int64_t than_ns)
{
    int64_t written_ns = status->st_mtim.tv_sec * SECOND_NS + status->st_mtim.tv_nsec;
    return written_ns + FILE_CLOCK_NS < than_ns;
}

/* Names for one profile; what cannot be named is told, and stays as it is. */
static void finish_profile(struct run *run, const char *path)
{
    struct stat status;
    struct pprof_symbolized result = {0};
    struct slu_diag diag;
    if (stat(path, &status) != 0 || is_older(&status, run->begun_ns)) {
        return;
    }
    if (run->written_count++ == 0) {
        snprintf(run->first_path, sizeof(run->first_path), "%s", path);
    }
    if (symbolize_file(path, path, &result, &diag) != 0) {
        (void)could_not(run, &diag);
    }
}

static bool ends_with(const char *file, const char *ending)
{
    size_t len = strlen(file);
    size_t ending_len = strlen(ending);
    return len > ending_len && strcmp(file + len - ending_len, ending) == 0;
}

/* Profiles, and the records that were written near a limit of memory. */
static bool is_profile_of(const char *file, const char *name)
{
    size_t name_len = strlen(name);
    return (ends_with(file, ".pb.gz") || ends_with(file, ".capsule")) &&
           strncmp(file, name, name_len) == 0 && file[name_len] == '.';
}

/* Also what the program has started has written its profiles under the name. */
static void finish_profiles(struct run *run)
{
    const char *out = run->invocation->values[RUN_OUT].text;
    struct stat found;
    char whole[PATH_MAX];
    bool is_folder = stat(out, &found) == 0 && S_ISDIR(found.st_mode);
    snprintf(whole, sizeof(whole), "%s%s", out, is_folder ? "/heap" : "");
    const char *slash = strrchr(whole, '/');
    const char *name = slash == NULL ? whole : slash + 1;
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - whole + 1),
             slash == NULL ? "." : whole);
    struct dirent **files = NULL;
    int count = scandir(folder, &files, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int len =
            snprintf(path, sizeof(path), "%s%s", slash == NULL ? "" : folder, files[i]->d_name);
        if (len > 0 && (size_t)len < sizeof(path) && is_profile_of(files[i]->d_name, name)) {
            finish_profile(run, path);
        }
        free(files[i]);
    }
    free(files);
}

static void tell_profiles(const struct run *run, int end_signal)
{
    struct sink *err = run->cli->err;
    sink_text(err, "sluice heap run: ");
    if (run->written_count == 1) {
        sink_text(err, "wrote ");
        draw_text_escape(err, run->first_path, strlen(run->first_path),
                         run->cli->err_terminal.utf8);
    } else if (run->written_count > 1) {
        sink_format(err, "wrote %" PRIu64 " profiles, from ", run->written_count);
        draw_text_escape(err, run->first_path, strlen(run->first_path),
                         run->cli->err_terminal.utf8);
        sink_text(err, " on");
    } else {
        const char *program = run->invocation->operands[0];
        draw_text_escape(err, program, strlen(program), run->cli->err_terminal.utf8);
        sink_text(err, end_signal != 0
                           ? " left no profile: it was ended by a signal; --every keeps profiles "
                             "of a running program"
                           : " left no profile: it may be linked statically, or run with other "
                             "rights than yours");
    }
    sink_char(err, '\n');
    sink_flush(err);
}

static int run_run(struct cli *cli, const struct invocation *invocation)
{
    struct run run = {.cli = cli, .invocation = invocation, .begun_ns = wall_clock_ns()};
    struct child_end end;
    struct slu_diag diag;
    if (watched_run(&run, &end, &diag) != 0) {
        return could_not(&run, &diag);
    }
    finish_profiles(&run);
    tell_profiles(&run, end.signal);
    return end.status;
}

const struct command heap_run_command = {
    .name = "heap run",
    .summary = "run a program and record who holds its memory",
    .description =
        "Runs a program, and what it starts, with a sampling heap profiler inside (LD_PRELOAD of "
        "libsluice-heap.so). Each process writes a profile when "
        "it ends: in use and allocated, bytes and objects by stack, in pprof's format. When the "
        "program has ended, function names and lines are put into the profiles. Meanwhile "
        "'sluice heap fetch PID' takes a profile from a running one.\n\n"
        "The exit status is the program's; 128 + N if signal N ended it; 3 if it could not be "
        "started. More settings are variables of the environment: SLUICE_HEAP_SIGNAL=USR2 writes a "
        "profile at that signal.",
    .operands = {.synopsis = "PROGRAM [ARGUMENT ...]",
                 .kind = OPERAND_PROGRAM,
                 .min = 1,
                 .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = run_run,
};
