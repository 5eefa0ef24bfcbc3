/*
 * Segment by segment: each is read into a buffer of its own, decoded, judged, and then appended
 * whole or not at all. What does not fit ends the path, so that the result is a path that fits and
 * comes out the same when it is normalised again.
 */
#include "meter/path.h"

#include <string.h>

#include <sluice/label.h>

#include "base/utf8.h"
#include "meter/identifier.h"
#include "meter/template.h"

#define ESCAPE_BYTES  3
#define PIECE_MAX     (ESCAPE_BYTES > UTF8_BYTES_MAX ? ESCAPE_BYTES : UTF8_BYTES_MAX)
#define SEGMENT_BYTES SLU_LABEL_SEGMENT_BYTES_MAX

struct segment {
    char bytes[SEGMENT_BYTES + PIECE_MAX];
    size_t len;
    bool has_digit;
    bool is_long;
};

struct path {
    char *bytes;
    size_t len;
    size_t size_bytes;
};

/* Behind `scheme://authority`, if there is one. */
static const char *authority_skip(const char *at, const char *end)
{
    const char *colon = at;
    while (colon < end &&
           (*colon == '+' || *colon == '-' || *colon == '.' ||
            (byte_classes[(uint8_t)*colon] & (BYTE_DIGIT | BYTE_UPPER | BYTE_LOWER)) != 0)) {
        colon++;
    }
    if (colon == at || end - colon < 3 || memcmp(colon, "://", 3) != 0) {
        return at;
    }
    for (at = colon + 3; at < end && *at != '/' && *at != '?' && *at != '#'; at++) {
    }
    return at;
}

static uint32_t hex_digit(char digit)
{
    return digit <= '9' ? (uint32_t)(digit - '0') : (uint32_t)((digit | 0x20) - 'a' + 10);
}

static bool is_hex_digit(char byte)
{
    return (byte_classes[(uint8_t)byte] & BYTE_HEX) != 0;
}

static bool is_unreserved(uint8_t byte)
{
    return (byte_classes[byte] & (BYTE_DIGIT | BYTE_UPPER | BYTE_LOWER)) != 0 || byte == '-' ||
           byte == '.' || byte == '_' || byte == '~';
}

static void segment_put(struct segment *segment, const char *bytes, size_t len)
{
    if (segment->len <= SEGMENT_BYTES) {
        memcpy(segment->bytes + segment->len, bytes, len);
        segment->len += len;
    }
}

static void segment_put_byte(struct segment *segment, char byte)
{
    segment_put(segment, &byte, 1);
    segment->has_digit |= (byte_classes[(uint8_t)byte] & BYTE_DIGIT) != 0;
}

static void segment_put_escape(struct segment *segment, uint8_t byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char escape[ESCAPE_BYTES] = {'%', digits[byte >> 4], digits[byte & 0xf]};
    segment_put(segment, escape, ESCAPE_BYTES);
}

/* An escape, or a percent sign that is none. Returns the bytes read. */
static size_t escape_read(struct segment *segment, const char *at, const char *end)
{
    if (end - at < ESCAPE_BYTES || !is_hex_digit(at[1]) || !is_hex_digit(at[2])) {
        segment_put_escape(segment, '%');
        return 1;
    }
    uint8_t byte = (uint8_t)(hex_digit(at[1]) << 4 | hex_digit(at[2]));
    if (is_unreserved(byte)) {
        segment_put_byte(segment, (char)byte);
    } else {
        segment_put_escape(segment, byte);
    }
    return ESCAPE_BYTES;
}

