#include "net/http1_head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define TARGET_BYTES_MAX 8192

/* What tokens are made of (RFC 9110, 5.6.2), in lower case; 0 is no part of one. */
static const unsigned char token_of[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
    ['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b',   ['c'] = 'c',
    ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i',   ['j'] = 'j',
    ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p',   ['q'] = 'q',
    ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w',   ['x'] = 'x',
    ['y'] = 'y', ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd',   ['E'] = 'e',
    ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k',   ['L'] = 'l',
    ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r',   ['S'] = 's',
    ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y',   ['Z'] = 'z',
};

/* What is met only in fields, and judged when all have been read. */
struct reading {
    struct http1_head *head;
    uint32_t host_count;
    bool has_coding;
    bool wants_upgrade;
    bool names_websocket;
};

int http1_head_end(const unsigned char *bytes, size_t available, size_t *scanned, size_t *len)
{
    size_t at = *scanned;
    for (;;) {
        const unsigned char *found =
            at < available ? memchr(bytes + at, '\n', available - at) : NULL;
        if (found == NULL) {
            *scanned = available;
            return -EAGAIN;
        }
        size_t place = (size_t)(found - bytes);
        if (place == 0 || bytes[place - 1] != '\r') {
            return -EBADMSG;
        }
        if (place >= 3 && bytes[place - 2] == '\n') {
            *len = place + 1;
            return 0;
        }
        at = place + 1;
    }
}

bool head_text_is(struct slu_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && strncasecmp(bytes.data, text, bytes.len) == 0;
}

bool head_is_token(struct slu_bytes bytes)
{
    const unsigned char *at = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) {
        if (token_of[at[i]] == 0) {
            return false;
        }
    }
    return bytes.len > 0;
}

bool head_is_value(struct slu_bytes bytes)
{
    const unsigned char *at = bytes.data;
    unsigned bad = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bad |= (unsigned)(at[i] < 0x20) & (unsigned)(at[i] != '\t');
        bad |= (unsigned)(at[i] == 0x7f);
    }
    return bad == 0;
}

static struct slu_bytes trimmed(const unsigned char *begin, const unsigned char *end)
{
    while (begin < end && (*begin == ' ' || *begin == '\t')) {
        begin++;
    }
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return (struct slu_bytes){begin, (size_t)(end - begin)};
}

/* The next part of a comma-separated list; false after the last. */
static bool list_next(struct slu_bytes *list, struct slu_bytes *part)
{
    if (list->data == NULL) {
        return false;
    }
    const unsigned char *begin = list->data;
    const unsigned char *end = begin + list->len;
    const unsigned char *comma = list->len == 0 ? NULL : memchr(begin, ',', list->len);
    *part = trimmed(begin, comma == NULL ? end : comma);
    *list = comma == NULL ? (struct slu_bytes){0}
                          : (struct slu_bytes){comma + 1, (size_t)(end - comma) - 1};
    return true;
}

bool head_list_has(struct slu_bytes list, const char *token)
{
    struct slu_bytes part;
    while (list_next(&list, &part)) {
        if (head_text_is(part, token)) {
            return true;
        }
    }
    return false;
}

static int refuse(struct http1_head *head, unsigned status)
{
    head->status = status;
    return -EBADMSG;
}

static int content_length_read(struct reading *reading, struct slu_bytes value)
{
    struct http1_head *head = reading->head;
    const unsigned char *digits = value.data;
    uint64_t length = 0;
    if (value.len == 0 || (head->flags & HEAD_CONTENT_LENGTH) != 0) {
        return refuse(head, 400);
    }
    for (size_t i = 0; i < value.len; i++) {
        if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, (uint64_t)digits[i] - '0', &length)) {
            return refuse(head, 400);
        }
    }
    head->content_length = length;
    head->flags |= HEAD_CONTENT_LENGTH;
    return 0;
}

static int coding_read(struct reading *reading, struct slu_bytes value)
{
    if (reading->has_coding) {
        return refuse(reading->head, 400);
    }
    reading->has_coding = true;
    if (!head_text_is(value, "chunked")) {
        return refuse(reading->head, head_list_has(value, "chunked") ? 400 : 501);
    }
    reading->head->flags |= HEAD_CHUNKED;
    return 0;
}

