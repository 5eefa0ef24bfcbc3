#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_bytes(struct slu_bytes bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.len, seed);
}

struct hash_wide hash_bytes_wide(struct slu_bytes bytes, uint64_t seed)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data, bytes.len, seed);
    return (struct hash_wide){.low = hash.low64, .high = hash.high64};
}

struct hash_number_seed hash_number_seed(uint64_t seed)
{
    const uint64_t which[2] = {0, 1};
    struct hash_wide first = hash_bytes_wide((struct slu_bytes){&which[0], 8}, seed);
    struct hash_wide second = hash_bytes_wide((struct slu_bytes){&which[1], 8}, seed);
    return (struct hash_number_seed){.mask = {first.low, second.low},
                                     .factor = {first.high | 1, second.high | 1}};
}
