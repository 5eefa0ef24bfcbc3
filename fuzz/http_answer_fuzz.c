/*
 * Property: whatever the bytes, a head that was read ends within them, what comes behind does not
 * change it, and one that was refused stays refused.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/http_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int first = -EAGAIN;
    struct http_answer known = {0};
    for (size_t part = 0; part <= len && part <= HTTP_ANSWER_HEAD_MAX + 16; part++) {
        uint8_t *copy = malloc(part); /* a byte too far is seen */
        struct http_answer answer = {0};
        if (copy == NULL) {
            break;
        }
        memcpy(copy, bytes, part);
        int err = http_answer_read((struct slu_bytes){copy, part}, &answer);
        SLU_ASSERT(err == 0 || err == -EAGAIN || err == -EBADMSG);
        SLU_ASSERT(first == -EAGAIN || err == first);
        if (err == 0) {
            SLU_ASSERT(answer.head_len <= part && answer.status >= 0 && answer.status <= 999);
            SLU_ASSERT(first != 0 || memcmp(&known, &answer, sizeof(known)) == 0);
            known = answer;
        }
        first = err;
        free(copy);
    }
    return 0;
}
