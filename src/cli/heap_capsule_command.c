
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/capsule_chains.h"
#include "cli/capsule_file.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "cli/diagnosis_options.h"
#include "cli/target.h"
#include "diagnose/evidence.h"
#include "diagnose/verdict.h"
#include "sys/wall_clock.h"

#define MEMORY_BYTES ((uint64_t)1 << 30)

enum {
    CAPSULE_OUT,
    CAPSULE_FOR,
    CAPSULE_EVERY,
    CAPSULE_PID,
    CAPSULE_NO_GC,
    CAPSULE_NO_CHAINS,
};

static const struct option options[] = {
    [CAPSULE_OUT] = {.name = "out",
                     .letter = 'o',
                     .kind = OPTION_FILE,
                     .value_name = "FILE",
                     .fallback = "sluice.capsule",
                     .help = "the capsule"},
    [CAPSULE_FOR] = OPTION_FOR,
    [CAPSULE_EVERY] = OPTION_EVERY,
    [CAPSULE_PID] = OPTION_PID,
    [CAPSULE_NO_GC] = OPTION_NO_GC,
    [CAPSULE_NO_CHAINS] = {.name = "no-chains",
                           .kind = OPTION_FLAG,
                           .help =
                               "do not ask who holds the memory, for which a process is stopped "
                               "for some milliseconds"},
};

static const struct example examples[] = {
    {"sluice heap capsule http://localhost:6060 -o server.capsule",
     "a minute of a Go service, or of one under 'sluice heap run --listen'"},
    {"sluice heap capsule --for 10m --every 10s 4711 -o server.capsule",
     "ten minutes of a process"},
    {"sluice heap diagnose server.capsule", "on any machine"},
};

struct gathering {
    struct diagnosis diagnosis;
    struct capsule_file *capsule;
    struct target target;
};

static double now_seconds(void)
{
    return (double)wall_clock_ns() / 1e9;
}

static int gather(struct gathering *gathering, const char *name, struct slu_diag *diag)
{
    const struct option_value *values = gathering->diagnosis.invocation->values;
    int err = target_open(&gathering->target, name, !values[CAPSULE_NO_GC].given, diag);
    if (err == 0 && values[CAPSULE_PID].given) {
        err = target_add_process(&gathering->target, values[CAPSULE_PID].number, diag);
    }
    if (err != 0) {
        return err;
    }
    struct target_keeper keeper = capsule_file_keeper(gathering->capsule);
    struct target_times times = {values[CAPSULE_FOR].number, values[CAPSULE_EVERY].number};
    return target_observe(&gathering->target, &gathering->diagnosis, &times, &keeper, diag);
}

/* Of a process that is known by its number; what cannot be asked is no reason to lose the rest. */
static void chains_add(struct gathering *gathering, const struct report *report)
{
    struct cli *cli = gathering->diagnosis.cli;
    struct slu_diag diag;
    const struct verdict *first = &report->verdicts[0];
    struct capsule_asked asked = {
        .pid = gathering->target.pid,
        .seconds = now_seconds(),
        .site = report->is_finding && first->has_site ? first->function : NULL,
    };
    if (asked.pid == TARGET_PID_NONE ||
        gathering->diagnosis.invocation->values[CAPSULE_NO_CHAINS].given) {
        return;
    }
    if (capsule_chains_add(gathering->capsule, &asked, &gathering->diagnosis, &diag) != 0) {
        sink_format(cli->err, "sluice heap capsule: no chains in it: %s\n", diag.message);
        sink_flush(cli->err);
    }
}

static int finish(struct gathering *gathering, const char *name, struct slu_diag *diag)
{
    struct cli *cli = gathering->diagnosis.cli;
    struct verdict_options judged = {.rate_max = VERDICT_RATE_DEFAULT};
    struct report report;
    verdict_judge(gathering->diagnosis.evidence, &judged, &report);
    chains_add(gathering, &report);
    verdict_judge(gathering->diagnosis.evidence, &judged, &report);
    int err = capsule_file_end(gathering->capsule, &report, name, cli->table->version,
                               now_seconds(), diag);
    if (err == 0) {
        sink_format(cli->err, "sluice heap capsule: %u looks, verdict %s\n",
                    gathering->target.look_count, pattern_info_of(report.verdicts[0].pattern)->id);
        sink_flush(cli->err);
    }
    return err;
}

static int capsule_run(struct cli *cli, const struct invocation *invocation)
{
    struct capsule_file capsule;
    struct gathering gathering = {.capsule = &capsule};
    struct slu_diag diag;
    const char *name = invocation->operands[0];
    int err = diagnosis_open(&gathering.diagnosis, cli, invocation, MEMORY_BYTES, &diag);
    if (err == 0) {
        err = capsule_file_begin(&capsule, invocation->values[CAPSULE_OUT].text, &diag);
    }
    if (err == 0) {
        err = gather(&gathering, name, &diag);
        if (err == 0) {
            err = finish(&gathering, name, &diag);
        } else {
            capsule_file_cancel(&capsule);
        }
    }
    int status = err == 0 ? CLI_FINE : diagnosis_failed(&gathering.diagnosis, &diag);
    diagnosis_close(&gathering.diagnosis);
    return status;
}

const struct command heap_capsule_command = {
    .name = "heap capsule",
    .summary = "keep all evidence of a process in one file",
    .description =
        "Looks at a running process for a while and writes all that was seen into one file: heap "
        "profiles, goroutine or thread profiles, the account of memory, what the system says of "
        "it, who holds the memory (of a process that is known by its number), and the verdict. The "
        "process is named by the URL of its /debug/pprof pages (ours, or those of a Go service), "
        "or by its number.\n\n"
        "A capsule is a tar archive; 'sluice heap diagnose', 'top', 'timeline', 'web' and 'who' "
        "read it on any machine. An interrupt "
        "ends the looking, and the capsule holds what there is.",
    .operands = {.synopsis = "PID|URL", .kind = OPERAND_TEXT, .min = 1, .max = 1},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = capsule_run,
};
