/*
 * Property: any text, as a statement and as a condition of OTTL in every context, is parsed to a
 * result or a mistake, and what was parsed runs on a message that stays well formed.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/block.h"
#include "base/utf8.h"
#include "pipeline/config.h"
#include "pipeline/ottl.h"
#include "wire/otlp_check.h"
#include "wire/otlp_image.h"
#include "wire/otlp_json_read.h"
#include "wire/otlp_rewrite.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define INPUT_MAX    ((size_t)1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char traces[] =
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"a\",\"value\":"
    "{\"intValue\":1}}]},\"scopeSpans\":[{\"spans\":[{\"name\":\"n\",\"kind\":2,"
    "\"status\":{\"code\":2},\"attributes\":[{\"key\":\"a\",\"value\":"
    "{\"stringValue\":\"x\"}}]}]}]}]}";

static const char metrics[] =
    "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"m\",\"sum\":"
    "{\"dataPoints\":[{\"asInt\":3}]}},{\"name\":\"h\",\"histogram\":"
    "{\"dataPoints\":[{\"count\":2}]}}]}]}]}";

static const char logs[] =
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"b\\u00e9\"},"
    "\"severityNumber\":9,\"traceId\":\"5b8efff798038103d269b633813fc60c\"}]}]}]}";

static const char *const documents[] = {traces, metrics, logs};

struct subject {
    struct otlp_image image;
    const struct ottl_condition *condition;
    const struct ottl_statement *statement;
};

static enum otlp_verdict visit(void *arg, const struct otlp_view *view, struct protobuf_block *out)
{
    struct subject *subject = arg;
    struct ottl_subject about = {.view = view, .image = &subject->image};
    otlp_image_read(&subject->image, view->self);
    if (subject->condition != NULL) {
        return ottl_is_true(subject->condition, &about) ? OTLP_DROP : OTLP_KEEP;
    }
    ottl_run(subject->statement, &about);
    if (!subject->image.is_changed) {
        return OTLP_KEEP;
    }
    otlp_image_write(&subject->image, out);
    return OTLP_CHANGE;
}

static void run(struct slu_budget *budget, const struct ottl_source *source,
                struct subject *subject)
{
    struct block message = {0};
    struct otlp_rewritten rewritten = {0};
    struct otlp_counts counts = {0};
    const char *document = documents[source->signal];
    int err = otlp_json_read(budget, source->signal, (struct slu_bytes){document, strlen(document)},
                             &message, NULL);
    SLU_ASSERT(err == 0);
    err = otlp_rewrite(budget, source->signal, (struct slu_bytes){message.data, message.len},
                       source->level, visit, subject, &rewritten);
    SLU_ASSERT(err == 0);
    if (rewritten.is_changed) {
        err = otlp_check(source->signal,
                         (struct slu_bytes){rewritten.message.data, rewritten.message.len}, &counts,
                         NULL);
        SLU_ASSERT(err == 0);
        block_free(budget, &rewritten.message);
    }
    block_free(budget, &message);
}

static void try_text(struct slu_budget *budget, struct ottl_source *source, const char *text)
{
    struct ottl *ottl = NULL;
    struct ottl_condition *condition = NULL;
    struct ottl_statement *statement = NULL;
    struct subject subject = {0};
    int err = ottl_create(budget, &ottl);
    SLU_ASSERT(err == 0);
    err = otlp_image_init(&subject.image, budget);
    SLU_ASSERT(err == 0);
    size_t before = config_mistake_count(source->config);
    if (ottl_parse_condition(ottl, source, text, &condition) == 0) {
        subject.condition = condition;
        run(budget, source, &subject);
    } else {
        SLU_ASSERT(config_mistake_count(source->config) == before + 1);
    }
    subject.condition = NULL;
    if (ottl_parse_statement(ottl, source, text, &statement) == 0) {
        subject.statement = statement;
        run(budget, source, &subject);
    }
    otlp_image_deinit(&subject.image);
    ottl_destroy(&ottl);
}

static bool is_utf8(const uint8_t *data, size_t size)
{
    uint32_t code = 0;
    for (size_t i = 0; i < size && code != UTF8_INVALID;) {
        i += utf8_decode((const char *)data + i, size - i, &code);
    }
    return code != UTF8_INVALID;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    struct config *config = NULL;
    struct config_source empty = {.name = "fuzz", .text = {"a: b", 4}};
    char text[INPUT_MAX + 1];
    if (size > INPUT_MAX || memchr(data, 0, size) != NULL || !is_utf8(data, size)) {
        return 0; /* a configuration has no such text */
    }
    memcpy(text, data, size);
    text[size] = '\0';
    int err = slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget);
    SLU_ASSERT(err == 0);
    err = config_parse(budget, &empty, &config);
    SLU_ASSERT(err == 0);
    for (int signal = 0; signal < OTLP_SIGNAL_COUNT; signal++) {
        for (int level = OTLP_RESOURCE_LEVEL; level <= OTLP_RECORD_LEVEL; level++) {
            struct ottl_source source = {.signal = (enum otlp_signal)signal,
                                         .level = (enum otlp_level)level,
                                         .config = config,
                                         .node = config_root(config)};
            if (level != OTLP_METRIC_LEVEL || signal == OTLP_METRICS) {
                try_text(budget, &source, text);
            }
        }
    }
    config_destroy(&config);
    slu_budget_destroy(&budget);
    return 0;
}
