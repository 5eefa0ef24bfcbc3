/*
 * Property: whatever the bytes, what is read of a request lies within them; a request that was read
 * once is read the same when more has come, and none is read before its last byte.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "preload/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_view(struct slu_bytes view, const uint8_t *bytes, size_t len)
{
    const uint8_t *begin = view.data;
    SLU_ASSERT(view.len == 0 || (begin >= bytes && begin + view.len <= bytes + len));
}

static void check_request(const struct http_request *request, const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    check_view(request->path, bytes, len);
    check_view(request->query, bytes, len);
    SLU_ASSERT(request->path.len > 0 && *(const char *)request->path.data == '/');
    int err = http_request_number(request, "seconds", &value);
    SLU_ASSERT(err == 0 || err == -ENOENT || err == -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int first = -EAGAIN;
    for (size_t part = 0; part <= len && part <= 2 * HTTP_REQUEST_BYTES_MAX; part++) {
        uint8_t *copy = malloc(part); /* a byte too far is seen */
        if (copy == NULL) {
            break;
        }
        memcpy(copy, bytes, part);
        struct http_request request;
        int err = http_request_read((struct slu_bytes){copy, part}, &request);
        if (err == 0) {
            check_request(&request, copy, part);
        }
        SLU_ASSERT(err == 0 || err == -EAGAIN || err == -EBADMSG || err == -ENOBUFS ||
                   err == -EFBIG || err == -ENOTSUP);
        SLU_ASSERT(first == -EAGAIN || err == first);
        first = err;
        free(copy);
    }
    return 0;
}
