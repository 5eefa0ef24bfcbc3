/* Addresses of plain HTTP: http://host[:port][/path][?query]. Source: RFC 3986. */
#ifndef NET_URL_H
#define NET_URL_H

#include <sluice/bytes.h>

#define URL_HOST_BYTES_MAX 253

struct url {
    char host[URL_HOST_BYTES_MAX + 1]; /* without brackets */
    char port[6];
    struct slu_bytes authority; /* as it stands in the text, for Host */
    struct slu_bytes target;    /* path and query; "/" if there is none */
};

/*
 * Read one; its views are the text's.
 *
 * Returns  0; -EINVAL; -EPROTONOSUPPORT for another scheme
 */
int url_read(const char *text, struct url *url);

#endif
