/*
 * Properties: whatever is packed is given back; whatever is unpacked touches nothing but what it
 * may, and ends.
 *
 * The first byte chooses: even, the rest is packed and unpacked; odd, it is unpacked as it is, to
 * as many bytes as the second and third say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/rans.h"

static void round_trip(const uint8_t *data, size_t size)
{
    size_t most = rans_packed_max(size);
    size_t len = 0;
    unsigned char *packed = malloc(most);
    unsigned char *back = malloc(size);
    SLU_ASSERT(packed != NULL && back != NULL);
    SLU_ASSERT(rans_pack((struct slu_bytes){data, size}, packed, most, &len) == 0 && len <= most);
    SLU_ASSERT(rans_unpack((struct slu_bytes){packed, len}, back, size) == 0);
    SLU_ASSERT(memcmp(back, data, size) == 0);
    free(packed);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        round_trip(data + 1, size - 1);
        return 0;
    }
    size_t len = (size_t)data[1] | (size_t)data[2] << 8;
    unsigned char *back = malloc(len + 1);
    SLU_ASSERT(back != NULL);
    if (rans_unpack((struct slu_bytes){data + 3, size - 3}, back, len) == 0) {
        round_trip(back, len > 0 ? len : 1);
    }
    free(back);
    return 0;
}
