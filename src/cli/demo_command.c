#include "cli/commands.h"

#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/demo_race.h"
#include "cli/demo_view.h"
#include "cli/host.h"

#define SECOND_NS       UINT64_C(1000000000)
#define TICK_NS         (SECOND_NS / 100) /* between two turns of the load */
#define FRAME_NS        (SECOND_NS / 10)
#define LINE_NS         SECOND_NS
#define HISTORY_STEP_NS (SECOND_NS / 50)

enum {
    DEMO_SECONDS,
    DEMO_RATE,
    DEMO_LIMIT,
    DEMO_JSON
};

static const struct option options[] = {
    [DEMO_SECONDS] = {.name = "seconds",
                      .letter = 's',
                      .kind = OPTION_INTEGER,
                      .value_name = "N",
                      .fallback = "10",
                      .min = 1,
                      .max = 3600,
                      .help = "how long it runs"},
    [DEMO_RATE] = {.name = "rate",
                   .letter = 'r',
                   .kind = OPTION_INTEGER,
                   .value_name = "N",
                   .fallback = "1000000",
                   .min = 1,
                   .max = 10000000,
                   .help = "events a second, for each of the windows"},
    [DEMO_LIMIT] = {.name = "limit",
                    .letter = 'l',
                    .kind = OPTION_BYTES,
                    .value_name = "SIZE",
                    .fallback = "1GiB",
                    .min = 4096,
                    .max = UINT64_C(1) << 40,
                    .help = "where the growing array has to stop"},
    [DEMO_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice demo", "ten seconds at a million events a second"},
    {"sluice demo --seconds 60 --rate 100000", "a minute at a tenth of the load"},
    {"sluice demo --json | jq .growing_array.held_bytes", "the memory of the growing array, once "
                                                          "a second"},
};

enum demo_form {
    DEMO_LIVE,
    DEMO_LINES,
    DEMO_JSON_LINES,
};

struct demo {
    struct cli *cli;
    enum demo_form form;
    struct race race;
    struct demo_history history;
    struct demo_view view;
    uint64_t shown_ns; /* when the last frame or line was shown */
};

static void show(struct demo *demo, const struct race_sample *sample, uint64_t now_ns)
{
    uint64_t interval_ns = demo->form == DEMO_LIVE ? FRAME_NS : LINE_NS;
    if (now_ns - demo->shown_ns < interval_ns) {
        return;
    }
    demo->shown_ns += (now_ns - demo->shown_ns) / interval_ns * interval_ns;
    switch (demo->form) {
    case DEMO_LIVE:
        demo->cli->out_terminal = host_output_terminal(); /* it may have been resized */
        demo_view_frame(demo->cli, &demo->view, sample);
        break;
    case DEMO_LINES:
        demo_view_line(demo->cli, sample);
        break;
    case DEMO_JSON_LINES:
        demo_view_json(demo->cli, sample);
        break;
    }
}

/* Until the time is over, an interrupt comes or nobody reads any more; the last sample is left. */
static void run_race(struct demo *demo, struct race_sample *sample)
{
    uint64_t start_ns = demo->race.start_ns;
    uint64_t end_ns = start_ns + demo->view.duration_ns;
    uint64_t sampled_ns = start_ns;
    uint64_t now_ns = start_ns;
    bool interrupted = false;
    race_take_sample(&demo->race, now_ns, sample);
    demo_history_add(&demo->history, sample);
    while (now_ns < end_ns && !interrupted) {
        bool is_idle = race_advance(&demo->race, now_ns, now_ns + TICK_NS);
        now_ns = slu_clock_monotonic_ns();
        if (now_ns - sampled_ns >= FRAME_NS && now_ns < end_ns) {
            sampled_ns += (now_ns - sampled_ns) / FRAME_NS * FRAME_NS;
            race_take_sample(&demo->race, now_ns, sample);
            demo_history_add(&demo->history, sample);
            show(demo, sample, now_ns);
            sink_flush(demo->cli->out);
            interrupted = demo->cli->out->err != 0;
        }
        uint64_t wake_ns = is_idle ? now_ns + TICK_NS : now_ns;
        interrupted = interrupted || host_wait(wake_ns < end_ns ? wake_ns : end_ns);
        now_ns = slu_clock_monotonic_ns();
    }
    (void)race_advance(&demo->race, now_ns < end_ns ? now_ns : end_ns, now_ns + SECOND_NS);
    race_take_sample(&demo->race, now_ns, sample);
    demo_history_add(&demo->history, sample);
}

static int demo_start(struct demo *demo)
{
    struct slu_diag diag;
    int err = race_init(&demo->race, demo->view.options, slu_clock_monotonic_ns());
    if (err == 0) {
        return CLI_FINE;
    }
    (void)diag_fail(&diag, err, "cannot make the ring: %s", slu_error_text(err));
    return cli_could_not(demo->cli, "demo", &diag);
}

static int demo_run(struct cli *cli, const struct invocation *invocation)
{
    struct race_options race_options = {.rate = invocation->values[DEMO_RATE].number,
                                        .limit_bytes = invocation->values[DEMO_LIMIT].number};
    struct race_sample sample;
    struct demo demo = {.cli = cli, .history = {.interval_ns = HISTORY_STEP_NS}};
    demo.view = (struct demo_view){
        .options = &race_options,
        .duration_ns = invocation->values[DEMO_SECONDS].number * SECOND_NS,
        .history = &demo.history,
    };
    if (invocation->values[DEMO_JSON].given) {
        demo.form = DEMO_JSON_LINES;
    } else {
        demo.form = cli->out_terminal.is_terminal ? DEMO_LIVE : DEMO_LINES;
    }
    host_hold_interrupts();
    int status = demo_start(&demo);
    if (status != CLI_FINE) {
        return status;
    }
    demo.shown_ns = demo.race.start_ns;
    if (demo.form == DEMO_LIVE) {
        demo_view_open(cli);
    }
    run_race(&demo, &sample);
    if (demo.form == DEMO_LIVE) {
        demo_view_close(cli);
    }
    if (demo.form == DEMO_JSON_LINES) {
        demo_view_json_summary(cli, &sample);
    } else {
        demo_view_summary(cli, &demo.view, &sample);
    }
    race_deinit(&demo.race);
    return CLI_FINE;
}

const struct command demo_command = {
    .name = "demo",
    .summary = "show a growing window beside one whose memory is fixed",
    .description =
        "Counts the events of the last second in two ways at once, under the same load. The "
        "growing array appends each event and moves its start forward: what has left the window "
        "stays allocated, which is how such windows leak in services. The ring of slots is "
        "libsluice's bucket window: its memory is fixed when it is made.\n\n"
        "Memory and allocations of both are counted as they happen, the process's memory is what "
        "the kernel says, and the times are measured. On a terminal the picture is live; on a pipe "
        "there is a line a second. The end is a summary, also after ctrl-C.\n\n"
        "With --json each line is an object: one of kind \"sample\" a second, and one of kind "
        "\"summary\" at the end.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = demo_run,
};
