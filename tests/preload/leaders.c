/*
 * A program whose first thread ends before others, as the argument says:
 *
 *   leaders exit    main by pthread_exit
 *   leaders thrd    main by thrd_exit
 *   leaders late    main before the profiler has threads: another thread starts the next
 *   leaders fork    that of a child whom another thread than main's has forked
 *
 * The last thread knows that the first one has ended, allocates and says so; a handler of atexit
 * says that it ran.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #claim, errno);          \
            _exit(3);                                                                              \
        }                                                                                          \
    } while (0)

static void *volatile kept;

static void handler(void)
{
    kept = malloc(1000);
    puts("handler");
}

/* The state letter of the process, that is, of its first thread. */
static char leader_letter(void)
{
    char text[512] = "";
    FILE *file = fopen("/proc/self/stat", "r");
    CHECK(file != NULL);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    CHECK(len > 0);
    const char *name_end = strrchr(text, ')');
    CHECK(name_end != NULL);
    return name_end[2];
}

static void *outlive(void *unused)
{
    while (leader_letter() != 'Z') {
        sched_yield();
    }
    kept = malloc(100000);
    puts("last");
    return unused;
}

static void *begin_another(void *unused)
{
    pthread_t other;
    while (leader_letter() != 'Z') {
        sched_yield();
    }
    CHECK(pthread_create(&other, NULL, outlive, NULL) == 0);
    return unused;
}

static void begin(void *(*run)(void *))
{
    pthread_t other;
    CHECK(pthread_create(&other, NULL, run, NULL) == 0);
}

static void *fork_here(void *unused)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        begin(outlive);
        return unused; /* the child's first thread ends */
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    printf("child %d\n", status);
    return unused;
}

int main(int argument_count, char **arguments)
{
    const char *what = argument_count > 1 ? arguments[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    CHECK(atexit(handler) == 0);
    if (strcmp(what, "fork") == 0) {
        pthread_t other;
        CHECK(pthread_create(&other, NULL, fork_here, NULL) == 0);
        CHECK(pthread_join(other, NULL) == 0);
        return 0;
    }
    begin(strcmp(what, "late") == 0 ? begin_another : outlive);
    if (strcmp(what, "thrd") == 0) {
        thrd_exit(0);
    }
    pthread_exit(NULL);
}
