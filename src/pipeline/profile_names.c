#include "pipeline/profile_names.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "base/block.h"
#include "codec/gunzip.h"
#include "codec/protobuf_reader.h"
#include "pipeline/profile_message.h"

#define FOR_NS       UINT64_C(10000000000)
#define TURN_MS      100
#define PIECE_BYTES  16384
#define MEMORY_BYTES (UINT64_C(1) << 30) /* of the process, files that it maps not counted */
#define LOWER        10                  /* in priority than the daemon */

enum {
    PROFILE_LOCATION = 4, /* of profile.proto */
    LOCATION_LINE = 4,
};

/* The process, and what is said to it and by it. */
struct talk {
    pid_t pid;
    int to;   /* -1: all has been said */
    int from; /* -1: all has been heard */
    uint64_t end_ns;
};

static bool has_line(struct slu_bytes location)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, location);
    while (protobuf_next(&reader, &field)) {
        if (field.number == LOCATION_LINE) {
            return true;
        }
    }
    return false;
}

/* Some never have any: code that was made at run time. */
static bool most_lack_names(struct slu_bytes profile)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint64_t count = 0;
    uint64_t named_count = 0;
    protobuf_reader_init(&reader, profile);
    while (protobuf_next(&reader, &field)) {
        if (field.number == PROFILE_LOCATION && field.wire == PROTOBUF_BYTES) {
            count++;
            named_count += has_line(field.bytes) ? 1 : 0;
        }
    }
    return protobuf_reader_end(&reader) == 0 && named_count < count - named_count;
}

static bool lacks_names(struct slu_budget *budget, struct slu_bytes pprof)
{
    struct block text = {0};
    if (!gunzip_is_gzip(pprof)) {
        return most_lack_names(pprof);
    }
    if (gunzip_all(budget, pprof, PROFILE_BYTES_MAX, &text) != 0) {
        return false;
    }
    bool lacks = most_lack_names((struct slu_bytes){text.data, text.len});
    block_free(budget, &text);
    return lacks;
}

static int actions_run(const char *program, int input, int output, pid_t *pid,
                       posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
    char heap[] = "heap";
    char symbolize[] = "symbolize";
    char standard_input[] = "-";
    char *words[] = {(char *)(uintptr_t)program, heap, symbolize, standard_input, NULL};
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    int err = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    err = err != 0
              ? err
              : posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    err = err != 0 ? err : posix_spawnattr_setsigmask(attributes, &none);
    err = err != 0 ? err : posix_spawnattr_setsigdefault(attributes, &usual);
    err = err != 0 ? err
                   : posix_spawnattr_setflags(attributes,
                                              POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return err != 0 ? -err : -posix_spawn(pid, program, actions, attributes, words, environ);
}

static int spawn(const char *program, int input, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int err = -posix_spawn_file_actions_init(&actions);
    if (err != 0) {
        return err;
    }
    err = -posix_spawnattr_init(&attributes);
    if (err == 0) {
        err = actions_run(program, input, output, pid, &actions, &attributes);
        (void)posix_spawnattr_destroy(&attributes); /* cannot fail */
    }
    (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
    return err;
}

/* It may be gone already: then there is nothing to hold down. */
static void hold_down(pid_t pid)
{
    const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES};
    (void)prlimit(pid, RLIMIT_DATA, &memory, NULL);
    (void)setpriority(PRIO_PROCESS, (id_t)pid, LOWER);
}

static void pipe_close(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static int talk_begin(struct talk *talk, const char *program)
{
    int to[2];
    int from[2];
    *talk = (struct talk){.to = -1, .from = -1, .end_ns = slu_clock_monotonic_ns() + FOR_NS};
    if (pipe2(to, O_CLOEXEC) != 0) {
        return -errno;
    }
    if (pipe2(from, O_CLOEXEC) != 0) {
        int err = -errno;
        pipe_close(to);
        return err;
    }
    int err = spawn(program, to[0], from[1], &talk->pid);
    err = err == 0 && (fcntl(to[1], F_SETFL, O_NONBLOCK) != 0 ||
                       fcntl(from[0], F_SETFL, O_NONBLOCK) != 0)
              ? -errno
              : err;
    close(to[0]);
    close(from[1]);
    talk->to = to[1];
    talk->from = from[0];
    if (talk->pid > 0) {
        hold_down(talk->pid);
    }
    return err;
}

static void side_close(int *side)
{
    if (*side >= 0) {
        close(*side);
        *side = -1;
    }
}

/* Say as much as the pipe takes. */
static int say(struct talk *talk, struct slu_bytes *rest)
{
    ssize_t taken = write(talk->to, rest->data, rest->len);
    if (taken < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
    }
    rest->data = (const char *)rest->data + taken;
    rest->len -= (size_t)taken;
    if (rest->len == 0) {
        side_close(&talk->to);
    }
    return 0;
}

static int hear(struct talk *talk, struct slu_budget *budget, struct block *heard)
{
    char piece[PIECE_BYTES];
    ssize_t got = read(talk->from, piece, sizeof(piece));
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    if (got == 0) {
        side_close(&talk->from);
        return 0;
    }
    if (heard->len + (size_t)got > PROFILE_BYTES_MAX) {
        return -EFBIG;
    }
    return block_append(budget, heard, piece, (size_t)got);
}

static int talk_on(struct talk *talk, const struct profile_names *names, struct slu_bytes rest,
                   struct block *heard)
{
    int err = 0;
    while (err == 0 && (talk->from >= 0 || talk->to >= 0)) {
        struct pollfd ends[] = {{.fd = talk->to, .events = POLLOUT},
                                {.fd = talk->from, .events = POLLIN}};
        (void)poll(ends, 2, TURN_MS); /* a failure is no readiness, and ends by the time */
        err = ends[0].revents != 0 ? say(talk, &rest) : 0;
        err = err == 0 && ends[1].revents != 0 ? hear(talk, names->budget, heard) : err;
        if (err == 0 && slu_clock_monotonic_ns() >= talk->end_ns) {
            err = -ETIMEDOUT;
        }
        err = err == 0 && names->scope != NULL ? slu_scope_error(names->scope) : err;
    }
    return err;
}

/* It is gone when this returns. Returns `err`; else -EPIPE if it failed. */
static int talk_end(struct talk *talk, int err)
{
    int status = 0;
    struct pollfd none = {.fd = -1};
    side_close(&talk->to);
    side_close(&talk->from);
    if (talk->pid <= 0) {
        return err;
    }
    while (waitpid(talk->pid, &status, WNOHANG) == 0) {
        if (err != 0 || slu_clock_monotonic_ns() >= talk->end_ns) {
            (void)kill(talk->pid, SIGKILL); /* it is there: it has not been waited for */
        }
        (void)poll(&none, 1, 1);
    }
    return err == 0 && status != 0 ? -EPIPE : err;
}

int profile_names_find(const struct profile_names *names, struct slu_bytes pprof,
                       struct block *named)
{
    struct talk talk;
    *named = (struct block){0};
    if (names->program == NULL || !lacks_names(names->budget, pprof)) {
        return -ENOENT;
    }
    int err = block_begin(names->budget, PIECE_BYTES, named);
    if (err != 0) {
        return err;
    }
    err = talk_begin(&talk, names->program);
    err = err == 0 ? talk_on(&talk, names, pprof, named) : err;
    err = talk_end(&talk, err);
    if (err != 0) {
        block_free(names->budget, named);
    }
    return err;
}
