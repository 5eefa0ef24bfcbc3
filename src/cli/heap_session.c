#include "cli/heap_session.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "cli/source_capsule.h"
#include "codec/json_writer.h"
#include "draw/draw.h"
#include "profile/model.h"
#include "readers/pprof_symbolize.h"
#include "readers/profile_reader.h"

#define LABEL_BYTES 256
#define TIME_BYTES  64

const char *const heap_unit_choices[] = {"auto", "B",  "KiB", "MiB", "GiB",
                                         "ns",   "us", "ms",  "s",   NULL};

int heap_session_failed(const struct heap_session *session, const struct slu_diag *diag)
{
    return cli_could_not(session->cli, session->invocation->command->name, diag);
}

int heap_session_failed_with(const struct heap_session *session, int err)
{
    struct slu_diag diag;
    (void)diag_fail(&diag, err, "%s%s", slu_error_text(err),
                    err == -EDQUOT ? "; --memory allows more" : "");
    return heap_session_failed(session, &diag);
}

/* A source that is being read, with its progress. */
struct watched_source {
    struct source source;
    struct draw_progress progress;
};

static int watched_read(void *context, void *bytes, size_t room, size_t *got)
{
    struct watched_source *watched = context;
    int err = source_read(&watched->source, bytes, room, got);
    draw_progress_update(&watched->progress, slu_clock_monotonic_ns(), watched->source.read_bytes);
    return err;
}

/* Read the profile that the source stands at. */
static int profile_take(struct heap_session *session, struct watched_source *watched,
                        struct slu_diag *diag)
{
    struct cli *cli = session->cli;
    const char *name = watched->source.name;
    char label[LABEL_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, label, sizeof(label));
    sink_format(&sink, "reading %.200s", name);
    draw_progress_begin(&watched->progress, &cli->err_terminal, cli->err, label,
                        watched->source.size_bytes, DRAW_BYTES, slu_clock_monotonic_ns());
    struct pprof_symbols symbols = symbol_files_lookup(session->modules);
    struct profile_read_options options = {.symbols = &symbols};
    struct profile_source from = {watched_read, watched, name};
    int err = profile_read(session->model, &from, &options, diag);
    draw_progress_end(&watched->progress);
    symbol_files_close(session->modules);
    return err;
}

static int capsule_take(struct heap_session *session, struct watched_source *watched,
                        struct slu_diag *diag)
{
    uint64_t place = 0;
    bool found = false;
    int err = source_capsule_next(&watched->source, &place, &found, diag);
    while (err == 0 && found) {
        err = profile_take(session, watched, diag);
        err = err == 0 ? source_capsule_next(&watched->source, &place, &found, diag) : err;
    }
    return err;
}

/* A profile; of a capsule the newest one, or if it is wanted `whole`, all. */
static int profile_add(struct heap_session *session, const char *name, bool whole,
                       struct slu_diag *diag)
{
    struct watched_source watched;
    int err = source_open(&watched.source, name, diag);
    if (err != 0) {
        return err;
    }
    err = whole && watched.source.is_part ? capsule_take(session, &watched, diag)
                                          : profile_take(session, &watched, diag);
    source_close(&watched.source);
    return err;
}

static int64_t written_ns(const char *path)
{
    struct stat status;
    return stat(path, &status) != 0
               ? 0
               : status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
}

static int folder_add(struct heap_session *session, const char *folder, bool whole,
                      struct slu_diag *diag)
{
    struct source_names names;
    int err = source_names_list(folder, &names, diag);
    size_t newest = 0;
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < names.count && err == 0; i++) {
        newest = written_ns(names.names[i]) >= written_ns(names.names[newest]) ? i : newest;
        err = whole ? profile_add(session, names.names[i], true, diag) : 0;
    }
    if (err == 0 && !whole) {
        err = profile_add(session, names.names[newest], false, diag);
    }
    source_names_free(&names);
    return err;
}

static int type_choose(struct heap_session *session, struct slu_diag *diag)
{
    const struct model *model = session->model;
    const struct option_value *wanted = &session->invocation->values[HEAP_SAMPLE_TYPE];
    const struct model_profile *first = model_profile_at(model, 0);
    char known[LABEL_BYTES];
    struct sink sink;
    if (!wanted->given) {
        session->type =
            first->default_type != MODEL_NONE ? first->default_type : model->type_count - 1;
        return 0;
    }
    session->type = model_type_find(model, wanted->text);
    if (session->type != MODEL_NONE) {
        return 0;
    }
    sink_init_fixed(&sink, known, sizeof(known));
    for (uint32_t i = 0; i < model->type_count; i++) {
        struct slu_bytes name = model_text(model, model->types[i].type);
        sink_text(&sink, i == 0 ? "" : ", ");
        sink_put(&sink, name.data, name.len);
    }
    return diag_fail(diag, -ENOENT, "--sample-type: no '%.32s' in the profile, which has %.150s",
                     wanted->text, known);
}

static enum view_level level_of(const struct option_value *values)
{
    if (values[HEAP_LINES].given) {
        return VIEW_LINES;
    }
    if (values[HEAP_FILES].given) {
        return VIEW_FILES;
    }
    return values[HEAP_ADDRESSES].given ? VIEW_ADDRESSES : VIEW_FUNCTIONS;
}

int heap_session_view(const struct heap_session *session, bool by_line, const char *tag,
                      struct slu_diag *diag, struct view **view)
{
    const struct option_value *values = session->invocation->values;
    const struct view_options options = {
        .level = by_line ? VIEW_LINES : level_of(values),
        .focus = values[HEAP_FOCUS].text,
        .ignore = values[HEAP_IGNORE].text,
        .hide = values[HEAP_HIDE].text,
        .show = values[HEAP_SHOW].text,
        .tag = tag != NULL ? tag : values[HEAP_TAG].text,
    };
    return view_create(session->model, &options, diag, view);
}

