/*
 * A text into a document, within bounds that are known before libfyaml builds anything.
 *
 * The text is read twice: as events, which need little memory, to count what the document will
 * hold, then to build it. So its memory is charged before it is taken, and mappings are short
 * enough for the search for duplicate keys, which compares each key with all before it.
 */
#include "pipeline/config_document.h"

#include <errno.h>
#include <string.h>

#include <sluice/arena.h>
#include <sluice/budget.h>

#include "base/utf8.h"
#include "pipeline/config.h"

#define TEXT_BYTES_MAX (UINT64_C(1) << 20)
#define KEYS_MAX       1024 /* of one mapping */
#define DEPTH_MAX      64   /* libfyaml's own */

/* What libfyaml takes at most, by measurement: a document, and each value, anchor or tag in it. */
#define DOCUMENT_BYTES UINT64_C(32768)
#define NODE_BYTES     UINT64_C(640)

/* Counts of a document, from its events. */
struct scan {
    struct config *config;
    uint64_t node_count; /* with anchors and tags */
    uint64_t document_count;
    uint64_t depth;
    uint64_t item_counts[DEPTH_MAX + 2]; /* of the collections that are open; keys and values */
    bool is_mapping[DEPTH_MAX + 2];
    bool is_bad; /* a mistake was told */
};

static void diag_swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

/* NULL without memory. */
static struct fy_diag *diag_make(void)
{
    struct fy_diag_cfg options;
    fy_diag_cfg_default(&options);
    options.fp = NULL;
    options.output_fn = diag_swallow;
    options.colorize = false;
    struct fy_diag *diag = fy_diag_create(&options);
    if (diag != NULL) {
        fy_diag_set_collect_errors(diag, true);
    }
    return diag;
}

static void diag_tell(struct config *config, struct fy_diag *diag)
{
    void *at = NULL;
    size_t before = config->mistake_count;
    const struct fy_diag_error *error = NULL;
    while ((error = fy_diag_errors_iterate(diag, &at)) != NULL) {
        uint32_t line = error->line > 0 ? (uint32_t)error->line : 1;
        uint32_t column = error->column > 0 ? (uint32_t)error->column : 1;
        config_mistake_at(config, line, config_column_bytes(config, line, column), "%s",
                          error->msg != NULL ? error->msg : "this is no YAML");
    }
    if (config->mistake_count == before) { /* as with a version of YAML that there is not */
        config_mistake_at(config, 1, 1, "this cannot be read as YAML");
    }
}

/* What libfyaml is not shown: NUL and text that is not UTF-8. True if that was told. */
static bool text_is_bad(struct config *config, struct slu_bytes text)
{
    const char *at = text.data;
    uint32_t line = 1;
    uint32_t column = 1;
    if (text.len > TEXT_BYTES_MAX) {
        config_mistake_at(config, 1, 1, "the file is larger than 1 MiB");
        return true;
    }
    for (size_t i = 0; i < text.len;) {
        uint32_t code = 0;
        size_t len = utf8_decode(at + i, text.len - i, &code);
        if (code == 0 || code == UTF8_INVALID) {
            config_mistake_at(config, line, column,
                              code == 0 ? "there is a NUL byte here" : "this is not UTF-8");
            return true;
        }
        column = at[i] == '\n' ? 1 : column + (uint32_t)len;
        line += at[i] == '\n';
        i += len;
    }
    return false;
}

static void scan_mistake(struct scan *scan, struct fy_token *token, const char *text)
{
    const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;
    uint32_t line = mark != NULL ? (uint32_t)mark->line + 1 : 1;
    uint32_t column = mark != NULL ? (uint32_t)mark->column + 1 : 1;
    config_mistake_at(scan->config, line, config_column_bytes(scan->config, line, column), "%s",
                      text);
    scan->is_bad = true;
}

/* One more value, in the collection that is open. */
static void scan_node(struct scan *scan, struct fy_token *token)
{
    scan->node_count++;
    if (++scan->item_counts[scan->depth] > 2 * KEYS_MAX && scan->is_mapping[scan->depth]) {
        scan_mistake(scan, token, "this mapping has more than 1024 keys");
    }
}

static void scan_open(struct scan *scan, struct fy_token *token, bool is_mapping)
{
    scan_node(scan, token);
    if (scan->depth > DEPTH_MAX) {
        scan_mistake(scan, token, "this is nested too deeply");
        return;
    }
    scan->depth++;
    scan->item_counts[scan->depth] = 0;
    scan->is_mapping[scan->depth] = is_mapping;
}

