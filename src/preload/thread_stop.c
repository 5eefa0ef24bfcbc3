#include "preload/thread_stop.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sluice/clock.h>

#include "preload/blocking_call.h"
#include "preload/thread_stacks.h"

#define HELPER_STACK_BYTES ((size_t)64 << 10)
#define THREAD_NS          UINT64_C(50000000) /* for one thread to stop: it may be in the kernel */
#define SECOND_NS          UINT64_C(1000000000)
#define YAMA_SCOPE_FILE    "/proc/sys/kernel/yama/ptrace_scope"

/*
 * The helper shares memory, and the thread-local storage of the thread that began it: until
 * `may_begin` neither may look at errno, and from then on the helper alone.
 */
struct job {
    struct thread_stacks *stacks;
    uint64_t deadline_ns;
    _Atomic bool may_begin;
};

static long trace(int request, pid_t id, void *address, void *data)
{
    return syscall(SYS_ptrace, request, id, address, data);
}

/* Until the thread has stopped or ended. */
static int stop_await(pid_t id, uint64_t deadline_ns, int *status)
{
    sigset_t changes;
    (void)sigemptyset(&changes); /* only a bad pointer fails */
    (void)sigaddset(&changes, SIGCHLD);
    pid_t found = 0;
    while ((found = waitpid(id, status, __WALL | WNOHANG)) == 0) {
        uint64_t now_ns = slu_clock_monotonic_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec left = {.tv_sec = (time_t)(left_ns / SECOND_NS),
                                .tv_nsec = (long)(left_ns % SECOND_NS)};
        if (left_ns == 0) {
            return -ETIMEDOUT;
        }
        (void)sigtimedwait(&changes, NULL, &left); /* the next look tells what it was */
    }
    return found < 0 ? -errno : 0;
}

static int frame_read(pid_t id, struct unwind_frame *frame)
{
    struct user_regs_struct registers;
    struct iovec area = {.iov_base = &registers, .iov_len = sizeof(registers)};
    /* The kernel's number for a set of registers, where a pointer is expected. */
    if (trace(PTRACE_GETREGSET, id, (void *)(uintptr_t)NT_PRSTATUS, &area) != 0) {
        return -errno;
    }
#ifdef __x86_64__
    *frame = (struct unwind_frame){
        .pc = registers.rip, .sp = registers.rsp, .bp = registers.rbp, .interrupted = true};
#else
    *frame = (struct unwind_frame){
        .pc = registers.pc, .sp = registers.sp, .bp = registers.regs[29], .interrupted = true};
#endif
    return 0;
}

/* A signal that has come at the same moment is on its way through us: it is handed on. */
static uintptr_t signal_held(int status)
{
    return status >> 16 == PTRACE_EVENT_STOP ? 0 : (uintptr_t)WSTOPSIG(status);
}

/* A thread that is not stopped in time is let go by the helper's end. */
static int thread_stop(struct thread_stacks *stacks, struct thread_stack *stack,
                       uint64_t deadline_ns)
{
    int status = 0;
    struct unwind_frame frame;
    struct thread_state now;
    if (thread_state_read(stacks->process, stack->id, &now) == 0) {
        stack->state = now;
    }
    if (!stacks->may_disturb && stack->state.is_blocked &&
        blocking_call_minds_stops(&stack->state.block)) {
        return -EBUSY;
    }
    if (trace(PTRACE_SEIZE, stack->id, NULL, NULL) != 0 ||
        trace(PTRACE_INTERRUPT, stack->id, NULL, NULL) != 0) {
        return -errno;
    }
    int err = stop_await(stack->id, deadline_ns, &status);
    if (err != 0) {
        return err;
    }
    if (!WIFSTOPPED(status)) {
        return -ESRCH;
    }
    err = frame_read(stack->id, &frame);
    err = err != 0 ? err : thread_stack_walk(stacks, stack, &frame, true);
    (void)trace(PTRACE_DETACH, stack->id, NULL, (void *)signal_held(status)); /* or it has ended */
    return err;
}

static void stop_all(struct thread_stacks *stacks, uint64_t deadline_ns)
{
    for (uint32_t i = 0; i < stacks->count; i++) {
        struct thread_stack *stack = &stacks->table[i];
        uint64_t now_ns = slu_clock_monotonic_ns();
        if (stack->answer != THREAD_UNANSWERED || stack->err != 0) {
            continue;
        }
        uint64_t until_ns = now_ns + THREAD_NS;
        stack->err =
            now_ns >= deadline_ns
                ? -ETIMEDOUT
                : thread_stop(stacks, stack, until_ns < deadline_ns ? until_ns : deadline_ns);
        if (stack->err == 0) {
            stack->answer = THREAD_STOPPED;
        } else if (stack->err == -ESRCH) {
            stack->answer = THREAD_ENDED;
        }
    }
}

static int helper_run(void *context)
{
    struct job *job = context;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    while (!atomic_load_explicit(&job->may_begin, memory_order_acquire)) {
        (void)sched_yield(); /* cannot fail */
    }
    /* Its own by now, and not the program's: a stop is told by SIGCHLD unless that is ignored. */
    (void)sigaction(SIGCHLD, &usual, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    stop_all(job->stacks, job->deadline_ns);
    return 0;
}

/* Yama (1) lets a process be traced only by those that it names. */
static bool must_name_tracer(void)
{
    char scope = '0';
    int file = open(YAMA_SCOPE_FILE, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    if (read(file, &scope, 1) != 1) {
        scope = '0';
    }
    close(file);
    return scope == '1';
}

static void refuse_all(struct thread_stacks *stacks, int err)
{
    for (uint32_t i = 0; i < stacks->count; i++) {
        struct thread_stack *stack = &stacks->table[i];
        if (stack->answer == THREAD_UNANSWERED && stack->err == 0) {
            stack->err = err;
        }
    }
}

void threads_stop(struct thread_stacks *stacks, uint64_t deadline_ns)
{
    _Alignas(16) char helper_stack[HELPER_STACK_BYTES];
    struct job job = {.stacks = stacks, .deadline_ns = deadline_ns};
    bool names_tracer = must_name_tracer();
    /* No signal at its end (the low byte of the flags): the program does not hear of it. */
    pid_t helper = clone(helper_run, helper_stack + sizeof(helper_stack),
                         CLONE_VM | CLONE_FILES | CLONE_UNTRACED, &job);
    if (helper < 0) {
        refuse_all(stacks, -errno);
        return;
    }
    if (names_tracer) {
        (void)prctl(PR_SET_PTRACER, helper, 0, 0, 0); /* if not, stopping fails and says so */
    }
    atomic_store_explicit(&job.may_begin, true, memory_order_release);
    (void)waitpid(helper, NULL, __WALL); /* or it has ended, and the program has taken notice */
    if (names_tracer) {
        (void)prctl(PR_SET_PTRACER, 0, 0, 0, 0);
    }
    refuse_all(stacks, -ECHILD); /* if it was killed */
}
