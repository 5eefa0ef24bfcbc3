/*
 * Property: as of profile_pprof, for the formats that are text. The first byte chooses a first
 * line, so that whatever follows is read as samples.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const first_lines[] = {
        "",
        "heap profile: 1: 2 [3: 4] @ heap/1048576\n",
        "heap profile: 1: 2 [3: 4] @ heapprofile\n",
        "heap_v2/524288\n",
        "goroutine profile: total 7\n",
    };
    if (len == 0) {
        return 0;
    }
    const char *first = first_lines[bytes[0] % (sizeof(first_lines) / sizeof(first_lines[0]))];
    size_t first_len = strlen(first);
    char *text = malloc(first_len + len);
    SLU_ASSERT(text != NULL);
    memcpy(text, first, first_len);
    memcpy(text + first_len, bytes + 1, len - 1);
    profile_judge(text, first_len + len - 1);
    free(text);
    return 0;
}
