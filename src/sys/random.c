#include <sluice/random.h>

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

int slu_random_seed(uint64_t *seed)
{
    uint64_t drawn = 0;
    ssize_t len = 0;
    do {
        len = getrandom(&drawn, sizeof(drawn), 0);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return -errno;
    }
    /* Up to 256 bytes come whole or not at all: getrandom(2). */
    if (len != (ssize_t)sizeof(drawn)) {
        return -EIO;
    }
    *seed = drawn;
    return 0;
}
