/*
 * Heap profiles as text, of Go, gperftools and jemalloc, and Go's counts of goroutines and threads.
 *
 *     heap profile: 4: 5248 [15: 9000] @ heap/1048576      in use: objects: bytes [allocated]
 *     1: 4096 [1: 4096] @ 0x46a3c5 0x46a3b0                 a stack, the innermost return first
 *     #<tab>0x46a3c4<tab>main.f+0x24<tab>/a/b.go:12         Go: a name for each frame
 *     MAPPED_LIBRARIES:                                     gperftools: /proc/self/maps follows
 *
 *     goroutine profile: total 7
 *     2 @ 0x43b5d6 0x40708d
 *
 *     heap_v2/524288                                        jemalloc
 *       t*: 28106: 56637512 [0: 0]                          of all stacks
 *     @ 0x5f86da8 0x5f5a1dc                                 a stack
 *       t*: 13: 6688 [0: 0]                                 of all threads together
 *       t3: 12: 6496 [0: 0]                                 of one: passed over
 *     MAPPED_LIBRARIES:
 *
 * What follows @ in the first line says what is sampled: heap/N, N/2 bytes apart; heap_v2/N and
 * heapz_v2/N, N bytes; anything else counts all allocations.
 *
 * Source  runtime/pprof of Go; heap-profile-table.cc of gperftools; prof_data.c of jemalloc 5
 */
#include <errno.h>
#include <string.h>

#include "profile/model.h"
#include "readers/reading.h"
#include "readers/scan.h"
#include "readers/text_samples.h"

enum text_kind {
    TEXT_HEAP,
    TEXT_COUNTS,
    TEXT_JEMALLOC,
};

struct text {
    struct reading *reading;
    struct text_samples *samples;
    int64_t rate; /* bytes between samples; at most 1: values are not sampled */
    enum text_kind kind;
    bool in_mappings;
};

static int constant(struct model *model, const char *text, uint32_t *string)
{
    return model_string(model, (struct slu_bytes){text, strlen(text)}, string);
}

static int profile_begin(struct text *text)
{
    struct model *model = text->reading->model;
    struct model_profile profile = {.name = text->reading->name_string, .default_type = MODEL_NONE};
    int err = 0;
    if (text->kind != TEXT_COUNTS) {
        profile.default_type = TEXT_VALUES_MAX - 1;
        err = constant(model, "space", &profile.period_type.type);
        if (err == 0) {
            err = constant(model, "bytes", &profile.period_type.unit);
        }
        if (err == 0) {
            err = reading_drops(text->reading, &profile);
        }
    }
    if (err == 0) {
        err = model_profile_add(model, &profile);
    }
    return err == 0 ? 0 : reading_failed(text->reading, 0, err);
}

/* "1: 4096 [3: 8192]", in use and allocated, in the order of the model's types. */
static bool values_read(struct scan *scan, int64_t values[TEXT_VALUES_MAX])
{
    static const char *const between[] = {":", "[", ":", "]"};
    for (size_t i = 0; i < TEXT_VALUES_MAX; i++) {
        scan_blanks(scan);
        if (!scan_number(scan, &values[(i + 2) % TEXT_VALUES_MAX])) {
            return false;
        }
        scan_blanks(scan);
        if (!scan_text(scan, between[i])) {
            return false;
        }
    }
    scan_blanks(scan);
    return true;
}

static void values_scale(const struct text *text, int64_t values[TEXT_VALUES_MAX])
{
    text_scale(&values[0], &values[1], text->rate);
    text_scale(&values[2], &values[3], text->rate);
}

static void rate_read(struct text *text, struct scan *scan)
{
    bool is_half = false;
    int64_t rate = 1;
    scan_blanks(scan);
    if (scan_text(scan, "heap/")) {
        is_half = true;
    } else if (!scan_text(scan, "heap_v2/") && !scan_text(scan, "heapz_v2/")) {
        return;
    }
    if (scan_number(scan, &rate) && rate > 1) {
        text->rate = is_half ? rate / 2 : rate;
    }
}

