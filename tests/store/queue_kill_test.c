/*
 * A child appends and prints what was acknowledged to it, until it is killed at some moment. All
 * that it printed must be there. The child is this program with arguments: `append DIRECTORY FROM`.
 */
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "fixture.h"

#define KILLS     30
#define LINES_MAX 400 /* printed before the child is killed, at the most */

extern char **environ;

/* One write for each number: a pipe takes it whole or not at all. */
static void child_told(void *arg, int err, uint64_t sequence)
{
    (void)sequence;
    char line[32];
    if (err == 0) {
        int len = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)(uintptr_t)arg);
        if (write(STDOUT_FILENO, line, (size_t)len) != len) {
            _exit(3);
        }
    }
}

static int child_main(const char *path, uint64_t from)
{
    struct slu_budget *budget = budget_of(STORE_BUDGET_BYTES);
    const struct slu_scope_options root = {.name = "child", .budget = budget};
    struct slu_scope *scope = NULL;
    struct queue *queue = NULL;
    struct queue_options options = store_options(budget, path);
    options.segment_bytes = 64 << 10;
    if (slu_scope_create(NULL, &root, NULL, &scope) != 0) {
        return 3;
    }
    options.scope = scope;
    if (queue_open(&options, NULL, &queue) != 0) {
        return 4;
    }
    for (uint64_t tag = from;; tag++) {
        int err = store_append(queue, tag, child_told, (void *)(uintptr_t)tag);
        while (err == -EDQUOT) {
            sched_yield();
            err = store_append(queue, tag, child_told, (void *)(uintptr_t)tag);
        }
        if (err != 0) {
            return 5;
        }
    }
}

struct child {
    pid_t pid;
    FILE *output;
};

static struct child child_start(const char *path, uint64_t from)
{
    int ends[2];
    char number[32];
    char directory[64];
    assert_int_equal(pipe(ends), 0);
    assert_true(snprintf(number, sizeof(number), "%llu", (unsigned long long)from) > 0);
    assert_true(snprintf(directory, sizeof(directory), "%s", path) > 0);
    char program[] = "/proc/self/exe";
    char verb[] = "append";
    char *arguments[] = {program, verb, directory, number, NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&actions, ends[0]), 0);
    struct child child = {.output = fdopen(ends[0], "r")};
    assert_int_equal(posix_spawn(&child.pid, program, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    return child;
}

/* Read lines, kill after so many, read what is left. Returns the highest number that was told. */
static uint64_t child_kill(struct child *child, uint64_t line_count, uint64_t last)
{
    char line[32];
    for (uint64_t lines = 0; fgets(line, sizeof(line), child->output) != NULL; lines++) {
        assert_non_null(strchr(line, '\n'));
        uint64_t number = strtoull(line, NULL, 10);
        assert_true(number > last);
        last = number;
        if (lines == line_count) {
            assert_int_equal(kill(child->pid, SIGKILL), 0);
        }
    }
    fclose(child->output);
    int status = 0;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

/* Take some and leave the rest for after the next kill. All from `*expected` on must come. */
static uint64_t take_some(const char *path, uint64_t *expected, struct test_random *random)
{
    struct slu_budget *budget = budget_of(STORE_BUDGET_BYTES);
    struct queue_options options = store_options(budget, path);
    options.segment_bytes = 64 << 10;
    struct queue *queue = store_queue(options);
    uint64_t waiting = store_stats(queue).waiting_count;
    uint64_t highest = *expected + waiting - 1;
    for (uint64_t left = test_random_below(random, waiting + 1); left > 0; left--) {
        assert_int_equal(store_take_ack(queue, budget), *expected);
        (*expected)++;
    }
    assert_int_equal(store_stats(queue).damaged_count, 0);
    queue_close(&queue);
    slu_budget_destroy(&budget);
    return highest;
}

static void kill_9_at_any_moment_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    struct test_random random = test_random_start(30);
    struct store_directory directory = store_directory_make();
    uint64_t expected = 1;
    uint64_t from = 1;
    for (int kills = 0; kills < KILLS; kills++) {
        struct child child = child_start(directory.path, from);
        uint64_t told = child_kill(&child, test_random_below(&random, LINES_MAX), from - 1);
        uint64_t highest = take_some(directory.path, &expected, &random);
        assert_true(highest >= told); /* beyond it, what was written and not told yet */
        from = highest + 1;
    }
    store_directory_remove(&directory);
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 4 && strcmp(arguments[1], "append") == 0) {
        return child_main(arguments[2], strtoull(arguments[3], NULL, 10));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_9_at_any_moment_loses_nothing_that_was_acknowledged),
    };
    return TEST_RUN("queue_kill", tests);
}
