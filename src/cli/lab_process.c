#include "cli/lab_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "base/diag.h"
#include "cli/host.h"

#define END_NS  UINT64_C(1000000000)
#define TURN_NS UINT64_C(20000000)

struct birth {
    const char *const *words;
    char *const *environment;
    int output;
    int report; /* where an error goes */
    pid_t parent;
};

/*
 * The child: without the signals that this program holds back, and gone with it however it ends,
 * also when that was before the kernel could be asked for it.
 */
static _Noreturn void become(const struct birth *birth)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* fails for an unknown first argument alone */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == birth->parent &&
        dup2(birth->output, STDOUT_FILENO) >= 0) {
        (void)execve(birth->words[0], (char **)(uintptr_t)birth->words, birth->environment);
    }
    int err = -errno;
    ssize_t written = write(birth->report, &err, sizeof(err));
    _exit(written == sizeof(err) ? 127 : 126);
}

static int spawn(const char *const *words, char *const *environment, int output, pid_t *pid)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return -errno;
    }
    const struct birth birth = {.words = words,
                                .environment = environment == NULL ? environ : environment,
                                .output = output,
                                .report = report[1],
                                .parent = getpid()};
    int err = 0;
    *pid = fork();
    if (*pid == 0) {
        become(&birth);
    }
    err = *pid < 0 ? -errno : 0;
    close(report[1]);
    ssize_t got = 0;
    while (err == 0 && (got = read(report[0], &err, sizeof(err))) < 0 && errno == EINTR) {
    }
    close(report[0]);
    if (got > 0) { /* there is no program in it */
        (void)waitpid(*pid, NULL, 0);
        *pid = 0;
    }
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
