/* Property: whatever a file of /proc holds, it is read within its bytes, and names end. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "preload/thread_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len); /* a byte too far is seen */
    struct thread_state state = {0};
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, bytes, len);
    int err = thread_stat_parse((struct slu_bytes){copy, len}, &state);
    SLU_ASSERT(err == 0 || err == -EBADMSG);
    SLU_ASSERT(memchr(state.name, '\0', sizeof(state.name)) != NULL);
    err = thread_syscall_parse((struct slu_bytes){copy, len}, &state);
    SLU_ASSERT(err == 0 || err == -EBADMSG);
    free(copy);
    return 0;
}
