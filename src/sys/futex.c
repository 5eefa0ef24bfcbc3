#include "sys/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "sys/deadline.h"

int futex_wait_until(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    /* WAIT_BITSET and not WAIT: its timeout is absolute. */
    struct timespec until = deadline_timespec(deadline_ns);
    const struct timespec *timeout = deadline_ns == DEADLINE_NEVER ? NULL : &until;
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                          timeout, NULL, FUTEX_BITSET_MATCH_ANY);
    if (result == 0 || errno == EAGAIN || errno == EINTR) {
        return 0;
    }
    SLU_ASSERT(errno == ETIMEDOUT);
    return -ETIMEDOUT;
}

void futex_wake(_Atomic uint32_t *word)
{
    /* Fails with EFAULT where the word has been unmapped since: then nobody waits there. */
    (void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}
