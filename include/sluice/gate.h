/*
 * A gate: a token bucket for each of millions of keys, in a number of bytes fixed at creation.
 *
 * A key has a place for as long as it owes something, and by itself nothing else: when that is
 * depends on the time of its entry alone, so there is no sweep and no timer, and a key that owes
 * nothing gives its place to the next that needs one. A key that owes is never dropped. If all
 * places where a new key may lie are held by others, `policy` decides, and it is counted.
 *
 * Keys are kept as 55 bits of a seeded 128-bit hash, in one of two lines of 4 that the rest of it
 * chooses. Two given keys share a bucket with a probability of 2^-54 divided by the number of lines
 * (5 / 12 of keys_max, at least 256): below 2^-62 from 512 lines on. A new key meets the entry of
 * another with a probability of at most 8 x 2^-55, whatever the number of keys: about one in 10^8
 * attacks with 10 million keys each finds a single pair.
 *
 * Each class has a limit of its own, and a key has a bucket of its own in each class that it is
 * used with.
 *
 * Time is an argument, by any clock that the calls on one gate share: a monotonic one, or clients
 * wait as long as it jumps back. No call is more than a nanosecond early, and no rate drifts.
 *
 * All functions but slu_gate_destroy may be called from any thread. Each line has a lock that is
 * held for a few nanoseconds; nobody waits for anything else.
 */
#ifndef SLUICE_GATE_H
#define SLUICE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>
#include <sluice/bytes.h>
#include <sluice/limit.h>

SLU_BEGIN_DECLS

struct slu_budget;
struct slu_diag;
struct slu_gate;

#define SLU_GATE_KEYS_MAX    (UINT64_C(1) << 32)
#define SLU_GATE_CLASSES_MAX 128

/* What happens to a new key when all its places are held. */
enum slu_gate_policy {
    SLU_GATE_DENY,  /* refused */
    SLU_GATE_ALLOW, /* allowed without an account */
    SLU_GATE_SHARE, /* all such keys of a class share one bucket */
};

struct slu_gate_class {
    struct slu_limit limit;
    struct slu_limit shared; /* SLU_GATE_SHARE: of the shared bucket; all 0: as `limit` */

    /*
     * How long a key that has come back at least once keeps its place after it owes nothing, so
     * that a flood of new keys does not displace regular ones between two of their events. At most
     * SLU_LIMIT_PERIOD_NS_MAX; 0: not at all.
     */
    uint64_t keep_ns;
};

struct slu_gate_options {
    /*
     * Keys that hold a place at the same time, 1 .. SLU_GATE_KEYS_MAX. There is one and two thirds
     * as much room, because each key has few places: below keys_max, one new key in a million or
     * fewer finds none; above it, more and more do.
     */
    uint64_t keys_max;
    const struct slu_gate_class *classes; /* copied; named by their index */
    uint32_t class_count;                 /* 1 .. SLU_GATE_CLASSES_MAX */
    enum slu_gate_policy policy;
};

/*
 * Make a gate that knows no key.
 *
 * diag     NULL, or filled when the options are refused
 * Returns  0; -EINVAL for an option out of its range; -EDQUOT if the budget does not hold it;
 *          -ENOMEM; the error of slu_random_seed
 * Owner    the caller, until slu_gate_destroy; the budget must outlive it
 * Cost     one allocation: 16 KiB for each begun 614 of keys_max (26.7 bytes a key), 128 bytes a
 *          class and 1.1 KiB. It becomes resident as keys come, in huge pages where there are.
 */
SLU_API SLU_MUST_USE int slu_gate_create(struct slu_budget *budget,
                                         const struct slu_gate_options *options,
                                         struct slu_diag *diag, struct slu_gate **out);

/* Destroy a gate that nobody uses any more; NULL is accepted, and `*gate` becomes NULL. */
SLU_API void slu_gate_destroy(struct slu_gate **gate);

/*
 * A key, hashed with the seed of its gate and good for that one alone. Whoever serves a connection
 * makes it once and keeps it there. The members are the gate's.
 */
