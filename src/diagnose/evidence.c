#include "diagnose/evidence.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/diag.h"
#include "codec/gunzip.h"

#include "diagnose/capsule.h"
#include "diagnose/samples.h"
#include "diagnose/sites.h"
#include "profile/model.h"
#include "readers/profile_reader.h"

#define SECOND_NS         1e9
#define PROFILE_BEGINNING "\n" /* of profile.proto: field 1, a message */

int evidence_create(struct slu_budget *budget, struct evidence **out)
{
    void *made = NULL;
    int err = slu_budget_alloc(budget, sizeof(struct evidence), &made);
    if (err != 0) {
        return err;
    }
    struct evidence *evidence = made;
    evidence->budget = budget;
    err = sites_create(budget, &evidence->heap);
    err = err == 0 ? sites_create(budget, &evidence->tasks) : err;
    if (err != 0) {
        evidence_destroy(&evidence);
        return err;
    }
    *out = evidence;
    return 0;
}

void evidence_destroy(struct evidence **evidence)
{
    struct evidence *gone = *evidence;
    if (gone == NULL) {
        return;
    }
    sites_destroy(&gone->heap);
    sites_destroy(&gone->tasks);
    slu_budget_free(gone->budget, gone, sizeof(struct evidence));
    *evidence = NULL;
}

static bool begins_with(struct slu_bytes bytes, const char *beginning)
{
    size_t len = strlen(beginning);
    return bytes.len >= len && memcmp(bytes.data, beginning, len) == 0;
}

/* A log has lines of text; profile.proto has bytes that no text has, and soon. */
static bool is_text(struct slu_bytes bytes)
{
    const unsigned char *text = bytes.data;
    for (size_t i = 0; i < bytes.len && i < 512; i++) {
        if (text[i] < ' ' && strchr("\t\n\r\f\x1b", text[i]) == NULL) {
            return false;
        }
        if (text[i] == '\0') {
            return false;
        }
    }
    return true;
}

static bool is_profile_text(struct slu_bytes bytes)
{
    return begins_with(bytes, "heap profile:") || begins_with(bytes, "heap_v2/") ||
           begins_with(bytes, "goroutine profile:") || begins_with(bytes, "threads profile:");
}

enum evidence_kind evidence_kind_of(struct slu_bytes bytes)
{
    if (bytes.len == 0) {
        return EVIDENCE_NOTHING;
    }
    if (capsule_is(bytes)) {
        return EVIDENCE_CAPSULE;
    }
    if (begins_with(bytes, "goroutine profile:") || begins_with(bytes, "threads profile:")) {
        return EVIDENCE_TASKS;
    }
    if (gunzip_is_gzip(bytes) || is_profile_text(bytes)) {
        return EVIDENCE_HEAP;
    }
    if (held_is(bytes)) {
        return EVIDENCE_HOLDERS;
    }
    if (is_text(bytes)) {
        return EVIDENCE_SAMPLES;
    }
    return begins_with(bytes, PROFILE_BEGINNING) ? EVIDENCE_HEAP : EVIDENCE_NOTHING;
}

/* Bytes that are there, as a source. */
struct view {
    struct slu_bytes left;
};

static int view_read(void *context, void *bytes, size_t room, size_t *got)
{
    struct view *view = context;
    *got = room < view->left.len ? room : view->left.len;
    if (*got > 0) {
        memcpy(bytes, view->left.data, *got);
        view->left.data = (const char *)view->left.data + *got;
        view->left.len -= *got;
    }
    return 0;
}

/* Profiles are of memory or of tasks; what is of neither (time, locks) is passed over. */
static int model_take(struct evidence *evidence, const struct model *model,
                      const struct evidence_input *input, enum evidence_kind *kind)
{
    double seconds = input->seconds;
    struct sites *sites = evidence->heap;
    *kind = EVIDENCE_HEAP;
    if (model_type_find(model, "inuse_space") == MODEL_NONE) {
        sites = evidence->tasks;
        *kind = EVIDENCE_TASKS;
    }
    if (!input->is_live && model->profiles.count > 0 && model_profile_at(model, 0)->time_ns > 0) {
        seconds = (double)model_profile_at(model, 0)->time_ns / SECOND_NS;
    }
    int err = sites_add(sites, model, seconds);
    if (err == -ENOENT) {
        *kind = EVIDENCE_NOTHING;
        return 0;
    }
    return err;
}

