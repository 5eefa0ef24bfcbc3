/*
 * Samples of the text formats: stacks of addresses, kept until the list of mapped files is known,
 * which ends the text, or stacks whose frames have names in the text itself.
 */
#ifndef READERS_TEXT_SAMPLES_H
#define READERS_TEXT_SAMPLES_H

#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>

#include "profile/column.h"
#include "profile/model.h"
#include "readers/id_map.h"
#include "readers/stage.h"

struct reading;
struct scan;

#define TEXT_VALUES_MAX    4
#define TEXT_ADDRESSES_MAX 4096 /* of one stack */

struct text_sample {
    int64_t values[TEXT_VALUES_MAX];
    uint32_t offset; /* of its line in the text */
    uint32_t address_count;
    uint64_t addresses[TEXT_ADDRESSES_MAX]; /* of calls, the innermost first */
};

struct text_samples {
    struct reading *reading;
    struct stage stage;                  /* samples whose addresses wait for mappings */
    struct column places;                /* struct place, by address once resolved */
    struct id_map locations;             /* by address */
    struct text_sample sample;           /* the one that is being read */
    uint32_t frames[TEXT_ADDRESSES_MAX]; /* of it, that have names: locations of the model */
    uint32_t frame_count;
    struct model_line lines[MODEL_LINES_MAX]; /* of the frame that is being read */
    uint32_t line_count;
    uint64_t line_address;
    bool has_sample;
};

/* Lies on the heap: about 150 KiB. text_samples_destroy follows. Errors are told. */
SLU_MUST_USE int text_samples_create(struct reading *reading, struct text_samples **out);
void text_samples_destroy(struct text_samples **samples);

/* Begin a sample: its values are the caller's to set. Ends the one before it. */
SLU_MUST_USE int text_sample_begin(struct text_samples *samples);

/*
 * Read addresses up to the end of the line: of returns, so that one is taken off to lie in the
 * call. Returns 0; -EBADMSG, told.
 */
SLU_MUST_USE int text_addresses_read(struct text_samples *samples, struct scan *scan);

/*
 * Read a remark on the sample's stack as Go writes it: "#  0x46a3c4  main.f+0x24  /a/b.go:12".
 * Other remarks are passed over.
 */
SLU_MUST_USE int text_frame_read(struct text_samples *samples, struct slu_bytes line);

/* Take a line of the list of mapped files, as /proc/self/maps has it, or "start-end: file". */
SLU_MUST_USE int text_mapping_read(struct text_samples *samples, struct slu_bytes line);

/* Put all samples into the model, as a profile with `period` bytes between samples. */
SLU_MUST_USE int text_samples_end(struct text_samples *samples, int64_t period);

/* What sampled numbers stand for, where samples lie about `rate` bytes apart. */
void text_scale(int64_t *objects, int64_t *bytes, int64_t rate);

#endif
