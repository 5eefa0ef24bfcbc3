#include "pipeline/payload_cut.h"

#include <stddef.h>
#include <string.h>

#include "base/block.h"
#include "pipeline/payload.h"
#include "wire/otlp_split.h"

static void part_take(struct payload *part, const struct payload *whole, uint64_t record_count)
{
    part->signal = whole->signal;
    part->arrived_ns = whole->arrived_ns;
    part->record_count = record_count;
    memcpy(part->metadata, whole->metadata, sizeof(part->metadata));
    payload_deliver(part, whole->delivery);
}

static void parts_drop(struct slu_budget *budget, struct block *blocks, struct payload **parts)
{
    for (int i = 0; i < 2; i++) {
        block_free(budget, &blocks[i]);
        if (parts[i] != NULL) {
            payload_end_taken(parts[i]); /* nobody waits for it yet */
        }
    }
}

int payload_cut(struct slu_budget *budget, struct payload **payload, uint64_t count,
                struct payload **front)
{
    struct block blocks[2] = {0};
    struct payload *parts[2] = {0};
    struct payload *whole = *payload;
    int err = otlp_split(budget, whole->signal, whole->bytes, count, &blocks[0], &blocks[1]);
    for (int i = 0; i < 2 && err == 0; i++) {
        err = payload_create_block(budget, &blocks[i], &parts[i]);
    }
    if (err != 0) {
        parts_drop(budget, blocks, parts);
        return err;
    }
    part_take(parts[0], whole, count);
    part_take(parts[1], whole, whole->record_count - count);
    payload_end_taken(whole);
    *front = parts[0];
    *payload = parts[1];
    return 0;
}
