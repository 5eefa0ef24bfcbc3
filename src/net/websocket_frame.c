#include "net/websocket.h"

#include <errno.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define KEY_BYTES  24 /* 16 random bytes in base64 */
#define SHA1_BYTES 20

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static bool opcode_is_known(unsigned opcode)
{
    return opcode <= FRAME_BINARY || (opcode >= FRAME_CLOSE && opcode <= FRAME_PONG);
}

/* The length, with its bytes beyond the first two. */
static int length_read(const unsigned char *at, size_t extended, struct frame_head *head)
{
    unsigned small = at[1] & 127u;
    head->len = extended == 0 ? small : big_endian(at + 2, extended);
    bool is_shortest = extended == 0 || (extended == 2 && head->len >= 126) ||
                       (extended == 8 && head->len > UINT16_MAX && head->len >> 63 == 0);
    bool is_control = head->opcode >= FRAME_CLOSE;
    return is_shortest && (!is_control || (extended == 0 && head->is_final)) ? 0 : -EBADMSG;
}

int frame_head_read(struct slu_bytes bytes, struct frame_head *head)
{
    const unsigned char *at = bytes.data;
    if (bytes.len < 2) {
        return -EAGAIN;
    }
    unsigned small = at[1] & 127u;
    size_t extended = small == 126 ? 2 : small == 127 ? 8 : 0;
    *head = (struct frame_head){
        .opcode = at[0] & 15u, .is_final = (at[0] & 128u) != 0, .is_masked = (at[1] & 128u) != 0};
    if ((at[0] & 112u) != 0 || !opcode_is_known(head->opcode)) {
        return -EBADMSG;
    }
    head->head_len = (uint32_t)(2 + extended + (head->is_masked ? 4 : 0));
    if (bytes.len < head->head_len) {
        return -EAGAIN;
    }
    if (head->is_masked) {
        memcpy(head->mask, at + 2 + extended, 4);
    }
    return length_read(at, extended, head);
}

size_t frame_head_write(unsigned opcode, uint64_t len, unsigned char *out)
{
    size_t extended = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;
    out[0] = (unsigned char)(128u | opcode);
    out[1] = (unsigned char)(extended == 0 ? len : extended == 2 ? 126 : 127);
    for (size_t i = 0; i < extended; i++) {
        out[2 + i] = (unsigned char)(len >> (8 * (extended - 1 - i)));
    }
    return 2 + extended;
}

void frame_unmask(unsigned char *bytes, size_t len, const unsigned char mask[4], uint64_t offset)
{
    unsigned char turned[8];
    uint64_t wide = 0;
    size_t at = 0;
    for (size_t i = 0; i < sizeof(turned); i++) {
        turned[i] = mask[(offset + i) & 3];
    }
    memcpy(&wide, turned, sizeof(wide));
    for (; len - at >= sizeof(wide); at += sizeof(wide)) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, sizeof(word));
        word ^= wide;
        memcpy(bytes + at, &word, sizeof(word));
    }
    for (; at < len; at++) {
        bytes[at] ^= turned[at & 7];
    }
}

static void base64_write(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        size_t count = len - i < 3 ? len - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++) {
            bits = bits << 8 | (j < count ? bytes[i + j] : 0u);
        }
        for (size_t j = 0; j < 4; j++) {
            *out++ = j <= count ? digits[bits >> (18 - 6 * j) & 63] : '=';
        }
    }
    *out = '\0';
}

int websocket_answer_key(struct slu_bytes key, char out[29])
{
    static const char suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_BYTES + sizeof(suffix)];
    unsigned char hash[SHA1_BYTES];
    if (key.len != KEY_BYTES) {
        return -EINVAL;
    }
    memcpy(text, key.data, KEY_BYTES);
    memcpy(text + KEY_BYTES, suffix, sizeof(suffix) - 1);
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, KEY_BYTES + sizeof(suffix) - 1, hash) != 0) {
        return -EINVAL;
    }
    base64_write(hash, SHA1_BYTES, out);
    return 0;
}
