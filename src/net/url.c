#include "net/url.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static int port_read(const char *begin, const char *end, char port[6])
{
    size_t len = (size_t)(end - begin);
    uint32_t number = 0;
    if (len == 0 || len > 5) {
        return -EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        if (begin[i] < '0' || begin[i] > '9') {
            return -EINVAL;
        }
        number = 10 * number + (uint32_t)(begin[i] - '0');
    }
    memcpy(port, begin, len);
    port[len] = '\0';
    return number == 0 || number > UINT16_MAX ? -EINVAL : 0;
}

static bool is_printable(const char *begin, const char *end)
{
    for (; begin < end; begin++) {
        if (*begin <= ' ' || *begin >= 0x7f) {
            return false;
        }
    }
    return true;
}

static int authority_read(const char *begin, const char *end, struct url *url)
{
    const char *host = begin;
    const char *host_end = NULL;
    if (begin < end && *begin == '[') {
        host = begin + 1;
        host_end = memchr(host, ']', (size_t)(end - host));
        begin = host_end == NULL ? end : host_end + 1;
    } else {
        host_end = memchr(begin, ':', (size_t)(end - begin));
        host_end = host_end == NULL ? end : host_end;
        begin = host_end;
    }
    size_t len = host_end == NULL ? 0 : (size_t)(host_end - host);
    if (len == 0 || len > URL_HOST_BYTES_MAX || memchr(host, '@', (size_t)(end - host)) != NULL) {
        return -EINVAL;
    }
    memcpy(url->host, host, len);
    url->host[len] = '\0';
    memcpy(url->port, "80", 3);
    if (begin == end) {
        return 0;
    }
    return *begin == ':' ? port_read(begin + 1, end, url->port) : -EINVAL;
}

int url_read(const char *text, struct url *url)
{
    static const char scheme[] = "http://";
    size_t skip = sizeof(scheme) - 1;
    const char *text_end = text + strlen(text);
    if (strncasecmp(text, scheme, skip) != 0) {
        return strstr(text, "://") != NULL ? -EPROTONOSUPPORT : -EINVAL;
    }
    const char *begin = text + skip;
    const char *end = begin + strcspn(begin, "/?#");
    const char *target_end = end + strcspn(end, "#");
    if (!is_printable(text, text_end)) {
        return -EINVAL;
    }
    url->authority = (struct slu_bytes){begin, (size_t)(end - begin)};
    url->target = (struct slu_bytes){end, (size_t)(target_end - end)};
    if (url->target.len == 0) {
        url->target = (struct slu_bytes){"/", 1};
    } else if (*end == '?') {
        return -EINVAL; /* a query without a path */
    }
    return authority_read(begin, end, url);
}
