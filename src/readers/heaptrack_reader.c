/*
 * Recordings of heaptrack, as it writes them since 1.1: text, a line an event, numbers hexadecimal.
 *
 *     v 10400 3                    first: heaptrack's version, the format's: 1, 2 or 3
 *     X COMMAND                    what was run, of several lines when it has ends of lines in it:
 *     I 1000 5e298f                up to the system's pages; passed over, as are #, R and S
 *     s 4 main                     the next string, from 1; its length since format 3
 *     i IP MODULE                  the next place, from 1: an address within a call, and a module
 *                                  (string)
 *     i IP MODULE FUNCTION         its function (string; 0: not known)
 *     i IP MODULE (FUNCTION FILE LINE) ...    first what was inlined, last what it was inlined into
 *     t PLACE CALLER               the next trace, from 1: a place and the trace that calls it
 *     a BYTES TRACE                the next kind of allocations, from 0
 *     + KIND                       a block of a kind has come
 *     - KIND                       one has gone
 *     c MILLISECONDS               since the beginning
 *     A                            attached only now: what came before does not count
 *
 * What heaptrack --raw writes has no names and other lines: m and x. There is no end: a recording
 * that stops between two lines is one of a program that was killed.
 */
#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model.h"
#include "readers/heaptrack_traces.h"
#include "readers/reading.h"
#include "readers/scan.h"

#define FORMAT_MIN      1
#define FORMAT_WITH_LEN 3 /* strings come with their length */
#define FORMAT_MAX      3
#define STRINGS_SHIFT   10
#define MILLISECOND_NS  INT64_C(1000000)
#define PEAK_SPACE_TYPE (2 * HEAPTRACK_PEAK + 1)

struct heaptrack {
    struct reading *reading;
    struct column strings; /* uint32_t, of the model */
    struct column places;  /* uint32_t, locations of the model */
    struct heaptrack_traces traces;
    uint64_t format;
    uint64_t milliseconds;
    bool in_command;
    struct model_line lines[MODEL_LINES_MAX]; /* of the place that is being read */
};

static int refuse(const struct heaptrack *heaptrack, const char *reason)
{
    return reading_refuse(heaptrack->reading, heaptrack->reading->input.offset, "%s", reason);
}

static int failed(const struct heaptrack *heaptrack, int err)
{
    return err == 0 ? 0 : reading_failed(heaptrack->reading, heaptrack->reading->input.offset, err);
}

/* Numbers up to the end of the line; false for something else, or another count of them. */
static bool numbers_read(struct scan *scan, uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        scan_blanks(scan);
        if (!scan_hexadecimal(scan, &numbers[i])) {
            return false;
        }
    }
    scan_blanks(scan);
    return scan->at == scan->end;
}

/* The model's string of a number in the text; 0 is the empty one. */
static bool string_find(const struct heaptrack *heaptrack, uint64_t number, uint32_t *string)
{
    if (number > heaptrack->strings.count) {
        return false;
    }
    *string =
        number == 0 ? 0 : *(const uint32_t *)column_at(&heaptrack->strings, (uint32_t)(number - 1));
    return true;
}

static int string_add(struct heaptrack *heaptrack, struct slu_bytes text)
{
    uint32_t string = 0;
    uint32_t index = 0;
    int err = model_string(heaptrack->reading->model, text, &string);
    return failed(heaptrack, err == 0 ? column_add(&heaptrack->strings, &string, &index) : err);
}

