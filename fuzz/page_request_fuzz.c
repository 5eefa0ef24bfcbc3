/*
 * Property: whatever comes, a request is refused, waited for, or read into views of what came; its
 * parameters decode within their room, and to the same text however much of the rest has come.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "cli/page_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(struct slu_bytes view, const uint8_t *data, size_t size)
{
    const uint8_t *begin = view.data;
    SLU_ASSERT(view.len == 0 || (begin >= data && begin + view.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page_request request;
    char value[16];
    int err = page_request_read((struct slu_bytes){data, size}, &request);
    if (err != 0) {
        SLU_ASSERT(err == -EBADMSG || (err == -EAGAIN && size < PAGE_REQUEST_BYTES_MAX) ||
                   (err == -ENOBUFS && size >= PAGE_REQUEST_BYTES_MAX));
        return 0;
    }
    check_view(request.path, data, size);
    check_view(request.query, data, size);
    check_view(request.host, data, size);
    check_view(request.if_none_match, data, size);
    (void)page_request_is_local(&request); /* that it ends is the point */
    memset(value, 'x', sizeof(value));
    err = page_request_value(&request, "at", value, sizeof(value));
    SLU_ASSERT(err == 0 ? strlen(value) < sizeof(value)
                        : err == -ENOENT || err == -ENOBUFS || err == -EBADMSG);
    return 0;
}
