/*
 * Property: whatever the bytes, taking them in as evidence and judging it ends within its memory,
 * and the report has a verdict whose confidence is a probability. Damage is told.
 */
#include <stddef.h>
#include <stdint.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/assert.h"
#include "diagnose/evidence.h"
#include "diagnose/verdict.h"

#define BUDGET_BYTES ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_report(struct evidence *evidence)
{
    static struct report report;
    struct verdict_options options = {.rate_max = VERDICT_RATE_DEFAULT};
    verdict_judge(evidence, &options, &report);
    SLU_ASSERT(report.verdict_count >= 1 && report.verdict_count <= VERDICTS_MAX);
    for (uint32_t i = 0; i < report.verdict_count; i++) {
        const struct verdict *verdict = &report.verdicts[i];
        SLU_ASSERT(verdict->confidence >= 0 && verdict->confidence <= 1);
        SLU_ASSERT(verdict->evidence_count <= VERDICT_EVIDENCE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slu_budget *budget = NULL;
    struct evidence *evidence = NULL;
    struct slu_diag diag;
    enum evidence_kind kind = EVIDENCE_NOTHING;
    struct evidence_input input = {.bytes = {bytes, len}, .name = "input", .seconds = 1};
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", BUDGET_BYTES, &budget) == 0);
    SLU_ASSERT(evidence_create(budget, &evidence) == 0);
    int err = evidence_add(evidence, &input, &kind, &diag);
    SLU_ASSERT(err == 0 || diag.message[0] != '\0');
    check_report(evidence);
    evidence_destroy(&evidence);
    slu_budget_destroy(&budget);
    return 0;
}
