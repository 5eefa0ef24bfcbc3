#include <stdio.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "pipeline/exporter_state.h"
#include "sys/wall_clock.h"

/* xorshift64*: jitter needs no better. */
static uint64_t draw(struct exporter *exporter)
{
    mutex_lock(&exporter->lock);
    uint64_t state = exporter->random | 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    exporter->random = state;
    mutex_unlock(&exporter->lock);
    return state * UINT64_C(0x2545F4914F6CDD1D);
}

static void count(struct exporter *exporter, uint64_t record_count, const struct outcome *outcome)
{
    uint64_t refused =
        outcome->refused_count < record_count ? outcome->refused_count : record_count;
    if (outcome->kind == OUTCOME_TAKEN) {
        stage_count(&exporter->sent_count, record_count - refused);
        stage_count(&exporter->lost_count, refused);
    } else if (outcome->kind == OUTCOME_REFUSED) {
        stage_count(&exporter->lost_count, record_count);
    }
}

/* Say once that it fails, and once that it works again. */
static void tell(struct exporter *exporter, const struct outcome *outcome)
{
    bool is_failing = outcome->kind != OUTCOME_TAKEN;
    if (exporter->context.say == NULL) {
        return;
    }
    char text[SLU_DIAG_MESSAGE_MAX + 64];
    if (atomic_exchange_explicit(&exporter->is_failing, is_failing, memory_order_relaxed) ==
        is_failing) {
        return;
    }
    if (is_failing) {
        (void)snprintf(text, sizeof(text), "%s%s", outcome->reason,
                       outcome->kind == OUTCOME_LATER ? "; trying again" : "; given up");
    } else {
        (void)snprintf(text, sizeof(text), "%s: works again", exporter->stage.name);
    }
    exporter->context.say(exporter->context.say_arg, text);
}

void exporter_tried(struct exporter *exporter, uint64_t record_count, uint64_t begin_ns,
                    const struct outcome *outcome)
{
    uint64_t took_ns = slu_clock_monotonic_ns() - begin_ns;
    count(exporter, record_count, outcome);
    mutex_lock(&exporter->lock);
    if (took_ns >= exporter->longest.end_ns - exporter->longest.begin_ns) {
        uint64_t now_ns = (uint64_t)wall_clock_ns();
        exporter->longest = (struct exporter_span){.begin_ns = now_ns - took_ns,
                                                   .end_ns = now_ns,
                                                   .record_count = record_count,
                                                   .kind = outcome->kind};
    }
    mutex_unlock(&exporter->lock);
}

void exporter_deliver(struct exporter *exporter, struct slu_scope *scope,
                      const struct export_message *message, struct outcome *outcome)
{
    struct retry retry;
    if (exporter->remote != NULL) {
        retry_begin(&retry, &exporter->remote->retry, slu_clock_monotonic_ns());
    }
    for (;;) {
        *outcome = (struct outcome){.kind = OUTCOME_TAKEN};
        uint64_t begin_ns = slu_clock_monotonic_ns();
        exporter->type->send(exporter->self, scope, message, outcome);
        exporter_tried(exporter, message->record_count, begin_ns, outcome);
        if (slu_scope_error(scope) == 0) {
            tell(exporter, outcome);
        }
        if (outcome->kind != OUTCOME_LATER) {
            return;
        }
        stage_count(&exporter->failed_count, 1);
        uint64_t delay_ns = 0;
        uint64_t now_ns = slu_clock_monotonic_ns();
        if (exporter->remote == NULL || slu_scope_error(scope) != 0 ||
            !retry_next(&retry, now_ns, outcome->retry_ns, draw(exporter), &delay_ns) ||
            slu_scope_sleep_until(scope, now_ns + delay_ns) != 0) {
            return;
        }
    }
}