static int header_read(struct text *text, struct slu_bytes line)
{
    static const struct slu_bytes heap[] = {
        {"alloc_objects", 13}, {"count", 5}, {"alloc_space", 11}, {"bytes", 5},
        {"inuse_objects", 13}, {"count", 5}, {"inuse_space", 11}, {"bytes", 5},
    };
    struct scan scan = scan_begin(line);
    int64_t total[TEXT_VALUES_MAX];
    if (scan_text(&scan, "heap profile:")) {
        text->kind = TEXT_HEAP;
        if (!values_read(&scan, total) || !scan_text(&scan, "@")) {
            return reading_refuse(text->reading, 0,
                                  "a first line unlike 'heap profile: 1: 2 [3: 4] @ heap/1048576'");
        }
    } else if (line.len > 8 && memcmp(line.data, "heap_v2/", 8) == 0) {
        text->kind = TEXT_JEMALLOC;
    } else {
        struct slu_bytes names[] = {scan_word(&scan), {"count", 5}};
        text->kind = TEXT_COUNTS;
        return reading_types(text->reading, names, 1);
    }
    rate_read(text, &scan);
    return reading_types(text->reading, heap, TEXT_VALUES_MAX);
}

/* "1: 2 [3: 4] @ 0x5 0x6", or "1 @ 0x5 0x6". */
static int sample_line(struct text *text, struct scan *scan)
{
    int64_t values[TEXT_VALUES_MAX] = {0};
    bool right = text->kind == TEXT_HEAP ? values_read(scan, values) : scan_number(scan, values);
    scan_blanks(scan);
    if (!right || !scan_text(scan, "@")) {
        return reading_refuse(text->reading, text->reading->input.offset,
                              text->kind == TEXT_HEAP ? "a sample unlike '1: 2 [3: 4] @ 0x5 0x6'"
                                                      : "a sample unlike '1 @ 0x5 0x6'");
    }
    if (text->kind == TEXT_HEAP) {
        values_scale(text, values);
    }
    int err = text_sample_begin(text->samples);
    if (err != 0) {
        return err;
    }
    memcpy(text->samples->sample.values, values, sizeof(values));
    return text_addresses_read(text->samples, scan);
}

/* "t*: 13: 6688 [0: 0]": of the stack before it; before all stacks, of the whole profile. */
static int threads_line(struct text *text, struct scan *scan)
{
    int64_t values[TEXT_VALUES_MAX];
    if (!scan_text(scan, "t*:")) {
        return 0;
    }
    if (!values_read(scan, values)) {
        return reading_refuse(text->reading, text->reading->input.offset,
                              "a line unlike 't*: 1: 2 [3: 4]'");
    }
    if (text->samples->has_sample) {
        values_scale(text, values);
        memcpy(text->samples->sample.values, values, sizeof(values));
    }
    return 0;
}

static int jemalloc_line(struct text *text, struct scan *scan)
{
    if (scan_text(scan, "@")) {
        int err = text_sample_begin(text->samples);
        return err == 0 ? text_addresses_read(text->samples, scan) : err;
    }
    if (*scan->at == 't') {
        return threads_line(text, scan);
    }
    return reading_refuse(text->reading, text->reading->input.offset,
                          "a line unlike '@ 0x5 0x6' or 't*: 1: 2 [3: 4]'");
}

static int line_take(struct text *text, struct slu_bytes line)
{
    struct scan scan = scan_begin(line);
    if (text->in_mappings) {
        return text_mapping_read(text->samples, line);
    }
    if (scan_text(&scan, "MAPPED_LIBRARIES:") || scan_text(&scan, "--- Memory map: ---")) {
        text->in_mappings = true;
        return 0;
    }
    scan_blanks(&scan);
    if (scan.at == scan.end) {
        return 0;
    }
    if (*scan.at == '#') {
        return text_frame_read(text->samples, line);
    }
    return text->kind == TEXT_JEMALLOC ? jemalloc_line(text, &scan) : sample_line(text, &scan);
}

static int lines_take(struct text *text)
{
    struct input *input = &text->reading->input;
    for (;;) {
        struct slu_bytes line;
        int err = input_line(input, &line);
        if (err == -ENODATA) {
            return text_samples_end(text->samples, text->rate);
        }
        if (err != 0) {
            return reading_failed(text->reading, input->offset, err);
        }
        err = line_take(text, line);
        if (err != 0) {
            return err;
        }
        input_take_line(input, line);
    }
}

int text_read(struct reading *reading)
{
    struct text text = {.reading = reading, .rate = 1};
    struct slu_bytes line;
    int err = input_line(&reading->input, &line);
    if (err != 0) {
        return reading_failed(reading, 0, err);
    }
    err = header_read(&text, line);
    if (err == 0) {
        input_take_line(&reading->input, line);
        err = profile_begin(&text);
    }
    if (err == 0) {
        err = text_samples_create(reading, &text.samples);
    }
    if (err == 0) {
        err = lines_take(&text);
        text_samples_destroy(&text.samples);
    }
    return err;
}
