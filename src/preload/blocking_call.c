#include "preload/blocking_call.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "preload/thread_state.h"

enum stop_effect {
    STOP_UNNOTICED, /* the kernel restarts the call */
    STOP_INTERRUPTS,
    STOP_INTERRUPTS_IF_TIMED, /* a socket's call, if the socket has a timeout */
};

struct blocking_call {
    long number;
    const char *name;
    enum stop_effect effect;
};

#define CALL(name, effect)                                                                         \
    {                                                                                              \
        SYS_##name, #name, effect                                                                  \
    }

static const struct blocking_call calls[] = {
    CALL(futex, STOP_UNNOTICED),
    CALL(read, STOP_INTERRUPTS_IF_TIMED),
    CALL(readv, STOP_INTERRUPTS_IF_TIMED),
    CALL(pread64, STOP_UNNOTICED),
    CALL(write, STOP_INTERRUPTS_IF_TIMED),
    CALL(writev, STOP_INTERRUPTS_IF_TIMED),
    CALL(pwrite64, STOP_UNNOTICED),
    CALL(recvfrom, STOP_INTERRUPTS_IF_TIMED),
    CALL(recvmsg, STOP_INTERRUPTS_IF_TIMED),
    CALL(recvmmsg, STOP_INTERRUPTS_IF_TIMED),
    CALL(sendto, STOP_INTERRUPTS_IF_TIMED),
    CALL(sendmsg, STOP_INTERRUPTS_IF_TIMED),
    CALL(sendmmsg, STOP_INTERRUPTS_IF_TIMED),
    CALL(connect, STOP_INTERRUPTS_IF_TIMED),
    CALL(accept, STOP_INTERRUPTS_IF_TIMED),
    CALL(accept4, STOP_INTERRUPTS_IF_TIMED),
    CALL(ppoll, STOP_UNNOTICED),
    CALL(pselect6, STOP_UNNOTICED),
    CALL(epoll_pwait, STOP_INTERRUPTS),
    CALL(rt_sigtimedwait, STOP_INTERRUPTS),
    CALL(rt_sigsuspend, STOP_UNNOTICED),
    CALL(semop, STOP_INTERRUPTS),
    CALL(semtimedop, STOP_INTERRUPTS),
    CALL(io_getevents, STOP_INTERRUPTS),
    CALL(msgrcv, STOP_UNNOTICED),
    CALL(msgsnd, STOP_UNNOTICED),
    CALL(nanosleep, STOP_UNNOTICED),
    CALL(clock_nanosleep, STOP_UNNOTICED),
    CALL(restart_syscall, STOP_UNNOTICED),
    CALL(wait4, STOP_UNNOTICED),
    CALL(waitid, STOP_UNNOTICED),
    CALL(fsync, STOP_UNNOTICED),
    CALL(fdatasync, STOP_UNNOTICED),
    CALL(flock, STOP_UNNOTICED),
    CALL(fcntl, STOP_UNNOTICED),
#ifdef SYS_poll /* architectures that are younger have only the calls above */
    CALL(poll, STOP_UNNOTICED),
    CALL(select, STOP_UNNOTICED),
    CALL(epoll_wait, STOP_INTERRUPTS),
    CALL(pause, STOP_UNNOTICED),
    CALL(vfork, STOP_UNNOTICED),
#endif
#ifdef SYS_epoll_pwait2
    CALL(epoll_pwait2, STOP_INTERRUPTS),
#endif
#ifdef SYS_io_pgetevents
    CALL(io_pgetevents, STOP_INTERRUPTS),
#endif
#ifdef SYS_io_uring_enter
    CALL(io_uring_enter, STOP_INTERRUPTS),
#endif
};

static const struct blocking_call *call_find(int64_t call)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (calls[i].number == call) {
            return &calls[i];
        }
    }
    return NULL;
}

const char *blocking_call_name(int64_t call)
{
    const struct blocking_call *found = call_find(call);
    return found == NULL ? NULL : found->name;
}

/* Of what is no socket this is false. */
static bool has_timeout(int socket, int option)
{
    struct timeval timeout = {0};
    socklen_t len = sizeof(timeout);
    return getsockopt(socket, SOL_SOCKET, option, &timeout, &len) == 0 &&
           (timeout.tv_sec != 0 || timeout.tv_usec != 0);
}

bool blocking_call_minds_stops(const struct thread_block *block)
{
    const struct blocking_call *found = call_find(block->call);
    if (found == NULL || found->effect == STOP_UNNOTICED) {
        return false;
    }
    int file = (int)block->arguments[0];
    return found->effect == STOP_INTERRUPTS || has_timeout(file, SO_RCVTIMEO) ||
           has_timeout(file, SO_SNDTIMEO);
}
