#include "cli/pages_client.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/diag.h"
#include "cli/host.h"
#include "cli/http_answer.h"
#include "cli/pages_connect.h"
#include "cli/pages_tls.h"

#define SCHEME          "http://"
#define SCHEME_TLS      "https://"
#define FOLDER          "/debug/pprof/"
#define SECOND_NS       UINT64_C(1000000000)
#define BODY_BYTES_MAX  ((uint64_t)1 << 30)
#define TEXT_BYTES      512
#define POST_TIMEOUT_NS UINT64_C(10000000000)

/* Where a page is, taken apart. */
struct place {
    char host[256]; /* "": a process */
    char port[16];
    char target[1024];
    pid_t process;
    bool is_tls;
};

struct answer {
    struct http_answer head;
    size_t got; /* of the bytes below, with the body's first */
    char bytes[HTTP_ANSWER_HEAD_MAX];
};

static bool is_number(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len > 0 && len < 10 && text[len] == '\0';
}

bool pages_is_source(const char *source)
{
    return is_number(source) || strncmp(source, SCHEME, sizeof(SCHEME) - 1) == 0 ||
           strncmp(source, SCHEME_TLS, sizeof(SCHEME_TLS) - 1) == 0;
}

/* HOST, HOST:PORT or [V6]:PORT. */
static int host_read(const char *text, size_t len, struct place *place)
{
    const char *end = text + len;
    bool is_v6 = len > 0 && text[0] == '[';
    const char *host = is_v6 ? text + 1 : text;
    const char *host_end = memchr(host, is_v6 ? ']' : ':', (size_t)(end - host));
    host_end = host_end != NULL ? host_end : end;
    const char *rest = is_v6 && host_end < end ? host_end + 1 : host_end;
    if (host_end == host || (is_v6 && host_end == end) || (rest < end && *rest != ':')) {
        return -EINVAL;
    }
    const char *port = rest < end ? rest + 1 : place->is_tls ? "443" : "80";
    int port_len = (int)(rest < end ? (size_t)(end - port) : strlen(port));
    if ((size_t)(host_end - host) >= sizeof(place->host) || port_len == 0 ||
        (size_t)port_len >= sizeof(place->port)) {
        return -EINVAL;
    }
    (void)snprintf(place->host, sizeof(place->host), "%.*s", (int)(host_end - host), host);
    (void)snprintf(place->port, sizeof(place->port), "%.*s", port_len, port);
    return 0;
}

/* Host and port of an http or https URL, and its path, which may be "". Returns 0; -EINVAL */
static int url_read(const char *url, struct place *place, const char **path)
{
    place->is_tls = strncmp(url, SCHEME_TLS, sizeof(SCHEME_TLS) - 1) == 0;
    if (!place->is_tls && strncmp(url, SCHEME, sizeof(SCHEME) - 1) != 0) {
        return -EINVAL;
    }
    const char *host = url + (place->is_tls ? sizeof(SCHEME_TLS) : sizeof(SCHEME)) - 1;
    *path = host + strcspn(host, "/");
    return host_read(host, (size_t)(*path - host), place);
}

static int place_read(const struct pages_wanted *wanted, struct place *place, struct slu_diag *diag)
{
    char seconds[40] = "";
    const char *path = FOLDER;
    *place = (struct place){0};
    if (is_number(wanted->source)) {
        place->process = (pid_t)strtol(wanted->source, NULL, 10);
    } else if (pages_is_source(wanted->source)) {
        if (url_read(wanted->source, place, &path) != 0) {
            return diag_fail(diag, -EINVAL, "%.120s: not a URL such as http://127.0.0.1:6070",
                             wanted->source);
        }
        path = path[0] == '\0' || strcmp(path, "/") == 0 ? FOLDER : path;
    } else {
        return diag_fail(diag, -EINVAL,
                         "%.120s: neither the number of a process nor an http:// or https:// URL",
                         wanted->source);
    }
    bool is_folder = path[strlen(path) - 1] == '/';
    if (wanted->seconds > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%sseconds=%" PRIu64,
                       strchr(path, '?') == NULL ? "?" : "&", wanted->seconds);
    }
    int len = snprintf(place->target, sizeof(place->target), "%s%s%s", path,
                       is_folder ? wanted->page : "", seconds);
    return len > 0 && (size_t)len < sizeof(place->target)
               ? 0
               : diag_fail(diag, -EINVAL, "%.120s: too long", wanted->source);
}

