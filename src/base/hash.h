/* The hash of everything that is keyed by bytes. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include <sluice/bytes.h>

/*
 * 64 well-mixed bits of `bytes`, another function for each seed.
 *
 * With a seed that an attacker does not know, keys that collide cannot be chosen by trying; XXH3 is
 * no cryptographic function all the same, so tables bound their probes besides.
 *
 * Source  XXH3_64bits, xxHash 0.8 (xxhash.com)
 */
uint64_t hash_bytes(struct slu_bytes bytes, uint64_t seed);

struct hash_wide {
    uint64_t low;
    uint64_t high;
};

/*
 * The same with 128 bits, for structures that keep the hash in place of the key.
 *
 * Source  XXH3_128bits
 */
struct hash_wide hash_bytes_wide(struct slu_bytes bytes, uint64_t seed);

/* What hash_number_wide needs of a seed: four numbers that follow from it. */
struct hash_number_seed {
    uint64_t mask[2];
    uint64_t factor[2]; /* odd */
};

struct hash_number_seed hash_number_seed(uint64_t seed);

/*
 * The same for a number, in the time of one multiplication: for look-ups that take little longer
 * themselves. Both factors of each product are unknown outside, and both halves of it count.
 *
 * Source  the mixing step of Wang Yi's wyhash, github.com/wangyi-fudan/wyhash
 */
static inline struct hash_wide hash_number_wide(const struct hash_number_seed *seed,
                                                uint64_t number)
{
    __extension__ typedef unsigned __int128 wide;
    wide low = (wide)(number ^ seed->mask[0]) * seed->factor[0];
    wide high = (wide)(number ^ seed->mask[1]) * seed->factor[1];
    return (struct hash_wide){.low = (uint64_t)low ^ (uint64_t)(low >> 64),
                              .high = (uint64_t)high ^ (uint64_t)(high >> 64)};
}

#endif
