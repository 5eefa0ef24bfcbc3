#include <errno.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "cli/diagnosis_options.h"
#include "cli/source.h"
#include "cli/target.h"
#include "codec/json_writer.h"
#include "diagnose/evidence.h"
#include "diagnose/verdict.h"

enum {
    DIAGNOSE_LIMIT,
    DIAGNOSE_RATE,
    DIAGNOSE_FOR,
    DIAGNOSE_EVERY,
    DIAGNOSE_MEMORY,
    DIAGNOSE_JSON,
};

static const struct option options[] = {
    [DIAGNOSE_LIMIT] = OPTION_LIMIT,
    [DIAGNOSE_RATE] = OPTION_GROWTH,
    [DIAGNOSE_FOR] = OPTION_FOR,
    [DIAGNOSE_EVERY] = OPTION_EVERY,
    [DIAGNOSE_MEMORY] = {.name = "memory",
                         .kind = OPTION_BYTES,
                         .value_name = "SIZE",
                         .fallback = "1GiB",
                         .min = UINT64_C(16) << 20,
                         .help = "the most memory that is taken to read the evidence"},
    [DIAGNOSE_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap diagnose profiles/", "a folder of profiles, traces and samples"},
    {"sluice heap diagnose heap.?.pb.gz gc.log", "files, one by one: five profiles at the least"},
    {"sluice heap diagnose --json server.capsule | jq -r '.verdicts[0].pattern'", "in a script"},
};

static int judge_and_tell(struct diagnosis *diagnosis)
{
    const struct option_value *values = diagnosis->invocation->values;
    struct cli *cli = diagnosis->cli;
    struct report report;
    struct verdict_options judged = {
        .rate_max = (double)values[DIAGNOSE_RATE].number,
        .limit_bytes = values[DIAGNOSE_LIMIT].given ? (double)values[DIAGNOSE_LIMIT].number : 0,
    };
    verdict_judge(diagnosis->evidence, &judged, &report);
    if (values[DIAGNOSE_JSON].given) {
        struct json_writer json;
        json_writer_init(&json, cli->out, JSON_PRETTY);
        verdict_write_json(&report, &json);
        json_writer_end(&json);
    } else {
        diagnosis_show(diagnosis, &report);
    }
    return report.is_finding ? CLI_FINDINGS : CLI_FINE;
}

static bool has_evidence(const struct evidence *evidence)
{
    for (uint32_t i = EVIDENCE_NOTHING + 1; i < EVIDENCE_KIND_COUNT; i++) {
        if (i != EVIDENCE_HOLDERS && evidence->input_count[i] > 0) {
            return true;
        }
    }
    return false;
}

/* A file or folder is read, a process or server observed. */
static int take_source(struct diagnosis *diagnosis, const char *name, struct slu_diag *diag)
{
    const struct option_value *values = diagnosis->invocation->values;
    enum source_kind kind = source_kind_of(name);
    struct target_times times = {values[DIAGNOSE_FOR].number, values[DIAGNOSE_EVERY].number};
    struct target target;
    if (kind != SOURCE_HTTP && kind != SOURCE_PROCESS) {
        return diagnosis_add(diagnosis, name, diag);
    }
    int err = target_open(&target, name, true, diag);
    return err == 0 ? target_observe(&target, diagnosis, &times, NULL, diag) : err;
}

static int diagnose_run(struct cli *cli, const struct invocation *invocation)
{
    struct diagnosis diagnosis;
    struct slu_diag diag;
    int status = CLI_COULD_NOT;
    int err = diagnosis_open(&diagnosis, cli, invocation,
                             invocation->values[DIAGNOSE_MEMORY].number, &diag);
    for (size_t i = 0; i < invocation->operand_count && err == 0; i++) {
        err = take_source(&diagnosis, invocation->operands[i], &diag);
    }
    if (err == 0 && !has_evidence(diagnosis.evidence)) {
        err = diag_fail(&diag, -ENODATA,
                        "%.160s: no profile, no collector's trace and no samples in it",
                        invocation->operands[0]);
    }
    status = err == 0 ? judge_and_tell(&diagnosis) : diagnosis_failed(&diagnosis, &diag);
    diagnosis_close(&diagnosis);
    return status;
}

const struct command heap_diagnose_command = {
    .name = "heap diagnose",
    .summary = "say what makes memory grow, with the evidence for and against",
    .description =
        "Reads successive heap profiles (ours, Go's and others), goroutine or thread profiles, "
        "traces of Go's collector (GODEBUG=gctrace=1), samples of resident memory and of requests, "
        "copies of /proc/PID/status, and capsules. What a file is, its content says and not its "
        "name; a folder is read whole. A URL of /debug/pprof pages or a process's number is "
        "observed for a while.\n\n"
        "The verdict is one of task-leak, timer-pileup, retained-array, unbounded-keys, "
        "coarse-window, fragmentation, healthy and undetermined, each with its site, bytes a "
        "second with a 95 % interval, the numbers that speak for it, and why the next best "
        "explanation lost. It needs five moments at the least.\n\n"
        "The exit status is 1 for a finding and 0 where all is healthy, or where nothing is known "
        "to grow.",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = diagnose_run,
};
