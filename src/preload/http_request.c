#include "preload/http_request.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static bool bytes_are(struct slu_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* Visible ASCII: what a request's target is made of. */
static bool is_target(struct slu_bytes bytes)
{
    const unsigned char *text = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f) {
            return false;
        }
    }
    return bytes.len > 0 && text[0] == '/';
}

static int line_read(struct slu_bytes line, struct http_request *request)
{
    struct slu_bytes method = bytes_cut(&line, ' ');
    struct slu_bytes target = bytes_cut(&line, ' ');
    if (!is_target(target) || (!bytes_are(line, "HTTP/1.1") && !bytes_are(line, "HTTP/1.0"))) {
        return -EBADMSG;
    }
    request->method = bytes_are(method, "GET")    ? HTTP_GET
                      : bytes_are(method, "HEAD") ? HTTP_HEAD
                      : bytes_are(method, "POST") ? HTTP_POST
                                                  : HTTP_OTHER;
    request->path = bytes_cut(&target, '?');
    request->query = target;
    return 0;
}

static int number_read(struct slu_bytes text, uint64_t *value)
{
    const char *digits = text.data;
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(digits[i] - '0'), &number)) {
            return -EBADMSG;
        }
    }
    if (text.len == 0) {
        return -EBADMSG;
    }
    *value = number;
    return 0;
}

/* The value of a line "Name: value" if it has that name, in whatever case. */
static bool field_is(struct slu_bytes line, const char *name, struct slu_bytes *value)
{
    struct slu_bytes found = bytes_cut(&line, ':');
    if (found.len != strlen(name) || strncasecmp(found.data, name, found.len) != 0) {
        return false;
    }
    const char *text = line.data;
    while (line.len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        line.len--;
    }
    while (line.len > 0 && (text[line.len - 1] == ' ' || text[line.len - 1] == '\t')) {
        line.len--;
    }
    *value = (struct slu_bytes){text, line.len};
    return true;
}

/* Who asks, and how long the body is, as the lines of the head say. */
static int fields_read(struct slu_bytes lines, struct http_request *request, uint64_t *len)
{
    bool is_told = false;
    *len = 0;
    request->is_of_page = false;
    while (lines.len > 0) {
        struct slu_bytes line = bytes_cut(&lines, '\n');
        struct slu_bytes value;
        line.len -= line.len > 0 && ((const char *)line.data)[line.len - 1] == '\r';
        request->is_of_page |= field_is(line, "Origin", &value);
        if (field_is(line, "Transfer-Encoding", &value)) {
            return -ENOTSUP;
        }
        if (field_is(line, "Content-Length", &value)) {
            if (is_told || number_read(value, len) != 0) {
                return -EBADMSG;
            }
            is_told = true;
        }
    }
    return 0;
}

int http_request_read(struct slu_bytes received, struct http_request *request)
{
    static const char head_end[] = "\r\n\r\n";
    if (received.len == 0) {
        return -EAGAIN;
    }
    const char *begin = received.data;
    const char *line_end = memchr(begin, '\n', received.len);
    const char *end = memmem(begin, received.len, head_end, sizeof(head_end) - 1);
    if (line_end == NULL || end == NULL) {
        return received.len >= HTTP_REQUEST_BYTES_MAX ? -ENOBUFS : -EAGAIN;
    }
    size_t len = (size_t)(line_end - begin);
    if (len == 0 || begin[len - 1] != '\r') {
        return -EBADMSG;
    }
    uint64_t body_len = 0;
    size_t head_len = (size_t)(end - begin) + sizeof(head_end) - 1;
    if (head_len > HTTP_REQUEST_BYTES_MAX) {
        return -ENOBUFS;
    }
    int err = line_read((struct slu_bytes){begin, len - 1}, request);
    if (err == 0) {
        err = fields_read((struct slu_bytes){line_end + 1, head_len - len - 1}, request, &body_len);
    }
    if (err == 0 && body_len > HTTP_REQUEST_BYTES_MAX - head_len) {
        err = -EFBIG;
    }
    return err == 0 && received.len - head_len < body_len ? -EAGAIN : err;
}

int http_request_number(const struct http_request *request, const char *name, uint64_t *value)
{
    struct slu_bytes rest = request->query;
    while (rest.len > 0) {
        struct slu_bytes parameter = bytes_cut(&rest, '&');
        if (bytes_are(bytes_cut(&parameter, '='), name)) {
            return number_read(parameter, value);
        }
    }
    return -ENOENT;
}
