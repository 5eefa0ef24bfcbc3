#include <sluice/gate.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "limit/address.h"
#include "limit/gate_state.h"

/* Added to the gate's seed, so that keys of different kinds are hashed by different functions. */
enum key_kind {
    KEY_BYTES = 1,
    KEY_IPV4,
    KEY_IPV6,
};

static struct slu_gate_key key_of(const struct slu_gate *gate, enum key_kind kind, const void *data,
                                  size_t len)
{
    uint64_t seed = gate->seed + kind * UINT64_C(0x9e3779b97f4a7c15);
    struct hash_wide hash = hash_bytes_wide((struct slu_bytes){data, len}, seed);
    return (struct slu_gate_key){.place = hash.high, .print = hash.low};
}

struct slu_gate_key slu_gate_key_number(const struct slu_gate *gate, uint64_t number)
{
    struct hash_wide hash = hash_number_wide(&gate->number_seed, number);
    return (struct slu_gate_key){.place = hash.high, .print = hash.low};
}

struct slu_gate_key slu_gate_key_bytes(const struct slu_gate *gate, struct slu_bytes bytes)
{
    return key_of(gate, KEY_BYTES, bytes.data, bytes.len);
}

struct slu_gate_key slu_gate_key_ipv4(const struct slu_gate *gate, const void *address)
{
    return key_of(gate, KEY_IPV4, address, 4);
}

struct slu_gate_key slu_gate_key_ipv6(const struct slu_gate *gate, const void *address)
{
    const unsigned char *bytes = address;
    if (address_holds_ipv4(bytes)) {
        return slu_gate_key_ipv4(gate, bytes + 12);
    }
    return key_of(gate, KEY_IPV6, bytes, 8);
}

int slu_gate_key_sockaddr(const struct slu_gate *gate, const void *address, size_t len,
                          struct slu_gate_key *key)
{
    sa_family_t family = AF_UNSPEC;
    if (len < offsetof(struct sockaddr, sa_family) + sizeof(family)) {
        return -EINVAL;
    }
    memcpy(&family, (const char *)address + offsetof(struct sockaddr, sa_family), sizeof(family));
    if (family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        *key =
            slu_gate_key_ipv4(gate, (const char *)address + offsetof(struct sockaddr_in, sin_addr));
        return 0;
    }
    if (family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        *key = slu_gate_key_ipv6(gate,
                                 (const char *)address + offsetof(struct sockaddr_in6, sin6_addr));
        return 0;
    }
    return -EINVAL;
}

int slu_gate_key_text(const struct slu_gate *gate, struct slu_bytes text, struct slu_gate_key *key)
{
    struct address address;
    int err = address_parse(text, &address);
    if (err != 0) {
        return err;
    }
    *key = address.is_ipv6 ? slu_gate_key_ipv6(gate, address.bytes)
                           : slu_gate_key_ipv4(gate, address.bytes);
    return 0;
}
