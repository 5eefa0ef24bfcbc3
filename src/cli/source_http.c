/*
 * One request for one profile, over HTTP/1.0 without a body of unknown framing: the answer ends
 * with the connection, so that its bytes can be read from the socket as from a file.
 *
 * Source  RFC 1945; RFC 9112, 6.3
 */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "cli/source.h"

#define HOST_BYTES      256
#define REQUEST_BYTES   2048
#define HEAD_BYTES_MAX  8192
#define TIMEOUT_SECONDS 60 /* of silence: a server may gather a profile for a while */
#define PROFILE_PATH    "/debug/pprof/heap"
#define SCHEME_LEN      7

struct address {
    char host[HOST_BYTES];
    char port[8];
    const char *path;
};

/* http://host:port/path; an IPv6 address stands in brackets. */
static bool url_split(const char *url, struct address *address)
{
    const char *host = url + SCHEME_LEN;
    size_t len = strcspn(host, "/?#");
    const char *end = host + len;
    const char *port = NULL;
    address->path = *end == '/' && end[1] != '\0' ? end : PROFILE_PATH;
    if (host[0] == '[') {
        const char *bracket = memchr(host, ']', len);
        if (bracket == NULL) {
            return false;
        }
        port = bracket[1] == ':' ? bracket + 2 : NULL;
        len = (size_t)(bracket - host) - 1;
        host++;
    } else {
        const char *colon = memchr(host, ':', len);
        port = colon == NULL ? NULL : colon + 1;
        len = colon == NULL ? len : (size_t)(colon - host);
    }
    int port_len = port == NULL ? 2 : (int)(end - port);
    if (len == 0 || len >= sizeof(address->host) || port_len <= 0 || port_len > 5) {
        return false;
    }
    memcpy(address->host, host, len);
    address->host[len] = '\0';
    snprintf(address->port, sizeof(address->port), "%.*s", port_len, port == NULL ? "80" : port);
    return strspn(address->port, "0123456789") == strlen(address->port);
}

static int connect_to(const struct addrinfo *found, int *fd)
{
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    int err = -ECONNREFUSED;
    for (; found != NULL; found = found->ai_next) {
        int opened = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
        if (opened < 0) {
            err = -errno;
            continue;
        }
        /* A time-out that cannot be set is only missed on a server that says nothing. */
        (void)setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        (void)setsockopt(opened, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
        if (connect(opened, found->ai_addr, found->ai_addrlen) == 0) {
            *fd = opened;
            return 0;
        }
        err = -errno;
        close(opened);
    }
    return err;
}

static int server_connect(const char *url, const struct address *address, int *fd,
                          struct slu_diag *diag)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(address->host, address->port, &hints, &found);
    if (status != 0) {
        return diag_fail(diag, -ENOENT, "%.160s: %s", url, gai_strerror(status));
    }
    int err = connect_to(found, fd);
    freeaddrinfo(found);
    return err == 0 ? 0 : diag_fail(diag, err, "%.160s: cannot connect: %s", url, strerror(-err));
}

static int bytes_send(int fd, struct slu_bytes bytes)
{
    size_t sent = 0;
    while (sent < bytes.len) {
        ssize_t got = send(fd, (const char *)bytes.data + sent, bytes.len - sent, MSG_NOSIGNAL);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        sent += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int request_send(int fd, const struct address *address)
{
    char request[REQUEST_BYTES];
    int len = snprintf(request, sizeof(request),
                       "GET %.1024s HTTP/1.0\r\nHost: %s:%s\r\nAccept: */*\r\n\r\n", address->path,
                       address->host, address->port);
    return bytes_send(fd, (struct slu_bytes){request, (size_t)len});
}

static int json_send(int fd, const struct address *address, struct slu_bytes json)
{
    char head[REQUEST_BYTES];
    int len = snprintf(head, sizeof(head),
                       "POST %.1024s HTTP/1.0\r\nHost: %s:%s\r\nContent-Type: "
                       "application/json\r\nContent-Length: %zu\r\n\r\n",
                       address->path, address->host, address->port, json.len);
    int err = bytes_send(fd, (struct slu_bytes){head, (size_t)len});
    return err == 0 ? bytes_send(fd, json) : err;
}

/* Read up to the empty line, a byte at a time, so that nothing of the body is taken. */
static int head_read(int fd, char head[HEAD_BYTES_MAX])
{
    size_t len = 0;
    while (len < HEAD_BYTES_MAX - 1) {
        ssize_t got = read(fd, head + len, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : -EPROTO;
        }
        len++;
        head[len] = '\0';
        if (len >= 4 && strcmp(head + len - 4, "\r\n\r\n") == 0) {
            return 0;
        }
    }
    return -EPROTO;
}

/* "HTTP/1.1 200 OK": the number, or 0. */
static int head_status(const char *head)
{
    if (strncmp(head, "HTTP/1.", 7) != 0 || head[7] == '\0' || head[8] != ' ') {
        return 0;
    }
    return (int)strtol(head + 9, NULL, 10);
}

static int answer_begin(const char *url, int fd, struct slu_diag *diag)
{
    char head[HEAD_BYTES_MAX];
    int err = head_read(fd, head);
    if (err == -EAGAIN || err == -EWOULDBLOCK) {
        return diag_fail(diag, err, "%.160s: no answer within %d seconds", url, TIMEOUT_SECONDS);
    }
    if (err == -EPROTO || (err == 0 && head_status(head) == 0)) {
        return diag_fail(diag, -EPROTO, "%.160s: the answer is not HTTP", url);
    }
    if (err != 0) {
        return diag_fail(diag, err, "%.160s: %s", url, strerror(-err));
    }
    if (head_status(head) / 100 != 2) {
        size_t len = strcspn(head, "\r\n");
        return diag_fail(diag, -EPROTO, "%.160s: the server says %.*s", url,
                         (int)(len < 80 ? len : 80) - 9, head + 9);
    }
    return 0;
}

static int url_connect(const char *url, struct address *address, int *fd, struct slu_diag *diag)
{
    if (strncmp(url, "https://", 8) == 0) {
        return diag_fail(diag, -EOPNOTSUPP,
                         "%.120s: only plain http is spoken; fetch it with curl and name the file",
                         url);
    }
    if (!url_split(url, address)) {
        return diag_fail(diag, -EINVAL, "%.160s: not a URL like http://host:port/path", url);
    }
    return server_connect(url, address, fd, diag);
}

int source_http_open(const char *url, int *fd, struct slu_diag *diag)
{
    struct address address;
    int opened = -1;
    *fd = -1;
    int err = url_connect(url, &address, &opened, diag);
    if (err != 0) {
        return err;
    }
    err = request_send(opened, &address);
    err = err == 0 ? answer_begin(url, opened, diag)
                   : diag_fail(diag, err, "%.160s: %s", url, strerror(-err));
    if (err != 0) {
        close(opened);
        return err;
    }
    *fd = opened;
    return 0;
}

int source_http_post(const char *url, struct slu_bytes json, struct slu_diag *diag)
{
    struct address address;
    int opened = -1;
    int err = url_connect(url, &address, &opened, diag);
    if (err != 0) {
        return err;
    }
    err = json_send(opened, &address, json);
    err = err == 0 ? answer_begin(url, opened, diag)
                   : diag_fail(diag, err, "%.160s: %s", url, strerror(-err));
    close(opened);
    return err;
}
