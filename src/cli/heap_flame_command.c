#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap_session.h"
#include "cli/result_file.h"
#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/flame.h"
#include "view/tree.h"

#define TITLE_BYTES 512
#define NAME_BYTES  64

enum {
    FLAME_OUT = HEAP_OWN,
    FLAME_FOLDED,
    FLAME_SPEEDSCOPE,
    FLAME_SVG,
    FLAME_INVERTED,
    FLAME_JSON,
};

static const struct option options[] = {
    HEAP_SHARED_OPTIONS,
    [FLAME_OUT] = HEAP_OUT_OPTION,
    [FLAME_FOLDED] = {.name = "folded", .kind = OPTION_FLAG, .help = "folded stacks, a line each"},
    [FLAME_SPEEDSCOPE] = {.name = "speedscope",
                          .kind = OPTION_FLAG,
                          .help = "a document for speedscope.app"},
    [FLAME_SVG] = {.name = "svg", .kind = OPTION_FLAG, .help = "a picture"},
    [FLAME_INVERTED] = {.name = "inverted",
                        .letter = 'i',
                        .kind = OPTION_FLAG,
                        .help = "from the function that allocated to its callers"},
    [FLAME_JSON] = OPTION_JSON,
};

static const struct example examples[] = {
    {"sluice heap flame -o heap.html heap.pb.gz", "a page with search and zoom, in one file"},
    {"sluice heap flame --folded heap.pb.gz | sort -n -k2 | tail", "the largest stacks"},
    {"sluice heap flame --svg -s alloc_space -o heap.svg heap.pb.gz", "a picture for a report"},
};

static void text_copy(char *bytes, size_t size_bytes, struct slu_bytes text)
{
    struct sink sink;
    sink_init_fixed(&sink, bytes, size_bytes);
    sink_put(&sink, text.data, text.len);
}

static int tree_write(const struct heap_session *session, const struct view_tree *tree,
                      struct sink *out)
{
    const struct option_value *values = session->invocation->values;
    const struct model *model = session->model;
    char type[NAME_BYTES];
    char unit[NAME_BYTES];
    char title[TITLE_BYTES];
    struct sink sink;
    struct json_writer json;
    text_copy(type, sizeof(type), model_text(model, model->types[session->type].type));
    text_copy(unit, sizeof(unit), model_text(model, model->types[session->type].unit));
    sink_init_fixed(&sink, title, sizeof(title));
    struct slu_bytes name = model_text(model, model_profile_at(model, 0)->name);
    sink_format(&sink, "%s of %.*s", type, (int)(name.len < 256 ? name.len : 256),
                (const char *)name.data);
    const struct flame_title wanted = {title, type, unit, session->unit};
    if (values[FLAME_FOLDED].given) {
        return flame_write_folded(tree, out);
    }
    if (values[FLAME_SPEEDSCOPE].given) {
        return flame_write_speedscope(tree, &wanted, out);
    }
    if (values[FLAME_SVG].given) {
        flame_write_svg(tree, &wanted, out);
        return 0;
    }
    if (!values[FLAME_JSON].given) {
        return flame_write_html(tree, &wanted, out);
    }
    json_writer_init(&json, out, JSON_COMPACT);
    int err = flame_write_json(tree, &wanted, &json);
    if (err == 0) {
        json_writer_end(&json);
    }
    return err;
}

struct flame {
    const struct heap_session *session;
    struct view_tree tree;
};

static int flame_write(void *context, struct sink *out)
{
    const struct flame *flame = context;
    return tree_write(flame->session, &flame->tree, out);
}

static int flame_run(struct cli *cli, const struct invocation *invocation)
{
    struct heap_session session;
    struct flame flame = {.session = &session};
    struct slu_diag diag;
    int status = heap_session_open(&session, cli, invocation, invocation->operands,
                                   invocation->operand_count, NULL);
    if (status != CLI_FINE) {
        return status;
    }
    const struct option_value *values = invocation->values;
    bool is_whole = values[FLAME_FOLDED].given || values[FLAME_SPEEDSCOPE].given;
    const struct view_tree_options wanted = {
        .inverted = values[FLAME_INVERTED].given,
        .parts_max = is_whole ? 0 : FLAME_PARTS_MAX,
    };
    int err = view_tree_init(&flame.tree, session.view, session.type, 0,
                             heap_session_sample_count(&session), &wanted);
    if (err == 0) {
        const char *path =
            invocation->values[FLAME_OUT].given ? invocation->values[FLAME_OUT].text : NULL;
        err = result_file_write(cli, path, flame_write, &flame, &diag);
        status = err == 0 ? CLI_FINE : heap_session_failed(&session, &diag);
        view_tree_deinit(&flame.tree);
    } else {
        status = heap_session_failed_with(&session, err);
    }
    heap_session_close(&session);
    return status;
}

const struct command heap_flame_command = {
    .name = "heap flame",
    .summary = "a flame graph: a page, a picture, or for other programs",
    .description =
        "Writes a page that stands alone: the outermost functions above, each as wide as what it "
        "and all that it calls hold. A click zooms, '/' searches and sums, arrow keys move. The "
        "page asks no other machine for anything. Parts below 1/20,000 are left out.",
    .operands = {.synopsis = "SOURCE ...", .kind = OPERAND_FILE, .min = 1, .max = UINT32_MAX},
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .examples = examples,
    .example_count = sizeof(examples) / sizeof(examples[0]),
    .run = flame_run,
};
