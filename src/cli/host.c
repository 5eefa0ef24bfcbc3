#include "cli/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <sluice/clock.h>

#define SECOND_NS UINT64_C(1000000000)

int host_write(void *context, const char *bytes, size_t len)
{
    int fd = *(const int *)context;
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written >= 0) {
            bytes += written;
            len -= (size_t)written;
        } else if (errno == EAGAIN) {
            /* Another program has made the shared terminal or pipe non-blocking. */
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            (void)poll(&writable, 1, -1); /* write says what is wrong */
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int host_create_file(const char *path, int *fd)
{
    int created = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (created < 0) {
        return -errno;
    }
    *fd = created;
    return 0;
}

int host_close_file(int fd)
{
    return close(fd) == 0 ? 0 : -errno;
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && *value != '\0';
}

/* The first that is set decides, as for setlocale. None set: slim containers, UTF-8 in practice. */
static bool locale_is_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (is_set(variables[i])) {
            const char *value = getenv(variables[i]);
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
        }
    }
    return true;
}

struct draw_terminal host_terminal(int fd)
{
    struct draw_terminal terminal = {.utf8 = locale_is_utf8()};
    const char *type = getenv("TERM");
    if (isatty(fd) != 1) {
        return terminal;
    }
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
        terminal.width = size.ws_col;
        terminal.height = size.ws_row;
    }
    terminal.is_terminal = type != NULL && *type != '\0' && strcmp(type, "dumb") != 0;
    terminal.colour = terminal.is_terminal && !is_set("NO_COLOR");
    return terminal;
}

struct draw_terminal host_output_terminal(void)
{
    return host_terminal(STDOUT_FILENO);
}

static sigset_t interrupts(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

void host_hold_interrupts(void)
{
    sigset_t set = interrupts();
    (void)sigprocmask(SIG_BLOCK, &set, NULL); /* fails for an unknown first argument alone */
}

bool host_wait(uint64_t until_ns)
{
    sigset_t set = interrupts();
    for (;;) {
        uint64_t now_ns = slu_clock_monotonic_ns();
        uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        struct timespec timeout = {.tv_sec = (time_t)(left_ns / SECOND_NS),
                                   .tv_nsec = (long)(left_ns % SECOND_NS)};
        if (sigtimedwait(&set, NULL, &timeout) > 0) {
            return true;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

uint64_t host_resident_bytes(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len <= 0) {
        return 0;
    }
    text[len] = '\0';
    const char *second = strchr(text, ' '); /* total, then resident, in pages */
    return second == NULL ? 0 : strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
