/*
 * Property: as of profile_pprof, for heaptrack's recordings. The first byte chooses the format, so
 * that whatever follows is read as its lines.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile_judge.h"

#define FIRST_BYTES 16

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return 0;
    }
    char *text = malloc(FIRST_BYTES + len);
    SLU_ASSERT(text != NULL);
    int first = snprintf(text, FIRST_BYTES, "v 10400 %d\n", bytes[0] % 4);
    memcpy(text + first, bytes + 1, len - 1);
    profile_judge(text, (size_t)first + len - 1);
    free(text);
    return 0;
}
