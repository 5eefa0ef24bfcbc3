#include "limit/address.h"

#include <errno.h>
#include <stdint.h>

#define PART_COUNT 8

/* What is left of the text. */
struct rest {
    const char *at;
    const char *end;
};

static bool rest_take(struct rest *rest, char character)
{
    if (rest->at == rest->end || *rest->at != character) {
        return false;
    }
    rest->at++;
    return true;
}

static int digit_value(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    char lower = (char)(character | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A number of 1 to `digits_max` digits, at most `value_max`; no leading zero in base 10. */
static bool rest_number(struct rest *rest, int base, int digits_max, uint32_t value_max,
                        uint32_t *value)
{
    const char *start = rest->at;
    uint32_t sum = 0;
    while (rest->at < rest->end) {
        int digit = digit_value(*rest->at);
        if (digit < 0 || digit >= base) {
            break;
        }
        if (rest->at - start == digits_max) {
            return false;
        }
        sum = sum * (uint32_t)base + (uint32_t)digit;
        rest->at++;
    }
    bool padded = base == 10 && rest->at - start > 1 && *start == '0';
    *value = sum;
    return rest->at > start && sum <= value_max && !padded;
}

static bool rest_ipv4(struct rest *rest, unsigned char bytes[4])
{
    for (int i = 0; i < 4; i++) {
        uint32_t value = 0;
        if ((i > 0 && !rest_take(rest, '.')) || !rest_number(rest, 10, 3, 255, &value)) {
            return false;
        }
        bytes[i] = (unsigned char)value;
    }
    return true;
}

/* The parts on one side of the "::", or all of them. */
struct parts {
    unsigned char bytes[2 * PART_COUNT];
    int count;
    bool final; /* an IPv4 address, after which nothing may follow */
};

static bool parts_add_ipv4(struct parts *parts, struct rest *rest)
{
    if (parts->count > PART_COUNT - 2 || !rest_ipv4(rest, &parts->bytes[2 * parts->count])) {
        return false;
    }
    parts->count += 2;
    parts->final = true;
    return true;
}

/*
 * Parts with a colon between each two; stops before a "::". An IPv4 address may be the last.
 */
static bool rest_parts(struct rest *rest, struct parts *parts)
{
    for (;;) {
        struct rest before = *rest;
        uint32_t value = 0;
        bool read = rest_number(rest, 16, 4, 0xffff, &value);
        if (rest->at < rest->end && *rest->at == '.') {
            *rest = before;
            return parts_add_ipv4(parts, rest);
        }
        if (!read || parts->count == PART_COUNT) {
            return false;
        }
        parts->bytes[2 * parts->count] = (unsigned char)(value >> 8);
        parts->bytes[2 * parts->count + 1] = (unsigned char)value;
        parts->count++;
        bool another = rest->end - rest->at >= 2 && rest->at[0] == ':' && rest->at[1] != ':';
        if (!another) {
            return true;
        }
        rest->at++;
    }
}

static bool rest_gap(struct rest *rest)
{
    if (rest->end - rest->at < 2 || rest->at[0] != ':' || rest->at[1] != ':') {
        return false;
    }
    rest->at += 2;
    return true;
}

static bool rest_ipv6(struct rest *rest, unsigned char bytes[16])
{
    struct parts head = {.count = 0};
    struct parts tail = {.count = 0};
    bool gap = rest_gap(rest);
    if (!gap) {
        if (!rest_parts(rest, &head)) {
            return false;
        }
        gap = !head.final && rest_gap(rest);
    }
    if (!gap) {
        memcpy(bytes, head.bytes, 2 * PART_COUNT);
        return head.count == PART_COUNT;
    }
    bool more = rest->at < rest->end && *rest->at != ']';
    if (more && !rest_parts(rest, &tail)) {
        return false;
    }
    memset(bytes, 0, 2 * PART_COUNT);
    memcpy(bytes, head.bytes, 2 * (size_t)head.count);
    memcpy(bytes + 2 * (PART_COUNT - tail.count), tail.bytes, 2 * (size_t)tail.count);
    return head.count + tail.count < PART_COUNT; /* "::" stands for at least one part */
}

/* ":port", or nothing; then the end. */
static bool rest_ends(struct rest *rest)
{
    uint32_t port = 0;
    if (rest_take(rest, ':') && !rest_number(rest, 10, 5, 65535, &port)) {
        return false;
    }
    return rest->at == rest->end;
}

int address_parse(struct slu_bytes text, struct address *out)
{
    if (text.len == 0) {
        return -EINVAL; /* and its data may be NULL */
    }
    struct rest rest = {text.data, (const char *)text.data + text.len};
    struct address address = {.is_ipv6 = false};
    bool right = false;
    if (rest_take(&rest, '[')) {
        address.is_ipv6 = true;
        right = rest_ipv6(&rest, address.bytes) && rest_take(&rest, ']') && rest_ends(&rest);
    } else {
        right = rest_ipv4(&rest, address.bytes) && rest_ends(&rest);
        if (!right) {
            rest.at = text.data;
            address.is_ipv6 = true;
            right = rest_ipv6(&rest, address.bytes) && rest.at == rest.end;
        }
    }
    if (!right) {
        return -EINVAL;
    }
    *out = address;
    return 0;
}
