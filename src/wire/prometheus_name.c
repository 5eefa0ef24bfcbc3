#include "wire/prometheus_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define UNIT_MAX  64
#define FRONT_MAX 4 /* "key_" */

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
    unsigned char lower = (unsigned char)byte | 0x20;
    return lower >= 'a' && lower <= 'z';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* What becomes of each byte in a label's name; 0: a later byte of a character, which goes. */
static const char label_bytes[256] = {
    '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_',
    '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_',
    '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '0', '1', '2', '3', '4', '5', '6', '7', '8',
    '9', '_', '_', '_', '_', '_', '_', '_', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K',
    'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', '_', '_', '_', '_',
    '_', '_', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q',
    'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '_', '_', '_', '_', '_', 0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_',
    '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_',
    '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_', '_',
    '_', '_', '_', '_', '_', '_', '_', '_', '_',
};

/* Whether a byte is a later one of a character, which the first has stood for. */
static bool goes_on(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* What has to stand before a key so that a label's name may begin with it. */
static const char *front_of(const char *bytes, size_t len)
{
    bool is_plain = is_letter(bytes[0]);
    if (is_plain || is_digit(bytes[0])) {
        return is_plain ? "" : "key_";
    }
    size_t second = 1;
    while (second < len && goes_on(bytes[second])) {
        second++;
    }
    return second < len && !is_letter(bytes[second]) && !is_digit(bytes[second]) ? "" : "key";
}

size_t prometheus_label_name(struct slu_bytes key, char *name, size_t size_bytes)
{
    const char *bytes = key.data;
    if (key.len == 0 || size_bytes < FRONT_MAX || key.len > size_bytes - FRONT_MAX) {
        return 0;
    }
    const char *front = front_of(bytes, key.len);
    size_t len = strlen(front);
    memcpy(name, front, len);
    name[len++] = bytes[0] & 0x80 ? '_' : label_bytes[(unsigned char)bytes[0]];
    for (size_t i = 1; i < key.len; i++) {
        char byte = label_bytes[(unsigned char)bytes[i]];
        name[len] = byte;
        len += byte != 0;
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
    for (size_t i = 0; text.len > 0 && i <= text.len; i++) {
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

static bool has_byte(struct slu_bytes text, char byte)
{
    return text.len > 0 && memchr(text.data, byte, text.len) != NULL;
}

/* Where the name has the word, or words with '_' between them; its length: nowhere. */
static size_t word_find(const struct joining *joining, struct slu_bytes word)
{
    const char *name = joining->name;
    for (size_t at = 0; at + word.len <= joining->len; at++) {
        size_t end = at + word.len;
        if ((at == 0 || name[at - 1] == '_') && (end == joining->len || name[end] == '_') &&
            memcmp(name + at, word.data, word.len) == 0) {
            return at;
        }
    }
    return joining->len;
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

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct slu_bytes trimmed(struct slu_bytes text)
{
    const char *bytes = text.data;
    while (text.len > 0 && is_space(bytes[0])) {
        bytes++;
        text.len--;
    }
    while (text.len > 0 && is_space(bytes[text.len - 1])) {
        text.len--;
    }
    return (struct slu_bytes){bytes, text.len};
}

/* Add what stands for one side of a unit, where the name has it not; annotations do not. */
static void unit_join(struct joining *joining, const char *front, struct slu_bytes word)
{
    char room[UNIT_MAX];
    struct joining cleaned = {.name = room, .size_bytes = sizeof(room)};
    if (has_byte(word, '{') || has_byte(word, '}')) {
        return;
    }
    word_join(&cleaned, text_of(front));
    size_t front_len = cleaned.len;
    words_join(&cleaned, word);
    struct slu_bytes text = {room, cleaned.len};
    if (!cleaned.is_cut && text.len > front_len && word_find(joining, text) == joining->len) {
        word_join(joining, text);
    }
}

static void units_join(struct joining *joining, struct slu_bytes unit)
{
    struct slu_bytes rest = unit;
    struct slu_bytes main_unit = trimmed(bytes_cut(&rest, '/'));
    struct slu_bytes per = trimmed(rest);
    if (!is_text(main_unit, "1")) {
        unit_join(joining, "", word_of(units, sizeof(units) / sizeof(units[0]), main_unit));
    }
    unit_join(joining, "per", word_of(per_units, sizeof(per_units) / sizeof(per_units[0]), per));
}

/* The word at the end, and nowhere else. */
static void suffix_move(struct joining *joining, const char *suffix)
{
    struct slu_bytes word = text_of(suffix);
    size_t at = 0;
    while ((at = word_find(joining, word)) < joining->len) {
        size_t behind = at + word.len < joining->len ? at + word.len + 1 : joining->len;
        at -= behind == joining->len && at > 0 ? 1 : 0;
        memmove(joining->name + at, joining->name + behind, joining->len - behind);
        joining->len -= behind - at;
    }
    word_join(joining, word);
}

/* A digit in front is no beginning of a name. */
static void digit_cover(struct joining *joining)
{
    if (joining->len == 0 || !is_digit(joining->name[0])) {
        return;
    }
    if (joining->len == joining->size_bytes) {
        joining->is_cut = true;
        return;
    }
    memmove(joining->name + 1, joining->name, joining->len++);
    joining->name[0] = '_';
}

size_t prometheus_metric_name(struct slu_bytes metric, struct slu_bytes unit,
                              enum prometheus_kind kind, char *name, size_t size_bytes)
{
    struct joining joining = {.name = name, .size_bytes = size_bytes};
    words_join(&joining, metric);
    if (joining.len == 0) {
        return 0;
    }
    units_join(&joining, unit);
    if (kind == PROMETHEUS_COUNTER) {
        suffix_move(&joining, "total");
    } else if (kind == PROMETHEUS_GAUGE && is_text(unit, "1")) {
        suffix_move(&joining, "ratio");
    }
    digit_cover(&joining);
    return joining.is_cut ? 0 : joining.len;
}
