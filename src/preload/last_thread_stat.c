#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "preload/last_thread.h"
#include "preload/thread_state.h"

#define FIELDS_TO_COUNT 18 /* from the state, the third of proc(5), to num_threads, the twentieth */

/* The first thread is counted until all have ended: a zombie, meanwhile. */
int last_thread_has_ended(struct slu_bytes stat, unsigned own_count)
{
    struct thread_state leader;
    int err = thread_stat_parse(stat, &leader);
    if (err != 0) {
        return err;
    }
    const char *end = (const char *)stat.data + stat.len;
    const char *at = memrchr(stat.data, ')', stat.len);
    for (unsigned i = 0; i < FIELDS_TO_COUNT && at != NULL; i++) {
        at = memchr(at, ' ', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    if (at == NULL || at == end || *at < '0' || *at > '9') {
        return -EBADMSG;
    }
    unsigned long count = 0;
    for (; at < end && *at >= '0' && *at <= '9' && count < UINT32_MAX; at++) {
        count = 10 * count + (unsigned long)(*at - '0');
    }
    return leader.letter == 'Z' && count <= (unsigned long)own_count + 1;
}