static void scan_marks(struct scan *scan, const struct fy_token *anchor, const struct fy_token *tag)
{
    scan->node_count += anchor != NULL;
    scan->node_count += tag != NULL;
}

static void scan_event(struct scan *scan, const struct fy_event *event)
{
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (++scan->document_count > 1) {
            scan_mistake(scan, event->document_start.document_start,
                         "a second document begins here; a configuration is one document");
        }
        break;
    case FYET_MAPPING_START:
        scan_open(scan, event->mapping_start.mapping_start, true);
        scan_marks(scan, event->mapping_start.anchor, event->mapping_start.tag);
        break;
    case FYET_SEQUENCE_START:
        scan_open(scan, event->sequence_start.sequence_start, false);
        scan_marks(scan, event->sequence_start.anchor, event->sequence_start.tag);
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        scan->depth--;
        break;
    case FYET_SCALAR:
        scan_node(scan, event->scalar.value);
        scan_marks(scan, event->scalar.anchor, event->scalar.tag);
        break;
    case FYET_ALIAS:
        scan_node(scan, event->alias.anchor);
        break;
    default:
        break;
    }
}

/* Count what is in the text; mistakes are told. Returns 0; -ENOMEM */
static int document_scan(struct scan *scan, const struct fy_parse_cfg *options)
{
    const struct config *config = scan->config;
    struct fy_parser *parser = fy_parser_create(options);
    if (parser == NULL) {
        return -ENOMEM;
    }
    struct fy_event *event = NULL;
    int failed = fy_parser_set_string(parser, config->text, config->text_len);
    while (failed == 0 && !scan->is_bad && (event = fy_parser_parse(parser)) != NULL) {
        scan_event(scan, event);
        fy_parser_event_free(parser, event);
    }
    bool is_error = failed != 0 || fy_parser_get_stream_error(parser);
    fy_parser_destroy(parser);
    if (is_error && !scan->is_bad) {
        diag_tell(scan->config, options->diag);
        scan->is_bad = true;
    }
    return 0;
}

static int document_build(struct config *config, const struct fy_parse_cfg *options,
                          uint64_t node_count)
{
    uint64_t bytes = DOCUMENT_BYTES + node_count * NODE_BYTES; /* of 1 MiB at the most: fits */
    int err = slu_budget_charge(config->budget, bytes);
    if (err != 0) {
        return err;
    }
    config->charged_bytes = bytes;
    config->document = fy_document_build_from_string(options, config->text, config->text_len);
    if (config->document == NULL) {
        diag_tell(config, options->diag);
    }
    return 0;
}

static int document_read(struct config *config)
{
    struct fy_diag *diag = diag_make();
    if (diag == NULL) {
        return -ENOMEM;
    }
    struct fy_parse_cfg options = {
        .search_path = "", .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct scan scan = {.config = config};
    int err = document_scan(&scan, &options);
    if (err == 0 && !scan.is_bad && scan.document_count > 0) {
        err = document_build(config, &options, scan.node_count);
    }
    fy_diag_destroy(diag);
    return err;
}

int config_document_open(struct config *config, struct slu_bytes text)
{
    static const char mark[3] = "\xef\xbb\xbf"; /* a byte order mark, as some editors write it */
    char *copy = NULL;
    if (text.len >= sizeof(mark) && memcmp(text.data, mark, sizeof(mark)) == 0) {
        text.data = (const char *)text.data + sizeof(mark);
        text.len -= sizeof(mark);
    }
    if (text.len == 0 || text_is_bad(config, text)) {
        return 0;
    }
    int err = slu_arena_copy(config->arena, text.data, text.len, &copy);
    if (err != 0) {
        return err;
    }
    config->text = copy;
    config->text_len = text.len;
    return document_read(config);
}

/* Lines end as libfyaml ends them: by LF, CR, or both. */
static const char *line_end(const char *at, const char *end)
{
    while (at < end && *at != '\n' && *at != '\r') {
        at++;
    }
    return at;
}

uint32_t config_column_bytes(const struct config *config, uint32_t line, uint32_t column)
{
    const char *at = config->text;
    const char *end = at + config->text_len;
    for (uint32_t i = 1; i < line && at < end; i++) {
        at = line_end(at, end);
        at += at + 1 < end && at[0] == '\r' && at[1] == '\n' ? 2 : at < end;
    }
    const char *start = at;
    const char *stop = line_end(at, end);
    for (uint32_t i = 1; i < column && at < stop; i++) {
        uint32_t code = 0;
        at += utf8_decode(at, (size_t)(stop - at), &code);
    }
    return (uint32_t)(at - start) + 1;
}