static int view_open(struct heap_session *session, bool by_line, struct slu_diag *diag)
{
    const struct option_value *values = session->invocation->values;
    int err = type_choose(session, diag);
    if (err == 0) {
        const char *wanted = values[HEAP_UNIT].given ? values[HEAP_UNIT].text : NULL;
        session->unit = view_unit_of(
            model_text(session->model, session->model->types[session->type].unit), wanted);
        err = heap_session_view(session, by_line, NULL, diag, &session->view);
    }
    return err;
}

static int memory_prepare(struct heap_session *session, struct slu_diag *diag)
{
    void *block = NULL;
    int err = slu_budget_create(NULL, "profiles", session->invocation->values[HEAP_MEMORY].number,
                                &session->budget);
    if (err == 0) {
        err = slu_budget_alloc(session->budget, sizeof(*session->modules), &block);
    }
    if (err == 0) {
        session->modules = block;
        session->modules->budget = session->budget;
        err = model_create(session->budget, &session->model);
    }
    return err == 0 ? 0 : diag_fail(diag, err, "no memory to read profiles");
}

int heap_session_open(struct heap_session *session, struct cli *cli,
                      const struct invocation *invocation, char *const *sources,
                      size_t source_count, const struct heap_session_options *options)
{
    const struct heap_session_options usual = {0};
    const struct heap_session_options *wanted = options == NULL ? &usual : options;
    struct slu_diag diag = {0};
    *session = (struct heap_session){.cli = cli, .invocation = invocation};
    int err = memory_prepare(session, &diag);
    for (size_t i = 0; i < source_count && err == 0; i++) {
        err = source_kind_of(sources[i]) == SOURCE_FOLDER
                  ? folder_add(session, sources[i], wanted->whole_folders, &diag)
                  : profile_add(session, sources[i], wanted->whole_folders, &diag);
    }
    if (err == 0) {
        err = view_open(session, wanted->by_line, &diag);
    }
    if (err != 0) {
        int status = heap_session_failed(session, &diag);
        heap_session_close(session);
        return status;
    }
    return CLI_FINE;
}

int heap_session_add(struct heap_session *session, const char *name, struct slu_diag *diag)
{
    struct view *view = NULL;
    int err = profile_add(session, name, false, diag);
    if (err == 0) {
        err = heap_session_view(session, false, NULL, diag, &view);
    }
    if (err == 0) {
        view_destroy(&session->view);
        session->view = view;
    }
    return err;
}

void heap_session_close(struct heap_session *session)
{
    view_destroy(&session->view);
    model_destroy(&session->model);
    if (session->modules != NULL) {
        slu_budget_free(session->budget, session->modules, sizeof(*session->modules));
    }
    slu_budget_destroy(&session->budget);
}

uint32_t heap_session_sample_count(const struct heap_session *session)
{
    return session->model->samples.count;
}

void heap_session_write_json_string(const struct heap_session *session, struct json_writer *json,
                                    uint32_t string)
{
    struct slu_bytes text = model_text(session->model, string);
    json_write_string_bytes(json, text.data, text.len);
}

void heap_session_write_json_head(const struct heap_session *session, struct json_writer *json)
{
    const struct model_type *type = &session->model->types[session->type];
    json_write_key(json, "sample_type");
    heap_session_write_json_string(session, json, type->type);
    json_write_key(json, "unit");
    heap_session_write_json_string(session, json, type->unit);
}

/* At a level that does not tell files apart, the function's file is said all the same. */
void heap_session_write_json_entry(const struct heap_session *session, struct json_writer *json,
                                   uint32_t id)
{
    const struct model *model = session->model;
    const struct view_entry *entry = view_entry_at(session->view, id);
    uint32_t file = entry->file;
    if (file == 0 && entry->function != MODEL_NONE) {
        file = model_function_at(model, entry->function)->file;
    }
    json_write_key(json, "function");
    heap_session_write_json_string(session, json, entry->name != 0 ? entry->name : entry->label);
    json_write_key(json, "file");
    heap_session_write_json_string(session, json, file);
    json_write_key(json, "line");
    json_write_uint(json, entry->line);
    if (entry->address != 0) {
        json_write_key(json, "address");
        json_write_uint(json, entry->address);
    }
}

static void write_time(struct sink *out, int64_t time_ns)
{
    char text[TIME_BYTES];
    struct tm local;
    time_t seconds = (time_t)(time_ns / 1000000000);
    if (localtime_r(&seconds, &local) != NULL &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) > 0) {
        sink_format(out, ", %s", text);
    }
}

void heap_session_write_head(const struct heap_session *session)
{
    const struct model *model = session->model;
    const struct cli *cli = session->cli;
    const struct model_profile *first = model_profile_at(model, 0);
    struct slu_bytes type = model_text(model, model->types[session->type].type);
    struct slu_bytes name = model_text(model, first->name);
    draw_style_begin(cli->out, &cli->out_terminal, DRAW_BOLD);
    draw_text_escape(cli->out, type.data, type.len, cli->out_terminal.utf8);
    draw_style_end(cli->out, &cli->out_terminal, DRAW_BOLD);
    sink_text(cli->out, " of ");
    draw_text_escape(cli->out, name.data, name.len, cli->out_terminal.utf8);
    if (model->profiles.count > 1) {
        sink_format(cli->out, " and %u more", model->profiles.count - 1);
    }
    if (first->time_ns > 0) {
        write_time(cli->out, first->time_ns);
    }
    sink_char(cli->out, '\n');
}
