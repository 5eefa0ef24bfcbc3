/*
 * The least that a request over a socket costs on this machine: epoll, one recv, one send of the
 * same number of bytes as an answer, and nothing else. Prints its port, ends with its input.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 128
#define BODY_BYTES 1024

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void watch(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static void answer(int fd, const char *bytes, size_t len)
{
    char asked[4096];
    ssize_t got = recv(fd, asked, sizeof(asked), 0);
    if (got == 0) {
        close(fd);
    } else if (got > 0 && send(fd, bytes, len, MSG_NOSIGNAL) < 0) {
        close(fd);
    }
}

static void take(int epoll, int listener)
{
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        watch(epoll, fd, EPOLLIN | EPOLLET);
    }
}

int main(void)
{
    static char bytes[BODY_BYTES + 256];
    struct epoll_event events[EVENTS_MAX];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || epoll < 0 ||
        bind(listener, (struct sockaddr *)(void *)&address, len) != 0 ||
        listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, (struct sockaddr *)(void *)&address, &len) != 0) {
        fail("socket");
    }
    int head = snprintf(bytes, sizeof(bytes),
                        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                        "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
                        BODY_BYTES);
    memset(bytes + head, 'x', BODY_BYTES);
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    watch(epoll, listener, EPOLLIN);
    watch(epoll, STDIN_FILENO, EPOLLIN);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == STDIN_FILENO) {
                return EXIT_SUCCESS;
            }
            if (events[i].data.fd == listener) {
                take(epoll, listener);
            } else {
                answer(events[i].data.fd, bytes, (size_t)head + BODY_BYTES);
            }
        }
    }
}
