/* libjansson behind a door of its own: its names are those of our reader's tokens. */
#ifndef TESTS_JSON_PEER_H
#define TESTS_JSON_PEER_H

#include <stddef.h>

/* Of a document, in the order of its text. */
struct json_piece {
    char kind; /* { } [ ], k for a key, s string, n number, t true, f false, 0 null */
    const char *bytes;
    size_t len;
    double number;
};

typedef void (*json_piece_take)(void *context, const struct json_piece *piece);

/*
 * Hand out what a document consists of.
 *
 * Returns  0; -EBADMSG for what is no JSON; -ENOTSUP for what the peer alone does not take: equal
 *          keys, keys with a zero in them, numbers that are too large. Nothing is handed out then.
 */
int json_peer_read(const char *text, size_t len, json_piece_take take, void *context);

#endif
