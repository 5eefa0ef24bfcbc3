#include <errno.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "store/labels.h"
#include "store/metadata.h"
#include "store/part_merge.h"
#include "store/sample_gather.h"
#include "store/sample_part.h"

#define MERGE_LEVEL 3 /* of zstd */

struct sample_merging {
    const struct part_merge *merge;
    struct sample_part_writer writer;
    struct sample_gather gather;
    struct part_samples parts[MERGE_PARTS_MAX];
    uint32_t part_count; /* opened */
    unsigned char labels[LABELS_BYTES_MAX];
    size_t labels_len;
};

static int parts_open(struct sample_merging *merging)
{
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < merging->merge->part_count; i++) {
        err = part_samples_open(&merging->parts[i], merging->merge->parts[i], NULL, 0, NULL,
                                merging->merge->budget);
        merging->part_count += err == 0;
    }
    return err;
}

/* The lowest labels of all that are left; false: nothing is. */
static bool labels_next_of_all(struct sample_merging *merging)
{
    struct slu_bytes lowest = {NULL, 0};
    bool is_found = false;
    for (uint32_t i = 0; i < merging->part_count; i++) {
        const struct part_samples *samples = &merging->parts[i];
        if (!samples->is_at_end && (!is_found || labels_compare(samples->labels, lowest) < 0)) {
            lowest = samples->labels;
            is_found = true;
        }
    }
    if (is_found) {
        memcpy(merging->labels, lowest.data, lowest.len);
        merging->labels_len = lowest.len;
    }
    return is_found;
}

static bool has_current(const struct sample_merging *merging, uint32_t at)
{
    const struct part_samples *samples = &merging->parts[at];
    struct slu_bytes labels = {merging->labels, merging->labels_len};
    return !samples->is_at_end && labels_compare(samples->labels, labels) == 0;
}

static int kind_merge(struct sample_merging *merging, enum store_sample_kind kind)
{
    size_t count = 0;
    int err = 0;
    sample_gather_begin(&merging->gather, kind);
    for (uint32_t i = 0; err == 0 && i < merging->part_count; i++) {
        if (has_current(merging, i)) {
            err = sample_gather_part(&merging->gather, &merging->parts[i]);
        }
    }
    err = err != 0 ? err : sample_gather_sort(&merging->gather, &count);
    if (err != 0 || count == 0) {
        return err;
    }
    return kind == STORE_NUMBER
               ? sample_part_add(&merging->writer, merging->gather.items.data, count)
               : sample_part_add_messages(&merging->writer, kind, merging->gather.items.data,
                                          count);
}

static int series_merge(struct sample_merging *merging)
{
    int err = 0;
    for (uint32_t kind = 0; err == 0 && kind < STORE_SAMPLE_KINDS; kind++) {
        err = kind_merge(merging, (enum store_sample_kind)kind);
    }
    if (err == 0) {
        err = sample_part_series(&merging->writer,
                                 (struct slu_bytes){merging->labels, merging->labels_len});
    }
    for (uint32_t i = 0; err == 0 && i < merging->part_count; i++) {
        if (has_current(merging, i)) {
            err = part_samples_next(&merging->parts[i]);
        }
    }
    return err;
}

/* Of all parts; the newest text of a name stays. */
static int metadata_merge(const struct part_merge *merge, struct block *out)
{
    struct metadata metadata;
    int err = metadata_init(&metadata, merge->names_max, merge->budget);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; err == 0 && i < merge->part_count; i++) {
        const struct part *part = merge->parts[i];
        struct block bytes = {0};
        if (part->facts.metadata.plain_bytes == 0) {
            continue;
        }
        err = section_read(&part->section, &part->facts.metadata, merge->budget, &bytes);
        if (err == 0) {
            err = metadata_read(&metadata, (struct slu_bytes){bytes.data, bytes.len});
            block_free(merge->budget, &bytes);
        }
    }
    err = err != 0 ? err : block_begin(merge->budget, 4096, out);
    err = err != 0 ? err : metadata_write(&metadata, merge->budget, out);
    metadata_deinit(&metadata);
    return err;
}

static int merging_run(struct sample_merging *merging, struct part *out)
{
    const struct part_merge *merge = merging->merge;
    struct block metadata = {0};
    int err = metadata_merge(merge, &metadata);
    err = err != 0 ? err
                   : sample_part_begin(&merging->writer, merge->directory, &out->name, MERGE_LEVEL,
                                       merge->salt, merge->budget);
    if (err == 0) {
        while (err == 0 && labels_next_of_all(merging)) {
            err = merge->scope != NULL ? slu_scope_error(merge->scope) : 0;
            err = err != 0 ? err : series_merge(merging);
        }
        if (err == 0) {
            err = sample_part_end(&merging->writer, (struct slu_bytes){metadata.data, metadata.len},
                                  out);
        } else {
            sample_part_abort(&merging->writer);
        }
    }
    block_free(merge->budget, &metadata);
    return err;
}

int part_merge_samples(const struct part_merge *merge, struct part *out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(merge->budget, sizeof(struct sample_merging), &memory);
    if (err != 0) {
        return err;
    }
    struct sample_merging *merging = memory;
    *merging = (struct sample_merging){.merge = merge};
    err = sample_gather_init(&merging->gather, merge->budget, merge->from_ns, INT64_MAX);
    err = err != 0 ? err : parts_open(merging);
    err = err != 0 ? err : merging_run(merging, out);
    for (uint32_t i = 0; i < merging->part_count; i++) {
        part_samples_close(&merging->parts[i]);
    }
    sample_gather_deinit(&merging->gather);
    slu_budget_free(merge->budget, merging, sizeof(*merging));
    return err;
}
