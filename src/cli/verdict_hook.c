#include "cli/verdict_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/diag.h>

#include "base/diag.h"
#include "base/sink.h"
#include "cli/pages_client.h"
#include "codec/json_writer.h"
#include "diagnose/verdict.h"

#define VARIABLES      6
#define VARIABLE_BYTES 512
#define JSON_BYTES_MAX 32768

static void variables_write(const struct verdict *verdict,
                            char variables[VARIABLES][VARIABLE_BYTES])
{
    snprintf(variables[0], VARIABLE_BYTES, "SLUICE_PATTERN=%s",
             pattern_info_of(verdict->pattern)->id);
    snprintf(variables[1], VARIABLE_BYTES, "SLUICE_CONFIDENCE=%.2f", verdict->confidence);
    snprintf(variables[2], VARIABLE_BYTES, "SLUICE_FUNCTION=%s", verdict->function);
    snprintf(variables[3], VARIABLE_BYTES, "SLUICE_FILE=%s", verdict->file);
    snprintf(variables[4], VARIABLE_BYTES, "SLUICE_LINE=%u", verdict->line);
    snprintf(variables[5], VARIABLE_BYTES, "SLUICE_BYTES_PER_SECOND=%.0f",
             verdict->bytes_per_second.mid);
}

/* With the signals that this program holds back let through again. */
static int spawn(char *const *words, char *const *environment)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid = 0;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0) {
        return -ENOMEM;
    }
    int err = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    err =
        err == 0 ? -posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) : err;
    err = err == 0 ? -posix_spawnattr_setsigmask(&attributes, &none) : err;
    err = err == 0 ? -posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) : err;
    err = err == 0 ? -posix_spawn(&pid, "/bin/sh", &actions, &attributes, words, environment) : err;
    (void)posix_spawnattr_destroy(&attributes);       /* cannot fail */
    (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
    return err;
}

int verdict_hook_run(const char *command, const struct report *report, struct slu_diag *diag)
{
    char shell[] = "sh";
    char option[] = "-c";
    char variables[VARIABLES][VARIABLE_BYTES];
    size_t count = 0;
    variables_write(&report->verdicts[0], variables);
    while (environ[count] != NULL) {
        count++;
    }
    char **environment = calloc(count + VARIABLES + 1, sizeof(char *));
    char *copy = strdup(command);
    int err = environment == NULL || copy == NULL ? -ENOMEM : 0;
    if (err == 0) {
        char *words[] = {shell, option, copy, NULL};
        for (size_t i = 0; i < VARIABLES; i++) {
            environment[i] = variables[i];
        }
        memcpy(environment + VARIABLES, environ, count * sizeof(char *));
        err = spawn(words, environment);
    }
    free(copy);
    free(environment);
    return err == 0 ? 0 : diag_fail(diag, err, "cannot run --on-verdict: %s", strerror(-err));
}

void verdict_hook_reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int verdict_hook_post(const char *url, const struct report *report, struct slu_diag *diag)
{
    char text[JSON_BYTES_MAX];
    struct sink sink;
    struct json_writer json;
    sink_init_fixed(&sink, text, sizeof(text));
    json_writer_init(&json, &sink, JSON_COMPACT);
    verdict_write_json(report, &json);
    json_writer_end(&json);
    int err = sink_end(&sink);
    if (err != 0) {
        return diag_fail(diag, err, "the report is too long to be sent");
    }
    return pages_post(url, (struct slu_bytes){text, sink.len}, diag);
}
