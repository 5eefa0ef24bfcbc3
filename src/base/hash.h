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

#endif
