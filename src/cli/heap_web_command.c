#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>

#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_session.h"
#include "cli/heap_web.h"
#include "cli/opener.h"
#include "cli/page_server.h"
#include "cli/source.h"

#define MINUTE_NS UINT64_C(60000000000)

enum {
    WEB_LISTEN = HEAP_OWN,
    WEB_NO_BROWSER,
    WEB_EVERY,
    WEB_SOURCE,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [WEB_LISTEN] = {.name = "listen",
                    .letter = 'l',
                    .kind = OPTION_TEXT,
                    .value_name = "ADDRESS",
                    .fallback = "127.0.0.1:0",
                    .help = "a loopback address and a port, or a port; 0: any that is free"},
    [WEB_NO_BROWSER] = {.name = "no-browser",
                        .kind = OPTION_FLAG,
                        .help = "print the page's address and open nothing"},
    [WEB_EVERY] = {.name = "every",
                   .letter = 'e',
                   .kind = OPTION_DURATION,
                   .value_name = "TIME",
                   .fallback = "5s",
                   .min = UINT64_C(1000000000),
                   .help = "how often a running program is asked, while the page is looked at"},
    [WEB_SOURCE] = {.name = "source",
                    .kind = OPTION_FILE,
                    .value_name = "FOLDER",
                    .help = "where the program's source is, if not where it was built"},
};

static const struct example examples[] = {
    {"sluice heap web sluice-heap.4711.pb.gz", "a flame graph, tables and source of a profile"},
    {"sluice heap web profiles/", "successive profiles: a timeline, and two moments compared"},
    {"sluice heap web --no-browser --listen 8080 http://localhost:6070",
     "a running program, shown anew while one looks"},
};

static bool is_live(const struct invocation *invocation)
{
    enum source_kind kind = source_kind_of(invocation->operands[0]);
    return invocation->operand_count == 1 && (kind == SOURCE_HTTP || kind == SOURCE_PROCESS);
}

static int serve(struct cli *cli, struct heap_web *web, struct page_server *server,
                 uint64_t every_ns)
{
    uint64_t next_ns = slu_clock_monotonic_ns();
    web->asked_ns = next_ns;
    for (;;) {
        next_ns += web->is_live ? every_ns : MINUTE_NS;
        int err = page_server_wait(server, next_ns, heap_web_answer, web);
        if (err != 0) {
            return err;
        }
        next_ns = slu_clock_monotonic_ns();
        if (web->is_live && next_ns - web->asked_ns < MINUTE_NS) {
            heap_web_refresh(web);
        }
        sink_flush(cli->err);
    }
}

static void address_tell(struct cli *cli, const struct page_server *server)
{
    sink_format(cli->out, "%s\n", server->url);
    sink_flush(cli->out);
}

static int web_serve(struct heap_session *session, struct page_server *server,
                     struct slu_diag *diag)
{
    const struct invocation *invocation = session->invocation;
    const struct option_value *values = invocation->values;
    struct heap_web web = {
        .session = session,
        .source = invocation->operands[0],
        .source_folder = values[WEB_SOURCE].given ? values[WEB_SOURCE].text : NULL,
        .is_live = is_live(invocation),
    };
    int err = page_server_open(server, values[WEB_LISTEN].text, diag);
    if (err != 0) {
        return heap_session_failed(session, diag);
    }
    err = heap_web_init(&web);
    if (err == 0) {
        address_tell(session->cli, server);
        if (!values[WEB_NO_BROWSER].given) {
            opener_open(server->url);
        }
        err = serve(session->cli, &web, server, values[WEB_EVERY].number);
    }
    heap_web_deinit(&web);
    page_server_close(server);
    return err == 0 ? CLI_FINE : heap_session_failed_with(session, err);
}

static int web_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    struct slu_diag diag;
    void *block = NULL;
    const struct heap_session_options wanted = {.whole_folders = true};
    int status = heap_session_open(&session, cli, invocation, invocation->operands,
                                   invocation->operand_count, &wanted);
    if (status != CLI_FINE) {
        return status;
    }
    int err = slu_budget_alloc(session.budget, sizeof(struct page_server), &block);
    if (err == 0) {
        status = web_serve(&session, block, &diag);
        slu_budget_free(session.budget, block, sizeof(struct page_server));
    } else {
        status = heap_session_failed_with(&session, err);
    }
    heap_session_close(&session);
    return status;
}

const struct command heap_web_command = {
    .name = "heap web",
    .summary = "look at profiles in the browser",
    .description =
        "Serves a page at a loopback address and opens it: a flame graph (also of callers and "
        "callees), a table, annotated source, a timeline with two moments to compare, and who "
        "holds the resident memory. Of a folder or a capsule all profiles are read. A running "
        "program is asked again and again while the page is looked at. Nothing leaves the "
        "machine.\n\n"
        "A SOURCE is what 'sluice heap top' takes. The program ends with Ctrl-C.",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = web_run,
};
