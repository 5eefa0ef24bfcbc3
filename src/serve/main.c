#include <signal.h>
#include <stddef.h>
#include <stdio.h>

#include <sluice/diag.h>

#include "serve/daemon.h"
#include "serve/serve_options.h"

/* Before any thread: all of them inherit it, and the main one waits for them. */
static void signals_block(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* it fails for wrong arguments alone */
    (void)signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    struct serve_options options;
    struct slu_diag diag = {0};
    if (serve_options_read(argc, argv, &options, &diag) != 0) {
        (void)fprintf(stderr, "sluice-serve: %s\n", diag.message);
        return SERVE_WRONG_USE;
    }
    if (options.wants_help) {
        return fputs(serve_help, stdout) < 0 ? SERVE_FAILED : SERVE_FINE;
    }
    if (options.wants_version) {
        return puts("sluice-serve " SLUICE_VERSION) < 0 ? SERVE_FAILED : SERVE_FINE;
    }
    signals_block();
    return (int)(options.is_check ? daemon_check(&options) : daemon_run(&options));
}
