/*
 * Reading profiles beside `go tool pprof`: the processor time and the most memory that `top` takes
 * for a profile of 500,000 samples, and a page with its flame graph. The peer is left out where Go
 * is not installed, and with more than a few samples it takes minutes.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define SAMPLE_COUNT 500000
#define ROUNDS       3
#define KIB          1024.0

extern char **environ;

struct cost {
    double seconds; /* of the processor */
    double mib;     /* resident, at most */
    bool right;
};

/* Run a program to its end, its output thrown away. */
static struct cost program_run(const char *const *words)
{
    posix_spawn_file_actions_t actions;
    struct rusage usage = {0};
    struct cost cost = {0};
    pid_t pid = 0;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    char *arguments[16];
    size_t count = 0;
    for (; words[count] != NULL; count++) {
        arguments[count] = strdup(words[count]);
    }
    arguments[count] = NULL;
    if (posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ) == 0 &&
        wait4(pid, &status, 0, &usage) == pid) {
        cost.right = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        cost.seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        cost.mib = (double)usage.ru_maxrss / KIB;
    }
    for (size_t i = 0; i < count; i++) {
        free(arguments[i]);
    }
    posix_spawn_file_actions_destroy(&actions);
    return cost;
}

/* The cheapest of some rounds: what else the machine does only adds. */
static struct cost program_measure(const char *const *words, int rounds)
{
    struct cost least = program_run(words);
    for (int i = 1; i < rounds && least.right; i++) {
        struct cost cost = program_run(words);
        least = cost.right && cost.seconds < least.seconds ? cost : least;
    }
    return least;
}

/* Unpacked, as gzip's last four bytes have it. */
static double profile_megabytes(const char *profile)
{
    unsigned char tail[4] = {0};
    int fd = open(profile, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || lseek(fd, -(off_t)sizeof(tail), SEEK_END) < 0 ||
        read(fd, tail, sizeof(tail)) != (ssize_t)sizeof(tail)) {
        perror(profile);
        exit(1);
    }
    close(fd);
    return (tail[0] + tail[1] * 256.0 + tail[2] * 65536.0 + tail[3] * 16777216.0) / 1e6;
}

static void compare(struct bench *bench, const char *profile)
{
    const char *const top[] = {READ_BENCH_SLUICE, "heap", "top", "-n", "10", profile, NULL};
    const char *const flame[] = {READ_BENCH_SLUICE, "heap",  "flame", "-o",
                                 "/dev/null",       profile, NULL};
    const char *const peer[] = {"go",   "tool",          "pprof", "-symbolize=none",
                                "-top", "-nodecount=10", profile, NULL};
    struct cost ours = program_measure(top, ROUNDS);
    struct cost page = program_measure(flame, ROUNDS);
    struct cost theirs = program_measure(peer, 1);
    const char *peer_name = theirs.right ? "go tool pprof -top" : NULL;
    if (!ours.right) {
        fprintf(stderr, "%s heap top failed\n", READ_BENCH_SLUICE);
        exit(1);
    }
    bench_report(bench, (struct bench_line){"top of 500,000 samples: processor time", ours.seconds,
                                            "s", BENCH_AT_MOST, 0.5, peer_name, theirs.seconds});
    double megabytes = profile_megabytes(profile);
    bench_report(bench,
                 (struct bench_line){"top of 500,000 samples: unpacked bytes read",
                                     megabytes / ours.seconds, "MB/s", BENCH_AT_LEAST, 100,
                                     peer_name, theirs.right ? megabytes / theirs.seconds : 0});
    bench_report(bench, (struct bench_line){"top of 500,000 samples: most memory", ours.mib, "MiB",
                                            BENCH_AT_MOST, 200, peer_name, theirs.mib});
    bench_report(bench, (struct bench_line){"flame graph of 500,000 samples: processor time",
                                            page.seconds, "s", BENCH_AT_MOST, 2, NULL, 0});
    bench_report(bench, (struct bench_line){"flame graph of 500,000 samples: most memory", page.mib,
                                            "MiB", BENCH_NO_GOAL, 0, NULL, 0});
}

static void body(struct bench *bench)
{
    char profile[] = "/tmp/read_bench.XXXXXX";
    char samples[32];
    int fd = mkstemp(profile);
    if (fd < 0) {
        perror(profile);
        exit(1);
    }
    close(fd);
    snprintf(samples, sizeof(samples), "%llu",
             (unsigned long long)bench_scaled(bench, SAMPLE_COUNT));
    const char *const make[] = {READ_BENCH_MAKE, samples, profile, NULL};
    if (!program_run(make).right) {
        fprintf(stderr, "%s failed\n", READ_BENCH_MAKE);
        unlink(profile);
        exit(1);
    }
    compare(bench, profile);
    unlink(profile);
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "profiles of 500,000 samples", body);
}
