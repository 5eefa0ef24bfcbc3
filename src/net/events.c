/* Server-sent events. */
#include "net/net.h"

#include <errno.h>

#include "base/sink.h"

#define EVENT_BYTES_MAX ((size_t)16 * 1024)

int net_events_begin(struct net_request *request)
{
    int err = net_response_header(request, "cache-control", net_text("no-store"));
    return err != 0 ? err : net_response_begin(request, 200, "text/event-stream");
}

/* The next line, whatever ends it. */
static struct slu_bytes line_next(struct slu_bytes *text)
{
    const char *begin = text->data;
    size_t len = 0;
    while (len < text->len && begin[len] != '\n' && begin[len] != '\r') {
        len++;
    }
    size_t used = len;
    if (used < text->len) {
        used += begin[used] == '\r' && used + 1 < text->len && begin[used + 1] == '\n' ? 2 : 1;
    }
    *text = (struct slu_bytes){begin + used, text->len - used};
    return (struct slu_bytes){begin, len};
}

int net_event_write(struct net_request *request, const char *event, struct slu_bytes data)
{
    char text[EVENT_BYTES_MAX];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    if (event != NULL) {
        sink_text(&sink, "event: ");
        sink_text(&sink, event);
        sink_char(&sink, '\n');
    }
    do {
        struct slu_bytes line = line_next(&data);
        sink_text(&sink, "data: ");
        sink_put(&sink, line.data, line.len);
        sink_char(&sink, '\n');
    } while (data.len > 0);
    sink_char(&sink, '\n');
    size_t len = sink.len;
    if (sink_end(&sink) != 0) {
        return -EMSGSIZE;
    }
    return net_response_write(request, (struct slu_bytes){text, len});
}
