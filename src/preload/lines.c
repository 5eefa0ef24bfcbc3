#include "preload/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void lines_init(struct lines *lines, lines_read read, void *context, char *bytes)
{
    *lines = (struct lines){.read = read, .context = context, .bytes = bytes};
}

/* More bytes behind those that are there, which move to the front. */
static int refill(struct lines *lines)
{
    size_t kept = lines->end - lines->begin;
    memmove(lines->bytes, lines->bytes + lines->begin, kept);
    lines->begin = 0;
    lines->end = kept;
    if (lines->is_at_end || kept == LINES_BUFFER_BYTES) {
        return 0;
    }
    long got = lines->read(lines->context, lines->bytes + kept, LINES_BUFFER_BYTES - kept);
    if (got < 0) {
        return (int)got;
    }
    lines->is_at_end = got == 0;
    lines->end += (size_t)got;
    return 0;
}

int lines_look(struct lines *lines, struct slu_bytes *line)
{
    for (;;) {
        char *begin = lines->bytes + lines->begin;
        size_t len = lines->end - lines->begin;
        char *newline = len == 0 ? NULL : memchr(begin, '\n', len);
        bool is_full = len == LINES_BUFFER_BYTES;
        if (newline != NULL || is_full || (lines->is_at_end && len > 0)) {
            *line = (struct slu_bytes){begin, newline == NULL ? len : (size_t)(newline - begin)};
            return 1;
        }
        if (lines->is_at_end) {
            return 0;
        }
        int err = refill(lines);
        if (err != 0) {
            return err;
        }
    }
}

void lines_take(struct lines *lines, struct slu_bytes line)
{
    bool has_newline = lines->begin + line.len < lines->end;
    lines->begin += line.len + (has_newline ? 1 : 0);
}

int lines_next(struct lines *lines, struct slu_bytes *line)
{
    int got = lines_look(lines, line);
    if (got > 0) {
        lines_take(lines, *line);
    }
    return got;
}

long lines_read_file(void *file, char *bytes, size_t size)
{
    ssize_t got = 0;
    do {
        got = read(*(const int *)file, bytes, size);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}
