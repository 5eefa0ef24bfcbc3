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

/* A segment that does not stand in the raw path as it should. */
struct segment {
    char bytes[SEGMENT_BYTES + PIECE_MAX];
    size_t len; /* more than SEGMENT_BYTES if it is too long, and then not all is there */
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
        segment_put(segment, (const char *)&byte, 1);
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

/* Read up to the end of a segment, what is special in it too. Returns where it ends. */
static const char *segment_read(struct segment *segment, const char *at, const char *end)
{
    segment->len = 0;
    while (at < end && !ends_segment(*at)) {
        if ((byte_classes[(uint8_t)*at] & BYTE_SPECIAL) != 0) {
            at += special_read(segment, at, end);
        } else {
            segment_put(segment, at, 1);
            at++;
        }
    }
    return at;
}

/* The first special byte, which most often ends the segment, and the classes of those before. */
static inline const char *plain_end(const char *at, const char *end, uint8_t *classes)
{
    uint8_t any = 0;
    while (at < end) {
        uint8_t class = byte_classes[(uint8_t)*at];
        if ((class & BYTE_SPECIAL) != 0) {
            break;
        }
        any |= class;
        at++;
    }
    *classes = any;
    return at;
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

/* `classes` are of all bytes, and none if nothing is to be identified. */
static bool segment_append(struct path *path, const char *bytes, size_t len, uint8_t classes)
{
    if (len == 0 || (len == 1 && bytes[0] == '.')) {
        return true;
    }
    if (len == 2 && bytes[0] == '.' && bytes[1] == '.') {
        path_pop(path);
        return true;
    }
    if (len > SEGMENT_BYTES || identifier_likely(bytes, len, classes)) {
        return path_push(path, IDENTIFIER_TEXT, IDENTIFIER_LEN);
    }
    return path_push(path, bytes, len);
}

static size_t path_end(struct path *path)
{
    if (path->len == 0) {
        path->bytes[path->len++] = '/';
    }
    return path->len;
}

/* Behind a segment's parameters, `;...`. */
static const char *parameters_skip(const char *at, const char *end)
{
    if (at < end && *at == ';') {
        while (at < end && *at != '/' && *at != '?' && *at != '#') {
            at++;
        }
    }
    return at;
}

size_t path_clean(struct slu_bytes raw, bool identify, char *out, size_t size_bytes)
{
    const char *at = raw.data;
    const char *end = at + raw.len;
    struct path path = {.bytes = out, .size_bytes = size_bytes};
    struct segment segment;
    bool fits = true;
    at = authority_skip(at, end);
    while (fits) {
        while (at < end && *at == '/') {
            at++;
        }
        if (at == end || *at == '?' || *at == '#') {
            break;
        }
        const char *start = at;
        uint8_t classes = 0;
        at = plain_end(at, end, &classes);
        if (at == end || ends_segment(*at)) {
            fits = segment_append(&path, start, (size_t)(at - start), identify ? classes : 0);
        } else {
            at = segment_read(&segment, start, end);
            classes = identify ? bytes_classes(segment.bytes, segment.len) : 0;
            fits = segment_append(&path, segment.bytes, segment.len, classes);
        }
        at = parameters_skip(at, end);
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
        uint8_t classes = bytes_classes(segment.data, segment.len);
        bool replaced = identifier_likely(segment.data, segment.len, classes);
        const char *bytes = replaced ? IDENTIFIER_TEXT : segment.data;
        if (!path_push(&path, bytes, replaced ? IDENTIFIER_LEN : segment.len)) {
            break;
        }
    }
    return path_end(&path);
}
