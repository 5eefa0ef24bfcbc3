#include "cli/heap_web.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/diag.h>
#include <sluice/error.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/heap_session.h"
#include "cli/page_server.h"
#include "cli/pages_client.h"
#include "cli/web_assets.h"
#include "codec/json_writer.h"
#include "profile/model.h"
#include "view/document.h"
#include "view/view.h"

#define ACCOUNT_BYTES_MAX  ((size_t)4 << 20)
#define ANSWER_BYTES       ((size_t)64 * 1024)
#define ERROR_BYTES        1024
#define NAME_BYTES         128
#define URL_BYTES          2048
#define BELOW_BYTES        PAGE_REQUEST_BYTES_MAX
#define BELOW_MAX          (BELOW_BYTES / 2) /* a digit and a dot each */
#define PAGES              "/debug/pprof/"
#define PAGES_LEN          ((int)sizeof(PAGES) - 1)
#define ACCOUNT_TIMEOUT_NS UINT64_C(10000000000)

int heap_web_send(void *context, const char *bytes, size_t len)
{
    struct page_answer *answer = context;
    if (!answer->has_begun) {
        page_answer_begin(answer, "application/json");
    }
    return page_answer_write(answer, bytes, len);
}

/* The number behind "resident": {"bytes": ; -1 if there is none. */
static int64_t resident_of(const struct heap_web *web)
{
    const char *resident = web->account == NULL ? NULL : strstr(web->account, "\"resident\"");
    const char *bytes = resident == NULL ? NULL : strstr(resident, "\"bytes\"");
    const char *colon = bytes == NULL ? NULL : strchr(bytes, ':');
    return colon == NULL ? -1 : strtoll(colon + 1, NULL, 10);
}

static void account_drop(struct heap_web *web)
{
    slu_budget_free(web->session->budget, web->account, web->account_bytes);
    web->account = NULL;
    web->account_bytes = web->account_len = 0;
}

/* Read it whole, with a final zero; one that does not come or is too large is none. */
static void account_read(struct heap_web *web, int fd)
{
    void *block = NULL;
    if (slu_budget_alloc(web->session->budget, ACCOUNT_BYTES_MAX, &block) != 0) {
        return;
    }
    web->account = block;
    web->account_bytes = ACCOUNT_BYTES_MAX;
    ssize_t len = 1;
    while (len > 0 && web->account_len < ACCOUNT_BYTES_MAX - 1) {
        len = read(fd, web->account + web->account_len, ACCOUNT_BYTES_MAX - 1 - web->account_len);
        web->account_len += len > 0 ? (size_t)len : 0;
    }
    web->account[web->account_len] = '\0';
    if (len != 0 || web->account[0] != '{') {
        account_drop(web);
    }
}

