/*
 * Property: whatever the bytes, a head's end is the same however they come, what is read lies
 * within them, and a head that is accepted is accepted again when it is written anew.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/http1_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct read {
    struct http1_head head;
    struct head_fields fields;
};

static void check_within(struct slu_bytes view, const unsigned char *begin, size_t len)
{
    const unsigned char *at = view.data;
    SLU_ASSERT(view.len == 1 || (at >= begin && at + view.len <= begin + len));
}

static size_t put(unsigned char *out, size_t at, const void *bytes, size_t len)
{
    memcpy(out + at, bytes, len);
    return at + len;
}

/* The same request in its plainest form. */
static size_t written_anew(const struct read *read, unsigned char *out)
{
    char version[] = " HTTP/1.0\r\n";
    version[8] = (char)('0' + read->head.minor);
    size_t at = put(out, 0, read->head.method.data, read->head.method.len);
    at = put(out, at, " ", 1);
    at = put(out, at, read->head.target.data, read->head.target.len);
    at = put(out, at, version, sizeof(version) - 1);
    for (uint32_t i = 0; i < read->fields.count; i++) {
        const struct head_field *field = &read->fields.list[i];
        at = put(out, at, read->fields.base + field->name_at, field->name_len);
        at = put(out, at, ":", 1);
        at = put(out, at, read->fields.base + field->value_at, field->value_len);
        at = put(out, at, "\r\n", 2);
    }
    return put(out, at, "\r\n", 2);
}

static void check_accepted(const struct read *first, size_t len)
{
    static unsigned char again[2 * HEAD_BYTES_MAX];
    static struct read second;
    check_within(first->head.target, first->fields.base, len);
    check_within(first->head.method, first->fields.base, len);
    size_t again_len = written_anew(first, again);
    SLU_ASSERT(again_len <= len + 2);
    SLU_ASSERT(http1_request_read(again, again_len, &second.head, &second.fields) == 0);
    SLU_ASSERT(second.head.flags == first->head.flags);
    SLU_ASSERT(second.head.content_length == first->head.content_length);
    SLU_ASSERT(second.fields.count == first->fields.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct read read;
    size_t scanned = 0;
    size_t head_len = 0;
    len = len > HEAD_BYTES_MAX ? HEAD_BYTES_MAX : len;
    int err = http1_head_end(bytes, len, &scanned, &head_len);
    size_t slow_scanned = 0;
    size_t slow_len = 0;
    int slow_err = -EAGAIN;
    for (size_t i = 1; i <= len && slow_err == -EAGAIN; i++) {
        slow_err = http1_head_end(bytes, i, &slow_scanned, &slow_len);
    }
    SLU_ASSERT(slow_err == err && (err != 0 || slow_len == head_len));
    if (err != 0 || head_len <= 2) {
        return 0;
    }
    unsigned char *copy = malloc(head_len); /* so that reading beyond is noticed */
    SLU_ASSERT(copy != NULL);
    memcpy(copy, bytes, head_len);
    if (http1_request_read(copy, head_len, &read.head, &read.fields) == 0) {
        check_accepted(&read, head_len);
    }
    memcpy(copy, bytes, head_len);
    (void)http1_response_read(copy, head_len, &read.head, &read.fields); /* must not read beyond */
    free(copy);
    return 0;
}
