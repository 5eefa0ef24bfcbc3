#include "readers/text_samples.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include <sluice/budget.h>

#include "readers/place.h"
#include "readers/reading.h"
#include "readers/scan.h"

#define SAMPLE_HEAD_BYTES  offsetof(struct text_sample, addresses)
#define EXPECTED_ADDRESSES 4096

int text_samples_create(struct reading *reading, struct text_samples **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(reading->budget, sizeof(struct text_samples), &block);
    if (err != 0) {
        return reading_failed(reading, 0, err);
    }
    struct text_samples *samples = block;
    samples->reading = reading;
    stage_init(&samples->stage, reading->budget);
    column_init(&samples->places, reading->budget, sizeof(struct place), COLUMN_SHIFT_MIN);
    err = id_map_init(&samples->locations, reading->budget, EXPECTED_ADDRESSES);
    if (err != 0) {
        text_samples_destroy(&samples);
        return reading_failed(reading, 0, err);
    }
    *out = samples;
    return 0;
}

void text_samples_destroy(struct text_samples **destroyed)
{
    struct text_samples *samples = *destroyed;
    if (samples == NULL) {
        return;
    }
    stage_deinit(&samples->stage);
    column_deinit(&samples->places);
    id_map_deinit(&samples->locations);
    slu_budget_free(samples->reading->budget, samples, sizeof(*samples));
    *destroyed = NULL;
}

static int failed(struct text_samples *samples, int err)
{
    return err == 0 ? 0 : reading_failed(samples->reading, samples->reading->input.offset, err);
}

/* The lines that have been gathered are one location: functions inlined into the last of them. */
static int frame_end(struct text_samples *samples)
{
    if (samples->line_count == 0) {
        return 0;
    }
    if (samples->frame_count == TEXT_ADDRESSES_MAX) {
        return -EOVERFLOW;
    }
    int err =
        model_location(samples->reading->model, samples->line_address, MODEL_NONE, samples->lines,
                       samples->line_count, &samples->frames[samples->frame_count]);
    samples->frame_count += err == 0;
    samples->line_count = 0;
    return err;
}

/* A stack with names is complete; one of addresses waits. */
static int sample_end(struct text_samples *samples)
{
    struct model *model = samples->reading->model;
    const struct text_sample *sample = &samples->sample;
    uint32_t stack = 0;
    if (!samples->has_sample) {
        return 0;
    }
    samples->has_sample = false;
    int err = frame_end(samples);
    if (err == 0 && samples->frame_count > 0) {
        err = model_stack(model, samples->frames, samples->frame_count, &stack);
        return err == 0 ? model_sample_add(model, stack, 0, sample->values) : err;
    }
    size_t bytes = SAMPLE_HEAD_BYTES + sample->address_count * sizeof(uint64_t);
    return err == 0 ? stage_add(&samples->stage, sample->offset, (struct slu_bytes){sample, bytes})
                    : err;
}

int text_sample_begin(struct text_samples *samples)
{
    int err = sample_end(samples);
    samples->has_sample = true;
    samples->frame_count = 0;
    samples->line_count = 0;
    samples->sample.address_count = 0;
    samples->sample.offset = (uint32_t)samples->reading->input.offset;
    memset(samples->sample.values, 0, sizeof(samples->sample.values));
    return failed(samples, err);
}

int text_addresses_read(struct text_samples *samples, struct scan *scan)
{
    struct text_sample *sample = &samples->sample;
    scan_blanks(scan);
    while (scan->at < scan->end) {
        uint64_t address = 0;
        if (!scan_hexadecimal(scan, &address)) {
            return reading_refuse(samples->reading, samples->reading->input.offset,
                                  "an address that is no hexadecimal number");
        }
        if (sample->address_count == TEXT_ADDRESSES_MAX) {
            return reading_refuse(samples->reading, samples->reading->input.offset,
                                  "a stack of more than %d addresses", TEXT_ADDRESSES_MAX);
        }
        sample->addresses[sample->address_count++] = address == 0 ? 0 : address - 1;
        scan_blanks(scan);
    }
    return 0;
}

