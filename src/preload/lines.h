/* Text of the kernel's, line by line, in a buffer of the caller's. */
#ifndef PRELOAD_LINES_H
#define PRELOAD_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include <sluice/bytes.h>

#define LINES_BUFFER_BYTES ((size_t)32 << 10) /* longer lines come in pieces of that */

/* Read up to `size` bytes: how many, 0 at the end, or a negative errno. */
typedef long (*lines_read)(void *context, char *bytes, size_t size);

/* Members are private. */
struct lines {
    lines_read read;
    void *context;
    char *bytes;
    size_t begin; /* of what has not been taken */
    size_t end;
    bool is_at_end;
};

/* `bytes` is LINES_BUFFER_BYTES of room. */
void lines_init(struct lines *lines, lines_read read, void *context, char *bytes);

/*
 * Look at the next line, without its newline; it is taken by lines_take.
 *
 * Returns  1; 0 at the end; a negative errno of reading
 */
int lines_look(struct lines *lines, struct slu_bytes *line);

/* Take the line that was looked at. */
void lines_take(struct lines *lines, struct slu_bytes line);

/* Look and take: the line is valid until the next call. Returns as lines_look. */
int lines_next(struct lines *lines, struct slu_bytes *line);

/* A lines_read whose context is an int, the descriptor of a file. */
long lines_read_file(void *file, char *bytes, size_t size);

#endif
