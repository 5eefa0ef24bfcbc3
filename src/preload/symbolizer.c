#include "preload/symbolizer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sluice/clock.h>

#define STACK_BYTES ((size_t)16 << 10)
#define SECOND_NS   UINT64_C(1000000000)

struct job {
    const char *program;
    int from;
    int to;
    uint64_t deadline_ns;
    char *helper_stack; /* its end */
    int result;
};

/*
 * Both processes below share this one's memory, while the thread that began them stands still, so
 * they only make system calls.
 */
static int become_helper(void *context)
{
    const struct job *job = context;
    char *const words[] = {"sluice", "heap", "symbolize", "-", "--out", "-", NULL};
    char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    sigset_t none;
    (void)sigemptyset(&none); /* only a bad pointer fails */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve(job->program, words, environment);
    _exit(127);
}

/* Its end is a SIGCHLD, which is blocked here and waits in this process alone. */
static int helper_wait(pid_t helper, uint64_t deadline_ns)
{
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGCHLD);
    int status = 0;
    pid_t found = 0;
    while ((found = waitpid(helper, &status, WNOHANG)) == 0) {
        uint64_t now_ns = slu_clock_monotonic_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec left = {.tv_sec = (time_t)(left_ns / SECOND_NS),
                                .tv_nsec = (long)(left_ns % SECOND_NS)};
        if (left_ns == 0) {
            (void)kill(helper, SIGKILL); /* it is there: it has not been waited for */
            (void)waitpid(helper, &status, 0);
            return -ETIMEDOUT;
        }
        (void)sigtimedwait(&ends, NULL, &left); /* the next look tells what it was */
    }
    if (found < 0) {
        return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

/* The helper's parent, which the program does not know of: what execs gets SIGCHLD at its end. */
static int become_parent(void *context)
{
    struct job *job = context;
    int silent = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (dup2(job->from, STDIN_FILENO) < 0 || dup2(job->to, STDOUT_FILENO) < 0 ||
        dup2(silent, STDERR_FILENO) < 0) {
        job->result = -errno;
        return 0;
    }
    /* Or somebody at the other end of one would not see the program close it. */
    (void)syscall(SYS_close_range, 3u, ~0u, 0u);
    pid_t helper = clone(become_helper, job->helper_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, job);
    job->result = helper < 0 ? -errno : helper_wait(helper, job->deadline_ns);
    return 0;
}

int symbolizer_run(const char *program, int from, int to, uint64_t deadline_ns)
{
    _Alignas(16) char parent_stack[STACK_BYTES];
    _Alignas(16) char helper_stack[STACK_BYTES];
    if (program[0] == '\0') {
        return -ENOENT;
    }
    struct job job = {.program = program,
                      .from = from,
                      .to = to,
                      .deadline_ns = deadline_ns,
                      .helper_stack = helper_stack + sizeof(helper_stack),
                      .result = -ECHILD};
    /* No signal at its end (the low byte of the flags); this thread stands still until then. */
    pid_t parent =
        clone(become_parent, parent_stack + sizeof(parent_stack), CLONE_VM | CLONE_VFORK, &job);
    if (parent < 0) {
        return -errno;
    }
    /* Without a signal it is found by __WALL alone. */
    (void)waitpid(parent, NULL, __WALL);
    return job.result;
}
