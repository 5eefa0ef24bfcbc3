#include <string.h>

#include <sluice/clock.h>
#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "cli/diagnosis_options.h"
#include "cli/host.h"
#include "cli/target.h"
#include "cli/verdict_hook.h"
#include "cli/watch_view.h"
#include "diagnose/evidence.h"
#include "diagnose/verdict.h"
#include "draw/draw.h"
#include "sys/wall_clock.h"

#define MEMORY_BYTES ((uint64_t)1 << 30)
#define LOST_MAX     3 /* looks in a row that see nothing, after some that did: it has ended */

enum {
    WATCH_EVERY,
    WATCH_WINDOW,
    WATCH_LIMIT,
    WATCH_RATE,
    WATCH_PID,
    WATCH_LOOKS,
    WATCH_ON_VERDICT,
    WATCH_WEBHOOK,
    WATCH_NO_GC,
    WATCH_JSON,
};

static const struct option options[] = {
    [WATCH_EVERY] = OPTION_EVERY,
    [WATCH_WINDOW] = {.name = "window",
                      .letter = 'w',
                      .kind = OPTION_DURATION,
                      .value_name = "TIME",
                      .fallback = "10m",
                      .min = UINT64_C(100000000),
                      .help = "how far back it is judged"},
    [WATCH_LIMIT] = OPTION_LIMIT,
    [WATCH_RATE] = OPTION_GROWTH,
    [WATCH_PID] = OPTION_PID,
    [WATCH_LOOKS] = {.name = "looks",
                     .letter = 'n',
                     .kind = OPTION_INTEGER,
                     .value_name = "N",
                     .min = 1,
                     .help = "end after so many"},
    [WATCH_ON_VERDICT] = {.name = "on-verdict",
                          .kind = OPTION_TEXT,
                          .value_name = "CMD",
                          .help =
                              "run by the shell at a new finding, SLUICE_PATTERN and others set"},
    [WATCH_WEBHOOK] = {.name = "webhook",
                       .kind = OPTION_TEXT,
                       .value_name = "URL",
                       .help = "send the report there at a new finding, as JSON"},
    [WATCH_NO_GC] = OPTION_NO_GC,
    [WATCH_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap watch http://localhost:6060", "a Go service with /debug/pprof"},
    {"sluice heap watch --every 30s --window 1h 4711", "a process, for long"},
    {"sluice heap watch --on-verdict 'logger \"$SLUICE_PATTERN at $SLUICE_FUNCTION\"' "
     "http://localhost:6070",
     "and tell the system's log"},
};

enum watch_form {
    WATCH_LIVE,
    WATCH_LINES,
    WATCH_JSON_LINES,
};

struct watch {
    struct diagnosis diagnosis;
    struct target target;
    enum watch_form form;
    struct verdict_options judged;
    struct report report;
    enum pattern told; /* the finding that was told last */
    uint64_t begun_ns;
    uint32_t lost_count;
    struct slu_diag trouble;
};

static const struct option_value *value_of(const struct watch *watch, int option)
{
    return &watch->diagnosis.invocation->values[option];
}

static struct watch_state state_of(const struct watch *watch)
{
    return (struct watch_state){
        .name = watch->target.name,
        .evidence = watch->diagnosis.evidence,
        .report = &watch->report,
        .look_count = watch->target.look_count,
        .seconds = (double)(slu_clock_monotonic_ns() - watch->begun_ns) / 1e9,
        .trouble = watch->lost_count > 0 ? watch->trouble.message : NULL,
    };
}

static void show(struct watch *watch)
{
    struct cli *cli = watch->diagnosis.cli;
    struct watch_state state = state_of(watch);
    switch (watch->form) {
    case WATCH_LIVE:
        cli->out_terminal = host_output_terminal(); /* it may have been resized */
        watch_view_frame(cli, &state);
        break;
    case WATCH_LINES:
        watch_view_line(cli, &state);
        break;
    case WATCH_JSON_LINES:
        watch_view_json(cli, &state, "look");
        break;
    }
    sink_flush(cli->out);
}

/* A fault with a name is told once, until another one takes its place. */
static void tell_hooks(struct watch *watch)
{
    struct slu_diag diag;
    enum pattern pattern = watch->report.verdicts[0].pattern;
    verdict_hook_reap();
    if (pattern >= PATTERN_HEALTHY || pattern == watch->told) {
        return;
    }
    watch->told = pattern;
    if (value_of(watch, WATCH_ON_VERDICT)->given &&
        verdict_hook_run(value_of(watch, WATCH_ON_VERDICT)->text, &watch->report, &diag) != 0) {
        (void)diagnosis_failed(&watch->diagnosis, &diag); /* the watch goes on */
    }
    if (value_of(watch, WATCH_WEBHOOK)->given &&
        verdict_hook_post(value_of(watch, WATCH_WEBHOOK)->text, &watch->report, &diag) != 0) {
        (void)diagnosis_failed(&watch->diagnosis, &diag); /* the watch goes on */
    }
}

/* Look once and judge. Returns an error if nothing was ever seen. */
static int look(struct watch *watch)
{
    double now = (double)wall_clock_ns() / 1e9;
    int err = target_look(&watch->target, &watch->diagnosis, now, NULL, &watch->trouble);
    watch->lost_count = err == 0 ? 0 : watch->lost_count + 1;
    if (err != 0 && watch->target.look_count <= watch->lost_count) {
        return err;
    }
    double window = (double)value_of(watch, WATCH_WINDOW)->number / 1e9;
    evidence_forget(watch->diagnosis.evidence, now - window);
    verdict_judge(watch->diagnosis.evidence, &watch->judged, &watch->report);
    return 0;
}

static bool is_over(const struct watch *watch)
{
    const struct option_value *looks = value_of(watch, WATCH_LOOKS);
    return (looks->given && watch->target.look_count >= looks->number) ||
           watch->lost_count >= LOST_MAX || watch->diagnosis.cli->out->err != 0;
}

static int watch_loop(struct watch *watch)
{
    uint64_t next_ns = watch->begun_ns;
    int err = 0;
    do {
        err = look(watch);
        if (err == 0) {
            show(watch);
            tell_hooks(watch);
        }
        uint64_t every_ns = value_of(watch, WATCH_EVERY)->number;
        uint64_t now_ns = slu_clock_monotonic_ns();
        next_ns += every_ns;
        next_ns = next_ns < now_ns ? now_ns : next_ns; /* a look may take longer than that */
    } while (err == 0 && !is_over(watch) && !host_wait(next_ns));
    return err;
}

static void tell_report(struct watch *watch)
{
    struct cli *cli = watch->diagnosis.cli;
    if (watch->form == WATCH_JSON_LINES) {
        struct watch_state state = state_of(watch);
        watch_view_json(cli, &state, "report");
    } else {
        diagnosis_show(&watch->diagnosis, &watch->report);
    }
}

static int watch_prepare(struct watch *watch, struct slu_diag *diag)
{
    const struct invocation *invocation = watch->diagnosis.invocation;
    const struct option_value *values = invocation->values;
    watch->judged = (struct verdict_options){
        .rate_max = (double)values[WATCH_RATE].number,
        .limit_bytes = values[WATCH_LIMIT].given ? (double)values[WATCH_LIMIT].number : 0,
    };
    watch->told = PATTERN_HEALTHY;
    watch->form = watch->diagnosis.cli->out_terminal.is_terminal ? WATCH_LIVE : WATCH_LINES;
    watch->form = values[WATCH_JSON].given ? WATCH_JSON_LINES : watch->form;
    int err =
        target_open(&watch->target, invocation->operands[0], !values[WATCH_NO_GC].given, diag);
    if (err == 0 && values[WATCH_PID].given) {
        err = target_add_process(&watch->target, values[WATCH_PID].number, diag);
    }
    return err;
}

static int watch_run(struct cli *cli, const struct invocation *invocation)
{
    struct watch watch = {.begun_ns = slu_clock_monotonic_ns()};
    int err = diagnosis_open(&watch.diagnosis, cli, invocation, MEMORY_BYTES, &watch.trouble);
    err = err == 0 ? watch_prepare(&watch, &watch.trouble) : err;
    if (err == 0) {
        host_hold_interrupts();
        if (watch.form == WATCH_LIVE) {
            draw_screen_enter(cli->out);
        }
        err = watch_loop(&watch);
        if (watch.form == WATCH_LIVE) {
            draw_screen_leave(cli->out);
        }
    }
    int status = CLI_COULD_NOT;
    if (err == 0) {
        tell_report(&watch);
        status = watch.report.is_finding ? CLI_FINDINGS : CLI_FINE;
    } else {
        status = diagnosis_failed(&watch.diagnosis, &watch.trouble);
    }
    diagnosis_close(&watch.diagnosis);
    return status;
}

const struct command heap_watch_command = {
    .name = "heap watch",
    .summary = "watch a process grow, and say what makes it",
    .description =
        "Looks at a running process again and again: its heap profile, its goroutines or threads, "
        "what the system says of it. The process is named by the URL of its /debug/pprof pages "
        "(ours, or those of a Go service), or by its number.\n\n"
        "On a terminal the picture is live; on a pipe there is a line a look. An interrupt ends it "
        "with the report that 'sluice heap diagnose' gives. With --json each line is an object: of "
        "kind \"look\", and one of kind \"report\" at the end.\n\n"
        "Go's profiles change only when its collector has run. Where two looks show nothing new, "
        "the next one asks it to run, unless --no-gc is given.\n\n"
        "The exit status is 1 if the report has a finding.",
    .operands = {.synopsis = "URL|PID", .kind = OPERAND_TEXT, .min = 1, .max = 1},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = watch_run,
};
