/*
 * Property: a frame's head is the same however its bytes come, one that is accepted is as short as
 * it can be written, and a mask taken off in pieces and put on again changes nothing.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "net/websocket.h"

#define PAYLOAD_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_mask(const struct frame_head *head, const uint8_t *payload, size_t len)
{
    unsigned char copy[PAYLOAD_MAX];
    size_t cut = len / 3;
    memcpy(copy, payload, len);
    frame_unmask(copy, cut, head->mask, 0);
    frame_unmask(copy + cut, len - cut, head->mask, cut);
    for (size_t i = 0; i < len; i++) {
        SLU_ASSERT(copy[i] == (payload[i] ^ head->mask[i & 3]));
    }
    frame_unmask(copy, len, head->mask, 0);
    SLU_ASSERT(memcmp(copy, payload, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct frame_head head;
    unsigned char again[FRAME_HEAD_BYTES_MAX];
    int err = -EAGAIN;
    size_t used = 0;
    while (err == -EAGAIN && used < len) {
        err = frame_head_read((struct slu_bytes){bytes, ++used}, &head);
    }
    if (err == -EBADMSG) {
        SLU_ASSERT(frame_head_read((struct slu_bytes){bytes, len}, &head) == -EBADMSG);
    }
    if (err != 0) {
        return 0;
    }
    SLU_ASSERT(head.head_len == used);
    size_t plain = frame_head_write(head.opcode, head.len, again);
    SLU_ASSERT(plain + (head.is_masked ? 4 : 0) == head.head_len);
    size_t payload = len - used < PAYLOAD_MAX ? len - used : PAYLOAD_MAX;
    if (head.is_masked) {
        check_mask(&head, bytes + used, payload);
    }
    return 0;
}
