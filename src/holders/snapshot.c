/*
 * The registers of a stopped thread are set to make a system call that stands in the program's
 * code; one step of the processor makes it. Then they are set back. The thread stops after the
 * step as at a signal, so that the kernel restarts the call that the thread was in, if it was in
 * one, as after any signal without a handler.
 *
 * The copy has no signal for its end, so that the program's handlers do not hear of it; a child it
 * is all the same, and is waited for in the same way.
 */
#include "holders/snapshot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <sluice/budget.h>

#include "base/block.h"
#include "holders/image.h"
#include "holders/window.h"
#include "sys/file.h"

#define PATH_BYTES     64
#define TEXT_BYTES_MAX ((uint64_t)1 << 20)
#define FREE_SHARE     4 /* a quarter of the program's memory must be free */
#define CALL_BYTES     2
#define CALL_STEPS_MAX 16
#define CALL_WAIT      SYS_wait4
#define CALL_FORK      SYS_clone

static const unsigned char call_code[CALL_BYTES] = {0x0f, 0x05};

/* The number behind `key` in a file of /proc; `otherwise` if it is not there. */
static uint64_t proc_number(const struct image *image, const char *path, const char *key,
                            uint64_t otherwise)
{
    struct block text = {0};
    uint64_t found = otherwise;
    if (file_read_all(image->budget, path, TEXT_BYTES_MAX, &text, NULL) != 0) {
        return otherwise;
    }
    const char *at = memmem(text.data, text.len, key, strlen(key));
    size_t left = at == NULL ? 0 : text.len - (size_t)(at - (const char *)text.data) - strlen(key);
    char digits[32] = "";
    if (at != NULL) {
        memcpy(digits, at + strlen(key), left < sizeof(digits) - 1 ? left : sizeof(digits) - 1);
        found = strtoull(digits, NULL, 10);
    }
    block_free(image->budget, &text);
    return found;
}

/* A filter may end a process for a call that it never makes; and a copy needs room for changes. */
static int is_allowed(const struct image *image)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "/proc/%llu/status", (unsigned long long)image->process_id);
    if (proc_number(image, path, "\nSeccomp:", 1) != 0) {
        return -EPERM;
    }
    uint64_t used_kib = proc_number(image, path, "\nVmRSS:", UINT64_MAX);
    uint64_t free_kib = proc_number(image, "/proc/meminfo", "\nMemAvailable:", 0);
    return used_kib / FREE_SHARE <= free_kib ? 0 : -ENOMEM;
}

static int code_find(struct image *image, uint64_t *code)
{
    struct window window;
    size_t count = 0;
    const struct image_region *regions = image_regions(image, &count);
    int err = window_open(&window, image);
    for (size_t i = 0; err == 0 && i < count; i++) {
        uint64_t end = regions[i].start + regions[i].stored_bytes;
        for (uint64_t at = regions[i].start; regions[i].executable && at < end;
             at += WINDOW_BYTES) {
            size_t len = end - at < WINDOW_BYTES ? (size_t)(end - at) : WINDOW_BYTES;
            const unsigned char *bytes = window_at(&window, at, len, end);
            const unsigned char *found =
                bytes == NULL ? NULL : memmem(bytes, len, call_code, CALL_BYTES);
            if (found != NULL) {
                *code = at + (uint64_t)(found - bytes);
                window_close(&window);
                return 0;
            }
        }
    }
    window_close(&window);
    return err != 0 ? err : -ENOENT;
}

/* Step until the call is done; of a fork the copy's id is taken on the way. */
static int call_step(pid_t thread, uint64_t *copy)
{
    for (int i = 0; i < CALL_STEPS_MAX; i++) {
        int status = 0;
        unsigned long message = 0;
        if (ptrace(PTRACE_SINGLESTEP, thread, NULL, NULL) != 0 ||
            waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) {
            return -ESRCH;
        }
        int event = status >> 16;
        if (event == 0 && WSTOPSIG(status) == SIGTRAP) {
            return 0;
        }
        if ((event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK) && copy != NULL &&
            ptrace(PTRACE_GETEVENTMSG, thread, NULL, &message) == 0) {
            *copy = message;
        }
    }
    return -EIO;
}

struct call {
    unsigned long long number;
    unsigned long long arguments[4];
};

