/*
 * steady: threads that wait in system calls and check what these return, and one that calculates;
 * when standard input has a line, it says how many answers were wrong, how many signals came, and
 * whether it has children.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 2

static atomic_uint wrong;
static atomic_uint signals;
static atomic_bool ended;
static sem_t let_go;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

static void *poll_often(void *argument)
{
    while (!atomic_load(&ended)) {
        atomic_fetch_add(&wrong, poll(NULL, 0, WAIT_MS) != 0);
    }
    return argument;
}

/* Until it is let go: in a futex without a limit. */
static void *wait_once(void *argument)
{
    atomic_fetch_add(&wrong, sem_wait(&let_go) != 0);
    return argument;
}

static uint64_t sum_of(uint64_t seed)
{
    uint64_t sum = seed;
    for (int i = 0; i < 100000; i++) {
        sum = sum * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    }
    return sum;
}

static void *calculate(void *argument)
{
    uint64_t expected = sum_of(1);
    while (!atomic_load(&ended)) {
        void *block = malloc(100);
        atomic_fetch_add(&wrong, sum_of(1) != expected || block == NULL);
        free(block);
    }
    return argument;
}

int main(void)
{
    void *(*const works[])(void *) = {poll_often, wait_once, calculate};
    pthread_t threads[3];
    char line[16];
    (void)sem_init(&let_go, 0, 0);
    signal(SIGCHLD, count_signal);
    signal(SIGTRAP, count_signal);
    for (int i = 0; i < 3; i++) {
        if (pthread_create(&threads[i], NULL, works[i], NULL) != 0) {
            return 3;
        }
    }
    puts("ready");
    fflush(stdout);
    atomic_fetch_add(&wrong, read(STDIN_FILENO, line, sizeof(line)) != 5);
    atomic_store(&ended, true);
    (void)sem_post(&let_go);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    int children = waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD ? 0 : 1;
    printf("wrong %u signals %u children %d\n", atomic_load(&wrong), atomic_load(&signals),
           children);
    return 0;
}
