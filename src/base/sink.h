/*
 * Text on its way out: gathered in a buffer, then handed to a callback, or kept in the buffer when
 * that is its destination. The first error stays, later text is dropped, and sink_end reports it,
 * so that writers need not check each step.
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include <stddef.h>

#include <sluice/api.h>

/* Take `len` bytes, all or not: 0 or a negative errno value. */
typedef int (*sink_write)(void *context, const char *bytes, size_t len);

/* Meant for the stack; members are private but for `err`, which may be read. */
struct sink {
    sink_write write; /* NULL: the buffer is the destination */
    void *context;
    char *bytes;
    size_t size_bytes;
    size_t len;
    int err;
};

#define SINK_FORMAT_MAX 512

/* `bytes` is staging room (a page is plenty); `write` sees larger pieces undivided. */
void sink_init(struct sink *sink, sink_write write, void *context, char *bytes, size_t size_bytes);

/*
 * Keep the text in `bytes`, always with a final zero. Text is cut after the last UTF-8
 * character that fits, and the error is -ENOBUFS.
 *
 * size_bytes  above 0
 */
void sink_init_fixed(struct sink *sink, char *bytes, size_t size_bytes);

void sink_put(struct sink *sink, const char *bytes, size_t len);

/* The same for a string with a final zero, for one character, and for one many times. */
void sink_text(struct sink *sink, const char *text);
void sink_char(struct sink *sink, char character);
void sink_repeat(struct sink *sink, char character, size_t count);

/* As printf, for short pieces: from SINK_FORMAT_MAX bytes on, the error is -EOVERFLOW. */
void sink_format(struct sink *sink, const char *format, ...) SLU_PRINTF(2, 3);

/* Hand on what is gathered, now. */
void sink_flush(struct sink *sink);

/* Hand on the rest. Returns the first error since sink_init, or 0. */
SLU_MUST_USE int sink_end(struct sink *sink);

#endif