/* Make a system call in a stopped thread. Returns its result, or a negative errno. */
static long long call_make(pid_t thread, uint64_t code, const struct call *call, uint64_t *copy)
{
    struct user_regs_struct saved;
    if (ptrace(PTRACE_GETREGS, thread, NULL, &saved) != 0) {
        return -errno;
    }
    struct user_regs_struct set = saved;
    set.rip = code;
    set.rax = call->number;
    set.orig_rax = ~0ULL; /* no call to restart, meanwhile */
    set.rdi = call->arguments[0];
    set.rsi = call->arguments[1];
    set.rdx = call->arguments[2];
    set.r10 = call->arguments[3];
    set.r8 = 0;
    if (ptrace(PTRACE_SETREGS, thread, NULL, &set) != 0) {
        return -errno;
    }
    long long err = call_step(thread, copy);
    if (err == 0 && ptrace(PTRACE_GETREGS, thread, NULL, &set) == 0) {
        err = (long long)set.rax;
    }
    if (ptrace(PTRACE_SETREGS, thread, NULL, &saved) != 0) {
        return -errno;
    }
    return err;
}

/* A thread that was not stopped by a signal on its way, which our steps would take from it. */
static pid_t thread_choose(const struct image *image)
{
    size_t count = 0;
    const struct image_thread *threads = image_threads(image, &count);
    for (size_t i = 0; i < count; i++) {
        if (threads[i].stop_signal == 0) {
            return (pid_t)threads[i].id;
        }
    }
    return 0;
}

int snapshot_prepare(struct image *image, uint64_t *code)
{
    int err = is_allowed(image);
    return err != 0 ? err : code_find(image, code);
}

int snapshot_make(const struct image *image, uint64_t code, uint64_t *copy)
{
    unsigned char there[CALL_BYTES];
    uint64_t made = 0;
    int status = 0;
    pid_t thread = thread_choose(image);
    struct iovec to = {there, sizeof(there)};
    struct iovec from = {(void *)(uintptr_t)code, sizeof(there)};
    if (thread == 0) {
        return -EBUSY;
    }
    if (process_vm_readv(thread, &to, 1, &from, 1, 0) != CALL_BYTES ||
        memcmp(there, call_code, CALL_BYTES) != 0) {
        return -ESTALE; /* a library was unloaded meanwhile */
    }
    uintptr_t options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK;
    if (ptrace(PTRACE_SETOPTIONS, thread, NULL, (void *)options) != 0) {
        return -errno;
    }
    const struct call fork_call = {.number = CALL_FORK};
    long long result = call_make(thread, code, &fork_call, &made);
    if (made == 0) {
        return result < 0 ? (int)result : -EIO;
    }
    options = PTRACE_O_EXITKILL;
    if (waitpid((pid_t)made, &status, __WALL) != (pid_t)made || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, (pid_t)made, NULL, (void *)options) != 0) {
        snapshot_end(image, made);
        return -ESRCH;
    }
    *copy = made;
    return 0;
}

/* In the process, whose child the copy is. */
static void copy_reap(const struct image *image, uint64_t copy)
{
    uint64_t code = 0;
    int status = 0;
    pid_t thread = (pid_t)image->process_id;
    struct image *reader = NULL;
    if (image_open_process(image->budget, image->process_id, NULL, &reader) != 0) {
        return; /* it has ended */
    }
    if (code_find(reader, &code) == 0 && ptrace(PTRACE_SEIZE, thread, NULL, NULL) == 0) {
        if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) == 0 &&
            waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status)) {
            const struct call wait_call = {.number = CALL_WAIT,
                                           .arguments = {copy, 0, (unsigned)__WALL | WNOHANG, 0}};
            int signal_on_its_way = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
            if (signal_on_its_way == 0) {
                (void)call_make(thread, code, &wait_call, NULL); /* else its parent reaps it */
            }
            (void)ptrace(PTRACE_DETACH, thread, NULL, (void *)(uintptr_t)signal_on_its_way);
        }
    }
    image_close(&reader);
}

void snapshot_end(const struct image *image, uint64_t copy)
{
    int status = 0;
    (void)kill((pid_t)copy, SIGKILL); /* it may have been killed with us */
    (void)waitpid((pid_t)copy, &status, __WALL);
    copy_reap(image, copy);
}
