#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/diag.h"
#include "sys/address.h"

static int refuse_others(const char *address, struct slu_diag *diag)
{
    return diag_fail(diag, -EINVAL,
                     "%s is reached by other machines: set authentication, or allow it openly",
                     address);
}

static int describe(int fd, struct listener *listener)
{
    struct address bound = {.len = sizeof(bound.socket)};
    if (getsockname(fd, &bound.socket.any, &bound.len) != 0) {
        return -errno;
    }
    bool is_v6 = bound.socket.any.sa_family == AF_INET6;
    *listener = (struct listener){
        .fd = fd,
        .port = ntohs(is_v6 ? bound.socket.v6.sin6_port : bound.socket.v4.sin_port),
        .is_loopback = address_is_loopback(&bound),
    };
    return 0;
}

static int socket_listen(const struct address *address, struct listener *listener)
{
    int fd = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int on = 1;
    int err = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, &address->socket.any, address->len) != 0 || listen(fd, SOMAXCONN) != 0) {
        err = -errno;
    }
    if (err == 0) {
        err = describe(fd, listener);
    }
    if (err != 0) {
        close(fd);
    }
    return err;
}

int listener_open(const char *address, bool allow_others, struct slu_diag *diag,
                  struct listener *listener)
{
    struct address read;
    if (address_read(address, &read) != 0) {
        return diag_fail(diag, -EINVAL,
                         "no address to listen on: %s (PORT, HOST:PORT, [IPV6]:PORT)", address);
    }
    if (!read.is_loopback && !allow_others) {
        return refuse_others(address, diag);
    }
    int err = socket_listen(&read, listener);
    return err == 0 ? 0 : diag_fail(diag, err, "cannot listen on %s: %s", address, strerror(-err));
}

int listener_adopt(int fd, bool allow_others, struct slu_diag *diag, struct listener *listener)
{
    int listens = 0;
    socklen_t len = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || listens == 0) {
        return diag_fail(diag, -EINVAL, "descriptor %d is no listening socket", fd);
    }
    struct listener found;
    int err = describe(fd, &found);
    if (err != 0) {
        return diag_fail(diag, err, "descriptor %d: %s", fd, strerror(-err));
    }
    if (!found.is_loopback && !allow_others) {
        return refuse_others("the socket that was handed over", diag);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return diag_fail(diag, -errno, "descriptor %d: %s", fd, strerror(errno));
    }
    *listener = found;
    return 0;
}