/* As long as it says: with ends of lines in it, it is longer than `line`, which grows to it. */
static int string_with_len(struct heaptrack *heaptrack, struct scan *scan, struct slu_bytes *line)
{
    uint64_t len = 0;
    struct slu_bytes view;
    if (!scan_hexadecimal(scan, &len) || !scan_text(scan, " ")) {
        return refuse(heaptrack, "a string without its length");
    }
    size_t head = (size_t)(scan->at - (const char *)line->data);
    if (len >= INPUT_WINDOW_BYTES - head) {
        return refuse(heaptrack, "a string that is not as long as it says");
    }
    int err = input_view(&heaptrack->reading->input, head + (size_t)len + 1, &view);
    if (err != 0) {
        return failed(heaptrack, err);
    }
    const char *text = view.data;
    if (view.len < head + len + 1 || text[head + len] != '\n') {
        return refuse(heaptrack, "a string that is not as long as it says");
    }
    *line = (struct slu_bytes){text, head + (size_t)len};
    return string_add(heaptrack, (struct slu_bytes){text + head, (size_t)len});
}

static int string_line(struct heaptrack *heaptrack, struct scan *scan, struct slu_bytes *line)
{
    bool right = scan_text(scan, " ");
    if (heaptrack->format < FORMAT_WITH_LEN) {
        return string_add(heaptrack, (struct slu_bytes){scan->at, (size_t)(scan->end - scan->at)});
    }
    return right ? string_with_len(heaptrack, scan, line)
                 : refuse(heaptrack, "a string without its length");
}

/* "FUNCTION", or "FUNCTION FILE LINE": one more of the place's lines, if it has a function. */
static int line_read(struct heaptrack *heaptrack, struct scan *scan, uint32_t *line_count)
{
    struct model *model = heaptrack->reading->model;
    struct model_function function = {0};
    uint64_t numbers[3] = {0};
    size_t count = 0;
    while (count < 3 && scan->at < scan->end && scan_hexadecimal(scan, &numbers[count])) {
        scan_blanks(scan);
        count++;
    }
    if (count == 0 || count == 2 || !string_find(heaptrack, numbers[0], &function.name) ||
        !string_find(heaptrack, numbers[1], &function.file) || numbers[2] > UINT32_MAX) {
        return refuse(heaptrack, "a place whose function, file or line is none");
    }
    if (function.name == 0) {
        return 0;
    }
    if (*line_count == MODEL_LINES_MAX) {
        return failed(heaptrack, -EOVERFLOW);
    }
    struct model_line *line = &heaptrack->lines[(*line_count)++];
    function.system_name = function.name;
    line->line = (uint32_t)numbers[2];
    return failed(heaptrack, model_function(model, &function, &line->function));
}

static int module_find(struct heaptrack *heaptrack, uint64_t number, uint32_t *mapping)
{
    struct model_mapping module = {0};
    if (!string_find(heaptrack, number, &module.file)) {
        return refuse(heaptrack, "a place in a module that is not there");
    }
    *mapping = MODEL_NONE;
    return module.file == 0
               ? 0
               : failed(heaptrack, model_mapping(heaptrack->reading->model, &module, mapping));
}

static int place_line(struct heaptrack *heaptrack, struct scan *scan)
{
    uint64_t address = 0;
    uint64_t module = 0;
    uint32_t mapping = 0;
    uint32_t line_count = 0;
    uint32_t location = 0;
    uint32_t index = 0;
    scan_blanks(scan);
    bool right = scan_hexadecimal(scan, &address);
    scan_blanks(scan);
    if (!right || !scan_hexadecimal(scan, &module)) {
        return refuse(heaptrack, "a line unlike 'i ADDRESS MODULE'");
    }
    scan_blanks(scan);
    int err = module_find(heaptrack, module, &mapping);
    while (err == 0 && scan->at < scan->end) {
        err = line_read(heaptrack, scan, &line_count);
    }
    if (err != 0) {
        return err;
    }
    err = model_location(heaptrack->reading->model, address, mapping, heaptrack->lines, line_count,
                         &location);
    return failed(heaptrack, err == 0 ? column_add(&heaptrack->places, &location, &index) : err);
}

