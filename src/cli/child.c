#include "cli/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#include "base/diag.h"

/* What is waited for: the child's end, and what is handed on to it. */
static sigset_t awaited_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    return set;
}

static int start(char *const *words, char *const *environment, const sigset_t *mask, pid_t *pid)
{
    posix_spawnattr_t attributes;
    int err = -posix_spawnattr_init(&attributes);
    if (err != 0) {
        return err;
    }
    err = -posix_spawnattr_setsigmask(&attributes, mask);
    if (err == 0) {
        err = -posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    }
    if (err == 0) {
        err = -posix_spawnp(pid, words[0], NULL, &attributes, words, environment);
    }
    (void)posix_spawnattr_destroy(&attributes); /* cannot fail */
    return err;
}

/* True if the child has ended. */
static bool reap(struct child_end *end)
{
    int status = 0;
    if (waitpid(end->pid, &status, WNOHANG) != end->pid) {
        return false;
    }
    end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    end->status = end->signal != 0 ? 128 + end->signal : WEXITSTATUS(status);
    return true;
}

static void wait_for(struct child_end *end, const sigset_t *awaited)
{
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(awaited, &info);
        if (number == SIGCHLD) {
            if (reap(end)) {
                return;
            }
        } else if (number > 0 && info.si_code != SI_KERNEL) {
            /* From the terminal (SI_KERNEL) it has gone to the child as well. */
            (void)kill(end->pid, number); /* fails only if it has just ended */
        }
    }
}

int child_run(char *const *words, char *const *environment, struct child_end *end,
              struct slu_diag *diag)
{
    sigset_t awaited = awaited_signals();
    sigset_t before;
    (void)sigprocmask(SIG_BLOCK, &awaited, &before); /* fails for an unknown first argument alone */
    *end = (struct child_end){0};
    int err = start(words, environment, &before, &end->pid);
    if (err == 0) {
        wait_for(end, &awaited);
    } else {
        err = diag_fail(diag, err, "cannot start %.160s: %s", words[0], strerror(-err));
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return err;
}
