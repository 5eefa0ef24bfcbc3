#include "base/sink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

void sink_init(struct sink *sink, sink_write write, void *context, char *bytes, size_t size_bytes)
{
    SLU_ASSERT(write != NULL && size_bytes > 0);
    *sink =
        (struct sink){.write = write, .context = context, .bytes = bytes, .size_bytes = size_bytes};
}

void sink_init_fixed(struct sink *sink, char *bytes, size_t size_bytes)
{
    SLU_ASSERT(size_bytes > 0);
    *sink = (struct sink){.bytes = bytes, .size_bytes = size_bytes - 1};
    bytes[0] = '\0';
}

static void sink_gather(struct sink *sink, const char *bytes, size_t len)
{
    if (len > 0) {
        memcpy(sink->bytes + sink->len, bytes, len);
        sink->len += len;
    }
}

static void sink_put_fixed(struct sink *sink, const char *bytes, size_t len)
{
    size_t room = sink->size_bytes - sink->len;
    if (len > room) {
        sink->err = -ENOBUFS;
        len = room;
        while (len > 0 && ((unsigned char)bytes[len] & 0xc0) == 0x80) {
            len--; /* not within a character */
        }
    }
    sink_gather(sink, bytes, len);
    sink->bytes[sink->len] = '\0';
}

void sink_flush(struct sink *sink)
{
    if (sink->write != NULL) {
        if (sink->err == 0 && sink->len > 0) {
            sink->err = sink->write(sink->context, sink->bytes, sink->len);
        }
        sink->len = 0;
    }
}

int sink_end(struct sink *sink)
{
    sink_flush(sink);
    return sink->err;
}

void sink_put(struct sink *sink, const char *bytes, size_t len)
{
    if (sink->err != 0) {
        return;
    }
    if (sink->write == NULL) {
        sink_put_fixed(sink, bytes, len);
        return;
    }
    if (len > sink->size_bytes - sink->len) {
        sink_flush(sink);
    }
    if (len > sink->size_bytes) {
        sink->err = sink->err != 0 ? sink->err : sink->write(sink->context, bytes, len);
        return;
    }
    sink_gather(sink, bytes, len);
}

void sink_text(struct sink *sink, const char *text)
{
    sink_put(sink, text, strlen(text));
}

void sink_char(struct sink *sink, char character)
{
    sink_put(sink, &character, 1);
}

void sink_repeat(struct sink *sink, char character, size_t count)
{
    char run[64];
    memset(run, character, sizeof(run));
    while (count > 0) {
        size_t len = count < sizeof(run) ? count : sizeof(run);
        sink_put(sink, run, len);
        count -= len;
    }
}

void sink_format(struct sink *sink, const char *format, ...)
{
    char text[SINK_FORMAT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof(text)) {
        sink->err = sink->err != 0 ? sink->err : -EOVERFLOW;
        return;
    }
    sink_put(sink, text, (size_t)len);
}
