/* healthy: lines are gathered and sent when there are 3,000 of them, or a second has passed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

#define LINES_MAX  3000
#define LINE_BYTES 300
#define FLUSH_NS   UINT64_C(1000000000)

struct batch {
    char *lines[LINES_MAX];
    uint32_t count;
    uint64_t flush_due_ns;
    uint64_t flushes;
};

static int create(const struct lab_settings *settings, void **state)
{
    (void)settings;
    *state = calloc(1, sizeof(struct batch));
    return *state == NULL ? -ENOMEM : 0;
}

static void flush(struct batch *batch, uint64_t now_ns)
{
    while (batch->count > 0) {
        free(batch->lines[--batch->count]);
    }
    batch->flush_due_ns = now_ns + FLUSH_NS;
    batch->flushes++;
}

static unsigned serve(void *state, const struct lab_request *request)
{
    struct batch *batch = state;
    if (batch->count == LINES_MAX || request->now_ns >= batch->flush_due_ns) {
        flush(batch, request->now_ns);
    }
    char *line = malloc(LINE_BYTES);
    if (line == NULL) {
        return 503;
    }
    memset(line, 'l', LINE_BYTES);
    batch->lines[batch->count++] = line;
    return 200;
}

static size_t figures(void *state, struct lab_figure *figures)
{
    figures[0] = (struct lab_figure){"flushes", (double)((const struct batch *)state)->flushes};
    return 1;
}

static void destroy(void *state)
{
    flush(state, 0);
    free(state);
}

const struct lab_case lab_case = {
    .create = create, .serve = serve, .figures = figures, .destroy = destroy};
