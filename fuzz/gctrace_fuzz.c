/*
 * Property: whatever a log holds, each of its lines is read without reading outside it, and what is
 * taken for a line of the collector has sizes and times that are numbers, none below zero but for
 * what is unknown.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "diagnose/gctrace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_value(double value)
{
    SLU_ASSERT(isfinite(value) && (value >= 0 || value == GCTRACE_UNKNOWN));
}

static void check_line(struct slu_bytes line)
{
    struct gctrace_item item;
    enum gctrace_kind kind = gctrace_read(line, &item);
    if (kind == GCTRACE_CYCLE) {
        check_value(item.cycle.seconds);
        check_value(item.cycle.pause_ms);
        check_value(item.cycle.live_bytes);
        check_value(item.cycle.goal_bytes);
        check_value(item.cycle.stack_bytes);
    } else if (kind == GCTRACE_RELEASE) {
        check_value(item.release.work_bytes);
        check_value(item.release.returned_bytes);
        check_value(item.release.inuse_bytes);
        check_value(item.release.idle_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const uint8_t *newline = memchr(bytes, '\n', len);
        size_t line_len = newline == NULL ? len : (size_t)(newline - bytes);
        check_line((struct slu_bytes){bytes, line_len});
        line_len += newline == NULL ? 0 : 1;
        bytes += line_len;
        len -= line_len;
    }
    return 0;
}