static int profile_add(struct evidence *evidence, const struct evidence_input *input,
                       enum evidence_kind *kind, struct slu_diag *diag)
{
    struct view view = {input->bytes};
    struct profile_source source = {view_read, &view, input->name};
    struct profile_read_options options = {.symbols = input->symbols};
    struct model *model = NULL;
    int err = model_create(evidence->budget, &model);
    if (err != 0) {
        return diag_fail(diag, err, "%.160s: %s", input->name, slu_error_text(err));
    }
    err = profile_read(model, &source, &options, diag);
    if (err == 0) {
        err = model_take(evidence, model, input, kind);
        err = err == 0 ? 0 : diag_fail(diag, err, "%.160s: %s", input->name, slu_error_text(err));
    }
    model_destroy(&model);
    return err;
}

static int capsule_add(struct evidence *evidence, const struct evidence_input *input,
                       struct slu_diag *diag)
{
    struct capsule_reader reader;
    struct capsule_part part;
    capsule_reader_init(&reader, input->bytes);
    while (capsule_next(&reader, &part)) {
        enum evidence_kind kind = EVIDENCE_NOTHING;
        struct evidence_input inner = {
            .bytes = part.bytes,
            .name = part.name,
            .seconds = part.seconds,
            .symbols = input->symbols,
        };
        if (capsule_is(part.bytes)) {
            continue;
        }
        int err = evidence_add(evidence, &inner, &kind, diag);
        if (err != 0) {
            return err;
        }
    }
    if (capsule_end(&reader) != 0) {
        return diag_fail(diag, -EBADMSG, "%.160s: byte %llu: the capsule is damaged or cut off",
                         input->name, (unsigned long long)reader.at);
    }
    return 0;
}

static enum evidence_kind lines_add(struct evidence *evidence, struct slu_bytes text)
{
    struct samples_found found = samples_add_lines(evidence, text);
    if (found.trace_lines > 0) {
        return EVIDENCE_TRACE;
    }
    return found.sample_lines > 0 ? EVIDENCE_SAMPLES : EVIDENCE_NOTHING;
}

static int holders_add(struct evidence *evidence, const struct evidence_input *input,
                       struct slu_diag *diag)
{
    if (evidence->input_count[EVIDENCE_HOLDERS] > 0 && input->seconds < evidence->held_seconds) {
        return 0;
    }
    evidence->held_seconds = input->seconds;
    int err = held_read(input->bytes, &evidence->held);
    return err == 0 ? 0
                    : diag_fail(diag, err, "%.160s: who holds the memory: damaged or cut off",
                                input->name);
}

int evidence_add(struct evidence *evidence, const struct evidence_input *input,
                 enum evidence_kind *kind, struct slu_diag *diag)
{
    int err = 0;
    *kind = evidence_kind_of(input->bytes);
    switch (*kind) {
    case EVIDENCE_CAPSULE:
        err = capsule_add(evidence, input, diag);
        break;
    case EVIDENCE_HEAP:
    case EVIDENCE_TASKS:
        err = profile_add(evidence, input, kind, diag);
        break;
    case EVIDENCE_SAMPLES:
        if (samples_is_proc(input->bytes)) {
            samples_add_proc(evidence, input->bytes, input->seconds);
        } else if (samples_is_account(input->bytes)) {
            samples_add_account(evidence, input->bytes, input->seconds);
        } else {
            *kind = lines_add(evidence, input->bytes);
        }
        break;
    case EVIDENCE_HOLDERS:
        err = holders_add(evidence, input, diag);
        break;
    case EVIDENCE_NOTHING:
    case EVIDENCE_TRACE:
    case EVIDENCE_KIND_COUNT:
        break;
    }
    evidence->input_count[*kind] += err == 0 ? 1 : 0;
    return err;
}

void evidence_forget(struct evidence *evidence, double seconds)
{
    sites_forget(evidence->heap, seconds);
    sites_forget(evidence->tasks, seconds);
    record_forget(&evidence->rss, seconds);
    record_forget(&evidence->thread_count, seconds);
    record_forget(&evidence->requests, seconds);
}
