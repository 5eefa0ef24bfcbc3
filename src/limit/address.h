/* IP addresses as text, as they stand in HTTP headers and configurations. */
#ifndef LIMIT_ADDRESS_H
#define LIMIT_ADDRESS_H

#include <stdbool.h>
#include <string.h>

#include <sluice/bytes.h>

struct address {
    bool is_ipv6;
    unsigned char bytes[16]; /* 4 of them for IPv4; as on the wire */
};

/*
 * The forms that <sluice/gate.h> lists under slu_gate_key_text.
 *
 * Returns  0 or -EINVAL
 * Source   RFC 4291, section 2.2; numbers of an IPv4 address are decimal and without leading zeros,
 *          which inet_aton(3) would read as octal
 */
int address_parse(struct slu_bytes text, struct address *out);

/* Whether 16 bytes are an IPv4 address in IPv6's clothes: RFC 4291 2.5.5.2, or RFC 6052 2.1. */
static inline bool address_holds_ipv4(const unsigned char *bytes)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char translated[12] = {0, 0x64, 0xff, 0x9b};
    return memcmp(bytes, mapped, sizeof(mapped)) == 0 ||
           memcmp(bytes, translated, sizeof(translated)) == 0;
}

#endif
