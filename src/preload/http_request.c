#include "preload/http_request.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Cut `text` at the first `separator`: what stands before it, and `text` goes on behind it. */
static struct slu_bytes take_until(struct slu_bytes *text, char separator)
{
    const char *begin = text->data;
    const char *found = text->len == 0 ? NULL : memchr(begin, separator, text->len);
    size_t len = found == NULL ? text->len : (size_t)(found - begin);
    size_t used = found == NULL ? len : len + 1;
    *text = (struct slu_bytes){begin + used, text->len - used};
    return (struct slu_bytes){begin, len};
}

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
    struct slu_bytes method = take_until(&line, ' ');
    struct slu_bytes target = take_until(&line, ' ');
    if (!is_target(target) || (!bytes_are(line, "HTTP/1.1") && !bytes_are(line, "HTTP/1.0"))) {
        return -EBADMSG;
    }
    request->method = bytes_are(method, "GET")    ? HTTP_GET
                      : bytes_are(method, "HEAD") ? HTTP_HEAD
                                                  : HTTP_OTHER;
    request->path = take_until(&target, '?');
    request->query = target;
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
    if (line_end == NULL || memmem(begin, received.len, head_end, sizeof(head_end) - 1) == NULL) {
        return received.len >= HTTP_HEAD_BYTES_MAX ? -ENOBUFS : -EAGAIN;
    }
    size_t len = (size_t)(line_end - begin);
    if (len == 0 || begin[len - 1] != '\r') {
        return -EBADMSG;
    }
    return line_read((struct slu_bytes){begin, len - 1}, request);
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

int http_request_number(const struct http_request *request, const char *name, uint64_t *value)
{
    struct slu_bytes rest = request->query;
    while (rest.len > 0) {
        struct slu_bytes parameter = take_until(&rest, '&');
        if (bytes_are(take_until(&parameter, '='), name)) {
            return number_read(parameter, value);
        }
    }
    return -ENOENT;
}
