#include "cli/lab_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/diag.h"
#include "cli/host.h"

#define END_NS  UINT64_C(1000000000)
#define TURN_NS UINT64_C(20000000)

/* Without the signals that this program holds back. */
static int spawn(const char *const *words, char *const *environment, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    int err = -posix_spawn_file_actions_init(&actions);
    if (err != 0) {
        return err;
    }
    err = -posix_spawnattr_init(&attributes);
    if (err == 0) {
        err = -posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        err = err != 0 ? err : -posix_spawnattr_setsigmask(&attributes, &none);
        err = err != 0 ? err : -posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        err = err != 0
                  ? err
                  : -posix_spawn(pid, words[0], &actions, &attributes, (char **)(uintptr_t)words,
                                 environment == NULL ? environ : environment);
        (void)posix_spawnattr_destroy(&attributes); /* cannot fail */
    }
    (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
    return err;
}

int lab_process_start(struct lab_process *process, const char *name, const char *const *words,
                      char *const *environment, struct slu_diag *diag)
{
    int ends[2];
    *process = (struct lab_process){.name = name, .output = -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return diag_fail(diag, -errno, "cannot start the %s: %s", name, strerror(errno));
    }
    int err = spawn(words, environment, ends[1], &process->pid);
    close(ends[1]);
    process->output = ends[0];
    if (err != 0) {
        close(ends[0]);
        *process = (struct lab_process){.name = name, .output = -1};
        return diag_fail(diag, err, "cannot start %.160s: %s", words[0], strerror(-err));
    }
    return 0;
}

/* Look for a whole line in what has been read. */
static bool line_take(struct lab_process *process, const char **line, size_t *taken)
{
    char *end = process->len == 0 ? NULL : memchr(process->line, '\n', process->len);
    if (end == NULL) {
        return false;
    }
    *end = '\0';
    *line = process->line;
    *taken = (size_t)(end - process->line) + 1;
    return true;
}

/* Returns 0 if something may have come. */
static int more_wait(struct lab_process *process, uint64_t end_ns, struct slu_diag *diag)
{
    struct pollfd poll_fd = {.fd = process->output, .events = POLLIN};
    if (process->len == sizeof(process->line)) {
        return diag_fail(diag, -EMSGSIZE, "the %s says too much", process->name);
    }
    if (poll(&poll_fd, 1, (int)(TURN_NS / 1000000)) > 0) {
        ssize_t got = read(process->output, process->line + process->len,
                           sizeof(process->line) - process->len);
        if (got <= 0) {
            return diag_fail(diag, -EPIPE, "the %s has ended before its time", process->name);
        }
        process->len += (size_t)got;
        return 0;
    }
    if (host_wait(0)) {
        return diag_fail(diag, -ECANCELED, "interrupted");
    }
    if (slu_clock_monotonic_ns() >= end_ns) {
        return diag_fail(diag, -ETIMEDOUT, "the %s says nothing", process->name);
    }
    return 0;
}

int lab_process_line(struct lab_process *process, uint64_t timeout_ns, const char **line,
                     struct slu_diag *diag)
{
    uint64_t end_ns = slu_clock_monotonic_ns() + timeout_ns;
    size_t said = strnlen(process->line, process->len);
    if (said < process->len) { /* the line before */
        process->len -= said + 1;
        memmove(process->line, process->line + said + 1, process->len);
    }
    size_t taken = 0;
    int err = 0;
    while (err == 0 && !line_take(process, line, &taken)) {
        err = more_wait(process, end_ns, diag);
    }
    return err;
}

int lab_process_check(const struct lab_process *process, struct slu_diag *diag)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0) {
        return 0;
    }
    return diag_fail(diag, -EPIPE, "the %s has ended before its time", process->name);
}

void lab_process_stop(const struct lab_process *process)
{
    if (process->pid > 0) {
        (void)kill(process->pid, SIGTERM); /* fails only if it has just ended */
    }
}

void lab_process_end(struct lab_process *process)
{
    uint64_t end_ns = slu_clock_monotonic_ns() + END_NS;
    struct pollfd none = {.fd = -1};
    if (process->pid <= 0) {
        return;
    }
    while (waitpid(process->pid, NULL, WNOHANG) == 0) {
        if (slu_clock_monotonic_ns() >= end_ns) {
            (void)kill(process->pid, SIGKILL); /* it is there: it has not been waited for */
        }
        (void)poll(&none, 1, 1);
    }
    close(process->output);
    *process = (struct lab_process){.name = process->name, .output = -1};
}
