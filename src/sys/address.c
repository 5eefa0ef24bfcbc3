#include "sys/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#define HOST_BYTES_MAX 64

static int port_read(const char *text, in_port_t *port)
{
    uint32_t number = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || number > UINT16_MAX) {
            return -EINVAL;
        }
        number = 10 * number + (uint32_t)(*at - '0');
    }
    if (*text == '\0' || number > UINT16_MAX) {
        return -EINVAL;
    }
    *port = htons((uint16_t)number);
    return 0;
}

bool address_is_loopback(const struct address *address)
{
    switch (address->socket.any.sa_family) {
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&address->socket.v6.sin6_addr);
    case AF_INET:
        return ntohl(address->socket.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    default:
        return true;
    }
}

static int v6_read(const char *host, in_port_t port, struct address *address)
{
    address->socket.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
    address->len = sizeof(address->socket.v6);
    if (inet_pton(AF_INET6, host, &address->socket.v6.sin6_addr) != 1) {
        return -EINVAL;
    }
    return 0;
}

static int v4_read(const char *host, in_port_t port, struct address *address)
{
    address->socket.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    address->len = sizeof(address->socket.v4);
    if (host[0] == '\0' || strcmp(host, "localhost") == 0) {
        host = "127.0.0.1";
    }
    if (inet_pton(AF_INET, host, &address->socket.v4.sin_addr) != 1) {
        return -EINVAL;
    }
    return 0;
}

int address_read(const char *text, struct address *address)
{
    char host[HOST_BYTES_MAX] = "";
    struct address read = {0};
    in_port_t port = 0;
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    if (len >= sizeof(host) || port_read(colon == NULL ? text : colon + 1, &port) != 0) {
        return -EINVAL;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    int err = 0;
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        err = v6_read(host + 1, port, &read);
    } else {
        err = v4_read(host, port, &read);
    }
    if (err == 0) {
        read.is_loopback = address_is_loopback(&read);
        *address = read;
    }
    return err;
}
