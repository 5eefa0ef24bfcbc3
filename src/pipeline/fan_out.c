#include "pipeline/fan_out.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "pipeline/payload.h"
#include "pipeline/stage.h"

#define ROOM_RETRY_NS UINT64_C(1000000000)

struct fan_out {
    struct stage stage;
    struct slu_budget *budget;
    size_t size_bytes;
    size_t count;
    struct stage *next[];
};

/* All clones are made before one is handed on: either all ways are gone, or none. */
static void fan_out_consume(struct stage *stage, struct payload *payload, uint64_t now_ns)
{
    struct fan_out *fan_out = (struct fan_out *)stage;
    struct payload *clones = NULL;
    stage_count(&stage->in_count, payload->record_count);
    for (size_t i = 1; i < fan_out->count; i++) {
        struct payload *clone = NULL;
        if (payload_clone(payload, &clone) != 0) {
            struct outcome none = {.kind = OUTCOME_TAKEN};
            payload_end_all(clones, &none);
            stage_count(&stage->refused_count, payload->record_count);
            payload_end_later(payload, ROOM_RETRY_NS, "no memory for a copy to each pipeline");
            return;
        }
        clone->next = clones;
        clones = clone;
    }
    stage_consume(fan_out->next[0], payload, now_ns);
    for (size_t i = 1; i < fan_out->count; i++) {
        struct payload *clone = clones;
        clones = clone->next;
        clone->next = NULL;
        stage_consume(fan_out->next[i], clone, now_ns);
    }
}

int fan_out_create(struct slu_budget *budget, struct stage *const *next, size_t count,
                   struct stage **out)
{
    SLU_ASSERT(count > 0);
    void *memory = NULL;
    size_t size_bytes = sizeof(struct fan_out) + count * sizeof(struct stage *);
    int err = slu_budget_alloc(budget, size_bytes, &memory);
    if (err != 0) {
        return err;
    }
    struct fan_out *fan_out = memory;
    fan_out->stage.consume = fan_out_consume;
    fan_out->stage.name = "fan-out";
    fan_out->budget = budget;
    fan_out->size_bytes = size_bytes;
    fan_out->count = count;
    memcpy(fan_out->next, next, count * sizeof(struct stage *));
    *out = &fan_out->stage;
    return 0;
}

void fan_out_destroy(struct stage *stage)
{
    struct fan_out *fan_out = (struct fan_out *)stage;
    slu_budget_free(fan_out->budget, fan_out, fan_out->size_bytes);
}