static void connection_read(struct reading *reading, struct slu_bytes value)
{
    struct slu_bytes part;
    while (list_next(&value, &part)) {
        if (head_text_is(part, "close")) {
            reading->head->flags |= HEAD_CLOSE;
        } else if (head_text_is(part, "keep-alive")) {
            reading->head->flags |= HEAD_KEEP_ALIVE;
        } else if (head_text_is(part, "upgrade")) {
            reading->wants_upgrade = true;
        }
    }
}

/* Fields that say how to go on; most are told apart by their length alone. */
static int field_note(struct reading *reading, struct slu_bytes name, struct slu_bytes value)
{
    switch (name.len) {
    case 4:
        reading->host_count += memcmp(name.data, "host", 4) == 0;
        break;
    case 6:
        if (memcmp(name.data, "expect", 6) == 0) {
            if (!head_text_is(value, "100-continue")) {
                return refuse(reading->head, 417);
            }
            reading->head->flags |= HEAD_EXPECT;
        }
        break;
    case 7:
        if (memcmp(name.data, "upgrade", 7) == 0) {
            reading->names_websocket |= head_list_has(value, "websocket");
        }
        break;
    case 10:
        if (memcmp(name.data, "connection", 10) == 0) {
            connection_read(reading, value);
        }
        break;
    case 14:
        return memcmp(name.data, "content-length", 14) == 0 ? content_length_read(reading, value)
                                                            : 0;
    case 17:
        return memcmp(name.data, "transfer-encoding", 17) == 0 ? coding_read(reading, value) : 0;
    default:
        break;
    }
    return 0;
}

static int field_read(struct reading *reading, struct head_fields *fields, unsigned char *line,
                      unsigned char *end)
{
    unsigned char *colon = line;
    for (unsigned char lower; colon < end && (lower = token_of[*colon]) != 0; colon++) {
        *colon = lower;
    }
    if (colon == line || colon == end || *colon != ':') {
        return refuse(reading->head, 400);
    }
    struct slu_bytes name = {line, (size_t)(colon - line)};
    struct slu_bytes value = trimmed(colon + 1, end);
    if (!head_is_value(value)) {
        return refuse(reading->head, 400);
    }
    if (fields->count == HEAD_FIELDS_MAX) {
        return refuse(reading->head, 431);
    }
    fields->list[fields->count++] = (struct head_field){
        .name_at = (uint16_t)(line - fields->base),
        .name_len = (uint16_t)name.len,
        .value_at = (uint16_t)((const unsigned char *)value.data - fields->base),
        .value_len = (uint16_t)value.len,
    };
    return field_note(reading, name, value);
}

/* All lines but the first; `at` is behind it, and the empty line ends at `end`. */
static int fields_read(struct reading *reading, struct head_fields *fields, unsigned char *at,
                       const unsigned char *end)
{
    while (at < end - 2) {
        unsigned char *line_end = memchr(at, '\n', (size_t)(end - at));
        int err = field_read(reading, fields, at, line_end - 1);
        if (err != 0) {
            return err;
        }
        at = line_end + 1;
    }
    struct http1_head *head = reading->head;
    if ((head->flags & HEAD_CHUNKED) != 0 &&
        ((head->flags & HEAD_CONTENT_LENGTH) != 0 || head->minor == 0)) {
        return refuse(head, 400);
    }
    if (reading->wants_upgrade && reading->names_websocket) {
        head->flags |= HEAD_UPGRADE;
    }
    return 0;
}

/* "HTTP/1.x" at the place, with nothing behind it. */
static int version_read(struct http1_head *head, const unsigned char *at, const unsigned char *end)
{
    if (end - at != 8 || memcmp(at, "HTTP/", 5) != 0 || at[6] != '.' || at[5] < '0' ||
        at[5] > '9' || at[7] < '0' || at[7] > '9') {
        return refuse(head, 400);
    }
    if (at[5] != '1' || at[7] > '1') {
        return refuse(head, 505);
    }
    head->minor = at[7] - '0';
    return 0;
}

