/* Where to listen: "6070", ":6070", "127.0.0.1:6070", "localhost:6070", "[::1]:6070". */
#ifndef SYS_ADDRESS_H
#define SYS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    socklen_t len;
    bool is_loopback;
};

/*
 * Read an address; names other than localhost are not looked up, and without a host it is the
 * loopback.
 *
 * Returns  0; -EINVAL
 */
int address_read(const char *text, struct address *address);

/* Whether its socket address is this machine's alone; a socket of another family is. */
bool address_is_loopback(const struct address *address);

#endif