/* "main.f+0x24" without its offset. */
static struct slu_bytes without_offset(struct slu_bytes name)
{
    const char *bytes = name.data;
    for (size_t i = name.len; i > 2; i--) {
        if (memcmp(bytes + i - 3, "+0x", 3) == 0) {
            return (struct slu_bytes){bytes, i - 3};
        }
    }
    return name;
}

/* "/a/b.go:12" in two. */
static void place_split(struct slu_bytes *file, uint32_t *line)
{
    const char *bytes = file->data;
    size_t at = file->len;
    int64_t number = 0;
    while (at > 0 && bytes[at - 1] != ':') {
        at--;
    }
    struct scan scan = scan_begin((struct slu_bytes){bytes + at, file->len - at});
    if (at > 0 && scan_number(&scan, &number) && number >= 0 && number <= UINT32_MAX) {
        *line = (uint32_t)number;
        file->len = at - 1;
    }
}

static int frame_add(struct text_samples *samples, uint64_t address, struct slu_bytes name,
                     struct slu_bytes file)
{
    struct model *model = samples->reading->model;
    struct model_function function = {0};
    struct model_line line = {0};
    int err = 0;
    if (samples->line_count > 0 && address != samples->line_address) {
        err = frame_end(samples);
    }
    place_split(&file, &line.line);
    if (err == 0) {
        err = model_string(model, without_offset(name), &function.name);
        function.system_name = function.name;
    }
    if (err == 0) {
        err = model_string(model, file, &function.file);
    }
    if (err == 0) {
        err = model_function(model, &function, &line.function);
    }
    if (err == 0 && samples->line_count == MODEL_LINES_MAX) {
        err = -EOVERFLOW;
    }
    if (err == 0) {
        samples->lines[samples->line_count++] = line;
        samples->line_address = address;
    }
    return failed(samples, err);
}

int text_frame_read(struct text_samples *samples, struct slu_bytes line)
{
    struct scan scan = scan_begin(line);
    uint64_t address = 0;
    if (!samples->has_sample || !scan_text(&scan, "#\t0x") || !scan_hexadecimal(&scan, &address)) {
        return 0;
    }
    scan_blanks(&scan);
    struct slu_bytes name = scan_word(&scan);
    scan_blanks(&scan);
    return name.len == 0 ? 0 : frame_add(samples, address, name, scan_rest(&scan));
}

/* What stands after the range: "r-xp 00001000 08:01 123 /file", or the file alone. */
static bool mapping_rest(struct scan *scan, struct place *place, struct slu_bytes *file)
{
    struct scan tried = *scan;
    struct slu_bytes rights = scan_word(&tried);
    uint64_t device = 0;
    int64_t inode = 0;
    if (rights.len < 3 || memchr("r-", *(const char *)rights.data, 2) == NULL) {
        *file = scan_rest(scan);
        return file->len > 0;
    }
    scan_blanks(&tried);
    bool right = scan_hexadecimal(&tried, &place->file_offset);
    scan_blanks(&tried);
    right = right && scan_hexadecimal(&tried, &device) && scan_text(&tried, ":") &&
            scan_hexadecimal(&tried, &device);
    scan_blanks(&tried);
    right = right && scan_number(&tried, &inode);
    scan_blanks(&tried);
    *file = scan_rest(&tried);
    return right && memchr(rights.data, 'x', rights.len) != NULL && file->len > 0;
}

static bool file_is_allocator(struct slu_bytes file)
{
    static const char *const names[] = {"/libjemalloc", "/libtcmalloc"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (memmem(file.data, file.len, names[i], strlen(names[i])) != NULL) {
            return true;
        }
    }
    return false;
}

