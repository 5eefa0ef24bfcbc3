#include "call_fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static _Atomic uint64_t left;
static _Atomic int fault;
static _Atomic bool hit;

void call_fault_at(uint64_t nth, int err)
{
    hit = false;
    fault = err;
    left = nth;
}

bool call_fault_hit(void)
{
    return hit;
}

static bool fails(void)
{
    uint64_t before = atomic_load(&left);
    while (before > 0 && !atomic_compare_exchange_weak(&left, &before, before - 1)) {
    }
    if (before != 1) {
        return false;
    }
    errno = fault;
    hit = true;
    return true;
}

#define WRAP(result, name, parameters, arguments)                                                  \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        return fails() ? -1 : __real_##name arguments;                                             \
    }

WRAP(int, accept4, (int fd, struct sockaddr *at, socklen_t *len, int flags), (fd, at, len, flags))
WRAP(int, epoll_create1, (int flags), (flags))
WRAP(int, epoll_ctl, (int fd, int op, int of, struct epoll_event *event), (fd, op, of, event))
WRAP(int, eventfd, (unsigned count, int flags), (count, flags))
WRAP(ssize_t, recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags))
WRAP(ssize_t, send, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
     (fd, level, name, value, len))
WRAP(int, socket, (int family, int kind, int protocol), (family, kind, protocol))
WRAP(int, listen, (int fd, int backlog), (fd, backlog))