static bool is_target(struct slu_bytes target)
{
    const unsigned char *at = target.data;
    unsigned bad = 0;
    for (size_t i = 0; i < target.len; i++) {
        bad |= (unsigned)(at[i] <= ' ') | (unsigned)(at[i] >= 0x7f) | (unsigned)(at[i] == '#');
    }
    return bad == 0 && target.len > 0;
}

/* A target with a scheme and a host is for proxies, but has to be understood: what counts is the
 * path. */
static struct slu_bytes target_path(struct slu_bytes target)
{
    static const char scheme[] = "http://";
    const unsigned char *at = target.data;
    size_t skip = sizeof(scheme) - 1;
    if (target.len <= skip || strncasecmp(target.data, scheme, skip) != 0) {
        return target;
    }
    const unsigned char *path = memchr(at + skip, '/', target.len - skip);
    if (path == NULL) {
        return (struct slu_bytes){"/", 1};
    }
    return (struct slu_bytes){path, target.len - (size_t)(path - at)};
}

static int request_line_read(struct http1_head *head, const unsigned char *line,
                             const unsigned char *end)
{
    const unsigned char *space = memchr(line, ' ', (size_t)(end - line));
    if (space == NULL) {
        return refuse(head, 400);
    }
    const unsigned char *second = memchr(space + 1, ' ', (size_t)(end - space) - 1);
    if (second == NULL) {
        return refuse(head, 400);
    }
    head->method = (struct slu_bytes){line, (size_t)(space - line)};
    head->target = (struct slu_bytes){space + 1, (size_t)(second - space) - 1};
    if (!head_is_token(head->method) || !is_target(head->target)) {
        return refuse(head, 400);
    }
    if (head->target.len > TARGET_BYTES_MAX) {
        return refuse(head, 414);
    }
    int err = version_read(head, second + 1, end);
    if (err != 0) {
        return err;
    }
    head->target = target_path(head->target);
    const char *first = head->target.data;
    bool is_star = head->target.len == 1 && *first == '*' && head_text_is(head->method, "OPTIONS");
    return *first == '/' || is_star ? 0 : refuse(head, 400);
}

int http1_request_read(unsigned char *bytes, size_t len, struct http1_head *head,
                       struct head_fields *fields)
{
    *head = (struct http1_head){.status = 400};
    fields->base = bytes;
    fields->count = 0;
    struct reading reading = {.head = head};
    unsigned char *line_end = memchr(bytes, '\n', len);
    int err = request_line_read(head, bytes, line_end - 1);
    if (err == 0) {
        err = fields_read(&reading, fields, line_end + 1, bytes + len);
    }
    if (err == 0 && reading.host_count != 1 && (head->minor == 1 || reading.host_count > 1)) {
        err = refuse(head, 400);
    }
    return err;
}

/* "HTTP/1.1 200 OK"; the reason may be missing with its blank. */
static int status_line_read(struct http1_head *head, const unsigned char *line,
                            const unsigned char *end)
{
    if (end - line < 12 || line[8] != ' ' || (end - line > 12 && line[12] != ' ')) {
        return -EBADMSG;
    }
    unsigned status = 0;
    for (int i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9') {
            return -EBADMSG;
        }
        status = 10 * status + (line[i] - '0');
    }
    if (status < 100 || version_read(head, line, line + 8) != 0) {
        return -EBADMSG;
    }
    head->status = status;
    return 0;
}

int http1_response_read(unsigned char *bytes, size_t len, struct http1_head *head,
                        struct head_fields *fields)
{
    *head = (struct http1_head){0};
    fields->base = bytes;
    fields->count = 0;
    struct reading reading = {.head = head};
    unsigned char *line_end = memchr(bytes, '\n', len);
    int err = status_line_read(head, bytes, line_end - 1);
    return err != 0 ? err : fields_read(&reading, fields, line_end + 1, bytes + len);
}

bool head_field_find(const struct head_fields *fields, const char *name, struct slu_bytes *value)
{
    size_t len = strlen(name);
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct head_field *field = &fields->list[i];
        if (field->name_len == len && memcmp(fields->base + field->name_at, name, len) == 0) {
            *value = (struct slu_bytes){fields->base + field->value_at, field->value_len};
            return true;
        }
    }
    return false;
}