int text_mapping_read(struct text_samples *samples, struct slu_bytes line)
{
    struct scan scan = scan_begin(line);
    struct model *model = samples->reading->model;
    struct place place = {0};
    struct slu_bytes file = {0};
    uint32_t index = 0;
    scan_blanks(&scan);
    if (!scan_hexadecimal(&scan, &place.start) || !scan_text(&scan, "-") ||
        !scan_hexadecimal(&scan, &place.limit) || place.limit <= place.start) {
        return 0;
    }
    (void)scan_text(&scan, ":"); /* or there is none */
    scan_blanks(&scan);
    if (!mapping_rest(&scan, &place, &file)) {
        return 0;
    }
    place.is_allocator = file_is_allocator(file);
    struct model_mapping mapping = {
        .start = place.start, .limit = place.limit, .file_offset = place.file_offset};
    int err = model_string(model, file, &mapping.file);
    if (err == 0) {
        err = model_mapping(model, &mapping, &place.mapping);
    }
    return failed(samples, err == 0 ? column_add(&samples->places, &place, &index) : err);
}

/* The place of an address: mapped files are few, and each address is looked for once. */
static uint32_t place_find(const struct text_samples *samples, uint64_t address)
{
    for (uint32_t i = 0; i < samples->places.count; i++) {
        const struct place *place = column_at(&samples->places, i);
        if (address >= place->start && address < place->limit) {
            return i;
        }
    }
    return UINT32_MAX;
}

static int address_resolve(struct text_samples *samples, uint64_t address, uint32_t *location)
{
    struct place unknown = {.mapping = MODEL_NONE};
    *location = id_map_find(&samples->locations, address);
    if (*location != ID_MAP_NONE) {
        return 0;
    }
    uint32_t index = place_find(samples, address);
    const struct place *place = index == UINT32_MAX ? &unknown : column_at(&samples->places, index);
    int err = place_location(samples->reading, place, index, address, NULL, 0, location);
    return err == 0 ? id_map_add(&samples->locations, address, *location) : err;
}

/* How many frames from the leaf on lie in the allocator; not all of them. */
static uint32_t allocator_frames(const struct text_samples *samples,
                                 const struct text_sample *sample)
{
    uint32_t count = 0;
    while (count + 1 < sample->address_count) {
        uint32_t index = place_find(samples, sample->addresses[count]);
        if (index == UINT32_MAX ||
            !((const struct place *)column_at(&samples->places, index))->is_allocator) {
            break;
        }
        count++;
    }
    return count;
}

static int stage_resolve(struct text_samples *samples)
{
    struct model *model = samples->reading->model;
    struct text_sample *sample = &samples->sample;
    struct slu_bytes message;
    uint32_t offset = 0;
    uint32_t stack = 0;
    int err = 0;
    while (err == 0 && stage_next(&samples->stage, &offset, &message)) {
        memcpy(sample, message.data, message.len);
        uint32_t first = allocator_frames(samples, sample);
        uint32_t count = sample->address_count - first;
        for (uint32_t i = 0; i < count && err == 0; i++) {
            err = address_resolve(samples, sample->addresses[first + i], &samples->frames[i]);
        }
        if (err == 0) {
            err = model_stack(model, samples->frames, count, &stack);
        }
        if (err == 0) {
            err = model_sample_add(model, stack, 0, sample->values);
        }
    }
    return err;
}

int text_samples_end(struct text_samples *samples, int64_t period)
{
    struct model *model = samples->reading->model;
    int err = sample_end(samples);
    if (err == 0) {
        err = stage_resolve(samples);
    }
    if (err == 0) {
        struct model_profile *profile = column_at(&model->profiles, model->profiles.count - 1);
        profile->period = period;
    }
    return failed(samples, err);
}

void text_scale(int64_t *objects, int64_t *bytes, int64_t rate)
{
    if (*objects == 0 || *bytes == 0) {
        *objects = 0;
        *bytes = 0;
        return;
    }
    if (rate <= 1) {
        return;
    }
    double mean = (double)*bytes / (double)*objects;
    double scale = 1 / (1 - exp(-mean / (double)rate));
    if (mean > 0 && fabs((double)*bytes) * scale < 9e18 && fabs((double)*objects) * scale < 9e18) {
        *objects = (int64_t)((double)*objects * scale);
        *bytes = (int64_t)((double)*bytes * scale);
    }
}
