/*
 * Property: whatever the text of a configuration, reading ends, every mistake has its place within
 * the text, the same text has the same mistakes, and all memory is given back.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/assert.h"
#include "pipeline/config.h"
#include "pipeline/config_pipelines.h"
#include "pipeline/memory_limits.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)
#define INPUT_MAX    ((size_t)16 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *variable(void *arg, const char *name)
{
    (void)arg;
    return name[0] == 'A' ? "5s: [x\n" : NULL;
}

/* Read it all; what was told, hashed. */
static uint64_t read_all(struct slu_budget *budget, struct slu_bytes text)
{
    struct config *config = NULL;
    struct config_pipelines pipelines = {0};
    struct memory_limits limits = {0};
    struct config_source source = {.name = "fuzz", .text = text, .variable = variable};
    uint64_t told = 5381;
    size_t kept = 0;
    if (config_parse(budget, &source, &config) != 0) {
        return 0;
    }
    int err = config_read_pipelines(config, &pipelines);
    if (err == 0) {
        err = memory_limits_read(config, &pipelines, 1 << 30, &limits);
    }
    const struct slu_diag *mistakes = config_mistakes(config, &kept);
    SLU_ASSERT((err == -EINVAL) == (config_mistake_count(config) > 0) || err == -EDQUOT);
    for (size_t i = 0; i < kept; i++) {
        SLU_ASSERT(mistakes[i].line >= 1 && mistakes[i].line <= text.len + 2);
        SLU_ASSERT(mistakes[i].column >= 1 && mistakes[i].column <= text.len + 2);
        for (const char *at = mistakes[i].message; *at != '\0'; at++) {
            told = told * 33 + (unsigned char)*at;
        }
    }
    config_destroy(&config);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    struct slu_budget_stats before;
    struct slu_budget_stats after;
    struct slu_bytes text = {data, size};
    if (size > INPUT_MAX) {
        return 0;
    }
    int err = slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget);
    SLU_ASSERT(err == 0);
    slu_budget_stats(budget, &before);
    uint64_t first = read_all(budget, text);
    uint64_t second = read_all(budget, text);
    SLU_ASSERT(first == second);
    slu_budget_stats(budget, &after);
    SLU_ASSERT(before.used_bytes == after.used_bytes);
    slu_budget_destroy(&budget);
    return 0;
}