static int trace_line(struct heaptrack *heaptrack, struct scan *scan)
{
    uint64_t numbers[2];
    if (!numbers_read(scan, numbers, 2)) {
        return refuse(heaptrack, "a line unlike 't PLACE CALLER'");
    }
    if (numbers[0] == 0 || numbers[0] > heaptrack->places.count) {
        return refuse(heaptrack, "a trace of a place that is not there");
    }
    const uint32_t *location = column_at(&heaptrack->places, (uint32_t)(numbers[0] - 1));
    int err = heaptrack_trace_add(&heaptrack->traces, *location, numbers[1]);
    return err == -EINVAL ? refuse(heaptrack, "a trace whose caller is not there")
                          : failed(heaptrack, err);
}

static int allocation_line(struct heaptrack *heaptrack, struct scan *scan)
{
    uint64_t numbers[2];
    if (!numbers_read(scan, numbers, 2)) {
        return refuse(heaptrack, "a line unlike 'a BYTES TRACE'");
    }
    int err = heaptrack_allocation_add(&heaptrack->traces, numbers[0], numbers[1]);
    return err == -EINVAL ? refuse(heaptrack, "an allocation whose trace is not there")
                          : failed(heaptrack, err);
}

static int event_line(struct heaptrack *heaptrack, char kind, struct scan *scan)
{
    uint64_t number;
    if (!numbers_read(scan, &number, 1)) {
        return refuse(heaptrack, "a line unlike '+ KIND' or '- KIND'");
    }
    int err = kind == '+' ? heaptrack_take(&heaptrack->traces, number)
                          : heaptrack_give(&heaptrack->traces, number);
    if (err == -EINVAL) {
        return refuse(heaptrack, kind == '+' ? "a block of a kind that is not there"
                                             : "a block goes that has not come");
    }
    return err == -ERANGE ? refuse(heaptrack, "more than 8 EiB") : failed(heaptrack, err);
}

static int time_line(struct heaptrack *heaptrack, struct scan *scan)
{
    uint64_t milliseconds;
    if (!numbers_read(scan, &milliseconds, 1) || milliseconds > INT64_MAX / MILLISECOND_NS) {
        return refuse(heaptrack, "a line unlike 'c MILLISECONDS'");
    }
    heaptrack->milliseconds = milliseconds;
    return 0;
}

/* The line that follows a command. */
static bool is_system(struct scan scan)
{
    uint64_t numbers[2];
    return scan_text(&scan, "I ") && numbers_read(&scan, numbers, 2);
}

static int line_take(struct heaptrack *heaptrack, struct slu_bytes *line)
{
    struct scan scan = scan_begin(*line);
    if (heaptrack->in_command) {
        heaptrack->in_command = !is_system(scan);
        return 0;
    }
    if (line->len == 0) {
        return 0;
    }
    char kind = *scan.at++;
    switch (kind) {
    case '#':
    case 'I':
    case 'R':
    case 'S':
        return 0;
    case 'X':
        heaptrack->in_command = true;
        return 0;
    case 's':
        return string_line(heaptrack, &scan, line);
    case 'i':
        return place_line(heaptrack, &scan);
    case 't':
        return trace_line(heaptrack, &scan);
    case 'a':
        return allocation_line(heaptrack, &scan);
    case '+':
    case '-':
        return event_line(heaptrack, kind, &scan);
    case 'c':
        return time_line(heaptrack, &scan);
    case 'A':
        heaptrack_restart(&heaptrack->traces);
        return 0;
    case 'm':
    case 'x':
        return refuse(heaptrack, "a raw recording; heaptrack_interpret makes one that is read");
    default:
        return refuse(heaptrack, "no line of a heaptrack recording");
    }
}

/* Returns 0; -ENODATA at the end; another error, told. */
static int line_next(struct heaptrack *heaptrack, struct slu_bytes *line)
{
    struct input *input = &heaptrack->reading->input;
    int err = input_line(input, line);
    if (err != 0) {
        return err == -ENODATA ? err : failed(heaptrack, err);
    }
    return line->len < input->end - input->begin ? 0 : refuse(heaptrack, "cut off within a line");
}