static int bytes_send(int connected, struct slu_bytes bytes)
{
    for (size_t sent = 0; sent < bytes.len;) {
        ssize_t put =
            send(connected, (const char *)bytes.data + sent, bytes.len - sent, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR) {
            return -errno;
        }
        sent += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* As HTTP/1.0, so that no server answers in chunks; with `json`, which is sent, or without. */
static int request_send(int connected, const struct place *place, const struct slu_bytes *json)
{
    char request[2 * TEXT_BYTES + sizeof(place->target)];
    char content[TEXT_BYTES] = "";
    if (json != NULL) {
        (void)snprintf(content, sizeof(content),
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n", json->len);
    }
    int len = snprintf(request, sizeof(request), "%s %s HTTP/1.0\r\nHost: %s\r\n%s\r\n",
                       json != NULL ? "POST" : "GET", place->target,
                       place->host[0] == '\0' ? "process" : place->host, content);
    int err = bytes_send(connected, (struct slu_bytes){request, (size_t)len});
    return err == 0 && json != NULL ? bytes_send(connected, *json) : err;
}

/* Some bytes, or 0 at the end; -ETIMEDOUT from the deadline on. */
static ssize_t some_receive(int connected, char *bytes, size_t room, uint64_t deadline_ns)
{
    uint64_t now_ns = slu_clock_monotonic_ns();
    uint64_t left_ms = now_ns < deadline_ns ? (deadline_ns - now_ns) / 1000000 + 1 : 0;
    struct pollfd readable = {.fd = connected, .events = POLLIN};
    int found = poll(&readable, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
    if (found <= 0) {
        return found == 0 ? -ETIMEDOUT : errno == EINTR ? -EAGAIN : -errno;
    }
    ssize_t got = recv(connected, bytes, room, 0);
    return got >= 0 ? got : -errno;
}

static int head_receive(int connected, struct answer *answer, uint64_t deadline_ns)
{
    int err = -EAGAIN;
    while (err == -EAGAIN) {
        ssize_t got = some_receive(connected, answer->bytes + answer->got,
                                   sizeof(answer->bytes) - answer->got, deadline_ns);
        if (got < 0 && got != -EAGAIN) {
            return (int)got;
        }
        if (got == 0) {
            return -EPIPE;
        }
        answer->got += got > 0 ? (size_t)got : 0;
        err = http_answer_read((struct slu_bytes){answer->bytes, answer->got}, &answer->head);
    }
    return err;
}

static int head_ask(int connected, const struct place *place, const struct slu_bytes *json,
                    uint64_t deadline_ns, struct answer *answer)
{
    int err = request_send(connected, place, json);
    return err != 0 ? err : head_receive(connected, answer, deadline_ns);
}

static int body_receive(int connected, const struct answer *answer, int fd, uint64_t deadline_ns)
{
    char piece[16384];
    uint64_t total = answer->got - answer->head.head_len;
    int err = host_write(&fd, answer->bytes + answer->head.head_len, (size_t)total);
    while (err == 0 && total < answer->head.body_len) {
        ssize_t got = some_receive(connected, piece, sizeof(piece), deadline_ns);
        if (got == 0) {
            return answer->head.body_len == UINT64_MAX ? 0 : -EPIPE;
        }
        if (got == -EAGAIN) {
            continue;
        }
        if (got < 0) {
            return (int)got;
        }
        total += (uint64_t)got;
        err = total > BODY_BYTES_MAX ? -EFBIG : host_write(&fd, piece, (size_t)got);
    }
    return err;
}

static int status_told(const struct pages_wanted *wanted, const struct place *place, int status,
                       struct slu_diag *diag)
{
    switch (status) {
    case 403:
        return diag_fail(diag, -EACCES, "%.120s refuses: it belongs to another user",
                         wanted->source);
    case 404:
        return diag_fail(diag, -ENOENT, "%.120s has no page %.120s", wanted->source, place->target);
    case 503:
        return diag_fail(diag, -EBUSY,
                         "%.120s is measuring a difference for somebody else; try again later",
                         wanted->source);
    default:
        return diag_fail(diag, -EBADMSG, "%.120s answers with status %d to %.120s", wanted->source,
                         status, place->target);
    }
}

static int failure_told(const struct pages_wanted *wanted, const struct place *place, int err,
                        struct slu_diag *diag)
{
    if (err == -ETIMEDOUT && place->process != 0) {
        return diag_fail(diag, err,
                         "process %d has not answered in time: one with a single thread answers at "
                         "its next sampled allocation; 'heap fetch --wait' makes time",
                         (int)place->process);
    }
    if (err == -EPIPE || err == -ECONNRESET) {
        return diag_fail(diag, err, "%.120s has ended, or closed the connection", wanted->source);
    }
    return diag_fail(diag, err, "%.120s: %s", wanted->source,
                     err == -EBADMSG ? "its answer is not HTTP/1" : strerror(-err));
}

/* By libcurl; the status is looked at as that of others. */
static int tls_ask(const struct pages_wanted *wanted, const struct place *place,
                   const struct slu_bytes *json, int fd, struct slu_diag *diag)
{
    char url[sizeof(place->host) + sizeof(place->port) + sizeof(place->target) + TEXT_BYTES];
    bool is_v6 = strchr(place->host, ':') != NULL;
    int status = 0;
    (void)snprintf(url, sizeof(url), SCHEME_TLS "%s%s%s:%s%s", is_v6 ? "[" : "", place->host,
                   is_v6 ? "]" : "", place->port, place->target);
    const struct pages_tls tls = {.url = url,
                                  .json = json,
                                  .fd = fd,
                                  .body_bytes_max = BODY_BYTES_MAX,
                                  .timeout_ns = wanted->timeout_ns + wanted->seconds * SECOND_NS};
    int err = pages_tls_ask(&tls, &status, diag);
    if (err != 0) {
        return err;
    }
    bool is_fine = json != NULL ? status / 100 == 2 : status == 200;
    return is_fine ? 0 : status_told(wanted, place, status, diag);
}

int pages_fetch(const struct pages_wanted *wanted, int fd, struct slu_diag *diag)
{
    struct place place;
    struct answer answer = {0};
    int connected = -1;
    uint64_t deadline_ns =
        slu_clock_monotonic_ns() + wanted->timeout_ns + wanted->seconds * SECOND_NS;
    int err = place_read(wanted, &place, diag);
    if (err != 0 || place.is_tls) {
        return err != 0 ? err : tls_ask(wanted, &place, NULL, fd, diag);
    }
    err = place.process != 0 ? pages_connect_process(place.process, &connected, diag)
                             : pages_connect_host(place.host, place.port, &connected, diag);
    if (err != 0) {
        return err;
    }
    err = head_ask(connected, &place, NULL, deadline_ns, &answer);
    if (err == 0 && answer.head.status != 200) {
        close(connected);
        return status_told(wanted, &place, answer.head.status, diag);
    }
    err = err != 0 ? err : body_receive(connected, &answer, fd, deadline_ns);
    close(connected);
    return err == 0 ? 0 : failure_told(wanted, &place, err, diag);
}

int pages_post(const char *url, struct slu_bytes json, struct slu_diag *diag)
{
    struct place place = {0};
    struct answer answer = {0};
    int connected = -1;
    const struct pages_wanted wanted = {.source = url, .timeout_ns = POST_TIMEOUT_NS};
    uint64_t deadline_ns = slu_clock_monotonic_ns() + POST_TIMEOUT_NS;
    const char *path = NULL;
    if (url_read(url, &place, &path) != 0 || strlen(path) >= sizeof(place.target)) {
        return diag_fail(diag, -EINVAL, "%.120s: not a URL such as http://127.0.0.1:8080/hook",
                         url);
    }
    (void)snprintf(place.target, sizeof(place.target), "%s", path[0] == '\0' ? "/" : path);
    if (place.is_tls) {
        return tls_ask(&wanted, &place, &json, -1, diag);
    }
    int err = pages_connect_host(place.host, place.port, &connected, diag);
    if (err != 0) {
        return err;
    }
    err = head_ask(connected, &place, &json, deadline_ns, &answer);
    close(connected);
    if (err != 0) {
        return failure_told(&wanted, &place, err, diag);
    }
    return answer.head.status / 100 == 2 ? 0
                                         : status_told(&wanted, &place, answer.head.status, diag);
}
