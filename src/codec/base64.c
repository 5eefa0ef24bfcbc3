#include "codec/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sink.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NO_DIGIT 64

static uint32_t digit(unsigned char character)
{
    if (character >= 'A' && character <= 'Z') {
        return (uint32_t)(character - 'A');
    }
    if (character >= 'a' && character <= 'z') {
        return (uint32_t)(character - 'a') + 26;
    }
    if (character >= '0' && character <= '9') {
        return (uint32_t)(character - '0') + 52;
    }
    if (character == '+' || character == '-') {
        return 62;
    }
    return character == '/' || character == '_' ? 63 : NO_DIGIT;
}

int base64_decode(struct slu_bytes text, unsigned char *output, size_t *len)
{
    const unsigned char *at = text.data;
    size_t left = text.len;
    bool is_padded = left % 4 == 0;
    for (int i = 0; i < 2 && is_padded && left > 0 && at[left - 1] == '='; i++) {
        left--;
    }
    size_t written = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < left; i++) {
        uint32_t value = digit(at[i]);
        if (value == NO_DIGIT) {
            return -EBADMSG;
        }
        bits = bits << 6 | value;
        if (i % 4 != 0) {
            output[written++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    if (left % 4 == 1) {
        return -EBADMSG;
    }
    *len = written;
    return 0;
}

void base64_encode(struct sink *sink, struct slu_bytes bytes)
{
    const unsigned char *at = bytes.data;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = (uint32_t)at[i] << 16;
        bits |= count > 1 ? (uint32_t)at[i + 1] << 8 : 0;
        bits |= count > 2 ? at[i + 2] : 0;
        char text[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                        count > 1 ? alphabet[bits >> 6 & 63] : '=',
                        count > 2 ? alphabet[bits & 63] : '='};
        sink_put(sink, text, sizeof(text));
    }
}