static int lines_end(struct heaptrack *heaptrack)
{
    return heaptrack->in_command ? refuse(heaptrack, "a command without an end") : 0;
}

static int lines_take(struct heaptrack *heaptrack)
{
    struct slu_bytes line;
    for (;;) {
        int err = line_next(heaptrack, &line);
        if (err == 0) {
            err = line_take(heaptrack, &line);
        }
        if (err != 0) {
            return err == -ENODATA ? lines_end(heaptrack) : err;
        }
        input_take_line(&heaptrack->reading->input, line);
    }
}

static int first_line(struct heaptrack *heaptrack)
{
    static const struct slu_bytes types[2 * 2 * HEAPTRACK_VALUES] = {
        {"alloc_objects", 13}, {"count", 5}, {"alloc_space", 11}, {"bytes", 5},
        {"inuse_objects", 13}, {"count", 5}, {"inuse_space", 11}, {"bytes", 5},
        {"peak_objects", 12},  {"count", 5}, {"peak_space", 10},  {"bytes", 5},
    };
    struct slu_bytes line;
    uint64_t versions[2];
    int err = line_next(heaptrack, &line);
    if (err != 0) {
        return err;
    }
    struct scan scan = scan_begin(line);
    if (!scan_text(&scan, "v ") || !numbers_read(&scan, versions, 2)) {
        return refuse(heaptrack, "a first line unlike 'v 10400 3'");
    }
    if (versions[1] < FORMAT_MIN || versions[1] > FORMAT_MAX) {
        return reading_refuse(heaptrack->reading, 0,
                              "format %llu of heaptrack, of which %d to %d are read",
                              (unsigned long long)versions[1], FORMAT_MIN, FORMAT_MAX);
    }
    heaptrack->format = versions[1];
    input_take_line(&heaptrack->reading->input, line);
    return reading_types(heaptrack->reading, types, 2 * HEAPTRACK_VALUES);
}

static int profile_begin(struct heaptrack *heaptrack)
{
    struct model_profile profile = {.name = heaptrack->reading->name_string,
                                    .default_type = PEAK_SPACE_TYPE};
    int err = reading_drops(heaptrack->reading, &profile);
    if (err == 0) {
        err = model_profile_add(heaptrack->reading->model, &profile);
    }
    return failed(heaptrack, err);
}

static int profile_end(struct heaptrack *heaptrack)
{
    struct model *model = heaptrack->reading->model;
    struct model_profile *profile = column_at(&model->profiles, model->profiles.count - 1);
    profile->duration_ns = (int64_t)heaptrack->milliseconds * MILLISECOND_NS;
    return failed(heaptrack, heaptrack_samples_add(&heaptrack->traces));
}

static int recording_read(struct heaptrack *heaptrack)
{
    int err = first_line(heaptrack);
    if (err == 0) {
        err = profile_begin(heaptrack);
    }
    if (err == 0) {
        err = lines_take(heaptrack);
    }
    return err == 0 ? profile_end(heaptrack) : err;
}

int heaptrack_read(struct reading *reading)
{
    void *block = NULL;
    int err = slu_budget_alloc(reading->budget, sizeof(struct heaptrack), &block);
    if (err != 0) {
        return reading_failed(reading, 0, err);
    }
    struct heaptrack *heaptrack = block;
    heaptrack->reading = reading;
    column_init(&heaptrack->strings, reading->budget, sizeof(uint32_t), STRINGS_SHIFT);
    column_init(&heaptrack->places, reading->budget, sizeof(uint32_t), STRINGS_SHIFT);
    err = heaptrack_traces_init(&heaptrack->traces, reading->model);
    err = err == 0 ? recording_read(heaptrack) : reading_failed(reading, 0, err);
    heaptrack_traces_deinit(&heaptrack->traces);
    column_deinit(&heaptrack->strings);
    column_deinit(&heaptrack->places);
    slu_budget_free(reading->budget, heaptrack, sizeof(*heaptrack));
    return err;
}
