#include "draw/text.h"

#include <string.h>

#include "base/sink.h"
#include "base/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
};

/* Combining marks and format characters of the scripts most seen in names (Unicode 15). */
static const struct range zero_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x0670, 0x0670}, {0x06d6, 0x06dc}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},   {0x0e47, 0x0e4e},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x2060, 0x2064},   {0x20d0, 0x20ff},
    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};

/* East Asian Width W and F, whole blocks of it, and the emoji shown as pictures. */
static const struct range double_width[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
    {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x274c, 0x274c},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

/* Line and paragraph separators, and what turns the direction of the text around it. */
static const struct range misleading[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x061c, 0x061c}, {0x200e, 0x200f},
    {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfff9, 0xfffb}, {0xe0001, 0xe007f},
};

#define IN_RANGES(code, ranges) in_ranges(code, ranges, sizeof(ranges) / sizeof((ranges)[0]))

static bool in_ranges(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count && ranges[i].first <= code; i++) {
        if (code <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static uint32_t character_width(uint32_t code)
{
    if (code < 0x300) {
        return 1;
    }
    if (IN_RANGES(code, zero_width)) {
        return 0;
    }
    return IN_RANGES(code, double_width) ? 2 : 1;
}

static void escape_character(struct sink *out, uint32_t code)
{
    switch (code) {
    case '\t':
        sink_text(out, "\\t");
        break;
    case '\n':
        sink_text(out, "\\n");
        break;
    case '\r':
        sink_text(out, "\\r");
        break;
    default:
        sink_format(out, code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)code);
    }
}

static void escape_bytes(struct sink *out, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        sink_format(out, "\\x%02x", (unsigned)(unsigned char)bytes[at]);
    }
}

void draw_text_escape(struct sink *out, const char *bytes, size_t len, bool utf8)
{
    size_t at = 0;
    while (at < len) {
        uint32_t code = 0;
        size_t taken = utf8_decode(bytes + at, len - at, &code);
        if (code == UTF8_INVALID) {
            escape_bytes(out, bytes + at, taken);
        } else if (IN_RANGES(code, misleading) || (!utf8 && code >= 0x80)) {
            escape_character(out, code);
        } else {
            sink_put(out, bytes + at, taken);
        }
        at += taken;
    }
}

uint32_t draw_text_width(const char *text, size_t len)
{
    uint32_t width = 0;
    size_t at = 0;
    while (at < len) {
        uint32_t code = 0;
        at += utf8_decode(text + at, len - at, &code);
        width += character_width(code);
    }
    return width;
}

/* The longest beginning of at most `width` columns: its bytes, and the columns it takes. */
static size_t beginning_within(const char *text, size_t len, uint32_t width, uint32_t *taken_width)
{
    size_t at = 0;
    *taken_width = 0;
    while (at < len) {
        uint32_t code = 0;
        size_t taken = utf8_decode(text + at, len - at, &code);
        if (*taken_width + character_width(code) > width) {
            break;
        }
        *taken_width += character_width(code);
        at += taken;
    }
    return at;
}

uint32_t draw_text_cut(struct sink *out, const char *text, size_t len, uint32_t width,
                       enum draw_cut cut, bool utf8)
{
    uint32_t full_width = draw_text_width(text, len);
    if (full_width <= width || cut == DRAW_CUT_NEVER) {
        sink_put(out, text, len);
        return full_width;
    }
    if (width == 0) {
        return 0;
    }
    const char *ellipsis = utf8 ? "\u2026" : "~";
    uint32_t kept_width = 0;
    if (cut == DRAW_CUT_END) {
        size_t kept = beginning_within(text, len, width - 1, &kept_width);
        sink_put(out, text, kept);
        sink_text(out, ellipsis);
        return kept_width + 1;
    }
    /* The end of at most width - 1 columns: what is left when the shortest sufficient beginning
     * goes; a wide character on the border goes with it. */
    uint32_t gone_width = 0;
    size_t gone = beginning_within(text, len, full_width - width + 1, &gone_width);
    while (gone < len && full_width - gone_width > width - 1) {
        uint32_t code = 0;
        gone += utf8_decode(text + gone, len - gone, &code);
        gone_width += character_width(code);
    }
    sink_text(out, ellipsis);
    sink_put(out, text + gone, len - gone);
    return full_width - gone_width + 1;
}

/* Write one word of a line that has `column` columns so far; returns the new column. */
static uint32_t wrap_word(struct sink *out, const char *word, size_t len, uint32_t column,
                          uint32_t indent, uint32_t width)
{
    uint32_t word_width = draw_text_width(word, len);
    bool first = column == indent;
    if (!first && width != 0 && column + 1 + word_width > width) {
        sink_char(out, '\n');
        sink_repeat(out, ' ', indent);
        column = indent;
        first = true;
    }
    if (!first) {
        sink_char(out, ' ');
        column++;
    }
    sink_put(out, word, len);
    return column + word_width;
}

void draw_text_wrapped(struct sink *out, const char *text, uint32_t indent, uint32_t width)
{
    uint32_t column = indent;
    bool indent_due = false;
    while (*text != '\0') {
        size_t len = strcspn(text, " \n");
        if (len > 0 && indent_due) {
            sink_repeat(out, ' ', indent);
            indent_due = false;
        }
        if (len > 0) {
            column = wrap_word(out, text, len, column, indent, width);
        }
        text += len;
        if (*text == '\n') {
            sink_char(out, '\n');
            column = indent;
            indent_due = true;
        }
        text += *text != '\0';
    }
    sink_char(out, '\n');
}
