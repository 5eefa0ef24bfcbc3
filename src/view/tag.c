#include "view/tag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/diag.h>

#include "base/bytes.h"
#include "base/diag.h"
#include "base/sink.h"
#include "profile/model.h"

#define LABEL_BYTES 1024
#define OPTION      "--tag"

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Names that count, and so stand for the label's own unit. */
static bool is_count(struct slu_bytes unit)
{
    static const char *const names[] = {"count", "sample", "unit", "minimum", "auto"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (unit.len == strlen(names[i]) && memcmp(unit.data, names[i], unit.len) == 0) {
            return true;
        }
    }
    return unit.len == 0;
}

/* Returns the place behind a number with its unit; `at`: there is none; NULL: it is too large. */
static const char *bound_read(const char *at, struct tag_bound *bound)
{
    const char *digits = at + (*at == '+' || *at == '-' ? 1 : 0);
    char *end = NULL;
    if (!is_digit(*digits)) {
        return at;
    }
    errno = 0;
    long long number = strtoll(at, &end, 10);
    struct slu_bytes unit = {.data = end};
    while (is_letter(end[unit.len])) {
        unit.len++;
    }
    *bound = (struct tag_bound){
        .is_set = true,
        .has_unit = !is_count(unit),
        .unit_known = measure_find(unit, &bound->measure),
        .measure = bound->measure,
        .number = (double)number,
    };
    return errno == ERANGE ? NULL : end + unit.len;
}

/* Both in the first one's unit, which is also that of a second one without, as pprof has it. */
static bool bounds_agree(struct tag *tag)
{
    struct tag_bound *low = &tag->low;
    struct tag_bound *high = &tag->high;
    if (!low->is_set || !high->is_set || !low->has_unit) {
        return true;
    }
    if (high->unit_known && low->unit_known && low->measure.kind == high->measure.kind) {
        high->number *= high->measure.factor / low->measure.factor;
    } else if (high->unit_known) {
        return false;
    }
    high->has_unit = true;
    high->unit_known = low->unit_known;
    high->measure = low->measure;
    return true;
}

/* Whatever is no range is an expression. */
static int range_read(struct tag *tag, const char *text, struct slu_diag *diag)
{
    const char *at = bound_read(text, &tag->low);
    if (at != NULL && *at == ':') {
        at = bound_read(at + 1, &tag->high);
    } else if (at != NULL && tag->low.is_set) {
        tag->high = tag->low;
        tag->exact = text;
    }
    if (at == NULL) {
        return diag_fail(diag, -EINVAL, OPTION ": a number of more than 63 bits: '%.64s'", text);
    }
    tag->is_range = *at == '\0' && (tag->low.is_set || tag->high.is_set) && bounds_agree(tag);
    return 0;
}

static int pattern_add(struct tag *tag, const char *text, size_t len, struct slu_diag *diag)
{
    char copy[PATTERN_BYTES_MAX + 1];
    if (tag->pattern_count == TAG_PATTERNS_MAX) {
        return diag_fail(diag, -EINVAL, OPTION ": more than %d expressions", TAG_PATTERNS_MAX);
    }
    if (len > PATTERN_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, OPTION ": longer than %d bytes", PATTERN_BYTES_MAX);
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return pattern_init(&tag->patterns[tag->pattern_count++], tag->model, copy, OPTION, diag);
}

static int patterns_read(struct tag *tag, const char *text, struct slu_diag *diag)
{
    int err = 0;
    for (const char *at = text; err == 0 && at != NULL;) {
        const char *comma = strchr(at, ',');
        err = pattern_add(tag, at, comma == NULL ? strlen(at) : (size_t)(comma - at), diag);
        at = comma == NULL ? NULL : comma + 1;
    }
    return err;
}

int tag_init(struct tag *tag, const struct model *model, const char *text, struct slu_diag *diag)
{
    *tag = (struct tag){.model = model, .is_set = text != NULL};
    if (text == NULL) {
        return 0;
    }
    const char *equals = strchr(text, '=');
    if (equals != NULL) {
        size_t len = (size_t)(equals - text);
        if (len >= sizeof(tag->key)) {
            return diag_fail(diag, -EINVAL, OPTION ": a key longer than %d bytes", TAG_KEY_MAX - 1);
        }
        memcpy(tag->key, text, len);
        text = equals + 1;
    }
    int err = range_read(tag, text, diag);
    return err == 0 && !tag->is_range ? patterns_read(tag, text, diag) : err;
}

void tag_deinit(struct tag *tag)
{
    for (uint32_t i = 0; i < tag->pattern_count; i++) {
        pattern_deinit(&tag->patterns[i]);
    }
    *tag = (struct tag){0};
}

