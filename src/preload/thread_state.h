/* What the kernel tells of a thread of this process, without the thread's noticing. */
#ifndef PRELOAD_THREAD_STATE_H
#define PRELOAD_THREAD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <sluice/bytes.h>

#define THREAD_NAME_BYTES    16 /* with the final zero */
#define THREAD_ARGUMENTS_MAX 6

/* Where a thread is that does not run: in a system call, or waiting for a page (call is -1). */
struct thread_block {
    int64_t call;
    uint64_t arguments[THREAD_ARGUMENTS_MAX];
    uintptr_t sp;
    uintptr_t pc;
};

struct thread_state {
    char name[THREAD_NAME_BYTES];
    char letter; /* as proc(5) has it: R runs, S sleeps, D cannot be disturbed, ... */
    bool is_blocked;
    struct thread_block block; /* if is_blocked */
};

/*
 * The numbers of this process's threads, in the kernel's order.
 *
 * more     filled with how many there are beyond `max`
 * Returns  0; a negative errno
 */
int thread_list(pid_t *ids, uint32_t max, uint32_t *count, uint32_t *more);

/* Returns 0; -ESRCH if the process has no such thread any more; another negative errno. */
int thread_state_read(pid_t process, pid_t id, struct thread_state *state);

/* How often it has gone to sleep: unchanged if it has slept all the time. Returns as above. */
int thread_sleeps_read(pid_t process, pid_t id, uint64_t *count);

/*
 * The texts of /proc/PID/task/ID: `stat` for name and letter, `syscall` for the rest.
 *
 * Returns  0; -EBADMSG
 */
int thread_stat_parse(struct slu_bytes text, struct thread_state *state);
int thread_syscall_parse(struct slu_bytes text, struct thread_state *state);

#endif
