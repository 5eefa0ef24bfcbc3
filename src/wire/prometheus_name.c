#include "wire/prometheus_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define UNIT_MAX 64

struct unit_word {
    const char *unit;
    const char *word;
};

static const struct unit_word units[] = {
    {"d", "days"},          {"h", "hours"},         {"min", "minutes"},    {"s", "seconds"},
    {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"}, {"By", "bytes"},
    {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},  {"GiBy", "gibibytes"}, {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},   {"MBy", "megabytes"},   {"GBy", "gigabytes"},  {"TBy", "terabytes"},
    {"m", "meters"},        {"V", "volts"},         {"A", "amperes"},      {"J", "joules"},
    {"W", "watts"},         {"g", "grams"},         {"Cel", "celsius"},    {"Hz", "hertz"},
    {"%", "percent"},
};

static const struct unit_word per_units[] = {
    {"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
    {"w", "week"},   {"mo", "month"}, {"y", "year"},
};

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

size_t prometheus_label_name(struct slu_bytes key, char *name, size_t size_bytes)
{
    static const char front[] = "key_";
    const char *bytes = key.data;
    size_t len = 0;
    if (key.len == 0 || key.len + sizeof(front) > size_bytes) {
        return 0;
    }
    if (is_digit(bytes[0])) {
        memcpy(name, front, sizeof(front) - 1);
        len = sizeof(front) - 1;
    }
    for (size_t i = 0; i < key.len; i++) {
        bool is_right = is_letter(bytes[i]) || is_digit(bytes[i]) || bytes[i] == '_';
        name[len++] = is_right ? bytes[i] : '_';
    }
    return len;
}

/* A name while it is put together of words. */
struct joining {
    char *name;
    size_t len;
    size_t size_bytes;
    bool is_cut;
};

static void word_join(struct joining *joining, struct slu_bytes word)
{
    size_t gap = joining->len > 0 ? 1 : 0;
    if (word.len == 0) {
        return;
    }
    if (joining->len + gap + word.len > joining->size_bytes) {
        joining->is_cut = true;
        return;
    }
    if (gap > 0) {
        joining->name[joining->len++] = '_';
    }
    memcpy(joining->name + joining->len, word.data, word.len);
    joining->len += word.len;
}

/* The words of a text: runs of what names may have. */
static void words_join(struct joining *joining, struct slu_bytes text)
{
    const char *bytes = text.data;
    size_t begin = 0;
    for (size_t i = 0; i <= text.len; i++) {
        bool is_right =
            i < text.len && (is_letter(bytes[i]) || is_digit(bytes[i]) || bytes[i] == ':');
        if (!is_right) {
            word_join(joining, (struct slu_bytes){bytes + begin, i - begin});
            begin = i + 1;
        }
    }
}

static struct slu_bytes text_of(const char *text)
{
    return (struct slu_bytes){text, strlen(text)};
}

static bool is_text(struct slu_bytes bytes, const char *text)
{
    return bytes_equal(bytes, text_of(text));
}

/* Whether the name has the word, between underscores. */
static bool has_word(const struct joining *joining, struct slu_bytes word)
{
    size_t begin = 0;
    for (size_t i = 0; i <= joining->len; i++) {
        if (i == joining->len || joining->name[i] == '_') {
            if (bytes_equal((struct slu_bytes){joining->name + begin, i - begin}, word)) {
                return true;
            }
            begin = i + 1;
        }
    }
    return false;
}

static struct slu_bytes word_of(const struct unit_word *words, size_t count, struct slu_bytes unit)
{
    for (size_t i = 0; i < count; i++) {
        if (is_text(unit, words[i].unit)) {
            return text_of(words[i].word);
        }
    }
    return unit;
}

static struct slu_bytes trimmed(struct slu_bytes text)
{
    const char *bytes = text.data;
    while (text.len > 0 && (bytes[0] == ' ' || bytes[0] == '\t')) {
        bytes++;
        text.len--;
    }
    while (text.len > 0 && (bytes[text.len - 1] == ' ' || bytes[text.len - 1] == '\t')) {
        text.len--;
    }
    return (struct slu_bytes){bytes, text.len};
}

/* Add the words of one side of a unit, where the name has them not; annotations are no words. */
static void unit_join(struct joining *joining, struct slu_bytes word)
{
    char room[UNIT_MAX];
    struct joining cleaned = {.name = room, .size_bytes = sizeof(room)};
    if (word.len > 0 && memchr(word.data, '{', word.len) != NULL) {
        return;
    }
    words_join(&cleaned, word);
    struct slu_bytes text = {room, cleaned.len};
    if (!cleaned.is_cut && text.len > 0 && !has_word(joining, text)) {
        word_join(joining, text);
    }
}

static void units_join(struct joining *joining, struct slu_bytes unit)
{
    struct slu_bytes rest = unit;
    struct slu_bytes main_unit = trimmed(bytes_cut(&rest, '/'));
    struct slu_bytes per = trimmed(rest);
    if (!is_text(main_unit, "1")) {
        unit_join(joining, word_of(units, sizeof(units) / sizeof(units[0]), main_unit));
    }
    struct slu_bytes word = word_of(per_units, sizeof(per_units) / sizeof(per_units[0]), per);
    if (per.len > 0 && memchr(per.data, '{', per.len) == NULL && !has_word(joining, word)) {
        word_join(joining, text_of("per"));
        unit_join(joining, word);
    }
}

/* Behind all else, once. */
static void suffix_join(struct joining *joining, const char *suffix)
{
    struct slu_bytes word = text_of(suffix);
    size_t len = word.len + 1;
    bool is_there = joining->len > len &&
                    memcmp(joining->name + joining->len - word.len, suffix, word.len) == 0 &&
                    joining->name[joining->len - len] == '_';
    if (!is_there) {
        word_join(joining, word);
    }
}

/* "total" in the middle goes, as it comes back at the end. */
static void suffix_drop(struct joining *joining, const char *suffix)
{
    size_t len = strlen(suffix);
    if (joining->len > len + 1 && memcmp(joining->name + joining->len - len, suffix, len) == 0 &&
        joining->name[joining->len - len - 1] == '_') {
        joining->len -= len + 1;
    }
}

size_t prometheus_metric_name(struct slu_bytes metric, struct slu_bytes unit,
                              enum prometheus_kind kind, char *name, size_t size_bytes)
{
    struct joining joining = {.name = name, .size_bytes = size_bytes};
    const char *bytes = metric.data;
    if (metric.len > 0 && is_digit(bytes[0]) && size_bytes > 0) {
        joining.size_bytes = size_bytes - 1;
        joining.name = name + 1;
        name[0] = '_';
    }
    words_join(&joining, metric);
    if (kind == PROMETHEUS_COUNTER) {
        suffix_drop(&joining, "total");
    }
    if (unit.len > 0) {
        units_join(&joining, unit);
    }
    if (kind == PROMETHEUS_COUNTER) {
        suffix_join(&joining, "total");
    } else if (kind == PROMETHEUS_GAUGE && is_text(trimmed(unit), "1")) {
        suffix_join(&joining, "ratio");
    }
    return joining.is_cut || joining.len == 0 ? 0 : joining.len + (size_t)(joining.name - name);
}
