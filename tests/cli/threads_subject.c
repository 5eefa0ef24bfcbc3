/*
 * threads_subject KIND ...: a named thread for each kind, which waits or works in a function that
 * the test looks for. It says "ready" when all are there, then reads lines: "tell" prints what
 * each thread has noticed (calls that ended before they should), and the end of input ends it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KIND_MAX 64
#define FOREVER  1000000000 /* seconds, or milliseconds: longer than any test */
#ifdef __clang__            /* which does not clone functions */
#define HERE __attribute__((noinline))
#else
#define HERE __attribute__((noinline, noclone))
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int silent[2];  /* a pipe into which nobody writes */
static int sockets[2]; /* with a timeout, and nobody sends */
static int semaphores;
static _Atomic unsigned noticed; /* calls that ended */
static _Atomic unsigned begun;
static _Atomic unsigned churned;
static volatile unsigned long long work;

/* A call has ended, which should not have. */
static void notice(const char *kind, long result)
{
    fprintf(stderr, "%s: %ld: %s\n", kind, result, strerror(errno));
    atomic_fetch_add(&noticed, 1);
}

HERE static void wait_in_condition(void)
{
    pthread_mutex_lock(&mutex);
    pthread_cond_wait(&never, &mutex);
    notice("condition", 0);
    pthread_mutex_unlock(&mutex);
}

HERE static void wait_in_poll(void)
{
    struct pollfd polled = {.fd = silent[0], .events = POLLIN};
    notice("poll", poll(&polled, 1, FOREVER));
}

HERE static void wait_in_select(void)
{
    fd_set files;
    FD_ZERO(&files);
    FD_SET(silent[0], &files);
    notice("select", select(silent[0] + 1, &files, NULL, NULL, NULL));
}

HERE static void wait_in_read(void)
{
    char byte = 0;
    notice("read", read(silent[0], &byte, 1));
}

HERE static void wait_in_sleep(void)
{
    struct timespec time = {.tv_sec = FOREVER};
    notice("sleep", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL));
}

HERE static void wait_in_epoll(void)
{
    struct epoll_event event;
    notice("epoll", epoll_wait(epoll_create1(0), &event, 1, -1));
}

HERE static void wait_in_semaphore(void)
{
    struct sembuf down = {.sem_op = -1};
    notice("semaphore", semop(semaphores, &down, 1));
}

HERE static void wait_in_timed_socket(void)
{
    char byte = 0;
    notice("socket", recv(sockets[0], &byte, 1, 0));
}

HERE static void wait_for_signal(void)
{
    sigset_t usr2;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    notice("signal", sigtimedwait(&usr2, NULL, &(struct timespec){.tv_sec = FOREVER}));
}

HERE static void work_in_loop(void)
{
    for (;;) {
        work++;
    }
}

HERE static void wait_deaf(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pause();
    notice("deaf", 0);
}

HERE static void wait_deep(unsigned depth)
{
    char room[100];
    memset(room, (int)depth, sizeof(room));
    if (depth > 0) {
        wait_deep(depth - 1);
    } else {
        pause();
    }
    work += (unsigned char)room[depth % sizeof(room)];
}

static void wait_in_depth(void)
{
    wait_deep(300);
}

static void *end_at_once(void *unused)
{
    return unused;
}

static __thread volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled = handled + 1;
}

/* Each signal to itself is handled once, and before it goes on. */
HERE static void signal_itself(void)
{
    struct sigaction action = {.sa_handler = handle};
    sigaction(SIGUSR1, &action, NULL);
    for (int sent = 1;; sent++) {
        pthread_kill(pthread_self(), SIGUSR1);
        if (handled != sent) {
            notice("signals", handled - sent);
            return;
        }
    }
}

/* Threads that begin and end all the time. */
HERE static void churn(void)
{
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_at_once, NULL) == 0) {
            pthread_join(thread, NULL);
            atomic_fetch_add(&churned, 1);
        }
    }
}

static const struct kind {
    const char *name;
    void (*run)(void);
} kinds[] = {
    {"condition", wait_in_condition},
    {"poll", wait_in_poll},
    {"select", wait_in_select},
    {"read", wait_in_read},
    {"sleep", wait_in_sleep},
    {"epoll", wait_in_epoll},
    {"semaphore", wait_in_semaphore},
    {"socket", wait_in_timed_socket},
    {"signal", wait_for_signal},
    {"loop", work_in_loop},
    {"deaf", wait_deaf},
    {"deep", wait_in_depth},
    {"churn", churn},
    {"signals", signal_itself},
};

static const struct kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    fprintf(stderr, "%s: no such kind\n", name);
    exit(2);
}

static void *thread_main(void *argument)
{
    const struct kind *kind = kind_of(*(char **)argument);
    pthread_setname_np(pthread_self(), kind->name);
    atomic_fetch_add(&begun, 1);
    kind->run();
    return NULL;
}

HERE static void answer_lines(void)
{
    char line[64];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        printf("noticed %u\n", atomic_load(&noticed));
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    sigset_t usr2;
    struct timeval timeout = {.tv_sec = FOREVER};
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    if (pipe(silent) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 ||
        setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0) {
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, thread_main, &argv[i]) != 0) {
            return 1;
        }
    }
    while (atomic_load(&begun) < (unsigned)argc - 1) {
    }
    printf("ready\n");
    fflush(stdout);
    answer_lines();
    semctl(semaphores, 0, IPC_RMID);
    return 0;
}