struct slu_gate_key {
    uint64_t place;
    uint64_t print;
};

/* Keys of different makings never mean the same; IPv4 is the same in all its forms. */

SLU_API struct slu_gate_key slu_gate_key_number(const struct slu_gate *gate, uint64_t number);

/* A user's name, a token, a path: any bytes. */
SLU_API struct slu_gate_key slu_gate_key_bytes(const struct slu_gate *gate, struct slu_bytes bytes);

/* An address as in struct in_addr: 4 bytes, the first part first. */
SLU_API struct slu_gate_key slu_gate_key_ipv4(const struct slu_gate *gate, const void *address);

/*
 * An address as in struct in6_addr: 16 bytes. The first 64 bits are the key, because a host
 * chooses the rest as it likes; an IPv4 address within (::ffff:0:0/96, 64:ff9b::/96) is one.
 */
SLU_API struct slu_gate_key slu_gate_key_ipv6(const struct slu_gate *gate, const void *address);

/*
 * The address of a struct sockaddr, as accept(2) gives it; the port does not matter.
 *
 * Returns  0; -EINVAL for another family than AF_INET and AF_INET6, or one cut short
 */
SLU_API SLU_MUST_USE int slu_gate_key_sockaddr(const struct slu_gate *gate, const void *address,
                                               size_t len, struct slu_gate_key *key);

/*
 * An address as text, from a header or a file: 192.0.2.7, 192.0.2.7:8080, 2001:db8::7,
 * [2001:db8::7], [2001:db8::7]:443. No spaces, names or zones.
 *
 * Returns  0; -EINVAL for anything else: then it is no address, and whoever limits by it may take
 *          slu_gate_key_bytes
 */
SLU_API SLU_MUST_USE int slu_gate_key_text(const struct slu_gate *gate, struct slu_bytes text,
                                           struct slu_gate_key *key);

/*
 * Take one event of a key, if its class allows it at `now_ns`.
 *
 * class_id  below class_count
 * Cost      one cache line for a key that has a place where it is looked for first (nine in ten),
 *           two for others, at most ten where a new one has to be fitted in; allocates nothing
 */
SLU_API SLU_MUST_USE bool slu_gate_allow(struct slu_gate *gate, uint32_t class_id,
                                         struct slu_gate_key key, uint64_t now_ns);

/*
 * The same for `events` at once, all or none, and how the key stands afterwards.
 *
 * state  NULL, or filled: for the texts of <sluice/limit.h>
 */
SLU_API SLU_MUST_USE bool slu_gate_allow_n(struct slu_gate *gate, uint32_t class_id,
                                           struct slu_gate_key key, uint64_t now_ns,
                                           uint64_t events, struct slu_limit_state *state);

/*
 * slu_gate_allow for many keys in turn, with the same result: where memory is far away, their lines
 * are fetched together.
 *
 * allowed  one for each key
 * Returns  how many were allowed
 */
SLU_API size_t slu_gate_allow_many(struct slu_gate *gate, uint32_t class_id,
                                   const struct slu_gate_key *keys, size_t count, uint64_t now_ns,
                                   bool *allowed);

/*
 * Begin to fetch what slu_gate_allow will need of a key, and return at once: worth while some 100
 * ns before, say as a request begins to be read, when the gate is larger than the caches.
 */
SLU_API void slu_gate_prefetch(const struct slu_gate *gate, uint32_t class_id,
                               struct slu_gate_key key);

struct slu_gate_stats {
    uint64_t keys_max;
    uint64_t place_count;
    uint64_t full_count;         /* events of new keys that found no place */
    uint64_t full_refused_count; /* of those, refused by the policy */
    uint64_t moved_count;        /* keys that went to their other line to make room */
};

/* Copy the counters. Each is exact; together they are a moment's picture only in a quiet gate. */
SLU_API void slu_gate_stats(const struct slu_gate *gate, struct slu_gate_stats *out);

SLU_END_DECLS

#endif
