/* WebSocket on a connection. Source: RFC 6455. */
#ifndef NET_WEBSOCKET_H
#define NET_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

enum {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10,
};

#define FRAME_HEAD_BYTES_MAX    14
#define FRAME_CONTROL_BYTES_MAX 125

struct frame_head {
    uint64_t len; /* of the payload */
    uint32_t head_len;
    unsigned opcode;
    bool is_final;
    bool is_masked;
    unsigned char mask[4];
};

/*
 * Read a frame's head.
 *
 * Returns  0; -EAGAIN if more bytes are needed; -EBADMSG for reserved bits and opcodes, lengths
 *          that are not the shortest or above 2^63, and control frames that are long or fragmented
 */
int frame_head_read(struct slu_bytes bytes, struct frame_head *head);

/* Write the head of a frame that is final and not masked; returns its length, at most 10. */
size_t frame_head_write(unsigned opcode, uint64_t len, unsigned char *out);

/* Take the mask off; `offset` is that of the first byte within the payload. */
void frame_unmask(unsigned char *bytes, size_t len, const unsigned char mask[4], uint64_t offset);

/* The value of Sec-WebSocket-Accept for a key: 28 characters and a zero. Returns 0; -EINVAL. */
int websocket_answer_key(struct slu_bytes key, char out[29]);

#endif
