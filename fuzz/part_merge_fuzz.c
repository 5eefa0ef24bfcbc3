/*
 * Property: parts whose checks are right and whose indexes say anything are merged into a part that
 * reads to its end, or are told to be damaged, and then nothing is left; within the memory that
 * there is, and the budget is left as it was.
 *
 * The first byte's lowest bit is the signal's; the rest are the parts, as part_forge.h has them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "part_forge.h"
#include "store/labels.h"
#include "store/metadata.h"
#include "store/part_merge.h"
#include "store/part_samples.h"
#include "store/row_part.h"
#include "store/sample_gather.h"

#define BUDGET    ((uint64_t)64 << 20)
#define INPUT_MAX ((size_t)1 << 13)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The pieces, and what they are merged to. */
static struct memory_file files[FORGED_PARTS + 1];

static void is_done_or_damaged(int err)
{
    SLU_ASSERT(err == 0 || err == -EBADMSG || err == -EDQUOT);
}

/* ---- Merging, and reading what came of it. ---- */

static int row_take(void *arg, uint32_t stream, struct slu_bytes labels, struct slu_bytes value)
{
    struct row_blocks blocks;
    const struct part *part = arg;
    (void)stream;
    SLU_ASSERT(labels_are_right(labels) && row_blocks_read(value, &blocks));
    SLU_ASSERT(blocks.count > 0 && blocks.first + blocks.count <= part->facts.block_count);
    return 0;
}

static void rows_read(struct part *part, struct slu_budget *budget)
{
    struct label_index index = {.section = part->section, .root = part->facts.index};
    struct block directory = {0};
    SLU_ASSERT(label_index_select(&index, NULL, 0, budget, row_take, part) == 0);
    SLU_ASSERT(section_read(&part->section, &part->facts.blocks, budget, &directory) == 0);
    for (size_t at = 0; at + PART_BLOCK_BYTES <= directory.len; at += PART_BLOCK_BYTES) {
        struct part_block place;
        struct block stored = {0};
        struct row_block block;
        part_block_decode((const unsigned char *)directory.data + at, &place);
        SLU_ASSERT(section_read(&part->section, &place.data, budget, &stored) == 0);
        SLU_ASSERT(row_block_open((struct slu_bytes){stored.data, stored.len}, budget,
                                  (1U << ROW_COLUMN_COUNT) - 1, &block) == 0);
        row_block_close(&block);
        block_free(budget, &stored);
    }
    block_free(budget, &directory);
}

static void samples_read(const struct part *part, struct slu_budget *budget)
{
    struct part_samples samples;
    SLU_ASSERT(part_samples_open(&samples, part, NULL, 0, NULL, budget) == 0);
    while (!samples.is_at_end) {
        for (int kind = 0; kind < STORE_SAMPLE_KINDS; kind++) {
            struct sample_gather gather;
            size_t count = 0;
            SLU_ASSERT(sample_gather_init(&gather, budget, INT64_MIN, INT64_MAX) == 0);
            sample_gather_begin(&gather, (enum store_sample_kind)kind);
            SLU_ASSERT(sample_gather_part(&gather, &samples) == 0);
            SLU_ASSERT(sample_gather_sort(&gather, &count) == 0);
            sample_gather_deinit(&gather);
        }
        SLU_ASSERT(part_samples_next(&samples) == 0);
    }
    part_samples_close(&samples);
}

static void merge_check(uint32_t signal, struct part *pieces, struct slu_budget *budget)
{
    struct store_io io = memory_file_io(&files[FORGED_PARTS]);
    const struct segment_directory directory = {&io, "d"};
    struct part *parts[FORGED_PARTS];
    struct part out = {.section = {.fd = -1}, .name = {.day = 1, .last_sequence = FORGED_PARTS}};
    for (size_t i = 0; i < FORGED_PARTS; i++) {
        parts[i] = &pieces[i];
    }
    struct part_merge merge = {.directory = &directory,
                               .budget = budget,
                               .salt = FORGED_SALT,
                               .signal = signal,
                               .parts = parts,
                               .part_count = FORGED_PARTS,
                               .from_ns = 3,
                               .names_max = METADATA_NAMES_MIN};
    int err = signal == 0 ? part_merge_samples(&merge, &out) : part_merge_rows(&merge, &out);
    is_done_or_damaged(err);
    if (err == 0) {
        struct part merged = {.section = {.fd = -1}};
        SLU_ASSERT(part_facts_read(&io, 0, &merged.section, &merged.facts) == 0);
        if (signal == 0) {
            samples_read(&merged, budget);
        } else {
            rows_read(&merged, budget);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slu_budget *budget = NULL;
    struct part pieces[FORGED_PARTS];
    struct store_io ios[FORGED_PARTS];
    if (size == 0 || size > INPUT_MAX || slu_budget_create(NULL, "fuzz", BUDGET, &budget) != 0) {
        return 0;
    }
    uint32_t signal = data[0] % 2;
    for (size_t i = 0; i < FORGED_PARTS; i++) {
        struct part written = {.section = {.fd = -1}};
        ios[i] = memory_file_io(&files[i]);
        const struct segment_directory directory = {&ios[i], "d"};
        part_forge((struct slu_bytes){data + 1, size - 1}, i, signal, &directory, budget, &written);
        pieces[i] = (struct part){.section = {.fd = -1}};
        SLU_ASSERT(part_facts_read(&ios[i], 0, &pieces[i].section, &pieces[i].facts) == 0);
    }
    merge_check(signal, pieces, budget);
    slu_budget_destroy(&budget);
    return 0;
}
