#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_listing.h"
#include "cli/heap_session.h"
#include "cli/result_file.h"
#include "view/listing.h"
#include "view/pattern.h"

enum {
    LIST_SOURCE = HEAP_OWN,
    LIST_HTML,
    LIST_OUT,
    LIST_JSON,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [LIST_SOURCE] = {.name = "source",
                     .kind = OPTION_FILE,
                     .value_name = "FOLDER",
                     .help = "where the program's source is, if not where it was built"},
    [LIST_HTML] = HEAP_HTML_OPTION,
    [LIST_OUT] = HEAP_OUT_OPTION,
    [LIST_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap list '^cache_fill$' heap.pb.gz", "which lines of a function allocate"},
    {"sluice heap list --html -o parse.html --source ~/src/app parse heap.pb.gz",
     "a page, with the source from another place than where it was built"},
};

struct listing_result {
    const struct heap_session *session;
    const struct listing *listing;
    struct heap_listing_options options;
};

static int result_take(void *context, struct sink *out)
{
    const struct listing_result *result = context;
    return heap_listing_write(result->session, result->listing, &result->options, out);
}

static int listing_write(const struct heap_session *session, const struct listing *listing,
                         int64_t total, struct slu_diag *diag)
{
    const struct option_value *values = session->invocation->values;
    struct listing_result result = {
        .session = session,
        .listing = listing,
        .options = {.total = total,
                    .folder = values[LIST_SOURCE].given ? values[LIST_SOURCE].text : NULL,
                    .html = values[LIST_HTML].given,
                    .json = values[LIST_JSON].given},
    };
    const char *path = values[LIST_OUT].given ? values[LIST_OUT].text : NULL;
    if (listing->line_count == 0) {
        return diag_fail(diag, -1, "no function in the profile is called like '%.100s'",
                         session->invocation->operands[0]);
    }
    return result_file_write(session->cli, path, result_take, &result, diag);
}

static int listing_make(const struct heap_session *session, const struct pattern *pattern,
                        struct slu_diag *diag)
{
    struct view_count count;
    struct listing listing;
    int err = view_count_init(&count, session->view, session->type, 0,
                              heap_session_sample_count(session));
    if (err != 0) {
        return diag_fail(diag, err, "no memory to list functions; --memory allows more");
    }
    err = listing_init(&listing, session->view, &count, pattern);
    if (err == 0) {
        err = listing_write(session, &listing, count.total, diag);
        listing_deinit(&listing);
    } else {
        err = diag_fail(diag, err, "no memory to list functions; --memory allows more");
    }
    view_count_deinit(&count);
    return err;
}

static int list_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    struct pattern pattern;
    struct slu_diag diag;
    const struct heap_session_options wanted = {.by_line = true};
    int status = heap_session_open(&session, cli, invocation, invocation->operands + 1,
                                   invocation->operand_count - 1, &wanted);
    if (status != CLI_FINE) {
        return status;
    }
    int err = pattern_init(&pattern, session.model, invocation->operands[0], "REGEX", &diag);
    if (err == 0) {
        err = listing_make(&session, &pattern, &diag);
    }
    status = err == 0 ? CLI_FINE : heap_session_failed(&session, &diag);
    pattern_deinit(&pattern);
    heap_session_close(&session);
    return status;
}

const struct command heap_list_command = {
    .name = "heap list",
    .summary = "the source of functions, with what each line holds",
    .description =
        "Shows the source of the functions in whose names REGEX is found, and beside each line "
        "what it holds itself and with all that it calls. The source is looked for where the "
        "program was built, or below --source. A SOURCE is what 'sluice heap top' takes.",
    .operands = {.synopsis = "REGEX SOURCE ...", .kind = OPERAND_FILE, .min = 2, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = list_run,
};