/* Of a process that has none, as a Go program, the page does without. */
static void account_fetch(struct heap_web *web)
{
    char url[URL_BYTES];
    struct slu_diag diag;
    const char *pages = strstr(web->source, PAGES);
    int len = pages == NULL ? (int)strlen(web->source) : (int)(pages - web->source) + PAGES_LEN;
    const struct pages_wanted wanted = {
        .source = url, .page = "memory", .timeout_ns = ACCOUNT_TIMEOUT_NS};
    account_drop(web);
    if (!web->is_live || snprintf(url, sizeof(url), "%.*s", len, web->source) >= URL_BYTES) {
        return;
    }
    int fd = memfd_create("account", MFD_CLOEXEC);
    if (fd >= 0 && pages_fetch(&wanted, fd, &diag) == 0 && lseek(fd, 0, SEEK_SET) == 0) {
        account_read(web, fd);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int resident_add(struct heap_web *web)
{
    uint32_t added = 0;
    int64_t none = -1;
    int err = 0;
    while (err == 0 && web->resident.count < web->session->model->profiles.count) {
        err = column_add(&web->resident, &none, &added);
    }
    if (err == 0) {
        account_fetch(web);
        *(int64_t *)column_at(&web->resident, web->resident.count - 1) = resident_of(web);
        web->generation++;
    }
    return err;
}

int heap_web_init(struct heap_web *web)
{
    column_init(&web->resident, web->session->budget, sizeof(int64_t), 13);
    return resident_add(web);
}

void heap_web_deinit(struct heap_web *web)
{
    account_drop(web);
    column_deinit(&web->resident);
}

void heap_web_refresh(struct heap_web *web)
{
    struct slu_diag diag;
    web->problem[0] = '\0';
    if (web->session->model->profiles.count >= DOCUMENT_MOMENTS_MAX) {
        snprintf(web->problem, sizeof(web->problem), "there is no room for more than %d moments",
                 DOCUMENT_MOMENTS_MAX);
        return;
    }
    int err = heap_session_add(web->session, web->source, &diag);
    if (err == 0) {
        err = resident_add(web);
        (void)diag_fail(&diag, err, "%s", slu_error_text(err));
    }
    if (err != 0) {
        snprintf(web->problem, sizeof(web->problem), "%.200s%s", diag.message,
                 err == -EDQUOT ? "; --memory allows more" : "");
    }
}

static void refuse(struct page_answer *answer, const char *status, const char *what,
                   const char *next)
{
    char text[ERROR_BYTES];
    struct sink sink;
    struct json_writer json;
    sink_init_fixed(&sink, text, sizeof(text));
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    json_write_key(&json, "error");
    json_write_string(&json, what);
    json_write_key(&json, "next");
    json_write_string(&json, next);
    json_end_object(&json);
    json_writer_end(&json);
    page_answer_bytes(answer, status, "application/json", NULL, NULL,
                      (struct slu_bytes){text, sink.len});
}

int heap_web_moment(const struct heap_web *web, const struct page_request *request,
                    const char *name, uint32_t *profile, struct slu_diag *diag)
{
    char text[NAME_BYTES];
    char *end = NULL;
    int err = page_request_value(request, name, text, sizeof(text));
    if (err == -ENOENT) {
        *profile = document_newest(web->session->view);
        return 0;
    }
    unsigned long number = err == 0 ? strtoul(text, &end, 10) : 0;
    if (err != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' ||
        number >= web->session->model->profiles.count) {
        return diag_fail(diag, -EINVAL, "%s: there is no such moment", name);
    }
    *profile = (uint32_t)number;
    return 0;
}

/* The type that the query names, or the usual one. */
static int type_of(const struct heap_web *web, const struct page_request *request, uint32_t profile,
                   uint32_t *type, struct slu_diag *diag)
{
    char name[NAME_BYTES];
    int err = page_request_value(request, "type", name, sizeof(name));
    *type = err == 0 ? model_type_find(web->session->model, name)
                     : document_default_type(web->session->view, profile);
    return (err == 0 || err == -ENOENT) && *type != MODEL_NONE
               ? 0
               : diag_fail(diag, -EINVAL, "type: there is no such one");
}

static bool is_path(const struct page_request *request, const char *path)
{
    return request->path.len == strlen(path) &&
           memcmp(request->path.data, path, request->path.len) == 0;
}

/* Which moment a query asks for, or which two. */
struct chosen {
    uint32_t base; /* MODEL_NONE: one alone */
    uint32_t profile;
    uint32_t type;
};

static int chosen_read(const struct heap_web *web, const struct page_request *request,
                       struct chosen *chosen, struct slu_diag *diag)
{
    char text[NAME_BYTES];
    bool is_diff = is_path(request, "/api/diff") ||
                   (is_path(request, "/api/functions") &&
                    page_request_value(request, "a", text, sizeof(text)) != -ENOENT);
    *chosen = (struct chosen){.base = MODEL_NONE};
    int err = heap_web_moment(web, request, is_diff ? "b" : "at", &chosen->profile, diag);
    if (err == 0 && is_diff) {
        err = heap_web_moment(web, request, "a", &chosen->base, diag);
    }
    return err == 0 ? type_of(web, request, chosen->profile, &chosen->type, diag) : err;
}

/* The query's `below`: entries with dots between them. */
struct below {
    char text[BELOW_BYTES];
    uint32_t entries[BELOW_MAX];
};

static int below_read(const struct page_request *request, const struct view *view,
                      struct below *below, uint32_t *count, struct slu_diag *diag)
{
    char *end = below->text;
    int err = page_request_value(request, "below", below->text, sizeof(below->text));
    *count = 0;
    if (err == -ENOENT) {
        return 0;
    }
    for (char *at = below->text; err == 0 && end != NULL; at = end + 1) {
        unsigned long entry = strtoul(at, &end, 10);
        bool is_right = at[0] >= '0' && at[0] <= '9' && entry < view->entries.count &&
                        (*end == '.' || *end == '\0') && *count < BELOW_MAX;
        if (!is_right) {
            err = -EINVAL;
        } else {
            below->entries[(*count)++] = (uint32_t)entry;
            end = *end == '\0' ? NULL : end;
        }
    }
    return err == 0 ? 0 : diag_fail(diag, -EINVAL, "below: there is no such stack");
}

static int tree_write(const struct document *document, const struct heap_web *web,
                      const struct page_request *request, struct sink *sink, struct slu_diag *diag)
{
    struct chosen chosen;
    int err = chosen_read(web, request, &chosen, diag);
    if (err != 0) {
        return err;
    }
    err = chosen.base != MODEL_NONE
              ? document_diff(document, chosen.base, chosen.profile, chosen.type, sink)
              : document_profile(document, chosen.profile, sink);
    return err == 0 ? 0 : diag_fail(diag, err, "%s", slu_error_text(err));
}

static int functions_write(const struct document *document, const struct heap_web *web,
                           const struct page_request *request, struct sink *sink,
                           struct slu_diag *diag)
{
    struct chosen chosen;
    int err = chosen_read(web, request, &chosen, diag);
    if (err != 0) {
        return err;
    }
    err = document_functions(document, chosen.base, chosen.profile, chosen.type, sink);
    return err == 0 ? 0 : diag_fail(diag, err, "%s", slu_error_text(err));
}

/* The same with what the query's `below` asks for. */
static int tree_below_write(const struct document *document, const struct heap_web *web,
                            const struct page_request *request, struct sink *sink,
                            struct slu_diag *diag)
{
    struct slu_budget *budget = web->session->budget;
    struct document part = *document;
    void *block = NULL;
    if (slu_budget_alloc(budget, sizeof(struct below), &block) != 0) {
        return diag_fail(diag, -EDQUOT, "no memory for an answer");
    }
    struct below *below = block;
    int err = below_read(request, document->view, below, &part.below_count, diag);
    if (err == 0) {
        part.below = below->entries;
        err = tree_write(&part, web, request, sink, diag);
    }
    slu_budget_free(budget, block, sizeof(struct below));
    return err;
}

static int timeline_write(const struct document *document, const struct heap_web *web,
                          const struct page_request *request, struct sink *sink,
                          struct slu_diag *diag)
{
    uint32_t type = 0;
    int err = type_of(web, request, document_newest(document->view), &type, diag);
    if (err != 0) {
        return err;
    }
    err = document_timeline(document, type, sink);
    return err == 0 ? 0 : diag_fail(diag, err, "%s", slu_error_text(err));
}

typedef int (*document_write)(const struct document *document, const struct heap_web *web,
                              const struct page_request *request, struct sink *sink,
                              struct slu_diag *diag);

int heap_web_view(const struct heap_web *web, const struct page_request *request, bool by_line,
                  struct slu_diag *diag, struct view **view)
{
    char tag[HEAP_WEB_TAG_BYTES];
    int err = page_request_value(request, "tag", tag, sizeof(tag));
    if (err != 0 && err != -ENOENT) {
        return diag_fail(diag, -EINVAL, "tag: cannot be read");
    }
    if (err == -ENOENT && !by_line) {
        return 0;
    }
    return heap_session_view(web->session, by_line, err == 0 ? tag : NULL, diag, view);
}

/* With the view that the query's tag asks for. */
static int view_answer(const struct heap_web *web, const struct page_request *request,
                       struct page_answer *answer, document_write write, struct slu_diag *diag)
{
    const struct heap_session *session = web->session;
    struct view *view = NULL;
    void *staging = NULL;
    struct sink sink;
    int err = heap_web_view(web, request, false, diag, &view);
    if (err == 0 && slu_budget_alloc(session->budget, ANSWER_BYTES, &staging) != 0) {
        err = diag_fail(diag, -EDQUOT, "no memory for an answer");
    }
    if (err == 0) {
        struct document document = {
            .view = view == NULL ? session->view : view,
            .source = web->source,
            .resident = &web->resident,
            .generation = web->generation,
            .is_live = web->is_live,
            .has_memory = web->account != NULL,
        };
        sink_init(&sink, heap_web_send, answer, staging, ANSWER_BYTES);
        err = write(&document, web, request, &sink, diag);
        sink_flush(&sink); /* answer->err has what goes wrong */
    }
    slu_budget_free(session->budget, staging, ANSWER_BYTES);
    view_destroy(&view);
    return err;
}

static void state_answer(struct heap_web *web, struct page_answer *answer)
{
    char text[ERROR_BYTES];
    struct sink sink;
    struct json_writer json;
    web->asked_ns = slu_clock_monotonic_ns();
    sink_init_fixed(&sink, text, sizeof(text));
    json_writer_init(&json, &sink, JSON_COMPACT);
    json_begin_object(&json);
    document_number(&json, "version", DOCUMENT_VERSION);
    document_number(&json, "generation", (int64_t)web->generation);
    json_write_key(&json, "live");
    json_write_bool(&json, web->is_live);
    json_write_key(&json, "problem");
    if (web->problem[0] == '\0') {
        json_write_null(&json);
    } else {
        json_write_string(&json, web->problem);
    }
    json_end_object(&json);
    json_writer_end(&json);
    page_answer_bytes(answer, "200 OK", "application/json", NULL, NULL,
                      (struct slu_bytes){text, sink.len});
}

/* The account is handed on as the process told it. */
static void memory_answer(const struct heap_web *web, struct page_answer *answer)
{
    char head[NAME_BYTES];
    if (web->account == NULL) {
        refuse(answer, "404 Not Found", "this source has no account of memory",
               "A process that runs below 'sluice heap run --listen' has one.");
        return;
    }
    int len = snprintf(head, sizeof(head), "{\"version\": 1, \"generation\": %llu, \"account\": ",
                       (unsigned long long)web->generation);
    (void)heap_web_send(answer, head, (size_t)len); /* answer->err has it */
    (void)heap_web_send(answer, web->account, web->account_len);
    (void)heap_web_send(answer, "}\n", 2);
}

static const struct web_asset *asset_find(const struct page_request *request)
{
    for (size_t i = 0; i < heap_page_asset_count; i++) {
        if (is_path(request, heap_page_assets[i].path)) {
            return &heap_page_assets[i];
        }
    }
    return NULL;
}

static void asset_answer(const struct web_asset *asset, const struct page_request *request,
                         struct page_answer *answer)
{
    struct slu_bytes none = {"", 0};
    struct slu_bytes packed = {asset->packed, asset->packed_len};
    size_t len = strlen(asset->etag);
    if (request->if_none_match.len > 0 &&
        memmem(request->if_none_match.data, request->if_none_match.len, asset->etag, len) != NULL) {
        page_answer_bytes(answer, "304 Not Modified", asset->type, NULL, asset->etag, none);
    } else if (!request->takes_gzip) {
        page_answer_bytes(answer, "406 Not Acceptable", "text/plain", NULL, NULL,
                          (struct slu_bytes){"Accept-Encoding: gzip\n", 22});
    } else {
        page_answer_bytes(answer, "200 OK", asset->type, "gzip", asset->etag, packed);
    }
}

static int api_answer(struct heap_web *web, const struct page_request *request,
                      struct page_answer *answer, struct slu_diag *diag)
{
    if (is_path(request, "/api/profile") || is_path(request, "/api/diff")) {
        return view_answer(web, request, answer, tree_below_write, diag);
    }
    if (is_path(request, "/api/functions")) {
        return view_answer(web, request, answer, functions_write, diag);
    }
    if (is_path(request, "/api/timeline")) {
        return view_answer(web, request, answer, timeline_write, diag);
    }
    if (is_path(request, "/api/source")) {
        return heap_web_source(web, request, answer, diag);
    }
    if (is_path(request, "/api/state")) {
        state_answer(web, answer);
    } else if (is_path(request, "/api/memory")) {
        memory_answer(web, answer);
    } else {
        refuse(answer, "404 Not Found", "there is no such document", "See the documentation.");
    }
    return 0;
}

void heap_web_answer(void *context, const struct page_request *request, struct page_answer *answer)
{
    const struct web_asset *asset = asset_find(request);
    struct slu_diag diag = {0};
    if (asset != NULL) {
        asset_answer(asset, request, answer);
        return;
    }
    int err = api_answer(context, request, answer, &diag);
    if (err != 0 && !answer->has_begun) {
        bool is_theirs = err == -EINVAL || err == -ENOENT;
        refuse(answer, is_theirs ? "400 Bad Request" : "503 Service Unavailable", diag.message,
               is_theirs ? "Go back, or open the page without parameters."
                         : "Start it again with a larger --memory.");
    }
}
