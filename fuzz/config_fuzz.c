/*
 * Property: any text is read as a configuration, or mistakes are told, and they lie within the
 * text, in its order, in one line of UTF-8 each; read twice it gives the same; nothing is left
 * charged; and no value is put together from what a variable holds but as text.
 *
 * Input: the file.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/utf8.h"
#include "pipeline/batch.h"
#include "pipeline/config.h"
#include "pipeline/config_pipelines.h"
#include "pipeline/memory_limits.h"
#include "pipeline/retry.h"

#define BUDGET_BYTES (UINT64_C(64) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reading gave. */
struct reading {
    int err;
    uint64_t digest; /* of mistakes and of what was read */
};

static void check_that(bool holds)
{
    if (!holds) {
        abort();
    }
}

static const char *variable(void *arg, const char *name)
{
    (void)arg;
    return name[0] == 'U' ? NULL : "a: [${b}]\n- \"c";
}

static void mix(struct reading *reading, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) { /* FNV-1a */
        reading->digest = (reading->digest ^ at[i]) * UINT64_C(1099511628211);
    }
}

static size_t line_count(const uint8_t *data, size_t size)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        bool is_pair = data[i] == '\r' && i + 1 < size && data[i + 1] == '\n';
        lines += (data[i] == '\n' || data[i] == '\r') && !is_pair;
    }
    return lines;
}

static void check_message(const char *message)
{
    size_t len = strlen(message);
    check_that(len > 0 && len < SLU_DIAG_MESSAGE_MAX);
    for (size_t i = 0; i < len;) {
        uint32_t code = 0;
        i += utf8_decode(message + i, len - i, &code);
        check_that(code >= ' ' && code != UTF8_INVALID);
    }
}

static void check_mistakes(struct config *config, const uint8_t *data, size_t size,
                           struct reading *reading)
{
    size_t kept = 0;
    const struct slu_diag *mistakes = config_mistakes(config, &kept);
    size_t lines = line_count(data, size);
    check_that(kept <= config_mistake_count(config) && kept <= CONFIG_MISTAKES_MAX);
    for (size_t i = 0; i < kept; i++) {
        const struct slu_diag *mistake = &mistakes[i];
        check_that(mistake->line >= 1 && mistake->line <= lines + 1);
        check_that(mistake->column >= 1 && mistake->column <= size + 1);
        check_that(
            i == 0 || mistakes[i - 1].line < mistake->line ||
            (mistakes[i - 1].line == mistake->line && mistakes[i - 1].column <= mistake->column));
        check_message(mistake->message);
        mix(reading, mistake, offsetof(struct slu_diag, message) + strlen(mistake->message));
    }
}

static void read_options(struct config *config, const struct config_node *node)
{
    struct batch_options batch = batch_defaults;
    struct retry_options retry = RETRY_DEFAULTS;
    int err = config_read(config, node, &batch_object, &batch);
    if (err == 0) {
        err = batch_check(config, node, &batch);
    }
    check_that(err == 0 || err == -EINVAL || err == -EDQUOT);
    err = config_read(config, node, &retry_object, &retry);
    check_that(err == 0 || err == -EINVAL || err == -EDQUOT);
}

static void read_parts(struct config *config, const struct config_pipelines *pipelines,
                       struct reading *reading)
{
    struct memory_limits limits = {0};
    for (size_t i = 0; i < pipelines->processors.count; i++) {
        const struct config_component *component = &pipelines->processors.items[i];
        mix(reading, component->name, strlen(component->name));
        read_options(config, component->node);
    }
    int err = memory_limits_read(config, pipelines, BUDGET_BYTES, &limits);
    check_that(err == 0 || err == -EINVAL || err == -EDQUOT);
    for (size_t i = 0; i < pipelines->pipeline_count; i++) {
        const struct config_pipeline *pipeline = &pipelines->pipelines[i];
        check_that(pipeline->signal < OTLP_SIGNAL_COUNT);
        check_that(pipeline->receiver_count > 0 && pipeline->exporter_count > 0);
        check_that(strncmp(pipeline->receivers[0]->name, pipeline->receivers[0]->type,
                           strlen(pipeline->receivers[0]->type)) == 0);
        mix(reading, pipeline->name, strlen(pipeline->name));
    }
}

static struct reading read_once(struct slu_budget *budget, const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct config_pipelines pipelines;
    struct config_source source = {.name = "fuzz", .text = {data, size}, .variable = variable};
    struct reading reading = {.digest = UINT64_C(14695981039346656037)};
    reading.err = config_parse(budget, &source, &config);
    if (reading.err != 0) {
        check_that(reading.err == -EDQUOT);
        return reading;
    }
    reading.err = config_read_pipelines(config, &pipelines);
    check_that(reading.err == 0 || reading.err == -EINVAL || reading.err == -EDQUOT);
    check_that(reading.err != -EINVAL || config_mistake_count(config) > 0);
    check_that(reading.err != 0 || config_mistake_count(config) == 0);
    if (reading.err == 0) {
        read_parts(config, &pipelines, &reading);
    }
    read_options(config, config_root(config));
    check_mistakes(config, data, size, &reading);
    config_destroy(&config);
    return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    check_that(slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget) == 0);
    struct reading first = read_once(budget, data, size);
    struct reading second = read_once(budget, data, size);
    check_that(first.err == second.err && first.digest == second.digest);
    slu_budget_destroy(&budget); /* asserts that nothing is charged */
    return 0;
}