/* A unit that is not given follows from the key, as pprof has it. */
static struct slu_bytes unit_of(const struct model *model, const struct model_label *label)
{
    struct slu_bytes unit = model_text(model, label->unit);
    if (unit.len > 0) {
        return unit;
    }
    struct slu_bytes key = model_text(model, label->key);
    bool is_bytes = bytes_equal(key, (struct slu_bytes){"alignment", strlen("alignment")}) ||
                    bytes_equal(key, (struct slu_bytes){"request", strlen("request")});
    return is_bytes ? (struct slu_bytes){"bytes", strlen("bytes")} : key;
}

enum side {
    SIDE_BELOW = -1,
    SIDE_EQUAL = 0,
    SIDE_ABOVE = 1,
    SIDE_NONE = 2, /* they cannot be compared */
};

/*
 * Where a label's number lies. A number without a unit is in the label's own; a label whose unit is
 * not known is taken to be in that of the number.
 */
static enum side side_of(const struct model_label *label, bool is_known,
                         const struct measure *measure, const struct tag_bound *bound)
{
    double number = (double)label->number;
    double wanted = bound->number;
    if (bound->has_unit && is_known) {
        if (!bound->unit_known || bound->measure.kind != measure->kind) {
            return SIDE_NONE;
        }
        number *= measure->factor;
        wanted *= bound->measure.factor;
    }
    return number < wanted ? SIDE_BELOW : number > wanted ? SIDE_ABOVE : SIDE_EQUAL;
}

static bool label_in_range(const struct tag *tag, const struct model_label *label)
{
    if (!label->is_number) {
        struct slu_bytes text = model_text(tag->model, label->text);
        return tag->exact != NULL && text.len == strlen(tag->exact) &&
               memcmp(text.data, tag->exact, text.len) == 0;
    }
    struct measure measure = {0};
    bool is_known = measure_find(unit_of(tag->model, label), &measure);
    bool is_in = true;
    if (tag->low.is_set) {
        enum side side = side_of(label, is_known, &measure, &tag->low);
        is_in = side == SIDE_EQUAL || side == SIDE_ABOVE;
    }
    if (tag->high.is_set) {
        enum side side = side_of(label, is_known, &measure, &tag->high);
        is_in = is_in && (side == SIDE_EQUAL || side == SIDE_BELOW);
    }
    return is_in;
}

/* Without a key, what is looked at is key:value. */
static bool label_has(const struct tag *tag, const struct pattern *pattern,
                      const struct model_label *label)
{
    char text[LABEL_BYTES];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    if (tag->key[0] == '\0') {
        struct slu_bytes key = model_text(tag->model, label->key);
        sink_put(&sink, key.data, key.len);
        sink_char(&sink, ':');
    }
    if (label->is_number) {
        sink_format(&sink, "%lld", (long long)label->number);
    } else {
        struct slu_bytes value = model_text(tag->model, label->text);
        sink_put(&sink, value.data, value.len);
    }
    return pattern_matches_bytes(pattern, (struct slu_bytes){text, sink.len});
}

static bool is_about(const struct tag *tag, const struct model_label *label)
{
    struct slu_bytes wanted = {tag->key, strlen(tag->key)};
    return wanted.len == 0 || bytes_equal(model_text(tag->model, label->key), wanted);
}

static bool any_in_range(const struct tag *tag, const struct model_label *labels, uint32_t count)
{
    bool found = false;
    for (uint32_t i = 0; i < count && !found; i++) {
        found = is_about(tag, &labels[i]) && label_in_range(tag, &labels[i]);
    }
    return found;
}

static bool any_has(const struct tag *tag, const struct pattern *pattern,
                    const struct model_label *labels, uint32_t count)
{
    bool found = false;
    for (uint32_t i = 0; i < count && !found; i++) {
        found = is_about(tag, &labels[i]) && label_has(tag, pattern, &labels[i]);
    }
    return found;
}

bool tag_matches(const struct tag *tag, uint32_t labels)
{
    uint32_t count = 0;
    const struct model_label *set = model_labels_at(tag->model, labels, &count);
    if (!tag->is_set || tag->is_range) {
        return !tag->is_set || any_in_range(tag, set, count);
    }
    bool any_will_do = tag->key[0] != '\0'; /* else each expression needs a label */
    for (uint32_t i = 0; i < tag->pattern_count; i++) {
        if (any_has(tag, &tag->patterns[i], set, count) == any_will_do) {
            return any_will_do;
        }
    }
    return !any_will_do;
}