/* A byte that is not simply copied and ends no segment. Returns the bytes read. */
static size_t special_read(struct segment *segment, const char *at, const char *end)
{
    uint8_t byte = (uint8_t)*at;
    if (byte == '%') {
        return escape_read(segment, at, end);
    }
    if (byte < 0x80) {
        segment_put_escape(segment, byte);
        return 1;
    }
    uint32_t code = 0;
    size_t len = utf8_decode(at, (size_t)(end - at), &code);
    if (code == UTF8_INVALID) {
        segment_put(segment, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
    } else {
        segment_put(segment, at, len);
    }
    return len;
}

static bool ends_segment(char byte)
{
    return byte == '/' || byte == '?' || byte == '#' || byte == ';';
}

/* Read up to the end of a segment. Returns where it ends. */
static const char *segment_read(struct segment *segment, const char *at, const char *end)
{
    segment->len = 0;
    segment->has_digit = false;
    while (at < end && !ends_segment(*at)) {
        uint8_t class = byte_classes[(uint8_t)*at];
        if ((class & BYTE_SPECIAL) != 0) {
            at += special_read(segment, at, end);
            continue;
        }
        if (segment->len <= SEGMENT_BYTES) {
            segment->bytes[segment->len++] = *at;
        }
        segment->has_digit |= (class & BYTE_DIGIT) != 0;
        at++;
    }
    segment->is_long = segment->len > SEGMENT_BYTES;
    return at;
}

static void segment_identify(struct segment *segment)
{
    memcpy(segment->bytes, IDENTIFIER_TEXT, IDENTIFIER_LEN);
    segment->len = IDENTIFIER_LEN;
}

static void path_pop(struct path *path)
{
    while (path->len > 0 && path->bytes[--path->len] != '/') {
    }
}

/* False if it does not fit. */
static bool path_push(struct path *path, const char *bytes, size_t len)
{
    if (len + 1 > path->size_bytes - path->len) {
        return false;
    }
    path->bytes[path->len] = '/';
    memcpy(path->bytes + path->len + 1, bytes, len);
    path->len += len + 1;
    return true;
}

static bool segment_append(struct path *path, struct segment *segment, bool identify)
{
    const char *bytes = segment->bytes;
    if (segment->len == 0 || (segment->len == 1 && bytes[0] == '.')) {
        return true;
    }
    if (segment->len == 2 && bytes[0] == '.' && bytes[1] == '.') {
        path_pop(path);
        return true;
    }
    if (segment->is_long ||
        (identify && segment->has_digit && identifier_likely(bytes, segment->len))) {
        segment_identify(segment);
    }
    return path_push(path, segment->bytes, segment->len);
}

static size_t path_end(struct path *path)
{
    if (path->len == 0) {
        path->bytes[path->len++] = '/';
    }
    return path->len;
}

size_t path_clean(struct slu_bytes raw, bool identify, char *out, size_t size_bytes)
{
    const char *at = raw.data;
    const char *end = at + raw.len;
    struct path path = {.bytes = out, .size_bytes = size_bytes};
    struct segment segment;
    at = authority_skip(at, end);
    while (at < end && *at != '?' && *at != '#') {
        if (*at == '/') {
            at++;
            continue;
        }
        at = segment_read(&segment, at, end);
        while (at < end && *at != '/' && *at != '?' && *at != '#') {
            at++; /* the segment's parameters */
        }
        if (!segment_append(&path, &segment, identify)) {
            break;
        }
    }
    return path_end(&path);
}

bool path_segment_next(struct slu_bytes clean, size_t *at, struct slu_bytes *segment)
{
    const char *bytes = clean.data;
    size_t start = *at + 1;
    if (start >= clean.len) {
        return false;
    }
    const char *slash = memchr(bytes + start, '/', clean.len - start);
    *at = slash == NULL ? clean.len : (size_t)(slash - bytes);
    *segment = (struct slu_bytes){bytes + start, *at - start};
    return true;
}

size_t path_identify(const struct path_templates *templates, struct slu_bytes clean, char *out,
                     size_t size_bytes)
{
    struct path path = {.bytes = out, .size_bytes = size_bytes};
    struct slu_bytes text = {0};
    size_t at = templates_match(templates, clean, &text);
    if (at > 0) {
        memcpy(out, text.data, text.len);
        path.len = text.len;
    }
    struct slu_bytes segment = {0};
    while (path_segment_next(clean, &at, &segment)) {
        bool replaced = identifier_likely(segment.data, segment.len);
        const char *bytes = replaced ? IDENTIFIER_TEXT : segment.data;
        if (!path_push(&path, bytes, replaced ? IDENTIFIER_LEN : segment.len)) {
            break;
        }
    }
    return path_end(&path);
}
