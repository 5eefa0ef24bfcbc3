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

/* The next part of a message that is being cut. */
static int part_make(struct slu_budget *budget, struct otlp_cutter *cutter, uint64_t count,
                     struct payload **out)
{
    struct block block = {0};
    int err = otlp_cutter_next(cutter, count, &block);
    if (err == 0) {
        err = payload_create_block(budget, &block, out);
    }
    if (err != 0) {
        block_free(budget, &block);
    }
    return err;
}

/* All parts, which nobody waits for yet. */
static int parts_make(struct slu_budget *budget, const struct payload *whole, uint64_t most,
                      struct payload **list)
{
    struct otlp_cutter cutter;
    struct payload **end = list;
    int err = otlp_cutter_init(&cutter, budget, whole->signal, whole->bytes);
    if (err != 0) {
        return err;
    }
    for (uint64_t left = whole->record_count; left > 0 && err == 0;) {
        uint64_t count = left > most ? most : left;
        err = part_make(budget, &cutter, left > most ? most : UINT64_MAX, end);
        if (err == 0) {
            (*end)->record_count = count;
            end = &(*end)->next;
            left -= count;
        }
    }
    otlp_cutter_deinit(&cutter);
    return err;
}

int payload_cut_all(struct slu_budget *budget, struct payload **payload, uint64_t most)
{
    struct payload *list = NULL;
    struct payload *whole = *payload;
    if (whole->record_count <= most) {
        return 0;
    }
    int err = parts_make(budget, whole, most, &list);
    if (err != 0) {
        struct outcome none = {.kind = OUTCOME_TAKEN};
        payload_end_all(list, &none);
        return err;
    }
    for (struct payload *part = list; part != NULL; part = part->next) {
        part_take(part, whole, part->record_count);
    }
    payload_end_taken(whole);
    *payload = list;
    return 0;
}
