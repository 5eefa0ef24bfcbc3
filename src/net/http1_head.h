/*
 * The head of an HTTP/1 request or response, read strictly: whatever two servers in a row could
 * understand differently is refused.
 *
 * Refused: line ends other than CRLF, folded lines, spaces before the colon, control characters, a
 * length twice or beside a transfer coding, codings other than chunked, more or less than one Host.
 *
 * Source  RFC 9112, RFC 9110
 */
#ifndef NET_HTTP1_HEAD_H
#define NET_HTTP1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/bytes.h>

#define HEAD_FIELDS_MAX 100
#define HEAD_BYTES_MAX  ((size_t)16 * 1024 - 256)

/* Offsets from the head's first byte, so that 100 of them take 800 bytes. */
struct head_field {
    uint16_t name_at; /* in lower case */
    uint16_t name_len;
    uint16_t value_at;
    uint16_t value_len;
};

struct head_fields {
    unsigned char *base;
    uint32_t count;
    struct head_field list[HEAD_FIELDS_MAX];
};

enum {
    HEAD_CONTENT_LENGTH = 1, /* content_length was said */
    HEAD_CHUNKED = 2,
    HEAD_CLOSE = 4,      /* Connection: close */
    HEAD_KEEP_ALIVE = 8, /* Connection: keep-alive */
    HEAD_EXPECT = 16,    /* Expect: 100-continue */
    HEAD_UPGRADE = 32,   /* Connection: upgrade, and Upgrade: websocket */
};

struct http1_head {
    struct slu_bytes method; /* of a request */
    struct slu_bytes target;
    unsigned status; /* of a response; of a request that is refused, what to answer */
    unsigned minor;  /* of the version, HTTP/1.minor */
    unsigned flags;
    uint64_t content_length;
};

/*
 * Look for the end of a head.
 *
 * scanned  how far it was looked for, 0 at first; kept by the caller between calls
 * len      of the head, its empty line included
 * Returns  0; -EAGAIN if it has not come; -EBADMSG at a line end without CR
 */
int http1_head_end(const unsigned char *bytes, size_t available, size_t *scanned, size_t *len);

/*
 * Read a whole head. Names of fields are turned into lower case in place.
 *
 * Returns  0; -EBADMSG with head->status: 400, 414, 417, 431, 501 or 505
 * Cost     linear; allocates nothing
 */
int http1_request_read(unsigned char *bytes, size_t len, struct http1_head *head,
                       struct head_fields *fields);

/* The same for a response; -EBADMSG. A missing Host is fine there. */
int http1_response_read(unsigned char *bytes, size_t len, struct http1_head *head,
                        struct head_fields *fields);

/* A field's value by its name, the first of several; false: none. */
bool head_field_find(const struct head_fields *fields, const char *name, struct slu_bytes *value);

/* Whether a comma-separated list has `token`, in any case. */
bool head_list_has(struct slu_bytes list, const char *token);

/* Equal, ASCII letters in any case. */
bool head_text_is(struct slu_bytes bytes, const char *text);

bool head_is_token(struct slu_bytes bytes);

/* Printable, with blanks, tabs and bytes from 0x80 on: what a field's value may be. */
bool head_is_value(struct slu_bytes bytes);

#endif
