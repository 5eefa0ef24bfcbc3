#include "cli/page_request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static struct slu_bytes part(const char *begin, const char *end)
{
    return (struct slu_bytes){begin, (size_t)(end - begin)};
}

static bool bytes_are(struct slu_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && strncasecmp(bytes.data, text, bytes.len) == 0;
}

/* Up to `stop`, which is left behind too; false if it is not there. */
static bool cut(struct slu_bytes *rest, const char *stop, struct slu_bytes *found)
{
    size_t len = strlen(stop);
    const char *begin = rest->data;
    const char *at = memmem(begin, rest->len, stop, len);
    if (at == NULL) {
        return false;
    }
    *found = part(begin, at);
    *rest = part(at + len, begin + rest->len);
    return true;
}

static bool is_printable(struct slu_bytes bytes)
{
    const unsigned char *at = bytes.data;
    for (size_t i = 0; i < bytes.len; i++) {
        if (at[i] <= ' ' || at[i] == 0x7f) {
            return false;
        }
    }
    return bytes.len > 0;
}

static int first_line_read(struct slu_bytes line, struct page_request *request)
{
    struct slu_bytes method;
    struct slu_bytes target;
    if (!cut(&line, " ", &method) || !cut(&line, " ", &target) || !is_printable(target) ||
        *(const char *)target.data != '/' ||
        (!bytes_are(line, "HTTP/1.1") && !bytes_are(line, "HTTP/1.0"))) {
        return -EBADMSG;
    }
    request->is_head = bytes_are(method, "HEAD");
    request->is_get = request->is_head || bytes_are(method, "GET");
    if (!cut(&target, "?", &request->path)) {
        request->path = target;
        target.len = 0;
    }
    request->query = target;
    return 0;
}

static struct slu_bytes trimmed(struct slu_bytes bytes)
{
    const char *begin = bytes.data;
    const char *end = begin + bytes.len;
    while (begin < end && (*begin == ' ' || *begin == '\t')) {
        begin++;
    }
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return part(begin, end);
}

static int header_read(struct slu_bytes line, struct page_request *request)
{
    struct slu_bytes name;
    if (!cut(&line, ":", &name) || !is_printable(name)) {
        return -EBADMSG;
    }
    struct slu_bytes value = trimmed(line);
    if (bytes_are(name, "host")) {
        if (request->host.data != NULL) {
            return -EBADMSG;
        }
        request->host = value;
    } else if (bytes_are(name, "if-none-match")) {
        request->if_none_match = value;
    } else if (bytes_are(name, "accept-encoding")) {
        request->takes_gzip = memmem(value.data, value.len, "gzip", 4) != NULL;
    }
    return 0;
}

int page_request_read(struct slu_bytes received, struct page_request *request)
{
    struct page_request found = {0};
    struct slu_bytes head;
    struct slu_bytes line;
    if (memchr(received.data, '\0', received.len) != NULL) {
        return -EBADMSG;
    }
    if (!cut(&received, "\r\n\r\n", &head)) {
        return received.len >= PAGE_REQUEST_BYTES_MAX ? -ENOBUFS : -EAGAIN;
    }
    head.len += 2; /* each line with its end */
    int err = cut(&head, "\r\n", &line) ? first_line_read(line, &found) : -EBADMSG;
    while (err == 0 && cut(&head, "\r\n", &line)) {
        err = header_read(line, &found);
    }
    if (err == 0) {
        *request = found;
    }
    return err;
}

bool page_request_is_local(const struct page_request *request)
{
    struct slu_bytes host = request->host;
    const char *begin = host.data;
    if (host.len > 0 && begin[0] == '[') {
        const char *end = memchr(begin, ']', host.len);
        return end != NULL && bytes_are(part(begin, end + 1), "[::1]");
    }
    const char *colon = host.len == 0 ? NULL : memchr(begin, ':', host.len);
    struct slu_bytes name = colon == NULL ? host : part(begin, colon);
    bool is_address = name.len >= 4 && memcmp(name.data, "127.", 4) == 0;
    for (size_t i = 0; i < name.len && is_address; i++) {
        const char *letter = (const char *)name.data + i;
        is_address = *letter == '.' || (*letter >= '0' && *letter <= '9');
    }
    return is_address || bytes_are(name, "localhost");
}

static int hexadecimal(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char small = (char)(digit | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

static int decode(struct slu_bytes from, char *value, size_t size_bytes)
{
    const char *at = from.data;
    const char *end = at + from.len;
    size_t len = 0;
    while (at < end) {
        char letter = *at++;
        if (letter == '+') {
            letter = ' ';
        } else if (letter == '%') {
            int high = end - at < 2 ? -1 : hexadecimal(at[0]);
            int low = end - at < 2 ? -1 : hexadecimal(at[1]);
            if (high < 0 || low < 0 || high + low == 0) {
                return -EBADMSG;
            }
            letter = (char)(high * 16 + low);
            at += 2;
        }
        if (len + 1 >= size_bytes) {
            return -ENOBUFS;
        }
        value[len++] = letter;
    }
    value[len] = '\0';
    return 0;
}

int page_request_value(const struct page_request *request, const char *name, char *value,
                       size_t size_bytes)
{
    struct slu_bytes rest = request->query;
    size_t name_len = strlen(name);
    while (rest.len > 0) {
        struct slu_bytes pair;
        if (!cut(&rest, "&", &pair)) {
            pair = rest;
            rest.len = 0;
        }
        const char *begin = pair.data;
        if (pair.len > name_len && begin[name_len] == '=' && memcmp(begin, name, name_len) == 0) {
            return decode(part(begin + name_len + 1, begin + pair.len), value, size_bytes);
        }
    }
    return -ENOENT;
}
